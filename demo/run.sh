#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo: an "agent" that does honest work and then tries to get out.
#
# Starts a few real servers on loopback, runs demo/agent.sh in a sandbox, shows
# what the gate recorded, verifies the record, and judges: exit code 0 only if
# everything that should work worked and nothing else did. Changes nothing on
# the machine, needs no network and no root. usage: demo/run.sh [BINARY]
set -u
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${1:-$here/../build/sallyport}")
work=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-demo.XXXXXX")
export SALLYPORT_SOCKET=$work/run/keeper.sock SALLYPORT_STATE=$work/state
mkdir -m 700 "$work/run"
servers=

# shellcheck disable=SC2317 # called by trap
finish() {
	[ -z "$servers" ] || kill "$servers" 2>/dev/null
	# The keeper of this demo, and no other: it listens on our socket.
	/usr/bin/python3 "$here/servers.py" stop-keeper "$SALLYPORT_SOCKET"
	rm -rf "$work"
}
trap finish EXIT

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }

if [ ! -x "$binary" ]; then
	echo "demo: $binary is missing; run make first" >&2
	exit 1
fi

title "1. Servers on this machine, a policy, and a secret of ours"
/usr/bin/python3 "$here/servers.py" serve "$work" >"$work/servers.log" 2>&1 &
servers=$!
for _ in $(seq 100); do
	[ -e "$work/ready" ] && break
	sleep 0.1
done
[ -e "$work/ready" ] || { cat "$work/servers.log"; exit 1; }
sed 's/^/    /' "$work/policy.yaml"

mkdir "$work/project"
cp "$here/agent.sh" "$work/port" "$work/project/"
cd "$work/project" || exit 1

title "2. sallyport run -p policy.yaml -- ./agent.sh"
export DEMO_API_KEY=sk-demo-not-for-the-agent
"$binary" run -p "$work/policy.yaml" --name demo -- ./agent.sh
status=$?

title "3. What the gate recorded: sallyport logs"
"$binary" logs --json >"$work/logs.json" || status=1
/usr/bin/python3 "$here/account.py" "$work/logs.json" "$work/servers.json" ||
	status=1

title "4. Is the record whole? sallyport audit verify"
"$binary" audit verify || status=1

if [ "$status" = 0 ]; then
	title "Everything was as it should be."
else
	title "Something was NOT as it should be (see above)."
fi
exit "$status"
