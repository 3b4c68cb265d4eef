#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Memory at full size, with FOVEA, CLI_PLANT and CLI_DRIVE set:
#   memory.sh plan [NET...]    what is planned against the most that the process had (training, eval, predict)
#   memory.sh limits [NET...]  runs given just what was planned end; with less, exit 5 before anything is made
#   memory.sh boxes [NET...]   in control groups of 100 to 600 MB (root, memory controller): an end or exit 5, never killed
# A table, and exit 1 when a row of it misses.
set -u
kind=${1:?plan, limits or boxes}
shift
[ $# -gt 0 ] || set -- $("$FOVEA" help models | sed -n '2,/^`/{/^`/d;p;}')
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-memory-XXXXXX")
box=
clean() {
    [ -z "$box" ] || rmdir "$box" 2>/dev/null
    rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 1' INT TERM HUP
cd "$scratch" || exit 1
rows=0
misses=0

row() {
    rows=$((rows + 1))
    case $1 in MISS) misses=$((misses + 1)) ;; esac
    printf '%-4s %s\n' "$1" "$2"
}

# side NET: pixels of its images here, so large that its parts all matter and so small that it takes seconds.
side() {
    case $1 in
    lenet | mnist_cnn) echo 28 ;;
    resnet8 | resnet20 | resnet32 | resnet44 | resnet56) echo 32 ;;
    *) echo 96 ;;
    esac
}

# a set of two classes with N training images each and as many for validation as given.
planted() {
    rm -rf "$1"
    "$CLI_PLANT" classes "$1/train" count="$2" cat dog
    [ "$3" = 0 ] || "$CLI_PLANT" classes "$1/val" count="$3" cat dog
}

planned_of() { sed -n 's/^memory for training: \([0-9.]*\) MB planned.*/\1/p' err; }

# verdict PLANNED KB: within 4 MB or 5 %.
verdict() {
    awk -v p="$1" -v k="$2" 'BEGIN { u = k / 1024; d = p > u ? p - u : u - p; print(d <= 4 || d <= 0.05 * u ? "ok" : "MISS") }'
}

# `info` plans for evaluation; predict keeps fewer batches ahead and may stay below that.
bounded() {
    awk -v p="$2" -v k="$3" 'BEGIN { exit !(p > k / 1024) }' && row ok "$1  planned $2 MB at most  had $(megabytes "$3") MB" ||
        compared "$@"
}

megabytes() { awk -v k="$1" 'BEGIN { printf "%.1f", k / 1024 }'; }
compared() { row "$(verdict "$2" "$3")" "$1  planned $2 MB  had $(megabytes "$3") MB"; }

# measured COMMAND: its output in out and err, the most memory in kb, its exit code in got.
measured() {
    got=0
    "$CLI_DRIVE" peak kb "$@" >out 2>err || got=$?
}

plan() {
    for net in "$@"; do
        for batch in 2 5 16; do
            planted set "$batch" $((3 * batch)) # more than loaders hold ahead
            for threads in 1 2; do
                at="$net, batch $batch, $threads threads"
                rm -rf runs
                measured "$FOVEA" train --data set --model "$net" --img-size "$(side "$net")" --batch-size $batch --epochs 1 \
                    --lr 1e-4 --threads $threads
                if [ $got != 0 ]; then
                    row MISS "train    $at: exit $got, $(grep error err)"
                    continue
                fi
                compared "train    $at" "$(planned_of)" "$(cat kb)"
                weights=runs/train/exp/weights/last.safetensors
                "$FOVEA" info $weights --batch-size $batch --threads $threads --json >out 2>err
                "$CLI_DRIVE" json inference_bytes <out >bytes
                planned=$(awk '{ printf "%.1f", $1 / 1048576 }' bytes)
                measured "$FOVEA" eval --model $weights --data set --batch-size $batch --threads $threads
                compared "eval     $at" "$planned" "$(cat kb)"
                measured "$FOVEA" predict --model $weights --source set/val --batch-size $batch --threads $threads
                bounded "predict  $at" "$planned" "$(cat kb)"
            done
        done
    done
}

# ended NAME WANTED...: the exit code is one of these, and with 5 the run $experiment has no folder.
experiment=x
ended() {
    name=$1
    shift
    case " $* " in
    *" $got "*)
        if [ "$got" = 5 ] && [ -e "runs/train/$experiment" ]; then
            row MISS "$name: exit 5, but a folder was made"
        else
            row ok "$name: exit $got"
        fi
        ;;
    *) row MISS "$name: exit $got, $(grep -m 1 'error\[' err | cut -c1-200)" ;;
    esac
}

run() {
    experiment=$1
    shift
    measured "$FOVEA" train --data set --model "$net" --img-size "$(side "$net")" --epochs 2 --lr 1e-4 --experiment "$experiment" "$@"
}

limits() {
    for net in "$@"; do
        # Last batches of 6 of 8, none, 5 of 9; with and without validation.
        for sizes in "11 3 8" "12 0 8" "7 4 9" "7 0 9"; do
            set -- $sizes "$@"
            planted set "$1" "$2"
            batch=$3
            shift 3
            for cache in none ram disk; do
                at="$net, ${sizes% *} of 2 classes, batch $batch, cache $cache"
                rm -rf runs
                run full --batch-size "$batch" --cache $cache
                full=$(planned_of)
                run tight --batch-size "$batch" --cache $cache --memory "${full}M"
                # A cache is not in the plan: where nothing is left for its table, that is said before anything is made.
                if [ $cache = ram ] && [ $got = 5 ]; then
                    grep -q "bytes are left for a cache, its table needs" err || got=other
                    ended "$at, $full MB" 5
                else
                    ended "$at, $full MB" 0
                fi
                run less --batch-size "$batch" --cache $cache --memory "$(awk -v p="$full" 'BEGIN { print p - 2 }')M"
                ended "$at, 2 MB less" 5
            done
        done
    done
}

# The program in the control group.
boxed() {
    got=0
    sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$box" "$FOVEA" "$@" >out 2>err || got=$?
}

boxes() {
    box=/sys/fs/cgroup/memory/fovea-memory-$$
    mkdir "$box" || { echo "no control group can be made here: skipped"; box=; return; }
    planted set 12 4
    for net in "$@"; do
        # What was trained elsewhere answers in each group, or is refused.
        rm -rf runs trained.safetensors
        run x --batch-size 8
        cp runs/train/x/weights/last.safetensors trained.safetensors
        for megabytes in 100 200 300 450 600; do
            echo "${megabytes}M" >"$box/memory.limit_in_bytes"
            for case in "8 none" "8 ram" "48 disk" "auto none" "auto ram"; do
                rm -rf runs
                boxed train --data set --model "$net" --lr 1e-4 --img-size "$(side "$net")" --epochs 1 --experiment x \
                    --batch-size "${case% *}" --cache "${case#* }"
                ended "$net in $megabytes MB, batch ${case% *}, cache ${case#* }" 0 5
            done
            rm -rf runs
            boxed info trained.safetensors
            ended "$net in $megabytes MB, info" 0 5
            boxed eval --data set --model trained.safetensors
            ended "$net in $megabytes MB, eval" 0 5
            boxed predict --source set/val --model trained.safetensors
            ended "$net in $megabytes MB, predict" 0 5
        done
    done
}

"$kind" "$@"
echo "$rows rows, $misses misses"
[ $misses = 0 ]
