# SPDX-License-Identifier: Apache-2.0
"""Beginnings, endings and deaths: bypass class 11, and being a good parent."""
import errno
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from support.gate import alive, descendants, open_transactions, wait_for

CURL = ["curl", "-sS", "--max-time", "10"]


# -- the program's end is ours
@pytest.mark.asan
@pytest.mark.parametrize("command,code", [
    ("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137),
    ("kill -TERM $$", 143), ("kill -INT $$", 130), ("/etc/passwd", 126),
    ("no-such-command", 127)])
def test_exit_status(each_gate, command, code):
    r = each_gate.run(["sh", "-c", command], allow=["site.test"])
    assert r.code == code, r


@pytest.mark.parametrize("command,code", [("/no/such/program", 127),
                                          ("/etc/passwd", 126)])
def test_program_cannot_be_started(gate, command, code):
    r = gate.run([command], allow=["site.test"])
    assert r.code == code, r
    assert command in r.stderr


def test_streams_are_passed_through(gate):
    r = gate.run(["sh", "-c", "cat; echo err >&2"], input=b"in\n" * 50000,
                 allow=["site.test"])
    assert r.raw == b"in\n" * 50000
    assert r.stderr.endswith("err\n"), r.stderr[-500:]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP,
                                 signal.SIGINT, signal.SIGUSR1])
def test_signals_are_forwarded(gate, sig):
    p = gate.start(["sh", "-c", f"trap 'echo got; exit 3' {sig.name[3:]}; "
                    "echo up; while :; do sleep 0.1; done"],
                   allow=["site.test"])
    try:
        assert p.stdout.readline() == b"up\n"
        p.send_signal(sig)
        out, _ = p.communicate(timeout=10)
    finally:
        p.kill()
    assert (out, p.returncode) == (b"got\n", 3)


def test_grandchildren_end_with_the_program(gate):
    p = gate.start(["sh", "-c", "sleep 300 & sleep 301 & echo up; exit 0"],
                   allow=["site.test"], stdout=subprocess.PIPE)
    out, _ = p.communicate(timeout=15)  # waits for the writers of the pipe
    assert p.returncode == 0 and out == b"up\n"


def test_killed_launcher_takes_the_sandbox_along(gate):
    p = gate.start(["sh", "-c", "echo up; exec sleep 300"],
                   allow=["site.test"])
    try:
        p.stdout.readline()
        inside = descendants(p.pid)
        assert inside
    finally:
        p.kill()
    wait_for(lambda: not any(alive(x) for x in inside), 5, "end of init")
    wait_for(lambda: "sleep" not in gate.cli("ps", "--json").stdout, 5,
             "the keeper to notice")


# -- a terminal
class Terminal:
    def __init__(self, gate, command):
        args = gate.command(*gate.arguments(command, allow=["site.test"],
                                            project=gate.project()))
        args = [str(a) for a in args]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(args[0], args, gate.env)
        self.seen = b""

    def expect(self, text, seconds=10):
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            try:
                data = os.read(self.fd, 4096)
            except OSError as e:
                assert e.errno == errno.EIO
                data = b""
            if not data:
                raise AssertionError(f"closed before {text!r}: {self.seen!r}")
            self.seen += data
        self.seen = self.seen.split(text, 1)[1]

    def send(self, data):
        os.write(self.fd, data)

    def wait(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 4096)
                except OSError:
                    pass
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("no end")


def test_terminal(gate):
    t = Terminal(gate, ["bash", "--norc", "-i"])
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))
    t.send(b"PS1='$ '; echo st''art; stty size; tty && echo is-''tty\n")
    t.expect(b"start")
    t.expect(b"33 77")
    t.expect(b"is-tty")
    t.send(b"sleep 100\n")
    time.sleep(0.5)
    t.send(b"\x03")
    t.send(b"echo sta''tus $?\n")
    t.expect(b"status 130")
    t.send(b"exit 5\n")
    assert t.wait() == 5


# -- deaths
LOOP = """
import sys, time, urllib.request
end = time.monotonic() + float(sys.argv[1])
print("up", flush=True)
while time.monotonic() < end:
    try:
        b = urllib.request.urlopen(sys.argv[2], timeout=5).read()
        print("ok" if b"tls-origin" in b else "ODD", flush=True)
    except Exception as e:
        print("failed", type(e).__name__, flush=True)
        time.sleep(0.05)
"""


