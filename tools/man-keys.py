#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keep the key list of man/sallyport.yaml.5 equal to the table in the code.

usage: tools/man-keys.py --check|--write BINARY
"""
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "man/sallyport.yaml.5"
BEGIN = '.\\" BEGIN generated from the key table of the policy\n'
END = '.\\" END generated\n'


def main():
    mode, binary = sys.argv[1:]
    keys = subprocess.run([binary, "lint", "--man"], check=True, timeout=20,
                          stdout=subprocess.PIPE, text=True).stdout
    old = PAGE.read_text()
    head, rest = old.split(BEGIN)
    new = head + BEGIN + keys + END + rest.split(END)[1]
    if mode == "--write":
        PAGE.write_text(new)
        return 0
    if new != old:
        print(f"{PAGE.name} differs from the key table: "
              "run tools/man-keys.py --write BINARY")
    return new != old


if __name__ == "__main__":
    sys.exit(main())
