# SPDX-License-Identifier: Apache-2.0
"""Requests that two parsers could read differently, case by case.

The same table is part of the attack suite; here each case has a name, the
origin is asked what arrived, and both TLS and clear text are tried. All cases
share one sandbox: the client inside takes them from a file.
"""
import base64
import json
import pathlib
import re
import sys

import pytest

ATTACK = pathlib.Path(__file__).resolve().parents[1] / "attack"
sys.path.insert(0, str(ATTACK))

import smuggling  # noqa: E402

CLIENT = """
import base64, json, socket, ssl, sys
from concurrent.futures import ThreadPoolExecutor
cases = json.load(open("cases.json"))
ctx = ssl.create_default_context()

def one(case):
    name, tls, data = case
    s = socket.create_connection(("allowed.test", 443 if tls else 80), 5)
    if tls:
        s = ctx.wrap_socket(s, server_hostname="allowed.test")
    s.settimeout(1)
    got = b""
    try:
        s.sendall(base64.b64decode(data))
        while (b := s.recv(65536)):
            got += b
    except OSError:
        pass
    return name, tls, base64.b64encode(got).decode()

with ThreadPoolExecutor(12) as pool:
    json.dump(list(pool.map(one, cases)), sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(gate, policy, origin, plain):
    """(name, tls) -> bytes, and what the origins saw."""
    project = gate.project()
    cases = [(n, tls, base64.b64encode(data).decode())
             for n, (data, _) in smuggling.CASES.items()
             for tls in (True, False)]
    (project / "cases.json").write_text(json.dumps(cases))
    origin.seen.clear()
    plain.seen.clear()
    r = gate.python(CLIENT, project=project, timeout=55,
                    policy=policy(hosts=["allowed.test"]))
    assert r.code == 0, r
    told = {(n, tls): base64.b64decode(x) for n, tls, x in r.json()}
    return told, origin.paths() + plain.paths(), r


@pytest.mark.asan
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "clear"])
@pytest.mark.parametrize("name", smuggling.CASES)
def test_case(answers, name, tls):
    got = answers[0][name, tls]
    right = smuggling.CASES[name][1]
    status = int(got.split(b" ", 2)[1]) if got[:5] == b"HTTP/" else 0
    assert status in right, got[:300]
    assert b'"target": "/smuggled"' not in got
    # A refusal ends the connection: nothing after it is interpreted.
    if status >= 400 and status != 421:
        assert len(re.findall(rb"HTTP/1\.1 \d\d\d ", got)) == 1, got[:500]


@pytest.mark.asan
def test_nothing_smuggled_arrived(answers):
    assert "/smuggled" not in answers[1]


@pytest.mark.asan
def test_refusals_are_recorded(answers):
    assert len(answers[2].denied()) >= len(smuggling.CASES) // 2
