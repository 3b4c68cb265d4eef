# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # lib.sh sets the paths
# Models in 8-bit integers: what is made, what it answers, and which calibration images are refused.

# As good as before, a quarter of the bytes, and a model file like any other.
use_quantize() {
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output int8.safetensors --samples 100 --threads 1
    prints "calibrated      on 100 images, mse" "in integers, 0 in floats"
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output again.safetensors --samples 100 --threads 2 --json
    same int8.safetensors again.safetensors
    code 0 env FOVEA_CPU=scalar "$FOVEA" quantize "$model" --data "$digits" --output scalar.safetensors --samples 100 --val-samples 0
    same int8.safetensors scalar.safetensors
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output again.safetensors --samples 100 --threads 2 --json
    drive json accuracy.before <out >before
    drive json accuracy.after <out >after
    awk -v a="$(cat before)" -v b="$(cat after)" 'BEGIN { exit !(b >= a - 1) }' || die "from $(cat before) to $(cat after) %"
    before=$(wc -c <"$model")
    after=$(wc -c <int8.safetensors)
    [ $((after * 100)) -le $((before * 28)) ] || die "$after of $before bytes"
    code 0 "$FOVEA" info int8.safetensors --selftest
    code 0 "$FOVEA" info int8.safetensors
    prints "q_conv2d"
    code 0 "$FOVEA" eval --data "$digits" --split test --model int8.safetensors --threads 1
    code 0 "$FOVEA" predict --model int8.safetensors --data "$digits" --split test --limit 3
    # By every rule; layers by name; integers for other programs.
    for rule in minmax percentile entropy; do
        code 0 "$FOVEA" quantize "$model" --data "$digits" --output "$rule.safetensors" --samples 64 --calibration "$rule" --val-samples 0
        prints "images, $rule"
        ! cmp -s "$rule.safetensors" int8.safetensors || die "$rule makes what mse makes"
    done
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output io.safetensors --samples 64 --skip 'fc*1' --io uint8 --val-samples 0
    prints "as asked"
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output gate.safetensors --samples 64 --per-tensor --max-drop 100
    prints "kept in floats  0 layers, to lose at most 100 points"
    fails 8 E8001 "points are lost" "--max-drop" -- \
        "$FOVEA" quantize "$model" --data "$digits" --output gate.safetensors --samples 64 --per-tensor --skip 'conv*' --max-drop 0 --percentile 1 --calibration percentile
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output equal.safetensors --samples 64 --equalize --bias-correction --json
    [ "$(drive json equalized <out)" -gt 1 ] || die "nothing was equalized"
    drive json accuracy.after <out >after
    awk -v a="$(cat before)" -v b="$(cat after)" 'BEGIN { exit !(b >= a - 1) }' || die "from $(cat before) to $(cat after) %"
    code 0 "$FOVEA" info equal.safetensors --selftest
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output auto.safetensors --samples 20 --auto --val-samples 0 --json
    drive json auto.db <out >after
    drive json auto.plain_db <out >before
    awk -v a="$(cat before)" -v b="$(cat after)" 'BEGIN { exit !(b >= a && a > 0) }' || die "$(cat before) dB, chosen $(cat after) dB"
    set --
    [ "$(drive json auto.equalize <out)" != true ] || set -- "$@" --equalize
    [ "$(drive json auto.bias_correction <out)" != true ] || set -- "$@" --bias-correction
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output by.safetensors --samples 20 --val-samples 0 "$@"
    same auto.safetensors by.safetensors
    fails 2 E2004 "--auto chooses whether to take --equalize" -- \
        "$FOVEA" quantize "$model" --data "$digits" --output x.safetensors --auto --equalize
    # Another set of layers by the ranges of the first, without an image.
    code 0 "$FOVEA" quantize "$model" --data "$digits" --output mixed.safetensors --samples 100 --skip 'fc*1' --val-samples 0
    code 0 "$FOVEA" quantize "$model" --ranges int8.safetensors --output ranges.safetensors --skip 'fc*1'
    prints "those of int8.safetensors, calibrated on 100 images" "as asked"
    same mixed.safetensors ranges.safetensors
    fails 2 E2004 "--samples is of calibration images" -- "$FOVEA" quantize "$model" --ranges int8.safetensors --output x.safetensors --samples 9
    fails 4 E4001 "holds no ranges of values" -- "$FOVEA" quantize "$model" --ranges "$model" --output x.safetensors
    fails 2 E2001 "which model" -- "$FOVEA" quantize --data "$digits" --output x.safetensors
    fails 2 E2001 "which images" "--data" -- "$FOVEA" quantize "$model" --output x.safetensors
    fails 2 E2001 "where does the model in integers go" "--output" -- "$FOVEA" quantize "$model" --data "$digits"
    fails 2 E2004 "this is the model to be quantized" -- "$FOVEA" quantize int8.safetensors --data "$digits" --output ./int8.safetensors
    fails 4 E4001 "has integers already" -- "$FOVEA" quantize int8.safetensors --data "$digits" --output x.safetensors
    fails 2 E2003 "is called 'nothing'" -- "$FOVEA" quantize "$model" --data "$digits" --output x.safetensors --skip nothing
    fails 2 E2004 "--percentile 99 is of --calibration percentile" -- "$FOVEA" quantize "$model" --data "$digits" --output x.safetensors --percentile 99
    fails 2 E2004 "cannot be integers" -- "$FOVEA" quantize "$model" --data "$digits" --output x.safetensors --samples 64 --skip '*' --io int8 --val-samples 0
    [ ! -e x.safetensors ] || die "a file was left behind"
}

