# SPDX-License-Identifier: Apache-2.0
"""Names inside: answered by the gate, whoever is asked, and never passed on.

Where the gate itself resolves (an allowed name without override), it does so
in a mount namespace whose resolv.conf names a server of the test.
"""
import json
import os
import pathlib
import subprocess
import textwrap

import pytest

from support.dns import NameServer

HERE = pathlib.Path(__file__).resolve().parent

ASK = (HERE.parent / "attack" / "dnswire.py").read_text() + '''
import json, socket, sys

def ask(server, name, qtype=1, tcp=False, qclass=1):
    q = query(name, qtype, qclass)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if tcp
                      else socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((server, 53))
    if tcp:
        s.sendall(struct.pack(">H", len(q)) + q)
        n = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
        return s.recv(n, socket.MSG_WAITALL)
    s.send(q)
    return s.recv(4096)

def told(a):
    return {"rcode": rcode(a), "answers": answers(a), "id": a[:2].hex(),
            "raw": a.hex()}
'''
# Loopback belongs to the program; only datagrams to port 53 are for the gate.
SERVERS = ["127.0.0.53", "8.8.8.8", "10.1.2.3", "192.0.2.1",
           "2001:4860:4860::8888"]


def asked(gate, body, policy, **kw):
    r = gate.python(ASK + textwrap.dedent(body), policy=policy, **kw)
    assert r.code == 0, r
    return r.json(), r


@pytest.mark.asan
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_any_resolver_address(each_gate, policy, tcp):
    got, _ = asked(each_gate, f"""
        print(json.dumps([told(ask(s, "site.test", tcp={tcp}))
                          for s in {SERVERS[tcp:]}]))""", policy())
    assert all(a["rcode"] == 0 and a["answers"] == 1 for a in got), got
    assert len({a["raw"][-8:] for a in got}) == 1  # one name, one address


@pytest.mark.parametrize("name", ["site.test", "denied.test", "SITE.test",
                                  "site.test."])
def test_names_get_addresses(gate, policy, name):
    r = gate.run(["getent", "ahosts", name], policy=policy())
    assert r.code == 0 and "198.18." in r.stdout, r


def test_same_name_same_address(gate, policy):
    r = gate.run(["sh", "-c", "for n in site.test SITE.TEST site.test.; do "
                  "getent ahostsv4 $n | head -n 1 | cut -d' ' -f1; done"],
                 policy=policy())
    lines = r.stdout.split()
    assert len(lines) == 3 and len(set(lines)) == 1, r


def test_reverse_of_a_given_address(gate, policy):
    r = gate.python("""
import socket
a = socket.getaddrinfo("site.test", 80, socket.AF_INET)[0][4][0]
print(socket.gethostbyaddr(a)[0])
""", policy=policy())
    assert r.stdout.strip() == "site.test", r


@pytest.mark.parametrize("qtype", [2, 5, 6, 15, 16, 33, 48, 64, 65, 99, 255,
                                   65280])
def test_other_types_are_empty(gate, policy, qtype):
    got, _ = asked(gate, f"""
        print(json.dumps([told(ask("8.8.8.8", n, {qtype})) for n in
              ("site.test", "denied.test", "x.y.example.org")]))""", policy())
    if qtype == 255:  # RFC 8482: one record that says no
        assert all(a["raw"].count("000d0001") == a["answers"] for a in got)
    else:
        assert all(a["answers"] == 0 for a in got), got


def test_malformed_queries_do_no_harm(gate, policy):
    got, _ = asked(gate, """
        bad = [b"", b"x", b"\\0" * 11, b"\\xff" * 600, query("a.test")[:-1],
               struct.pack(">6H", 1, 256, 1, 0, 0, 0) + b"\\xc0\\x0c\\0\\1\\0\\1",
               query("site.test", counts=(0, 0, 0, 0)),
               query("site.test", counts=(65535, 9, 9, 9)),
               query("site.test", flags=0x8180), query("site.test", qclass=3)]
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for b in bad:
            s.sendto(b, ("8.8.8.8", 53))
        print(json.dumps(told(ask("8.8.8.8", "site.test"))))""", policy())
    assert got["rcode"] == 0 and got["answers"] == 1


