#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small world with canaries everywhere, and the attack suite inside it.

usage: world.py [--launcher root|user] [--capture MODE] [--bare] [CLASS...]

Re-executes itself in a network namespace of its own, where nothing leads out
of the machine. There the loopback device also has addresses that
look public, private and like metadata services, with canaries on all of them,
and a name server that notes every query. So a leak would not vanish for want
of a network: it would arrive.

--bare runs the suite WITHOUT sallyport, as an unprivileged user: much has to
escape. That is the proof that the probes can tell a cage from an open door.

Prints one JSON object: {"probes": [...], "hits": [...], "queries": [...],
"wrong": [...]}; exit 0 if nothing is in "wrong" (never with --bare).
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import canary, pki  # noqa: E402
from support.dns import NameServer  # noqa: E402
from support.gate import TEST_UID, Gate, descendants  # noqa: E402
from support.origin import Origin  # noqa: E402

ADDRESSES = ["8.8.8.8/32", "1.1.1.1/32", "93.184.216.34/32",
             "93.184.216.35/32", "169.254.169.254/32", "10.1.2.3/8",
             "192.168.1.1/24", "172.17.0.1/16", "100.100.100.200/32",
             "198.18.77.77/32", "2001:4860:4860::8888/128",
             "fd00:ec2::254/128", "64:ff9b::a9fe:a9fe/128",
             "2002:808:808::1/128"]
UPSTREAM = "93.184.216.35"  # of allowed.test
DENIED = "93.184.216.34"    # of denied.test
RESOLVER = "8.8.8.8"
TCP_PORTS = [22, 25, 53, 80, 443, 853, 31337]
UDP_PORTS = [67, 123, 443, 1900, 4433, 5353]
DROP = ["setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--"]
SECRET = "CANARY-b7c1e2-environment"


def enter(argv):
    """The namespace first. Others than root get rights over it alone, which
    whatever is tested loses again (DROP)."""
    if os.environ.get("SALLYPORT_WORLD"):
        return
    flags = ["--net"]
    if os.geteuid() != 0:
        flags = ["--user", "--map-current-user", "--keep-caps", "--net"]
    os.environ["SALLYPORT_WORLD"] = "1"
    os.execvp("unshare", ["unshare", *flags, "--", "/usr/bin/python3", *argv])


def sh(*cmd):
    subprocess.run(cmd, check=True, stdout=subprocess.DEVNULL)


def build_network():
    sh("ip", "link", "set", "lo", "up")
    for a in ADDRESSES:
        extra = ["nodad"] if ":" in a else []
        sh("ip", "addr", "add", a, "dev", "lo", *extra)


def with_resolver(dir):
    """What to put before a command that is to have this world's resolver:
    the keeper, or the suite itself when there is no gate."""
    conf = dir / "resolv.conf"
    conf.write_text(f"nameserver {RESOLVER}\noptions timeout:1\n")
    conf.chmod(0o644)
    target = os.path.realpath("/etc/resolv.conf")
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            f"mount --bind {conf} {target} && exec \"$@\"", "sh"]


def place_canaries(c, taken):
    """Canaries on every address; `taken` belongs to real servers."""
    where = [a.split("/")[0] for a in ADDRESSES] + ["127.0.0.1", "::1",
                                                    "127.0.0.2"]
    for address in where:
        for port in TCP_PORTS:
            if (address, port) not in taken:
                c.tcp(address, port)
        for port in UDP_PORTS:
            c.udp(address, port)
        if (address, 53) not in taken:
            c.udp(address, 53)
    return c.tcp("127.0.0.1"), c.udp("127.0.0.1")


