# SPDX-License-Identifier: Apache-2.0
"""Roles whose other side dies or lies."""
import array
import fcntl
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

import pytest

from support import ipc
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


# ---- messages ----------------------------------------------------------------

def bad_source(rng):
    """Something instead of a sealed memory file with a policy source."""
    def sparse():
        fd = os.memfd_create("big", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, 1 << 40)
        fcntl.fcntl(fd, ipc.F_ADD_SEALS, ipc.SEALS)
        return fd
    return rng.choice([
        lambda: ipc.memfd(rng.randbytes(rng.randrange(500))),
        lambda: ipc.memfd(b"x" * 10, seals=0), sparse,
        lambda: os.open("/dev/zero", os.O_RDONLY),
        lambda: os.open("/", os.O_PATH), lambda: os.eventfd(0),
        lambda: socket.socket().detach(), lambda: os.pidfd_open(os.getpid()),
    ])()


def good_listeners(init):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    return [os.pidfd_open(init.pid),
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4).detach(),
            udp.detach(), socket.create_server(("127.0.0.1", 0)).detach()]


def message(rng, kind, init):
    """(body, descriptors): right, or wrong in one way or another."""
    if rng.random() < 0.15:
        n = rng.choice([0, 1, 2, 40, ipc.RUN, 12288, 12289, 20000])
        return rng.randbytes(n), [bad_source(rng)
                                  for _ in range(rng.randrange(33))]
    name = rng.choice([b""] * 14 + [b"x", b"n" * 63, b"n" * 70, b"../x",
                                    b"a\0b", b"\xff\xff", b"a\nb"])
    if kind in (ipc.RUN, ipc.POLICY):
        fd = ipc.source(allow=["a.test"]) if rng.random() < 0.6 \
            else bad_source(rng)
        run = ipc.text(name) + ipc.text(b"c" * rng.choice([1, 512, 512, 513])) \
            + ipc.text("A") + ipc.text("/tmp")
        return run if kind == ipc.RUN else ipc.text(name), [fd]
    if kind == ipc.LISTENERS:
        pid = rng.choice([init.pid] * 6 + [0, 1, 1 << 31])
        fds = good_listeners(init) if rng.random() < 0.8 else \
            [bad_source(rng) for _ in range(4)]
        return ipc.u8(rng.choice([0, 0, 1, 2, 2, 3])) + ipc.u32(pid), fds
    if kind == ipc.ENDED:
        return ipc.u32(rng.randrange(1 << 32)), []
    return b"" if kind == ipc.PS else ipc.text(name), []


TALKS = [[ipc.RUN, ipc.LISTENERS, ipc.ENDED], [ipc.RUN, ipc.RUN], [ipc.ENDED],
         [ipc.LISTENERS], [ipc.RUN, ipc.POLICY, ipc.POLICY], [ipc.RUN],
         [ipc.RUN, ipc.LISTENERS, ipc.LISTENERS], [ipc.RUN, ipc.ENDED,
         ipc.LISTENERS], [ipc.PS] * 9, [ipc.KILL], [ipc.CONFIG], [255]]


def talk(rng, path, init):
    peer = ipc.Peer(path, rng.choice([ipc.LAUNCHER] * 6 + [ipc.CLIENT, None]))
    peer.sock.settimeout(0.1)
    try:
        for kind in rng.choice(TALKS):
            body, fds = message(rng, kind, init)
            try:
                peer.send(kind, body, fds, rng.randrange(256)
                          if rng.random() < 0.03 else None)
            finally:
                for fd in fds:
                    os.close(fd)
            if rng.random() < 0.8 and peer.recv() is None:
                break
    except OSError:
        pass  # refused: closed while we were talking
    finally:
        peer.close()


def fds_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_talks_leave_the_keeper_as_it_was(new_gate, seed):
    gate = new_gate("root" if os.geteuid() == 0 else "user")
    assert gate.run(["true"], allow=["site.test"]).code == 0
    keeper, rng = gate.keeper_pid(), random.Random(seed)
    wait_for(lambda: gate.cli("ps").stdout.count("\n") <= 1, 10, "its end")
    before = fds_of(keeper)
    for _ in range(150):
        with subprocess.Popen(["sleep", "60"]) as init:
            talk(rng, gate.socket, init)
            init.kill()
    wait_for(lambda: fds_of(keeper) <= before + 1, 15, "descriptors")
    assert gate.keeper_pid() == keeper
    assert gate.run(["true"], allow=["site.test"]).code == 0
    started = {r["sb"] for r in gate.all_records()
               if r["type"] == "sandbox.start"}
    stopped = {r["sb"] for r in gate.all_records()
               if r["type"] == "sandbox.stop"}
    assert started == stopped and len(started) > 2
    assert gate.cli("audit", "verify").code == 0
