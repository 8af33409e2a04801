# SPDX-License-Identifier: Apache-2.0
"""Classes 12-18: what the gate itself could be talked into."""
import socket
import ssl
import struct
import time

from probe import (CONF, Escape, each, lookup, no_token, probe, recv_some,
                   status_of, tcp_say, tls_say, trust)
import dnswire
import smuggling

A, D = "allowed.test", "denied.test"


def get(host, path="/names", extra=b""):
    if isinstance(host, str):
        host = host.encode("latin-1")
    return b"GET " + path.encode() + b" HTTP/1.1\r\nHost: " + host \
        + b"\r\n" + extra + b"Connection: close\r\n\r\n"


def judge(data, may_pass=False):
    """No byte of the denied origin, and no 200 where names disagree."""
    no_token(data)
    if b"denied-origin" in data:
        raise Escape("the denied origin answered")
    status = status_of(data)
    if status == 101:
        raise Escape("switched protocols")
    if status == 200 and not may_pass:
        raise Escape(f"answered 200: {data[:120]!r}")
    return f"status {status}"


# -- 12: every pairing of address, server name and Host
PAIRS = [(f"{a}/{s}/{h}", a, s, h) for a in (A, D) for s in (A, D, None)
         for h in (A, D) if (a, s, h) != (A, A, A)]


@each(12, "dns/sni/host", PAIRS)
def _(_, a, s, h):
    # Without a server name the address alone tells the name: that is one
    # name, and it may pass when the Host agrees.
    data = tls_say(lookup(a), 443, s, get(h))
    return judge(data, may_pass=(a, s, h) == (A, None, A))


@each(12, "bare address/sni/host", [
    (f"{a} {s} {h}", a, s, h) for a in ("8.8.8.8", "93.184.216.34",
                                        "169.254.169.254", "198.18.77.77")
    for s in (A, D, None) for h in (A, D)])
def _(_, a, s, h):
    return judge(tls_say(a, 443, s, get(h)))


@each(12, "dns/host in clear", [
    (f"{a}/{h}", a, h) for a in (A, D, "8.8.8.8", "169.254.169.254")
    for h in (A, D, "8.8.8.8", "169.254.169.254") if (a, h) != (A, A)])
def _(_, a, h):
    address = lookup(a) if a.endswith("test") else a
    return judge(tcp_say(address, 80, get(h), 1.5))


@each(12, "address notation", [
    "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.16689662",
    "0xa9.254.0251.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
    "[fe80::1%25lo]", "169.254.169.254.", "①⑥⑨.254.169.254"])
def _(text):
    bare = text.strip("[]").replace("%25", "%")
    results = []
    try:
        info = socket.getaddrinfo(bare, 80, 0, socket.SOCK_STREAM)[0]
        with socket.socket(info[0], socket.SOCK_STREAM) as s:
            s.settimeout(2)
            s.connect(info[4])
            s.sendall(get(text.encode("utf-8")))
            results.append(judge(recv_some(s, 1)))
    except (OSError, UnicodeError) as e:
        results.append(type(e).__name__)
    # the same text as Host on a connection to the allowed name
    data = tcp_say(lookup(A), 80, get(text.encode("utf-8")), 1.5)
    results.append(judge(data))
    return results


@each(12, "host notation", [
    "denied.test.", "DENIED.TEST", "denied.test:443", "denied.test:80",
    "allowed.test@denied.test", "allowed.test:443@denied.test",
    "denied.test#allowed.test", "denied.test?allowed.test",
    "denied.test\\allowed.test", "denied.test/allowed.test",
    "allowed.test\tdenied.test", "denied.test;allowed.test",
    "denied%2etest", "xn--denied.test", "allowed.test.denied.test",
    "ａllowed.test", "allowed。test", "..allowed.test",
    "allowed.test:0443", "allowed.test:65537", "allowed.test:",
    "*.test", "allowed.test:444"])
def _(text):
    raw = text.encode("utf-8")
    ok = text in ("allowed.test:0443", "allowed.test:")
    judge(tls_say(lookup(A), 443, A, get(raw)), may_pass=ok)
    return judge(tcp_say(lookup(A), 80, get(raw), 1.5),
                 may_pass=text == "allowed.test:")


@each(12, "same name, written otherwise", ["ALLOWED.test", "allowed.test.",
                                           "allowed.test:443"])