def start_loop(gate, policy, seconds, url="https://site.test/hello"):
    project = gate.project()
    (project / "loop.py").write_text(LOOP)
    p = gate.start(["/usr/bin/python3", "loop.py", str(seconds), url],
                   policy=policy, project=project)
    assert p.stdout.readline() == b"up\n", p.stderr.read()
    for _ in range(3):
        assert p.stdout.readline() == b"ok\n"
    return p


def proxies(gate):
    return [pid for pid in gate.role_pids()[1:]]


@pytest.mark.parametrize("launcher", ["user"])
def test_killed_proxy_is_replaced(new_gate, policy, launcher):
    gate = new_gate(launcher)
    p = start_loop(gate, policy(), 6)
    victims = proxies(gate)
    assert victims
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    out, err = p.communicate(timeout=30)
    lines = out.decode().splitlines()
    assert "ODD" not in lines
    # It works again, not only before.
    assert lines[-1] == "ok", (lines[-5:], err)
    assert any(x.startswith("ok") for x in lines[5:])
    assert not open_transactions(gate.settled_records()), "left open"
    assert gate.cli("audit", "verify").code == 0


def test_denied_stays_denied_while_proxies_die(new_gate, policy, origin):
    gate = new_gate()
    p = gate.start(["sh", "-c", "echo up; for i in $(seq 60); do curl -sk "
                    "--max-time 3 https://denied.test/hello; done"],
                   policy=policy())
    p.stdout.readline()
    for _ in range(8):
        for pid in proxies(gate):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.2)
    out, _ = p.communicate(timeout=50)
    assert b"tls-origin" not in out
    assert not origin.seen


def test_killed_keeper_closes_the_gate(new_gate, policy, origin):
    gate = new_gate()
    p = start_loop(gate, policy(), 5)
    os.kill(gate.keeper_pid(), signal.SIGKILL)
    time.sleep(1)
    reached = len(origin.seen)
    try:
        out, err = p.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        p.kill()
        raise
    assert len(origin.seen) == reached, "requests went on without a keeper"
    # The next one finds a log that was cut off, and carries on.
    r = gate.run([*CURL, "https://site.test/hello"], policy=policy())
    assert r.code == 0, r
    kinds = [x["type"] for x in gate.all_records()]
    assert "log.recover" in kinds
    assert not open_transactions(gate.all_records())
    assert gate.cli("audit", "verify").code == 0


def test_flushed_rules_mean_refused(new_gate, policy):
    """Capture is usability, not safety: with a killed proxy and no keeper
    there is nothing else to talk to."""
    gate = new_gate()
    p = gate.start(["sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.1; "
                    "done; curl -sSk --max-time 5 https://93.184.216.34/"],
                   policy=policy(), project=(project := gate.project()))
    p.stdout.readline()
    for pid in reversed(gate.role_pids()):
        os.kill(pid, signal.SIGKILL)
    (project / "go").touch()
    try:
        p.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        p.kill()
        raise
    assert p.returncode != 0


# -- many
def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.timeout(150)
def test_two_hundred_sandboxes_leave_nothing(new_gate):
    gate = new_gate()
    for _ in range(5):
        gate.run(["true"], allow=["site.test"])
    keeper = gate.keeper_pid()
    wait_for(lambda: not descendants(keeper), 10, "proxies to end")
    before = fds(keeper)
    for _ in range(200):
        p = gate.start(["true"], allow=["site.test"],
                       project=gate.dir / "project-1")
        _, err = p.communicate(timeout=20)
        assert p.returncode == 0, err
    wait_for(lambda: not descendants(keeper), 10, "proxies to end")
    assert gate.keeper_pid() == keeper
    assert fds(keeper) <= before + 2
    assert gate.cli("ps", "--json").stdout.count('"id"') == 0


@pytest.mark.timeout(120)
def test_thirty_at_once(gate, policy):
    p = policy()
    running = [gate.start([*CURL, "https://site.test/hello"], policy=p)
               for _ in range(30)]
    for r in running:
        out, err = r.communicate(timeout=60)
        assert r.returncode == 0 and b"tls-origin" in out, err


