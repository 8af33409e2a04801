#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Published policy vectors and the SSRF corpus against the real code.

    check.py PROBE [SHARED]

SHARED (default: ../shared beside the source tree) holds data that is not part
of the source; where it is absent the check is skipped and says so (exit 77).
"""
import collections
import json
import pathlib
import subprocess
import sys

# handlers.md, section 15: what default mode changes, and nothing else.
CHANGED = {"EXAMPLE.com": 6, "example.com.": 6, "bücher.de": 3,
           "10.0.0.0/8": 2, "::1": 2, "example.com:8080": 1, "example.*": -1,
           "a.*": -2}
REJECTED = {"", " example.com", ".", "*.", ".*", "ex?mple.com",
            "[e]xample.com", "http://example.com"}

STATIC = {"exact": [("h.com", "static-exact")],
          "exact+catchall": [("h.com", "static-exact")],
          "glob": [("*.com", "static-glob"), ("h.*", "static-glob2")],
          "both": [("*.com", "static-glob"), ("h.com", "static-exact")]}
IDS = ["", "static-exact", "static-glob", "static-glob2", "static-catchall",
       "named", "named2"]

failures = 0


def fail(text):
    global failures
    failures += 1
    if failures <= 20:
        print("FAIL", text)


def ask(probe, lines):
    out = subprocess.run([probe], input="".join(lines).encode(), check=True,
                         stdout=subprocess.PIPE, timeout=110)
    answers = out.stdout.decode().splitlines()
    if len(answers) != len(lines):
        sys.exit(f"{len(lines)} questions, {len(answers)} answers")
    return answers


def hexed(text):
    return text.encode("utf-8", "surrogatepass").hex()


def request(yaml, url, method="GET"):
    return f"request {hexed(yaml)} {hexed(url)} {method}\n"


def check_globs(probe, rows):
    # Ports are not the subject: 8080 occurs in one host.
    head = "ports: [80, 443, 8080]\nglobs: %s\nallowed_hosts: [%s]\n"
    for mode in ("strict", "default"):
        lines = [request(head % (mode, json.dumps(p)), f"http://{u}/")
                 for p, u, _h, _w in rows]
        changed, rejected = collections.Counter(), set()
        for (pattern, url, _host, want), got in zip(rows, ask(probe, lines)):
            if got.startswith("policy"):
                rejected.add(pattern)
                if want:
                    fail(f"{mode}: {pattern!r} does not load: {got}")
                continue
            # "guard" is behind the lists: the pattern did match.
            verdict, reason, stage = got.split(" ")[:3]
            hit = verdict == "1" or stage == "guard"
            if not hit and reason not in ("host_denied", "port_denied",
                                          "no_name_for_address"):
                fail(f"{mode}: {pattern!r} {url!r}: {got}")
            changed[pattern] += hit - want
            if mode == "strict" and hit != bool(want):
                fail(f"{mode}: {pattern!r} {url!r}: {got}, wanted {want}")
        changed = {p: n for p, n in changed.items() if n}
        expected = {} if mode == "strict" else CHANGED
        if changed != expected:
            fail(f"{mode}: changed {changed}")
        if rejected != (set() if mode == "strict" else REJECTED):
            fail(f"{mode}: rejected {rejected}")
        print(f"globs {mode}: {len(lines)} vectors, "
              f"{sum(map(abs, changed.values()))} outcomes changed, "
              f"{len(rejected)} patterns rejected")


def order_line(legend, row):
    statics, denied, allowed, overrides, catch_all, internet, every = row
    yaml = f"internet: {'true' if internet else 'false'}\n"
    for key, label in (("denied", denied), ("allowed", allowed)):
        if label in legend[key]:
            yaml += f"{key}_hosts: {json.dumps(legend[key][label])}\n"

    def number(handler):
        return IDS.index(legend["named"].get(handler["method"], ""))

    fixed = ",".join(f"{k}={IDS.index(v)}" for k, v in STATIC.get(statics, []))
    over = ",".join(f"{k}={number(v)}" for k, v
                    in legend["overrides"].get(overrides, {}).items())
    chosen = legend["runtimeCatchAll"].get(catch_all)
    return (f"order {hexed(yaml)} {hexed('http://' + legend['host'] + '/')} "
            f"{int(not every)} "
            f"{IDS.index('static-catchall') if 'catchall' in statics else 0} "
            f"{number(chosen) if chosen else 0} {fixed or '-'} {over or '-'}\n")


def check_order(probe, data):
    rows, legend = data["order"], data["orderLegend"]
    lines = [order_line(legend, row[:7]) for row in rows]
    count = collections.Counter()
    for row, got in zip(rows, ask(probe, lines)):
        outcome, number, params = got.split(" ")
        name = {"deny": "deny520", "forward": "INTERNET"}.get(outcome)
        if name is None:
            name = IDS[int(number)] + ("+params" if params == "1" else "")
        count[name] += 1
        if name != row[7]:
            fail(f"order {row}: {got}")
    print(f"order: {len(lines)} vectors, {dict(count)}")


def check_ssrf(probe, rows):
    yaml = ('ports: any\n'
            'allowed_hosts: ["*", 0.0.0.0/0, "::/0"]\n')
    lines = [request(yaml, row["text"]) for row in rows]
    count = collections.Counter()
    for row, got in zip(rows, ask(probe, lines)):
        label, passed = row["label"], got.startswith("1 ")
        good = {"allow": passed, "block": not passed,
                "reject": got == "url"}[label]
        host = row["whatwg_host"].rstrip(".")
        if passed and got.split(" ")[3].rstrip(".") != host:
            good = False
        if not good:
            fail(f"ssrf {row['id']} {label} {row['text']!r}: {got}")
        count[label, good] += 1
    print("ssrf:", ", ".join(f"{n} {label} {'right' if ok else 'wrong'}"
                             for (label, ok), n in sorted(count.items())))


def main():
    probe = sys.argv[1]
    root = pathlib.Path(__file__).resolve().parents[2]
    shared = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else (
        root.parent / "shared")
    vectors = shared / "vectors" / "cloudflare-policy-vectors.json"
    corpus = shared / "corpora" / "ssrf.jsonl"
    skipped = 0
    if vectors.exists():
        data = json.loads(vectors.read_text(encoding="utf-8"))
        check_globs(probe, data["globs"])
        check_order(probe, data)
    else:
        skipped += 1
        print("SKIP policy vectors are not there")
    if corpus.exists():
        with corpus.open(encoding="utf-8") as f:
            check_ssrf(probe, [json.loads(line) for line in f])
    else:
        skipped += 1
        print("SKIP the SSRF corpus is not there")
    print(f"{failures} failures, {skipped} of 2 skipped")
    if failures:
        return 1
    return 77 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
