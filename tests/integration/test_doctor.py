# SPDX-License-Identifier: Apache-2.0
"""`sallyport doctor`: what it finds must be what `run` can do."""
import json
import os
import pathlib
import subprocess

import pytest

from sandbox_box import BINARY, UID, needs_root

pytestmark = needs_root


def doctor(*args, prefix=(), uid=0):
    def become():
        if uid:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
    return subprocess.run([*prefix, BINARY, "doctor", *args], text=True,
                          preexec_fn=become, capture_output=True, timeout=60,
                          cwd="/")


@pytest.mark.parametrize("uid, tier", [(UID, "A"), (0, "A'")])
def test_tier(uid, tier):
    r = doctor(uid=uid)
    assert r.returncode == 0, r.stdout
    last = r.stdout.splitlines()[-1]
    assert last.startswith(f"tier {tier} (tproxy), landlock ")
    d = json.loads(doctor("--json", uid=uid).stdout)
    assert d["tier"] == tier and d["summary"] == last
    assert {p["status"] for p in d["probes"]} <= {"ok", "skipped"}


def test_namespaces_forbidden():
    """A user namespace without a map may not make another one."""
    r = doctor(prefix=["unshare", "-U"], uid=UID)
    assert r.returncode == 1
    assert "FAIL  namespaces: clone3: Operation not permitted" in r.stdout
    assert r.stdout.splitlines()[-1].startswith("no tier A, ")
    d = json.loads(doctor("--json", prefix=["unshare", "-U"], uid=UID).stdout)
    assert d["tier"] is None
    first, *rest = d["probes"]
    assert first["status"] == "failed" and first["advice"]
    assert {p["status"] for p in rest} == {"skipped"}


def test_usage():
    assert doctor("--jsn").returncode == 64
    assert "did you mean --json?" in doctor("--jsn").stderr
    assert doctor("x").returncode == 64
    assert "--json" in doctor("--help").stdout


def test_probes_leave_nothing():
    def mounts():
        with open("/proc/self/mountinfo") as f:
            return f.read()
    before = mounts()
    doctor()
    assert mounts() == before
    assert not {"/tmp/at", "/tmp/none"} & set(map(str, pathlib.Path("/tmp")
                                                  .iterdir()))
