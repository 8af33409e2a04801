# SPDX-License-Identifier: Apache-2.0
"""HTTP through the gate: fidelity, streaming, denials, upstream failures."""
import json
import os
import pathlib
import subprocess
import time

import pytest
import yaml

from support.gate import alive, descendants, wait_for
from support.origin import RAW, pattern_sha256

CURL = ["curl", "-sS", "--max-time", "20"]
SITE = "https://site.test"

# One connection, raw bytes in, raw bytes out; the program inside.
RAW_CLIENT = """
import socket, ssl, sys
host, port, tls = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "tls"
s = socket.create_connection((host, port), 10)
if tls:
    s = ssl.create_default_context().wrap_socket(s, server_hostname=host)
s.settimeout(5)
s.sendall(sys.stdin.buffer.read())
try:
    while (b := s.recv(65536)):
        sys.stdout.buffer.write(b)
        sys.stdout.buffer.flush()
except OSError:
    pass
"""


def raw(gate, data, policy, host="site.test", port=443, tls=True):
    return gate.python(RAW_CLIENT, host, port, "tls" if tls else "clear",
                       policy=policy, input=data)


def get(path, host="site.test", extra=""):
    return (f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n").encode()


CLOSE = "Connection: close\r\n"


# -- the ordinary road, for both kinds of launcher and each capture
@pytest.mark.asan
@pytest.mark.parametrize("capture", ["auto", "tproxy", "redirect", "ports"])
def test_request_each_capture(each_gate, policy, capture):
    r = each_gate.run([*CURL, f"{SITE}/echo"], policy=policy(),
                      opts=["--capture", capture])
    assert r.code == 0, r
    assert r.json()["server"] == "tls-origin"
    assert ["Host", "site.test"] in r.json()["headers"]
    assert len(r.tx(host="site.test", verdict="allow")) == 1, r


def test_plain_http(gate, policy, plain):
    r = gate.run([*CURL, "http://site.test/echo?a=1&b=%20"], policy=policy())
    assert r.json()["target"] == "/echo?a=1&b=%20", r
    assert plain.paths() == ["/echo"]


def test_allow_option_is_enough(gate, policy, origin, root):
    changed = policy()
    changed["allowed_hosts"] = []
    r = gate.run([*CURL, f"{SITE}/echo"], policy=changed, allow=["site.test"])
    assert r.code == 0, r


def test_headers_are_relayed_as_sent(gate, policy):
    sent = ["X-One: 1", "x-TWO: 2", "X-One: 3", "Cookie: a=b",
            "Authorization: Bearer t", "Accept: */*"]
    r = gate.run([*CURL, "-H", "User-Agent:", *sum((["-H", h] for h in sent),
                                                   []), f"{SITE}/echo"],
                 policy=policy())
    got = [f"{k}: {v}" for k, v in r.json()["headers"]]
    assert [h for h in got if h in sent] == sorted(
        sent, key=got.index), r
    assert set(sent) <= set(got), r


def test_response_headers_are_relayed(gate, policy):
    r = gate.run([*CURL, "-i", f"{SITE}/cookies"], policy=policy())
    assert r.stdout.count("Set-Cookie: ") == 2, r
    assert "X-Case-KEPT: yes" in r.stdout
    assert "alt-svc" not in r.stdout.lower()  # leads around the gate


@pytest.mark.asan
@pytest.mark.parametrize("path,body", [
    ("/bytes/0", 0), ("/bytes/1", 1), ("/bytes/300000", 300000),
    ("/chunked/0", 0), ("/chunked/300000", 300000), ("/close/300000", 300000)])
def test_bodies_down(gate, policy, path, body):
    r = gate.run(["sh", "-c", "curl -sS $0 | sha256sum", SITE + path],
                 policy=policy())
    assert r.stdout.split()[0] == pattern_sha256(body), r


def test_trailers_down(gate, policy):
    r = raw(gate, get("/chunked/100000", extra=CLOSE), policy())
    assert f"X-Sha256: {pattern_sha256(100000)}".lower() in \
        r.raw.decode("latin-1").lower()[-200:], r.stderr


def test_trailers_up(gate, policy):
    data = (b"POST /echo HTTP/1.1\r\nHost: site.test\r\n" + CLOSE.encode()
            + b"Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
            b"5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: end\r\n\r\n")
    r = raw(gate, data, policy())
    told = json.loads(r.stdout.split("\r\n\r\n", 1)[1])
    assert told["body"] == "helloabc", r
    assert told["trailers"] == [["X-T", "end"]], r


def test_upload_with_length_and_chunked(gate, policy):
    script = ("head -c 3000000 /dev/zero >f; "
              "curl -sS --data-binary @f $0/sink; "
              "curl -sS -T f -H 'Transfer-Encoding: chunked' $0/sink")
    r = gate.run(["sh", "-c", script, SITE], policy=policy())
    told = [json.loads(x) for x in r.stdout.splitlines()]
    assert [t["length"] for t in told] == [3000000, 3000000], r
    assert told[0]["sha256"] == told[1]["sha256"]


def test_head_and_bodyless_answers(gate, policy):
    data = (b"HEAD /bytes/5000 HTTP/1.1\r\nHost: site.test\r\n\r\n"
            + get("/status/204") + get("/status/304")
            + get("/echo", extra=CLOSE))
    r = raw(gate, data, policy())
    heads = [x for x in r.stdout.split("HTTP/1.1 ") if x]
    assert [h[:3] for h in heads] == ["200", "204", "304", "200"], r
    assert "content-length: 5000" in heads[0].lower()


@pytest.mark.asan
def test_keep_alive_and_pipelining(gate, policy, origin):
    n = 20
    data = b"".join(get(f"/echo?n={i}") for i in range(n)) \
        + get("/echo?last", extra=CLOSE)
    r = raw(gate, data, policy())
    targets = [json.loads(x[x.index("{"):])["target"]
               for x in r.stdout.split("HTTP/1.1 200")[1:]]
    assert targets == [f"/echo?n={i}" for i in range(n)] + ["/echo?last"], r
    assert len(r.tx(host="site.test", verdict="allow")) == n + 1
    assert origin.connections <= 2  # the upstream connection is kept, too


def test_expect_continue(gate, policy):
    r = gate.run([*CURL, "-H", "Expect: 100-continue", "--data-binary",
                  "@/usr/bin/env", f"{SITE}/continue"], policy=policy())
    size = os.path.getsize("/usr/bin/env")
    assert r.json()["length"] == size, r


def test_expect_refused_by_server(gate, policy):
    data = (b"POST /refuse-continue HTTP/1.1\r\nHost: site.test\r\n"
            b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
    r = raw(gate, data, policy())
    assert "HTTP/1.1 413" in r.stdout, r


def test_early_hints(gate, policy):
    r = raw(gate, get("/hints", extra=CLOSE), policy())
    assert "HTTP/1.1 200" in r.stdout and "after hints" in r.stdout, r
    assert "103" not in r.stdout or \
        r.stdout.index("103") < r.stdout.index("200 OK")


def test_http10_server(gate, policy):
    r = gate.run([*CURL, f"{SITE}/http10"], policy=policy())
    assert r.stdout == "old\n", r


def test_redirect_is_not_followed_by_the_gate(gate, policy, origin):
    r = gate.run([*CURL, "-i", f"{SITE}/redirect?to=https://denied.test/"],
                 policy=policy())
    assert r.stdout.startswith("HTTP/1.1 302"), r
    r = gate.run([*CURL, "-L", f"{SITE}/redirect?to=https://denied.test/"],
                 policy=policy())
    assert "host_denied" in r.stdout, r
    assert "/" not in origin.paths()


def test_events_are_not_held_back(gate, policy):
    script = """
import time, urllib.request
r = urllib.request.urlopen("https://site.test/slow?n=5")
t = [(r.readline(), r.readline(), time.monotonic())[2] for _ in range(5)]
print(t[-1] - t[0])
"""
    r = gate.python(script, policy=policy())
    assert float(r.stdout) > 0.3, r  # 100 ms apart at the origin


# -- limits
def test_large_head_up(gate, policy):
    r = gate.run([*CURL, "-H", "X-Big: " + "b" * 6000, f"{SITE}/echo"],
                 policy=policy())
    assert r.code == 0 and "b" * 6000 in r.stdout, r
    r = gate.run([*CURL, "-i", "-H", "X-Big: " + "b" * 130000,
                  f"{SITE}/echo"], policy=policy())
    assert r.stdout.startswith("HTTP/1.1 431"), r


def test_large_head_down(gate, policy):
    r = gate.run([*CURL, "-i", f"{SITE}/bighead/6000"], policy=policy())
    assert "b" * 6000 in r.stdout, r
    r = gate.run([*CURL, "-i", f"{SITE}/bighead/900000"], policy=policy())
    assert "HTTP/1.1 502" in r.stdout, r


def test_long_target(gate, policy):
    r = raw(gate, get("/echo?" + "q" * 200000), policy())
    assert r.stdout.split()[1] in ("414", "431"), r


# -- denials
@pytest.mark.asan
@pytest.mark.parametrize("url", ["https://denied.test/x?secret=1",
                                 "http://denied.test/x?secret=1"])
def test_denied_host_is_explained(each_gate, policy, origin, plain, url):
    r = each_gate.run([*CURL, "-i", url], policy=policy())
    assert r.stdout.startswith("HTTP/1.1 403"), r
    assert "x-sallyport-reason: host_denied" in r.stdout.lower(), r
    assert "denied.test" in r.stdout
    assert r.denied(host="denied.test", reason="host_denied"), r
    assert not origin.seen and not plain.seen
    assert "secret=1" not in json.dumps(r.tx())


def test_denial_as_json_and_text(gate, policy):
    r = gate.run([*CURL, "-i", "-H", "Accept: application/json",
                  "https://denied.test/"], policy=policy())
    head, body = r.stdout.split("\r\n\r\n", 1)
    assert "application/problem+json" in head.lower(), r
    assert "host_denied" in json.dumps(json.loads(body))
    r = gate.run([*CURL, "-i", "-H", "Accept: text/plain",
                  "https://denied.test/"], policy=policy())
    head, body = r.stdout.split("\r\n\r\n", 1)
    assert "text/plain" in head.lower(), r
    assert "host_denied" in body or "does not allow" in body


def test_denied_hosts_win(gate, policy):
    p = policy(hosts=["*.site.test", "site.test"])
    p["denied_hosts"] = ["bad.site.test"]
    r = gate.run([*CURL, "-i", "https://bad.site.test/"], policy=p)
    assert "x-sallyport-reason: host_blocked" in r.stdout.lower(), r


def test_denied_port(gate, policy):
    r = gate.run([*CURL, "-i", "http://site.test:8080/"], policy=policy(),
                 opts=["--capture", "tproxy"])
    assert "x-sallyport-reason: port_denied" in r.stdout.lower(), r


@pytest.mark.asan
def test_host_of_another_name(gate, policy, origin):
    r = gate.run([*CURL, "-i", "-H", "Host: odd.test", f"{SITE}/echo"],
                 policy=policy())
    assert r.stdout.startswith("HTTP/1.1 421"), r
    assert "host_mismatch" in r.stdout
    assert not origin.seen
    assert r.denied(reason="host_mismatch"), r


def test_host_of_another_name_on_second_request(gate, policy, origin):
    r = raw(gate, get("/echo") + get("/second", host="odd.test"), policy())
    assert "HTTP/1.1 421" in r.stdout, r
    assert origin.paths() == ["/echo"]


def test_sni_of_another_name(gate, policy, origin):
    r = gate.run([*CURL, "-i", "--connect-to", "odd.test:443:site.test:443",
                  "https://odd.test/echo"], policy=policy())
    assert "unrecognized name" in r.stderr, r
    assert r.denied(reason="sni_mismatch", proto="tls"), r
    assert not origin.seen


def test_bare_address(gate, policy):
    r = gate.run([*CURL, "-ik", "https://93.184.216.34/"], policy=policy())
    assert "x-sallyport-reason: no_name_for_address" in r.stdout.lower(), r
    r = gate.run([*CURL, "-i", "http://169.254.169.254/"], policy=policy())
    assert "x-sallyport-reason: " in r.stdout.lower(), r
    assert r.stdout.startswith("HTTP/1.1 403")


def test_bare_address_where_the_internet_is_allowed(gate):
    r = gate.run([*CURL, "-ik", "https://93.184.216.34/"],
                 policy={"internet": True})
    assert "x-sallyport-reason: no_name_for_address" in r.stdout.lower(), r


def test_other_protocols_are_refused(gate, policy, plain):
    r = raw(gate, b"SSH-2.0-OpenSSH_9.2\r\n", policy(), port=80, tls=False)
    assert "OpenSSH" not in r.stdout
    assert not plain.seen
    assert r.denied(), r


def test_connections_of_the_gate_close_on_client_half_close(gate, policy):
    script = """
import socket
s = socket.create_connection(("site.test", 80))
s.sendall(b"GET /bytes/100000 HTTP/1.1\\r\\nHost: site.test\\r\\n\\r\\n")
s.shutdown(socket.SHUT_WR)
n = 0
s.settimeout(10)
while (b := s.recv(65536)):
    n += len(b)
print(n)
"""
    r = gate.python(script, policy=policy())
    assert int(r.stdout) > 100000, r


# -- upstream trouble: always a reason, never a success
@pytest.mark.parametrize("name,reason", [
    ("expired.test", "upstream_tls_untrusted"),
    ("future.test", "upstream_tls_untrusted"),
    ("wronghost.test", "upstream_tls_untrusted"),
    ("selfsigned.test", "upstream_tls_untrusted"),
    ("unknown.test", "upstream_tls_untrusted")])
def test_bad_upstream_certificates(gate, policy, bad_servers, name, reason):
    bad_servers[name].seen.clear()
    p = policy(hosts=[name], resolve={
        f"{name}:443": f"127.0.0.1:{bad_servers[name].port}"})
    r = gate.run([*CURL, "-ik", f"https://{name}/echo"], policy=p)
    assert r.stdout.startswith("HTTP/1.1 502"), r
    assert f"x-sallyport-reason: {reason}" in r.stdout.lower(), r
    assert not bad_servers[name].seen  # not even the head was sent


@pytest.mark.parametrize("name", ["tls12.test", "tls13.test"])
def test_upstream_tls_versions(gate, policy, bad_servers, name):
    p = policy(hosts=[name], resolve={
        f"{name}:443": f"127.0.0.1:{bad_servers[name].port}"})
    r = gate.run([*CURL, f"https://{name}/echo"], policy=p)
    assert r.code == 0 and r.json()["server"] == name, r


@pytest.mark.parametrize("version", ["--tls-max 1.2", "--tlsv1.3"])
def test_client_tls_versions(gate, policy, version):
    r = gate.run([*CURL, *version.split(), f"{SITE}/echo"], policy=policy())
    assert r.code == 0, r


def test_connection_refused(gate, policy):
    from support.nginx import free_port
    p = policy(resolve={"site.test:443": f"127.0.0.1:{free_port()}"})
    r = gate.run([*CURL, "-i", f"{SITE}/"], policy=p)
    assert r.stdout.startswith("HTTP/1.1 502"), r
    assert "connect_refused" in r.stdout


def test_upstream_without_tls(gate, policy, nginx):
    p = policy(resolve={"site.test:443": f"127.0.0.1:{nginx.plain}"})
    r = gate.run([*CURL, "-i", f"{SITE}/"], policy=p)
    assert r.stdout.startswith("HTTP/1.1 502"), r
    assert "upstream_tls_failed" in r.stdout


@pytest.mark.parametrize("path", ["/silent", "/reset"])
def test_upstream_closes_without_answer(gate, policy, path):
    r = gate.run([*CURL, "-i", SITE + path], policy=policy())
    assert r.stdout.startswith("HTTP/1.1 502"), r
    assert "upstream_reset" in r.stdout


# What is not listed here is passed on or refused before its first byte.
@pytest.mark.asan
@pytest.mark.parametrize("name", sorted(set(RAW) - {"upgrade", "bad-chunk",
                                                    "bare-lf"}))
def test_malformed_answers(gate, policy, name):
    r = raw(gate, get(f"/raw/{name}"), policy())
    assert r.stdout.startswith("HTTP/1.1 502"), r
    assert "upstream_protocol" in r.stdout


@pytest.mark.parametrize("path", ["/truncated", "/truncated-chunk",
                                  "/raw/bad-chunk"])
def test_truncated_answers_are_not_made_whole(gate, policy, path):
    r = gate.run([*CURL, "-o", "out", SITE + path], policy=policy())
    assert r.code in (18, 35, 52, 56), r  # partial file or reset, not 0
    closes = [x for x in r.records if x["type"] == "tx.close"]
    assert closes and closes[-1]["outcome"] != "complete", r


def test_bare_lf_answer(gate, policy):
    """Refused, or understood: never relayed as it is."""
    r = raw(gate, get("/raw/bare-lf"), policy())
    assert r.stdout.startswith("HTTP/1.1 502"), r


# -- splice: not decrypted, but the certificate is the server's own
def test_splice(gate, policy, root, origin):
    p = policy(tls={"roots": [str(root.pem)], "splice": ["site.test"]})
    r = gate.run(["sh", "-c", "curl -sS $0/echo; curl -sSk $0/echo", SITE],
                 policy=p)
    # The first curl does not know the test root: it sees the real
    # certificate, and says so. The second does not ask.
    assert "certificate" in r.stderr.lower(), r
    assert r.json()["server"] == "tls-origin"
    assert r.tx(host="site.test", verdict="allow"), r


def test_splice_refuses_a_bad_certificate(gate, policy, bad_servers, root):
    """The gate looks at it where TLS lets it (1.2); in 1.3 the certificate
    is encrypted, and the program's own check remains."""
    name = "tls12.test"
    p = policy(hosts=[name], tls={"splice": [name],
                                  "roots": [str(root.pem)]},
               resolve={f"{name}:443":
                        f"127.0.0.1:{bad_servers[name].port}"})
    r = gate.run([*CURL, "-k", f"https://{name}/echo"], policy=p)
    assert r.code == 0, r


def test_tls_deny(gate, policy, root, origin):
    p = policy(tls={"roots": [str(root.pem)], "deny": ["site.test"]})
    r = gate.run([*CURL, "-k", f"{SITE}/echo"], policy=p)
    assert r.code != 0 or "tls-origin" not in r.stdout, r
    assert not origin.seen


# -- policy while it runs
def test_hot_reload(gate, policy, base):
    project = gate.project()
    p = gate.start(["sh", "-c", "curl -sS https://odd.test/echo; echo; "
                    "while [ ! -e go ]; do sleep 0.1; done; "
                    "curl -sS https://odd.test/echo"],
                   policy=policy(hosts=["site.test"]), project=project,
                   opts=["--name", "reload"])
    try:
        wait_for(lambda: gate.cli("ps", "--json").stdout.find("reload") >= 0,
                 what="sandbox in ps")
        time.sleep(0.5)
        wider = gate.write_policy(policy(), gate.project())
        r = gate.cli("policy", "reload", "-p", wider)
        assert r.code == 0, r
        (project / "go").touch()
        out, err = p.communicate(timeout=20)
    finally:
        p.kill()
    assert b"host_denied" in out, (out, err)
    assert b"tls-origin" in out, (out, err)


def test_observe_mode(gate, policy, origin):
    p = policy(hosts=["site.test"], mode="observe")
    r = gate.run([*CURL, "https://denied.test/echo"], policy=p)
    assert r.json()["server"] == "tls-origin", r
    opened = r.tx(host="denied.test")
    assert opened and opened[0]["verdict"] == "allow", r
    assert opened[0]["reason"] == "host_denied", r
    assert opened[0]["observed"] is True, r


def test_reread_when_the_file_changes(gate, policy):
    """A wrong text is refused and the old policy stays; a right one counts."""
    project = gate.project()
    p = gate.start(["sh", "-c", "echo up; while [ ! -e go ]; do sleep 0.1; "
                    "done; curl -sS https://odd.test/echo"],
                   policy=policy(hosts=["site.test"]), project=project)
    path = gate.dir / f"policy-{project.name}.yaml"
    try:
        assert p.stdout.readline() == b"up\n"
        path.write_text("allowed_host: [odd.test]\n")
        time.sleep(1)
        path.write_text(yaml.safe_dump(policy()))
        time.sleep(1)
        (project / "go").touch()
        out, err = p.communicate(timeout=20)
    finally:
        p.kill()
    assert b"tls-origin" in out, (out, err)
    assert b"allowed_hosts" in err  # what was meant


def test_raw_tcp_by_rule(gate, policy, plain):
    """Any protocol where the policy says so, and only there."""
    script = """
import socket, sys
s = socket.create_connection(("raw.test", int(sys.argv[1])), 5)
s.sendall(b"GET /hello HTTP/1.0\\r\\n\\r\\n")
s.settimeout(5)
print(s.recv(1000))
"""
    p = policy(tcp=["raw.test:7000"],
               resolve={"raw.test:7000": f"127.0.0.1:{plain.port}",
                        "raw.test:7001": f"127.0.0.1:{plain.port}"})
    p["allowed_hosts"] = []
    r = gate.python(script, 7000, policy=p)
    assert "plain-origin" in r.stdout, r
    assert r.tx(host="raw.test", verdict="allow", proto="tcp"), r
    r = gate.python(script, 7001, policy=p)
    assert "plain-origin" not in r.stdout, r


def test_rules_by_method_and_path(gate, policy, origin):
    p = policy(hosts=[], rules=[
        {"host": "site.test", "methods": ["GET"], "paths": ["/echo"],
         "action": "allow"}])
    p["resolve"].update({"site.test:443": f"127.0.0.1:{origin.port}"})
    r = gate.run(["sh", "-c", "curl -sS $0/echo; curl -sS $0/other; "
                  "curl -sS -d x $0/echo", SITE], policy=p)
    assert r.stdout.count("tls-origin") == 1, r
    assert origin.paths() == ["/echo"], r


@pytest.mark.parametrize("text,words", [
    ("allowed_host: [a.test]\n", ["allowed_host", "allowed_hosts", "1"]),
    ("allowed_hosts:\n  - 'a b'\n", ["2"]),
    ("mode: perhaps\n", ["mode", "1"]),
    ("allowed_hosts: [a.test\n", ["1"]),
    ("tls:\n  roots: [/no/such/file]\n", ["/no/such/file"])])
def test_policy_errors_stop_the_start(gate, text, words):
    r = gate.run(["touch", "started"], policy=text)
    assert r.code not in (0, 1) or "error" in r.stderr.lower(), r
    assert r.code != 0, r
    for w in words:
        assert w in r.stderr, r


# -- size: memory stays flat however much passes
def proxy_memory(gate):
    """Largest resident set, in KiB, of a process below the keeper."""
    best = 0
    for pid in gate.role_pids()[1:]:
        try:
            with open(f"/proc/{pid}/status") as f:
                rows = dict(x.split(":", 1) for x in f if ":" in x)
            best = max(best, int(rows["VmHWM"].split()[0]))
        except (OSError, KeyError):
            pass
    return best


GIGA = int(os.environ.get("SALLYPORT_TEST_BYTES", str(1 << 30)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("direction", ["down", "up"])
def test_large_bodies_in_flat_memory(new_gate, policy, nginx, direction):
    gate = new_gate()
    p = policy()
    if direction == "down":
        nginx.file("big", GIGA)
        p["resolve"]["site.test:443"] = f"127.0.0.1:{nginx.tls}"
        command = ["sh", "-c", "curl -sS $0/big | wc -c", SITE]
    else:
        command = ["sh", "-c", f"head -c {GIGA} /dev/zero | curl -sS -T - "
                   "-H 'Expect:' $0/sink", SITE]
    running = gate.start(command, policy=p)
    peak = 0
    while running.poll() is None:
        peak = max(peak, proxy_memory(gate))
        time.sleep(0.2)
    out, err = running.communicate()
    told = out.decode()
    got = int(told) if direction == "down" else json.loads(told)["length"]
    assert got == GIGA, err
    limit = 300_000 if os.environ.get("SALLYPORT_ASAN") else 64_000
    assert 0 < peak < limit, f"{peak} KiB"
