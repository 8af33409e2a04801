# SPDX-License-Identifier: Apache-2.0
"""Evidence: complete, in order, verifiable, and gone for nobody's death."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from support.gate import open_transactions, wait_for
from test_lifecycle import start_loop

CURL = ["curl", "-sS", "--max-time", "10"]


@pytest.mark.asan
def test_one_open_and_one_close_each(gate, policy):
    r = gate.run([*CURL, *(f"https://site.test/echo?{i}" for i in range(10))],
                 policy=policy())
    opens = r.tx(host="site.test", verdict="allow")
    closes = [x for x in r.records if x["type"] == "tx.close"]
    assert len(opens) == 10 and len(closes) == 10, r
    assert not open_transactions(r.records)
    assert all(c["outcome"] == "complete" and c["status"] == 200
               for c in closes), r
    assert all(o["method"] == "GET" and o["path"] == "/echo"
               and o["port"] == 443 for o in opens), r
    assert sum(c["down"] for c in closes) == len(r.raw), r


def test_query_values_are_not_recorded(gate, policy):
    r = gate.run([*CURL, "-u", "me:pass-word", "-H", "Authorization: "
                  "Bearer h-secret", "--data", "b-secret",
                  "https://site.test/echo?key=q-secret"], policy=policy())
    text = json.dumps([x for x in r.records if x["type"].startswith("tx.")])
    for secret in ("q-secret", "h-secret", "b-secret", "pass-word"):
        assert secret not in text, r


def test_the_process_is_named(gate, policy):
    r = gate.run(["sh", "-c", "curl -sS https://site.test/wait?ms=300"],
                 policy=policy())
    assert "curl" in json.dumps(r.tx(host="site.test")), r


@pytest.mark.asan
def test_sandbox_and_policy_are_recorded(gate, policy):
    r = gate.run(["true"], policy=policy(), opts=["--name", "told"])
    types = [x["type"] for x in r.records]
    assert "sandbox.start" in types and "sandbox.stop" in types, r
    start = r.records[types.index("sandbox.start")]
    assert start["sbname"] == "told", r
    hashes = json.dumps(r.records)
    assert any(len(w) == 64 for w in hashes.replace('"', " ").split()), r


def test_chain(gate, policy):
    """Canonical lines, sequence, hash chain: by code that is not the
    writer's (RFC 6962 leaf hash of the line before)."""
    gate.run([*CURL, "https://site.test/echo"], policy=policy())
    prev, seq = "0" * 64, 0
    with open(gate.log, "rb") as f:
        for line in f:
            line = line.rstrip(b"\n")
            r = json.loads(line)
            again = json.dumps(r, ensure_ascii=False, sort_keys=True,
                               separators=(",", ":")).encode()
            assert again == line
            assert (r["seq"], r["prev"]) == (seq, prev)
            prev = hashlib.sha256(b"\0" + line).hexdigest()
            seq += 1
    assert seq > 3


def test_logs_command(gate, policy):
    gate.run([*CURL, "https://site.test/echo", "https://denied.test/"],
             policy=policy(), opts=["--name", "shown"])
    r = gate.cli("logs", "--json", "--sandbox", "shown")
    rows = [json.loads(x) for x in r.stdout.splitlines()]
    assert {x.get("verdict") for x in rows} >= {"allow", "deny"}, r.stdout
    r = gate.cli("logs", "--sandbox", "shown")
    assert "denied.test" in r.stdout and "host_denied" in r.stdout, r


@pytest.mark.asan
def test_verify_says_valid(gate, policy):
    gate.run([*CURL, "https://site.test/echo"], policy=policy())
    r = gate.cli("audit", "verify")
    assert r.code == 0, r
    told = json.loads(gate.cli("audit", "verify", "--json").stdout)
    assert told["records"] >= 4 if "records" in told else told, told


def test_verify_finds_tampering(new_gate, policy):
    gate = new_gate()
    gate.run([*CURL, "https://site.test/echo", "https://denied.test/"],
             policy=policy())
    gate.stop()
    lines = gate.log.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    shutil.copy(gate.log, str(gate.log) + ".good")

    def verdict(changed):
        gate.log.write_bytes(b"".join(changed))
        r = gate.cli("audit", "verify")
        return r.code

    assert verdict(lines) == 0
    cases = {
        "altered": [*lines[:middle], lines[middle].replace(b'"', b"'", 1),
                    *lines[middle + 1:]],
        "altered value": [x.replace(b"denied.test", b"denied.tesu")
                          for x in lines],
        "dropped": lines[:middle] + lines[middle + 1:],
        "doubled": lines[:middle] + [lines[middle - 1]] + lines[middle:],
        "swapped": [*lines[:middle - 1], lines[middle], lines[middle - 1],
                    *lines[middle + 1:]],
        "first dropped": lines[1:],
        "blank": [*lines[:middle], b"\n", *lines[middle:]],
        "spaces": [*lines[:middle], lines[middle].replace(b",", b", ", 1),
                   *lines[middle + 1:]],
    }
    for name, changed in cases.items():
        assert verdict(changed) == 1, name


@pytest.mark.parametrize("role", ["proxy", "keeper", "both"])
def test_no_acknowledged_record_is_lost(new_gate, policy, origin, role):
    """Whatever reached the origin has a record, whoever is killed."""
    gate = new_gate()
    p = start_loop(gate, policy(), 4)
    time.sleep(0.7)
    pids = gate.role_pids()
    for pid in {"proxy": pids[1:], "keeper": pids[:1], "both": pids}[role]:
        os.kill(pid, signal.SIGKILL)
    try:
        out, _ = p.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        p.kill()
        out, _ = p.communicate()
    gate.run(["true"], allow=["site.test"])  # recovers the log
    records = gate.all_records()
    opened = [x for x in records if x["type"] == "tx.open"
              and x.get("host") == "site.test" and x["verdict"] == "allow"]
    assert len(opened) >= len(origin.seen) > 2, (len(opened),
                                                 len(origin.seen))
    assert len(opened) >= out.count(b"ok")
    assert not open_transactions(records)
    assert gate.cli("audit", "verify").code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file system of ours")
def test_full_disk_denies(new_gate, policy, origin, base):
    """No record, no request."""
    gate = new_gate()
    state = gate.state
    state.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700,"
                    f"uid={gate.uid}", "none", state], check=True)
    try:
        r = gate.run(["sh", "-c", "for i in $(seq 400); do curl -sS "
                      "--max-time 5 -o /dev/null -w '%{http_code}\\n' "
                      "https://site.test/hello; done"],
                     policy=policy(), timeout=55)
        codes = r.stdout.split()
        assert codes[0] == "200" and "503" in codes, codes[-5:]
        denied = codes.index("503")
        assert set(codes[denied:]) <= {"503", "000"}, codes[denied:]
        opened = sum(x["type"] == "tx.open" for x in gate.all_records())
        assert len(origin.seen) <= opened
        gate.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=True)
