# SPDX-License-Identifier: Apache-2.0
"""Files that a program leaves behind, and what it sees of other paths."""
import os
import pathlib
import socket
import stat
import subprocess

import pytest

ALLOW = ["site.test"]

SUID = """
import ctypes, os, stat
libc = ctypes.CDLL(None, use_errno=True)
open("x", "w").close()
tries = {
    "chmod": lambda: libc.syscall(90, b"x", 0o4755),
    "chmod high": lambda: libc.syscall(90, b"x", 0o2755 | 1 << 40),
    "fchmod": lambda: libc.syscall(91, os.open("x", 0), 0o6755),
    "fchmodat": lambda: libc.syscall(268, -100, b"x", 0o4755),
    "fchmodat2": lambda: libc.syscall(452, -100, b"x", 0o4755, 0),
    "open": lambda: libc.syscall(2, b"a", 0o101, 0o4755),
    "tmpfile": lambda: libc.syscall(2, b".", 0o20200001, 0o4755),
    "creat": lambda: libc.syscall(85, b"b", 0o4755),
    "openat": lambda: libc.syscall(257, -100, b"c", 0o101, 0o2755),
    "openat2": lambda: libc.syscall(437, -100, b"d", (ctypes.c_uint64 * 3)(
        0o101, 0o4755, 0), 24),
    "mknod": lambda: libc.syscall(133, b"e", 0o104755, 0),
    "mknodat": lambda: libc.syscall(259, -100, b"f", 0o104755, 0),
}
for name, f in tries.items():
    ctypes.set_errno(0)
    if f() >= 0:
        print(name, "worked")
os.umask(0)
os.chmod("x", 0o755)
os.close(os.open("y", os.O_CREAT | os.O_WRONLY, 0o755))
os.close(os.open("y", os.O_RDONLY, 0o7777))  # no mode without O_CREAT
os.mkdir("t")
os.chmod("t", 0o1777)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
def test_no_setuid_file_is_left_behind(each_gate):
    """In a project of root it would be a setuid-root program outside."""
    project = each_gate.project()
    r = each_gate.python(SUID, project=project, allow=ALLOW)
    assert r.code == 0 and r.stdout == "", r
    for path in pathlib.Path(project).rglob("*"):
        assert not path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID), path
    assert stat.S_IMODE((project / "t").stat().st_mode) == 0o1777


# ---- sockets below paths that are shown ------------------------------------

CONNECT = """
import json, os, socket, sys
out = {}
for path in sys.argv[1:]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_UNIX, kind)
        try:
            s.connect(path)
            out[path] = "connected"
        except OSError as e:
            out.setdefault(path, e.errno)
print(json.dumps(out))
"""


HELLO = """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(5)
try:
    s.connect(sys.argv[1])
    s.send(bytes([0, 0, 0, 0, 0, 1, 16]))
    print("answered" if s.recv(100) else "refused")
except (ConnectionResetError, BrokenPipeError):
    print("refused")
