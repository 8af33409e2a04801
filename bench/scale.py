#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many sandboxes at once, and many idle connections in one.

usage: scale.py [--counts 1,100,1000] [--connections 500] [--user]

Per count: seconds until all programs run, memory per sandbox (Pss of its
processes by role, and what the machine lacks in all, which includes the
kernel's share), Pss and descriptors of the keeper, how long `ps` takes
meanwhile, seconds until all are gone. Then: what an intercepted TLS connection
that has carried one request and is kept alive costs the proxy.
"""
import argparse
import collections
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE))

from bench import available, pss  # noqa: E402
from support import pki  # noqa: E402
from support.gate import Gate, alive, descendants, wait_for  # noqa: E402
from support.nginx import Nginx  # noqa: E402

COUNTS_MAX = 4000  # the keeper's table holds 4096
IN_FLIGHT = 8  # started at a time, as an impatient script would
BARS = {"seconds to start": 20, "MB each": 4, "KB per connection": 40}

HOLD = """
import http.client, ssl, sys
context = ssl.create_default_context()
held = []
for i in range(int(sys.argv[1])):
    c = http.client.HTTPSConnection("bench.test", context=context)
    c.request("GET", "/1k")
    r = c.getresponse()
    assert r.status == 200 and len(r.read()) == 1000
    held.append(c)
    if i == 0:  # what the first one makes is not per connection
        print("first", flush=True)
        sys.stdin.readline()
print("all", flush=True)
sys.stdin.readline()
"""


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def start_all(gate, project, n):
    args = gate.command(*gate.arguments(
        ["/bin/sh", "-c", "echo up; exec sleep 600"], allow=["bench.test"],
        opts=["-q"], project=project))
    running, waiting = [], []
    try:
        for _ in range(n):
            p = subprocess.Popen(args, env=gate.env, cwd=project,
                                 stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE)
            running.append(p)
            waiting.append(p)
            if len(waiting) >= IN_FLIGHT:
                assert waiting.pop(0).stdout.readline() == b"up\n"
        for p in waiting:
            assert p.stdout.readline() == b"up\n"
    except BaseException:
        end_all(running)
        raise
    return running


def end_all(running):
    for p in running:
        p.terminate()
    for p in running:
        p.wait(60)
        p.stdout.close()


def seconds(call):
    t = time.perf_counter()
    result = call()
    return time.perf_counter() - t, result


def roles(gate, running):
    """{name of the process: KB of Pss, summed}"""
    sizes = collections.Counter()
    pids = set(gate.role_pids()).union(
        *([p.pid, *descendants(p.pid)] for p in running))
    for pid in pids:
        name = comm(pid)
        sizes[name if name.startswith("sallyport") else "program"] += pss(pid)
    return sizes


def measure(gate, n):
    project = gate.project()
    gate.run(["true"], allow=["bench.test"], project=project)
    keeper = gate.keeper_pid()
    before = available()
    took, running = seconds(lambda: start_all(gate, project, n))
    try:
        wait_for(lambda: len(descendants(keeper)) >= n, 30, "proxies")
        used = before - available()
        sizes = roles(gate, running)
        answer, rows = seconds(lambda: gate.cli("ps"))
        fds = descriptors(keeper)
    finally:
        ended, _ = seconds(lambda: end_all(running))
    wait_for(lambda: not [p for p in descendants(keeper) if alive(p)], 60,
             "end of the proxies")
    keeper_kb = sizes.pop("sallyport-keep", 0)
    own = sum(sizes.values()) - sizes["program"]
    return {
        "seconds to start": took, "ms each": 1000 * took / n,
        "MB each": (used - sizes["program"]) / 1024 / n,
        "of it Pss, MB": own / 1024 / n,
        **{f"  {name}, KB": kb / n for name, kb in sorted(sizes.items())},
        "keeper, MB": keeper_kb / 1024, "keeper, descriptors": fds,
        "listed": rows.stdout.count("running"), "ps, ms": 1000 * answer,
        "seconds to end": ended}


def connections(gate, nginx, root, n):
    project = gate.project()
    (project / "hold.py").write_text(HOLD)
    policy = {"allowed_hosts": ["bench.test"],
              "resolve": {"bench.test:443": f"127.0.0.1:{nginx.tls}"},
              "tls": {"roots": [str(root.pem)]}}
    with gate.start(["/usr/bin/python3", "hold.py", str(n)], policy=policy,
                    project=project, opts=["-q"], stdin=subprocess.PIPE,
                    stderr=None) as p:
        assert p.stdout.readline() == b"first\n"
        proxy, = descendants(gate.keeper_pid())
        before = pss(proxy)
        p.stdin.write(b"\n")
        p.stdin.flush()
        assert p.stdout.readline() == b"all\n"
        after = pss(proxy)
        p.stdin.write(b"\n")
    return {"connections": n, "proxy before, KB": before,
            "proxy after, KB": after,
            "KB per connection": (after - before) / (n - 1)}


def show(title, row):
    missed = False
    print(title)
    for name, value in row.items():
        bar = BARS.get(name)
        verdict = ""
        if bar is not None:
            missed |= value > bar
            verdict = f"   {'MISSED' if value > bar else 'reached'}: {bar}"
        print(f"    {name:<28}{value:>10.4g}{verdict}", flush=True)
    return missed


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--counts", default="1,100,1000")
    p.add_argument("--connections", type=int, default=500)
    p.add_argument("--user", action="store_true", help="not as root")
    options = p.parse_args()
    counts = [min(int(x), COUNTS_MAX) for x in options.counts.split(",") if x]
    base = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-scale-"))
    base.chmod(0o755)
    root = pki.Authority(base / "pki", "Bench Root")
    user = options.user or os.geteuid() != 0
    gate = Gate(base / "gate", "user" if user else "root")
    missed = False
    try:
        for n in counts:
            missed |= show(f"{n} sandboxes", measure(gate, n))
        if options.connections > 1:
            with Nginx(base / "nginx", root.leaf("bench.test")) as nginx:
                nginx.file("1k", 1000)
                missed |= show("idle connections", connections(
                    gate, nginx, root, options.connections))
    finally:
        gate.stop()
        shutil.rmtree(base, ignore_errors=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
