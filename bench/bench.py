#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Load figures: direct, sallyport, squid ssl-bump, mitmproxy; one origin.

usage: bench.py [--seconds N] [--only PART,...] [--json FILE] [--launcher L]

Parts: load (requests and connections per second, latency, CPU), bulk, start,
memory, thousand. The origin is nginx with TLS on loopback, one worker; the
load client is hey everywhere (inside the sandbox for sallyport, with -x for
explicit proxies), and wrk besides where no proxy has to be named. Client, gate
and origin share the machine: look at ratios of one run, not at figures.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE))

import rivals  # noqa: E402
from support import pki  # noqa: E402
from support.gate import Gate, descendants  # noqa: E402
from support.nginx import Nginx  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
BULK = 512 << 20
# name, comparison, unit: what the architecture promises (section 8)
BARS = {
    "1 KB kept alive, req/s": ("ratio", 0.65, "of direct"),
    "1 KB kept alive, req/s (wrk)": ("min", 12000, "req/s"),
    "new connections/s": ("min", 600, "per s"),
    "bulk GB/s": ("core", 0.5, "GB/s and core of the gate"),
    "start ms": ("max", 25, "ms over plain exec"),
    "MB per sandbox at 1000": ("max", 4, "MB"),
    "seconds to start 1000": ("max", 20, "s"),
}


def cpu_of(pids):
    """{pid: CPU seconds} of those that still exist."""
    out = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                v = f.read().rsplit(")", 1)[1].split()
            out[pid] = (int(v[11]) + int(v[12])) / TICK
        except OSError:
            pass
    return out


class Meter:
    """CPU seconds that a changing set of processes uses meanwhile."""

    def __init__(self, pids):
        self.pids, self.first, self.last = pids, {}, {}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _sample(self):
        for pid, s in cpu_of(self.pids()).items():
            self.first.setdefault(pid, s)
            self.last[pid] = s

    def _run(self):
        while not self.stop.wait(0.1):
            self._sample()

    def __enter__(self):
        self._sample()
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join()

    @property
    def seconds(self):
        return sum(s - self.first[p] for p, s in self.last.items())


# -- who is measured: each turns a command and a URL into a result
class Direct:
    name = "direct"
    pids = []

    def __init__(self, nginx):
        self.base = f"https://127.0.0.1:{nginx.tls}"

    def wrap(self, command):
        return command, {}

    proxy_option = []
    tool_options = {"hey": ["-host", "bench.test"], "wrk":
                    ["-H", "Host: bench.test"], "curl": ["-k"]}


class Sallyport:
    name = "sallyport"
    base = "https://bench.test"
    tool_options = {"hey": [], "wrk": [], "curl": []}

    def __init__(self, gate, nginx, root):
        self.gate = gate
        self.project = gate.project()
        self.policy = {
            "allowed_hosts": ["bench.test"],
            "resolve": {"bench.test:443": f"127.0.0.1:{nginx.tls}"},
            "tls": {"roots": [str(root.pem)]}}

    def wrap(self, command):
        args = self.gate.arguments(command, self.policy, project=self.project)
        return self.gate.command(*args), {"env": self.gate.env,
                                          "cwd": self.project}

    @property
    def pids(self):
        return self.gate.role_pids()


class Proxied:
    def __init__(self, rival, nginx):
        self.rival, self.name = rival, rival.name
        self.base = f"https://127.0.0.1:{nginx.tls}"
        self.tool_options = {"hey": ["-x", rival.proxy],
                             "curl": ["-k", "-x", rival.proxy]}

    def wrap(self, command):
        return command, {}

    @property
    def pids(self):
        return self.rival.pids


def run(subject, command, seconds=120):
    command, options = subject.wrap(command)
    p = subprocess.run(command, capture_output=True, text=True,
                       timeout=seconds, **options)
    if p.returncode:
        raise RuntimeError(f"{subject.name}: {command}: exit {p.returncode}\n"
                           f"{p.stdout[-1000:]}{p.stderr[-1000:]}")
    return p.stdout