# Weights of a smaller type: files that anything takes, half or a quarter of the bytes, no images needed.
use_quantize_weights() {
    before=$(wc -c <"$model")
    for format in fp16:51 bf16:51 weights-only:28; do
        name=${format%:*}
        code 0 "$FOVEA" quantize "$model" --output "$name.safetensors" "--$name"
        prints "in the file and float32 in memory; it computes in float32" "dB below the weights"
        after=$(wc -c <"$name.safetensors")
        [ $((after * 100)) -le $((before * ${format#*:})) ] || die "$name: $after of $before bytes"
        code 0 "$FOVEA" info "$name.safetensors" --selftest
        code 0 "$FOVEA" info "$name.safetensors"
        prints "in the file, float32 in memory"
        code 0 "$FOVEA" eval --data "$digits" --split test --model "$name.safetensors" --threads 1
        code 0 "$FOVEA" predict --model "$name.safetensors" --data "$digits" --split test --limit 3
        # Stored again, it is the same.
        code 0 "$FOVEA" convert "$name.safetensors" --output again.safetensors
        same "$name.safetensors" again.safetensors
    done
    code 0 "$FOVEA" quantize "$model" --output out.safetensors --weights-only --data "$digits" --max-drop 2 --json
    [ "$(drive json format <out)" = weights-only ] || die "not what was asked for"
    drive json accuracy.before <out >before
    drive json accuracy.after <out >after
    awk -v a="$(cat before)" -v b="$(cat after)" 'BEGIN { exit !(b >= a - 1) }' || die "from $(cat before) to $(cat after) %"
    fails 4 E4001 "no float weights to be stored as fp16" -- "$FOVEA" quantize "$model" --output x.safetensors --fp16 --skip '*'
    fails 2 E2004 "--calibration has no effect with --fp16" -- "$FOVEA" quantize "$model" --output x.safetensors --fp16 --calibration mse
    fails 2 E2004 "--equalize has no effect with --fp16" -- "$FOVEA" quantize "$model" --output x.safetensors --fp16 --equalize
    fails 2 E2004 "--bf16 and --fp16 are two formats" -- "$FOVEA" quantize "$model" --output x.safetensors --bf16 --fp16
    fails 2 E2003 "is called 'nothing'" -- "$FOVEA" quantize "$model" --output x.safetensors --bf16 --skip nothing
    fails 2 E2004 "needs images" "--data" -- "$FOVEA" quantize "$model" --output x.safetensors --bf16 --max-drop 1
    [ ! -e x.safetensors ] || die "a file was left behind"
}

# Activations measured on each image: no calibration, a quarter of the bytes, the same bits with any threads and batch.
use_quantize_dynamic() {
    code 0 "$FOVEA" quantize "$model" --output dynamic.safetensors --dynamic --data "$digits"
    prints "activations are measured on each image" "no integers between layers" ", 0 in floats" "accuracy  "
    [ $(($(wc -c <dynamic.safetensors) * 100)) -le $(($(wc -c <"$model") * 30)) ] || die "$(wc -c <dynamic.safetensors) bytes"
    code 0 "$FOVEA" info dynamic.safetensors --selftest
    code 0 "$FOVEA" info dynamic.safetensors
    prints "quantize_samples" "q_conv2d_real"
    code 0 "$FOVEA" predict --model dynamic.safetensors --data "$digits" --split test --threads 1 --batch-size 1 --out csv
    mv out one
    code 0 env FOVEA_CPU=scalar "$FOVEA" predict --model dynamic.safetensors --data "$digits" --split test --threads 3 --batch-size 8 --out csv
    same one out
    fails 2 E2004 "--io has no effect with --dynamic" "no integers between layers" -- \
        "$FOVEA" quantize "$model" --output x.safetensors --dynamic --io int8
    fails 4 E4001 "has integers already" -- "$FOVEA" quantize dynamic.safetensors --output x.safetensors --dynamic
}

# No images, few, of one class, and such as the model was not trained on.
row_70_calibration_images() {
    mkdir empty
    fails 3 E3004 "no data set here" -- "$FOVEA" quantize "$model" --data empty --output x.safetensors
    fails 9 E9002 "nowhere: no such file" -- "$FOVEA" quantize "$model" --data nowhere --output x.safetensors
    fails 3 E3004 "5 calibration images: ranges of values need at least 8" "--force takes these" -- \
        "$FOVEA" quantize "$model" --data "$digits" --output x.safetensors --samples 5
    first=$(find "$photos" -mindepth 2 -maxdepth 2 -type d | sort | head -n 1)
    mkdir -p one/class
    i=0
    while [ $i -lt 12 ]; do
        for f in "$first"/*; do
            i=$((i + 1))
            cp "$f" "one/class/$i-${f##*/}"
        done
    done
    fails 3 E3005 "are of class 'class', and the model tells 10 apart" "every class is there" -- \
        "$FOVEA" quantize "$model" --data one --output x.safetensors
    [ ! -e x.safetensors ] || die "a file was left behind"
    # Images without classes will do; few are warned of.
    code 0 "$FOVEA" quantize "$model" --data one/class --output loose.safetensors
    says "calibration images are few"
}