def test_many_names_are_bounded(gate, policy):
    """A program may invent names; the gate neither grows nor dies of it."""
    got, r = asked(gate, """
        ok = 0
        for i in range(3000):
            try:
                ok += rcode(ask("8.8.8.8", f"n{i}.denied.test")) == 0
            except OSError:
                break
        print(json.dumps([ok, told(ask("8.8.8.8", "site.test"))]))""",
        policy(), timeout=50)
    assert got[1]["answers"] == 1, got


def test_nxdomain_for_denied_names(gate, policy):
    got, _ = asked(gate, """
        print(json.dumps([told(ask("8.8.8.8", "denied.test")),
                          told(ask("8.8.8.8", "site.test"))]))""",
        policy(dns={"denied": "nxdomain"}))
    assert got[0]["rcode"] == 3 and got[1]["rcode"] == 0, got


def test_denied_queries_are_recorded(gate, policy):
    _, r = asked(gate, """
        print(json.dumps(told(ask("8.8.8.8", "tunnel.denied.test", 16))))""",
        policy())
    assert "tunnel.denied.test" in json.dumps(r.records), r


# -- what leaves; only root can give the keeper another resolv.conf
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def keeper_with_resolver(gate, base, conf):
    """Only the keeper sees that resolv.conf; launchers stay where they are."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    path = base / f"resolv-{worker}.conf"
    path.write_text(conf)
    target = os.path.realpath("/etc/resolv.conf")
    gate.start_keeper("unshare", "--mount", "--propagation", "private", "sh",
                      "-c", f"mount --bind {path} {target} && exec \"$@\"",
                      "sh")
    return gate


@pytest.fixture
def resolver(new_gate, base):
    """(name server, gate whose keeper asks it)."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]
    address = f"127.53.{int(worker) + 1}.1"
    table = {"site.test": ["127.0.0.1"], "meta.test": ["169.254.169.254"],
             "alias.test": "@meta.test", "mixed.test": ["8.8.8.8", "10.0.0.1"],
             "v6.test": ["::1"], "mapped.test": ["::ffff:10.0.0.1"],
             "empty.test": []}
    conf = f"nameserver {address}\noptions timeout:1 attempts:2\n"
    with NameServer(table, address, 53) as server:
        yield server, keeper_with_resolver(new_gate(), base, conf)


NAMES = ["site.test", "meta.test", "alias.test", "mixed.test", "v6.test",
         "mapped.test", "empty.test", "missing.test"]


@needs_root
@pytest.mark.parametrize("name,reason", [
    ("meta.test", "address_denied"), ("alias.test", "address_denied"),
    ("site.test", "address_denied"), ("v6.test", "address_denied"),
    ("mapped.test", "address_denied"), ("missing.test", "dns_nxdomain")])
def test_answers_of_upstream_are_judged(resolver, name, reason):
    server, gate = resolver
    r = gate.run(["curl", "-sSi", f"http://{name}/"],
                 policy={"allowed_hosts": NAMES})
    assert f"x-sallyport-reason: {reason}" in r.stdout.lower(), r
    assert {n for _, n, _ in server.seen} <= {name, "meta.test"}, server.seen


@needs_root
def test_nothing_leaves_before_it_is_needed(resolver):
    """A lookup inside asks nobody; only a connection to an allowed name."""
    server, gate = resolver
    r = gate.run(["sh", "-c", "getent hosts denied.test; getent hosts "
                  "secret.site.test; getent hosts site.test; "
                  "getent hosts data.example.org; true"],
                 policy={"allowed_hosts": NAMES})
    assert r.code == 0, r
    assert [n for _, n, _ in server.seen if n != "site.test"] == []


@needs_root
def test_denied_names_never_leave(resolver):
    server, gate = resolver
    gate.run(["sh", "-c", "curl -sk https://secret.denied.test/; "
              "curl -s http://secret.denied.test/; "
              "curl -s http://xyz.example.org/; true"],
             policy={"allowed_hosts": NAMES})
    assert server.seen == []


@needs_root
def test_silent_resolver_is_a_denial(new_gate, base):
    gate = keeper_with_resolver(
        new_gate(), base,
        "nameserver 127.53.250.1\noptions timeout:1 attempts:1\n")
    r = gate.run(["curl", "-sSi", "http://site.test/"],
                 policy={"allowed_hosts": ["site.test"]}, timeout=50)
    assert r.stdout.startswith(("HTTP/1.1 504", "HTTP/1.1 502")), r
    assert "dns_" in r.stdout
