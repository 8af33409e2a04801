#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The two verifiers agree, and `audit` and `logs` do what they say.

    AUDIT_TOOL=PATH pytest tests/tools/test_audit_tool.py
"""
import hashlib
import json
import os
import pathlib
import random
import re
import select
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import verify_log  # noqa: E402

# The twin alone knows only the form of a reason.
REASONS = pathlib.Path(__file__).parents[2] / "src/policy/reason.h"
verify_log.WORDS["reason"] = set(
    re.findall(r'X\(\w+, "(\w+)"', REASONS.read_text()))

TOOL = os.environ.get("AUDIT_TOOL", "b-dev/src/cli/audit_tool")
ESCAPES = "\x1b\u202e"


def run(*args, state=None):
    env = {"PATH": os.environ["PATH"], "TZ": "UTC"}
    if state:
        env["SALLYPORT_STATE"] = str(state)
    return subprocess.run([TOOL, *map(str, args)], env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False)


@pytest.fixture(name="state")
def a_state(tmp_path):
    """A log of three runs; the second one crashed."""
    for extra in ([], ["crash"], []):
        assert run("make", tmp_path / "audit", 30, *extra).returncode == 0
    return tmp_path


@pytest.fixture(name="log")
def a_log(state):
    return state / "audit" / "audit.jsonl"


def answer(path, *options):
    r = run("audit", "verify", "--json", *options, path)
    assert r.stderr == ""
    return r.returncode, json.loads(r.stdout)


def both(path, data, head):
    """The same verdict, and the first fault in the same line."""
    path.write_bytes(data)
    fault, log = verify_log.verify(data, head)
    code, c = answer(path, "--head", head)
    assert code == (1 if fault else 0), (fault, c)
    if not fault:
        assert (c["records"], c["head"]) == (log.seq, log.head)
    elif fault[1] != "head_mismatch":
        assert c["faults"][0]["line"] == fault[0], (fault, c)
        return fault[1], c["faults"][0]["code"]
    return None, None


def test_sound(log):
    fault, twin = verify_log.verify(log.read_bytes())
    assert fault is None
    code, c = answer(log)
    assert (code, c["result"], c["head"]) == (0, "valid", twin.head)
    assert c["records"] == twin.seq and c["closed"]
    assert b'"type":"log.recover"' in log.read_bytes()


def test_mutants_byte_by_byte(log, tmp_path):
    data = log.read_bytes()
    _, twin = verify_log.verify(data)
    rng = random.Random(4711)
    for _ in range(250):
        d = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 3))):
            at = rng.randrange(len(d))
            how = rng.randrange(3)
            if how == 0:
                d[at] ^= 1 << rng.randrange(8)
            elif how == 1:
                d[at:at] = rng.choice((b" ", b"\\", b'"', b"0", b"\xff"))
            else:
                del d[at:at + rng.randrange(1, 4)]
        assert bytes(d) != data
        reasons = both(tmp_path / "m", bytes(d), twin.head)
        assert reasons[0] == reasons[1] or None not in reasons


def rehash(records):
    """A forger without the head: everything after the change is redone."""
    head, lines = "0" * 64, []
    for seq, r in enumerate(records):
        r = dict(r, seq=seq, prev=head)
        line = verify_log.canonical(r).encode()
        head = hashlib.sha256(b"\0" + line).hexdigest()
        lines.append(line + b"\n")
    return b"".join(lines)


def first(records, **want):
    return next(i for i, r in enumerate(records)
                if all(r.get(k) == v for k, v in want.items()))


def drop(records, **want):
    del records[first(records, **want)]


def change(records, want, **values):
    r = records[first(records, **want)]
    for key, value in values.items():
        if value is None:
            del r[key]
        else:
            r[key] = value


def double(records, **want):
    i = first(records, **want)
    records.insert(i, records[i])


def insert(records, record, **want):
    i = first(records, **want)
    records.insert(i + 1, dict(records[i], type=record))


OPEN = {"type": "tx.open"}
CLOSE = {"type": "tx.close"}
DENIED = {"type": "tx.open", "final": True}
FORGERIES = {
    "dropped": (lambda r: drop(r, type="sandbox.stop"), "sbseq_gap"),
    "doubled": (lambda r: double(r, **DENIED), "sbseq_gap"),
    "no open": (lambda r: change(r, OPEN, type="dns", proto="dns",
                                 final=True), "close_without_open"),
    "wrong open": (lambda r: change(r, CLOSE, open=0), "close_without_open"),
    "final allow": (lambda r: change(r, DENIED, verdict="allow"),
                    "field_invalid"),
    "other sandbox": (lambda r: change(r, OPEN, id="s9.0.0"),
                      "field_invalid"),
    "other proxy": (lambda r: change(r, OPEN, px=9), "field_invalid"),
    "bad verdict": (lambda r: change(r, OPEN, verdict="maybe"),
                    "field_invalid"),
    "bad outcome": (lambda r: change(r, CLOSE, outcome="fine"),
                    "field_invalid"),
    "negative": (lambda r: change(r, CLOSE, up=-1), "field_invalid"),
    "false": (lambda r: change(r, OPEN, observed=False), "field_invalid"),
    "text": (lambda r: change(r, OPEN, port="443"), "field_invalid"),
    "empty": (lambda r: change(r, OPEN, host=""), "field_invalid"),
    "missing": (lambda r: change(r, OPEN, verdict=None), "field_missing"),
    "unknown": (lambda r: change(r, OPEN, extra=1), "field_unknown"),
    "nested": (lambda r: change(r, {"type": "log.close"}, extra={}),
               "field_unknown"),
    "version": (lambda r: change(r, OPEN, v=2), "field_invalid"),
    "clock": (lambda r: change(r, CLOSE, mono=1), "mono_backwards"),
    "first run": (lambda r: drop(r, type="log.open"), "run_order"),
    "end of run": (lambda r: drop(r, type="log.close"), "run_order"),
    "recovery": (lambda r: drop(r, type="log.recover"), "run_order"),
    "within recovery": (lambda r: insert(r, "kill", type="log.recover"),
                        "run_order"),
    "aborted": (lambda r: drop(r, outcome="aborted"), "open_without_close"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_with_new_hashes(name, log, tmp_path):
    records = [json.loads(x) for x in log.read_bytes().splitlines()]
    forge, want = FORGERIES[name]
    forge(records)
    if name == "aborted":   # its sandbox has later records: mend those too
        sb = {}
        for r in records:
            if "sb" in r:
                r["sbseq"] = sb[r["sb"]] = sb.get(r["sb"], -1) + 1
    data = rehash(records)
    (tmp_path / "f").write_bytes(data)
    fault, _ = verify_log.verify(data)
    code, c = answer(tmp_path / "f")
    assert code == 1
    line = [f["line"] for f in c["faults"] if f["code"] == want]
    assert fault and fault[1] == want and fault[0] in line, (fault, c)


def test_cut_end_needs_an_anchor(log):
    data = log.read_bytes()
    head = answer(log)[1]["head"]
    log.write_bytes(b"".join(data.splitlines(True)[:-3]))
    code, c = answer(log)
    assert code == 0
    assert answer(log, "--head", head)[0] == 1
    assert answer(log, "--min-seq", c["last_seq"] + 1)[0] == 1
    assert answer(log, "--min-seq", c["last_seq"])[0] == 0
    assert "unanchored" in run("audit", "verify", log).stdout


def test_example_of_the_document(tmp_path):
    doc = pathlib.Path(__file__).parents[2] / "doc/PROTOCOL.audit"
    lines = doc.read_text().splitlines()
    log = tmp_path / "log"
    log.write_text("".join(x[2:] + "\n" for x in lines if x[:3] == "  {"))
    code, c = answer(log)
    assert code == 0 and lines[-1] == "  leaf hash " + c["head"]
    assert verify_log.verify(log.read_bytes())[0] is None


def test_files_and_folders(state, log, tmp_path):
    for path in (log, log.parent, state):
        assert run("audit", "verify", path).returncode == 0
    assert run("audit", "verify", state=state).returncode == 0
    r = run("audit", "verify", tmp_path / "none")
    assert r.returncode == 2 and "No such file" in r.stderr


@pytest.mark.parametrize("args", [
    ["audit"], ["audit", "x"], ["audit", "verify", "--x"],
    ["audit", "verify", "a", "b"], ["audit", "verify", "--head", "x"],
    ["audit", "verify", "--min-seq", "-1"], ["audit", "verify", "--head"],
    ["logs", "x"], ["logs", "--x"], ["logs", "-n", "0"], ["logs", "-n"],
    ["logs", "--since", "10"], ["logs", "--since", "1y"]])
def test_wrong_usage(args):
    r = run(*args)
    assert r.returncode == 64 and r.stdout == "" and "--help" in r.stderr


def test_help():
    for name in "audit", "logs":
        r = run(name, "--help")
        assert r.returncode == 0 and r.stdout.startswith("usage: sallyport")


def test_logs(state):
    r = run("logs", state=state)
    lines = r.stdout.splitlines()
    assert r.returncode == 0 and r.stderr == "" and len(lines) == 90
    assert not set(ESCAPES) & set(r.stdout)
    assert r"/" + "\ufffd" + r'\u{1b}[31m"\u{202e}\x' in lines[1]
    assert lines[0].startswith("2025-10-09 08:53:20.000 red ")
    assert " allow GET example.com:443 /x 200 (allowed_hosts[0]" in lines[0]
    assert lines[0].endswith("up 0B down 0B 1.2ms")
    assert any(" deny  GET " in x and " 403 host_denied (default)" in x
               for x in lines)
    assert sum(" aborted " in x for x in lines) == 3
    assert sum(" dns AAAA example.com" in x for x in lines) == 12


def test_logs_filters(state):
    def lines(*args):
        return run("logs", *args, state=state).stdout.splitlines()
    assert len(lines("-n", 7)) == 7
    assert lines("-n", 7) == lines()[-7:]
    assert all(" red " in x for x in lines("--sandbox", "red"))
    assert len(lines("--sandbox", "red")) == 45
    assert lines("--sandbox", "nobody") == []
    assert all(" deny " in x for x in lines("--denied"))
    assert lines("--since", "10m") == []
    assert len(lines("--since", "100000d")) == 90
    raw = lines("--json")
    assert raw == (state / "audit/audit.jsonl").read_text().splitlines()
    denied = [json.loads(x) for x in lines("--json", "--denied")]
    assert {x["verdict"] for x in denied} == {"deny"}


def test_open_transactions_are_shown(tmp_path):
    assert run("make", tmp_path / "audit", 10, "crash").returncode == 0
    out = run("logs", state=tmp_path).stdout.splitlines()
    assert [x.endswith(" open") for x in out[-3:]] == [True] * 3
    code, c = answer(tmp_path)
    assert code == 0 and c["open"] == 3 and not c.get("closed")


def test_no_log_yet(tmp_path):
    r = run("logs", state=tmp_path)
    assert r.returncode == 1 and "there is no log yet" in r.stderr


class Follower:
    def __init__(self, state):
        self.p = subprocess.Popen(
            [TOOL, "logs", "-f", "-n", "1"], stdout=subprocess.PIPE,
            env={"SALLYPORT_STATE": str(state), "PATH": "/usr/bin"})
        self.held = b""

    def lines(self, n):
        """The next n lines, within ten seconds."""
        while self.held.count(b"\n") < n:
            assert select.select([self.p.stdout], [], [], 10)[0], self.held
            got = os.read(self.p.stdout.fileno(), 65536)
            assert got
            self.held += got
        *lines, rest = self.held.split(b"\n", n)
        self.held = rest
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.wait()
        self.p.stdout.close()


def test_follow(state, log):
    with Follower(state) as f:
        f.lines(1)
        assert run("make", log.parent, 10).returncode == 0
        assert len(f.lines(10)) == 10
        log.rename(log.with_name("old.jsonl"))
        assert run("make", log.parent, 4).returncode == 0
        assert len(f.lines(4)) == 4


def test_follow_before_there_is_a_log(tmp_path):
    with Follower(tmp_path) as f:
        assert run("make", tmp_path / "audit", 3).returncode == 0
        assert len(f.lines(3)) == 3


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
