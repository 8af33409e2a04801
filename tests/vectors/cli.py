#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check and lint as people call them: cli.py PROGRAM"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

POLICY = """\
allowed_hosts: [example.com, "*.github.com"]
denied_hosts: ["*.evil.com"]
rules:
  - host: api.github.com
    methods: [GET]
    paths: ["/repos/**"]
    action: allow
  - host: api.github.com
    action: deny
tcp: ["github.com:22"]
"""

# arguments, exit status, what must be in the output
CASES = [
    ("check example.com", 0, "allowed_hosts[0] example.com"),
    ("check example.com:8443", 1, 'allowed_hosts: ["example.com:8443"]'),
    ("check https://example.com/x nope.org", 1, "host_denied"),
    ("check https://api.github.com/repos/x", 0, "rules[0]        matches"),
    ("check --method POST https://api.github.com/repos/x", 1,
     "rules[0]        other methods"),
    ("check https://api.github.com/user", 1, "rules[0]        other paths"),
    ("check https://api.github.com/repos/%2e%2e", 1, "ambiguous_path"),
    ("check api.github.com", 0, "depends on the request"),
    ("check https://a.evil.com/", 1, "denied_hosts[0] *.evil.com"),
    ("check tcp://github.com:22", 0, "tcp[0] github.com:22"),
    ("check tcp://github.com:23", 1, 'tcp: ["github.com:23"]'),
    ("check --allow localhost:8080 http://localhost:8080/", 0, "--allow"),
    ("check --allow localhost http://localhost/", 1, "internal-name"),
    ("check --deny example.com example.com", 1, "--deny example.com"),
    ("check http://good.example\\@evil.example/", 1, "differently"),
    ("check gopher://example.com/", 1, "protocol_not_allowed"),
    ("check http://a@@b/", 1, "denied"),
    ("check", 64, "usage:"),
    ("check --nonsense x", 64, "usage:"),
    ("check -p missing.yaml x", 2, "missing.yaml"),
    ("check -p bad.yaml x", 2, "bad.yaml:2:1: unknown key 'allowd_hosts', "
                               "did you mean 'allowed_hosts'?"),
    ("lint", 0, ""),
    ("lint smelly.yaml", 1, "smelly.yaml:1: "),
    ("lint bad.yaml", 2, "bad.yaml:2:1"),
    ("lint missing.yaml", 2, "missing.yaml"),
    ("lint a b", 64, "usage:"),
    ("lint --man", 0, ".It Ic allowed_hosts"),
]


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    failures = 0

    with tempfile.TemporaryDirectory() as d:
        folder = pathlib.Path(d)
        (folder / "sallyport.yaml").write_text(POLICY)
        (folder / "bad.yaml").write_text("mode: enforce\nallowd_hosts: []\n")
        (folder / "smelly.yaml").write_text('allowed_hosts: ["*.com"]\n')

        def run(args):
            p = subprocess.run([program] + args, cwd=d, timeout=20,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
            return p.returncode, p.stdout.decode()

        for args, status, text in CASES:
            got, out = run(args.split())
            if got != status or text not in out:
                failures += 1
                print(f"FAIL {args}: {got}\n{out}")
        # every line of output is an object of its own
        _, out = run(["check", "--json", "example.com", "x\ty", "a.org/"])
        rows = [json.loads(line) for line in out.splitlines()]
        if [r["allowed"] for r in rows] != [True, False, False]:
            failures += 1
            print("FAIL", rows)
        _, out = run(["lint", "--json", "smelly.yaml"])
        if json.loads(out)["code"] != "shared-suffix":
            failures += 1
            print("FAIL", out)
        _, out = run(["lint", "--schema"])
        json.loads(out)
        _, out = run(["lint", "--man"])
        page = (".Dd January 1, 2026\n.Dt SALLYPORT.YAML 5\n.Os\n.Sh NAME\n"
                ".Nm sallyport.yaml\n.Nd policy\n.Sh KEYS\n" + out)
        if shutil.which("mandoc"):
            found = subprocess.run(
                ["mandoc", "-T", "lint", "-W", "warning"],
                input=page.encode(), stdout=subprocess.PIPE, timeout=20)
            if found.stdout:
                failures += 1
                print("FAIL", found.stdout.decode())
        else:
            print("SKIP mandoc is not installed")
    print(f"{len(CASES)} cases, {failures} failures")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
