# SPDX-License-Identifier: Apache-2.0
# Names for commands nobody should have to remember. No logic here.
.PHONY: all build deps demo test check unit integration asan fuzz bench lint \
	format clean ci
T ?= 60

all: build

build: b-dev/build.ninja
	ninja -C b-dev
	@mkdir -p build && ln -sfn ../b-dev/sallyport build/sallyport

# Everything from a fresh clone: what is missing is installed first.
deps:
	tools/install-deps.sh build demo

demo: deps
	@$(MAKE) -s build
	demo/run.sh build/sallyport

# The whole gate, as in CI: a quarter of an hour or more.
test:
	tools/test-all.sh

# The quick part of it: a few minutes, nothing is installed.
check: build unit integration

unit: build
	meson test -C b-dev --no-rebuild --print-errorlogs

integration: build
	/usr/bin/python3 -m pytest -q -n 2 tests/integration

b-dev/build.ninja:
	meson setup b-dev -Dwerror=true

b-asan/build.ninja:
	meson setup b-asan -Dwerror=true -Db_sanitize=address,undefined \
		-Db_lundef=false -Dc_args=-fno-sanitize-recover=undefined

b-fuzz/build.ninja:
	CC=clang meson setup b-fuzz -Dfuzzing=true -Db_lundef=false

b-tidy/build.ninja:
	CC=clang meson setup b-tidy -Dwerror=true

b-rel/build.ninja:
	meson setup b-rel --buildtype=release

asan: b-asan/build.ninja
	ninja -C b-asan
	meson test -C b-asan --no-rebuild --print-errorlogs

# make fuzz T=600: seconds for each harness
fuzz: b-fuzz/build.ninja
	ninja -C b-fuzz
	tools/fuzz.sh $(T)

bench: b-rel/build.ninja
	tools/install-deps.sh build bench
	ninja -C b-rel sallyport
	bench/run.sh b-rel/sallyport $(BENCH)

lint:
	tools/lint.py
	tools/format.sh --check
	tools/check-text.sh

format:
	tools/format.sh --write

clean:
	rm -rf b-* build
