# SPDX-License-Identifier: Apache-2.0
"""A keeper that knows only what a launcher needs (doc/PROTOCOL.ipc).

Takes the listeners of sandboxes and tells every client which destination it
asked for: one line "TCP address port". A datagram is answered with "UDP
address" from the address that was asked.
"""
import array
import os
import socket
import struct
import subprocess
import sys
import threading
import time

(HELLO, RUN, RUN_OK, FAIL, LISTENERS, POLICY, POLICY_OK, ENDED, KILL,
 NOTICE) = range(10)
ROLE_KEEPER = 1
CAPTURE = ["tproxy", "redirect", "ports"]
SOL_IPV6, IPV6_PKTINFO, SO_ORIGINAL_DST = 41, 50, 80


def put_str(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">H", len(data)) + data


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        assert n <= len(self.data), "message too short"
        head, self.data = self.data[:n], self.data[n:]
        return head

    def num(self, fmt):
        return struct.unpack(">" + fmt, self.take(struct.calcsize(fmt)))[0]

    def str(self):
        return self.take(self.num("H")).decode()

    def end(self):
        assert not self.data, "bytes behind the last field"


def make_ca(folder):
    key, pem = os.path.join(folder, "ca.key"), os.path.join(folder, "ca.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", pem,
         "-days", "30", "-subj", "/CN=sallyport stand-in"],
        check=True, capture_output=True)
    with open(pem) as f:
        return f.read()


def subject_hash(pem):
    text = subprocess.run(["openssl", "x509", "-noout", "-hash"], input=pem,
                          check=True, capture_output=True, text=True).stdout
    return int(text, 16)


def destination(conn, how):
    if how == "redirect":
        for level, size in ((socket.SOL_IP, 16), (SOL_IPV6, 28)):
            try:
                raw = conn.getsockopt(level, SO_ORIGINAL_DST, size)
            except OSError:
                continue
            if level == socket.SOL_IP:
                return (socket.inet_ntoa(raw[4:8]),
                        struct.unpack(">H", raw[2:4])[0])
            return (socket.inet_ntop(socket.AF_INET6, raw[8:24]),
                    struct.unpack(">H", raw[2:4])[0])
    name = conn.getsockname()
    return name[0].removeprefix("::ffff:"), name[1]