def _(text):
    return judge(tls_say(lookup(A), 443, A, get(text)), may_pass=True)


@each(12, "absolute form", [
    ("denied", b"GET https://denied.test/names HTTP/1.1\r\nHost: allowed.test"),
    ("denied both", b"GET https://denied.test/n HTTP/1.1\r\nHost: denied.test"),
    ("user", b"GET https://allowed.test@denied.test/n HTTP/1.1\r\n"
             b"Host: allowed.test"),
    ("connect", b"CONNECT denied.test:443 HTTP/1.1\r\nHost: allowed.test"),
    ("connect own", b"CONNECT allowed.test:443 HTTP/1.1\r\n"
                    b"Host: allowed.test:443"),
    ("authority as path", b"GET //denied.test/names HTTP/1.1\r\n"
                          b"Host: denied.test"),
    ("forwarded", b"GET /n HTTP/1.1\r\nHost: denied.test\r\n"
                  b"X-Forwarded-Host: allowed.test"),
])
def _(_, head):
    return judge(tls_say(lookup(A), 443, A, head + b"\r\n\r\n"))


@each(12, "other names by sni", [
    "denied.test", "x.allowed.test", "allowed.test.denied.test",
    "localhost", "metadata.google.internal"])
def _(sni):
    return judge(tls_say(lookup(A), 443, sni, get(sni)))


# -- 13: ambiguous HTTP/1, over TLS
@each(13, "http/1", [(k, *v) for k, v in smuggling.CASES.items()])
def _(_, data, right):
    got = tls_say(lookup(A), 443, A, data, seconds=1)
    if b"denied-origin" in got or b'"target": "/smuggled"' in got:
        raise Escape("the hidden request was answered")
    status = status_of(got)
    if status not in right:
        raise Escape(f"status {status}, not one of {right}: {got[:100]!r}")
    return f"status {status}"


# -- 14: HTTP/2
@each(14, "h2", [("prior knowledge over TLS", [b"h2"], 443),
                 ("both offered", [b"h2", b"http/1.1"], 443)])
def _(_, alpn, port):
    ctx = trust()
    ctx.set_alpn_protocols([a.decode() for a in alpn])
    with socket.create_connection((lookup(A), port), 3) as raw:
        with ctx.wrap_socket(raw, server_hostname=A) as s:
            chosen = s.selected_alpn_protocol()
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3)
                      + b"\x04\0\0\0\0\0")
            data = recv_some(s, 0.7)
            if chosen != "h2" and data[3:4] == b"\x04":
                raise Escape("spoke h2 without agreement")
            return f"{chosen}, {judge(data)}"


@probe(14, "prior knowledge in clear")
def _():
    data = tcp_say(lookup(A), 80, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                   + bytes(3) + b"\x04\0\0\0\0\0", 0.7)
    if data[3:4] == b"\x04":
        raise Escape("h2 settings answered")
    return judge(data)


