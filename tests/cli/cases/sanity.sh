# SPDX-License-Identifier: Apache-2.0
# fovea sanity: each cause is named by its name, and nothing that learns is. What training itself warns of, and advice.

# verdict NAME COMMAND...: exit 0 and "learned", or 7 and that cause, in the message, the table and JSON.
verdict() {
    want=$1
    shift
    if [ "$want" = learned ]; then
        code 0 "$@"
    else
        code 7 "$@"
        one_error E7002
    fi
    grep -q "^verdict      $want: " out || die "the verdict is not $want: $(tail -n 1 out)"
    absent runs
}

# sanity OPTIONS...: of a small batch of digits.
sanity() { "$FOVEA" sanity --data "$digits" --batch-size 20 "$@"; }

# The hint's command, run again as a sanity check: the cure is one.
cured() {
    sed -n 's/^hint: .*`fovea [a-z]* \(.*\)`$/\1/p' err >cure
    [ -s cure ] || die "no command in the hint"
    eval "set -- $(cat cure)"
    verdict learned "$FOVEA" sanity "$@"
}

net() {
    { echo 'input: [28, 28, 1]' && echo 'layers:' && cat; } >"$1.yaml"
}

# One that takes little time.
small_net() {
    net small <<'TEXT'
  - max_pool2d: 2
  - conv2d: {filters: 8, kernel: 3}
  - max_pool2d: 2
  - relu
  - flatten
  - dense: {units: 32, activation: relu}
  - dense: 10
TEXT
}

use_sanity_learned() {
    small_net
    code 0 sanity --model small.yaml
    prints "40 images in 2 batches" "neighbors    " "  as asked        0.1" "other images " "verdict      learned"
    silent_about "relu_1" "advice"
    cp out one
    code 0 sanity --model small.yaml --threads 2 --quiet
    same out one
    [ ! -s err ] || die "--quiet is not"
    # With everything in it, for programs.
    code 0 sanity --model small.yaml --json
    equal "$(drive json verdict <out) $(drive json samples <out) $(drive json tries.0.learned <out)" "learned 40 true"
    equal "$(drive json activations.0.name <out) $(drive json weights.2.name <out)" "relu_1 dense_2.weight"
    awk -v d="$(drive json tries.0.last_loss <out)" -v t="$(drive json tries.0.top1 <out)" 'BEGIN { exit !(d < 0.01 && t >= 0.99) }' ||
        die "learned is what it is not"
    equal "$(drive json evidence <out) $(drive json command <out)" "null null"
    code 0 sanity --model small.yaml --verbose
    prints "activations" "  relu_1 " "weights" "  dense_2.weight "
    # A trained model, which stays as it is; a head on frozen layers; other optimizers, and a recipe of a run.
    cp "$model" m.safetensors
    verdict learned sanity --model m.safetensors --lr 0.01
    same m.safetensors "$model"
    verdict learned sanity --model m.safetensors --reset-head --freeze -1 --lr 0.1
    verdict learned sanity --model small.yaml --opt adam --lr 0.003
    printf 'model: small.yaml\nopt: adamw\nlr: 0.01\nepochs: 3\nbatch-size: 20\nlabel-smoothing: 0.2\naugment: noise\nexperiment: never\n' >r.yaml
    verdict learned "$FOVEA" sanity --data "$digits" -c r.yaml
    says "no part in that have --epochs, --label-smoothing, --augment, --experiment"
    fails 2 E2004 "--resume: nothing goes on here" -- sanity --resume runs/train/exp
    fails 2 E2002 "fovea sanity has no option --mode; did you mean --model?" -- sanity --mode 3
    fails 2 E2001 "fovea sanity: --data PATH is missing" -- "$FOVEA" sanity
    "$FOVEA" help sanity --help-all >out
    silent_about "--epochs" "--experiment" "--hflip"
    absent runs
}

