# SPDX-License-Identifier: Apache-2.0
"""`sallyport run` against a stand-in keeper: capture and cage."""
import os
import pathlib
import socket

import pytest

from sandbox_box import TIMEOUT, UID, box, needs_root, pem, until

assert box and pem  # fixtures
pytestmark = needs_root


# ---- capture ---------------------------------------------------------------

CONNECT = """
import json, socket
def ask(host, port):
    try:
        with socket.create_connection((host, port), 5) as s:
            return s.makefile().readline().strip()
    except OSError as e:
        return type(e).__name__
print(json.dumps([ask(h, p) for h, p in %r]))
"""

ANYWHERE = [("203.0.113.5", 443), ("8.8.8.8", 80), ("169.254.169.254", 80),
            ("10.1.2.3", 8443), ("192.168.0.1", 22),
            ("2001:db8::1", 443), ("fe80::1%lo", 80)]


@pytest.mark.parametrize("how", ["auto", "tproxy", "redirect", "ports"])
def test_every_connection_arrives_with_its_destination(box, how):
    got = box.py(CONNECT % ANYWHERE, opts=["--capture", how])
    want = [f"TCP {h.partition('%')[0]} {p}" for h, p in ANYWHERE]
    assert got == want
    assert box.keeper.captures[-1][0] == ("tproxy" if how == "auto" else how)


@pytest.mark.parametrize("how", ["tproxy", "redirect"])
def test_odd_ports_are_captured(box, how):
    odd = [("203.0.113.5", 1), ("203.0.113.5", 65535), ("1.1.1.1", 853)]
    got = box.py(CONNECT % odd, opts=["--capture", how])
    assert got == [f"TCP {h} {p}" for h, p in odd]


def test_port_list_refuses_other_ports(box):
    got = box.py(CONNECT % [("203.0.113.5", 81)], opts=["--capture", "ports"])
    assert got == ["ConnectionRefusedError"]


def test_without_nft_the_port_list_is_used(box):
    got = box.py(CONNECT % [("203.0.113.5", 443)],
                 opts=["--test-disable=nft"])
    assert got == ["TCP 203.0.113.5 443"]
    assert box.keeper.captures[-1][0] == "ports"


def test_own_loopback_is_the_programs(box):
    assert box.py("""
import json, socket
s = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(s.getsockname()); a, _ = s.accept()
c.sendall(b"x"); v6 = socket.create_server(("::1", 0), family=socket.AF_INET6)
d = socket.create_connection(v6.getsockname()[:2])
print(json.dumps([a.recv(1).decode(), socket.has_ipv6]))""") == ["x", True]


def test_host_loopback_is_not_reachable(box):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        got = box.py(CONNECT % [("127.0.0.1", port)])
    assert got == ["ConnectionRefusedError"]


@pytest.mark.parametrize("how", ["tproxy", "redirect"])
def test_udp_is_refused_fast_and_dns_is_answered(box, how):
    refused, elapsed, answers = box.py("""
import json, socket, time
start, got, answers = time.monotonic(), [], []
for fam, host, port in [(2, "203.0.113.5", 443), (2, "192.0.2.1", 123),
                        (10, "2001:db8::1", 443), (2, "8.8.8.8", 5353)]:
    s = socket.socket(fam, socket.SOCK_DGRAM); s.settimeout(3)
    try:
        s.sendto(b"x", (host, port)); got.append(s.recv(10).decode())
    except OSError as e:
        got.append(e.errno)
elapsed = time.monotonic() - start
for fam, host in [(2, "8.8.8.8"), (2, "10.200.0.53"), (10, "2001:4860::1")]:
    s = socket.socket(fam, socket.SOCK_DGRAM); s.settimeout(3)
    s.connect((host, 53)); s.send(b"query"); answers.append(s.recv(99).decode())
print(json.dumps([got, elapsed, answers]))""", opts=["--capture", how])
    assert refused == [1, 1, 1, 1]  # EPERM
    assert elapsed < 10
    assert answers == ["UDP 8.8.8.8\n", "UDP 10.200.0.53\n",
                       "UDP 2001:4860::1\n"]


