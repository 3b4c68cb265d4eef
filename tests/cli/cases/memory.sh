# SPDX-License-Identifier: Apache-2.0
# What is planned is what is used, and a run that fits runs to its end.

# peak_below MB COMMAND: it never has more memory than that, whatever it says.
peak_below() {
    most=$1
    shift
    drive peak kb "$@" >out 2>err || true
    [ -n "${CLI_SANITIZE:-}" ] || [ "$(cat kb)" -lt $((most * 1024)) ] || die "$(cat kb) kB, expected less than $most MB: $*"
    checks=$((checks + 1))
}

# Weights are summed before one of them is allocated: exit 5, and no memory is touched.
use_memory_of_absurd_models() {
    printf 'name: wide\ninput: [64, 64, 3]\nlayers:\n  - flatten\n  - dense: {units: 150000}\n  - dense: 10\n' >wide.yaml
    printf 'name: deep\ninput: [8, 8, 3]\nlayers:\n' >deep.yaml
    for i in 1 2 3 4 5; do
        printf '  - conv2d: {filters: 4000, kernel: 3, pad: 1}\n' >>deep.yaml
    done
    printf '  - global_avg_pool\n  - dense: 10\n' >>deep.yaml
    for net in wide.yaml deep.yaml vgg16; do
        fails 5 E5002 "its weights need " "the limit is 200.0 MiB" "the largest: " "raise --memory" -- \
            "$FOVEA" info $net --memory 200M
        peak_below 30 "$FOVEA" info $net --memory 200M
    done
    fails 5 E5002 "its weights need " -- "$FOVEA" train --data "$photos" --model wide.yaml --memory 200M
    peak_below 60 "$FOVEA" train --data "$photos" --model wide.yaml --memory 200M
    absent runs
}

# A few bytes may say that they are a large image: what decoding needs is asked for before it is allocated.
use_memory_of_large_images() {
    printf '\211\120\116\107\015\012\032\012\000\000\000\015\111\110\104\122\000\000\062\310\000\000\062\310\020\002\000\000\000\075\120\243\054\000\000\000\013\111\104\101\124\170\234\143\140\140\000\000\000\003\000\001\270\255\072\143\000\000\000\000\111\105\116\104\256\102\140\202' >deep.png
    printf '\107\111\106\070\071\141\310\062\310\062\200\000\000\000\000\000\377\377\377\054\000\000\000\000\310\062\310\062\000\002\002\114\001\000\073' >wide.gif
    printf 'RIFF\046\000\000\000WEBPVP8L\031\000\000\000\057\307\262\361\014\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >wide.webp
    for file in deep.png wide.gif wide.webp; do
        [ $file != wide.webp ] || "$FOVEA" doctor | grep -q 'webp.*yes\|webp [0-9]' || continue
        code 3 "$FOVEA" predict --model "$model" --source $file --memory 200M
        says "$file: decoding needs " " are in use, but the limit is 200.0 MiB (--memory)"
        peak_below 60 "$FOVEA" predict --model "$model" --source $file --memory 200M
    done
    # In data sets too.
    mkdir -p set/train/a set/train/b
    cp "$photos"/train/cat/* set/train/a
    cp "$photos"/train/dog/* set/train/b
    cp deep.png set/train/b
    peak_below 60 "$FOVEA" data check set --memory 200M
    fails 5 E5002 "deep.png" "decoding needs " "--memory" -- \
        "$FOVEA" train --data set --model lenet --img-size 28 --epochs 1 --memory 200M
    # An image of the usual size is not refused because little is left.
    code 0 "$FOVEA" predict --model "$model" --source "$photos/train/cat" --memory 20M
}

# More than the process may have is not planned for, whoever asks for it: it would be killed on the way.
use_memory_beyond_what_is_allowed() {
    [ -z "${CLI_SANITIZE:-}" ] || skip "a sanitizer needs all addresses"
    for limit in v d; do
        (
            ulimit -$limit 300000
            fails 5 E5002 "its weights need 512.2 MiB" "the limit is 278.3 MiB" -- "$FOVEA" train --data "$photos" --model vgg16 --memory 4G
            says "memory: 4096.0 MB asked for, 278.3 MB planned for: this process may use 293.0 MB (control group or ulimit)"
        )
        checks=$((checks + 3))
    done
    absent runs
    # A file of weights is measured before it is read.
    head -c 300000000 /dev/zero >large.safetensors
    for verb in info "predict --source $photos --model" "eval --data $photos --model"; do
        # shellcheck disable=SC2086
        fails 5 E5002 "large.safetensors: reading it needs 286.1 MiB" "the limit is 200.0 MiB" "raise --memory" -- \
            "$FOVEA" $verb large.safetensors --memory 200M
        # shellcheck disable=SC2086
        peak_below 40 "$FOVEA" $verb large.safetensors --memory 200M
    done
    rm large.safetensors
    # Less than that is the user's word.
    (
        ulimit -v 300000
        code 0 "$FOVEA" info lenet --memory 200M
        silent_about "asked for"
    )
}

planned_of() {
    sed -n 's/^memory for training: \([0-9.]*\) MB planned.*/\1/p' err
}