"""


def listen(gate, path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(path))
    os.chmod(path, 0o777)
    gate.own(path)
    s.listen()
    return s


@pytest.mark.parametrize("disable", ["", "overlay"])
def test_sockets_below_shown_paths_are_dead(each_gate, base, disable):
    """docker.sock by --ro /run, agents by --ro /tmp."""
    shown = base / f"shown-{os.urandom(3).hex()}"
    (shown / "deep" / "er").mkdir(parents=True)
    for d in (shown, shown / "deep", shown / "deep/er"):
        each_gate.own(d)
    (shown / "deep" / "file").write_text("here\n")
    paths = [shown / "a.sock", shown / "deep/er/b.sock"]
    kept = [listen(each_gate, p) for p in paths]
    opts = ["--ro", shown]
    if disable:
        opts.append(f"--test-disable={disable}")
    r = each_gate.python(CONNECT + f"print(open({str(shown)!r} + "
                         "'/deep/file').read())", *paths, allow=ALLOW,
                         opts=opts)
    assert r.code == 0 and "connected" not in r.stdout, r
    # ECONNREFUSED through an overlay, EACCES where it is masked.
    assert r.stdout.count(": 111") + r.stdout.count(": 13") == 2, r
    assert "here" in r.stdout
    assert len(kept) == 2


def test_sockets_that_come_later_are_dead(each_gate, base):
    shown = base / f"shown-{os.urandom(3).hex()}"
    shown.mkdir()
    each_gate.own(shown)
    project = each_gate.project()
    (project / "s.py").write_text(
        "import sys\nprint('up', flush=True)\nsys.stdin.readline()\n"
        + CONNECT)
    if each_gate.launcher == "root":
        # Other people's directories are id-mapped, which overlays cannot be.
        os.chmod(shown, 0o777)
    p = each_gate.start(["/usr/bin/python3", "s.py", shown / "late.sock"],
                        allow=ALLOW, opts=["--ro", shown], project=project,
                        stdin=subprocess.PIPE)
    assert p.stdout.readline() == b"up\n"
    with listen(each_gate, shown / "late.sock"):
        out, err = p.communicate(b"\n", timeout=20)
    assert p.returncode == 0 and b"connected" not in out, out + err


@pytest.mark.parametrize("option", ["--ro", "--rw", "--project"])
@pytest.mark.parametrize("what", ["k", "k/keeper.sock", "state",
                                  "state/audit"])
def test_the_keepers_places_are_not_shown(new_gate, option, what):
    """Who reaches the socket replaces the policy of any sandbox."""
    gate = new_gate("user")
    assert gate.run(["true"], allow=ALLOW).code == 0  # all of it exists
    path = gate.dir / what
    if option == "--project" and not path.is_dir():
        return
    r = gate.run(["true"], allow=ALLOW, opts=[option, path])
    assert r.code == 2 and "keeper" in r.stderr, r


@pytest.mark.parametrize("option", ["--ro", "--rw", "--project"])
def test_the_keepers_places_are_empty_where_they_are_shown(new_gate, option):
    gate = new_gate("user")
    home = gate.dir.parent / f"home-{os.urandom(3).hex()}"
    home.mkdir()
    gate.own(home)
    (gate.dir / "file").write_text("here")
    r = gate.run(["/bin/sh", "-c", f"cd {gate.dir}; cat file; ls -A k state; "
                  "mv k k2; mv state s2; touch k/x state/x; true"],
                 allow=ALLOW, opts=[option, gate.dir], env={"HOME": str(home)})
    assert r.code == 0, r
    assert r.stdout.split() == ["herek:", "state:"], r
    assert "busy" in r.stderr or "Read-only" in r.stderr


def test_a_keeper_does_not_listen_to_a_sandbox(new_gate):
    """Should the socket ever be reached: whoever is inside has the same uid."""
    gate = new_gate("user")
    assert gate.run(["true"], allow=ALLOW).code == 0
    r = subprocess.run(
        gate.command("-c", HELLO, gate.socket)[:-4] +
        ["unshare", "--user", "--pid", "--fork", "/usr/bin/python3", "-c",
         HELLO, str(gate.socket)], capture_output=True, timeout=20)
    assert b"refused" in r.stdout, r
    r = subprocess.run(
        gate.command("-c", HELLO, gate.socket)[:-4] +
        ["/usr/bin/python3", "-c", HELLO, str(gate.socket)],
        capture_output=True, timeout=20)
    assert b"answered" in r.stdout, r


# ---- what one sandbox can take of the machine --------------------------------

USED = """
import json, os
seen, total, inodes = set(), 0, 0
for line in open("/proc/self/mountinfo"):
    part = line.split(" - ")
    point, dev = part[0].split()[4], part[0].split()[2]
    if part[1].split()[0] != "tmpfs" or dev in seen:
        continue
    seen.add(dev)
    v = os.statvfs(point)
    total += v.f_blocks * v.f_frsize
    inodes += v.f_files
try:
    open("/proc/pressure/io", "w").close()
    pressure = "open"
except OSError:
    pressure = "closed"
print(json.dumps({"total": total, "inodes": inodes, "pressure": pressure}))
"""


def test_what_is_in_memory_is_bounded(each_gate):
    """No process owns the pages of a tmpfs: when they are too many, the
    kernel ends processes of the host."""
    r = each_gate.python(USED, allow=ALLOW)
    assert r.code == 0, r
    got = r.json()
    ram = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert got["total"] < ram * 0.6, (got, ram)
    assert got["inodes"] <= 1 << 21  # about a kilobyte each
    assert got["pressure"] == "closed"