def test_program_cannot_change_its_network(box):
    r = box.sh("/usr/sbin/nft flush ruleset; /sbin/ip link add type dummy; "
               "/sbin/ip addr add 1.2.3.4 dev lo; true")
    assert r.returncode == 0
    assert box.py(CONNECT % [("203.0.113.5", 443)]) == ["TCP 203.0.113.5 443"]


def test_listener_port_cannot_be_joined(box):
    got = box.py("""
import json, socket
out = []
for family, host in [(2, "0.0.0.0"), (10, "::"), (2, "203.0.113.5")]:
    s = socket.socket(family); s.setsockopt(1, 15, 1)
    s.setsockopt(1, 2, 1)
    try:
        s.bind((host, 15001)); s.listen(); out.append("bound")
    except OSError as e:
        out.append(e.errno)
print(json.dumps(out))""")
    assert got[:2] == [98, 98]  # EADDRINUSE


# ---- sockets of other families ---------------------------------------------

FAMILIES = """
import json, socket
out = {}
for family in range(0, 46):
    for kind in (1, 2, 3, 5, 10):
        try:
            socket.socket(family, kind, 0).close()
            out.setdefault(family, []).append(kind)
        except OSError:
            pass
for name, args in {"icmp": (2, 2, 1), "raw": (2, 3, 6), "packet": (2, 10, 3),
                   "sctp": (2, 1, 132), "smc": (2, 1, 256),
                   "route": (16, 3, 0), "nft": (16, 3, 12),
                   "diag": (16, 3, 4), "high": (2 | 1 << 32, 1, 0)}.items():
    try:
        socket.socket(*args).close()
        out[name] = True
    except (OSError, OverflowError):
        out[name] = False
print(json.dumps(out))
"""


def test_only_ordinary_sockets_exist(box):
    got = box.py(FAMILIES)
    families = {k: v for k, v in got.items() if k.isdigit()}
    assert families == {"1": [1, 2, 3, 5], "2": [1, 2], "10": [1, 2],
                        "16": [2, 3]}
    assert {k: v for k, v in got.items() if not k.isdigit()} == {
        "icmp": False, "raw": False, "packet": False, "sctp": False,
        "smc": False, "route": True, "nft": False, "diag": False,
        "high": False}


UNIX = """
import json, socket
out = []
for path in %r:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path.replace("@", "\\0", 1)); out.append("connected")
    except OSError as e:
        out.append(e.errno)
print(json.dumps(out))
"""


@pytest.mark.parametrize("disable", ["", "overlay", "landlock", "seccomp"])
def test_unix_sockets_of_the_host_are_dead(box, disable):
    places = ["/opt/sp-test.sock", "/var/lib/sp-test.sock", "/run/sp-test.sock",
              "/tmp/sp-test.sock", str(box.project / "editor.sock"),
              str(box.base / "home" / "agent.sock")]
    servers = []
    try:
        for path in [*places, "@sp-test"]:
            s = socket.socket(socket.AF_UNIX)
            s.bind(path.replace("@", "\0", 1))
            s.listen()
            servers.append(s)
            if path[0] == "/":
                os.chmod(path, 0o777)
        got = box.py(UNIX % [*places, "@sp-test",
                             box.env["SALLYPORT_SOCKET"]],
                     opts=[f"--test-disable={disable}"] if disable else [])
    finally:
        for s in servers:
            s.close()
        for path in places:
            os.unlink(path)
    assert "connected" not in got, dict(zip(places, got))


# ---- identity and cage -----------------------------------------------------

def test_identity(box):
    got = box.py("""
import json, os
st = dict(l.split(":\\t", 1) for l in open("/proc/self/status"))
print(json.dumps([os.getuid(), os.geteuid(), st["CapEff"].strip(),
    st["CapBnd"].strip(), st["CapPrm"].strip(), st["NoNewPrivs"].strip(),
    st["Seccomp"].strip(), open("/proc/self/uid_map").read().split()]))""")
    uid, euid, *caps, nnp, seccomp, uid_map = got
    assert uid == euid != 0
    assert uid == UID if box.uid else 61184 <= uid <= 65519
    assert set(caps) == {"0" * 16} and (nnp, seccomp) == ("1", "2")
    assert uid_map == [str(uid), "0", "1"]


