# SPDX-License-Identifier: Apache-2.0
"""Roles whose other side dies or lies."""
import array
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from support.gate import find_binary, wait_for

STARTER = """
import array, os, socket, sys, time
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
out = socket.socket(fileno=int(sys.argv[1]))
pid = os.fork()
if pid == 0:
    os.dup2(theirs.fileno(), 3)
    os.read(int(sys.argv[2]), 1)  # until the parent is gone
    os.execv(sys.argv[3], ["proxy", "--role=proxy"])
out.sendmsg([str(pid).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
            array.array("i", [ours.fileno()]))])
"""


def test_a_proxy_whose_keeper_is_gone_before_it_starts():
    """Also if somebody still holds the other end of its channel: it waited
    for ever, as its parent could not die any more."""
    a, b = socket.socketpair()
    r, w = os.pipe()
    p = subprocess.Popen(
        ["/usr/bin/python3", "-c", STARTER, str(b.fileno()), str(r),
         str(find_binary())], pass_fds=[b.fileno(), r],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    data, control, _, _ = a.recvmsg(32, socket.CMSG_SPACE(4))
    channel = socket.socket(fileno=array.array("i", control[0][2])[0])
    pidfd = os.pidfd_open(int(data))
    try:
        p.wait(10)
        os.write(w, b"x")
        wait_for(lambda: not pathlib.Path(f"/proc/{int(data)}").exists()
                 or is_over(int(data)), 5, "end of the proxy")
        channel.settimeout(1)
        assert channel.recv(100) == b"", "it said HELLO"
    finally:
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass
        for fd in (r, w, pidfd):
            os.close(fd)
        for s in (a, b, channel):
            s.close()


def is_over(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("after_hello", [False, True])
def test_a_proxy_whose_channel_ends_before_config(after_hello):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def child():
        os.dup2(theirs.fileno(), 3)
    p = subprocess.Popen([find_binary(), "--role=proxy"], close_fds=False,
                         preexec_fn=child, stdin=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    theirs.close()
    if after_hello:
        ours.settimeout(10)
        assert ours.recv(100)[0] == 0
    ours.close()
    start = time.monotonic()
    try:
        assert p.wait(5) != 0
    finally:
        p.kill()
        p.wait()
    assert time.monotonic() - start < 5
