#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Scripts, manual pages and spelling. Exit code 77: a tool is missing.
set -u
cd "$(dirname "$0")/.." || exit
bad=0

for tool in shellcheck codespell mandoc; do
	if ! command -v "$tool" >/dev/null; then
		echo "check-text: $tool not found" >&2
		exit 77
	fi
done

files() { git ls-files -co --exclude-standard "$@"; }

scripts=$(files | xargs grep -lE '^#!.*/(ba)?sh' 2>/dev/null)
if [ -n "$scripts" ]; then
	echo "$scripts" | xargs shellcheck || bad=1
fi
pages=$(files 'man/*.[1-8]')
if [ -n "$pages" ]; then
	echo "$pages" | xargs mandoc -T lint -W warning || bad=1
fi
# Data of tests is misspelled on purpose; names of system calls are not ours.
files | grep -vE '^fuzz/seeds/|\.(pem|bin|svg)$|^vectors/|^tests/.*\.jsonl?$' |
	xargs codespell --check-filenames \
		--ignore-words tools/codespell-ignore || bad=1
exit "$bad"
