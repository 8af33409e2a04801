#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A second verifier of audit.jsonl, from doc/PROTOCOL.audit alone.

    verify_log.py [--head HASH] FILE

Shares no code with the one in C; tests compare their answers. Prints
"valid RECORDS HEAD" or "invalid LINE REASON". Exit status 0 or 1.
"""
import argparse
import hashlib
import json
import re
import sys

MAX_INT = 2**53 - 1
LINE_MAX = 16384
TEXT, INT, FLAG = "text", "int", "flag"

# key: kind, maximum
COMMON = {
    "boot": (TEXT, 64), "mono": (INT, MAX_INT), "prev": (TEXT, 64),
    "seq": (INT, MAX_INT), "t": (INT, MAX_INT), "type": (TEXT, 32),
    "v": (INT, 1),
}
OPTIONAL = {
    "bad_utf8": (FLAG, 0), "pe": (INT, 2**32 - 1), "px": (INT, 2**32 - 1),
    "sb": (TEXT, 23), "sbname": (TEXT, 189), "sbseq": (INT, MAX_INT),
}
OPEN_MUST = {
    "id": (TEXT, 55), "proto": (TEXT, 4), "reason": (TEXT, 32),
    "verdict": (TEXT, 5),
}
OPEN_MAY = {
    "addr": (TEXT, 45), "comm": (TEXT, 48), "conn": (INT, MAX_INT),
    "detail": (TEXT, 480), "final": (FLAG, 0), "host": (TEXT, 255),
    "method": (TEXT, 96), "observed": (FLAG, 0), "path": (TEXT, 1536),
    "path_cut": (FLAG, 0), "pid": (INT, 2**32 - 1), "port": (INT, 65535),
    "qtype": (INT, 65535), "rule": (TEXT, 480), "scheme": (TEXT, 8),
    "start": (INT, MAX_INT), "status": (INT, 65535),
}
CLOSE_MUST = {
    "down": (INT, MAX_INT), "id": (TEXT, 55), "open": (INT, MAX_INT),
    "outcome": (TEXT, 16), "reason": (TEXT, 32), "up": (INT, MAX_INT),
    "us": (INT, MAX_INT),
}
CLOSE_MAY = {
    "addr": (TEXT, 45), "detail": (TEXT, 480), "status": (INT, 65535),
    "ttfb": (INT, MAX_INT),
}
EVENTS = {"log.open", "log.recover", "log.close", "sandbox.start",
          "sandbox.stop", "policy.load", "proxy.start", "proxy.crash", "kill"}
WORDS = {
    "proto": {"http", "tls", "tcp", "dns"},
    "scheme": {"http", "https", "tcp", "other"},
    "verdict": {"allow", "deny"},
    "outcome": {"complete", "denied", "client_gone", "upstream_error",
                "timeout", "aborted"},
}
ID = re.compile(r"([A-Za-z0-9_-]{1,23})\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\Z")
CODE = re.compile(r"[a-z][a-z0-9_]*\Z")
HASH = re.compile(r"[0-9a-f]{64}\Z")


class Invalid(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Invalid(reason)


def pairs(items):
    need(len({k for k, _ in items}) == len(items), "not_json")
    return dict(items)


def whole(text):
    need(text != "-0" and abs(int(text)) <= MAX_INT, "not_json")
    return int(text)


def no(_):
    raise Invalid("not_json")


def read(line):
    """Strict JSON: no duplicates, no fractions, no NaN."""
    try:
        text = line.decode("utf-8")
        record = json.loads(text, object_pairs_hook=pairs, parse_int=whole,
                            parse_float=no, parse_constant=no)
    except (ValueError, RecursionError) as e:
        raise Invalid("not_json") from e
    need(isinstance(record, dict), "not_json")
    return record


def canonical(value):
    """RFC 8785 for what a record can hold."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(v) for v in value) + "]"
    keys = sorted(value, key=lambda k: k.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(canonical(k) + ":" + canonical(value[k])
                          for k in keys) + "}"


def check_field(key, value, kind, top):
    if kind is INT:
        ok = type(value) is int and 0 <= value <= top
    elif kind is FLAG:
        ok = value is True
    else:
        ok = isinstance(value, str) and 0 < len(value.encode()) <= top
    need(ok, "field_invalid")
    if key in WORDS:
        need(value in WORDS[key], "field_invalid")


def check_schema(r):
    kind = r.get("type")
    need(isinstance(kind, str), "field_missing")
    must, may = dict(COMMON), dict(OPTIONAL)
    event = kind in EVENTS
    if kind in ("tx.open", "dns"):
        must.update(OPEN_MUST)
        may.update(OPEN_MAY)
    elif kind == "tx.close":
        must.update(CLOSE_MUST)
        may.update(CLOSE_MAY)
        may.pop("sbname")
    else:
        need(event, "field_invalid")
    if not event:
        for key in ("sb", "sbseq", "px"):
            must[key] = may.pop(key)
    need(all(k in r for k in must), "field_missing")
    for key, value in r.items():
        row = must.get(key) or may.get(key)
        if row:
            check_field(key, value, *row)
        else:
            need(event, "field_unknown")
            need(isinstance(value, str) or type(value) is int,
                 "field_unknown")
    need(HASH.match(r["prev"]), "field_invalid")
    need(r["v"] == 1, "field_invalid")
    if not event:
        need(CODE.match(r["reason"]), "field_invalid")


class Log:
    def __init__(self):
        self.seq = 0
        self.head = "0" * 64
        self.clock = (None, 0)
        self.next_sbseq = {}
        self.opens = {}
        self.between = True     # no run of a keeper goes on
        self.recovering = False
        self.hashes = set()

    def line(self, line):
        need(len(line) <= LINE_MAX, "line_too_long")
        r = read(line)
        try:
            need(canonical(r).encode("utf-8") == line, "not_canonical")
        except UnicodeEncodeError as e:     # a lone surrogate
            raise Invalid("not_json") from e
        check_schema(r)
        need(r["seq"] == self.seq, "seq_gap")
        need(r["prev"] == self.head, "chain_broken")
        need(r["boot"] != self.clock[0] or r["mono"] >= self.clock[1],
             "mono_backwards")
        self.clock = (r["boot"], r["mono"])
        self.sandbox(r)
        self.run(r["type"])
        if r["type"] in ("tx.open", "dns"):
            self.open(r)
        elif r["type"] == "tx.close":
            self.close(r)
        self.seq += 1
        self.head = hashlib.sha256(b"\0" + line).hexdigest()
        self.hashes.add(self.head)

    def sandbox(self, r):
        if "sb" in r:
            need("sbseq" in r, "field_missing")
            need(r["sbseq"] == self.next_sbseq.get(r["sb"], 0), "sbseq_gap")
            self.next_sbseq[r["sb"]] = r["sbseq"] + 1

    def run(self, kind):
        opens, recovers = kind == "log.open", kind == "log.recover"
        if self.between:
            need(opens or recovers, "run_order")
        elif opens:
            need(self.recovering, "run_order")
        elif self.recovering:
            need(recovers or kind == "tx.close", "run_order")
        if opens or kind == "log.close":
            need(not self.opens, "open_without_close")
        self.between = kind == "log.close"
        self.recovering = recovers or (self.recovering and not opens)

    def open(self, r):
        m = ID.match(r["id"])
        need(m and m[1] == r["sb"] and int(m[2]) == r["px"], "field_invalid")
        need((r["type"] == "dns") == (r["proto"] == "dns"), "field_invalid")
        need(r["id"] not in self.opens, "open_twice")
        if not r.get("final"):
            self.opens[r["id"]] = r["seq"]
        else:
            need(r["verdict"] == "deny" or r["type"] == "dns",
                 "field_invalid")

    def close(self, r):
        m = ID.match(r["id"])
        need(m and m[1] == r["sb"], "field_invalid")
        need(self.opens.pop(r["id"], None) == r["open"], "close_without_open")


def verify(data, head=None):
    """(None, log) when valid, else ((line, reason), log)."""
    log = Log()
    lines = data.split(b"\n")
    last = lines.pop()
    for n, line in enumerate(lines, 1):
        try:
            log.line(line)
        except Invalid as e:
            return (n, str(e)), log
    if last:
        return (len(lines) + 1, "incomplete_line"), log
    if not lines:
        return (1, "empty"), log
    if head and head not in log.hashes:
        return (len(lines) + 1, "head_mismatch"), log
    return None, log


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--head")
    p.add_argument("file")
    args = p.parse_args()
    with open(args.file, "rb") as f:
        fault, log = verify(f.read(), args.head)
    if fault:
        print("invalid", *fault)
        return 1
    print("valid", log.seq, log.head)
    return 0


if __name__ == "__main__":
    sys.exit(main())