# -- what a sandbox is
def test_environment_is_an_allow_list(gate):
    r = gate.run(["env"], allow=["site.test"], opts=["--env", "NAMED",
                 "--env", "GIVEN=x y"], env={"NAMED": "yes",
                 "AWS_SECRET_ACCESS_KEY": "s3cret", "MY_TOKEN": "s3cret",
                 "SSH_AUTH_SOCK": "/x", "HTTPS_PROXY": "http://p:1",
                 "LD_PRELOAD": ""})
    got = dict(x.split("=", 1) for x in r.stdout.splitlines() if "=" in x)
    assert got["NAMED"] == "yes" and got["GIVEN"] == "x y", r
    for name in ("AWS_SECRET_ACCESS_KEY", "MY_TOKEN", "SSH_AUTH_SOCK",
                 "HTTPS_PROXY", "LD_PRELOAD"):
        assert name not in got, r
    assert got["SSL_CERT_FILE"].startswith("/run/sallyport/")


def test_paths_by_option(gate, base):
    ro, rw = base / f"ro-{os.getpid()}", base / f"rw-{os.getpid()}"
    for d in (ro, rw):
        d.mkdir(exist_ok=True)
        (d / "f").write_text("data\n")
        for x in (d, d / "f"):
            gate.own(x)
    r = gate.run(["sh", "-c", f"cat {ro}/f {rw}/f; echo x >{rw}/new; "
                  f"echo x >{ro}/new"], allow=["site.test"],
                 opts=["--ro", ro, "--rw", rw])
    assert r.stdout == "data\ndata\n", r
    assert (rw / "new").exists() and not (ro / "new").exists()
    r = gate.run(["ls", ro], allow=["site.test"])
    assert r.code != 0, r  # not shown unless asked for


def test_ps_kill_and_names(gate):
    p = gate.start(["sh", "-c", "echo up; exec sleep 300"],
                   allow=["site.test"], opts=["--name", "victim"])
    try:
        p.stdout.readline()
        rows = [json.loads(x) for x in
                gate.cli("ps", "--json").stdout.splitlines()]
        assert [x for x in rows if x["name"] == "victim"], rows
        again = gate.run(["true"], allow=["site.test"],
                         opts=["--name", "victim"])
        assert again.code != 0 and "victim" in again.stderr, again
        assert gate.cli("kill", "victim").code == 0
        p.communicate(timeout=10)
        assert p.returncode != 0
    finally:
        p.kill()
    assert gate.cli("kill", "victim").code != 0


def test_sandboxes_do_not_trust_each_other(gate, policy):
    """Each has a CA of its own."""
    out = []
    for _ in range(2):
        r = gate.run(["cat", "/run/sallyport/ca.pem"], allow=["site.test"])
        out.append(r.stdout)
    assert out[0] != out[1] and out[0].count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE" not in out[0]


def test_everyday_tools(gate):
    """Compilers, pipes, git, threads, loopback servers, /dev, /proc."""
    script = """set -e
printf 'int main(void){return 0;}' >a.c; cc a.c -o a; ./a
git init -q r; cd r; git config user.email a@b; git config user.name x
echo x >f; git add f; git commit -qm one; cd ..
python3 -m venv --without-pip v; v/bin/python -c 'import multiprocessing as m
print(sum(m.Pool(2).map(abs, [-1, -2])))'
python3 -c 'import threading as t
x = [t.Thread(target=print) for _ in range(20)]
[y.start() for y in x]'
python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 & s=$!
for i in $(seq 50); do curl -s http://127.0.0.1:8123/f >/dev/null && break
sleep 0.1; done
curl -s http://localhost:8123/a.c; kill $s
echo x >/dev/null; head -c 4 /dev/urandom | wc -c; date >/dev/null
(echo a; echo b) | sort | tail -1; ls /proc/self >/dev/null; echo >/dev/shm/x
echo done"""
    r = gate.run(["bash", "-c", script], allow=["site.test"], timeout=50)
    assert r.stdout.rstrip().endswith("done"), r
    assert "int main" in r.stdout