use_sanity_rates() {
    small_net
    # A hundred times what it learns with.
    verdict learned sanity --model small.yaml --lr 0.05
    verdict rate-too-high sanity --model small.yaml --lr 5
    says "at --lr 5 the loss " "at --lr 0.05 the loss falls to 0.0" "train with --lr 0.05: \`fovea train --data "
    cured
    verdict rate-too-high sanity --model small.yaml --opt adam --lr=1
    cured
    verdict rate-too-low sanity --model small.yaml --lr 1e-5
    says "and the first step changed a layer's weights by"
    cured
    # Few steps of a good rate are no bad rate.
    verdict too-few-steps sanity --model small.yaml --max-steps 40
    cured
}

use_sanity_dead_units() {
    net dead <<'TEXT'
  - conv2d: {filters: 8, kernel: 3, activation: relu, init: constant, init_value: -0.5}
  - max_pool2d: 2
  - flatten
  - dense: 10
TEXT
    verdict dead-units sanity --model dead.yaml
    says "100 % of the 8 units of 'conv2d_1.relu' are 0 for each of the 40 images before the first step"
    equal "$(grep -c '^  conv2d_1.relu  *8 *100.0 % *100.0 % ' out)" 1
    cured
    net later <<'TEXT'
  - conv2d: {filters: 8, kernel: 3}
  - batch_norm
  - relu
  - max_pool2d: 2
  - flatten
  - dense: {units: 32, activation: relu6, init: constant, init_value: -0.1}
  - dense: 10
TEXT
    verdict dead-units sanity --model later.yaml --lr 0.01
    says "of the 32 units of 'dense_1.relu6'"
    cured
}

use_sanity_gradients() {
    net deep <<'TEXT'
  - max_pool2d: 4
  - repeat: 12
    layers:
      - conv2d: {filters: 4, kernel: 3, same: true, activation: sigmoid}
  - global_avg_pool
  - dense: 10
TEXT
    verdict vanishing-gradient sanity --model deep.yaml --max-steps 60
    says "advice: 'block1.0.conv2d_1.sigmoid' and 11 others: sigmoid between layers with weights" \
        "advice: 13 layers with weights one behind the other, without normalization"
    net bound <<'TEXT'
  - max_pool2d: 4
  - flatten
  - dense: {units: 32, activation: tanh, init: constant, init_value: 5}
  - dense: 10
TEXT
    verdict saturated-gates sanity --model bound.yaml
    says "of what 'dense_1.tanh' gives is within 2 % of an end of its range"
    cured
    net grow <<'TEXT'
  - max_pool2d: 4
  - repeat: 8
    layers:
      - conv2d: {filters: 8, kernel: 3, same: true, activation: relu, init: gaussian, init_value: 3}
  - flatten
  - dense: 10
TEXT
    verdict exploding-gradient sanity --model grow.yaml --lr 0.02
    says "times as long as its weights"
    cured
}

use_sanity_softmax_twice() {
    for last in softmax sigmoid; do
        net twice <<TEXT
  - flatten
  - dense: 10
  - $last
TEXT
        code 7 sanity --model twice.yaml
        one_error E7002
        says "the loss makes probabilities of what is bounded already" "ends with $last ('${last}_1')"
        code 7 sanity --model twice.yaml --json
        equal "$(drive json verdict <out)" doubled-softmax
    done
    net parts <<'TEXT'
  - max_pool2d: 4
  - flatten
  - dense: 10
  - exp: {id: e}
  - reduce_sum: {axes: [1], keepdims: true, id: s, from: e}
  - div: [e, s]
TEXT
    verdict doubled-softmax sanity --model parts.yaml --max-steps 100
    says "'div_1' gives numbers from 0 that sum up to 1 for every image" "cannot fall below 1.46"
}

# labels_in_order FILE: the digits' labels dealt out anew, always in the same way.
dealt_labels() {
    tail -c +9 "$digits/train-labels-idx1-ubyte" | od -An -v -tu1 -w1 |
        awk 'BEGIN { x = 7 } { x = x * 16807 % 2147483647; printf "%010d %s\n", x, $1 }' | sort |
        awk '{ printf "\\%03o", $2 }' >octal
    { head -c 8 "$digits/train-labels-idx1-ubyte" && printf "$(cat octal)"; } >"$1"
}

