# SPDX-License-Identifier: Apache-2.0
"""A keeper of its own for each test, with sandboxes and proxies to play.

The keeper is the real one in keeper_standin; its proxies are carried to the
test over TCP. A child of the test stands in for init.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

from . import ipc
from .ipc import (ACK, AUDIT, CLIENT, CONFIG, DONE, LAUNCHER, LISTENERS, PS,
                  READY, RUN, RUN_OK, Peer, Reader, source, text, u8, u32)

HERE = pathlib.Path(__file__).resolve().parent


def find(name):
    given = os.environ.get("SALLYPORT")
    base = (pathlib.Path(given).resolve().parent if given
            else HERE.parent.parent / "b-dev")
    return base / name


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


class Proxy:
    """One proxy process, by way of the stand-in."""

    def __init__(self, conn):
        self.conn = conn
        conn.settimeout(10)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.conn.recv(n - len(data))
            if not more:
                return None
            data += more
        return data

    def recv(self):
        head = self._exactly(4)
        if head is None:
            return None
        data = self._exactly(struct.unpack(">I", head)[0])
        self.fds = data[1]
        return data[0], data[2:]

    def expect(self, kind):
        got = self.recv()
        assert got is not None, f"closed instead of {ipc.TYPES[kind]}"
        assert got[0] == kind, f"{ipc.TYPES[got[0]]} {got[1]!r}"
        return Reader(got[1])

    def send(self, kind, body=b"", count=0):
        data = bytes([kind, count]) + body
        self.conn.sendall(struct.pack(">I", len(data)) + data)

    def config(self):
        r = self.expect(CONFIG)
        c = {"id": r.text(), "name": r.text(), "capture": r.num("B"),
             "epoch": r.num("I"), "instance": r.num("I"), "ca": r.raw(),
             "dns": r.text(), "first": r.num("Q"), "fds": self.fds}
        r.end()
        return c

    def gone(self):
        try:
            return self.recv() is None
        except ConnectionResetError:
            return True

    def die(self):
        """The stand-in exits when its test goes away."""
        self.conn.close()


class Box:
    """A sandbox without a sandbox."""

    def __init__(self, keeper, allow=("example.com",), **run):
        self.keeper = keeper
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(10)
        self.name = f"p-{self.server.getsockname()[1]}"
        self.peer = Peer(keeper.socket, LAUNCHER)
        self.init = subprocess.Popen(["sleep", "1000"])
        self.sockets = []
        self.allow = allow
        self.command = "agent --flag"

    def run(self, src=None, name=None):
        self.peer.send(RUN, text(self.name if name is None else name) +
                       text(self.command) + text("A") + text("/tmp"),
                       [src or source(allow=self.allow)])

    def run_ok(self):
        r = self.peer.expect(RUN_OK)
        self.id, name, self.pem = r.text(), r.text(), r.text()
        self.ca_hash = r.num("I")
        self.ports = [r.num("H") for _ in range(r.num("H"))]
        r.end()
        return name

    def make_fds(self):
        pidfd = os.pidfd_open(self.init.pid)
        diag = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.sockets = [diag, udp, self.tcp]
        return [pidfd] + [s.fileno() for s in self.sockets]

    def listeners(self, fds=None, pid=None, capture=0):
        fds = fds or self.make_fds()
        self.peer.send(LISTENERS, u8(capture) +
                       u32(self.init.pid if pid is None else pid), fds)
        os.close(fds[0])

    def proxy(self):
        return Proxy(self.server.accept()[0])

    def start(self):
        """Up to a configured proxy that is ready."""
        self.run()
        self.run_ok()
        self.listeners()
        p = self.proxy()
        self.config = p.config()
        p.send(READY, text(spki()))
        # READY travels by way of the stand-in; this one comes behind it.
        p.send(AUDIT, u32(0))
        p.expect(ACK)
        return p

    def close(self):
        for s in self.sockets + [self.server]:
            s.close()
        self.peer.close()
        self.init.kill()
        self.init.wait()


class Keeper:
    def __init__(self, base, idle_ms=60000):
        self.base = base
        self.dir = base / "k"
        self.dir.mkdir(mode=0o700)
        self.socket = self.dir / "keeper.sock"
        self.state = base / "state"
        self.log = self.state / "audit" / "audit.jsonl"
        # A proxy of root executes this under another uid.
        self.binary = base / "keeper_standin"
        shutil.copy2(find("keeper_standin"), self.binary)
        self.binary.chmod(0o755)
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(base),
                    "SALLYPORT_SOCKET": str(self.socket),
                    "SALLYPORT_STATE": str(self.state),
                    "SALLYPORT_IDLE_MS": str(idle_ms)}
        self.process = None
        self.boxes = []

    def command(self, *args, **kw):
        return subprocess.run([self.binary, *args], env=self.env, timeout=30,
                              capture_output=True, text=True, **kw)

    def start(self):
        self.stderr = open(self.base / "stderr", "w+b")
        self.process = subprocess.Popen([self.binary, "keeper"], env=self.env,
                                        stderr=self.stderr)
        wait_for(self.listens)
        return self

    def listens(self):
        try:
            Peer(self.socket, CLIENT).close()
        except OSError:
            return False
        return True

    def box(self, **kw):
        self.boxes.append(Box(self, **kw))
        return self.boxes[-1]

    def client(self):
        return Peer(self.socket, CLIENT)

    def ps(self):
        c, rows = self.client(), []
        c.send(PS)
        while True:
            kind, body = c.recv()
            if kind == DONE:
                c.close()
                return rows
            r = Reader(body)
            rows.append({
                "id": r.text(), "name": r.text(), "command": r.text(),
                "state": r.text(), "pid": r.num("I"), "start": r.num("Q"),
                "epoch": r.num("I"), "hash": r.text(), "tier": r.text(),
                "capture": r.num("B"), "transactions": r.num("Q"),
                "denied": r.num("Q"), "open": r.num("Q"),
                "restarts": r.num("I"), "proxy": r.num("I")})
            r.end()

    def records(self, kind=None):
        got = [json.loads(x) for x in self.log.read_text().splitlines()]
        return [r for r in got if kind is None or r["type"] == kind]

    def stop(self):
        for b in self.boxes:
            b.close()
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=10)
        self.stderr.seek(0)
        said = self.stderr.read().decode()
        self.stderr.close()
        assert "Sanitizer" not in said, said
        assert code == 0, said


_spki = []


def spki():
    """A public key as a proxy would send it (openssl makes one)."""
    if not _spki:
        key = subprocess.run(
            ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
             "ec_paramgen_curve:P-256"], capture_output=True, check=True)
        _spki.append(subprocess.run(
            ["openssl", "pkey", "-pubout", "-outform", "DER"],
            input=key.stdout, capture_output=True, check=True).stdout)
    return _spki[0]
