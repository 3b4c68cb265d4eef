#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-builds the library for 64-bit Arm, and under user-mode emulation checks its kernels and compares the bits of
# training there, NEON and scalar, with bits.txt.
# usage: aarch64.sh SOURCE_DIR BUILD_DIR    exit 77: compiler, emulator or libraries cannot be had
set -eu
source=$1
build=$2
for tool in aarch64-linux-gnu-gcc qemu-aarch64 cmake ninja; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "skipped: $tool is not installed (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user)"
        exit 77
    fi
done
mkdir -p "$build"
sh "$source/scripts/arm64-sysroot.sh" "$build/sysroot"
log=$build/build.log
(cd "$source" && cmake --preset aarch64 -B "$build" "-DFOVEA_SYSROOT=$build/sysroot" -DFOVEA_TOOLS=OFF -DFOVEA_EXAMPLES=OFF) \
    >"$log" 2>&1 || { tail -n 30 "$log"; exit 1; }
cmake --build "$build" --parallel 1 --target test_bits fvcheck >"$log" 2>&1 || { grep -E 'error|warning|FAILED' -A5 "$log" | head -n 60; exit 1; }
cd "$build" && ctest -R '^(test_bits|fvcheck|fvcheck_self)$' --output-on-failure
