#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run every harness of b-fuzz for some seconds, one per core at a time.
# usage: tools/fuzz.sh SECONDS
# New inputs go to b-fuzz/corpus; a finding is left in b-fuzz/findings, its
# input belongs into fuzz/seeds/NAME once it is fixed.
set -u
cd "$(dirname "$0")/.." || exit
mkdir -p b-fuzz/findings
export seconds=${1:-60}

one() {
	local name=$1 dir=b-fuzz/corpus/$1 rc=0
	mkdir -p "$dir"
	"b-fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="b-fuzz/findings/$name-" \
		"$dir" "fuzz/seeds/$name" >"b-fuzz/$name.log" 2>&1 || rc=$?
	printf 'fuzz %-24s %s runs, rc %d\n' "$name" "$(sed -n \
		's/^stat::number_of_executed_units: *//p' "b-fuzz/$name.log")" "$rc"
	[ "$rc" = 0 ] || tail -n 30 "b-fuzz/$name.log"
	return "$rc"
}
export -f one

names=$(find b-fuzz -maxdepth 1 -name 'fuzz_*' -type f -perm -u+x \
	-printf '%f\n' | sed 's/^fuzz_//' | sort)
[ -n "$names" ] || { echo "fuzz: no harness was built" >&2; exit 1; }
echo "$names" | xargs -P "$(nproc)" -I '{}' bash -c 'one {}'
