#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that no compiler checks. Prints path:line: message.

Every limit in the style document that is called hard is enforced here or by
clang-tidy; everything else is a target for review.
"""
import pathlib
import re
import sys

# A folder may include itself and those named before it.
ORDER = """core loop ipc conf name policy codec json tls dns http scan cred mcp
js filter audit net txn sandbox trust state role cli .""".split()
LAYERS = {name: n for n, name in enumerate(ORDER)}
FILE_MAX = 700
FUNCTION_MAX = 80
HEADER_MAX = 300

# pattern, folders of src/ where it is legal, what to do instead
CALLS = [
    (r"(?:m|c|re)alloc|strdup|free", {"core"}, "use an arena or sp_buf"),
    (r"v?f?printf|puts|fputs|perror", {"cli"}, "only cli/ prints"),
    (r"(?:secure_)?getenv|setenv", {"cli", "role"}, "pass it in"),
    (r"time|clock_gettime|gettimeofday", {"loop", "role"}, "pass the time in"),
    (r"getrandom|getentropy", {"loop", "role"}, "pass randomness in"),
    (r"exit|abort", {"core"}, "return an error"),
    (r"accept|pipe|epoll_create|dup|creat", set(), "use the O_CLOEXEC variant"),
    (r"sleep|usleep|nanosleep", set(), "use a deadline"),
]
CLOEXEC = re.compile(
    r"\b(open|openat|socket|socketpair|accept4|pipe2|epoll_create1|signalfd|"
    r"eventfd|timerfd_create|memfd_create|recvmsg)\(")

errors = 0


def report(path, line, text):
    global errors
    errors += 1
    print(f"{path}:{line}: {text}")


def strip(text):
    """Blank out comments and strings, keeping line numbers and columns."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  blank, text, flags=re.S)


def check_includes(path, folder, lines):
    for n, line in enumerate(lines, 1):
        m = re.match(r'#include "(?:(\w+)/)?\w+\.h"', line)
        if not m:
            continue
        target = m.group(1) or "."
        if target != folder and LAYERS.get(target, 99) >= LAYERS[folder]:
            report(path, n, f"{folder}/ may not include {target}/")


def check_calls(path, folder, code):
    for names, legal, advice in CALLS:
        if folder in legal:
            continue
        for m in re.finditer(rf"(?<![\w>.])({names})\(", code):
            line = code.count("\n", 0, m.start()) + 1
            report(path, line, f"{m.group(1)}() here: {advice}")
    for m in CLOEXEC.finditer(code):
        end = code.find(";", m.start())
        if "CLOEXEC" not in code[m.start():end]:
            line = code.count("\n", 0, m.start()) + 1
            report(path, line, f"{m.group(1)}() without CLOEXEC")


def check_functions(path, code_lines):
    start = None
    for n, line in enumerate(code_lines, 1):
        if line == "{":
            start = n
        elif line.startswith("}") and start is not None:
            if n - start - 1 > FUNCTION_MAX:
                report(path, start, f"function of {n - start - 1} lines")
            start = None


def check_globals(path, code_lines):
    for n, line in enumerate(code_lines, 1):
        if (line.startswith("static ") and "(" not in line
                and "const" not in line and re.search(r"(;|=|\{)\s*$", line)):
            report(path, n, "mutable file-scope variable")


def check_text(path, lines):
    c_file = path.suffix in (".c", ".h")
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(lines[:3]):
        report(path, 1, "no SPDX line")
    for n, line in enumerate(lines, 1):
        if line != line.rstrip():
            report(path, n, "trailing blank")
        if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
            if path.name != "lint.py":
                report(path, n, "TODO without an issue number")
        if c_file and re.search(r"(^|\s)//", line):
            report(path, n, "// comment")
    # Headers of tests are fixtures: they hold code.
    interface = path.suffix == ".h" and path.parts[0] == "src"
    limit = HEADER_MAX if interface else FILE_MAX
    if len(lines) > limit:
        report(path, 1, f"{len(lines)} lines, limit {limit}")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    for path in sorted(root.glob("*/**/*")):
        rel = path.relative_to(root)
        if rel.parts[0].startswith(("b-", ".deps")) or path.suffix not in (
                ".c", ".h", ".py", ".sh"):
            continue
        text = path.read_text()
        lines = text.splitlines()
        check_text(rel, lines)
        if rel.parts[0] != "src":
            continue
        folder = rel.parts[1] if len(rel.parts) > 2 else "."
        if folder not in LAYERS:
            report(rel, 1, f"folder {folder}/ has no layer in tools/lint.py")
            continue
        code = strip(text)
        check_includes(rel, folder, lines)
        check_calls(rel, folder, code)
        check_functions(rel, code.splitlines())
        check_globals(rel, code.splitlines())
    print(f"lint: {errors} findings")
    return errors > 0


if __name__ == "__main__":
    sys.exit(main())
