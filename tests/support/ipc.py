# SPDX-License-Identifier: Apache-2.0
"""PROTOCOL.ipc in Python: what launchers, clients and proxies say."""
import array
import fcntl
import os
import socket
import struct

TYPES = """HELLO RUN RUN_OK FAIL LISTENERS POLICY POLICY_OK ENDED KILL NOTICE
CONFIG READY MINT LEAF AUDIT ACK STOP PS PS_ROW DONE START""".split()
globals().update({name: n for n, name in enumerate(TYPES)})
KEEPER, PROXY, INIT, LAUNCHER, CLIENT = (1 << n for n in range(5))
F_ADD_SEALS, SEALS = 1033, 0xf


def u8(v):
    return struct.pack(">B", v)


def u16(v):
    return struct.pack(">H", v)


def u32(v):
    return struct.pack(">I", v)


def u64(v):
    return struct.pack(">Q", v)


def text(v):
    data = v if isinstance(v, bytes) else v.encode()
    return u16(len(data)) + data


def addr(ip):
    if ip is None:
        return u8(0)
    if ":" in ip:
        return u8(6) + socket.inet_pton(socket.AF_INET6, ip)
    return u8(4) + socket.inet_pton(socket.AF_INET, ip)


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        assert n <= len(self.data), "message too short"
        head, self.data = self.data[:n], self.data[n:]
        return head

    def num(self, fmt):
        return struct.unpack(">" + fmt, self.take(struct.calcsize(fmt)))[0]

    def text(self):
        return self.take(self.num("H")).decode()

    def raw(self):
        return self.take(self.num("H"))

    def end(self):
        assert self.data == b"", "bytes behind the last field"


def memfd(data, seals=SEALS):
    fd = os.memfd_create("source", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def source(yaml="", allow=(), deny=(), file="sallyport.yaml", tail=b""):
    data = u32(len(yaml)) + yaml.encode() + text(file)
    for args in (allow, deny):
        data += u16(len(args)) + b"".join(map(text, args))
    return memfd(data + tail)


class Peer:
    """A connection to the keeper."""

    def __init__(self, path, role=None, version=1):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(10)
        self.sock.connect(str(path))
        if role is not None:
            self.send(HELLO, u32(version) + u8(role))
            assert self.recv()[0] == HELLO

    def send(self, kind, body=b"", fds=(), count=None):
        head = bytes([kind, len(fds) if count is None else count])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                   array.array("i", fds))] if fds else []
        self.sock.sendmsg([head + body], rights)

    def recv(self):
        """(type, body), or None when the keeper has closed."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            return None
        return (data[0], data[2:]) if data else None

    def expect(self, kind):
        got = self.recv()
        assert got is not None, f"closed instead of {TYPES[kind]}"
        name = TYPES[got[0]]
        assert got[0] == kind, f"{name} {got[1]!r} instead of {TYPES[kind]}"
        return Reader(got[1])

    def closed(self):
        """True once the keeper has closed, whatever it said before."""
        while True:
            if self.recv() is None:
                return True

    def close(self):
        self.sock.close()
