#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Chooses the tests of a slice: one in so many of each label, at least one, in the order of a checksum of seed and name.
# A seed gives the same slice everywhere, and every test has its turn with some seed.
# usage: test_slice.sh SEED    stdin: lines "LABEL NAME"; stdout: names
set -eu
[ $# = 1 ] || { echo "usage: test_slice.sh SEED" >&2; exit 2; }

# Of how many tests of a label one is run; 0: none, as it does not depend on the kind of build or asks nothing new.
share() {
    case $1 in
    kernels | ops | plan) echo 1 ;;
    train) echo 18 ;;
    cli) echo 64 ;;
    arm | examples | install) echo 0 ;;
    *) echo 5 ;;
    esac
}

while read -r label name; do
    n=$(share "$label")
    [ "$n" = 0 ] || echo "$label $n $name"
done | LC_ALL=C awk -v seed="$1" '
    BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
    # A polynomial of the characters modulo a prime, squared so that no order of names stays one with another seed.
    {
        sum = seed % 2147483647
        for (i = 1; i <= length($3); i++) sum = (sum * 1000003 + code[substr($3, i, 1)]) % 2147483647
        sum %= 94906249
        printf "%s %d %d %s\n", $1, sum * sum % 2147483647, $2, $3
    }' | LC_ALL=C sort -k1,1 -k2,2n -k4,4 | awk '
    function tell(  i) { for (i = 1; i <= n; i++) if (i <= (n + share - 1) / share) print names[i] }
    $1 != label { tell(); n = 0; label = $1; share = $3 }
    { names[++n] = $4 }
    END { tell() }'
