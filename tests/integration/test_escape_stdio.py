# SPDX-License-Identifier: Apache-2.0
"""Ways out through the three descriptors that a program inherits.

A network socket as stdin belongs to the network outside: connect() with
AF_UNSPEC and again made it a connection to anywhere. A directory leads to all
files of the host where Landlock is missing.
"""
import os
import socket
import subprocess

import pytest

ALLOW = ["--allow", "site.test"]


def start(gate, script, stdio, opts=()):
    project = gate.project()
    args = gate.command("run", *ALLOW, *opts, "--cwd", project, "--",
                        "/bin/sh", "-c", script)
    files = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
             "stderr": subprocess.PIPE, **stdio}
    return subprocess.run(args, cwd=project, env=gate.env, timeout=20, **files)


def tcp_pair():
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    return client, server


def refused_ones(tmp_path):
    path = str(tmp_path / "s")
    client, server = tcp_pair()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    datagrams = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return {"tcp": client, "tcp listener": server, "udp": udp,
            "unix listener": listening, "unix datagrams": datagrams[0],
            "unconnected": socket.socket(socket.AF_UNIX),
            "netlink": socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
            "directory": os.open("/", os.O_RDONLY),
            "directory by path": os.open("/", os.O_PATH),
            "event": os.eventfd(0), "other end": datagrams[1]}


@pytest.mark.parametrize("which", ["stdin", "stdout", "stderr"])
def test_what_leads_outside_is_not_passed_on(each_gate, tmp_path, which):
    for name, what in refused_ones(tmp_path).items():
        r = start(each_gate, "echo ran > ran", {which: what})
        # Saying so to a socket without a peer is SIGPIPE.
        assert r.returncode == 2 or r.returncode == -13 and which == "stderr"
        if which != "stderr":
            assert which.encode() in r.stderr, r.stderr
        os.close(what) if isinstance(what, int) else what.close()


def test_what_is_usual_is_passed_on(each_gate, tmp_path):
    path = tmp_path / "file"
    path.write_text("hello\n")
    a, b = socket.socketpair()
    with a, b, open(path) as file:
        b.sendall(b"hello\n")
        b.shutdown(socket.SHUT_WR)
        for stdin in (file, a):
            r = start(each_gate, "cat", {"stdin": stdin})
            assert (r.returncode, r.stdout) == (0, b"hello\n"), r.stderr
    r, w = os.pipe()
    os.write(w, b"hello\n")
    os.close(w)
    p = start(each_gate, "cat; echo err >&2", {"stdin": r})
    assert p.stdout == b"hello\n" and p.stderr.endswith(b"err\n")
    os.close(r)


CLOSED = """
for n in 0 1 2; do readlink /proc/self/fd/$n; done > fds; ls /proc/self/fd > n
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_ones_are_not_filled_by_ours(each_gate, closed):
    """Else the channel to the keeper would become somebody's stderr."""
    project = each_gate.project()
    (project / "run.sh").write_text(CLOSED)
    args = each_gate.command("run", *ALLOW, "--cwd", project, "--", "/bin/sh",
                             "run.sh")
    r = subprocess.run(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *args],
                       cwd=project, env=each_gate.env, timeout=20,
                       stdin=subprocess.DEVNULL, capture_output=True)
    assert r.returncode == 0, r.stderr
    # 3 is that of ls, for the directory.
    assert set((project / "n").read_text().split()) <= {"0", "1", "2", "3"}
    told = (project / "fds").read_text().split()
    assert told[0] == "/dev/null" and told[1].endswith("/fds")
    assert told[2] == "/dev/null" or told[2].startswith("pipe:")
