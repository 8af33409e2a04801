# SPDX-License-Identifier: Apache-2.0
"""The command line as such: help, suggestions, completion, ps, kill, policy."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.ipc import ENDED, NOTICE, POLICY, STOP, u32  # noqa: E402
from support.keeper import find, wait_for  # noqa: E402
from test_keeper import idle_keeper, keeper  # noqa: E402,F401

COMMANDS = "run ps kill policy check lint logs audit keeper completion help"


def cli(*args, env=None, **kw):
    kw.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([find("sallyport"), *args], timeout=20, text=True,
                          stderr=subprocess.PIPE, env=env or os.environ, **kw)


def ps(env):
    """One object a line."""
    return [json.loads(x) for x in
            cli("ps", "--json", env=env).stdout.splitlines()]


def test_help_names_every_command():
    r = cli("help")
    assert r.returncode == 0 and r.stderr == ""
    for name in COMMANDS.split():
        assert f"\n  {name} " in r.stdout, name
        one = cli("help", name)
        assert one.returncode == 0
        assert f"usage: sallyport {name}" in one.stdout
    assert cli("--help").stdout == r.stdout
    none = cli()
    assert (none.returncode, none.stdout, none.stderr) == (64, "", r.stdout)


def test_version():
    assert cli("--version").stdout.startswith("sallyport ")


@pytest.mark.parametrize("typed, meant", [
    ("rnu", "run"), ("polcy", "policy"), ("log", "logs"), ("kil", "kill"),
    ("xyzzy", None), ("a" * 300, None), ("", None)])
def test_unknown_command(typed, meant):
    r = cli(typed)
    assert (r.returncode, r.stdout) == (64, "")
    assert ("did you mean" in r.stderr) == (meant is not None)
    assert meant is None or f"'{meant}'" in r.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    r = cli("completion", shell)
    assert r.returncode == 0
    for name in COMMANDS.split():
        assert name in r.stdout
    assert "--allow" in r.stdout


def test_bash_completion_completes():
    script = cli("completion", "bash").stdout + """
COMP_WORDS=(sallyport po); COMP_CWORD=1; _sallyport; echo "${COMPREPLY[@]}"
COMP_WORDS=(sallyport run --al); COMP_CWORD=2; _sallyport
echo "${COMPREPLY[@]}"
"""
    r = subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                       timeout=20)
    assert r.stdout.splitlines() == ["policy", "--allow"], r.stderr


def test_wrong_usage():
    for args in (["completion"], ["completion", "csh"], ["ps", "x"],
                 ["kill"], ["kill", "--all"], ["policy"], ["policy", "x"],
                 ["keeper", "--what"], ["help", "nothing"]):
        assert cli(*args).returncode == 64, args


def test_a_full_disk_is_not_success():
    with open("/dev/full", "w") as full:
        r = cli("help", stdout=full)
    assert r.returncode == 74 and "write" in r.stderr


@pytest.mark.parametrize("name", ["keeper", "proxy", "launcher", "x", ""])
def test_roles_cannot_be_started_by_hand(name):
    assert cli(f"--role={name}", stdin=subprocess.DEVNULL).returncode == 64


def test_without_a_keeper(idle_keeper):  # noqa: F811
    env = idle_keeper.env
    assert cli("ps", env=env).stdout.count("\n") == 1
    assert ps(env) == []
    r = cli("kill", "x", env=env)
    assert r.returncode == 1 and "no keeper" in r.stderr
    r = cli("policy", "x", "--allow", "y.example", env=env)
    assert r.returncode == 1 and "no keeper" in r.stderr
    assert not idle_keeper.socket.exists()


def test_ps_policy_kill(keeper, tmp_path):  # noqa: F811
    env = keeper.env
    boxes = [keeper.box() for _ in range(3)]
    proxies = [b.start() for b in boxes]
    rows = ps(env)
    assert {r["name"] for r in rows} == {b.name for b in boxes}
    assert {r["state"] for r in rows} == {"running"}
    table = cli("ps", env=env).stdout
    assert table.count("\n") == 4 and "\033" not in table
    assert "agent --flag" in table

    b, p = boxes[0], proxies[0]
    r = cli("policy", b.id, "--allow", "new.example", env=env)
    assert r.returncode == 0 and "number 2" in r.stdout
    assert p.expect(POLICY).num("I") == 2
    bad = tmp_path / "bad.yaml"
    bad.write_text("nope: 1\n")
    r = cli("policy", b.name, "-p", str(bad), env=env)
    assert r.returncode == 1 and "bad.yaml:1" in r.stderr
    r = cli("policy", "nobody", "--allow", "x.example", env=env)
    assert r.returncode == 1 and "no such sandbox" in r.stderr

    r = cli("kill", b.name, "nobody", boxes[1].id, env=env)
    assert r.returncode == 1 and r.stderr.count("\n") == 1
    for b, p in list(zip(boxes, proxies))[:2]:
        b.peer.expect(NOTICE)
        p.expect(STOP)
        b.peer.send(ENDED, u32(137))
        p.die()
    wait_for(lambda: len(ps(env)) == 1)


def test_commands_cannot_move_the_cursor(keeper):  # noqa: F811
    b = keeper.box()
    b.command = "x\x1b[2J\r\ny"
    p = b.start()
    for args in (["ps"], ["ps", "--json"]):
        out = cli(*args, env=keeper.env).stdout
        assert "\x1b" not in out and "\r" not in out
    assert json.loads(out)["command"] == b.command
    p.die()
