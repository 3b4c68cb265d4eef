#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A falling learning rate against one that stays: accuracy on held-out images by length of the run, several seeds.
# Usage: schedules.sh FOLDER [SEEDS [THREADS]], with FOVEA the program and FOLDER that of CIFAR-10.
set -eu
folder=${1:?folder of CIFAR-10}
seeds=${2:-5}
threads=${3:-1}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-schedules-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
{
    printf 'name: small\ninput: [32, 32, 3]\nlayers:\n'
    for filters in 16 32 64; do
        printf '  - conv2d: {filters: %d, kernel: 3, pad: 1, bias: false}\n  - max_pool2d: 2\n  - batch_norm: {activation: relu}\n' $filters
    done
    printf '  - global_avg_pool\n  - flatten\n  - dense: 10\n'
} >"$scratch/small.yaml"
# form SCHED RATE EPOCHS: its mean and deviation over the seeds, of the last epoch and of the best one.
form() {
    seed=0
    while [ "$seed" -lt "$seeds" ]; do
        "${FOVEA:?the program}" train --data "$folder" --model "$scratch/small.yaml" --norm dataset --momentum 0.9 --wd 5e-4 --batch-size 64 \
            --augment 'crop pad=2; hflip' --val-split 0.2 --cache ram --sched "$1" --lr "$2" --epochs "$3" --seed "$seed" --threads "$threads" \
            --output "$scratch/runs" --experiment "$1-$2-$3-$seed" --quiet >/dev/null
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "val_top1") at = i; next } { last = $at; if ($at > best) best = $at }
            END { print 100 * last, 100 * best }' "$scratch/runs/$1-$2-$3-$seed/results.csv"
        seed=$((seed + 1))
    done | awk -v what="$1 --lr $2 --epochs $3" '{ n++; s += $1; q += $1 * $1; b += $2 }
        END { m = s / n; v = n > 1 ? (q - n * m * m) / (n - 1) : 0; printf "%-28s last %.2f +- %.2f   best %.2f   (%d seeds)\n", what, m, sqrt(v > 0 ? v : 0), b / n, n }'
}
for rate in 0.01 0.02 0.05; do form constant $rate 12; done
for epochs in 5 7 9 12; do form cosine 0.1 $epochs; done
