# SPDX-License-Identifier: Apache-2.0
"""The attack suite (tests/attack), for each launcher and each capture.

Classes 1-10 and 12-18 of the sandbox design run inside; class 11, the life
cycle, is test_lifecycle.py.
"""
import json
import pathlib
import subprocess

import pytest

from conftest import CAPTURES, launchers

WORLD = pathlib.Path(__file__).resolve().parents[1] / "attack" / "world.py"


def world(*args):
    p = subprocess.run(["/usr/bin/python3", WORLD, *args],
                       capture_output=True, text=True, timeout=110)
    assert p.stdout.startswith("{"), p.stderr[-3000:]
    return json.loads(p.stdout)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("launcher", launchers())
def test_no_way_out(launcher, capture):
    report = world("--launcher", launcher, "--capture", capture)
    assert not report["wrong"], "\n".join(report["wrong"])
    assert len(report["probes"]) > 700


@pytest.mark.timeout(120)
def test_the_probes_can_tell():
    """Without a cage they escape: the suite is able to fail."""
    report = world("--bare")
    escaped = {}
    for p in report["probes"]:
        if p["verdict"] == "ESCAPE":
            escaped[p["class"]] = escaped.get(p["class"], 0) + 1
    need = {1: 100, 2: 100, 3: 10, 4: 2, 5: 3, 7: 1, 8: 1, 9: 1, 12: 50,
            13: 20, 15: 5, 16: 5, 18: 5}
    assert {k: escaped.get(k, 0) >= v for k, v in need.items()} == \
        {k: True for k in need}, escaped
    assert report["hits"] and report["denied"]