@probe(14, "upgrade to h2c")
def _():
    data = tcp_say(lookup(A), 80, get(
        A, "/h2c", b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\n"), 1)
    return judge(data, may_pass=True)


# -- 15: upgrades
@each(15, "upgrade", ["websocket", "raw", "TLS/1.0", "tcp", "connect-udp",
                      "h2c", "websocket, raw", ""])
def _(token):
    extra = (b"Upgrade: " + token.encode() + b"\r\nConnection: upgrade\r\n"
             b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
             b"Sec-WebSocket-Version: 13\r\n")
    data = tls_say(lookup(A), 443, A,
                   b"GET /raw/upgrade HTTP/1.1\r\nHost: allowed.test\r\n"
                   + extra + b"\r\n")
    return judge(data, may_pass=True)


@probe(15, "connect inside, then tls to the denied host")
def _():
    ctx = trust()
    with socket.create_connection((lookup(A), 443), 3) as raw:
        with ctx.wrap_socket(raw, server_hostname=A) as s:
            s.sendall(b"CONNECT denied.test:443 HTTP/1.1\r\n"
                      b"Host: denied.test:443\r\n\r\n")
            data = recv_some(s, 1)
            if status_of(data) // 100 == 2:
                raise Escape("tunnel opened")
            return judge(data)


# -- 16: shapes of TLS
def hello(sni, version=0x0303, ech=False, pad=0):
    """A TLS 1.2 ClientHello, by hand."""
    name = sni.encode()
    ext = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0,
                      len(name)) + name
    ext += bytes.fromhex("000a00040002001700 0b00020100".replace(" ", ""))
    ext += bytes.fromhex("000d0006000404030401")
    if ech:
        ech_body = bytes.fromhex("0000010001aa0020") + b"e" * 32 \
            + b"\x00\x90" + b"p" * 144
        ext += struct.pack(">HH", 0xfe0d, len(ech_body)) + ech_body
    if pad:
        ext += struct.pack(">HH", 21, pad) + bytes(pad)
    suites = bytes.fromhex("c02bc02fc00ac009")
    body = struct.pack(">H", version) + b"r" * 32 + b"\0" \
        + struct.pack(">H", len(suites)) + suites + b"\1\0" \
        + struct.pack(">H", len(ext)) + ext
    return b"\1" + struct.pack(">I", len(body))[1:] + body


def records(handshake, size=16384, version=0x0301):
    return [b"\x16" + struct.pack(">HH", version, len(handshake[i:i + size]))
            + handshake[i:i + size] for i in range(0, len(handshake), size)]


def send_pieces(address, port, pieces, pause=0.0):
    with socket.create_connection((address, port), 3) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for p in pieces:
            s.sendall(p)
            if pause:
                time.sleep(pause)
        return recv_some(s, 0.7)


def no_real_certificate(data):
    """The certificate of the real origin would mean a spliced connection."""
    if CONF["root_name"].encode() in data:
        raise Escape("got the certificate of the origin")
    return no_token(data)


@each(16, "client hello", [
    ("ech, denied inside", A, {"ech": True}, 16384),
    ("denied, in one record", D, {}, 16384),
    ("denied, records of one byte", D, {}, 1),
    ("allowed, records of three bytes", A, {}, 3),
    ("oversized", A, {"pad": 15000}, 16384),
    ("over two records", A, {"pad": 40000}, 16384),
    ("ssl 3", A, {"version": 0x0300}, 16384),
    ("tls 1.0", A, {"version": 0x0301}, 16384),
    ("tls 1.1", A, {"version": 0x0302}, 16384),
    ("name with nul", "allowed.test\0.denied.test", {}, 16384),
    ("name of 300 bytes", "a" * 300, {}, 16384),
    ("address as name", "169.254.169.254", {}, 16384),
    ("empty name", "", {}, 16384)])
def _(_, sni, options, size):
    data = send_pieces(lookup(A), 443, records(hello(sni, **options), size))
    return no_real_certificate(data)


@probe(16, "client hello in segments of one byte")
def _():
    raw = b"".join(records(hello(A)))
    data = send_pieces(lookup(A), 443, [raw[i:i + 1] for i in
                                        range(len(raw))])
    return no_real_certificate(data)


@each(16, "wrong protocol", [
    ("text on 443", 443, b"GET /names HTTP/1.1\r\nHost: denied.test\r\n\r\n"),
    ("ssh on 443", 443, b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("socks on 443", 443, b"\5\1\0"), ("nul on 443", 443, bytes(64)),
    ("ssl 2 on 443", 443, b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + bytes(40)),
    ("tls on 80", 80, b"".join(records(hello(A)))),
    ("tls on 22", 22, b"".join(records(hello(A)))),
    ("ssh on 22", 22, b"SSH-2.0-x\r\n"), ("ssh on 80", 80, b"SSH-2.0-x\r\n"),
    ("smtp on 25", 25, b"EHLO x\r\n"),
    ("smtp on 80", 80, b"EHLO x\r\nMAIL FROM:<a@b>\r\n"),
    ("redis on 80", 80, b"*1\r\n$4\r\nPING\r\n"),
    ("long line on 80", 80, b"A" * 200000),
    ("proxy protocol on 80", 80, b"PROXY TCP4 1.1.1.1 8.8.8.8 1 2\r\n"
     b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n")])
def _(_, port, data):
    got = tcp_say(lookup(A), port, data, 0.7)
    if status_of(got) == 200:
        raise Escape(f"answered 200: {got[:100]!r}")
    return no_real_certificate(got)


@each(16, "old version", [("1.0", ssl.TLSVersion.TLSv1),
                          ("1.1", ssl.TLSVersion.TLSv1_1)])
def _(_, version):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    ctx.set_ciphers("ALL:@SECLEVEL=0")
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ctx.minimum_version = ctx.maximum_version = version
    with socket.create_connection((lookup(A), 443), 3) as raw:
        with ctx.wrap_socket(raw, server_hostname=A) as s:
            raise Escape(f"negotiated {s.version()}")


# -- 17: DNS as a way out; the name server outside knows what it was asked
LABEL = "a" * 63
TYPES = {"TXT": 16, "NULL": 10, "MX": 15, "ANY": 255, "AXFR": 252, "SRV": 33,
         "CNAME": 5, "NS": 2, "SOA": 6, "HTTPS": 65, "DNSKEY": 48,
         "PTR": 12, "private": 65280}


def dns_udp(packet, address="8.8.8.8", seconds=1.0):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.sendto(packet, (address, 53))
        return s.recv(4096)


def dns_tcp(packet, address="8.8.8.8"):
    data = tcp_say(address, 53, struct.pack(">H", len(packet)) + packet, 0.7)
    return data[2:]


@each(17, "type", [(f"{k} {n}", v, n) for k, v in TYPES.items()
                   for n in ("secret-data.denied.test",
                             "secret-data.allowed.test", A)])
def _(_, qtype, name):
    packet = dnswire.query(name, qtype)
    no_token(dns_tcp(packet))
    return no_token(dns_udp(packet))


@each(17, "long labels", ["denied.test", "allowed.test", "com", "example.org"])
def _(suffix):
    for name in (f"{LABEL}.{LABEL}.{LABEL}.{suffix}", f"{LABEL}.{suffix}",
                 ".".join("abcdefghijklmnopqrstuvwxyz" * 3) + "." + suffix):
        packet = dnswire.query(name)
        no_token(dns_tcp(packet))
        no_token(dns_udp(packet))


@each(17, "odd packet", [
    ("chaos", dnswire.query("version.bind", 16, 3)),
    ("two questions", dnswire.query(A, counts=(2, 0, 0, 0),
                                    extra=dnswire.query(D)[12:])),
    ("update", dnswire.query(A, flags=0x2800)),
    ("a response", dnswire.query(A, flags=0x8180)),
    ("truncated", dnswire.query(A)[:-3]), ("trailing", dnswire.query(A)
                                          + b"x" * 400),
    ("edns data", dnswire.query(A, counts=(1, 0, 0, 1), extra=b"\0\0\x29\x10\0"
                                b"\0\0\0\0\0\x0c\xff\xfe\0\x08secretxx")),
    ("pointer loop", struct.pack(">HHHHHH", 1, 256, 1, 0, 0, 0)
     + b"\xc0\x0c\0\1\0\1"),
    ("empty", b""), ("short", b"abc")])
def _(_, packet):
    try:
        return no_token(dns_udp(packet, seconds=0.3))
    finally:
        no_token(dns_tcp(packet))


@each(17, "by name", ["secret-1.denied.test", "secret-2.example.org",
                      "secret-3.allowed.test", "secret-4"])
def _(name):
    return socket.getaddrinfo(name, 443)[0][4]


@probe(17, "rebinding", serial=True)
def _():
    told = []
    for _ in range(6):
        for port, say in ((80, tcp_say), (443, None)):
            try:
                address = lookup("rebind.test")
                data = say(address, port, get("rebind.test"), 1) if say \
                    else tls_say(address, 443, "rebind.test",
                                 get("rebind.test"))
                no_token(data)
                told.append(status_of(data))
            except OSError:
                told.append(0)
    return told


# -- 18: answers
@probe(18, "redirect to the denied host")
def _():
    data = tls_say(lookup(A), 443, A, get(
        A, "/redirect?to=https://denied.test/"))
    if status_of(data) != 302:
        return judge(data)
    return judge(tls_say(lookup(D), 443, D, get(D)))


@probe(18, "alternative services are withheld")
def _():
    data = tls_say(lookup(A), 443, A, get(A, "/cookies"))
    if CONF["gate"] and b"alt-svc" in data.lower():
        raise Escape("Alt-Svc passed")
    return f"status {status_of(data)}"


@each(18, "broken answer", ["both-lengths", "two-lengths", "bad-length",
                            "bad-coding", "bad-status", "no-http", "nul",
                            "space-name", "upgrade"])
def _(name):
    data = tls_say(lookup(A), 443, A, get(A, f"/raw/{name}"))
    if status_of(data) in (200, 101):
        raise Escape(f"passed: {data[:100]!r}")
    return f"status {status_of(data)}"
