# SPDX-License-Identifier: Apache-2.0
"""Registry and tools of the attack suite. Runs inside the sandbox.

A probe tries one thing. It raises Escape when it got what it must not get; an
OSError, or simply returning, means that the cage held. Any other exception is
a defect of the probe and reported as "broken": a probe that does not work
proves nothing.
"""
import concurrent.futures
import ctypes
import errno
import json
import os
import signal
import socket
import ssl
import sys
import traceback

TOKEN = b"CANARY-b7c1e2"
CONF = {}
LIBC = ctypes.CDLL(None, use_errno=True)
PROBES = []


class Escape(Exception):
    pass


class Control(Exception):
    """Something that must work inside does not."""


def probe(number, name, serial=False):
    def add(f):
        PROBES.append((number, name, f, serial))
        return f
    return add


def each(number, name, rows, serial=False):
    """One probe per row; the function gets the row."""
    def add(f):
        for row in rows:
            label = row[0] if isinstance(row, tuple) else row
            args = row if isinstance(row, tuple) else (row,)
            PROBES.append((number, f"{name} {label}",
                           lambda a=args: f(*a), serial))
        return f
    return add


def syscall(number, *args):
    """A system call by number, all arguments 64 bits wide."""
    ctypes.set_errno(0)
    LIBC.syscall.restype = ctypes.c_long
    r = LIBC.syscall(ctypes.c_long(number), *(
        a if isinstance(a, (bytes, ctypes._SimpleCData, ctypes.Array))
        or a is None else ctypes.c_ulong(a & (1 << 64) - 1) for a in args))
    if r < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return r


def must_fail(what, f, *args):
    """The call has to end in an OSError."""
    try:
        got = f(*args)
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    raise Escape(f"{what} succeeded: {str(got)[:80]}")


def no_token(data, what=""):
    if TOKEN in data:
        raise Escape(f"{what} answered {data[:60]!r}")
    return f"{len(data)} bytes, no canary"


def in_child(f):
    """Run f in a forked child, for what may kill or change the process."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        try:
            os.write(w, b"R" + str(f()).encode())
        except OSError as e:
            os.write(w, b"E%d" % (e.errno or 0))
        except Escape as e:
            os.write(w, b"X" + str(e).encode())
        finally:
            os._exit(0)
    os.close(w)
    data = os.read(r, 4096)
    os.close(r)
    _, status = os.waitpid(pid, 0)
    if data.startswith(b"X"):
        raise Escape(data[1:].decode())
    if data.startswith(b"E"):
        raise OSError(int(data[1:]), "in the child")
    if os.WIFSIGNALED(status):
        raise OSError(errno.EFAULT, f"signal {os.WTERMSIG(status)}")
    return data[1:].decode()


def lookup(name, family=socket.AF_INET):
    return socket.getaddrinfo(name, None, family,
                              socket.SOCK_STREAM)[0][4][0]


def recv_some(s, seconds=0.5, limit=65536):
    """What arrives until the peer closes, or falls silent."""
    s.settimeout(seconds)
    data = b""
    try:
        while len(data) < limit:
            block = s.recv(65536)
            if not block:
                break
            data += block
    except OSError:
        pass
    return data


def tcp_say(address, port, say=b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            seconds=0.5):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect(socket.getaddrinfo(address, port, family,
                                     socket.SOCK_STREAM)[0][4])
        if say:
            s.sendall(say)
        return recv_some(s, seconds)


def trust():
    ctx = ssl.create_default_context(
        cafile="/run/sallyport/bundle.pem"
        if os.path.exists("/run/sallyport/bundle.pem") else CONF.get("ca"))
    return ctx


def tls_say(address, port, sni, say, check=False, alpn=None, seconds=1.5):
    """TLS to an address with any server name; the answer's bytes."""
    ctx = trust()
    if not check:
        ctx.check_hostname = False
        ctx.verify_mode = ssl.CERT_NONE
    if alpn:
        ctx.set_alpn_protocols(alpn)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as raw:
        raw.settimeout(3)
        raw.connect((address, port))
        with ctx.wrap_socket(raw, server_hostname=sni) as s:
            s.sendall(say)
            data = recv_some(s, seconds)
            return data


def status_of(data):
    """Status of the first answer, or 0."""
    try:
        return int(data.split(b" ", 2)[1]) if data[:5] == b"HTTP/" else 0
    except (ValueError, IndexError):
        return 0


def run_one(item):
    number, name, f, _ = item
    try:
        verdict, detail = "held", f()
    except Escape as e:
        verdict, detail = "ESCAPE", str(e)
    except Control as e:
        verdict, detail = "BROKEN", str(e)
    except (OSError, ssl.SSLError) as e:
        verdict, detail = "held", f"{type(e).__name__}: {e}"
    except BaseException:
        verdict = "BROKEN"
        detail = traceback.format_exc(limit=-3)
    return {"class": number, "name": name, "verdict": verdict,
            "detail": str(detail)[:400]}


def run_all(only=None):
    """One JSON line per probe; network probes side by side."""
    signal.signal(signal.SIGALRM, lambda *a: os._exit(99))
    signal.alarm(50)
    chosen = [p for p in PROBES if only is None or p[0] in only]

    def tell(row):
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for row in pool.map(run_one, [p for p in chosen if not p[3]]):
            tell(row)
    for p in chosen:
        if p[3]:
            tell(run_one(p))
