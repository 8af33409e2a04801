# SPDX-License-Identifier: Apache-2.0
"""Files that a program leaves behind, and what it sees of other paths."""
import os
import pathlib
import stat

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
