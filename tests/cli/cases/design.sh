# SPDX-License-Identifier: Apache-2.0
# Networks as designs: what they cost, side by side, made smaller, drawn.

# Two networks, or more: totals with their ratio, and the layers that differ, whatever they come from.
use_info_of_several_networks() {
    printf 'input: [8, 8, 3]\nlayers:\n  - conv2d: {filters: 4, kernel: 7, pad: 3, name: a}\n  - relu\n  - flatten\n  - dense: {units: 2, name: fc}\n' >one.yaml
    printf 'input: [8, 8, 3]\nlayers:\n  - conv2d: {filters: 4, kernel: 3, pad: 1, name: a}\n  - relu\n  - conv2d: {filters: 4, kernel: 3, pad: 1, name: b}\n  - relu\n  - flatten\n  - dense: {units: 2, name: fc}\n' >two.yaml
    code 0 "$FOVEA" info one.yaml two.yaml
    grep -qE '^parameters +1106 +774 +0\.7$' out || die "parameters and their ratio"
    grep -qE '^multiply-adds +38\.14 k +16\.64 k +0\.436$' out || die "multiply-adds"
    grep -qE '^receptive field +7 +5 +0\.714$' out || die "receptive fields"
    grep -qE '^depth +2 +3 +1\.5$' out || die "depth"
    prints "layers: 3 the same, 1 changed (~), 0 only in one.yaml (-), 2 only in two.yaml (+)"
    grep -qE '^~- a +conv2d +7x7 3>4 pad=3' out || die "the changed layer of the first"
    grep -qE '^~\+ a +conv2d +3x3 3>4 pad=1' out || die "the changed layer of the second"
    grep -qE '^\+  b +conv2d +3x3 4>4 pad=1' out || die "the added layer"
    code 0 "$FOVEA" info one.yaml two.yaml --json
    drive json layers.differ.0.match <out >found
    equal "$(cat found)" changed
    drive json ratios.parameters <out >found
    equal "$(cut -c1-6 found)" 0.6998
    # The way back: what was added is removed.
    code 0 "$FOVEA" info two.yaml one.yaml
    prints "3 the same, 1 changed (~), 2 only in two.yaml (-), 0 only in one.yaml (+)"
    code 0 "$FOVEA" info one.yaml one.yaml
    prints "layers: 4 the same, 0 changed"
    # A name of the zoo, a file and the folder of a run; three have a column each.
    code 0 small_run --max-steps 1 --experiment first
    code 0 "$FOVEA" info lenet runs/train/first
    prints "layers: 12 the same, 0 changed"
    code 0 "$FOVEA" info lenet mnist_cnn one.yaml
    grep -qE '^parameters +61\.71 k +[0-9.]+ k +1106$' out || die "three columns"
    fails 2 E2004 "--graph is of one network, and 2 are named" -- "$FOVEA" info lenet mnist_cnn --graph
    fails 2 E2004 "both 'lenet' and --model mnist_cnn are given" -- "$FOVEA" info lenet --model mnist_cnn
    fails 2 E2002 "lenett" "lenet" -- "$FOVEA" info lenet lenett
    fails 9 E9002 "none.safetensors" -- "$FOVEA" info lenet none.safetensors
}

# What layers could be had for less: 49 C^2 against 27 C^2, and which replacements keep all numbers.
use_info_suggest() {
    printf 'input: [16, 16, 3]\nlayers:\n  - conv2d: {filters: 32, kernel: 1, name: a}\n  - conv2d: {filters: 32, kernel: 7, pad: 3, bias: false, name: b}\n  - batch_norm\n  - flatten\n  - dense: {units: 4, name: fc}\n' >net.yaml
    code 0 "$FOVEA" info net.yaml --suggest
    grep -qE '^b +stack +7x7 32>32 +3x3 32>32, 3x3 32>32, 3x3 32>32 +50176 > 27648 +12.85 M > 7077.89 k +7x7 +training$' out || die "three 3x3"
    grep -qE '^b +spatial .* 50176 > 14336 ' out || die "1x7 and 7x1"
    grep -qE '^fc +conv +matrix 8192>4 .*16x16 32>4 .* exact$' out || die "a matrix as a convolution"
    grep -qE '^fc +pool .* 32772 > 132 .* training$' out || die "global pooling"
    grep -qE '^stack +1 layer: +parameters 50176 > 27648' out || die "the sum of a kind"
    code 0 "$FOVEA" info net.yaml --suggest --json
    drive json suggestions.0.kind <out >found
    equal "$(cat found)" stack
    code 0 "$FOVEA" info mobilenet_v1_0.25 --suggest
    fails 2 E2004 "--suggest is of one network, and 2 are named" -- "$FOVEA" info lenet net.yaml --suggest
    fails 2 E2004 "--graph and --suggest print different things" -- "$FOVEA" info lenet --suggest --graph
}

