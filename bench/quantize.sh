#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What 8-bit integers cost trained networks: ResNet-20 (CIFAR-10, 1,000 test images), MobileNetV2 and SqueezeNet 1.1 with linear classifiers
# (flowers5, 150 val images), and MLPerf Tiny's person detector (VWW), which has no pictures here: how many photographs it puts into the class
# of the floats. A row for each network and set of options; exit 1 where one with --equalize --bias-correction loses more than 10 of 1,000, 2 of
# 150, 2 % of the photographs, or where its file has more than 0.27 of the bytes. See README.md.
# FOVEA: the program; FOVEA_TEST_DATA: the data; BACKBONE: weights of mobilenet_v2 (fovea zoo get mobilenet_v2-imagenet-backbone).
# Usage: quantize.sh [resnet20|mobilenet_v2|squeezenet1_1|vww...]; SAMPLES (256) images are calibrated on.
set -eu
fovea=${FOVEA:?set it to the program}
data=${FOVEA_TEST_DATA:?set it to the folder of the data}
samples=${SAMPLES:-256}
[ $# -gt 0 ] || set -- resnet20 mobilenet_v2 squeezenet1_1 vww
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-quantize-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
failed=0

# A model in floats.
make() {
    case $1 in
    resnet20) set -- convert --model "$1" --weights "$data/models/resnet20-12fca82f.th" --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --output ;;
    mobilenet_v2) set -- linear --model "$1" --weights "${BACKBONE:?weights of mobilenet_v2}" --data "$data/flowers5" --standardize --C 0.1 --folds 2 --save ;;
    squeezenet1_1) set -- linear --model "$1" --weights "$data/models/$1.safetensors" --data "$data/flowers5" --standardize --C 0.1 --folds 2 --save ;;
    vww) set -- convert "$data/mlperf-tiny/visual_wake_words/vww_96.h5" --output ;;
    *) echo "quantize.sh: no network '$1'" && return 1 ;;
    esac
    "$fovea" "$@" float.safetensors
}

# Share of the photographs that two models put into one class, in %.
agreement() {
    for file in "$1" "$2"; do
        for split in train val; do
            "$fovea" predict --model "$file" --source "$data/flowers5/$split" --topk 1 --out csv 2>/dev/null | sed 1d
        done >"$file.csv"
    done
    awk -F, -v other="$2.csv" '{ getline line <other; split(line, f, ","); n++; same += $1 == f[1] && $2 == f[2] } END { if (n == 0) exit 1; printf "%.2f", 100 * same / n }' "$1.csv"
}

printf '%-14s %-30s %8s %8s %7s\n' network options float int8 bytes
for network in "$@"; do
    case $network in
    resnet20) images=$data/cifar10 most=1.0 ;;
    vww) images=$data/flowers5 most=2.0 ;;
    *) images=$data/flowers5 most=1.34 ;; # 2 of 150
    esac
    make "$network" >log 2>&1 || { cat log && exit 1; }
    for options in '' --equalize --bias-correction '--equalize --bias-correction'; do
        scored=--val-samples=1000
        [ "$network" != vww ] || scored=--val-samples=0
        # shellcheck disable=SC2086 # words
        "$fovea" quantize float.safetensors --data "$images" --samples "$samples" --output int8.safetensors "$scored" $options --force >out 2>log ||
            { cat log && exit 1; }
        bytes=$(sed -n 's/^bytes .*(\([0-9.]*\) of them)/\1/p' out)
        if [ "$network" = vww ]; then
            before=100.00
            after=$(agreement float.safetensors int8.safetensors)
        else
            before=$(sed -n 's/^accuracy  *\([0-9.]*\) .*/\1/p' out)
            after=$(sed -n 's/^accuracy .*> \([0-9.]*\) .*/\1/p' out)
        fi
        verdict=$(awk -v a="$before" -v b="$after" -v most="$most" -v bytes="$bytes" 'BEGIN { print (a - b <= most + 1e-9 && bytes <= 0.27 ? "" : "beyond") }')
        printf '%-14s %-30s %7s%% %7s%% %7s %s\n' "$network" "${options:-none}" "$before" "$after" "$bytes" "$verdict"
        [ -z "$verdict" ] || [ "$options" != '--equalize --bias-correction' ] || failed=1
    done
done
exit $failed
