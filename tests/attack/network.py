# SPDX-License-Identifier: Apache-2.0
"""Classes 1-3: TCP, UDP, and every kind of socket."""
import ctypes
import mmap
import os
import socket
import struct

from probe import (CONF, Control, Escape, each, in_child, lookup, must_fail,
                   no_token, probe, recv_some, status_of, syscall, tcp_say,
                   tls_say)
import dnswire

# All of them belong to the world outside, where canaries listen.
ADDRESSES = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "169.254.169.254", "10.1.2.3",
    "192.168.1.1", "172.17.0.1", "100.100.100.200", "127.0.0.1", "127.0.0.2",
    "0.0.0.0", "2001:4860:4860::8888", "fd00:ec2::254", "::1", "::",
    "::ffff:8.8.8.8", "::ffff:169.254.169.254", "::ffff:127.0.0.1",
    "64:ff9b::a9fe:a9fe", "2002:0808:0808::1",
]
TCP_PORTS = [22, 25, 53, 80, 443, 853, 31337]
UDP_PORTS = [53, 67, 123, 443, 1900, 4433, 5353]


# -- 0: what must work, or nothing below means anything
@probe(0, "allowed host over TLS")
def _():
    say = b"GET /hello HTTP/1.1\r\nHost: allowed.test\r\n" \
          b"Connection: close\r\n\r\n"
    data = tls_say(lookup("allowed.test"), 443, "allowed.test", say,
                   check=True)
    if b"allowed-tls" not in data:
        raise Control(f"not answered by the origin: {data[:300]!r}")


@probe(0, "allowed host in clear")
def _():
    data = tcp_say(lookup("allowed.test"), 80,
                   b"GET /hello HTTP/1.1\r\nHost: allowed.test\r\n"
                   b"Connection: close\r\n\r\n", 2)
    if b"allowed-plain" not in data:
        raise Control(f"not answered by the origin: {data[:300]!r}")


@probe(0, "denied host is explained")
def _():
    data = tls_say(lookup("denied.test"), 443, "denied.test",
                   b"GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n", check=True)
    if b"denied-origin" in data:
        raise Escape("the denied origin answered")
    if CONF["gate"] and (status_of(data) != 403
                         or b"x-sallyport-reason" not in data.lower()):
        raise Control(f"no explained 403: {data[:300]!r}")


@probe(0, "loopback inside")
def _():
    with socket.socket() as a, socket.socket() as b:
        a.bind(("127.0.0.1", 0))
        a.listen()
        b.connect(a.getsockname())
        c, _ = a.accept()
        with c:
            c.sendall(b"x")
            if b.recv(1) != b"x":
                raise Control("loopback does not carry data")


# -- 1: TCP
@each(1, "tcp", [(f"{a} {p}", a, p) for a in ADDRESSES for p in TCP_PORTS])
def _(_, address, port):
    return no_token(tcp_say(address, port), address)


@each(1, "silent tcp", [(f"{a} {p}", a, p) for a in ("8.8.8.8", "127.0.0.1")
                        for p in (22, 25, 443)])
def _(_, address, port):
    return no_token(tcp_say(address, port, b"", 0.3), address)


@each(1, "canary on host loopback", ["127.0.0.1", "::1", "0.0.0.0",
                                     "localhost", "::ffff:127.0.0.1"])
def _(address):
    return no_token(tcp_say(address, CONF["tcp_port"]), address)


@each(1, "listener of the gate", ["127.0.0.1", "::1", "10.200.0.1",
                                  "fd00:5a11:ffff::1", "10.200.0.53"])
def _(address):
    ok = b"GET /hello HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
    data = tcp_say(address, 15001, ok)
    if status_of(data) == 200:
        raise Escape("served without an original destination")
    return no_token(data)


def connected(s, where, first=b"hello\r\n"):
    s.settimeout(1)
    s.connect(where)
    s.sendall(first)
    return no_token(recv_some(s, 0.3))


@probe(1, "multipath tcp")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
        return connected(s, ("8.8.8.8", 31337))


@probe(1, "tcp fast open")
def _():
    with socket.socket() as s:
        s.settimeout(1)
        s.sendto(b"hello", 0x20000000, ("8.8.8.8", 31337))
        return no_token(recv_some(s, 0.3))


@probe(1, "sctp")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) as s:
        return connected(s, ("8.8.8.8", 31337))


@each(1, "socket option", [
    ("transparent", 0, 19, 1), ("mark", 1, 36, 1), ("priority 7", 1, 12, 7),
    ("transparent v6", 41, 75, 1)])
def _(_, level, option, value):
    family = socket.AF_INET6 if level == 41 else socket.AF_INET
    with socket.socket(family) as s:
        if option in (19, 75, 36):
            return must_fail("setsockopt", s.setsockopt, level, option, value)
        s.setsockopt(level, option, value)
        return connected(s, ("8.8.8.8", 31337))


@probe(1, "bound to a foreign source")
def _():
    with socket.socket() as s:
        s.bind(("8.8.8.8", 0))
        return connected(s, ("1.1.1.1", 31337))


@probe(1, "loose source route")
def _():
    with socket.socket() as s:
        s.setsockopt(0, 4, b"\x83\x07\x04" + bytes([8, 8, 8, 8]) + b"\0")
        return connected(s, ("1.1.1.1", 31337))


