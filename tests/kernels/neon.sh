#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-builds fvcheck for AArch64 and runs it, also its self-test, under user-mode emulation.
# usage: neon.sh SOURCE_DIR BUILD_DIR    exit 77: the cross compiler or the emulator is missing
set -eu
source=$1
build=$2
cc=${FOVEA_AARCH64_CC:-aarch64-linux-gnu-gcc}
emulator=${FOVEA_AARCH64_RUN:-qemu-aarch64}
for tool in "$cc" "$emulator"; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "skipped: $tool is not installed (Debian: gcc-aarch64-linux-gnu, qemu-user)"
        exit 77
    fi
done
mkdir -p "$build"
flags="-std=c17 -D_GNU_SOURCE -O3 -Wall -Wextra -Werror -ffp-contract=off -fno-math-errno -I$source/include -I$source/src -I$source/tests/kernels"
objects=""
compile() { # SOURCE OBJECT FLAGS...
    in=$1
    out=$build/$2
    shift 2
    # shellcheck disable=SC2086
    "$cc" $flags "$@" -c -o "$out" "$in"
    objects="$objects $out"
}
for file in "$source"/src/kernels/*/*.c; do
    name=$(basename "$(dirname "$file")")_$(basename "$file" .c)
    compile "$file" "${name}_scalar.o" -DFV_KERNEL_ISA=scalar -DFV_KERNEL_SCALAR
    compile "$file" "${name}_neon.o" -DFV_KERNEL_ISA=neon -DFV_KERNEL_NEON
done
compile "$source/src/kernels/kernels.c" kernels.o -DFV_BUILD_SCALAR -DFV_BUILD_NEON
compile "$source/src/base/cpu.c" cpu.o
for file in "$source"/tests/kernels/fvcheck*.c "$source"/tests/kernels/check_*.c; do
    compile "$file" "$(basename "$file" .c).o"
done
# shellcheck disable=SC2086
"$cc" -static -o "$build/fvcheck" $objects -lm
"$emulator" "$build/fvcheck"
"$emulator" "$build/fvcheck" --self
