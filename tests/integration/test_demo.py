# SPDX-License-Identifier: Apache-2.0
"""The demo is a test, too."""
import os
import pathlib
import subprocess

import pytest

from conftest import launchers
from support.gate import TREE, find_binary


@pytest.mark.asan
@pytest.mark.parametrize("launcher", launchers())
def test_demo(launcher, base):
    place = base / f"demo-{launcher}-{os.getpid()}"
    (place / "tests").mkdir(parents=True)
    for part in ("demo", "tests/support"):
        subprocess.run(["cp", "-r", TREE / part, place / part], check=True)
    binary = place / "sallyport"
    binary.write_bytes(find_binary().read_bytes())
    binary.chmod(0o755)
    home = place / "home"
    home.mkdir()
    command = ["bash", place / "demo/run.sh", binary]
    if launcher == "user" and os.geteuid() == 0:
        os.chown(home, 41000, 41000)
        command = ["setpriv", "--reuid=41000", "--regid=41000",
                   "--clear-groups", *command]
    p = subprocess.run(command, capture_output=True, text=True, timeout=55,
                       env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
                            "HOME": str(home), "LANG": "C.UTF-8"})
    assert p.returncode == 0, p.stdout + p.stderr
    assert "Everything was as it should be" in p.stdout
    assert "SURPRISE" not in p.stdout
