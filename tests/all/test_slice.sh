#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The choice of tests by a seed: reproducible, of every label, and every test has its turn.
# usage: test_slice.sh SOURCE_DIR
set -eu
slice() { sh "$1/scripts/test_slice.sh" "$2"; }
fail() { echo "test_slice: $*" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/fovea-slice-XXXXXX")
trap 'rm -rf "$dir"' EXIT
{
    for i in 1 2 3 4 5; do echo "kernels k$i"; done
    for i in 0 1 2 3 4 5 6 7 8 9; do printf 'cli cli_case_%d\ncli cli_case_1%d\ncli cli_case_2%d\n' $i $i $i; done
    for i in 1 2 3 4; do echo "io test_io_$i"; done
    echo "soak soak"
    echo "arm emulated"
} >"$dir/all"

slice "$1" 7 <"$dir/all" >"$dir/a"
sort -r "$dir/all" | slice "$1" 7 >"$dir/b"
cmp -s "$dir/a" "$dir/b" || fail "the order of the tests changes the choice"
[ "$(grep -c '^k' "$dir/a")" = 5 ] || fail "kernels are not all chosen"
[ "$(grep -c '^cli_' "$dir/a")" = 1 ] || fail "of 30 cases one in 32, rounded up, is not 1"
[ "$(grep -c '^test_io' "$dir/a")" = 1 ] || fail "of 4 tests one in four is not 1"
grep -qx soak "$dir/a" || fail "a label has no test"
! grep -q emulated "$dir/a" || fail "a test that does not depend on the kind of build was chosen"

seed=1
while [ $seed -le 200 ]; do
    slice "$1" $seed <"$dir/all"
    seed=$((seed + 1))
done | sort -u >"$dir/union"
[ "$(wc -l <"$dir/union")" = 40 ] || fail "some test is never chosen: $(wc -l <"$dir/union") of 40 are"
echo "test_slice: ok"
