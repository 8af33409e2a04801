# SPDX-License-Identifier: Apache-2.0
"""dns/resolver with a real name server on a real loop."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import types

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from nameserver import A, AAAA, CNAME, NameServer  # noqa: E402

PROBE = os.environ["RESOLVE"]
OK = "ok"

MANY = [f"192.0.2.{n}" for n in range(1, 41)]


def both(q):
    return [q.answer(*q.addresses("192.0.2.1", "2001:db8::1"))]


def only(*values, ttl=30):
    return lambda q: [q.answer(*q.addresses(*values, ttl=ttl))]


def cname(q):
    return [q.answer((q.name, CNAME, 30, "b.test"),
                     ("b.test", CNAME, 30, "c.test"),
                     *q.addresses("192.0.2.7", owner="c.test"))]


def truncated(q):
    if q.via == "udp":
        return [q.answer(tc=1)]
    return [q.answer(*q.addresses(*MANY))]


def second_try(q):
    return [] if q.count == 0 else both(q)


def noisy(q):
    """Everything an impostor could send, and then the right answer."""
    bad = q.addresses("203.0.113.66", "2001:db8::66")
    other = q.raw[:1] + b"x" + q.raw[2:]
    return [b"", b"\0", os.urandom(40), q.answer(*bad, qid=q.id ^ 1),
            q.answer(*bad, raw=other)] + both(q)


def no_edns(q):
    return both(q) if q.extra == 0 else [q.answer(rcode=1)]


SCRIPT = {
    "both.test": both,
    "only4.test": only("192.0.2.1", "192.0.2.2"),
    "only6.test": only("2001:db8::1"),
    "mixed.test": only("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"),
    "empty.test": only(),
    "ttl0.test": only("192.0.2.1", "2001:db8::1", ttl=0),
    "ttl1.test": only("192.0.2.1", "2001:db8::1", ttl=1),
    "long.test": only("192.0.2.1", "2001:db8::1", ttl=86400),
    "servfail.test": lambda q: [q.answer(rcode=2)],
    "refused.test": lambda q: [q.answer(rcode=5)],
    "silent.test": lambda q: [],
    "slow6.test": lambda q: [] if q.type == AAAA else both(q),
    "half.test": lambda q: both(q) if q.type == A else [q.answer(rcode=2)],
    "lost.test": lambda q: [q.answer(rcode=3)] if q.type == A else [],
    "cname.test": cname,
    "dangling.test": lambda q: [q.answer((q.name, CNAME, 30, "b.test"))],
    "big.test": truncated,
    "second.test": second_try,
    "noisy.test": noisy,
    "garbage.test": lambda q: [q.answer(*q.addresses("192.0.2.1",
                                                     "2001:db8::1"))[:-3]],
    "loop.test": lambda q: [q.packet[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q.raw
                            + b"\xc0" + bytes([12 + len(q.raw)]) + q.raw[-4:]
                            + b"\0\0\0\x1e\0\4\1\2\3\4"],
    "no-edns.test": no_edns,
}


@pytest.fixture
def server():
    s = NameServer(SCRIPT)
    yield s
    s.close()


def reasons():
    """Numbers of the reasons, from the header that the probe was built of."""
    root = pathlib.Path(__file__).resolve().parents[2]
    text = (root / "src/policy/reason.h").read_text()
    rows = re.findall(r"X\((\w+), \"", text)
    return {str(n): {"NONE": OK}.get(name, name)
            for n, name in enumerate(rows)}


def run(server, *words, hosts="", tmp=None, prefix=(), env=None):
    path = "/dev/null"
    if hosts:
        path = tmp / "hosts"
        path.write_text(hosts)
    servers = f"127.0.0.1:{server.port}" if server else ""
    out = subprocess.run([*prefix, PROBE, servers, path, *words], timeout=40,
                         text=True, check=True, env=env,
                         stdout=subprocess.PIPE).stdout
    lines = [line.split() for line in out.splitlines()]
    assert lines.pop(0) == ["ready"]
    names = reasons()
    return [(n, names[r], int(ms), rest) for n, r, ms, *rest in lines]


@pytest.mark.parametrize("name, reason, addresses", [
    ("both.test", OK, ["2001:db8::1", "192.0.2.1"]),
    ("only4.test", OK, ["192.0.2.1", "192.0.2.2"]),
    ("only6.test", OK, ["2001:db8::1"]),
    ("half.test", OK, ["192.0.2.1"]),
    ("cname.test", OK, ["192.0.2.7"]),
    ("no-edns.test", OK, ["2001:db8::1", "192.0.2.1"]),
    ("noisy.test", OK, ["2001:db8::1", "192.0.2.1"]),
    ("192.0.2.9", OK, ["192.0.2.9"]),
    ("[2001:db8::9]", OK, ["2001:db8::9"]),
    ("absent.test", "DNS_NXDOMAIN", []),
    ("empty.test", "DNS_NXDOMAIN", []),
    ("dangling.test", "DNS_NXDOMAIN", []),
    ("servfail.test", "DNS_SERVFAIL", []),
    ("refused.test", "DNS_SERVFAIL", []),
    ("garbage.test", "DNS_SERVFAIL", []),
    ("loop.test", "DNS_SERVFAIL", []),
])
def test_answers(server, name, reason, addresses):
    [(got, why, ms, rest)] = run(server, name, "/")
    assert (got, why) == (name, reason)
    assert sorted(rest) == sorted(addresses)
    assert ms < 7000


def test_families_alternate(server):
    [(_, _, _, rest)] = run(server, "mixed.test", "/")
    assert [":" in a for a in rest] == [True, False, False, False]


def test_truncated_comes_by_tcp(server):
    [(_, why, _, rest)] = run(server, "big.test", "/")
    assert why == OK and len(rest) == 16 and set(rest) <= set(MANY)
    assert {via for _, _, via in server.seen} == {"udp", "tcp"}


def test_deadlines(server):
    """All at once, so that the test takes as long as the slowest."""
    got = {n: (why, ms, rest) for n, why, ms, rest in run(
        server, "silent.test", "slow6.test", "second.test", "lost.test", "/")}
    why, ms, _ = got["silent.test"]
    assert why == "DNS_TIMEOUT" and 5900 <= ms < 20000
    why, ms, rest = got["slow6.test"]
    assert why == OK and rest == ["192.0.2.1"] and 400 <= ms < 5000
    why, ms, _ = got["second.test"]
    assert why == OK and 2500 <= ms < 9000
    why, ms, _ = got["lost.test"]
    assert why == "DNS_TIMEOUT" and 5900 <= ms < 20000


def test_refused_port_is_fast():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        nobody = types.SimpleNamespace(port=s.getsockname()[1])
    [(_, why, ms, _)] = run(nobody, "both.test", "/")
    assert why == "DNS_SERVFAIL" and ms < 7000


def test_questions_are_merged_and_kept(server):
    got = run(server, *["both.test"] * 50, "-both.test", "/", "BOTH.test.",
              "/")
    assert len(got) == 51 and {why for _, why, _, _ in got} == {OK}
    assert server.count("both.test") == 2


def test_times_to_live(server):
    run(server, "ttl0.test", "ttl1.test", "long.test", "absent.test", "/",
        "ttl0.test", "ttl1.test", "long.test", "absent.test", "/", "+1200",
        "ttl1.test", "long.test", "absent.test", "/", "+4200", "absent.test",
        "long.test", "/")
    assert server.count("ttl0.test") == 4
    assert server.count("ttl1.test") == 4
    assert server.count("long.test") == 2
    assert server.count("absent.test") == 4  # 5 seconds have passed


def test_cancelled_is_not_answered(server):
    assert run(server, "-both.test", "-192.0.2.1", "+300") == []
    [(_, why, ms, _)] = run(server, "-both.test", "+300", "both.test", "/")
    assert why == OK and ms < 50
    assert server.count("both.test") == 4


def test_freed_with_questions_in_flight(server):
    assert run(server, "silent.test", "both.test", "192.0.2.1", ".") == []


def test_limit_of_lookups(server):
    names = [f"n{i}.test" for i in range(300)]
    out = subprocess.run([PROBE, f"127.0.0.1:{server.port}", "/dev/null",
                          *names, "/"], timeout=40, text=True, check=True,
                         stdout=subprocess.PIPE).stdout
    assert out.count(" limit\n") == 300 - 256
    assert len(out.splitlines()) == 301


def test_hosts_come_first(server, tmp_path):
    hosts = "10.0.0.5 both.test other\n# 10.0.0.6 both.test\nfd00::5 BOTH.test"
    got = run(server, "both.test", "other", "absent.test", "/", hosts=hosts,
              tmp=tmp_path)
    by_name = {n: (why, rest) for n, why, _, rest in got}
    assert by_name["both.test"] == (OK, ["fd00::5", "10.0.0.5"])
    assert by_name["other"] == (OK, ["10.0.0.5"])
    assert by_name["absent.test"] == ("DNS_NXDOMAIN", [])
    assert server.count("both.test") == 0


def test_without_servers(tmp_path):
    got = run(None, "both.test", "192.0.2.1", "h.test", "/",
              hosts="192.0.2.8 h.test\n", tmp=tmp_path)
    assert {(n, why) for n, why, _, _ in got} == {
        ("both.test", "DNS_SERVFAIL"), ("192.0.2.1", OK), ("h.test", OK)}


@pytest.mark.parametrize("servers, says", [
    ("not-an-address", "expected IP[:PORT]"),
    ("1.1.1.1,x", "expected IP[:PORT]"),
    (",".join(["1.1.1.1"] * 9), "more than 8"),
])
def test_bad_servers(servers, says):
    got = subprocess.run([PROBE, servers, "/dev/null"], timeout=10, text=True,
                         stdout=subprocess.PIPE, check=False)
    assert got.returncode == 1 and says in got.stdout


def test_hosts_text_is_bounded(tmp_path):
    path = tmp_path / "hosts"
    for size in ((1 << 20) - 1, 1 << 20, (1 << 20) + 1):
        path.write_text("#" * size)
        got = subprocess.run([PROBE, "", path], timeout=10, check=False,
                             stdout=subprocess.PIPE)
        assert (got.returncode == 0) == (size <= 1 << 20)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here")
def test_no_file_is_opened_after_new(server, tmp_path):
    log = tmp_path / "strace"
    words = ("both.test", "big.test", "absent.test", "/")
    # The leak checker cannot run under strace; it runs in all other tests.
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    run(server, *words, env=env, prefix=("strace", "-o", log, "-e",
                                "trace=open,openat,openat2,write,socket"))
    lines = log.read_text().splitlines()
    ready = next(i for i, line in enumerate(lines) if "ready" in line)
    opened = [line for line in lines if line.startswith("open")]
    assert opened and not any(line.startswith("open")
                              for line in lines[ready:])
    # The same with every later open refused, as behind the seal of a role.
    inject = f"inject=openat:error=ENOENT:when={len(opened) + 1}+"
    got = run(server, *words, env=env, prefix=("strace", "-o", log, "-e",
                                      "trace=openat", "-e", inject))
    assert [why for _, why, _, _ in sorted(got)] == ["DNS_NXDOMAIN", OK, OK]
