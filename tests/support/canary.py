# SPDX-License-Identifier: Apache-2.0
"""Listeners outside that nothing inside a sandbox may ever reach.

Whoever is reached says TOKEN and notes the fact in `hits`. Both sides judge:
the script inside looks for TOKEN in answers, the driver outside at `hits`.
"""
import os
import socket
import threading

TOKEN = b"CANARY-b7c1e2"


HITS_MAX = 1000


class Canaries:
    def __init__(self):
        self.hits = []  # the first HITS_MAX
        self.sockets = []
        self.closing = False

    def _hit(self, where, what):
        if len(self.hits) < HITS_MAX:
            self.hits.append((where, what))

    def _serve(self, where, sock, stream):
        def loop():
            while True:
                try:
                    if stream:
                        conn, _ = sock.accept()
                        self._hit(where, "connection")
                        with conn:
                            conn.sendall(TOKEN + b"\n")
                            conn.settimeout(0.5)
                            try:
                                self._hit(where, conn.recv(200))
                            except OSError:
                                pass
                    else:
                        data, peer = sock.recvfrom(4096)
                        if self.closing:
                            return
                        self._hit(where, data[:200])
                        if peer:
                            sock.sendto(TOKEN, peer)
                except OSError:
                    if sock.fileno() < 0:
                        return
        self.sockets.append(sock)
        threading.Thread(target=loop, daemon=True).start()

    def tcp(self, address, port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        s = socket.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(64)
        port = s.getsockname()[1]
        self._serve(f"tcp {address}:{port}", s, True)
        return port

    def udp(self, address, port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind((address, port))
        port = s.getsockname()[1]
        self._serve(f"udp {address}:{port}", s, False)
        return port

    def unix(self, path):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if not path.startswith("\0"):
            if os.path.exists(path):
                os.unlink(path)
        s.bind(path)
        if not path.startswith("\0"):
            os.chmod(path, 0o777)
        s.listen(16)
        self._serve("unix " + path.replace("\0", "@"), s, True)
        return path

    def close(self):
        self.closing = True
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
