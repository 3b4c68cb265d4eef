#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# README's lines on few photographs without weights at hand, on real ones: a share of others that must be right, and the
# processor time that it may take. Usage: photographs.sh DATA [SEEDS]; FOVEA names the program.
set -eu
data=${1:?the folder of flowers5}
seeds=${2:-3}
least=60 seconds=1200
fovea=${FOVEA:-fovea}
unset FOVEA_ZOO
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -d "$data/train" ] || {
    echo "skipped: $data is not there"
    exit 0
}

# Sets `computed` to the seconds of this shell's children; a subshell would have others.
read_clock() {
    times >"$work/times"
    computed=$(sed -n 2p "$work/times" | tr 'ms' '  ' | awk '{ print int($1 * 60 + $2 + $3 * 60 + $4) }')
}

"$fovea" data check "$data" >/dev/null
seed=0
while [ "$seed" -lt "$seeds" ]; do
    read_clock
    before=$computed
    "$fovea" train --data "$data" --seed "$seed" --output "$work/runs" --experiment "seed$seed" --quiet >/dev/null
    read_clock
    took=$((computed - before))
    best=$work/runs/seed$seed/weights/best.safetensors
    for file in best last; do
        "$fovea" eval --data "$data" --model "$work/runs/seed$seed/weights/$file.safetensors" --gate top1=0.$least --json \
            >"$work/$file" || { cat "$work/$file"; echo "seed $seed: $file: less than $least %"; exit 1; }
    done
    "$fovea" predict --model "$best" --source "$data/val" --limit 3 >/dev/null
    right=$(sed -n 's/.*"top1": *\([0-9.]*\).*/\1/p' "$work/best" | head -n 1)
    echo "photographs: seed $seed: $right of the validation images after $took s of processor time"
    [ "$took" -le "$seconds" ] || { echo "more than $seconds s"; exit 1; }
    seed=$((seed + 1))
done