# Whole channels: tensors shrink, what is printed is so, and the command that is printed makes it better.
use_prune() {
    code 0 "$FOVEA" prune "$model" --output small.safetensors --target-macs 0.5 --round-to 2 --data "$digits" --threads 1
    grep -qE '^multiply-adds .* \(0\.4[0-9]* of them\)$|\(0\.5 of them\)$' out || die "multiply-adds"
    grep -qE '^milliseconds +[0-9.e-]+ > [0-9.e-]+ .* runs by turns on ' out || die "no measured time"
    grep -qE '^top1 +[0-9.]+ > [0-9.]+ %, [0-9]+ samples of ' out || die "no score"
    command=$(sed -n 's/^fine-tune it *fovea //p' out)
    code 0 "$FOVEA" prune "$model" --output again.safetensors --target-macs 0.5 --round-to 2 --threads 2
    same small.safetensors again.safetensors
    code 0 "$FOVEA" info small.safetensors --selftest
    code 0 "$FOVEA" info small.safetensors --json
    drive json parameters <out >after
    [ "$(cat after)" -lt 61706 ] || die "no fewer parameters: $(cat after)"
    code 0 "$FOVEA" eval --data "$digits" --split test --model small.safetensors --json
    drive json top1 <out >before
    # shellcheck disable=SC2086
    code 0 "$FOVEA" $(echo "$command" | sed "s|PATH|$digits|") --epochs 2 --experiment tuned
    code 0 "$FOVEA" eval --data "$digits" --split test --model runs/train/tuned/weights/last.safetensors --json
    drive json top1 <out >after
    awk -v a="$(cat before)" -v b="$(cat after)" 'BEGIN { exit !(b > a) }' || die "fine-tuning did not help: $(cat before) $(cat after)"
    for method in taylor activation; do
        code 0 "$FOVEA" prune "$model" --output $method.safetensors --amount 0.4 --method $method --data "$digits" --samples 64 --json --skip 'fc1,conv1'
        drive json method <out >found
        equal "$(cat found)" $method
        drive json layers.0.why <out >found
        equal "$(cat found)" "named by --skip"
    done
    ! cmp -s activation.safetensors taylor.safetensors || die "taylor chose as activation does"
    fails 4 E4001 "has no batch norm" "--method l1" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.4 --method bn
    # So much faster, or why not.
    fails 2 E2003 "ms as it is" -- "$FOVEA" prune "$model" --output x.safetensors --target-ms 1e6
    fails 2 E2003 "with the least of every layer" -- "$FOVEA" prune "$model" --output x.safetensors --target-ms 1e-6
    code 0 "$FOVEA" prune "$model" --output x.safetensors --amount 0.001
    says "x.safetensors: nothing went: ask for more"
    rm x.safetensors
    # Layer by layer, as numbers and a drawing.
    code 0 "$FOVEA" prune "$model" --data "$digits" --sensitivity layers --round-to 1
    equal "$(head -n 1 layers.csv)" "layer,layers,channels,amount,left,macs,top1,loss"
    equal "$(grep -c '^fc1,1,120,' layers.csv)" 6
    grep -q '^fc1,1,120,0.5,60,' layers.csv || die "half of fc1"
    head -c 100 layers.svg | grep -q "^<svg xmlns=" || die "no SVG"
    code 0 "$FOVEA" prune "$model" --data "$digits" --sensitivity layers --round-to 1 --json
    drive json rows.0.layer <out >found
    equal "$(cat found)" conv1
}

