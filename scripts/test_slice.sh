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
    kernels | ops | backend | plan) echo 1 ;;
    train) echo 6 ;;
    cli) echo 12 ;;
    arm | examples | install) echo 0 ;;
    *) echo 3 ;;
    esac
}

while read -r label name; do
    n=$(share "$label")
    [ "$n" = 0 ] || echo "$label $(printf '%s %s' "$1" "$name" | cksum | cut -d' ' -f1) $n $name"
done | LC_ALL=C sort -k1,1 -k2,2n -k4,4 | awk '
    function tell(  i) { for (i = 1; i <= n; i++) if (i <= (n + share - 1) / share) print names[i] }
    $1 != label { tell(); n = 0; label = $1; share = $3 }
    { names[++n] = $4 }
    END { tell() }'
