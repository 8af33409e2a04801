#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Install the Debian packages that a group of tasks needs. Does nothing, and
# asks for no rights, when nothing is missing.
#
# usage: tools/install-deps.sh [-n] GROUP...
#   build    compile sallyport and its unit tests
#   demo     run the demo
#   test     run the tests (the matrix of TLS clients is the group "clients")
#   lint     format, lint, second compiler, fuzzers
#   clients  programs of the trust matrix, some from npm and PyPI
#   bench    load generators and the products that we compare with
#   -n       only print what is missing
set -eu
cd "$(dirname "$0")/.."

# Names of packages. "command=package" asks for the command instead, wherever
# it comes from; a command with a slash has to be that file.
# shellcheck disable=SC2034 # used by name
{
group_build="build-essential meson ninja-build pkg-config libssl-dev
	libc-ares-dev libyaml-dev libidn2-dev libpsl-dev libcmocka-dev
	ca-certificates"
group_demo="python3 python3-cryptography openssl=openssl curl=curl git=git
	node=nodejs setpriv=util-linux"
group_test="$group_demo python3-pytest python3-pytest-xdist
	python3-pytest-timeout python3-yaml nginx=nginx wget=wget
	nft=nftables ip=iproute2 unshare=util-linux strace=strace
	publicsuffix node-llhttp"
group_lint="clang=clang clang-tidy=clang-tidy clang-format libclang-rt-14-dev
	cppcheck=cppcheck mandoc=mandoc shellcheck=shellcheck
	codespell=codespell"
group_clients="python3-requests python3-httpx python3-aiohttp python3-pip
	npm=npm go=golang-go java=default-jdk-headless javac=default-jdk-headless
	ruby=ruby php=php-cli php-curl libwww-perl liblwp-protocol-https-perl
	/usr/bin/cargo=cargo chromium=chromium"
group_bench="$group_demo nginx=nginx wrk=wrk hey=hey squid-openssl mitmproxy"
}

# Clients that Debian lacks. Exact versions; nothing runs at installation.
# The packages of the binaries themselves, because scripts do not run.
case $(uname -m) in
aarch64) npm_clients="@deno/linux-arm64-glibc@2.9.6 @oven/bun-linux-aarch64@1.4.5" ;;
*) npm_clients="@deno/linux-x64-glibc@2.9.6 @oven/bun-linux-x64-baseline@1.4.5" ;;
esac
pip_clients="requests==2.32.3 httpx==0.27.2 certifi==2025.1.31"

say() { printf 'install-deps: %s\n' "$*"; }

have() {
	local command=${1%%=*}

	case $1 in
	/*=*) [ -x "$command" ] ;;
	*=*) PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null ;;
	*) dpkg-query -W -f '${Status}' "$1" 2>/dev/null |
		grep -q ' installed$' ;;
	esac
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "not root, and no sudo; ask somebody to run:"
		say "  $*"
		return 1
	fi
}

install() {
	if ! command -v apt-get >/dev/null; then
		say "this is no Debian; please install the equivalents of: $*"
		return 1
	fi
	say "installing $*"
	as_root env DEBIAN_FRONTEND=noninteractive sh -ec '
		apt-get -qq update
		apt-get -qq install -y --no-install-recommends "$@" >/dev/null
		' sh "$@"
}

# Not fatal: a client that is missing is a counted skip of the matrix.
install_clients() {
	local dir=.deps

	if [ ! -e $dir/npm.done ]; then
		say "installing $npm_clients"
		mkdir -p $dir/npm
		# shellcheck disable=SC2086 # a list of words
		if npm install --prefix $dir/npm --ignore-scripts --no-audit \
			--no-fund --no-save --silent $npm_clients </dev/null; then
			touch $dir/npm.done
		else
			say "npm: failed, going on"
		fi
	fi
	if [ ! -e $dir/pip.done ]; then
		say "installing $pip_clients"
		# shellcheck disable=SC2086
		if /usr/bin/python3 -m pip install --quiet --target $dir/python \
			--disable-pip-version-check --root-user-action=ignore \
			$pip_clients </dev/null; then
			touch $dir/pip.done
		else
			say "pip: failed, going on"
		fi
	fi
}

dry=
if [ "${1:-}" = -n ]; then
	dry=yes
	shift
fi
missing=
for group; do
	list=group_$group
	if [ -z "${!list:-}" ]; then
		say "no such group: $group" >&2
		exit 64
	fi
	for item in ${!list}; do
		package=${item##*=}
		have "$item" && continue
		case " $missing " in
		*" $package "*) ;;
		*) missing="$missing $package" ;;
		esac
	done
done
if [ -n "$dry" ]; then
	[ -z "$missing" ] || say "missing:$missing"
	exit 0
fi
# shellcheck disable=SC2086
[ -z "$missing" ] || install $missing
for group; do
	[ "$group" != clients ] || install_clients
done
