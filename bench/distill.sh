#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A small network of inverted residuals, taught by a trained resnet56 and alone: accuracy on CIFAR-10's test images over
# several seeds, and the difference in its standard errors.
# Usage: distill.sh FOLDER WEIGHTS [SEEDS [THREADS]], with FOVEA the program, FOLDER that of CIFAR-10 and WEIGHTS those of
# a resnet56 of it. IMAGES: how many of the first training images [all], EPOCHS [30], AUGMENT ['crop pad=4; hflip'],
# OPTIONS further ones of the taught runs.
set -eu
folder=${1:?folder of CIFAR-10}
weights=${2:?weights of resnet56}
seeds=${3:-5}
threads=${4:-1}
epochs=${EPOCHS:-30}
augment=${AUGMENT:-crop pad=4; hflip}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-distill-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
data=$folder
if [ -n "${IMAGES:-}" ]; then
    data=$scratch/data
    mkdir "$data"
    for part in "$folder"/data_batch_1.bin*; do
        case $part in
        *.gz) gzip -dc "$part" ;;
        *) cat "$part" ;;
        esac
    done | head -c $((IMAGES * 3073)) >"$data/data_batch_1.bin"
    cp "$folder"/batches.meta.txt "$folder"/test_batch*.bin "$data"
fi
{
    printf 'name: student\ninput: [32, 32, 3]\nlayers:\n'
    printf '  - conv2d: {filters: 16, kernel: 3, pad: 1, bias: false}\n  - batch_norm: {activation: relu6}\n'
    printf '  - inverted_residual: {filters: %s, expand: 3, stride: %s}\n' 16 1 24 2 24 1 32 2 32 1
    printf '  - conv2d: {filters: 128, kernel: 1, bias: false}\n  - batch_norm: {activation: relu6}\n'
    printf '  - global_avg_pool\n  - flatten\n  - dense: 10\n'
} >"$scratch/student.yaml"
"${FOVEA:?the program}" convert --model resnet56 --weights "$weights" --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 \
    --classes "$folder/batches.meta.txt" --output "$scratch/teacher.safetensors" >/dev/null 2>&1
printf 'teacher: '
"$FOVEA" eval --data "$data" --split test --model "$scratch/teacher.safetensors" --threads "$threads" --quiet | head -n 1

# run NAME SEED OPTIONS: its accuracy on the test images.
run() {
    name=$1-$2
    seed=$2
    shift 2
    "$FOVEA" train --data "$data" --model "$scratch/student.yaml" --norm imagenet --opt sgd --lr 0.1 --momentum 0.9 --nesterov --wd 5e-4 \
        --batch-size 64 --epochs "$epochs" --augment "$augment" --seed "$seed" --threads "$threads" --output "$scratch/runs" \
        --experiment "$name" --quiet "$@" >/dev/null
    "$FOVEA" eval --data "$data" --split test --model "$scratch/runs/$name/weights/last.safetensors" --threads "$threads" --quiet --json |
        sed 's/.*"top1":\([0-9.e-]*\).*/\1/'
}

seed=0
while [ "$seed" -lt "$seeds" ]; do
    alone=$(run alone $seed)
    # shellcheck disable=SC2086 # options are words
    taught=$(run taught $seed --teacher "$scratch/teacher.safetensors" ${OPTIONS:-})
    printf '%s %s %s\n' "$seed" "$alone" "$taught"
    seed=$((seed + 1))
done | awk '{ n++; a = 100 * $2; b = 100 * $3; d = b - a; printf "seed %d: alone %.2f %%, taught %.2f %%\n", $1, a, b; fflush()
        sa += a; qa += a * a; sb += b; qb += b * b; sd += d; qd += d * d }
    function error(s, q) { v = n > 1 ? (q - s * s / n) / (n - 1) : 0; return sqrt((v > 0 ? v : 0) / n) }
    END { if (n == 0) exit 1
        printf "alone %.2f +- %.2f %%, taught %.2f +- %.2f %%, difference %.2f +- %.2f (standard errors of %d seeds)\n",
        sa / n, error(sa, qa), sb / n, error(sb, qb), sd / n, error(sd, qd), n }'