def place_files(gate, project, dir):
    """Secrets and sockets of the host; what exists only for root, only then.

    Returns (secrets, unix sockets, guarded files, guards, to remove).
    """
    text = canary.TOKEN.decode() + " a secret of the host\n"
    secrets, unix, gone = [], [], []
    for name in (".ssh/id_ed25519", ".aws/credentials", ".netrc",
                 ".config/gh/hosts.yml"):
        p = gate.home / name
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(text)
        secrets.append(p)
    for d in ("/tmp", "/var/tmp", "/opt", "/srv", "/run", "/root", "/mnt"):
        if os.access(d, os.W_OK) and d != "/opt":
            p = pathlib.Path(d) / f"canary-{os.getpid()}"
            p.write_text(text)
            p.chmod(0o644)
            if d != "/srv":  # /srv and /opt are shown, read-only, by design
                secrets.append(p)
            gone.append(p)
        if os.access(d, os.W_OK):
            unix.append(f"{d}/canary-{os.getpid()}.sock")
    p = dir / "outside-project"
    p.write_text(text)
    secrets.append(p)
    unix += [str(gate.home / "agent.sock"), str(dir / "s.sock"),
             f"@canary-{os.getpid()}", "@/tmp/.X11-unix/X77"]
    for d in (".git/hooks", ".vscode", "src"):
        (project / d).mkdir(parents=True)
    (project / ".git/config").write_text("[core]\n\tbare = false\n")
    (project / ".git/hooks/pre-commit").write_text("#!/bin/sh\n")
    (project / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (project / ".vscode/settings.json").write_text("{}\n")
    (project / ".env").write_text(text)
    secrets.append(project / ".env")
    for path, _, files in os.walk(project):
        gate.own(path)
        for f in files:
            gate.own(os.path.join(path, f))
    guarded = [".git/hooks/pre-commit", ".git/config",
               ".vscode/settings.json"]
    guards = [".git", ".git/hooks"]
    return ([str(s) for s in secrets], unix, guarded, guards, gone)


def watch_uids(launcher, found, stop):
    """Kernel uids of the processes inside: never 0."""
    while not stop.is_set():
        for pid in descendants(launcher.pid):
            try:
                with open(f"/proc/{pid}/status") as f:
                    status = dict(x.split(":", 1) for x in f)
                if "inside.py" in open(f"/proc/{pid}/cmdline").read():
                    found.add(int(status["Uid"].split()[0]))
            except OSError:
                pass
        time.sleep(0.2)


def config(gate, project, dir, c, ports, placed, bare):
    secrets, unix, guarded, guards, _ = placed
    shm = f"/dev/shm/canary-{os.getpid()}"
    pathlib.Path(shm).write_text(canary.TOKEN.decode())
    for path in unix:
        c.unix(path.replace("@", "\0", 1) if path[0] == "@" else path)
    inside = c.unix(str(project / "before.sock"))
    told = {
        "gate": not bare, "tcp_port": ports[0], "udp_port": ports[1],
        "secrets": secrets, "unix": unix + [inside], "guarded": guarded,
        "guards": guards, "keeper": str(gate.socket), "shm": shm,
        "env_secret": SECRET, "outside_pid": os.getpid(),
        "root_name": "Sallyport Test Root", "ca": str(dir / "root.pem"),
        "namespaces": {n: os.readlink(f"/proc/self/ns/{n}") for n in
                       ("net", "mnt", "pid", "ipc", "uts", "user", "cgroup")},
    }
    path = project / "attack.json"
    path.write_text(json.dumps(told))
    gate.own(path)
    return path, shm


def policy(root):
    return {
        "allowed_hosts": ["allowed.test", "rebind.test"],
        "tls": {"roots": [str(root.pem)]},
    }


def run_suite(options, gate, project, root, dir):
    command = ["/usr/bin/python3", "inside.py", "attack.json",
               *map(str, options.classes)]
    secret = {"AWS_SECRET_ACCESS_KEY": SECRET, "MY_TOKEN": SECRET}
    if options.bare:
        # Never as root: what a probe tries may work.
        if os.environ.get("SALLYPORT_REAL_ROOT"):
            command = ["setpriv", f"--reuid={TEST_UID}", f"--regid={TEST_UID}",
                       "--clear-groups", *command]
        else:
            command = DROP + command
        command = [*with_resolver(dir), *command]
        p = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             env={**os.environ, **secret})
    else:
        p = gate.start(command, policy=policy(root), project=project,
                       opts=["--capture", options.capture], env=secret)
    uids, stop = set(), threading.Event()
    watcher = threading.Thread(target=watch_uids, args=(p, uids, stop))
    watcher.start()
    try:
        out, err = p.communicate(timeout=options.seconds)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        err += b"\nworld: killed after its time"
    stop.set()
    watcher.join()
    probes = []
    for line in out.splitlines():
        try:
            probes.append(json.loads(line))
        except ValueError:
            err += b"\nnot JSON: " + line[:200]
    return p.returncode, probes, err.decode("utf-8", "replace"), uids


