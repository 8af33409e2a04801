# SPDX-License-Identifier: Apache-2.0
"""Start, signals, terminal, policy reload and end of a sandbox."""
import fcntl
import os
import pathlib
import pty
import resource
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

import standin_keeper
from sandbox_box import BINARY, TIMEOUT, box, needs_root, pem, until

assert box and pem  # fixtures
pytestmark = needs_root


# ---- life cycle ------------------------------------------------------------

@pytest.mark.parametrize("script, code", [
    ("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -9 $$", 137)])
def test_exit_status(box, script, code):
    assert box.sh(script).returncode == code
    assert until(lambda: box.keeper.ended), box.keeper.errors
    assert box.keeper.ended == [code]


@pytest.mark.parametrize("argv, code, text", [
    (["/nonexistent"], 127, "/nonexistent: No such file"),
    (["no-such-command"], 127, "no-such-command: No such file"),
    (["/etc/hostname"], 126, "/etc/hostname: Permission denied")])
def test_program_that_cannot_start(box, argv, code, text):
    r = box.run(*argv)
    assert r.returncode == code and text in r.stderr


def test_keeper_refuses(box):
    box.keeper.refuse = "sallyport.yaml: line 3: unknown key 'allowed'"
    r = box.sh("echo ran")
    assert r.returncode == 2 and r.stdout == ""
    assert r.stderr == f"sallyport: {box.keeper.refuse}\n"


def test_command_and_policy_arrive(box):
    (box.project / "p.yaml").write_text("mode: enforce\n")
    os.chown(box.project / "p.yaml", box.uid, box.uid)
    r = box.run("/bin/echo", "a b", opts=[
        "-p", "p.yaml", "--allow", "example.com:443", "--deny=evil.test",
        "--name", "fox"])
    assert r.stdout == "a b\n"
    run = box.keeper.runs[-1]
    assert run["name"] == "fox" and run["command"] == "/bin/echo a b"
    assert run["tier"] == ("A" if box.uid else "A'")
    assert run["workdir"] == str(box.project)
    assert run["policy"] == {
        "text": "mode: enforce\n", "file": str(box.project / "p.yaml"),
        "allow": ["example.com:443"], "deny": ["evil.test"]}


@pytest.mark.parametrize("opts, text", [
    (["--alow", "x"], "did you mean --allow?"), (["--memory", "5Q"], "a size"),
    (["--capture", "magic"], "auto, tproxy"),
    (["--quiet=1"], "takes no value"), (["--test-disable=x"], "not a layer")])
def test_bad_options(box, opts, text):
    r = box.run("true", opts=opts)
    assert r.returncode == 2 and text in r.stderr


