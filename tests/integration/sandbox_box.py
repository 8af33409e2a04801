# SPDX-License-Identifier: Apache-2.0
"""A user, its stand-in keeper, home and project: fixtures of test_sandbox_*.

The launcher runs as an ordinary user and as root. Needs root to start (to
become that user), the binary in $SALLYPORT, and user namespaces.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import standin_keeper  # noqa: E402

BINARY = str(pathlib.Path(os.environ.get("SALLYPORT", "b-dev/sallyport"))
             .resolve())
PYTHON = "/usr/bin/python3"
UID = 65534
TIMEOUT = 30

needs_root = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become users"),
    pytest.mark.skipif(not os.path.exists(BINARY), reason="no binary"),
]


class Box:
    """A user, its keeper, home and project."""

    def __init__(self, uid, pem):
        self.uid = uid
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="sp-", dir="/var/tmp"))
        self.project = self.base / "home" / "project"
        self.project.mkdir(parents=True)
        (self.base / "run").mkdir(mode=0o700)
        (self.base / "run" / "state").mkdir(mode=0o700)
        self.base.chmod(0o755)
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin",
                    "HOME": str(self.base / "home"), "USER": "tester",
                    "SALLYPORT_SOCKET": str(self.base / "run" / "s"),
                    "SALLYPORT_STATE": str(self.base / "run" / "state"),
                    "LANG": "C.UTF-8", "SECRET_TOKEN": "do-not-leak"}
        # The keeper must belong to the user of the launcher.
        if uid:
            for path in [self.base, *self.base.rglob("*")]:
                os.chown(path, uid, uid)
            os.seteuid(uid)
        try:
            self.keeper = standin_keeper.Keeper(
                self.env["SALLYPORT_SOCKET"], pem)
        finally:
            os.seteuid(0)

    def become(self):
        if self.uid:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)

    def popen(self, *argv, opts=(), cwd=None, env=None, prefix=(), **kwargs):
        return subprocess.Popen(
            [*prefix, BINARY, "run", "--no-policy", *opts, "--", *argv],
            cwd=cwd or self.project,
            env=self.env | (env or {}), preexec_fn=None if prefix else self.become,
            **kwargs)

    def run(self, *argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        p = self.popen(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, **kwargs)
        try:
            out, err = p.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            p.kill()
            raise
        return subprocess.CompletedProcess(argv, p.returncode, out, err)

    def sh(self, script, **kwargs):
        return self.run("/bin/bash", "-c", script, **kwargs)

    def py(self, script, **kwargs):
        """Runs Python inside; what it prints as JSON comes back."""
        r = self.run(PYTHON, "-I", "-c", script, **kwargs)
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)

    def close(self):
        self.keeper.close()
        shutil.rmtree(self.base)


@pytest.fixture(scope="session")
def pem(tmp_path_factory):
    return standin_keeper.make_ca(str(tmp_path_factory.mktemp("ca")))


@pytest.fixture(params=[UID, 0], ids=["user", "root"])
def box(request, pem):
    # The stand-in is this process: pretend to be who the launcher expects.
    b = Box(request.param, pem)
    yield b
    b.close()


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False
