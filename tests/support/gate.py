# SPDX-License-Identifier: Apache-2.0
"""Run sallyport with a keeper, a state folder and projects of its own.

A Gate is one installation: its binary (a copy, so that an unprivileged user
can execute it wherever the tree lies), socket, audit log and projects are all
below one directory. launcher "root" starts it as root, "user" without any
privilege: from root by way of setpriv, else as ourselves.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

import yaml

TREE = pathlib.Path(__file__).resolve().parents[2]
TEST_UID = 41000  # no such account: nothing here may need one


def find_binary():
    told = os.environ.get("SALLYPORT")
    if told:  # never another one instead
        return pathlib.Path(told).resolve(strict=True)
    for p in (TREE / "build/sallyport", TREE / "b-dev/sallyport"):
        if p.exists():
            return p.resolve()
    raise FileNotFoundError("no sallyport binary: run make, or set SALLYPORT")


def wait_for(condition, seconds=10, what="condition"):
    """Poll; the value of the condition once it is true."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    try:
        out = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                out += [int(x) for x in f.read().split()]
        return out
    except OSError:
        return []


def descendants(pid):
    out = []
    for child in children(pid):
        out += [child] + descendants(child)
    return out


def peer_pid(path):
    """Pid of the process that listens on a unix socket, or None."""
    for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
        with socket.socket(socket.AF_UNIX, kind) as s:
            try:
                s.connect(str(path))
            except OSError:
                continue
            cred = s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return struct.unpack("iii", cred)[0]
    return None


class Result:
    def __init__(self, code, stdout, stderr, records):
        self.code, self.records = code, records
        self.stdout = stdout.decode("utf-8", "replace")
        self.stderr = stderr.decode("utf-8", "replace")
        self.raw = stdout

    def __repr__(self):
        told = "\n".join(json.dumps(r) for r in self.records)
        return (f"exit {self.code}\n-- stdout\n{self.stdout[-4000:]}\n"
                f"-- stderr\n{self.stderr[-4000:]}\n-- records\n{told}")

    def json(self):
        return json.loads(self.stdout)

    def tx(self, kind="tx.open", **want):
        """Opening records of transactions with these members."""
        return [r for r in self.records if r.get("type") == kind
                and all(r.get(k) == v for k, v in want.items())]

    def denied(self, **want):
        return self.tx(verdict="deny", **want)

    def reasons(self):
        return [r.get("reason") for r in self.records if r.get("reason")]