# within PLANNED KB: 4 MB or 5 %.
near() {
    checks=$((checks + 1))
    [ -n "${CLI_SANITIZE:-}" ] ||
        awk -v p="$1" -v k="$2" 'BEGIN { u = k / 1024; d = p > u ? p - u : u - p; exit !(d <= 4 || d <= 0.05 * u) }' ||
        die "$1 MB planned, $2 kB used"
}

# eval and predict say what they will have, and end before they have it where that is over the limit.
use_memory_of_eval_and_predict() {
    plan_of() { sed -n "s/^memory for $1: \([0-9.]*\) MB planned.*/\1/p" err; }
    code 0 "$FOVEA" train --data "$photos" --model squeezenet1_1 --img-size 96 --batch-size 8 --epochs 1 --experiment s
    grep -q "MB planned: " runs/train/s/report.html || die "the page lacks the plan"
    weights=runs/train/s/weights/last.safetensors
    for words in "eval --batch-size 6" "eval --tta flip" "eval --mc-dropout 4" "predict" "predict --tta 5crop"; do
        set -- $words
        verb=$1
        shift
        [ $verb = eval ] && what=scoring || what=predicting
        code 0 drive peak kb "$FOVEA" $verb --verbose --model $weights --data "$photos" --split train "$@"
        [ -n "$(plan_of $what)" ] || die "no plan: $words"
        near "$(plan_of $what)" "$(cat kb)"
        grep -q "^memory: .*weights [0-9.]* MiB" err || die "no parts: $words"
    done
    code 0 drive peak kb "$FOVEA" predict --verbose --model $weights --source "$photos/train/cat"
    near "$(plan_of predicting)" "$(cat kb)"
    code 0 drive peak kb "$FOVEA" eval --model $weights,$weights --data "$photos"
    near "$(plan_of scoring)" "$(cat kb)"
    for words in "eval" "eval --tta flip" "predict"; do
        set -- $words
        verb=$1
        shift
        fails 5 E5002 "MiB, but the limit is 14.00 MiB" -- "$FOVEA" $verb --model $weights --data "$photos" --split train --memory 14M "$@"
        [ ! -s out ] || die "something was answered"
    done
}

use_memory_as_planned() {
    for net in lenet resnet8 squeezenet1_1 mobilenet_v2; do
        for batch in 3 8; do
            code 0 drive peak kb "$FOVEA" train --data "$photos" --model $net --img-size 64 --batch-size $batch \
                --epochs 1 --experiment $net
            near "$(planned_of)" "$(cat kb)"
            # What `info` says of these weights, for training and for inference.
            weights=runs/train/$net/weights/last.safetensors
            code 0 "$FOVEA" info $weights --batch-size $batch --json
            drive json inference_bytes <out >bytes
            code 0 drive peak kb "$FOVEA" eval --model $weights --data "$photos" --batch-size $batch
            near "$(awk '{ print $1 / 1048576 }' bytes)" "$(cat kb)"
            rm -r runs
        done
    done
}

# With just what was planned a run ends, with and without validation, with a last batch of any size, and with a cache.
use_memory_that_is_just_enough() {
    mkdir bare
    cp -r "$photos/train/." bare
    for data in "$photos" bare; do
        for batch in 7 24; do
            one_epoch() {
                "$FOVEA" train --data $data --model squeezenet1_1 --img-size 48 --epochs 1 --batch-size $batch --lr 1e-4 "$@"
            }
            code 0 one_epoch --experiment full
            planned=$(planned_of)
            code 0 one_epoch --experiment tight --memory "${planned}M"
            code 0 one_epoch --experiment cached --cache ram --memory "$(awk -v p="$planned" 'BEGIN { print p + 1 }')M"
            same runs/train/full/weights/last.safetensors runs/train/tight/weights/last.safetensors
            less=$(awk -v p="$planned" 'BEGIN { print p - 1 }')
            fails 5 E5002 "training with batch $batch needs " "the largest parts: " "raise --memory" -- \
                one_epoch --experiment less --memory "${less}M"
            absent runs/train/less
            rm -r runs
        done
    done
    # The search for a batch ends with one sample.
    fails 5 E5002 "training with batch 1 needs " "not even --batch-size 1 fits" -- \
        "$FOVEA" train --data "$photos" --model mobilenet_v2 --img-size 32 --memory 20M
    absent runs
}
