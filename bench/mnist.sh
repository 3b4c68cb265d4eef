#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# MNIST from its files to 99 % of its test images, fovea and PyTorch in turns, the same recipe: recipes/mnist.yaml.
# Usage: mnist.sh FOLDER [ROUNDS [THREADS]], with FOVEA the program and PEERS_PYTHON a python with torch. Each round has
# another seed; seconds are those of the whole process (fovea), and from the reading of the files on (PyTorch, whose own
# start counts for nothing).
set -eu
folder=${1:?folder of MNIST}
rounds=${2:-5}
threads=${3:-2}
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-mnist-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$root"
now() { date +%s.%N; }
round=0
while [ "$round" -lt "$rounds" ]; do
    begin=$(now)
    "${FOVEA:?the program}" train -c recipes/mnist.yaml --data "$folder" --seed "$round" --threads "$threads" --output "$scratch" \
        --quiet >"$scratch/out" 2>&1
    seconds=$(echo "$(now) $begin" | awk '{ printf "%.3f", $1 - $2 }')
    echo "fovea                   seed $round seconds=$seconds top1=$(sed -n 's/^test: .*top1 \([0-9.]*\) %.*/\1/p' "$scratch/out")"
    for form in eager channels_last compile; do
        printf 'PyTorch %-15s seed %s ' $form "$round"
        "${PEERS_PYTHON:?python with torch}" bench/peers/mnist_torch.py "$folder" --threads "$threads" --seed "$round" --form $form
    done
    round=$((round + 1))
done
