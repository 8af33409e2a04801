# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 origin that misbehaves on request, over TLS or in clear.

What the path says, the server does: see the methods called do_*. Everything
that arrives is kept in `seen`, so a test can also prove what did NOT arrive.
Runs in a thread of its own: `with Origin(context) as o: o.port`.
"""
import asyncio
import hashlib
import json
import threading
import urllib.parse

HEAD_MAX = 1 << 20
PATTERN = bytes(range(256)) * 256


def pattern(n):
    """n deterministic bytes, in blocks."""
    while n > 0:
        block = PATTERN[:min(n, len(PATTERN))]
        n -= len(block)
        yield block


def pattern_sha256(n):
    h = hashlib.sha256()
    for block in pattern(n):
        h.update(block)
    return h.hexdigest()


class Request:
    def __init__(self, raw):
        self.raw = raw
        lines = raw.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ", 2)
        self.headers = [tuple(x.split(":", 1)) for x in lines[1:] if x]
        self.headers = [(k, v.strip()) for k, v in self.headers]
        url = urllib.parse.urlsplit(self.target)
        self.path = url.path
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.trailers = []
        self.length = 0
        self.sha256 = hashlib.sha256()
        self.body = b""  # its beginning

    def get(self, name, default=None):
        for k, v in self.headers:
            if k.lower() == name.lower():
                return v
        return default

    def add(self, data):
        self.length += len(data)
        self.sha256.update(data)
        if len(self.body) < 65536:
            self.body += data


class Origin:
    def __init__(self, context=None, host="127.0.0.1", name="origin", port=0):
        self.context, self.host, self.name = context, host, name
        self.want = port
        self.seen = []         # requests whose head arrived
        self.connections = 0   # accepted (and past TLS)
        self.raw_bytes = 0
        self.port = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True)

    # -- life cycle
    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("origin did not start")

    def stop(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def paths(self):
        return [r.path for r in self.seen]

    def _main(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: None)
        self._stop = asyncio.Event()
        server = await asyncio.start_server(
            self._client, self.host, self.want, ssl=self.context,
            limit=HEAD_MAX)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    # -- one connection
    async def _client(self, r, w):
        self.connections += 1
        try:
            while await self._exchange(r, w):
                pass
        except (OSError, asyncio.IncompleteReadError, ValueError,
                asyncio.LimitOverrunError):
            pass
        finally:
            w.close()

    async def _exchange(self, r, w):
        try:
            head = await r.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        rq = Request(head[:-4])
        self.seen.append(rq)
        do = getattr(self, "do_" + rq.path.split("/")[1].replace("-", "_"),
                     self.do_missing)
        return await do(rq, r, w)

    async def _body(self, rq, r):
        if rq.get("transfer-encoding", "").lower() == "chunked":
            while True:
                size = int((await r.readline()).split(b";")[0], 16)
                if size == 0:
                    break
                rq.add(await r.readexactly(size))
                await r.readexactly(2)
            while (line := (await r.readline()).strip()):
                k, v = line.decode("latin-1").split(":", 1)
                rq.trailers.append((k, v.strip()))
            return
        left = int(rq.get("content-length", "0"))
        while left:
            data = await r.read(min(left, 262144))
            if not data:
                raise asyncio.IncompleteReadError(b"", left)
            rq.add(data)
            left -= len(data)

    def _head(self, w, status, headers=(), version="HTTP/1.1"):
        lines = [f"{version} {status}", f"Server: {self.name}"]
        lines += [f"{k}: {v}" for k, v in headers]
        w.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def _answer(self, rq, w, body=b"", status="200 OK", headers=()):
        headers = [("Content-Length", len(body)), *headers]
        self._head(w, status, headers)
        if rq.method != "HEAD":
            w.write(body)
        await w.drain()
        return rq.get("connection", "").lower() != "close"

    async def _send(self, w, n):
        for block in pattern(n):
            w.write(block)
            await w.drain()

    # -- ordinary answers
    async def do_missing(self, rq, r, w):
        await self._body(rq, r)
        return await self._answer(rq, w, b"no such path\n", "404 Not Found")

    async def do_(self, rq, r, w):
        await self._body(rq, r)
        text = f"hello from {self.name}\n".encode()
        return await self._answer(rq, w, text,
                                  headers=[("Content-Type", "text/plain")])

    do_hello = do_names = do_h2c = do_n = do_

    async def do_echo(self, rq, r, w):
        """Everything about the request, as JSON."""
        await self._body(rq, r)
        told = {"method": rq.method, "target": rq.target,
                "headers": rq.headers, "length": rq.length,
                "sha256": rq.sha256.hexdigest(), "trailers": rq.trailers,
                "server": self.name, "body": rq.body[:4096].decode("latin-1")}
        return await self._answer(
            rq, w, json.dumps(told).encode() + b"\n",
            headers=[("Content-Type", "application/json")])

    do_sink = do_smuggled = do_echo

    async def do_status(self, rq, r, w):
        """/status/NNN; 204 and 304 have no body."""
        await self._body(rq, r)
        code = rq.path.split("/")[2]
        if code in ("204", "304"):
            self._head(w, f"{code} None", [("ETag", '"x"')])
            await w.drain()
            return True
        return await self._answer(rq, w, b"status\n", f"{code} Test")

    async def do_redirect(self, rq, r, w):
        await self._body(rq, r)
        return await self._answer(rq, w, b"", "302 Found",
                                  [("Location", rq.query["to"])])

    async def do_cookies(self, rq, r, w):
        await self._body(rq, r)
        return await self._answer(rq, w, b"ok\n", headers=[
            ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"),
            ("X-Case-KEPT", "yes"), ("Alt-Svc", 'h3=":443"; ma=3600')])

    # -- framing of bodies
    async def do_bytes(self, rq, r, w):
        await self._body(rq, r)
        n = int(rq.path.split("/")[2])
        self._head(w, "200 OK", [("Content-Length", n)])
        if rq.method != "HEAD":
            await self._send(w, n)
        await w.drain()
        return True

    async def do_chunked(self, rq, r, w):
        await self._body(rq, r)
        n = int(rq.path.split("/")[2])
        self._head(w, "200 OK", [("Transfer-Encoding", "chunked"),
                                 ("Trailer", "X-Sha256")])
        for block in pattern(n):
            w.write(b"%x;ext=1\r\n" % len(block) + block + b"\r\n")
            await w.drain()
        w.write(b"0\r\nX-Sha256: " + pattern_sha256(n).encode()
                + b"\r\n\r\n")
        await w.drain()
        return True

    async def do_close(self, rq, r, w):
        """A body that ends with the connection."""
        await self._body(rq, r)
        self._head(w, "200 OK", [("Connection", "close")])
        await self._send(w, int(rq.path.split("/")[2]))
        return False

    async def do_http10(self, rq, r, w):
        await self._body(rq, r)
        self._head(w, "200 OK", version="HTTP/1.0")
        w.write(b"old\n")
        await w.drain()
        return False

    # -- informational answers
    async def do_continue(self, rq, r, w):
        if rq.get("expect", "").lower() == "100-continue":
            self._head(w, "100 Continue")
            await w.drain()
        return await self.do_echo(rq, r, w)

    async def do_refuse_continue(self, rq, r, w):
        await self._answer(rq, w, b"too big\n", "413 Too Large",
                           [("Connection", "close")])
        return False

    async def do_hints(self, rq, r, w):
        await self._body(rq, r)
        self._head(w, "103 Early Hints", [("Link", "</a.css>; rel=preload")])
        await w.drain()
        await asyncio.sleep(0.05)
        return await self._answer(rq, w, b"after hints\n")

    # -- time
    async def do_slow(self, rq, r, w):
        """Head at once, then a line each 100 ms (server-sent events)."""
        await self._body(rq, r)
        self._head(w, "200 OK", [("Content-Type", "text/event-stream"),
                                 ("Transfer-Encoding", "chunked")])
        await w.drain()
        for i in range(int(rq.query.get("n", 3))):
            await asyncio.sleep(0.1)
            line = b"data: %d\n\n" % i
            w.write(b"%x\r\n" % len(line) + line + b"\r\n")
            await w.drain()
        w.write(b"0\r\n\r\n")
        await w.drain()
        return True

    async def do_wait(self, rq, r, w):
        await self._body(rq, r)
        await asyncio.sleep(int(rq.query.get("ms", 500)) / 1000)
        return await self._answer(rq, w, b"waited\n")

    async def do_hang(self, rq, r, w):
        await self._body(rq, r)
        await asyncio.sleep(3600)

    # -- broken answers: each of them has to become a 502, or an error
    async def do_truncated(self, rq, r, w):
        await self._body(rq, r)
        self._head(w, "200 OK", [("Content-Length", 100000)])
        await self._send(w, 1000)
        return False

    async def do_truncated_chunk(self, rq, r, w):
        await self._body(rq, r)
        self._head(w, "200 OK", [("Transfer-Encoding", "chunked")])
        w.write(b"ffff\r\nonly this")
        await w.drain()
        return False

    async def do_silent(self, rq, r, w):
        await self._body(rq, r)
        return False

    async def do_reset(self, rq, r, w):
        w.transport.abort()
        return False

    async def do_bighead(self, rq, r, w):
        await self._body(rq, r)
        n = int(rq.path.split("/")[2])
        return await self._answer(rq, w, b"ok\n",
                                  headers=[("X-Big", "b" * n)])

    async def do_raw(self, rq, r, w):
        """/raw/NAME: the bytes of RAW, then the connection closes."""
        await self._body(rq, r)
        w.write(RAW[rq.path.split("/")[2]])
        await w.drain()
        await asyncio.sleep(0.2)
        return False


# Answers that two parsers could read differently, or that are not HTTP.
RAW = {
    "both-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                   b"Content-Length: 6\r\n\r\nabcdef",
    "bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nabcd",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"zz\r\nabc\r\n0\r\n\r\n",
    "bad-coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, foo\r\n"
                  b"\r\n0\r\n\r\n",
    "bad-status": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "bad-version": b"HTTP/7.3 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no-http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "nul": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "space-name": b"HTTP/1.1 200 OK\r\nX A : b\r\nContent-Length: 0\r\n\r\n",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\n"
               b"Connection: upgrade\r\n\r\nraw bytes",
}