def hey(subject, path, concurrency, seconds, fresh=False):
    command = ["hey", "-z", f"{seconds}s", "-c", str(concurrency),
               *subject.tool_options["hey"]]
    if fresh:
        command.append("-disable-keepalive")
    with Meter(lambda: subject.pids) as meter:
        text = run(subject, [*command, subject.base + path])
    statuses = dict(re.findall(r"\[(\d+)\]\s+(\d+) responses", text))
    total = sum(map(int, statuses.values()))
    if set(statuses) != {"200"} or not total:
        raise RuntimeError(f"{subject.name}: {statuses}\n{text[-1500:]}")
    wait = {k: float(v) * 1000 for k, v in
            re.findall(r"(\d+)%+ in ([\d.]+) secs", text)}
    errors = sum(map(int, re.findall(r"\[(\d+)\]\s+\S+ \"http", text)))
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
            "p50 ms": wait.get("50"), "p99 ms": wait.get("99"),
            "gate CPU us": 1e6 * meter.seconds / total, "errors": errors}


def wrk(subject, path, concurrency, seconds):
    text = run(subject, ["wrk", "-t", "1", "-c", str(concurrency), "-d",
                         f"{seconds}s", "--latency",
                         *subject.tool_options["wrk"], subject.base + path])
    if "Non-2xx" in text:
        raise RuntimeError(text)
    unit = {"us": 0.001, "ms": 1, "s": 1000}

    def wait(mark):
        m = re.search(rf"{mark}%\s+([\d.]+)(us|ms|s)", text)
        return float(m[1]) * unit[m[2]]
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
            "p50 ms": wait(50), "p99 ms": wait(99)}


def bulk(subject):
    with Meter(lambda: subject.pids) as meter:
        text = run(subject, ["curl", "-sS", "-o", "/dev/null", "-w",
                             "%{speed_download} %{size_download}",
                             *subject.tool_options["curl"],
                             f"{subject.base}/big"])
    speed, size = map(float, text.split())
    if size != BULK:
        raise RuntimeError(f"{subject.name}: {size} bytes")
    return {"rate": speed / 1e9, "gate CPU s/GB": meter.seconds * 1e9 / size}


def load(subjects, seconds):
    table = {}
    rows = [("1 KB kept alive, req/s", lambda s: hey(s, "/1k", 16, seconds)),
            ("100 KB kept alive, req/s",
             lambda s: hey(s, "/100k", 16, seconds)),
            ("1 KB one at a time, req/s", lambda s: hey(s, "/1k", 1, seconds)),
            ("new connections/s",
             lambda s: hey(s, "/1k", 8, seconds, fresh=True))]
    for name, measure in rows:
        for s in subjects:
            table.setdefault(name, {})[s.name] = measure(s)
    for s in subjects:
        if "wrk" in s.tool_options:
            table.setdefault("1 KB kept alive, req/s (wrk)", {})[s.name] = \
                wrk(s, "/1k", 16, seconds)
    return table


def start_times(gate):
    """Milliseconds of `run -- true` and of plain `true`, 50 each."""
    project = gate.project()
    command = gate.command(*gate.arguments(
        ["/bin/true"], allow=["bench.test"], project=project))
    plain = gate.command()[:-1] + ["/bin/true"]

    def once(c):
        t = time.perf_counter()
        subprocess.run(c, env=gate.env, cwd=project, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)
        return (time.perf_counter() - t) * 1000
    once(command)  # starts the keeper
    ours, theirs = [], []
    for _ in range(50):
        ours.append(once(command))
        theirs.append(once(plain))
    return {"start ms": {"sallyport": {
        "rate": statistics.median(ours) - statistics.median(theirs),
        "median": statistics.median(ours), "worst": max(ours),
        "plain exec": statistics.median(theirs)}}}


def pss(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])
    except (OSError, TypeError):
        return 0


def available():
    with open("/proc/meminfo") as f:
        return int(re.search(r"MemAvailable:\s+(\d+)", f.read())[1])


def many(gate, n):
    """Start n sandboxes, measure, end them; the program is a sleep."""
    project = gate.project()
    gate_args = gate.command(*gate.arguments(
        ["/bin/sh", "-c", "echo up; exec sleep 600"], allow=["bench.test"],
        project=project))
    before, t = available(), time.perf_counter()
    running, waiting = [], []
    try:
        for _ in range(n):
            p = subprocess.Popen(gate_args, env=gate.env, cwd=project,
                                 stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE)
            running.append(p)
            waiting.append(p)
            if len(waiting) >= 16:
                assert waiting.pop(0).stdout.readline() == b"up\n"
        for p in waiting:
            assert p.stdout.readline() == b"up\n"
        took = time.perf_counter() - t
        used = before - available()
        pids = set(gate.role_pids())
        for p in running:
            pids |= {p.pid, *descendants(p.pid)}
        sizes = sum(pss(pid) for pid in pids)
        t = time.perf_counter()
    finally:
        for p in running:
            p.terminate()
        for p in running:
            p.wait(30)
    return {"seconds": took, "MB each, all of it": used / 1024 / n,
            "MB each, Pss": sizes / 1024 / n,
            "seconds to end": time.perf_counter() - t}


