# SPDX-License-Identifier: Apache-2.0
"""A name server for tests: UDP and TCP on one port, answers from a table.

Every query that arrives is kept in `seen`; the tests of "nothing leaves"
assert that it stays empty. Answers may be scripted: a callable gets the
number of the query for this name (rebinding).
"""
import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def decode_name(packet, at, jumps=0):
    labels = []
    if jumps > 8:
        raise ValueError("pointers in a circle")
    while packet[at]:
        n = packet[at]
        if n >= 0xc0:
            rest, _ = decode_name(packet, (n & 0x3f) << 8 | packet[at + 1],
                                  jumps + 1)
            return ".".join(labels + [rest]), at + 2
        labels.append(packet[at + 1:at + 1 + n].decode("latin-1"))
        at += n + 1
    return ".".join(labels), at + 1


def query(name, qtype=A, qid=0x1234, rd=True):
    return struct.pack(">HHHHHH", qid, 0x100 if rd else 0, 1, 0, 0, 0) \
        + encode_name(name) + struct.pack(">HH", qtype, 1)


def parse_answer(packet):
    """(rcode, [(type, ttl, data)]) of a response."""
    qid, flags, nq, na, _, _ = struct.unpack(">HHHHHH", packet[:12])
    at = 12
    for _ in range(nq):
        _, at = decode_name(packet, at)
        at += 4
    records = []
    for _ in range(na):
        _, at = decode_name(packet, at)
        rtype, _, ttl, n = struct.unpack(">HHIH", packet[at:at + 10])
        at += 10
        data = packet[at:at + n]
        if rtype == A:
            data = socket.inet_ntop(socket.AF_INET, data)
        elif rtype == AAAA:
            data = socket.inet_ntop(socket.AF_INET6, data)
        elif rtype in (CNAME, 12):
            data = decode_name(packet, at)[0]
        records.append((rtype, ttl, data))
        at += n
    return flags & 15, records


class NameServer:
    """table: lower-case name -> list of addresses, or callable(n) -> list.

    A string that starts with "@" is an alias for another name.
    """

    def __init__(self, table, address="127.0.0.1", port=0):
        self.table, self.seen, self.counts = table, [], {}
        self.udp, self.tcp = self.pair(address, port)
        self.port = self.udp.getsockname()[1]
        self.tcp.listen(16)

    @staticmethod
    def pair(address, port):
        """One port for both: what UDP was given, TCP may be using."""
        for left in range(1 if port else 100, 0, -1):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind((address, port))
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind(udp.getsockname())
                return udp, tcp
            except OSError:
                udp.close()
                tcp.close()
                if left == 1:
                    raise

    def __enter__(self):
        for target in (self._udp, self._tcp):
            threading.Thread(target=target, daemon=True).start()
        return self

    def __exit__(self, *exc):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _udp(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(65535)
                self.udp.sendto(self._answer(packet, "udp")[:1232], peer)
            except (OSError, ValueError, IndexError, struct.error):
                if self.udp.fileno() < 0:
                    return

    def _tcp(self):
        while True:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            with conn:
                try:
                    conn.settimeout(5)
                    n = struct.unpack(">H", conn.recv(2))[0]
                    out = self._answer(conn.recv(n), "tcp")
                    conn.sendall(struct.pack(">H", len(out)) + out)
                except (OSError, IndexError, ValueError, struct.error):
                    pass

    def _answer(self, packet, via):
        name, at = decode_name(packet, 12)
        qtype = struct.unpack(">H", packet[at:at + 2])[0]
        name = name.lower()
        self.seen.append((via, name, qtype))
        answers, owner = [], name
        value = self.table.get(name)
        while isinstance(value, str) and value.startswith("@"):
            answers.append((owner, CNAME, encode_name(value[1:])))
            owner = value[1:]
            value = self.table.get(owner)
        if callable(value):
            key = (owner, qtype)
            self.counts[key] = self.counts.get(key, 0) + 1
            value = value(self.counts[key])
        for address in value or []:
            v6 = ":" in address
            if qtype == (AAAA if v6 else A):
                answers.append((owner, qtype, socket.inet_pton(
                    socket.AF_INET6 if v6 else socket.AF_INET, address)))
        rcode = 0 if value is not None or answers else 3
        out = packet[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1,
                                       len(answers), 0, 0)
        out += packet[12:at + 4]
        for who, rtype, data in answers:
            out += encode_name(who) + struct.pack(">HHIH", rtype, 1, 5,
                                                  len(data)) + data
        return out