# Pruning and training by turns: killed between, it goes on to the same bytes; another command does not mix with it.
use_prune_steps() {
    set -- "$FOVEA" prune "$model" --target-macs 0.5 --round-to 2 --data "$digits" --steps 2 --epochs 1 --threads 1
    code 0 "$@" --output whole.safetensors
    grep -qE '^fc1 +120 > ' out || die "the table of both steps"
    grep -qE '^multiply-adds +416\.52 k > ' out || die "the sum of both steps"
    "$@" --output part.safetensors >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 200); do
        [ ! -d part.steps/step-2 ] || break
        sleep 0.02
    done
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null || :
    code 0 "$@" --output part.safetensors
    same whole.safetensors part.safetensors
    code 0 "$@" --output part.safetensors --json
    same whole.safetensors part.safetensors
    fails 2 E2004 "of another model, other data or other settings" "another --output" -- "$FOVEA" prune "$model" --target-macs 0.7 --round-to 2 --data "$digits" --steps 2 --epochs 1 --output part.safetensors
    echo 'lr: 0.02' >recipe.yaml
    code 0 "$FOVEA" prune "$model" --amount 0.5 --data "$digits" --epochs 1 --recipe recipe.yaml --output other.safetensors
    grep -q '^lr: 0.02' other.steps/step-1/args.yaml || die "the recipe was not used"
    fails 2 E2001 "for how long" "--epochs" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.5 --steps 2 --data "$digits"
    fails 2 E2001 "on which data" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.5 --epochs 2
    fails 2 E2004 "by measuring" -- "$FOVEA" prune "$model" --output x.safetensors --target-ms 1 --epochs 2 --data "$digits"
    fails 2 E2004 "--recipe has no effect" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.5 --recipe recipe.yaml
    fails 2 E2004 "is about whole channels" -- "$FOVEA" prune "$model" --output x.safetensors --unstructured --amount 0.5 --steps 2 --epochs 1 --data "$digits"
}

# Amounts that would leave nothing, names that fit nothing, networks of which nothing can go.
row_72_pruning() {
    fails 2 E2001 "where does the smaller model go" "--output" -- "$FOVEA" prune "$model" --amount 0.5
    fails 2 E2001 "which model" -- "$FOVEA" prune --output x.safetensors --amount 0.5
    fails 2 E2001 "how much" "--target-macs 0.6" -- "$FOVEA" prune "$model" --output x.safetensors
    fails 2 E2001 "on which data" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.5 --method taylor
    fails 2 E2001 "on which data" -- "$FOVEA" prune "$model" --sensitivity x
    fails 2 E2003 "would leave nothing" "below 1" -- "$FOVEA" prune "$model" --output x.safetensors --amount 1
    fails 2 E2003 "--target-macs" -- "$FOVEA" prune "$model" --output x.safetensors --target-macs 0
    fails 2 E2003 "cannot be pruned to 0.001" -- "$FOVEA" prune "$model" --output x.safetensors --target-macs 0.001
    fails 2 E2003 "is called 'nothing*'" "the first is 'conv1'" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.5 --skip 'nothing*'
    fails 2 E2004 "3 are given" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.5 --target-macs 0.5 --target-ms 1
    fails 2 E2004 "this is the model to be pruned" -- "$FOVEA" prune x.safetensors --output ./x.safetensors --amount 0.5
    fails 2 E2004 "writes no model" -- "$FOVEA" prune "$model" --data "$digits" --sensitivity x --output x.safetensors
    fails 4 E4001 "no channel can be taken away" -- "$FOVEA" prune "$model" --output x.safetensors --amount 0.5 --skip '*'
    fails 4 E4001 "architecture without weights" -- "$FOVEA" prune lenet --output x.safetensors --amount 0.5
    [ ! -e x.safetensors ] || die "a file was left"
}