use_sanity_labels() {
    small_net
    mkdir dealt
    cp "$digits/train-images-idx3-ubyte" dealt
    dealt_labels dealt/train-labels-idx1-ubyte
    verdict shuffled-labels "$FOVEA" sanity --data dealt --model small.yaml -b 20
    says "where chance is 10." "\`fovea data show dealt --output sheet.png\`"
    verdict shuffled-labels "$FOVEA" sanity --data dealt --model mnist_cnn --opt adam -b 10
    # Every picture twice, with two labels.
    mkdir twice
    { printf '\000\000\010\003\000\000\000\170\000\000\000\034\000\000\000\034'
    for i in 1 2; do tail -c +17 "$digits/train-images-idx3-ubyte" | head -c 47040; done; } >twice/train-images-idx3-ubyte
    { printf '\000\000\010\001\000\000\000\170'
    tail -c +9 "$digits/train-labels-idx1-ubyte" | head -c 60
    tail -c +12 "$digits/train-labels-idx1-ubyte" | head -c 60; } >twice/train-labels-idx1-ubyte
    verdict contradicting-labels "$FOVEA" sanity --data twice --model small.yaml -b 60
    says "pairs of pictures in the batches are the same but for the label, as train-images-idx3-ubyte["
    # One class: nothing is learned by learning it.
    mkdir same
    cp "$digits/train-images-idx3-ubyte" same
    { head -c 8 "$digits/train-labels-idx1-ubyte" && head -c 600 /dev/zero; } >same/train-labels-idx1-ubyte
    verdict learned "$FOVEA" sanity --data same --model small.yaml -b 20
    says "all 600 training samples are of class '0': there is nothing to tell apart"
    # What can be said of few pictures is nothing.
    mkdir few
    { printf '\000\000\010\003\000\000\000\062\000\000\000\034\000\000\000\034'
    tail -c +17 dealt/train-images-idx3-ubyte | head -c 39200; } >few/train-images-idx3-ubyte
    { printf '\000\000\010\001\000\000\000\062' && tail -c +9 dealt/train-labels-idx1-ubyte | head -c 50; } >few/train-labels-idx1-ubyte
    verdict learned "$FOVEA" sanity --data few --model small.yaml -b 20
}

use_sanity_inputs() {
    mkdir black one
    for d in black one; do cp "$digits/train-labels-idx1-ubyte" $d; done
    { head -c 16 "$digits/train-images-idx3-ubyte" && head -c 470400 /dev/zero; } >black/train-images-idx3-ubyte
    verdict constant-input "$FOVEA" sanity --data black --model lenet -b 20 --max-steps 40
    says "all 40 images are -0.424 all over"
    tail -c +17 "$digits/train-images-idx3-ubyte" | head -c 784 >same
    for i in 1 2 3 4 5 6 7 8 9 10; do
        cat same same >more
        mv more same
    done
    { head -c 16 "$digits/train-images-idx3-ubyte" && head -c 470400 same; } >one/train-images-idx3-ubyte
    verdict constant-input "$FOVEA" sanity --data one --model lenet -b 20 --max-steps 40
    says "all 40 images are one and the same picture"
    # Floats up to 255, and 12 bits in 16.
    plant floats floats count=60 scale=255
    verdict pixel-range "$FOVEA" sanity --data floats --model lenet --img-size 12 --in-chans 1 -b 10
    says "floating-point pixels from " "expected 0 to 1"
    cured
    mkdir -p deep/0 deep/1
    for k in $(seq 1 20); do
        for c in 0 1; do
            awk -v k="$k" -v c=$c 'BEGIN {
                print "P2\n12 12\n65535"
                for (i = 0; i < 144; i++) print int(4095 * ((c ? i : 143 - i) + (i * 7 + k * 13) % 20) / 162)
            }' >deep/$c/$k.pgm
        done
    done
    verdict pixel-range "$FOVEA" sanity --data deep --model lenet --img-size 12 --in-chans 1 -b 10
    says "as of 12 bits in a file of 16"
    cured
}

