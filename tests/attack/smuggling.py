# SPDX-License-Identifier: Apache-2.0
"""Requests that two parsers could read differently, as data.

Each row: name, bytes, statuses that are right. 0 stands for a connection that
is closed without an answer. NEXT follows where a second request hides; the
origin must never see its path, and the program must never get its answer.
"""
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: allowed.test\r\n\r\n"
H = b"Host: allowed.test\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + H
GET = b"GET /echo HTTP/1.1\r\n" + H
REFUSED = (400, 0)
CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
TE = b"Transfer-Encoding: chunked\r\n"


def _te(line, ok=(400, 501, 0)):
    return (POST + line + b"\r\n" + b"0\r\n\r\n" + NEXT, ok)


CASES = {
    # both lengths
    "cl and te": (POST + b"Content-Length: 4\r\n" + TE
                  + b"\r\n0\r\n\r\n" + NEXT, REFUSED),
    "te and cl": (POST + TE + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + NEXT,
                  REFUSED),
    "cl and bad te": (POST + b"Content-Length: 5\r\nTransfer-Encoding: x\r\n"
                      b"\r\nhello" + NEXT, (400, 501, 0)),
    # Transfer-Encoding in disguise
    "te twice": _te(TE + TE),
    "te list": _te(b"Transfer-Encoding: chunked, chunked\r\n"),
    "te identity": _te(b"Transfer-Encoding: chunked, identity\r\n"),
    "te gzip": _te(b"Transfer-Encoding: gzip, chunked\r\n"),
    "te prefix": _te(b"Transfer-Encoding: xchunked\r\n"),
    "te quoted": _te(b'Transfer-Encoding: "chunked"\r\n'),
    "te parameter": _te(b"Transfer-Encoding: chunked;q=1\r\n"),
    "te empty": _te(b"Transfer-Encoding:\r\n"),
    "te comma": _te(b"Transfer-Encoding: ,chunked\r\n", (400, 501, 0, 200)),
    "te vertical tab": _te(b"Transfer-Encoding: \x0bchunked\r\n"),
    "te space before colon": _te(b"Transfer-Encoding : chunked\r\n"),
    "te leading space": _te(b" Transfer-Encoding: chunked\r\n"),
    "te folded": _te(b"Transfer-Encoding:\r\n chunked\r\n"),
    "te bare cr": _te(b"X: a\rTransfer-Encoding: chunked\r\n"),
    "te bare lf": _te(b"X: a\nTransfer-Encoding: chunked\r\n"),
    "te nul": _te(b"Transfer-Encoding: chunked\x00\r\n"),
    "te in 1.0": (b"POST /echo HTTP/1.0\r\n" + H + TE + b"\r\n0\r\n\r\n"
                  + NEXT, REFUSED),
    "te on get": (GET + TE + b"\r\n" + CHUNK, (200, 400)),
    # Content-Length
    "cl twice, different": (POST + b"Content-Length: 0\r\n"
                            b"Content-Length: 50\r\n\r\n" + NEXT, REFUSED),
    "cl list, different": (POST + b"Content-Length: 0, 50\r\n\r\n" + NEXT,
                           REFUSED),
    "cl plus": (POST + b"Content-Length: +0\r\n\r\n" + NEXT, REFUSED),
    "cl minus": (POST + b"Content-Length: -1\r\n\r\n" + NEXT, REFUSED),
    "cl hex": (POST + b"Content-Length: 0x0\r\n\r\n" + NEXT, REFUSED),
    "cl blank inside": (POST + b"Content-Length: 0 0\r\n\r\n" + NEXT, REFUSED),
    "cl empty": (POST + b"Content-Length:\r\n\r\n" + NEXT, REFUSED),
    "cl huge": (POST + b"Content-Length: 18446744073709551616\r\n\r\n" + NEXT,
                (400, 413, 0)),
    "cl space before colon": (POST + b"Content-Length : 0\r\n\r\n" + NEXT,
                              REFUSED),
    # chunks
    "chunk size overflow": (POST + TE + b"\r\n10000000000000000\r\nx\r\n"
                            b"0\r\n\r\n" + NEXT, (400, 413, 502, 0)),
    "chunk size 0x": (POST + TE + b"\r\n0x5\r\nhello\r\n0\r\n\r\n" + NEXT,
                      (400, 502, 0)),
    "chunk size minus": (POST + TE + b"\r\n-5\r\nhello\r\n0\r\n\r\n" + NEXT,
                         (400, 502, 0)),
    "chunk size blank": (POST + TE + b"\r\n5 \r\nhello\r\n0\r\n\r\n" + NEXT,
                         (400, 502, 0)),
    "chunk bare lf": (POST + TE + b"\r\n5\nhello\r\n0\r\n\r\n" + NEXT,
                      (400, 502, 0)),
    "chunk without end": (POST + TE + b"\r\n5\r\nhelloXX0\r\n\r\n" + NEXT,
                          (400, 502, 0)),
    "chunk extension lf": (POST + TE + b"\r\n5;a\nb\r\nhello\r\n0\r\n\r\n"
                           + NEXT, (400, 502, 0)),
    # header lines
    "obsolete folding": (GET + b"X-A: a\r\n b\r\n\r\n", REFUSED),
    "first line folded": (b"GET /echo HTTP/1.1\r\n X: y\r\n" + H + b"\r\n",
                          REFUSED),
    "bare lf lines": (b"GET /echo HTTP/1.1\nHost: allowed.test\n\n",
                      REFUSED),
    "nul in value": (GET + b"X-A: a\x00b\r\n\r\n", REFUSED),
    "nul in name": (GET + b"X\x00A: b\r\n\r\n", REFUSED),
    "no colon": (GET + b"X-A\r\n\r\n", REFUSED),
    "empty name": (GET + b": x\r\n\r\n", REFUSED),
    "space in name": (GET + b"X A: b\r\n\r\n", REFUSED),
    "bare cr in value": (GET + b"X-A: a\rb\r\n\r\n", REFUSED),
    # request line
    "http 0.9": (b"GET /echo\r\n\r\n", REFUSED + (505,)),
    "http 2 in a line": (b"GET /echo HTTP/2.0\r\n" + H + b"\r\n",
                         REFUSED + (505,)),
    "http 1.2": (b"GET /echo HTTP/1.2\r\n" + H + b"\r\n",
                 REFUSED + (505, 200)),
    "lower case http": (b"GET /echo http/1.1\r\n" + H + b"\r\n",
                        REFUSED + (505,)),
    "two spaces": (b"GET  /echo HTTP/1.1\r\n" + H + b"\r\n", REFUSED),
    "tab": (b"GET\t/echo HTTP/1.1\r\n" + H + b"\r\n", REFUSED),
    "space in target": (b"GET /echo x HTTP/1.1\r\n" + H + b"\r\n",
                        REFUSED + (505,)),
    "nul in target": (b"GET /ec\x00ho HTTP/1.1\r\n" + H + b"\r\n", REFUSED),
    "fragment in target": (b"GET /echo#x HTTP/1.1\r\n" + H + b"\r\n", REFUSED),
    "relative target": (b"GET echo HTTP/1.1\r\n" + H + b"\r\n", REFUSED),
    "bad method": (b"G@T /echo HTTP/1.1\r\n" + H + b"\r\n",
                   REFUSED + (405, 501)),
    "connect": (b"CONNECT denied.test:443 HTTP/1.1\r\nHost: denied.test:443"
                b"\r\n\r\n", (400, 403, 405, 421, 501, 0)),
    "trace": (b"TRACE /echo HTTP/1.1\r\n" + H + b"\r\n",
              (400, 403, 405, 501, 0)),
    # Host
    "no host": (b"GET /echo HTTP/1.1\r\n\r\n", REFUSED),
    "two hosts": (GET + b"Host: denied.test\r\n\r\n", (400, 421, 0)),
    "same host twice": (GET + H + b"\r\n", REFUSED),
    "host list": (b"GET /echo HTTP/1.1\r\nHost: allowed.test, denied.test"
                  b"\r\n\r\n", (400, 421, 0)),
    "host with space": (b"GET /echo HTTP/1.1\r\nHost: allowed.test x\r\n\r\n",
                        (400, 421, 0)),
    "host with slash": (b"GET /echo HTTP/1.1\r\nHost: allowed.test/x\r\n\r\n",
                        (400, 421, 0)),
    "host with user": (b"GET /echo HTTP/1.1\r\nHost: a@allowed.test\r\n\r\n",
                       (400, 421, 0)),
    "empty host": (b"GET /echo HTTP/1.1\r\nHost:\r\n\r\n", (400, 421, 0)),
    "host with nul": (b"GET /echo HTTP/1.1\r\nHost: allowed.test\x00"
                      b".denied.test\r\n\r\n", REFUSED),
    "host port junk": (b"GET /echo HTTP/1.1\r\nHost: allowed.test:x\r\n\r\n",
                       (400, 421, 0)),
    "absolute form, other host": (
        b"GET http://denied.test/echo HTTP/1.1\r\n" + H + b"\r\n",
        (400, 403, 421, 0)),
    "absolute form, other scheme": (
        b"GET ftp://allowed.test/echo HTTP/1.1\r\n" + H + b"\r\n",
        (400, 403, 421, 0)),
    # protocols
    "h2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
                   (400, 405, 505, 0)),
    "second request, other host": (
        GET + b"\r\nGET /smuggled HTTP/1.1\r\nHost: denied.test\r\n\r\n",
        (200,)),
}
