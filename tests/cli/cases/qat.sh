# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # lib.sh sets the paths
# Training for integers: a run as any other, whose model answers as its integers do; the same bits for any number of
# threads and behind a kill; and what is refused.

for_integers() {
    "$FOVEA" train --data "$digits" --model "$model" --qat --samples 64 --epochs 2 --batch-size 60 --lr 0.01 "$@"
}

# What it answers for every test image.
answers() {
    code 0 "$FOVEA" predict --model "$1" --data "$digits" --split test --json --threads 1
    sed 's/"model": *"[^"]*"//; s/"ms": *[0-9.e-]*//g' out
}

use_qat() {
    code 0 for_integers
    says "--qat: 8 layers in integers, 0 in floats; weights of 8 bits, ranges begin with 64 training images (mse)"
    prints "integers: runs/train/exp/weights/int8.safetensors"
    run=runs/train/exp/weights
    answers $run/best.safetensors >trained
    answers $run/int8.safetensors >integers
    same trained integers
    [ "$(wc -c <integers)" -gt 1000 ] || die "no answers"
    code 0 "$FOVEA" eval --data "$digits" --split test --model $run/int8.safetensors --json
    code 0 "$FOVEA" info $run/best.safetensors
    prints "qat_conv2d"
    code 0 "$FOVEA" info $run/int8.safetensors
    prints "q_conv2d"
    # The model that was trained has its ranges: they need no images, and nothing else makes other integers of it.
    code 0 "$FOVEA" quantize $run/best.safetensors --output again.safetensors
    prints "ranges          as training has left them"
    same again.safetensors $run/int8.safetensors
    code 0 "$FOVEA" quantize $run/best.safetensors --output io.safetensors --io uint8 --json
    equal "$(drive json calibration <out)" trained
    fails 2 E2004 "--data has no effect here" "was trained for integers" -- \
        "$FOVEA" quantize $run/best.safetensors --data "$digits" --output x.safetensors
    # It is trained further as it is; a run that was over stays as it is.
    code 0 "$FOVEA" train --data "$digits" --model $run/best.safetensors --epochs 1 --batch-size 60 --experiment further
    unchanged runs/train/exp "$FOVEA" train --resume runs/train/exp
    # Layers by name, fewer bits, other ranges.
    code 0 for_integers --experiment some --skip 'conv1*,fc3' --weight-bits 4 --per-tensor --calibration percentile --percentile 99
    says "dense 'fc3' stays in floats: as asked" "weights of 4 bits"
    answers runs/train/some/weights/best.safetensors >trained
    answers runs/train/some/weights/int8.safetensors >integers
    same trained integers
}

use_qat_refused() {
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output int8.safetensors --samples 64 --val-samples 0
    fails 4 E4001 "has integers already" -- "$FOVEA" train --data "$digits" --model int8.safetensors --qat
    fails 2 E2004 "'lenet' begins with random weights" "train it without --qat first" -- \
        "$FOVEA" train --data "$digits" --model lenet --qat
    fails 2 E2003 "is called 'nothing'" -- for_integers --skip nothing
    for flag in "--freeze conv1*" "--freeze-norm" "--grad-accum-steps 2" "--unfreeze-at 1:*"; do
        # shellcheck disable=SC2086
        fails 2 E2004 "${flag%% *} has no effect here" -- for_integers $flag
    done
    for flag in "--per-tensor" "--weight-bits 4" "--samples 64" "--calibration minmax" "--skip fc1"; do
        # shellcheck disable=SC2086
        fails 2 E2004 "${flag%% *} has no effect here: it needs --qat" -- "$FOVEA" train --data "$digits" --model "$model" $flag
    done
    fails 2 E2004 "it needs --calibration percentile" -- for_integers --percentile 99
    fails 2 E2003 "--weight-bits: found '1'" -- for_integers --weight-bits 1
    fails 3 E3004 "5 calibration images" -- for_integers --samples 5
    code 0 for_integers --epochs 1 --experiment first
    fails 4 E4001 "was trained for integers" "without --qat" -- \
        "$FOVEA" train --data "$digits" --model runs/train/first/weights/best.safetensors --qat
}

# Ranges are part of the run's state.
row_qat_bits() {
    short="--data $digits --model $model --qat --samples 16 --epochs 2 --steps-per-epoch 4 --batch-size 60 --lr 0.01"
    # shellcheck disable=SC2086
    code 0 "$FOVEA" train $short --threads 1 --experiment whole
    for threads in 2 4; do
        # shellcheck disable=SC2086
        code 0 "$FOVEA" train $short --threads $threads --experiment "t$threads"
    done
    for cpu in "" scalar; do
        # shellcheck disable=SC2086
        code 0 env FOVEA_CPU=$cpu "$FOVEA" train $short --max-steps 1 --experiment "of$cpu"
    done
    same runs/train/of/weights/last.safetensors runs/train/ofscalar/weights/last.safetensors
    # shellcheck disable=SC2086
    killed() { drive signal KILL after="Epoch $1" "$FOVEA" train $short --experiment cut --resume auto --recovery-interval 1 --log-interval 1; }
    code 137 killed "1/2  2/4"
    code 137 killed "2/2  3/4"
    code 0 "$FOVEA" train --resume runs/train/cut
    for run in t2 t4 cut; do
        for file in best last int8; do
            same "runs/train/whole/weights/$file.safetensors" "runs/train/$run/weights/$file.safetensors"
        done
    done
}

# Of what quantizing by itself loses, training gives back at least half.
use_qat_recovers() {
    start=$FOVEA_SOURCE_DIR/zoo/ds_cnn-digits.safetensors
    few="--weight-bits 4 --per-tensor --calibration minmax --samples 64"
    # shellcheck disable=SC2086
    code 0 "$FOVEA" quantize "$start" --data "$digits" --output ptq.safetensors $few --json
    before=$(drive json accuracy.before <out)
    after=$(drive json accuracy.after <out)
    # shellcheck disable=SC2086
    code 0 "$FOVEA" train --data "$digits" --model "$start" --qat $few --epochs 1 --opt adam --lr 1e-3 --batch-size 20
    code 0 "$FOVEA" eval --data "$digits" --split test --model runs/train/exp/weights/int8.safetensors --json
    trained=$(drive json top1 <out)
    awk -v b="$before" -v a="$after" -v t="$trained" 'BEGIN { exit !(b - a >= 3 && 100 * t - a >= (b - a) / 2) }' ||
        die "$before %, quantized $after %, trained $trained"
}
