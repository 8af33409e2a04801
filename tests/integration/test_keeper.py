# SPDX-License-Identifier: Apache-2.0
"""The keeper as launchers, clients and proxies meet it.

The keeper is the real one in keeper_standin; its proxies are played by these
tests over TCP. Nothing here needs a sandbox: a child of the test stands in for
init, its listeners are made in the namespace of the test.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import ipc  # noqa: E402
from support.ipc import (ACK, AUDIT, CLIENT, DONE, ENDED, FAIL, HELLO, KILL,
                         LAUNCHER, LEAF, LISTENERS, MINT, NOTICE, POLICY,
                         POLICY_OK, PS, READY, RUN, STOP, Peer, addr, source,
                         text, u8, u16, u32, u64)
from support.keeper import Keeper, spki, wait_for  # noqa: E402


@pytest.fixture
def idle_keeper():
    # Not pytest's folder: other users must come as far as the socket.
    base = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-keeper-"))
    base.chmod(0o755)
    k = Keeper(base)
    try:
        yield k
        k.stop()
    finally:
        shutil.rmtree(base)


@pytest.fixture
def keeper(idle_keeper):
    return idle_keeper.start()


# ---------------------------------------------------------------- who may talk

def test_hello_is_answered_and_comes_first(keeper):
    p = Peer(keeper.socket)
    p.send(HELLO, u32(1) + u8(CLIENT))
    assert p.recv() == (HELLO, u32(1) + u8(ipc.KEEPER))
    p.close()
    for kind, body in [(PS, b""), (RUN, b""), (KILL, text("x"))]:
        p = Peer(keeper.socket)
        p.send(kind, body)
        assert p.closed()


@pytest.mark.parametrize("body", [
    pytest.param(u32(1) + u8(ipc.KEEPER), id="keeper"),
    pytest.param(u32(1) + u8(ipc.PROXY), id="proxy"),
    pytest.param(u32(1) + u8(LAUNCHER | CLIENT), id="two-roles"),
    pytest.param(u32(1) + u8(64), id="guest"),
    pytest.param(u32(1), id="short"),
    pytest.param(u32(1) + u8(CLIENT) + b"x", id="trailing"),
])
def test_hello_must_be_right(keeper, body):
    p = Peer(keeper.socket)
    p.send(HELLO, body)
    assert p.recv() is None


def test_another_version_is_told_and_dropped(keeper):
    p = Peer(keeper.socket, CLIENT, version=2)
    assert p.recv() is None


@pytest.mark.parametrize("role, kind, body, fds", [
    pytest.param(CLIENT, RUN, text("a") * 4, 1, id="client-runs"),
    pytest.param(CLIENT, ENDED, u32(0), 0, id="client-ends"),
    pytest.param(LAUNCHER, PS, b"", 0, id="launcher-lists"),
    pytest.param(LAUNCHER, KILL, text("a"), 0, id="launcher-kills"),
    pytest.param(CLIENT, PS, b"x", 0, id="longer-than-its-row"),
    pytest.param(CLIENT, KILL, text("a") + b"x", 0, id="trailing"),
    pytest.param(CLIENT, KILL, text("a"), 1, id="unasked-descriptor"),
    pytest.param(CLIENT, POLICY, text("a"), 0, id="no-descriptor"),
    pytest.param(CLIENT, HELLO, u32(1) + u8(CLIENT), 0, id="hello-again"),
    pytest.param(CLIENT, 255, b"", 0, id="no-such-type"),
    pytest.param(CLIENT, ACK, u32(1) + u8(1), 0, id="of-another-channel"),
    pytest.param(LAUNCHER, ENDED, u32(0), 0, id="ended-without-run"),
    pytest.param(LAUNCHER, LISTENERS, u8(0) + u32(2), 4, id="no-run"),
])
def test_who_breaks_the_rules_is_dropped(keeper, role, kind, body, fds):
    p = Peer(keeper.socket, role)
    p.send(kind, body, [0] * fds)
    assert p.closed()
    assert keeper.ps() == []


def test_the_header_must_match_the_descriptors(keeper):
    p = Peer(keeper.socket, CLIENT)
    p.send(PS, count=1)
    assert p.closed()


# ------------------------------------------------------------------ a sandbox

def test_life_of_a_sandbox(keeper):
    b = keeper.box(allow=("example.com", "ssh.example.com:22"))
    b.run()
    assert b.run_ok() == b.name
    assert len(b.id) == 12
    assert "BEGIN CERTIFICATE" in b.pem
    assert {22, 80, 443} & set(b.ports) == set(b.ports) & {22, 80, 443}
    assert keeper.ps()[0]["state"] == "starting"
    b.listeners()
    p = b.proxy()
    c = p.config()
    assert (c["id"], c["name"], c["capture"]) == (b.id, b.name, 0)
    assert (c["epoch"], c["instance"], c["first"]) == (1, 1, 1)
    assert c["fds"] == 5  # policy, roots, hosts, UDP, TCP
    assert c["ca"][0] == 0x30 and c["dns"]
    p.send(READY, text(spki()))
    row = wait_for(lambda: [r for r in keeper.ps()
                            if r["state"] == "running"])[0]
    assert (row["pid"], row["command"]) == (b.init.pid, "agent --flag")
    b.peer.send(ENDED, u32(7))
    p.expect(STOP)
    p.die()
    assert b.peer.closed()
    assert keeper.ps() == []
    # The connection is closed only when everything is written.
    types = [r["type"] for r in keeper.records()]
    assert types == ["log.open", "sandbox.start", "policy.load",
                     "proxy.start", "sandbox.stop"]
    stop = keeper.records("sandbox.stop")[0]
    assert (stop["status"], stop["reason"]) == (7, "exited")


@pytest.mark.parametrize("make, message", [
    (lambda: source("allowed_hosts: [\n"), "yaml:2:1"),
    (lambda: source("no_such_key: 1\n"), "no_such_key"),
    (lambda: source(allow=["bad host"]), "bad host"),
    (lambda: source(tail=b"x"), "source"),
    (lambda: ipc.memfd(b"\xff\xff\xff\xff"), "source"),
    (lambda: ipc.memfd(b"", seals=0), "source"),
    (lambda: os.open("/dev/zero", os.O_RDONLY), "source"),
    (lambda: source("tls:\n  roots: [/nonexistent/ca.pem]\n"), "roots"),
])
def test_a_bad_policy_is_explained(keeper, make, message):
    b = keeper.box()
    b.run(make())
    said = b.peer.expect(FAIL).text()
    assert message in said, said
    assert b.peer.closed()
    assert keeper.ps() == []


@pytest.mark.parametrize("name", ["../x", "a b", "-x", "\x1b[0m"])
def test_a_bad_name_is_refused(keeper, name):
    b = keeper.box()
    b.run(name=name)
    assert "name" in b.peer.expect(FAIL).text()


def test_names_are_unique_and_made_up(keeper):
    a, b, c = keeper.box(), keeper.box(), keeper.box()
    a.run(name="same")
    assert a.run_ok() == "same"
    b.run(name="same")
    assert "same" in b.peer.expect(FAIL).text()
    c.run(name="")
    assert c.run_ok().count("-") == 2
    assert a.id != c.id


@pytest.mark.parametrize("spoil, message", [
    (lambda b, f: (f, 1), "pidfd"),
    (lambda b, f: ([f[0], f[2], f[2], f[3]], None), "sock_diag"),
    (lambda b, f: ([f[0], f[1], f[3], f[3]], None), "UDP"),
    (lambda b, f: ([f[0], f[1], f[2], f[2]], None), "listen"),
    (lambda b, f: ([os.dup(f[1]), f[1], f[2], f[3]], None), "pidfd"),
])
def test_listeners_are_checked(keeper, spoil, message):
    b = keeper.box()
    b.run()
    b.run_ok()
    fds, pid = spoil(b, b.make_fds())
    b.listeners(fds, pid)
    assert message in b.peer.expect(FAIL).text()
    assert b.peer.closed()
    assert keeper.ps() == []


def test_the_most_listeners_there_can_be(keeper):
    b = keeper.box()
    b.run()
    b.run_ok()
    fds = b.make_fds()
    b.listeners(fds + [fds[3]] * 27)
    assert b.proxy().config()["fds"] == 32
    other = keeper.box()
    other.run()
    other.run_ok()
    fds = other.make_fds()
    other.listeners(fds + [fds[3]] * 28)
    assert other.peer.closed()


def test_over_before_the_keeper_looked(keeper):
    """Once: FAIL to a launcher that was gone ended the keeper."""
    for pid in (None, 1):  # a good one, and one that is refused
        b = keeper.box()
        b.run()
        b.run_ok()
        fds = b.make_fds()
        b.init.kill()
        b.init.wait()
        keeper.process.send_signal(signal.SIGSTOP)
        b.listeners(fds, pid)
        b.peer.send(ENDED, u32(0))
        b.peer.close()
        keeper.process.send_signal(signal.SIGCONT)
        wait_for(lambda: not keeper.ps())
    assert [r["type"] for r in keeper.records()].count("sandbox.start") == 1
    assert [r["status"] for r in keeper.records("sandbox.stop")] == [0]


def test_run_of_a_launcher_that_is_gone(keeper):
    for src in (None, source("nope: 1\n")):
        b = keeper.box()
        keeper.process.send_signal(signal.SIGSTOP)
        b.run(src)
        b.peer.close()
        keeper.process.send_signal(signal.SIGCONT)
        wait_for(lambda: not keeper.ps())


def test_launcher_that_vanishes_takes_the_sandbox_along(keeper):
    b = keeper.box()
    p = b.start()
    b.peer.close()
    assert b.init.wait(timeout=10) == -signal.SIGKILL
    p.expect(STOP)
    p.die()
    wait_for(lambda: keeper.records("sandbox.stop"))
    stop = keeper.records("sandbox.stop")[0]
    assert stop["reason"] == "launcher gone" and "status" not in stop


def test_end_of_init_ends_the_sandbox_without_its_launcher(keeper):
    b = keeper.box()
    p = b.start()
    b.init.kill()
    p.expect(STOP)
    p.die()
    assert b.peer.closed()
    assert keeper.records("sandbox.stop")[0]["reason"] == "exited"
    assert keeper.ps() == []


def test_proxy_that_does_not_stop_is_killed(keeper):
    b = keeper.box()
    p = b.start()
    pid = wait_for(lambda: keeper.ps()[0]["proxy"])
    b.peer.send(ENDED, u32(0))
    p.expect(STOP)
    # It goes on holding its connection; the keeper waits two seconds.
    assert b.peer.closed()
    assert not pathlib.Path(f"/proc/{pid}").exists()
    p.die()


# ---------------------------------------------------------------- clients

def test_kill(keeper):
    b = keeper.box()
    p = b.start()
    c = keeper.client()
    c.send(KILL, text("nobody"))
    assert "no such" in c.expect(FAIL).text()
    c.send(KILL, text(b.id))
    c.expect(DONE)
    assert b.init.wait(timeout=10) == -signal.SIGKILL
    assert "operator" in b.peer.expect(NOTICE).text()
    p.expect(STOP)
    b.peer.send(ENDED, u32(137))
    p.die()
    assert b.peer.closed()
    assert [r["type"] for r in keeper.records()][-2:] == [
        "kill", "sandbox.stop"]
    assert keeper.records("sandbox.stop")[0]["status"] == 137


def test_kill_before_there_is_anything_to_kill(keeper):
    b = keeper.box()
    b.run()
    b.run_ok()
    c = keeper.client()
    c.send(KILL, text(b.name))
    c.expect(DONE)
    b.peer.expect(NOTICE)
    b.peer.expect(KILL)
    wait_for(lambda: not keeper.ps())


def test_new_policy(keeper):
    b = keeper.box()
    p = b.start()
    first = keeper.ps()[0]["hash"]
    c = keeper.client()
    c.send(POLICY, text(b.name), [source(allow=["other.example"])])
    r = c.expect(POLICY_OK)
    assert r.num("I") == 2
    second = r.text()
    assert second != first
    assert p.expect(POLICY).num("I") == 2 and p.fds == 1
    # A bad one changes nothing.
    c.send(POLICY, text(b.name), [source("nope: 1\n")])
    assert "nope" in c.expect(FAIL).text()
    c.send(POLICY, text("nobody"), [source()])
    assert "no such" in c.expect(FAIL).text()
    c.send(POLICY, text(b.name),
           [source("tls:\n  roots: [/etc/ssl/certs/ca-certificates.crt]\n")])
    assert "tls.roots" in c.expect(FAIL).text()
    row = keeper.ps()[0]
    assert (row["epoch"], row["hash"]) == (2, second)
    # The launcher needs no name for its own.
    b.peer.send(POLICY, text(""), [source(allow=["third.example"])])
    assert b.peer.expect(POLICY_OK).num("I") == 3
    assert p.expect(POLICY).num("I") == 3
    assert [x["pe"] for x in keeper.records("policy.load")] == [1, 2, 3]
    # A proxy that is started now begins with the current one.
    p.die()
    assert b.proxy().config()["epoch"] == 3


# ---------------------------------------------------------------- the proxy

def test_mint(keeper):
    b = keeper.box()
    p = b.start()
    for n, (host, good) in enumerate([
            ("example.com", True), ("10.0.0.1", True), ("[2001:db8::1]", True),
            ("Example.com", False), ("example.com.", False), ("", False),
            ("a b", False)]):
        p.send(MINT, u32(n) + text(host))
        r = p.expect(LEAF)
        assert r.num("I") == n
        assert r.num("B") == good, host
        der = r.raw()
        r.end()
        assert bool(der) == good
        if host == "example.com":
            check_leaf(der, b.pem)


def check_leaf(der, pem, name="example.com"):
    leaf = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / (
        f"sallyport-leaf-{os.getpid()}.pem")
    ca = leaf.with_suffix(".ca")
    try:
        ca.write_text(pem)
        subprocess.run(["openssl", "x509", "-inform", "DER", "-out", leaf],
                       input=der, check=True, timeout=10)
        r = subprocess.run(["openssl", "verify", "-CAfile", ca,
                            "-verify_hostname", name, leaf],
                           capture_output=True, text=True, timeout=10)
        assert r.returncode == 0, r.stderr
    finally:
        leaf.unlink(missing_ok=True)
        ca.unlink(missing_ok=True)


def test_mint_has_a_rate(keeper):
    b = keeper.box()
    p = b.start()
    good, begin = 0, time.monotonic()
    for n in range(400):
        p.send(MINT, u32(n) + text(f"h{n}.example"))
    for n in range(400):
        r = p.expect(LEAF)
        assert r.num("I") == n
        good += r.num("B")
    took = time.monotonic() - begin
    assert 200 <= good <= 200 + 50 * (took + 1)
    assert good < 400 or took > 3.5


def conn_item(conn, client, dest):
    return (u8(3) + u64(conn) + addr(client[0]) + u16(client[1]) +
            addr(dest[0]) + u16(dest[1]))


def test_batches_are_acknowledged_in_order(keeper):
    b = keeper.box()
    p = b.start()
    for n in range(1, 51):
        p.send(AUDIT, u32(n))
    last = 0
    while last < 50:
        r = p.expect(ACK)
        n = r.num("I")
        assert n > last and r.num("B") == 1
        last = n


@pytest.mark.parametrize("kind, body, count", [
    pytest.param(READY, text(b"x"), 0, id="ready-twice"),
    pytest.param(READY, b"", 0, id="short-ready"),
    pytest.param(MINT, u32(1) + text("a") + b"x", 0, id="trailing"),
    pytest.param(MINT, u32(1) + text("a" * 300), 0, id="long-host"),
    pytest.param(AUDIT, u32(1) + u8(9), 0, id="unknown-item"),
    pytest.param(AUDIT, u32(1) + u8(3) + b"\0" * 5, 0, id="cut-item"),
    pytest.param(AUDIT, u32(1) + u8(1) + b"\xff" * 40, 0, id="bad-record"),
    pytest.param(AUDIT, u32(1) + conn_item(1, ("10.0.0.1", 1), (None, 2)) +
                 b"\0", 0, id="item-and-a-byte"),
    pytest.param(PS, b"", 0, id="of-a-client"),
    pytest.param(RUN, b"", 0, id="of-a-launcher"),
    pytest.param(AUDIT, b"", 1, id="announces-a-descriptor"),
    pytest.param(HELLO, u32(1) + u8(ipc.PROXY), 0, id="hello-twice"),
    pytest.param(200, b"", 0, id="no-such-type"),
])
def test_proxy_that_breaks_the_rules_is_replaced(keeper, kind, body, count):
    b = keeper.box()
    p = b.start()
    p.send(kind, body, count)
    assert p.gone()
    q = b.proxy()
    c = q.config()
    assert c["instance"] == 2
    crash = keeper.records("proxy.crash")
    assert len(crash) == 1 and crash[0]["how"] == "signal 9"
    assert keeper.ps()[0]["restarts"] == 1
    q.die()


def test_nothing_is_asked_before_config(keeper):
    b = keeper.box()
    b.run()
    b.run_ok()
    b.listeners()
    p = b.proxy()
    p.config()
    p.send(MINT, u32(1) + text("example.com"))  # before READY
    assert p.gone()


def test_three_crashes_break_the_sandbox(keeper):
    b = keeper.box()
    p = b.start()
    for n in (2, 3):
        p.die()
        p = b.proxy()
        assert p.config()["instance"] == n
        p.send(READY, text(spki()))
    p.die()
    assert "crashed" in b.peer.expect(NOTICE).text()
    assert keeper.ps()[0]["state"] == "broken"
    assert len(keeper.records("proxy.crash")) == 3
    # The keeper has let go of the listeners; ours is the last copy.
    port = b.tcp.getsockname()[1]
    b.tcp.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    b.peer.send(ENDED, u32(0))
    assert b.peer.closed()
    assert keeper.records("sandbox.stop")[0]["restarts"] == 2


def test_connections_wait_for_the_next_proxy(keeper):
    b = keeper.box()
    p = b.start()
    p.die()
    s = socket.create_connection(b.tcp.getsockname(), 5)
    b.proxy().config()
    s.close()


# ------------------------------------------------- starting and stopping it

def test_two_commands_at_once_start_one_keeper(idle_keeper):
    k = idle_keeper
    k.env["SALLYPORT_IDLE_MS"] = "2000"
    running = [subprocess.Popen([k.binary, "connect"], env=k.env,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
               for _ in range(8)]
    said = [p.communicate(timeout=30) for p in running]
    assert [p.returncode for p in running] == [0] * 8, said
    pids = {out.strip() for out, _ in said}
    assert len(pids) == 1
    wait_for(lambda: not k.socket.exists(), 20)
    assert [r["type"] for r in k.records()] == ["log.open", "log.close"]


def test_stale_socket_and_idle_exit(idle_keeper):
    k = idle_keeper
    k.env["SALLYPORT_IDLE_MS"] = "300"
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(str(k.socket))
    s.close()
    first = k.command("connect")
    assert first.returncode == 0, first.stderr
    wait_for(lambda: not k.socket.exists())
    second = k.command("connect")
    assert second.returncode == 0 and second.stdout != first.stdout
    wait_for(lambda: not k.socket.exists())


def test_keeper_stays_while_anybody_is_there(idle_keeper):
    k = idle_keeper
    k.env["SALLYPORT_IDLE_MS"] = "200"
    first = k.command("connect").stdout
    c = k.client()
    time.sleep(0.6)  # longer than its patience
    assert k.command("connect").stdout == first
    c.close()
    wait_for(lambda: not k.socket.exists())


def test_second_keeper_is_refused(keeper):
    r = keeper.command("keeper")
    assert r.returncode != 0
    assert "another keeper" in r.stderr
    assert keeper.ps() == []


def test_folder_of_others_is_refused(idle_keeper):
    idle_keeper.dir.chmod(0o755)
    r = idle_keeper.command("connect")
    assert r.returncode == 1 and "0700" in r.stderr
    idle_keeper.dir.chmod(0o700)


def test_state_that_cannot_be_written_is_explained(idle_keeper):
    idle_keeper.state.write_text("a file")
    r = idle_keeper.command("connect")
    assert r.returncode == 1
    assert "state" in r.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_other_users_are_refused(keeper):
    keeper.dir.chmod(0o711)
    keeper.socket.chmod(0o777)
    script = ("import socket, sys; s = socket.socket(socket.AF_UNIX, "
              "socket.SOCK_SEQPACKET); s.connect(sys.argv[1]); "
              "s.settimeout(5); s.send(bytes([0, 0, 0, 0, 0, 1, 16])); "
              "sys.exit(len(s.recv(100)))")
    r = subprocess.run(["setpriv", "--reuid=65498", "--regid=65498",
                        "--clear-groups", "/usr/bin/python3", "-c", script,
                        str(keeper.socket)], timeout=20, capture_output=True)
    # Closed unread: end of file (0), or a reset (the script fails).
    assert r.returncode in (0, 1), r.stderr
    if r.returncode == 1:
        assert b"reset" in r.stderr or b"Broken pipe" in r.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its identity")
def test_proxies_of_root_are_nobody(keeper):
    b = keeper.box()
    p = b.start()
    pid = keeper.ps()[0]["proxy"]
    status = dict(line.split(":\t", 1) for line in pathlib.Path(
        f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() + status["Gid"].split()
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["Groups"].strip() == ""
    assert status["NoNewPrivs"] == "1"
    assert pathlib.Path(f"/proc/{pid}/environ").read_bytes() == b""
    p.die()


def test_proxies_die_with_the_keeper(keeper):
    b = keeper.box()
    p = b.start()
    pid = keeper.ps()[0]["proxy"]
    keeper.process.kill()
    keeper.process.wait()
    wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists() or
             "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text())
    assert p.gone()
    keeper.start()
    assert keeper.ps() == []


def test_stopping_tells_the_launchers(keeper):
    b = keeper.box()
    p = b.start()
    keeper.process.send_signal(signal.SIGTERM)
    assert "stopping" in b.peer.expect(NOTICE).text()
    p.expect(STOP)
    p.die()
    assert b.peer.closed()
    assert keeper.process.wait(timeout=10) == 0
    assert b.init.poll() is None  # refused everything, not killed
    assert [r["type"] for r in keeper.records()][-2:] == [
        "sandbox.stop", "log.close"]
    keeper.start()


def test_many_sandboxes(keeper):
    boxes = [keeper.box() for _ in range(20)]
    for b in boxes:
        b.run()
    for b in boxes:
        b.run_ok()
        b.listeners()
    proxies = [b.proxy() for b in boxes]
    for p in proxies:
        p.config()
        p.send(READY, text(spki()))
    wait_for(lambda: sum(r["state"] == "running" for r in keeper.ps()) == 20)
    assert len({r["id"] for r in keeper.ps()}) == 20
    for b, p in zip(boxes, proxies):
        b.peer.send(ENDED, u32(0))
        p.expect(STOP)
        p.die()
    for b in boxes:
        assert b.peer.closed()
    assert keeper.ps() == []
    assert len(os.listdir(f"/proc/{keeper.process.pid}/fd")) < 16