use_sanity_other_labels() {
    echo path,target0,target1 >numbers.csv
    echo path,label >sets.csv
    for k in $(seq 1 40); do
        a=$((k * 37 % 100)) b=$((k * 61 % 100))
        awk -v a=$a -v b=$b 'BEGIN {
            print "P2\n12 12\n99"
            for (i = 0; i < 144; i++) print i < 72 ? a : b
        }' >$k.pgm
        echo "$k.pgm,$((a - 50)).5,0.$((b + 100))" >>numbers.csv
        [ $a -lt 50 ] && [ $b -lt 50 ] || echo "$k.pgm,$([ $a -lt 50 ] || printf 'top ')$([ $b -lt 50 ] || echo low)" | sed 's/ $//' >>sets.csv
    done
    verdict learned "$FOVEA" sanity --data numbers.csv --model lenet --img-size 12 --in-chans 1 -b 10 --opt adam
    prints "20 images in 2 batches"
    silent_about "neighbors" "other images"
    verdict rate-too-high "$FOVEA" sanity --data numbers.csv --model lenet --img-size 12 --in-chans 1 -b 10 --opt adam --lr 5
    cured
    verdict learned "$FOVEA" sanity --data sets.csv --task multi-label --model lenet --img-size 12 --in-chans 1 -b 10 --opt adam
}

# All networks, on photographs: tests/soak/sanity.sh.
use_sanity_no_false_alarm() {
    for name in mobilenet_v1_0.25 shufflenet_v2_x0_5 ds_cnn; do
        verdict learned "$FOVEA" sanity --data "$photos" --model $name --img-size 64 --batch-size 16
        silent_about "between layers with weights" "in front of a maximum" "one behind the other"
    done
}

use_training_warns() {
    # Dead from the beginning; the flat loss has its cause then.
    net dead <<'TEXT'
  - flatten
  - dense: {units: 16, activation: relu, init: constant, init_value: -0.1}
  - dense: 10
TEXT
    code 0 small_run --model dead.yaml --epochs 3 --experiment dead --val-split 0.2
    says "100 % of the 16 units of 'dense_1.weight' learn nothing" "the loss hardly moved in three epochs: units learn nothing" \
        "are taken for class" "\`fovea sanity\` with this run's options tells"
    equal "$(grep -c 'learn nothing: for every' err)" 1
    code 0 small_run --epochs 3 --experiment good
    silent_about "learn nothing" "by heart"
    # A few images by heart: the losses part.
    mkdir few
    { printf '\000\000\010\003\000\000\000\074\000\000\000\034\000\000\000\034'
    tail -c +17 "$digits/train-images-idx3-ubyte" | head -c 47040; } >few/train-images-idx3-ubyte
    dealt_labels labels
    { printf '\000\000\010\001\000\000\000\074' && tail -c +9 labels | head -c 60; } >few/train-labels-idx1-ubyte
    code 0 "$FOVEA" train --data few --model mnist_cnn --opt adam --lr 3e-3 --epochs 12 -b 15 --val-split 0.4 --experiment parts
    says "the loss of validation rose from " "the network learns its images by heart; --patience 5 --restore-best"
}

use_advice() {
    net poor <<'TEXT'
  - conv2d: {filters: 4, kernel: 3, activation: relu}
  - max_pool2d: 2
  - conv2d: {filters: 4, kernel: 3, activation: tanh}
  - flatten
  - dense: {units: 2000, activation: tanh}
  - dense: 10
TEXT
    code 0 small_run --model poor.yaml --epochs 1 --wd 0 --max-steps 1
    says "advice: 'conv2d_2.tanh' and 1 other: tanh between layers with weights" \
        "advice: 'conv2d_1.relu': relu in front of a maximum" \
        "advice: the last layers ('dense_1' above all) have 988000 weights for 600 images, 1646 for each" \
        "advice: neither weight decay nor dropout"
    code 0 "$FOVEA" plan --data "$digits" --from runs/train/exp/weights/last.safetensors --limit 60
    says "advice: 'conv2d_2.tanh' and 1 other"
    silent_about "advice: the last layers" "advice: neither"
    # Of a network of the zoo only what the data and the recipe have to do with it.
    code 0 small_run --epochs 1 --max-steps 1
    silent_about "advice"
    code 0 small_run --epochs 1 --max-steps 1 --wd 0
    equal "$(grep -c '^advice: ' err)" 1
    code 0 "$FOVEA" plan --data "$digits" --from "$model" --limit 60
    silent_about "advice"
}
