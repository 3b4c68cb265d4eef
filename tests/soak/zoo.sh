#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trains a network of zoo/ again by the command that its index has, and compares it byte for byte. Usage: zoo.sh [NAME],
# with FOVEA the program; for data sets that are not drawn their folders stand in FOVEA_TEST_DATA.
set -eu
name=${1:-lenet-digits}
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-zoo-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
ln -s "$root/zoo" zoo
for data in mnist flowers5; do
    [ ! -d "${FOVEA_TEST_DATA:-none}/$data" ] || ln -s "$FOVEA_TEST_DATA/$data" $data
done
fovea() { "$FOVEA" "$@"; }
command=$(fovea zoo list | sed -n "/^$name\$/,/^[^ ]/s/^  again *//p")
[ -n "$command" ] || { echo "zoo.sh: the index has no command for $name" >&2; exit 1; }
echo "$command" >&2
eval "$command" >log 2>&1 || { tail -n 5 log >&2; exit 1; }
cmp "runs/train/$name/weights/best.safetensors" "zoo/$name.safetensors" || { echo "zoo.sh: $name is not the same again" >&2; exit 1; }
echo "$name: the same bytes again"
