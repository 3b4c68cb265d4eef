#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL at random moments, also while something is being written, with everything on that has a state or random numbers: EMA, mixup,
# dropout, stochastic depth, plateau, early stopping, accumulation, models of the best epochs. Each time another number of threads goes on.
# Every run ends with the files of one that nobody disturbed, byte by byte, and its rows of results.csv but for times.
# With `taught` there is a teacher, by whose answers and layers it learns too, and images keep their size; with `qat` it trains for integers.
# Usage: kills.sh [KILLS [SEED [taught|qat]]], with FOVEA set; 50 kills.
set -eu
kills=${1:-50}
random=${2:-1}
what=${3:-}
start=$(realpath "$(dirname "$0")/../../zoo/ds_cnn-digits.safetensors")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-kills-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

die() {
    echo "FAILED: $* (seed ${seed:-})" >&2
    tail -n 5 log >&2
    trap - EXIT
    echo "what is left: $scratch" >&2
    exit 1
}

# A number from 0 to $1 - 1 in `drawn`.
draw() {
    random=$(((random * 1103515245 + 12345) % 2147483648))
    drawn=$((random / 65536 % $1))
}

"$FOVEA" data make digits --output digits --train 400 --test 40 --seed 1 --quiet
more='--progressive-resize 1:10,3:12x14,7:16'
if [ "$what" = taught ]; then
    "$FOVEA" train --data digits --model resnet8 --img-size 16 --in-chans 1 --epochs 3 --batch-size 48 --seed 7 --experiment teacher --quiet >log 2>&1
    more='--teacher runs/train/teacher --hint layer1=layer1 --attention layer2=layer2 --attention-loss-weight 10'
fi
# In a shell of its own, in whose place it runs: a signal to that is one to it.
train() {
    # shellcheck disable=SC2086 # options are words
    exec "$FOVEA" train --data digits --model resnet8 --img-size 16 --in-chans 1 --epochs 12 --steps-per-epoch 6 --batch-size 48 --val-split 0.2 \
        --opt lamb --lr 0.02 --lookahead 4 --max-norm 3 --clip-grad 5 --drop 0.1 --drop-path 0.3 --label-smoothing 0.1 --mixup 0.2 --crop-pad 2 \
        --model-ema --model-ema-decay 0.9 --grad-accum-steps 2 --sched plateau --patience-epochs 0 --plateau-threshold 0.5 --decay-rate 0.5 \
        --warmup-steps 3 --patience 9 --monitor val_loss --checkpoint-hist 3 --recovery-interval 2 --log-interval 1 $more "$@"
}

if [ "$what" = qat ]; then
    train() {
        exec "$FOVEA" train --data digits --model "$start" --qat --samples 16 --weight-bits 4 --epochs 6 --steps-per-epoch 6 --batch-size 16 \
            --val-split 0.2 --opt adam --lr 1e-3 --label-smoothing 0.1 --mixup 0.2 --model-ema --model-ema-decay 0.9 --checkpoint-hist 3 \
            --recovery-interval 2 --log-interval 1 "$@"
    }
fi

# What a run leaves: the names and bytes of its models, and its rows without times.
left_by() {
    (cd "$1/weights" && sha256sum ./*.safetensors)
    cut -d, -f1,2,4-11 "$1/results.csv"
    for tag in epoch_learning_rate weights/fc.weight batch_loss; do
        echo "$tag $(cat "$1"/train/events.* | grep -ao "$tag" | wc -l)"
    done
}

(train --experiment straight --threads 2) >log 2>&1 || die "the run that nobody disturbs"
left_by runs/train/straight >straight
grep -q 'epoch-.*safetensors' straight || die "no models of epochs"

done_kills=0 runs=0 longest=400
while [ "$done_kills" -lt "$kills" ]; do
    runs=$((runs + 1))
    mine=0
    while :; do
        draw 3
        threads=$((1 << drawn))
        seed=$random
        train --experiment "run$runs" --resume auto --threads $threads >log 2>&1 &
        pid=$!
        draw "$longest"
        if [ "$done_kills" -lt "$kills" ] || [ $mine = 0 ]; then
            sleep "$(awk "BEGIN { print (50 + $drawn) / 1000 }")"
            kill -KILL $pid 2>/dev/null || true
        fi
        got=0
        wait $pid 2>/dev/null || got=$?
        [ $got = 137 ] || break
        done_kills=$((done_kills + 1)) mine=$((mine + 1))
        longest=$((longest + 40)) # a slow machine gets through too
    done
    longest=400
    [ "$got" = 0 ] || die "run $runs after $mine kills: exit code $got"
    left_by "runs/train/run$runs" >left
    cmp -s straight left || {
        diff straight left >&2 || true
        die "run $runs after $mine kills: other files"
    }
    [ -z "$(find "runs/train/run$runs" -name '*.tmp*')" ] || die "run $runs: half a file is left"
    echo "run $runs: $mine kills, the same files"
done
echo "$done_kills kills in $runs runs: the files of a run that nobody disturbed"
