#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Print what was allowed and denied, and compare with what servers saw.

usage: account.py LOGS.json SERVERS.json
LOGS.json is the output of `sallyport logs --json`: one record a line.
"""
import json
import sys

DENIED_SITE = "paste.demo.test"


def line(r):
    where = r.get("host") or r.get("addr") or "?"
    what = " ".join(x for x in (
        r.get("proto", ""), r.get("method", ""),
        f"{where}:{r['port']}{r.get('path', '')}" if r.get("port")
        else where) if x)
    why = r.get("rule", "") if r["verdict"] == "allow" else r.get("reason", "")
    return f"    {r['verdict']:<6} {what:<58} {why}"


def judge(records, servers):
    wrong = []
    for site, seen in servers.items():
        if site.startswith(DENIED_SITE) and seen:
            wrong.append(f"{site} was reached: {seen}")
        wrong += [f"{site} got {x}" for x in seen if DENIED_SITE in x
                  or x.startswith("POST")]
    allowed = {r.get("host") for r in records if r["verdict"] == "allow"}
    denied = {r.get("reason") for r in records if r["verdict"] == "deny"}
    if not {"docs.demo.test", "git.demo.test"} <= allowed:
        wrong.append(f"allowed were only {sorted(map(str, allowed))}")
    if DENIED_SITE in allowed:
        wrong.append(f"{DENIED_SITE} was allowed")
    for reason in ("host_denied", "host_mismatch", "sni_mismatch"):
        if reason not in denied:
            wrong.append(f"nothing was denied as {reason}")
    return wrong


def main():
    with open(sys.argv[1]) as f:
        records = [json.loads(x) for x in f if x.strip()]
    with open(sys.argv[2]) as f:
        servers = json.load(f)
    records = [r for r in records if r.get("verdict") in ("allow", "deny")]
    shown = {}
    for r in records:
        text = line(r)
        shown[text] = shown.get(text, 0) + 1
    for text, n in shown.items():
        print(text + (f"  (x{n})" if n > 1 else ""))
    wrong = judge(records, servers)
    allowed = sum(r["verdict"] == "allow" for r in records)
    print(f"\n    {allowed} allowed, {len(records) - allowed} denied; "
          f"the denied site saw "
          f"{sum(len(v) for k, v in servers.items() if DENIED_SITE in k)}"
          " requests")
    for w in wrong:
        print(f"    WRONG: {w}")
    return 1 if wrong or not records else 0


if __name__ == "__main__":
    sys.exit(main())
