#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What training for integers gives back of what quantizing alone loses: accuracy on the val split (test, where there is
# none) in floats, quantized, and trained with --qat, of the last epoch and of the best one; several seeds.
# Usage: qat.sh MODEL DATA [SEEDS [EPOCHS [OPTIONS_OF_TRAIN...]]], with FOVEA the program. BITS (4) of weights, one scale
# for a layer: few enough for quantizing alone to lose.
set -eu
model=${1:?a trained model}
data=${2:?its data}
seeds=${3:-3}
epochs=${4:-12}
shift "$(($# < 4 ? $# : 4))"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-qat-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
few="--weight-bits ${BITS:-4} --per-tensor --calibration minmax"
# shellcheck disable=SC2086
"${FOVEA:?the program}" quantize "$model" --data "$data" --output "$scratch/ptq.safetensors" $few --threads 1 --quiet |
    sed -n 's/^accuracy *//p'
seed=0
while [ "$seed" -lt "$seeds" ]; do
    # shellcheck disable=SC2086
    "$FOVEA" train --data "$data" --model "$model" --qat $few --epochs "$epochs" --seed "$seed" --threads 1 --output "$scratch/runs" \
        --experiment "$seed" --quiet "$@" >/dev/null
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "val_top1") at = i; next } { last = $at; if ($at > best) best = $at }
        END { print 100 * last, 100 * best }' "$scratch/runs/$seed/results.csv"
    seed=$((seed + 1))
done | awk '{ n++; s += $1; q += $1 * $1; b += $2 } END { m = s / n; v = n > 1 ? (q - n * m * m) / (n - 1) : 0
    printf "trained: last %.2f +- %.2f   best %.2f   (%d seeds)\n", m, sqrt(v > 0 ? v : 0), b / n, n }'