def test_kernel_uid_is_never_root(box):
    p = box.popen("/bin/sleep", "20")
    try:
        assert until(lambda: box.keeper.captures)
        pid = box.keeper.captures[-1][1]
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        assert until(lambda: children.read_text().strip())
        child = children.read_text().split()[0]
        for who in (str(pid), child):
            line = [x for x in pathlib.Path(f"/proc/{who}/status").read_text()
                    .splitlines() if x.startswith("Uid")][0]
            assert "0" not in line.split()[1:]
    finally:
        p.terminate()
        p.wait(TIMEOUT)


FORBIDDEN = """
import ctypes, errno, json, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    ctypes.set_errno(0)
    r = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a
                       for a in args])
    return 0 if r >= 0 else ctypes.get_errno()
print(json.dumps({
    "unshare user": call(272, 0x10000000), "unshare net": call(272, 0x40000000),
    "clone user": call(56, 0x10000011, 0, 0, 0, 0),
    "clone3": call(435, 0, 0), "setns": call(308, 0, 0),
    "mount": call(165, b"none", b"/tmp", b"tmpfs", 0, 0),
    "umount": call(166, b"/etc", 2), "open_tree": call(428, -100, b"/", 1),
    "bpf": call(321, 0, 0, 0), "keyctl": call(250, 0, 0),
    "io_uring": call(425, 1, 0), "tiocsti": call(16, 0, 0x5412, b"x"),
    "tiocsti high": call(16, 0, 0x100005412, b"x"),
    "x32": call(0x40000000 + 39), "newer": call(470),
    "ptrace": call(101, 16, 1, 0, 0), "getpid": call(39)}))
"""


def test_forbidden_calls(box):
    got = box.py(FORBIDDEN)
    eperm, enosys = 1, 38
    assert got == {
        "unshare user": eperm, "unshare net": eperm, "clone user": eperm,
        "clone3": enosys, "setns": eperm, "mount": eperm, "umount": eperm,
        "open_tree": eperm, "bpf": eperm, "keyctl": eperm, "io_uring": enosys,
        "tiocsti": eperm, "tiocsti high": eperm, "x32": enosys,
        "newer": enosys, "ptrace": eperm, "getpid": 0}


@pytest.mark.parametrize("disable", ["seccomp", "landlock,seccomp"])
def test_without_seccomp_there_is_still_no_way_out(box, disable):
    got = box.py(FORBIDDEN, opts=[f"--test-disable={disable}"])
    for name in ("unshare user", "unshare net", "clone user", "mount",
                 "umount"):
        assert got[name] != 0, name


def test_init_is_closed(box):
    got = box.py("""
import json, os
out = {}
for name in ("environ", "mem", "root", "cwd", "fd", "maps", "ns/net", "exe"):
    path = "/proc/1/" + name
    try:
        if name in ("root", "cwd", "exe") or name.startswith("ns"):
            out[name] = os.readlink(path)
        elif name == "fd":
            out[name] = os.listdir(path)
        else:
            out[name] = open(path, "rb").read(100).hex()
    except OSError as e:
        out[name] = e.errno
try:
    os.kill(1, 9); out["kill"] = 0
except OSError as e:
    out["kill"] = e.errno
print(json.dumps(out))""")
    assert all(v in (1, 13) for k, v in got.items() if k != "kill"), got
    assert box.run("/bin/true").returncode == 0


def test_nothing_is_inherited(box):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        got = box.py("""
import json, os
me = os.listdir("/proc/self/fd")
print(json.dumps([sorted(int(f) for f in me if os.path.exists(
    "/proc/self/fd/" + f)), dict(os.environ)]))""", close_fds=False)
    finally:
        os.close(reader)
        os.close(writer)
    fds, env = got
    assert fds == [0, 1, 2]
    assert "SECRET_TOKEN" not in env and "SALLYPORT_SOCKET" not in env
    assert env["SALLYPORT_SANDBOX"] == "sb-test"
    assert env["SSL_CERT_FILE"] == "/run/sallyport/bundle.pem"
    assert env["HOME"] == box.env["HOME"]


def test_env_option(box):
    got = box.py("import os, json; print(json.dumps(dict(os.environ)))",
                 opts=["--env", "SECRET_TOKEN", "--env", "A=b=c"])
    assert got["SECRET_TOKEN"] == "do-not-leak" and got["A"] == "b=c"