def memory(gate, counts):
    out = {}
    gate.run(["true"], allow=["bench.test"])
    for n in counts:
        m = many(gate, n)
        out[f"MB per sandbox at {n}"] = {"sallyport": {
            # What the kernel holds is noise for few; Pss misses it.
            "rate": max(m["MB each, all of it"], m["MB each, Pss"]), **m}}
        if n == 1000:
            out["seconds to start 1000"] = {"sallyport": {
                "rate": m["seconds"], **m}}
    return out


def verdict(name, row):
    if name not in BARS or "sallyport" not in row:
        return ""
    kind, bar, unit = BARS[name]
    got = row["sallyport"]["rate"]
    if kind == "ratio":
        got /= row["direct"]["rate"]
    if kind == "core":
        got = 1 / row["sallyport"]["gate CPU s/GB"]
    ok = got <= bar if kind == "max" else got >= bar
    sign = "<=" if kind == "max" else ">="
    return f"{'reached' if ok else 'MISSED'}: {got:.3g} {sign} {bar} {unit}"


def show(table):
    for name, row in table.items():
        print(f"\n{name}   {verdict(name, row)}")
        base = row.get("direct", {}).get("rate")
        for who, r in row.items():
            ratio = f"{r['rate'] / base:6.2f} of direct" if base else ""
            rest = "  ".join(f"{k} {v:.3g}" for k, v in r.items()
                             if k != "rate" and v)
            print(f"    {who:<16}{r['rate']:>10.4g}  {ratio}  {rest}")
    sys.stdout.flush()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=int, default=5, help="of each load run")
    p.add_argument("--only", default="load,bulk,start,memory,thousand")
    p.add_argument("--json", help="also write the results there")
    p.add_argument("--launcher", choices=("root", "user"),
                   default="root" if os.geteuid() == 0 else "user")
    options = p.parse_args()
    parts = options.only.split(",")
    base = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-bench-"))
    base.chmod(0o755)
    root = pki.Authority(base / "pki", "Bench Root")
    chain = root.leaf("bench.test", "127.0.0.1")
    gate = Gate(base / "gate", options.launcher)
    table = {}
    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The machine is busy (load {busy:.1f}): look at CPU and at "
              "ratios only.")

    def add(more):
        table.update(more)
        show(more)
    try:
        with Nginx(base / "nginx", chain) as nginx:
            for name, size in (("1k", 1000), ("100k", 100_000),
                               ("big", BULK)):
                nginx.file(name, size).read_bytes()  # into memory
            ours = [Direct(nginx), Sallyport(gate, nginx, root)]
            if {"load", "bulk"} & set(parts):
                add(compare(ours, nginx, base, root, parts, options.seconds))
        if "start" in parts:
            add(start_times(gate))
        if "memory" in parts:
            add(memory(gate, [1, 100]))
        if "thousand" in parts:
            add(memory(gate, [1000]))
    finally:
        gate.stop()
        shutil.rmtree(base, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(table, indent=1))
    return any("MISSED" in verdict(n, r) for n, r in table.items())


def compare(ours, nginx, base, root, parts, seconds):
    with contextlib.ExitStack() as stack:
        subjects = list(ours)
        for rival in (rivals.Squid, rivals.Mitmproxy):
            if rival.available():
                r = stack.enter_context(rival(
                    base / rival.__name__.lower(), root))
                subjects.append(Proxied(r, nginx))
            else:
                print(f"{rival.name} is not installed, left out")
        table = {}
        if "load" in parts:
            table.update(load(subjects, seconds))
        if "bulk" in parts:
            table["bulk GB/s"] = {s.name: bulk(s) for s in subjects}
        return table


if __name__ == "__main__":
    sys.exit(main())
