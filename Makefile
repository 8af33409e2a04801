# SPDX-License-Identifier: Apache-2.0
# Names for commands nobody should have to remember. No logic here.
.PHONY: all build deps demo test check asan lint format fuzz bench clean

all: build

build: b-dev/build.ninja
	ninja -C b-dev
	@mkdir -p build && ln -sfn ../b-dev/sallyport build/sallyport

b-dev/build.ninja:
	meson setup b-dev -Dwerror=true

b-asan/build.ninja:
	meson setup b-asan -Dwerror=true -Db_sanitize=address,undefined \
		-Db_lundef=false -Dc_args=-fno-sanitize-recover=undefined

b-fuzz/build.ninja:
	CC=clang meson setup b-fuzz -Dfuzzing=true -Db_lundef=false

lint:
	tools/lint.py
	tools/format.sh --check

format:
	tools/format.sh --write

clean:
	rm -rf b-* build