@pytest.mark.parametrize("sig", ["TERM", "INT", "HUP", "USR1"])
def test_signals_reach_the_program(box, sig):
    p = box.popen("/bin/bash", "-c",
                  f"trap 'echo got {sig}; exit 7' {sig}; echo up; "
                  "while :; do sleep 0.1; done", stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"up\n"
    p.send_signal(getattr(signal, "SIG" + sig))
    out, _ = p.communicate(timeout=TIMEOUT)
    assert (p.returncode, out) == (7, f"got {sig}\n".encode())


def test_stop_and_continue(box):
    p = box.popen("/bin/bash", "-c", "echo up; read x; echo $x",
                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert p.stdout.readline() == b"up\n"
    p.send_signal(signal.SIGTSTP)
    _, status = os.waitpid(p.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    p.send_signal(signal.SIGCONT)
    out, _ = p.communicate(b"on\n", timeout=TIMEOUT)
    assert (p.returncode, out) == (0, b"on\n")


def test_sandbox_ends_with_the_launcher(box):
    p = box.popen("/bin/bash", "-c", "sleep 100 & sleep 100")
    assert until(lambda: box.keeper.captures)
    pid = box.keeper.captures[-1][1]
    p.kill()
    p.wait(TIMEOUT)
    assert until(lambda: not os.path.exists(f"/proc/{pid}"))


def test_background_processes_end_with_the_program(box):
    r = box.sh("setsid sleep 100 & disown; echo $!")
    assert r.returncode == 0
    assert until(lambda: subprocess.run(
        ["pgrep", "-f", "^sleep 100$"], capture_output=True).stdout == b"")


def test_keeper_dies_the_program_goes_on(box):
    p = box.popen("/bin/bash", "-c", "echo up; read x; echo $x; "
                  "(echo > /dev/tcp/203.0.113.5/443) 2>&1 | tail -1",
                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                  stderr=subprocess.PIPE)
    assert p.stdout.readline() == b"up\n"
    for c in box.keeper.launchers:
        c.shutdown(socket.SHUT_RDWR)
    assert b"the keeper is gone: the sandbox has no network any more" in \
        p.stderr.readline()
    out, _ = p.communicate(b"on\n", timeout=TIMEOUT)
    assert p.returncode == 0 and out.startswith(b"on\n")


@pytest.mark.parametrize("seconds", [0, 0.7])
@pytest.mark.parametrize("capture", ["auto", "ports"])
def test_keeper_dies_before_it_has_the_listeners(box, capture, seconds):
    """It answered RUN and was killed: before or after init was ready. This
    hung for ever, also on SIGTERM."""
    box.keeper.leave = seconds
    r = box.sh("echo ran", opts=["--capture", capture])
    # It cannot be known whether it died with the listeners in its hands, or
    # whether a short program was faster; one that runs then has no network.
    assert "the keeper is gone: " in r.stderr
    assert r.returncode in (0, 2)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_signal_while_the_keeper_thinks(box, sig):
    box.keeper.leave = 15
    p = box.popen("/bin/sleep", "100", stderr=subprocess.PIPE)
    children = pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children")
    assert until(children.read_text)  # init: signals are taken by then
    p.send_signal(sig)
    _, err = p.communicate(timeout=5)
    assert p.returncode == 2, err


def test_keeper_leaves_after_the_program(box):
    """A busy machine: the keeper had closed before the launcher could look."""
    with box.popen("/bin/sleep", "60", stdin=subprocess.PIPE,
                   stderr=subprocess.PIPE) as p:
        assert until(lambda: box.keeper.captures)
        init = box.keeper.captures[-1][1]
        # It lets go of the program's input after it has told the launcher.
        assert until(lambda: os.readlink(f"/proc/{init}/fd/0") == "/dev/null")
        os.kill(p.pid, signal.SIGSTOP)
        pidfd = os.pidfd_open(init)
        os.kill(init, signal.SIGKILL)
        assert select.select([pidfd], [], [], TIMEOUT)[0]
        os.close(pidfd)
        box.keeper.hang_up(box.keeper.launchers[-1])
        os.kill(p.pid, signal.SIGCONT)
        assert p.stderr.read() == b""
        assert p.wait(TIMEOUT) == 137


def test_operator_kills(box):
    p = box.popen("/bin/sleep", "100", stderr=subprocess.PIPE)
    assert until(lambda: box.keeper.captures)
    pid = box.keeper.captures[-1][1]
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    assert until(lambda: children.read_text().strip())
    time.sleep(0.1)
    box.keeper.send(box.keeper.launchers[0], standin_keeper.NOTICE,
                    standin_keeper.put_str("hello\x1b[2J"))
    box.keeper.send(box.keeper.launchers[0], standin_keeper.KILL)
    _, err = p.communicate(timeout=TIMEOUT)
    assert p.returncode == 137
    assert err == (b"sallyport: hello [2J\n"
                   b"sallyport: ended on the operator's order\n")


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_policy_reload(box, inside, replace):
    folder = box.project if inside else box.base / "home"
    policy = folder / "p.yaml"
    policy.write_text("a: 1\n")
    os.chown(policy, box.uid, box.uid)
    p = box.popen("/bin/bash", "-c", "echo up; read x", opts=[
        "-p", str(policy)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "up\n"
    if replace:
        (folder / "new").write_text("a: 2\n")
        os.rename(folder / "new", policy)
    else:
        policy.write_text("a: 2\n")
    line = p.stderr.readline()
    if replace and inside:
        assert "not read" in line and box.keeper.policies == []
    else:
        assert "new policy in force" in line
        assert box.keeper.policies[-1]["text"] == "a: 2\n"
    box.keeper.refuse_policy = "p.yaml: line 1: bad"
    if not replace or not inside:
        policy.write_text("a: x\n")
        assert "the old policy stays: p.yaml: line 1: bad" in \
            p.stderr.readline()
    p.communicate("\n", timeout=TIMEOUT)
    assert p.returncode == 0


def test_limits(box):
    got = box.py("""
import json, resource as r
print(json.dumps([r.getrlimit(x)[0] for x in (r.RLIMIT_DATA, r.RLIMIT_CPU,
    r.RLIMIT_NPROC, r.RLIMIT_NOFILE, r.RLIMIT_FSIZE)]))""", opts=[
        "--memory", "1G", "--cpu-time", "2m", "--pids", "50", "--files=256",
        "--fsize", "10M"])
    assert got == [1 << 30, 120, 50, 256, 10 << 20]


def test_fork_bomb_stays_inside(box):
    r = box.sh("for i in $(seq 60); do sleep 20 & done; wait", opts=[
        "--pids", "20"])
    assert "fork: retry" in r.stderr or "Resource temporarily" in r.stderr
    assert box.run("/bin/true").returncode == 0


# ---- terminal --------------------------------------------------------------

class Terminal:
    """The launcher on a terminal of ours."""

    def __init__(self, box, *argv, opts=()):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            box.become()
            os.chdir(box.project)
            os.execve(BINARY, [BINARY, "run", *opts, "--", *argv], box.env)
        self.seen = b""

    def expect(self, text, seconds=10):
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0, self.seen
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    data = b""
                assert data, self.seen
                self.seen += data
        self.seen = self.seen.partition(text)[2]

    def write(self, text):
        os.write(self.fd, text)

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_terminal(box):
    t = Terminal(box, "/bin/bash", "--norc", "-i")
    t.write(b"tty; echo UP\r")
    t.expect(b"/dev/pts/0")
    t.expect(b"UP")
    t.write(b"stty size\r")
    t.expect(b"0 0")
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    os.kill(t.pid, signal.SIGWINCH)
    time.sleep(0.2)
    t.write(b"stty size\r")
    t.expect(b"33 99")
    t.write(b"sleep 50\r")
    time.sleep(0.3)
    t.write(b"\x03")
    t.write(b"echo A$((1+1))B\r")
    t.expect(b"A2B")
    t.write(b"exit 5\r")
    assert t.wait() == 5


def test_terminal_stop_key(box):
    """Ctrl-Z stops the launcher as well, with the terminal as it was."""
    t = Terminal(box, "/bin/cat")
    t.write(b"one\r")
    t.expect(b"one\r\none\r\n")
    seen = []

    def changed():
        pid, status = os.waitpid(t.pid, os.WNOHANG | os.WUNTRACED)
        seen.extend([status] if pid else [])
        return seen

    for _ in range(4):  # as a person would, on a busy machine
        t.write(b"\x1a")
        if until(changed):
            break
    assert seen and os.WIFSTOPPED(seen[0])
    assert termios.tcgetattr(t.fd)[3] & termios.ICANON
    os.kill(t.pid, signal.SIGCONT)
    assert until(lambda: not termios.tcgetattr(t.fd)[3] & termios.ICANON)
    t.write(b"two\r")
    t.expect(b"two\r\ntwo\r\n")
    t.write(b"\x04")
    assert t.wait() == 0


def test_terminal_settings_come_back(box):
    t = Terminal(box, "/bin/sh", "-c", "echo up; read x")
    before = termios.tcgetattr(t.fd)
    t.expect(b"up")
    raw = termios.tcgetattr(t.fd)
    assert not raw[3] & termios.ICANON
    t.write(b"\r")
    # The other end goes away with the launcher: look before that.
    assert until(lambda: termios.tcgetattr(t.fd)[3] & termios.ICANON)
    assert before[3] & termios.ICANON
    assert t.wait() == 0


def test_terminal_that_is_gone_costs_nothing(box):
    """The window was closed and the program goes on: nobody spins."""
    t = Terminal(box, "/bin/sh", "-c", "trap '' HUP; echo up; exec sleep 60")
    t.expect(b"up")
    os.close(t.fd)

    def ticks():
        text = pathlib.Path(f"/proc/{t.pid}/stat").read_text()
        field = text.rpartition(")")[2].split()
        return int(field[11]) + int(field[12])

    time.sleep(0.3)
    before = ticks()
    time.sleep(1)
    used = ticks() - before
    os.kill(t.pid, signal.SIGKILL)
    os.waitpid(t.pid, 0)
    assert used < 10


def test_large_output_arrives_complete(box):
    t = Terminal(box, "/usr/bin/seq", "1", "20000")
    t.expect(b"\n20000\r\n", 20)
    assert t.wait() == 0


# ---- many ------------------------------------------------------------------

def namespaces():
    seen = set()
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                seen.add(os.readlink(f"/proc/{pid}/ns/net"))
            except OSError:
                pass
    return len(seen)


def test_a_hundred_in_sequence_leak_nothing(box):
    before, fds = namespaces(), len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        assert box.run("/bin/true").returncode == 0
    assert until(lambda: namespaces() <= before)
    assert until(lambda: len(os.listdir("/proc/self/fd")) <= fds + 2)
    assert len(box.keeper.ended) == 100


def test_start_time(box):
    """Processor time, because the machine may be busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(10):
        box.run("/bin/true")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime - before.ru_utime
            - before.ru_stime) / 10
    print(f"{used * 1000:.1f} ms of processor time each")
    assert used < 0.05
