#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Everything there is to test, as root or as a user with sudo, without a
# terminal. Cheap checks first; it stops at the first step that fails, and
# always closes with one line "N passed, N failed, N skipped" (which goes to
# the file SUMMARY instead, if that is set). A step that returns 77 counts as
# skipped; more skips than MAX_SKIPPED are a failure.
# shellcheck disable=SC2317 # functions are called by way of step and tests
set -u
cd "$(dirname "$0")/.." || exit
exec </dev/null
export LC_ALL=C.UTF-8

# Some tests need root: to change what the keeper sees, or who starts it.
agreed=0
[ "$(id -u)" = 0 ] || agreed=60
# Vectors of other products lie beside the tree where it is developed.
[ -d ../shared/vectors ] || agreed=$((agreed + 2))
MAX_SKIPPED=${MAX_SKIPPED:-$agreed}
failed=()
results=()
skipped=0

finish() {
	local args=(--skipped "$skipped" --max-skipped "$MAX_SKIPPED") name
	echo "== whole gate: $SECONDS s"
	for name in "${failed[@]}"; do args+=(--failed-step "$name"); done
	tools/ci-summary.py "${args[@]}" "${results[@]}" >b-summary
	local rc=$?
	sed '$d' b-summary # names of what failed and was skipped
	tail -n 1 b-summary >"${SUMMARY:-/dev/stdout}"
	exit "$rc"
}

step() {
	local name=$1 start=$SECONDS rc=0
	shift
	echo "== $name"
	"$@" || rc=$?
	echo "-- $name: rc $rc, $((SECONDS - start)) s"
	if [ "$rc" = 77 ]; then
		skipped=$((skipped + 1))
	elif [ "$rc" != 0 ]; then
		failed+=("$name")
		finish
	fi
}

# Test steps: what failed is in the JUnit file, and only there; a run that
# failed without naming a test (a crash, a timeout) counts by itself.
tests() {
	local name=$1 file=$2 start=$SECONDS rc=0
	shift 2
	results+=("$file")
	rm -f "$file"
	echo "== $name"
	"$@" || rc=$?
	echo "-- $name: rc $rc, $((SECONDS - start)) s"
	if [ "$rc" != 0 ]; then
		tools/ci-summary.py --quiet "$file" >/dev/null &&
			failed+=("$name")
		finish
	fi
}

quiet() { # print the output only of what failed
	local log
	log=$(mktemp)
	"$@" >"$log" 2>&1
	local rc=$?
	[ "$rc" = 0 ] || tail -n 60 "$log"
	rm -f "$log"
	return "$rc"
}

unit() { meson test -C "$1" --no-rebuild --print-errorlogs --quiet; }

pytest() { # JUnit file, arguments
	local file=$1
	shift
	/usr/bin/python3 -m pytest -q -p no:cacheprovider --timeout 60 \
		--junitxml="$file" -o junit_family=xunit1 "$@"
}

clang_tidy() {
	find src -name '*.c' -print0 | xargs -0 -P "$(nproc)" -n 4 \
		clang-tidy --quiet -p b-tidy 2>/dev/null
}

step install tools/install-deps.sh build test lint clients
step lint tools/lint.py
step format tools/format.sh --check
step "scripts, pages, spelling" tools/check-text.sh
step build quiet make -s build
tests "unit and fuzz replay" b-dev/meson-logs/testlog.junit.xml unit b-dev
step "asan set-up" quiet make -s b-asan/build.ninja
step "asan build" quiet ninja -C b-asan
tests "unit and fuzz replay, asan" b-asan/meson-logs/testlog.junit.xml \
	unit b-asan
tests integration b-dev/integration.xml \
	pytest b-dev/integration.xml -n 2 tests/integration
tests "integration, asan" b-asan/integration.xml \
	env SALLYPORT=b-asan/sallyport SALLYPORT_ASAN=1 bash -c "$(declare -f \
	pytest); pytest b-asan/integration.xml -n 2 -m asan \
	tests/integration"
step "clang set-up" quiet make -s b-tidy/build.ninja
step "clang build" quiet ninja -C b-tidy
step clang-tidy clang_tidy
step cppcheck cppcheck --quiet --enable=warning,performance,portability \
	--inline-suppr --suppressions-list=tools/cppcheck-suppressions \
	--error-exitcode=1 -j "$(nproc)" -I src src
step "fuzz set-up" quiet make -s b-fuzz/build.ninja
step "fuzz build" quiet ninja -C b-fuzz
step "fuzz smoke" tools/fuzz.sh 10
finish