class Gate:
    def __init__(self, base, launcher="user", env=None, prefix=()):
        self.launcher = launcher
        self.prefix = list(prefix)  # e.g. a namespace to start it in
        self.dir = pathlib.Path(base)
        self.dir.mkdir(parents=True)
        self.drop = launcher == "user" and os.geteuid() == 0
        self.sudo = launcher == "root" and os.geteuid() != 0
        self.uid = TEST_UID if self.drop else os.geteuid()
        self.home = self.dir / "home"
        for d in (self.dir, self.home):
            d.mkdir(exist_ok=True)
            d.chmod(0o755)
            self.own(d)
        self.binary = self.dir / "bin" / "sallyport"
        self.binary.parent.mkdir()
        shutil.copy2(find_binary(), self.binary)
        self.socket = self.dir / "k" / "keeper.sock"
        self.socket.parent.mkdir(mode=0o700)
        self.own(self.socket.parent)
        self.state = self.dir / "state"
        self.log = self.state / "audit" / "audit.jsonl"
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "dumb",
            "USER": "tester", "LOGNAME": "tester",
            "SALLYPORT_SOCKET": str(self.socket),
            "SALLYPORT_STATE": str(self.state),
            # A keeper that went away between two runs would hide leaks.
            "SALLYPORT_IDLE_MS": "600000", **(env or {})}
        self.count = 0
        self.keeper = None  # started by start_keeper()
        self.seen = 0  # bytes of the log that were already returned

    def own(self, path):
        if self.drop:
            os.chown(path, TEST_UID, TEST_UID)

    def project(self):
        """A new directory for the program, owned by its user."""
        self.count += 1
        path = self.dir / f"project-{self.count}"
        path.mkdir()
        self.own(path)
        return path

    def place(self, project, *sources):
        """Copy scripts into a project."""
        for s in sources:
            to = shutil.copy(s, project)
            os.chmod(to, 0o755)
            self.own(to)

    def command(self, *args, wrap=()):
        cmd = self.prefix[:]
        if self.drop:
            cmd += ["setpriv", f"--reuid={TEST_UID}", f"--regid={TEST_UID}",
                    "--clear-groups", "--"]
        elif self.sudo:
            cmd += ["sudo", "-n", "env",
                    *(f"{k}={v}" for k, v in self.env.items())]
        return [*cmd, *wrap, str(self.binary), *map(str, args)]

    def cli(self, *args, timeout=20, input=None, env=None):
        """Any other command of sallyport."""
        p = subprocess.run(self.command(*args), env={**self.env, **(env or {})},
                           timeout=timeout, capture_output=True, input=input,
                           cwd=self.dir)
        check_sanitizer(p.stderr)
        return Result(p.returncode, p.stdout, p.stderr, [])

    def write_policy(self, policy, project):
        if not isinstance(policy, str):
            policy = yaml.safe_dump(policy, sort_keys=False)
        # Not inside the project: the program could change it.
        path = self.dir / f"policy-{project.name}.yaml"
        path.write_text(policy)
        return path

    def arguments(self, cmd, policy=None, allow=(), opts=(), project=None):
        args = ["run"]
        if policy is not None:
            args += ["-p", self.write_policy(policy, project)]
        for host in allow:
            args += ["--allow", host]
        return [*args, "--project", project, *opts, "--", *cmd]

    def start(self, cmd, policy=None, allow=(), opts=(), project=None,
              env=None, **popen):
        """A sandbox that goes on; the caller waits for it or kills it."""
        project = project or self.project()
        args = self.arguments(cmd, policy, allow, opts, project)
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.command(*args), cwd=project,
                                env={**self.env, **(env or {})}, **popen)

    def run(self, cmd, timeout=30, input=None, **kw):
        self.records()  # forget what was before
        if input is not None:
            kw["stdin"] = subprocess.PIPE
        p = self.start(cmd, **kw)
        try:
            out, err = p.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise AssertionError(
                f"no end within {timeout} s\n-- stdout\n"
                f"{out[-2000:].decode('utf-8', 'replace')}\n-- stderr\n"
                f"{err[-2000:].decode('utf-8', 'replace')}") from None
        check_sanitizer(err)
        return Result(p.returncode, out, err, self.settled_records())

    def python(self, script, *args, timeout=30, **kw):
        """Run Python text inside."""
        project = kw.setdefault("project", None) or self.project()
        kw["project"] = project
        path = project / "script.py"
        path.write_text(script)
        return self.run(["/usr/bin/python3", path, *map(str, args)],
                        timeout=timeout, **kw)

    # -- the log
    def records(self):
        """New whole records since the last call."""
        try:
            with open(self.log, "rb") as f:
                f.seek(self.seen)
                data = f.read()
        except FileNotFoundError:
            return []
        data = data[:data.rfind(b"\n") + 1]
        self.seen += len(data)
        return [json.loads(x) for x in data.splitlines()]

    def settled_records(self, seconds=3):
        """New records, once everything that was begun has ended."""
        got = []

        def settled():
            got.extend(self.records())
            types = [r["type"] for r in got]
            return (got and not open_transactions(got) and
                    types.count("sandbox.start") == types.count("sandbox.stop"))
        try:
            wait_for(settled, seconds)
        except TimeoutError:
            pass
        return got

    def all_records(self):
        data = self.log.read_bytes()
        return [json.loads(x) for x in
                data[:data.rfind(b"\n") + 1].splitlines()]

    # -- processes
    def start_keeper(self, *wrap):
        """A keeper of its own accord, in whatever surroundings."""
        self.keeper = subprocess.Popen(
            [*wrap, *self.command("keeper")], env=self.env, cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=open(self.dir / "keeper.out", "wb"),
            stderr=open(self.dir / "keeper.log", "wb"))
        wait_for(self.keeper_pid, 10, "the keeper")

    def keeper_pid(self):
        return peer_pid(self.socket)

    def role_pids(self):
        keeper = self.keeper_pid()
        return [] if keeper is None else [keeper] + descendants(keeper)

    def stop(self):
        """End the keeper as an operator would; by pid, nothing else."""
        try:
            self._stop()
        finally:
            for log in (self.state / "keeper.log", self.dir / "keeper.log"):
                if log.exists():  # of the keeper and its proxies
                    check_sanitizer(log.read_bytes())

    def _stop(self):
        pid = self.keeper_pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        if self.keeper is not None:
            self.keeper.wait(10)
        try:
            wait_for(lambda: not alive(pid), 5, "end of the keeper")
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: not alive(pid), 5, "end of the keeper")
            raise


def open_transactions(records):
    """(sandbox, proxy instance, id) of those opened and not closed."""
    opened = {}
    for r in records:
        key = (r.get("sb"), str(r.get("px")), r.get("id"))
        if r.get("type") == "tx.open" and not r.get("final"):
            opened[key] = r
        elif r.get("type") == "tx.close":
            opened.pop(key, None)
    return opened


def check_sanitizer(stderr):
    for mark in (b"AddressSanitizer", b"LeakSanitizer", b"runtime error:"):
        assert mark not in stderr, stderr.decode("utf-8", "replace")
