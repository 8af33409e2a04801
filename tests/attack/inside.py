#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The attack suite: runs inside a sandbox, judges mechanically.

usage: inside.py CONFIG.json [CLASS...]

Prints one JSON object per probe: class (sandbox design, section 16), name,
verdict held | ESCAPE | BROKEN, detail. The driver is world.py.
"""
import json
import os
import sys

INHERITED = [n for n in os.listdir("/proc/self/fd")]


def inherited():
    """Descriptors above 2 that are still open once the listing is over."""
    out = []
    for n in INHERITED:
        try:
            target = os.readlink(f"/proc/self/fd/{n}")
        except OSError:
            continue  # the listing itself
        if int(n) > 2 and not target.endswith(os.path.basename(__file__)):
            out.append(f"{n} {target}")
    return out


def main():
    found = inherited()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import probe
    with open(sys.argv[1]) as f:
        probe.CONF.update(json.load(f))
    probe.CONF["_fds"] = found
    import host  # noqa: F401 - they register their probes
    import network  # noqa: F401
    import web  # noqa: F401
    probe.run_all({int(x) for x in sys.argv[2:]} or None)


if __name__ == "__main__":
    main()
