#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the pictures of docs/data.md by the commands on that page, from data that are drawn: docs_pictures.sh FOVEA CLI_PLANT
set -eu
fovea=$(realpath "$1")
plant=$(realpath "$2")
docs=$(realpath "$(dirname "$0")/../docs")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$plant" corpus corpus
sed -n 's/^    fovea \(data show .*\)/\1/p' "$docs/data.md" >commands
while read -r line; do
    eval "set -- $line"
    "$fovea" "$@" --quiet
done <commands
cp ./*.png "$docs/images/"