@each(1, "bind the listener port", ["0.0.0.0", "127.0.0.1", "8.8.8.8"])
def _(address):
    with socket.socket() as s:
        s.setsockopt(1, 2, 1)   # reuse address
        s.setsockopt(1, 15, 1)  # reuse port
        try:
            s.bind((address, 15001))
            s.listen()
        except OSError as e:
            return str(e)
        # Only the gate's own rules may decide where a connection goes.
        data = tcp_say("8.8.8.8", 443, b"x", 0.2)
        s.settimeout(0.2)
        try:
            s.accept()[0].close()
        except OSError:
            return no_token(data)
        return "own listener got an own connection"


# -- 2: UDP
QUIC = b"\xc3\0\0\0\1\x08" + b"12345678" + b"\0\0" + b"\0" * 1180


def udp_say(address, port, data=QUIC, seconds=0.25):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.setsockopt(1, 6, 1)  # broadcast
        s.sendto(data, (address, port))
        return s.recv(4096)


@each(2, "udp", [(f"{a} {p}", a, p) for a in ADDRESSES for p in UDP_PORTS])
def _(_, address, port):
    return no_token(udp_say(address, port), address)


@each(2, "canary on host loopback", ["127.0.0.1", "::1", "localhost"])
def _(address):
    return no_token(udp_say(address, CONF["udp_port"]))


@each(2, "group", [("mdns", "224.0.0.251", 5353), ("ssdp", "239.255.255.250",
                   1900), ("broadcast", "255.255.255.255", 67),
                   ("subnet", "10.255.255.255", 67), ("v6", "ff02::fb", 5353)])
def _(_, address, port):
    return no_token(udp_say(address, port))


@each(2, "resolver", [(a, a) for a in ADDRESSES])
def _(_, address):
    q = dnswire.query("tunnel.denied.test")
    return no_token(udp_say(address, 53, q, 1))


@each(2, "protocol", [("udp-lite", socket.SOCK_DGRAM, 136),
                      ("icmp ping", socket.SOCK_DGRAM, 1),
                      ("dccp", 6, 33)])
def _(_, kind, protocol):
    with socket.socket(socket.AF_INET, kind, protocol) as s:
        s.settimeout(0.3)
        s.connect(("8.8.8.8", 4433))
        s.send(b"\x08\0\0\0\0\1\0\1")
        return no_token(s.recv(1000))


@probe(2, "spoofed source")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        s.bind(("10.1.2.3", 5000))
        s.sendto(QUIC, ("8.8.8.8", 4433))
        return no_token(s.recv(1000))


@probe(2, "connected, then several at once")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        s.connect(("8.8.8.8", 4433))
        for _ in range(4):
            s.send(QUIC)
        return no_token(s.recv(1000))


# -- 3: families and types
ALLOWED = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}


@each(3, "family", list(range(0, 47)))
def _(family):
    for kind in (1, 2, 3, 4, 5, 10):
        if family in ALLOWED and kind in (1, 2):
            continue
        if family == socket.AF_UNIX and kind == 5:
            continue  # seqpacket is local
        if family == socket.AF_UNIX and kind == 3:
            continue  # the kernel takes it for dgram
        if family == socket.AF_NETLINK:
            continue
        try:
            socket.socket(family, kind).close()
        except OSError:
            continue
        raise Escape(f"socket({family}, {kind}) was made")


@each(3, "netlink protocol", [p for p in range(0, 23) if p != 0])
def _(protocol):
    return must_fail("netlink", lambda: socket.socket(16, 3, protocol))


@each(3, "raw", [(f"{f} {p}", f, p) for f in (2, 10)
                 for p in (0, 1, 6, 17, 58, 255)])
def _(_, family, protocol):
    return must_fail("raw", lambda: socket.socket(family, 3, protocol))


@each(3, "high bits", [
    ("vsock", 40 | 1 << 32, 1, 0), ("packet", 17 | 1 << 33, 3, 0x300),
    ("raw type", 2, 3 | 1 << 40, 1), ("netlink", 16, 3, 12 | 1 << 32),
    ("packet type", 2, 10 | 1 << 35, 0x300)])
def _(_, family, kind, protocol):
    return must_fail("socket", syscall, 41, family, kind, protocol)


@each(3, "socketpair", [f for f in range(2, 46)])
def _(family):
    pair = (ctypes.c_int * 2)()
    return must_fail("socketpair", syscall, 53, family, 1, 0, pair)


@probe(3, "socket by the x32 table")
def _():
    return must_fail("x32", syscall, 0x40000000 | 41, 40, 1, 0)


@probe(3, "socket by the i386 table", serial=True)
def _():
    def call():
        code = bytes.fromhex("53 b867010000 89fb 89f1 cd80 5b c3")
        m = mmap.mmap(-1, 4096, prot=7)
        m.write(code)
        at = ctypes.addressof(ctypes.c_char.from_buffer(m))
        f = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int,
                             ctypes.c_int)(at)
        r = f(40, 1, 0)
        if r < 0:
            raise OSError(-r, os.strerror(-r))
        return r
    return must_fail("int 80", in_child, call)


@probe(3, "tun device")
def _():
    def tun():
        fd = os.open("/dev/net/tun", os.O_RDWR)
        import fcntl
        fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH", b"t0", 0x1001))
    return must_fail("tun", tun)
