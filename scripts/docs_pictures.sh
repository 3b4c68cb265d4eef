#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the pictures of docs/data.md from data that are drawn: docs_pictures.sh FOVEA CLI_PLANT
set -eu
fovea=$(realpath "$1")
plant=$(realpath "$2")
to=$(realpath "$(dirname "$0")/../docs/images")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$plant" corpus corpus
"$fovea" data show corpus/copies --per-class 5 --output "$to/samples.png" --quiet
"$fovea" data show corpus/copies --per-class 2 --augmented 4 --augment \
    'rrc scale=0.4..1; hflip; rotate degrees=15 fill=reflect p=0.7; jitter brightness=0.3 hue=0.05; erase p=0.3' \
    --output "$to/augmented.png" --quiet
"$fovea" data show corpus/images --suspicious --output "$to/suspicious.png" --quiet