# Single weights: exactly so many zeros, a smaller file that every verb reads, and no word of speed but what is measured.
use_prune_weights() {
    code 0 "$FOVEA" prune "$model" --output half.safetensors --unstructured --amount 0.9 --data "$digits"
    prints "55323 of 61470 weights (90.00 %)" "to be faster takes a sparse kernel"
    grep -qE '^milliseconds +[0-9.e-]+ > [0-9.e-]+ ' out || die "no measured time"
    [ "$(wc -c <half.safetensors)" -lt 45000 ] || die "$(wc -c <half.safetensors) bytes"
    code 0 "$FOVEA" info half.safetensors --selftest
    code 0 "$FOVEA" eval --data "$digits" --split test --model half.safetensors
    code 0 "$FOVEA" convert half.safetensors --output copy.safetensors
    code 0 "$FOVEA" compare half.safetensors copy.safetensors --tolerance 0
    code 0 "$FOVEA" prune "$model" --output pattern.safetensors --unstructured --nm 2:4 --per-layer --json --skip fc3
    drive json zeros.1 <out >found
    [ "$(cat found)" -gt 29000 ] || die "$(cat found) zeros"
    fails 2 E2003 "--nm 4:2: expected N:M" "2:4" -- "$FOVEA" prune "$model" --output x.safetensors --unstructured --nm 4:2
    fails 2 E2003 "--nm two" -- "$FOVEA" prune "$model" --output x.safetensors --unstructured --nm two
    fails 2 E2003 "the last of their layer" -- "$FOVEA" prune "$model" --output x.safetensors --unstructured --amount 0.99999
    fails 2 E2004 "add --unstructured" -- "$FOVEA" prune "$model" --output x.safetensors --nm 2:4
    fails 2 E2004 "is about whole channels" -- "$FOVEA" prune "$model" --output x.safetensors --unstructured --target-macs 0.5
    fails 2 E2004 "--unstructured weights" -- "$FOVEA" prune "$model" --output x.safetensors --unstructured --structured --amount 0.5
    fails 4 E4001 "no multiple of M" -- "$FOVEA" prune "$model" --output x.safetensors --unstructured --nm 1:11
    [ ! -e x.safetensors ] || die "a file was left"
}

# A smaller model: an ordinary file, as near as its rank allows, and better for the command that is printed.
use_factorize() {
    code 0 "$FOVEA" factorize "$model" --output full.safetensors --rank 100000
    code 0 "$FOVEA" compare "$model" full.safetensors --tolerance 1e-5
    code 0 "$FOVEA" factorize "$model" --output small.safetensors --keep 0.4 --threads 1
    grep -qE '^fc1 +36 of 120 +0\.[0-9]+ +0\.[0-9]+ +48120 > 18840 ' out || die "fc1"
    grep -qE '^parameters +61706 > 23975 \(0\.389 of them\)$' out || die "the sum"
    command=$(sed -n 's/^fine-tune it *fovea //p' out)
    code 0 "$FOVEA" factorize "$model" --output again.safetensors --keep 0.4 --threads 2
    same small.safetensors again.safetensors
    code 0 "$FOVEA" info small.safetensors --selftest
    code 0 "$FOVEA" predict --model small.safetensors --data "$digits" --split test --limit 3
    code 0 "$FOVEA" eval --data "$digits" --split test --model small.safetensors --json
    drive json top1 <out >before
    # shellcheck disable=SC2086
    code 0 "$FOVEA" $(echo "$command" | sed "s|PATH|$digits|") --epochs 2 --experiment tuned
    code 0 "$FOVEA" eval --data "$digits" --split test --model runs/train/tuned/weights/last.safetensors --json
    drive json top1 <out >after
    awk -v a="$(cat before)" -v b="$(cat after)" 'BEGIN { exit !(b > a + 0.05) }' || die "fine-tuning did not help: $(cat before) $(cat after)"
    # Photographs in place of random inputs; a factored model factored once more.
    image=$(find "$photos" -name '*.jpg' -o -name '*.png' | head -n 1)
    code 0 "$FOVEA" factorize "$model" "$image" --output one.safetensors --method spatial --rank 3
    prints "on 1 image" "a matrix has no rows and columns of pixels: use svd"
    code 0 "$FOVEA" factorize small.safetensors --output smaller.safetensors --energy 0.9 --layers 'fc1*' --json
    drive json method <out >found
    equal "$(cat found)" svd
    code 0 "$FOVEA" info smaller.safetensors --selftest
    fails 2 E2001 "where does the smaller model go" "--output" -- "$FOVEA" factorize "$model"
    fails 2 E2001 "which model" -- "$FOVEA" factorize --output x.safetensors
    fails 2 E2004 "this is the model to be factored" -- "$FOVEA" factorize small.safetensors --output ./small.safetensors
    fails 2 E2004 "2 are given" -- "$FOVEA" factorize "$model" --output x.safetensors --rank 2 --keep 0.5
    fails 2 E2003 "--rank" -- "$FOVEA" factorize "$model" --output x.safetensors --rank 0
    fails 2 E2003 "is called 'nothing*'" "the first is 'conv1'" -- "$FOVEA" factorize "$model" --output x.safetensors --layers 'nothing*'
    fails 2 E2003 "is called 'nothing'" -- "$FOVEA" factorize "$model" --output x.safetensors --layers 'fc1,nothing'
    fails 2 E2003 "--output x.onnx: a model file (safetensors) is written" "end it with" -- "$FOVEA" factorize "$model" --output x.onnx
    echo mine >notes.txt
    fails 2 E2004 "--output notes.txt: exists already, and is not a model file" "--force" -- "$FOVEA" factorize "$model" --output notes.txt
    equal "$(cat notes.txt)" mine
    code 0 "$FOVEA" factorize "$model" --output notes.txt --force
    code 0 "$FOVEA" factorize "$model" --output larger.safetensors --rank 100000
    says "larger.safetensors: no smaller than $model: ask for less"
    fails 4 E4001 "no smaller" -- "$FOVEA" factorize "$model" --output x.safetensors --energy 1
    fails 4 E4001 "architecture without weights" -- "$FOVEA" factorize lenet --output x.safetensors
    fails 3 E3003 "no known kind of file" -- "$FOVEA" factorize "$model" small.safetensors --output x.safetensors
    [ ! -e x.safetensors ] || die "a file was left"
}

