# SPDX-License-Identifier: Apache-2.0
"""A name server that misbehaves as its script says. UDP and TCP, port 0."""
import socket
import struct
import threading

A, CNAME, AAAA, OPT = 1, 5, 28, 41


def encode(name):
    out = b""
    for label in name.split("."):
        out += bytes([len(label)]) + label.encode()
    return out + b"\0"


class Question:
    count = 0  # how often the same was asked before

    def __init__(self, packet, via):
        self.packet, self.via = packet, via
        self.id, _, _, _, _, self.extra = struct.unpack(">6H", packet[:12])
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        self.name = ".".join(labels).lower()
        self.type = struct.unpack(">H", packet[at + 1:at + 3])[0]
        self.raw = packet[12:at + 5]

    def answer(self, *records, rcode=0, tc=0, qid=None, raw=None):
        """records: (owner, type, ttl, value)."""
        out = struct.pack(">6H", self.id if qid is None else qid,
                          0x8180 | tc << 9 | rcode, 1, len(records), 0, 0)
        out += self.raw if raw is None else raw
        for owner, rtype, ttl, value in records:
            data = {
                A: lambda v: socket.inet_pton(socket.AF_INET, v),
                AAAA: lambda v: socket.inet_pton(socket.AF_INET6, v),
                CNAME: encode,
            }[rtype](value)
            out += encode(owner) + struct.pack(">HHIH", rtype, 1, ttl,
                                               len(data)) + data
        return out

    def addresses(self, *values, ttl=30, owner=None):
        return [(owner or self.name, self.type, ttl, v) for v in values
                if (":" in v) == (self.type == AAAA)]


class NameServer:
    """script: name -> function(question) -> list of packets to send."""

    def __init__(self, script):
        self.script, self.seen = script, []
        self.udp, self.tcp = self.pair()
        self.port = self.udp.getsockname()[1]
        self.tcp.listen(16)
        for target in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=target, daemon=True).start()

    @staticmethod
    def pair():
        """One free port for both: what UDP was given, TCP may be using."""
        for left in range(100, 0, -1):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("127.0.0.1", 0))
            tcp = socket.socket()
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind(udp.getsockname())
                return udp, tcp
            except OSError:
                udp.close()
                tcp.close()
                if left == 1:
                    raise

    def close(self):
        for s in (self.udp, self.tcp):
            s.close()

    def count(self, name):
        return sum(n == name for n, _, _ in self.seen)

    def react(self, packet, via):
        q = Question(packet, via)
        q.count = self.seen.count((q.name, q.type, via))
        self.seen.append((q.name, q.type, via))
        rule = self.script.get(q.name)
        return rule(q) if rule else [q.answer(rcode=3)]

    def serve_udp(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
                for out in self.react(packet, "udp"):
                    self.udp.sendto(out, peer)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_conn, args=(conn,),
                             daemon=True).start()

    def serve_conn(self, conn):
        stream = conn.makefile("rb")
        with conn, stream:
            while head := stream.read(2):
                packet = stream.read(struct.unpack(">H", head)[0])
                for out in self.react(packet, "tcp"):
                    conn.sendall(struct.pack(">H", len(out)) + out)