class Keeper:
    """Serves until close(); what it saw is in its attributes."""

    def __init__(self, path, pem, ports=(80, 443, 53, 22, 8443)):
        self.path, self.pem, self.ports = path, pem, list(ports)
        self.ca_hash = subject_hash(pem)
        self.refuse = None       # text: answer RUN with FAIL
        self.refuse_policy = None
        self.leave = None        # seconds: then RUN_OK, and nothing more
        self.runs, self.captures, self.ended, self.policies = [], [], [], []
        self.launchers, self.errors = [], []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(path)
        self.sock.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        for s in [self.sock, *self.launchers]:
            self.hang_up(s)

    def accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,),
                             daemon=True).start()

    @staticmethod
    def recv(conn):
        data, control, flags, _ = conn.recvmsg(
            16384, socket.CMSG_SPACE(32 * 4), socket.MSG_CMSG_CLOEXEC)
        fds = array.array("i")
        for level, kind, raw in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(raw[:len(raw) - len(raw) % 4])
        assert not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
        if not data:
            return None, None, []
        assert data[1] == len(fds)
        return data[0], data[2:], list(fds)

    @staticmethod
    def send(conn, kind, body=b""):
        conn.send(bytes([kind, 0]) + body)

    def serve(self, conn):
        sandbox = {"conn": conn}
        try:
            while True:
                kind, body, fds = self.recv(conn)
                if kind is None:
                    return
                self.on_message(sandbox, kind, Reader(body), fds)
        except OSError as e:
            self.errors.append(e)
        finally:
            for s in sandbox.get("sockets", []):
                self.hang_up(s)
            if "pidfd" in sandbox:
                os.close(sandbox["pidfd"])
            conn.close()

    @staticmethod
    def hang_up(s):
        """Also wakes the thread that waits in it, which would keep it."""
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()

    def on_message(self, sandbox, kind, r, fds):
        conn = sandbox["conn"]
        if kind == HELLO:
            assert r.num("I") == 1
            self.send(conn, HELLO, struct.pack(">IB", 1, ROLE_KEEPER))
        elif kind == RUN:
            self.runs.append({"name": r.str(), "command": r.str(),
                              "tier": r.str(), "workdir": r.str(),
                              "policy": self.source(fds[0])})
            r.end()
            self.launchers.append(conn)
            if self.refuse:
                self.send(conn, FAIL, put_str(self.refuse))
                return
            if self.leave is not None:
                time.sleep(self.leave)
            self.send(conn, RUN_OK, put_str("sb-test") + put_str("calm-fox")
                      + put_str(self.pem) + struct.pack(
                          f">IH{len(self.ports)}H", self.ca_hash,
                          len(self.ports), *self.ports))
            if self.leave is not None:
                self.hang_up(conn)
        elif kind == LISTENERS:
            how, pid = CAPTURE[r.num("B")], r.num("I")
            r.end()
            self.captures.append((how, pid))
            sandbox["pidfd"] = fds[0]
            sandbox["sockets"] = [socket.socket(fileno=f) for f in fds[1:]]
            self.start(sandbox["sockets"], how)
        elif kind == POLICY:
            r.str()
            r.end()
            self.policies.append(self.source(fds[0]))
            if self.refuse_policy:
                self.send(conn, FAIL, put_str(self.refuse_policy))
            else:
                self.send(conn, POLICY_OK, struct.pack(">I", 2)
                          + put_str("00" * 32))
        elif kind == ENDED:
            self.ended.append(r.num("I"))
            r.end()
        else:
            raise AssertionError(f"unexpected message {kind}")

    @staticmethod
    def source(fd):
        with os.fdopen(fd, "rb") as f:
            f.seek(0)
            r = Reader(f.read())
        text = r.take(r.num("I")).decode()
        name = r.str()
        allow = [r.str() for _ in range(r.num("H"))]
        deny = [r.str() for _ in range(r.num("H"))]
        r.end()
        return {"text": text, "file": name, "allow": allow, "deny": deny}

    def start(self, sockets, how):
        diag, udp, *tcp = sockets
        assert diag.family == socket.AF_NETLINK and diag.proto == 4
        assert udp.type == socket.SOCK_DGRAM
        for s in tcp:
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            threading.Thread(target=self.tcp, args=(s, how),
                             daemon=True).start()
        threading.Thread(target=self.udp, args=(udp,), daemon=True).start()

    def tcp(self, listener, how):
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            host, port = destination(conn, how)
            try:
                conn.sendall(f"TCP {host} {port}\n".encode())
                conn.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            conn.close()

    def udp(self, sock):
        while True:
            try:
                sock.settimeout(0.2)
                _, control, _, peer = sock.recvmsg(
                    2048, socket.CMSG_SPACE(20) + 64)
            except TimeoutError:
                continue
            except OSError:
                return
            for level, kind, raw in control:
                if level == socket.IPPROTO_IPV6 and kind == IPV6_PKTINFO:
                    asked = raw[:16]
                    text = socket.inet_ntop(socket.AF_INET6, asked)
                    sock.sendmsg(
                        [f"UDP {text.removeprefix('::ffff:')}\n".encode()],
                        [(socket.IPPROTO_IPV6, IPV6_PKTINFO,
                          asked + b"\0\0\0\0")], 0, peer)


if __name__ == "__main__":
    with open(sys.argv[2]) as ca:
        keeper = Keeper(sys.argv[1], ca.read())
    print("ready", flush=True)
    threading.Event().wait()