# Drawings: SVG into a file, DOT for Graphviz.
use_info_drawing() {
    code 0 "$FOVEA" info resnet18 --svg net.svg
    head -c 100 net.svg | grep -q '^<svg xmlns="http://www.w3.org/2000/svg" ' || die "no SVG"
    tail -n 1 net.svg | grep -q '^</svg>$' || die "the SVG does not end"
    grep -q '>layer4.1</text>' net.svg || die "no block is named"
    grep -q 'prefers-color-scheme:dark' net.svg || die "no dark form"
    code 0 "$FOVEA" info "$model" --dot
    prints 'digraph "lenet" {' '28x28x1'
    fails 2 E2004 "--dot and --svg print different things" -- "$FOVEA" info lenet --svg net.svg --dot
    code 0 "$FOVEA" info lenet --svg net.svg
    cp "$model" mine.safetensors
    fails 2 E2004 "mine.safetensors: exists already, and is not a drawing" "--force" -- "$FOVEA" info lenet --svg mine.safetensors
    same mine.safetensors "$model"
    code 0 "$FOVEA" info lenet --svg mine.safetensors --force
    fails 9 E9002 "--svg none/net.svg: there is no folder none" -- "$FOVEA" info lenet --svg none/net.svg
}

# Two and three 3x3 see what a 5x5 and a 7x7 see, for 18 and 27 in place of 25 and 49 times C^2.
use_info_of_stacks() {
    {
        printf 'input: [32, 32, 16]\nlayers:\n'
        for i in 1 2 3; do echo "  - conv2d: {filters: 16, kernel: 3, pad: 1, bias: false, name: c$i}"; done
        printf '  - flatten\n  - dense: {units: 2, name: fc}\n'
    } >stack.yaml
    sed '/c[12]}/d; s/kernel: 3, pad: 1/kernel: 7, pad: 3/' stack.yaml >window.yaml
    code 0 "$FOVEA" info stack.yaml
    equal "$(awk '$1 ~ /^c[123]$/ { print $4, $7 }' out | paste -sd' ')" "2304 3 2304 5 2304 7"
    code 0 "$FOVEA" info window.yaml
    equal "$(awk '$1 == "c3" { print $4, $7 }' out)" "$((49 * 16 * 16)) 7"
    code 0 "$FOVEA" info stack.yaml window.yaml --json
    for i in 0 1; do drive json networks.$i.macs <out; done >macs
    # Beside the output layer of 2 x 32 x 32 x 16.
    equal "$(paste -sd' ' macs)" "$((27 * 256 * 1024 + 32768)) $((49 * 256 * 1024 + 32768))"
}

# Integers in, floats out, of another tool: it is run alone, and its memory is told of for that.
use_info_of_what_is_run_alone() {
    net=${FOVEA_TEST_DATA:-$FOVEA_SOURCE_DIR/../shared/data}/foreign/tflite/fer/emotion_model_quantized.tflite
    [ -f "$net" ] || skip "no $net"
    code 0 "$FOVEA" info "$net"
    prints "training memory   none: it has an operator without a gradient" "inference memory  "
    code 0 "$FOVEA" info "$net" --json
    equal "$(drive json training_bytes <out)" 0
}