def judge(report, options):
    """Everything that is wrong, as sentences."""
    wrong = [f"class {p['class']}: {p['name']}: {p['verdict']}: {p['detail']}"
             for p in report["probes"] if p["verdict"] != "held"]
    # Canaries: none may have seen anything.
    wrong += [f"canary {where} was reached: {what}"
              for where, what in report["hits"]]
    allowed = {"allowed.test", "rebind.test"}
    for via, name, qtype in report["queries"]:
        if name not in allowed or qtype not in (1, 28):
            wrong.append(f"query left: {name} type {qtype} by {via}")
    # Whatever the probes sent: a gate that falls over is a finding.
    wrong += [f"the proxy was restarted {n} times" for n in report["restarts"]
              if n]
    wrong += [f"the denied origin saw {path}" for path in report["denied"]]
    wrong += [f"smuggled request arrived: {p}" for p in report["allowed"]
              if "smuggled" in p]
    if 0 in report["uids"] and os.environ.get("SALLYPORT_REAL_ROOT"):
        wrong.append("the program runs as kernel uid 0")
    if report["exit"] != 0:
        wrong.append(f"the suite ended with {report['exit']}: "
                     f"{report['stderr'][-600:]}")
    seen = {p["class"] for p in report["probes"]}
    need = set(options.classes) or {0, *range(1, 11), *range(12, 19)}
    wrong += [f"class {n} did not run" for n in sorted(need - seen)]
    return wrong


def report_of(options, dir):
    root = pki.Authority(dir / "pki")
    shutil.copy(root.pem, dir / "root.pem")
    chain = root.leaf("allowed.test", "*.allowed.test", "denied.test",
                      "*.denied.test", "rebind.test")
    context = pki.server_context(chain)
    c = canary.Canaries()
    gate = Gate(dir / "gate", options.launcher,
                prefix=[] if os.geteuid() == 0 else DROP)
    project = gate.project()
    gate.place(project, *HERE.glob("*.py"))
    servers = [Origin(context, UPSTREAM, "allowed-tls", 443),
               Origin(None, UPSTREAM, "allowed-plain", 80),
               Origin(context, DENIED, "denied-origin", 443),
               Origin(None, DENIED, "denied-origin", 80)]
    for s in servers:
        s.start()
    names = {"allowed.test": [UPSTREAM], "denied.test": [DENIED],
             "rebind.test": lambda n: [UPSTREAM] if n % 3 == 1 else
             ["169.254.169.254"] if n % 3 == 2 else ["127.0.0.1"]}
    taken = {(UPSTREAM, 443), (UPSTREAM, 80), (DENIED, 443), (DENIED, 80),
             (RESOLVER, 53)}
    placed = place_files(gate, project, dir)
    shm = None
    with NameServer(names, RESOLVER, 53) as dns:
        try:
            ports = place_canaries(c, taken)
            if not options.bare:
                gate.start_keeper(*with_resolver(dir))
            path, shm = config(gate, project, dir, c, ports, placed,
                               options.bare)
            code, probes, err, uids = run_suite(options, gate, project,
                                                root, dir)
        finally:
            for p in placed[4] + [pathlib.Path(x) for x in placed[1]
                                  if x[0] != "@"] + [pathlib.Path(shm or "-")]:
                p.unlink(missing_ok=True)
            restarts = [r.get("restarts", 0) for r in gate.records()
                        if r["type"] == "sandbox.stop"]
            gate.stop()
    c.close()
    for s in servers:
        s.stop()
    return {"exit": code, "stderr": err, "probes": probes,
            "hits": [(w, str(x)) for w, x in c.hits], "queries": dns.seen,
            "denied": servers[2].paths() + servers[3].paths(),
            "allowed": servers[0].paths() + servers[1].paths(),
            "uids": sorted(uids), "restarts": restarts}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--launcher", default="user", choices=("root", "user"))
    p.add_argument("--capture", default="auto")
    p.add_argument("--bare", action="store_true")
    p.add_argument("--seconds", type=float, default=55)
    p.add_argument("--brief", action="store_true", help="only what is wrong")
    p.add_argument("classes", nargs="*", type=int)
    options = p.parse_args()
    if os.geteuid() == 0 and not os.environ.get("SALLYPORT_WORLD"):
        os.environ["SALLYPORT_REAL_ROOT"] = "1"
    enter(sys.argv)
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(1))
    dir = pathlib.Path(tempfile.mkdtemp(prefix="sallyport-world-"))
    dir.chmod(0o755)
    try:
        build_network()
        report = report_of(options, dir)
    finally:
        shutil.rmtree(dir, ignore_errors=True)
    report["wrong"] = judge(report, options)
    if options.brief:
        held = sum(p["verdict"] == "held" for p in report["probes"])
        print(f"{held} of {len(report['probes'])} probes held")
        print("\n".join(report["wrong"]))
    else:
        json.dump(report, sys.stdout)
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
