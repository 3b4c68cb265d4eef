# SPDX-License-Identifier: Apache-2.0
# Weights and model files that do not fit, are damaged, or would be dangerous.

row_46_weights_of_another_architecture() {
    fails 4 E4003 "model.safetensors" "do not fit 'mnist_cnn'" "choose the architecture" -- \
        "$FOVEA" train --data "$digits" --model mnist_cnn --weights "$model"
    says "conv1.weight" "shape differs" "model 32x1x3x3, file 6x1x5x5" "missing" "not used" "tensors: 0 loaded"
    absent runs
    plant edit drop.safetensors from="$model" drop=conv1.weight
    fails 4 E4003 "drop.safetensors" "conv1.weight" "--partial" -- \
        "$FOVEA" train --data "$digits" --model lenet --weights drop.safetensors
    says "conv1.weight" "missing, starts anew" "something.else" "not used" "tensors: 9 loaded, 1 missing, 0 of another shape, 1 not used"
    absent runs
    code 0 "$FOVEA" train --data "$digits" --model lenet --weights drop.safetensors --partial --epochs 1 --batch-size 300
    says "tensors: 9 loaded, 1 missing"
    # Evaluation takes all or nothing.
    fails 4 E4003 "conv1.weight" -- "$FOVEA" eval --data "$digits" --model lenet --weights drop.safetensors
    plant edit plain.safetensors from="$model"
    code 0 "$FOVEA" eval --data "$digits" --model lenet --weights plain.safetensors --json
    drive json top1 <out >one
    code 0 "$FOVEA" eval --data "$digits" --model "$model" --json
    drive json top1 <out >two
    same one two
    fails 4 E4001 "plain.safetensors: weights only" "--weights plain.safetensors" -- "$FOVEA" eval --data "$digits" --model plain.safetensors
    fails 4 E4001 "lenet is an architecture without weights" "--weights" -- "$FOVEA" eval --data "$digits" --model lenet
    # Another number of classes is a new output layer, and said.
    code 0 "$FOVEA" train --data "$photos" --model lenet --weights plain.safetensors --epochs 1 --batch-size 12
    says "fc3.weight" "shape differs, starts anew: model 2x84, file 10x84" "tensors: 8 loaded, 0 missing, 2 of another shape, 0 not used"
}

row_48_nan_inside_weights() {
    for kind in nan inf; do
        plant edit $kind.safetensors from="$model" $kind=fc1.weight
        fails 4 E4005 "$kind.safetensors: tensor 'fc1.weight': element 2 is " -- \
            "$FOVEA" train --data "$digits" --model lenet --weights $kind.safetensors
        plant edit whole-$kind.safetensors from="$model" $kind=fc1.weight unsigned
        for verb in "eval --data $digits" "predict --source $digits" info "train --data $digits"; do
            fails 4 E4005 "whole-$kind.safetensors: tensor 'fc1.weight'" -- "$FOVEA" $verb --model whole-$kind.safetensors
        done
    done
    absent runs
}

# A pickle is read for its tensors, and nothing that it asks for is run.
row_49_pickle() {
    mkdir given
    printf '\200\002cposix\nsystem\nX\013\000\000\000touch owned\205R.' >given/model.pth
    printf '\200\004\214\010builtins\214\004eval\223X\003\000\000\0001+1\205R.' >given/model.th
    printf '\200\002c__main__\nNet\n)\201}b.' >given/whole.pt
    for row in model.pth:posix.system model.th:builtins.eval whole.pt:__main__.Net; do
        file=given/${row%%:*}
        unchanged given fails 4 E4006 "$file: " "pickle asks for ${row#*:}" "torch.save(model.state_dict()" -- "$FOVEA" eval --data "$digits" --model $file
        fails 4 E4006 "$file: " "never run" -- "$FOVEA" train --data "$digits" --model lenet --weights $file
    done
    printf 'PK\003\004 archive/data.pkl' >given/model.pt
    fails 4 E4002 "given/model.pt: " "zip archive" -- "$FOVEA" info --model given/model.pt
    absent runs owned
}

# What a file is that is given for a model is said, with a cure that fits it.
use_other_formats() {
    printf '\010\007\022\007pytorch' >model.onnx
    printf '\040\000\000\000TFL3xxxxxxxx' >model.tflite
    printf '{"metadata": {}}' >model.index
    printf '<!DOCTYPE html>' >page.safetensors
    plant png photo.png
    for row in 'model.onnx|an ONNX model|as the network, with --model' 'model.tflite|a TFLite model|as the network, with --model' \
        'model.index|JSON, and no index|give the .safetensors file' \
        'page.safetensors|a web page|fetch the file itself' 'photo.png|a PNG image|--source'; do
        file=${row%%|*}
        rest=${row#*|}
        fails 4 E4002 "$file: this is ${rest%|*}" "${rest#*|}" -- "$FOVEA" info --model "./$file"
        fails 4 E4002 "$file: this is ${rest%|*}" "${rest#*|}" -- "$FOVEA" train --data "$digits" --model lenet --weights "$file"
    done
}

# Weights in several files are read through their index, from its folder alone.
use_index_of_shards() {
    mkdir sharded
    plant edit sharded/part.safetensors from="$model" whole
    echo '{"metadata": {}, "weight_map": {"fc1.weight": "part.safetensors", "fc1.bias": "../x"}}' >sharded/out.index.json
    fails 4 E4002 "out.index.json" "weight_map names '../x'" -- "$FOVEA" info --model sharded/out.index.json
    echo '{"weight_map": {"nothing": "part.safetensors"}}' >sharded/lost.index.json
    fails 4 E4002 "tensor 'nothing' is not in part.safetensors" -- "$FOVEA" info --model sharded/lost.index.json
    echo '{"weight_map": {"fc1.weight": "absent.safetensors"}}' >sharded/absent.index.json
    fails 9 E9002 "absent.index.json: sharded/absent.safetensors" -- "$FOVEA" info --model sharded/absent.index.json
    plant edit sharded/one.safetensors from="$model" drop=conv1.weight
    plant edit sharded/two.safetensors from="$model"
    map='"conv1.weight": "two.safetensors"'
    for name in conv1.bias conv2.weight conv2.bias fc1.weight fc1.bias fc2.weight fc2.bias fc3.weight fc3.bias; do
        map="$map, \"$name\": \"one.safetensors\""
    done
    echo "{\"weight_map\": {$map}}" >sharded/all.index.json
    code 0 "$FOVEA" eval --data "$digits" --model lenet --weights sharded/all.index.json --json
    drive json top1 <out >one
    code 0 "$FOVEA" eval --data "$digits" --model lenet --weights sharded/two.safetensors --json
    drive json top1 <out >two
    same one two
}

row_52_malformed_safetensors() {
    malformed() {
        plant tensors $1.safetensors $1
        kind=$1
        shift
        for verb in "train --data $digits --model lenet --weights" "info lenet --weights" "eval --data $digits --model"; do
            fails 4 E4002 "$kind.safetensors" "$@" -- "$FOVEA" $verb $kind.safetensors
        done
    }
    malformed overlap "'a.weight' and 'b.weight' overlap"
    malformed hole "4 bytes before tensor 'b.weight' belong to no tensor"
    malformed duplicate '"a.weight"' duplicate
    malformed past-end "tensor 'a.weight' ends at byte 256 of 16"
    malformed dtype "tensor 'a.weight': unknown dtype 'Q99'"
    malformed shape "tensor 'a.weight': 4 bytes do not fit"
    malformed negative "tensor 'a.weight': dimension 0"
    malformed overflow "tensor 'a.weight'"
    malformed not-json "1:21"
    malformed huge-header "header of 200000000 bytes" "at most 100000000"
    : >empty.safetensors
    fails 4 E4002 "empty.safetensors: 0 bytes" -- "$FOVEA" info empty.safetensors
    fails 9 E9002 "none.safetensors: cannot open" -- "$FOVEA" info none.safetensors
    mkdir folder.safetensors
    fails 9 E9002 "folder.safetensors: a folder without weights/best.safetensors" -- "$FOVEA" info folder.safetensors
    echo '<!DOCTYPE html>' >page.safetensors
    fails 4 E4002 "a web page" -- "$FOVEA" info page.safetensors
}

use_selftest() {
    code 0 "$FOVEA" info --model "$model" --selftest
    prints "self-test: ok"
    cp "$model" moved.safetensors
    FOVEA_CPU=scalar code 0 "$FOVEA" info moved.safetensors --selftest
}

# Weights so large that a sound image ends in NaN: no answer, never a number.
use_answers_that_are_not_finite() {
    plant edit huge.safetensors from="$model" huge=conv1.weight unsigned
    plant png one.png h=28 w=28 grey
    printf 'one.png\nmissing.png\n' >list.txt
    wanted="model 'lenet' has no answer: what it computes for '0' is not finite (nan)"
    for words in "" "--tta flip"; do
        fails 7 E7001 "huge.safetensors: no finite answer for 1 of 1 images" "too large for float32" -- \
            "$FOVEA" predict --model huge.safetensors one.png $words
        says "one.png: $wanted"
        [ ! -s out ] || die "an answer"
    done
    fails 7 E7001 "no finite answer for 1 of 2 images" "too large for float32" -- "$FOVEA" predict --model huge.safetensors list.txt --json
    says "1 of 2 images could not be read"
    prints "{\"file\":\"one.png\",\"error\":\"one.png: $wanted\"}"
    fails 7 E7001 "no finite answer" -- "$FOVEA" predict --model huge.safetensors one.png --out csv
    prints "one.png,,,"
    for words in "" "--tta flip"; do
        fails 7 E7001 "huge.safetensors: what the model computes is not finite for " "samples, the first is " -- \
            "$FOVEA" eval --data "$digits" --model huge.safetensors --json $words
        [ ! -s out ] || die "a score"
    done
}

# Weights without names for their classes: matched by number, which is said, or by --classes.
use_weights_without_class_names() {
    printf 'input: [28, 28, 1]\nlayers:\n  - conv2d: {filters: 4, kernel: 5, activation: relu}\n  - max_pool2d: {size: 4}\n  - flatten\n  - dense: {units: 2}\n' >net.yaml
    "$FOVEA" train --data "$photos" --model net.yaml --epochs 3 --quiet >/dev/null
    best=runs/train/exp/weights/best.safetensors
    plant edit plain.safetensors from=$best
    code 0 "$FOVEA" eval --data "$photos" --model $best --out csv
    grep -v img_per_s out >wanted
    code 0 "$FOVEA" eval --data "$photos" --model net.yaml --weights plain.safetensors --out csv
    says "plain.safetensors: its classes have no names; taken to be numbered as the data's: cat, dog" "--classes FILE"
    grep -v img_per_s out >found
    same wanted found
    code 0 "$FOVEA" predict --data "$photos" --split val --model net.yaml --weights plain.safetensors
    prints "(label: cat; "
    says "its classes have no names"
    printf '\357\273\277dog\r\ncat\n\n' >names.txt
    code 0 "$FOVEA" eval --data "$photos" --model net.yaml --weights plain.safetensors --classes names.txt --json
    silent_about "no names"
    equal "$(drive json classes.0.class <out)" dog
    right=$(awk -F, '$1 == "top1" { print $5 }' wanted)
    equal "$(drive json top1 <out | awk -v t="$right" '{ d = $1 - (1 - t); print (d < 1e-9 && d > -1e-9) }')" 1
    plant png a.png grey
    code 0 "$FOVEA" predict --model net.yaml --weights plain.safetensors --classes names.txt a.png
    prints "dog " "cat "
    code 0 "$FOVEA" predict --model net.yaml --weights plain.safetensors a.png
    prints "0 " "1 "
    fails 2 E2004 "has names for its classes" "drop --classes" -- "$FOVEA" eval --data "$photos" --model $best --classes names.txt
    echo cat >names.txt
    fails 3 E3005 "names.txt: 1 names, but" "2 classes" -- "$FOVEA" eval --data "$photos" --model net.yaml --weights plain.safetensors --classes names.txt
    fails 9 E9002 "--classes none.txt" -- "$FOVEA" eval --data "$photos" --model net.yaml --weights plain.safetensors --classes none.txt
    # Another number of classes is no guess at all.
    plant edit ten.safetensors from="$model"
    fails 3 E3005 "ten.safetensors knows 10 classes, which have no names" "2 (cat, dog)" "--classes FILE" -- \
        "$FOVEA" eval --data "$photos" --model lenet --weights ten.safetensors
    # Several models: the others are numbered as the first.
    code 0 "$FOVEA" eval --data "$digits" --model lenet --weights ten.safetensors
    silent_about "no names" # the data's names are the numbers
}

# A run's folder stands for its best weights, for every verb.
use_run_folder_as_model() {
    "$FOVEA" train --data "$digits" --model lenet --epochs 1 --max-steps 2 --quiet --license "CC-BY-4.0" >/dev/null
    cp -r runs/train/exp lenet
    for name in runs/train/exp runs/train/exp/ runs/train/exp/weights ./lenet; do
        code 0 "$FOVEA" eval --data "$digits" --model $name
        says "--model $name: $name"
        prints "best.safetensors on"
        code 0 "$FOVEA" info $name
        prints "license           CC-BY-4.0"
        code 0 "$FOVEA" predict --data "$digits" --model $name --limit 1
        code 0 "$FOVEA" data check "$digits" --model $name
        code 0 "$FOVEA" train --data "$digits" --model $name --epochs 1 --max-steps 1 --experiment more
        code 0 "$FOVEA" eval --data "$digits" --model lenet --weights $name
    done
    # The license goes on with the weights.
    code 0 "$FOVEA" info runs/train/more --json
    equal "$(drive json license <out)" CC-BY-4.0
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/exp,runs/train/more
    says "an image is 2 runs"
    # The architecture is meant where a folder has its name.
    fails 4 E4001 "lenet is an architecture" -- "$FOVEA" eval --data "$digits" --model lenet
    rm runs/train/exp/weights/best.safetensors
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/exp
    prints "last.safetensors on"
    rm runs/train/exp/weights/last.safetensors
    fails 9 E9002 "--model runs/train/exp: a folder without weights/best.safetensors" -- "$FOVEA" eval --data "$digits" --model runs/train/exp
    fails 9 E9002 "--weights runs: a folder without" -- "$FOVEA" eval --data "$digits" --model lenet --weights runs
}

# A network of darknet is two files, which come together in every verb.
use_darknet_network() {
    darknet_network a
    code 0 "$FOVEA" info --model a.cfg --weights a.weights
    prints "conv_0"
    says "RGB / 255 of 28x28"
    code 0 "$FOVEA" info a.cfg --weights a.weights --json
    code 0 "$FOVEA" eval --data "$digits" --model a.cfg --weights a.weights
    code 0 "$FOVEA" predict --data "$digits" --limit 2 --model a.cfg --weights a.weights
    code 0 "$FOVEA" train --data "$digits" --model a.cfg --weights a.weights --epochs 1 --max-steps 2
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/exp
    # The names do not matter.
    cp a.cfg net.txt
    cp a.weights numbers.bin
    code 0 "$FOVEA" info --model ./net.txt --weights numbers.bin
    fails 4 E4001 "a.cfg" "--weights FILE.weights" -- "$FOVEA" info --model a.cfg
    fails 4 E4001 "a.weights" "--model FILE.cfg" -- "$FOVEA" eval --data "$digits" --model a.weights
    fails 4 E4001 "a.weights" "--model FILE.cfg" -- "$FOVEA" eval --data "$digits" --model lenet --weights a.weights
    head -c 96 a.weights >short.weights
    fails 4 E4002 "short.weights" "19 numbers" "need 20" -- "$FOVEA" eval --data "$digits" --model a.cfg --weights short.weights
    printf '[lstm]\noutput=3\n[gru]\n' >>a.cfg
    fails 4 E4001 "a.cfg" "line 13, [lstm]" "line 15, [gru]" -- "$FOVEA" info --model a.cfg --weights a.weights
    fails 2 E2004 "of its own" -- "$FOVEA" info --model "$model" --weights a.weights
    fails 9 E9002 "none.weights" -- "$FOVEA" info --model a.cfg --weights none.weights
}

# labels.txt beside a network: taken when it fits, and said; else the numbers stay.
use_labels_beside_a_network() {
    mkdir net
    darknet_network net/a
    named() { "$FOVEA" convert net/a.cfg --weights net/a.weights --output "$1"; }
    code 0 named none.safetensors
    says "classes have no names"
    for i in 0 1 2 3 4 5 6 7 8 9; do echo "$i digit $i"; done >net/labels.txt
    code 0 named ten.safetensors
    says "names of classes from net/labels.txt"
    plant classes photos count=1 cat dog
    code 0 "$FOVEA" predict --source photos/cat --model ten.safetensors
    prints ": digit " # without the numbers
    { printf '\357\273\277'; for i in a b c d e f g h i j; do printf '%s\r\n' $i; done; } >net/labels.txt
    code 0 named letters.safetensors
    code 0 "$FOVEA" info letters.safetensors --json
    code 0 named again.safetensors
    same letters.safetensors again.safetensors
    printf 'a\nb\n' >net/labels.txt
    code 0 named two.safetensors
    says "net/labels.txt: 2 names of classes, and the network has 10: not taken" "classes have no names"
    yes a | head -n 10 >net/labels.txt
    code 0 named twice.safetensors
    says "net/labels.txt" "classes have no names"
    head -c 2000000 /dev/zero >net/labels.txt
    code 0 named zeros.safetensors
    says "labels.txt" "classes have no names"
}

# TensorFlow Lite's: integers in and out as in the file, real numbers inside; labels beside it; all that is missing named.
use_tflite() {
    plant tflite .
    code 0 "$FOVEA" run net.tflite --input x.npy --output y.npz
    code 0 "$FOVEA" convert net.tflite --mean 0.5 --std 0.25 --output net.safetensors
    prints "TFLite" "parameters"
    code 0 "$FOVEA" run net.safetensors --input x.npy --output z.npz
    cmp -s y.npz z.npz || die "the converted network answers otherwise"
    code 0 "$FOVEA" info net.safetensors
    printf '0 ant\n1 bee\n2 cat\n' >labels.txt
    code 0 "$FOVEA" convert net.tflite --output named.safetensors
    grep -aq 'ant.*bee.*cat' named.safetensors || die "labels.txt is not taken"
    code 0 "$FOVEA" convert integers.tflite --output integers.safetensors
    prints "i8 in the file"
    code 0 "$FOVEA" run integers.tflite --input q.npy --output y.npz
    code 0 "$FOVEA" run integers.safetensors --input q.npy --output z.npz
    cmp -s y.npz z.npz || die "the converted integers answer otherwise"
    fails 4 E4001 "1 node" "RFFT2D 'more'" -- "$FOVEA" convert bad.tflite --output bad.safetensors
    absent bad.safetensors
    head -c 200 net.tflite >cut.tflite
    fails 4 E4002 "cut.tflite" -- "$FOVEA" info --model cut.tflite
}

# A network of Caffe is two files, or one; wrong ones say what they are.
use_caffe_network() {
    plant caffe .
    "$FOVEA" info --model a.prototxt --weights a.caffemodel 2>&1 | grep -q 'made without' && skip "a library is missing"
    code 0 "$FOVEA" convert a.prototxt --weights a.caffemodel --channel-order bgr --mean 0.5,0.25,0.125 --std 0.25 --output a.safetensors
    prints "Caffe" "(n c h w in the file)"
    code 0 "$FOVEA" convert --model a.prototxt --weights a.caffemodel --output b.safetensors
    says "blue, green, red"
    code 0 "$FOVEA" convert a.caffemodel --img-size 8x8 --output c.safetensors
    code 0 "$FOVEA" run a.prototxt --weights a.caffemodel --input x.npy --output y.npz
    for file in a b c; do
        code 0 "$FOVEA" run $file.safetensors --input x.npy --output $file.npz
        cmp -s y.npz $file.npz || die "$file answers otherwise"
    done
    plant png photo.png
    code 0 "$FOVEA" predict --source photo.png --model a.safetensors
    fails 4 E4001 "a.prototxt" "--weights FILE.caffemodel" -- "$FOVEA" info --model a.prototxt
    fails 4 E4001 "a.caffemodel" "--img-size" -- "$FOVEA" info --model a.caffemodel
    fails 4 E4002 "a.prototxt: it is no .caffemodel" -- "$FOVEA" info --model a.prototxt --weights a.prototxt
    fails 2 E2004 "of its own" -- "$FOVEA" info --model a.caffemodel --weights a.caffemodel
    fails 4 E4001 "a.caffemodel" "fovea convert" -- "$FOVEA" eval --data "$digits" --model lenet --weights a.caffemodel
    fails 2 E2004 "--channel-order" -- "$FOVEA" convert "$model" --channel-order bgr --output z.safetensors
    head -c 500 a.caffemodel >cut.caffemodel
    fails 4 E4002 "cut.caffemodel" "cut short" -- "$FOVEA" info --model a.prototxt --weights cut.caffemodel
    printf '\n\n <!DOCTYPE html>\n<html>' >page.caffemodel
    printf '<?xml version="1.0"?>\n<net name="x" version="11">' >net.caffemodel
    printf '\037\213\010\000\000\000\000\000\000\003' >zipped.caffemodel
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0' >pointer.caffemodel
    : >none.caffemodel
    for row in 'page|HTML' 'net|XML' 'zipped|gzip' 'pointer|Git LFS' 'none|empty'; do
        fails 4 E4002 "${row%|*}.caffemodel" "${row#*|}" -- "$FOVEA" convert ${row%|*}.caffemodel --output z.safetensors
        fails 4 E4002 "${row%|*}.caffemodel" "${row#*|}" -- "$FOVEA" info --model a.prototxt --weights ${row%|*}.caffemodel
    done
    printf 'layer { name: "p" type: "PriorBox" bottom: "fc" top: "p" }\nlayer { name: "q" type: "Convolutoin" bottom: "p" top: "q" }\n' >>a.prototxt
    fails 4 E4001 "2 nodes" "PriorBox 'p'" "Convolutoin 'q'" "nearest" -- "$FOVEA" info --model a.prototxt --weights a.caffemodel
    absent z.safetensors
}

# Two networks on one input: equal ones, one with a weight changed, others that do not fit.
use_compare() {
    plant edit plain.safetensors from="$model"
    plant edit changed.safetensors from="$model" one=conv2.weight
    plant edit short.safetensors from="$model" bf16
    code 0 "$FOVEA" compare "$model" "$model" --layers
    prints "random numbers (seed 0)" "equal" "conv2"
    silent_about "in $model alone"
    code 0 "$FOVEA" compare "$model" lenet --weights ,plain.safetensors --layers --json
    [ "$(drive json equal <out)" = true ] || die "the same weights differ"
    [ "$(drive json first_bad_layer <out)" = null ] || die "a layer differs"
    fails 8 E8001 "output 'fc3'" "--layers" -- "$FOVEA" compare "$model" lenet --weights ,changed.safetensors
    fails 8 E8001 "more than --tolerance" -- "$FOVEA" compare "$model" lenet --weights ,changed.safetensors --layers
    prints "the first layer that differs: conv2"
    code 0 "$FOVEA" compare "$model" lenet --weights ,changed.safetensors --tolerance 100
    fails 8 E8001 "more than" -- "$FOVEA" compare lenet "$model" --weights short.safetensors --seed 3
    prints "seed 3" "dB"
    code 0 "$FOVEA" compare lenet "$model" --weights short.safetensors --tolerance 0.05
    plant png photo.png
    code 0 "$FOVEA" compare "$model" "$model" photo.png photo.png
    prints "2 images"
    plant caffe .
    "$FOVEA" info --model a.prototxt --weights a.caffemodel 2>&1 | grep -q 'made without' && return
    code 0 "$FOVEA" convert a.prototxt --weights a.caffemodel --output a.safetensors
    says "fused and reference loops"
    code 0 "$FOVEA" compare a.prototxt a.safetensors --weights a.caffemodel --input x.npy --layers
    prints "the arrays of --input" "conv"
    fails 4 E4003 "takes" -- "$FOVEA" compare "$model" a.safetensors
    fails 2 E2004 "images and --input" -- "$FOVEA" compare a.safetensors a.safetensors photo.png --input x.npy
    fails 4 E4001 "without weights" "--weights" -- "$FOVEA" compare lenet "$model"
    fails 9 E9002 "none.npy" -- "$FOVEA" compare a.safetensors a.safetensors --input none.npy
    fails 2 E2001 "which two models" -- "$FOVEA" compare "$model"
}

# What a file leaves open, its batch and the size of its images, is that of the array that is given.
use_run_takes_sizes_from_the_input() {
    plant onnx .
    ! "$FOVEA" run net.onnx --input x.npy --output y.npz 2>&1 | grep -q 'made without\|without libzip' || skip "a library is missing"
    code 0 "$FOVEA" run open.onnx --input x.npy --output y.npz
    says "map: f32 2x4x6x6"
    code 0 "$FOVEA" run open.onnx --input image=wide.npy --output y.npz
    says "map: f32 3x4x4x8"
    code 0 "$FOVEA" run open.onnx --input wide.npy --output y.npz --img-size 6x10
    says "map: f32 3x4x4x8"
    code 0 "$FOVEA" run open.onnx --input last.npy --output y.npz --layout nhwc
    says "map: f32 1x3x7x4"
    fails 4 E4001 "input 'image': dimension 2 is left open by the file, and no array is given for this input" "--input image=FILE" -- \
        "$FOVEA" run open.onnx --input picture=wide.npy --output y.npz
    fails 4 E4001 "open.onnx: input 'image' has 4 dimensions, the array that it is given has 3" -- \
        "$FOVEA" run open.onnx --input rows.npy --output y.npz
    fails 2 E2006 "3x3x6x10" -- "$FOVEA" run open.onnx --input wide.npy --output y.npz --img-size 8x8
    fails 4 E4001 "how large an image is" "--img-size" -- "$FOVEA" convert open.onnx --mean 0.5 --std 0.25 --output z.safetensors
}

# A network of another tool becomes one model file, and raw arrays go through either with the same answers.
use_convert_and_run() {
    plant onnx .
    ! "$FOVEA" run net.onnx --input x.npy --output y.npz 2>&1 | grep -q 'made without\|without libzip' || skip "a library is missing"
    code 0 "$FOVEA" run net.onnx --input x.npy --output y.npz
    code 0 "$FOVEA" convert net.onnx --classes names.txt --mean 0.5 --std 0.25 --output net.safetensors
    prints "ONNX" "parameters"
    code 0 "$FOVEA" run net.safetensors --input x.npy --output z.npz
    cmp -s y.npz z.npz || die "the converted network answers otherwise"
    code 0 "$FOVEA" run net.onnx --input x.npy --output nhwc.npz --layout nchw
    cmp -s y.npz nhwc.npz || die "channels first is the file's own layout"
    code 0 "$FOVEA" info net.safetensors --json
    fails 2 E2004 "net.onnx: this is the file to be converted" "--output" -- "$FOVEA" convert net.onnx --output net.onnx
    fails 9 E9002 "absent.npy" -- "$FOVEA" run net.onnx --input absent.npy --output y.npz
    head -c 300 net.onnx >cut.onnx
    fails 4 E4002 "cut.onnx" -- "$FOVEA" convert cut.onnx --output cut.safetensors
    absent cut.safetensors
    # As one that slides over larger images.
    code 0 "$FOVEA" convert net.onnx --fully-conv --output one.safetensors
    prints "output probabilities: f32 1x1x1x5"
    code 0 "$FOVEA" run one.safetensors --input x.npy --output one.npz
    code 0 "$FOVEA" convert net.safetensors --fully-conv --img-size 12x16 --output wide.safetensors
    prints "output probabilities: f32 1x3x5x5"
    # What PyTorch's exporters write is trained on.
    for net in inception_kept13 mobile_dynamo18; do
        code 0 "$FOVEA" train --data "$digits" --model "$FOVEA_SOURCE_DIR/tests/golden/onnx/$net.onnx" --max-steps 2 --experiment $net
        code 0 "$FOVEA" eval --data "$digits" --model runs/train/$net
    done
    # A network by its name: built for the array.
    plant edit plain.safetensors from="$model"
    code 0 "$FOVEA" convert --model lenet --weights plain.safetensors --output lenet.safetensors
    { printf '\223NUMPY\1\0\166\0' && printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 28, 28, 1), }" &&
        head -c 3136 /dev/zero; } >digit.npy
    code 0 "$FOVEA" run lenet.safetensors --input digit.npy --output file.npz
    code 0 "$FOVEA" run lenet --weights plain.safetensors --input digit.npy --output name.npz
    code 0 "$FOVEA" run --model lenet --weights plain.safetensors --input digit.npy --layout nhwc --output again.npz
    { cmp -s file.npz name.npz && cmp -s file.npz again.npz; } || die "the network by its name answers otherwise"
    fails 4 E4001 "lenet is an architecture without weights" "--weights" -- "$FOVEA" run lenet --input digit.npy --output y.npz
    code 0 "$FOVEA" eval --data "$digits" --model lenet.safetensors --json
}

# A file of Keras is a network with weights, and so it is refused: what it holds that cannot be had, and what is wrong.
use_keras_network() {
    plant keras .
    code 0 "$FOVEA" convert net.h5 --output net.safetensors
    prints "Keras, 61 parameters" "output d"
    printf '0 ant\n1 honey bee\n2 cat\n3 3\n' >numbered.txt
    printf '0 ant\n2 bee\n2 cat\n3 dog\n' >plain.txt
    code 0 "$FOVEA" convert net.h5 --output half.safetensors --mean 0.5 --std 0.5 --classes numbered.txt
    code 0 "$FOVEA" convert net.h5 --output plain.safetensors --classes plain.txt
    code 0 "$FOVEA" info half.safetensors
    grep -q '"honey bee' half.safetensors && ! grep -q '1 honey bee' half.safetensors || die "numbers in front of names stayed"
    grep -q '2 bee' plain.safetensors || die "a name lost its number"
    if "$FOVEA" run net.h5 --input x.npy --output y.npz; then # NPZ needs libzip to be read, not to be written
        code 0 "$FOVEA" run net.safetensors --input x.npy --output z.npz
        cmp -s y.npz z.npz || die "the converted network answers otherwise"
    fi
    # Layers of names with slashes: the last one is its kernel and its bias.
    code 0 "$FOVEA" info net.h5 --lr 0.1 --freeze -1
    equal "$(sed -n '/^tensor /,$p' out | awk 'NF == 3 && $3 != "frozen" { print $1, $3 }' | paste -sd' ')" "d/kernel 0.1 d/bias 0.1"
    code 0 "$FOVEA" info net.h5 --lr 0.1 --lr-mult 'b=0.5'
    equal "$(awk '$3 == 0.05 { print $1 }' out | paste -sd' ')" "b/gamma b/beta"
    fails 4 E4001 "lambda.h5" "2 nodes" "Lambda 'f'" "never run" "ReLX 'r'" "nearest that is: ReLU" -- "$FOVEA" convert lambda.h5 --output no.safetensors
    fails 4 E4002 "wide.h5" "units is 5" -- "$FOVEA" info --model wide.h5
    fails 4 E4002 "json.h5" "model_config" -- "$FOVEA" info --model json.h5
    fails 4 E4002 "lost.h5" "'kernel'" "Conv2D 'c'" -- "$FOVEA" info --model lost.h5
    fails 4 E4001 "weights.h5" "weights alone" "--model NAME" -- "$FOVEA" info --model weights.h5
    fails 4 E4003 "weights.h5" "do not fit" -- "$FOVEA" eval --data "$digits" --model lenet --weights weights.h5
    for bytes in 8 60 200 2000; do
        head -c $bytes net.h5 >cut.h5
        fails 4 E4002 "cut.h5" "cut short" -- "$FOVEA" info --model cut.h5
        fails 4 E4002 "cut.h5" "cut short" -- "$FOVEA" eval --data "$digits" --model lenet --weights cut.h5
    done
    absent no.safetensors
    # What is there and no earlier model stays; a name says no other form.
    echo mine >notes.txt
    fails 2 E2004 "--output notes.txt: exists already, and is not a model file" "--force" -- "$FOVEA" convert net.h5 --output notes.txt
    equal "$(cat notes.txt)" mine
    code 0 "$FOVEA" convert net.h5 --output net.safetensors
    fails 2 E2003 "--output other.onnx: a model file (safetensors) is written" -- "$FOVEA" convert net.h5 --output other.onnx
    absent other.onnx
}

# Auxiliary heads: trained, told, kept in files, and no part of inference; --no-aux leaves them out.
use_aux_heads() {
    code 0 "$FOVEA" info googlenet
    prints "parameters        13004888 " "multiply-adds     1498.38 M" "auxiliary heads   aux1.fc2 (0.3), aux2.fc2 (0.3), of 6379984 of these parameters"
    code 0 "$FOVEA" info googlenet --no-aux
    prints "parameters        6624904 " "multiply-adds     1498.38 M"
    if grep -q "auxiliary heads\|aux1" out; then die "the heads are still there"; fi
    code 0 "$FOVEA" info inception_v3 --json
    prints '"parameters":27161264,"macs":5713216' '"aux_heads":[{"name":"AuxLogits.fc","weight":0.4' '"aux_parameters":3326696'
    fails 2 E2004 "--no-aux has no effect here: lenet has no auxiliary heads" -- "$FOVEA" info lenet --no-aux
    cat >net.yaml <<'EOF'
input: [28, 28, 1]
layers:
  - conv2d: {filters: 4, kernel: 5, stride: 2, activation: relu, name: conv1}
  - aux: 0.5
    name: side
    layers: [global_avg_pool, flatten, {dense: {units: 10, name: fc}}]
  - flatten
  - dense: {units: 10, name: fc}
EOF
    code 0 "$FOVEA" train --data "$digits" --model net.yaml --max-steps 2 -b 8 --experiment with
    says "auxiliary heads: side.fc (0.5): their losses are added by these weights; what is told is the output's loss alone"
    code 0 "$FOVEA" train --data "$digits" --model net.yaml --no-aux --max-steps 2 -b 8 --experiment without
    silent_about "auxiliary heads"
    with=runs/train/with/weights/last.safetensors without=runs/train/without/weights/last.safetensors
    code 0 "$FOVEA" info "$with"
    prints "auxiliary heads   side.fc (0.5)"
    code 0 "$FOVEA" eval --data "$digits" --split test --model "$with" --json
    # A run without heads goes on without them, one with them cannot.
    code 0 "$FOVEA" train --resume runs/train/without --max-steps 4
    fails 2 E2004 "--no-aux was 'false', now 'true'" -- "$FOVEA" train --resume runs/train/with --no-aux --max-steps 4
    code 0 "$FOVEA" train --resume runs/train/with --max-steps 4
    # Weights from one to the other, and what becomes of the heads is told.
    code 0 "$FOVEA" train --data "$digits" --model net.yaml --weights "$without" --max-steps 1 -b 8 --experiment from
    says "2 tensors of auxiliary heads are not in the file: they start anew" "tensors: 4 loaded, 0 missing"
    code 0 "$FOVEA" train --data "$digits" --model net.yaml --no-aux --weights "$with" --max-steps 1 -b 8 --experiment to
    says "side.fc.weight " "not used" "tensors: 4 loaded, 0 missing"
    # Files: with heads as they are, without where it is asked for, or where there is nothing to keep.
    code 0 "$FOVEA" convert "$with" --output kept.safetensors
    prints "auxiliary heads: side.fc (0.5), for training alone (--no-aux leaves them out)"
    code 0 "$FOVEA" convert "$with" --output small.safetensors --no-aux
    code 0 "$FOVEA" compare "$with" small.safetensors --layers
    [ "$(wc -c <small.safetensors)" -lt "$(wc -c <kept.safetensors)" ] || die "the file without heads is not smaller"
    code 0 "$FOVEA" info small.safetensors --selftest
    fails 2 E2004 "small.safetensors has no auxiliary heads" -- "$FOVEA" convert small.safetensors --output x.safetensors --no-aux
    code 0 "$FOVEA" convert --model net.yaml --weights "$without" --output bare.safetensors
    says "without auxiliary heads: left out"
    code 0 "$FOVEA" info bare.safetensors
    if grep -q "auxiliary heads" out; then die "heads of nothing"; fi
    # Other classes go for the heads too.
    code 0 "$FOVEA" train --data "$photos" --model "$with" --reset-head --max-steps 1 -b 4 --experiment two
    code 0 "$FOVEA" info runs/train/two/weights/last.safetensors
    grep -qE "^side.fc +dense +2 .* training$" out || die "the head has not the classes of the data"
}

# A dot in an architecture's name makes no file of it: what depends on that is as for other names.
use_architectures_with_a_dot() {
    code 0 "$FOVEA" train --data "$digits" --model mobilenet_v1_0.25 --img-size 32 --max-steps 1 -b 8 --experiment quarter
    says "recipe: sgd, lr 0.1, " ", 100 epochs"
    silent_about "(fine-tuning)"
    code 0 "$FOVEA" train --data "$digits" --model mobilenet_v1_0.25 --img-size 32 --init he_normal --max-steps 1 -b 8 --experiment init
    fails 2 E2004 "--reset-head" "model file" -- "$FOVEA" train --data "$digits" --model mobilenet_v1_0.5 --reset-head
    fails 9 E9002 "mobilenet_v1_0.24" -- "$FOVEA" train --data "$digits" --model mobilenet_v1_0.24 --max-steps 1
    mkdir mobilenet_v1_0.25
    code 0 "$FOVEA" info mobilenet_v1_0.25
}

# The card of every way to make a model: data, license, metrics, day; kept where they hold, gone where they do not.
use_model_cards() {
    told() { "$FOVEA" info "$1" | grep -E '^(trained on|license|metrics|date) ' | sed 's/  */ /g' >card; }
    card() {
        told "$1"
        grep -qF -e "$2" card || die "$1: the card lacks: $2: $(cat card)"
    }
    code 0 small_run --epochs 1 --license CC0-1.0 --date 2026-01-02 --experiment first
    first=runs/train/first/weights/best.safetensors
    equal "$(told $first && cut -d' ' -f1-2 card | tr '\n' ';')" "trained on;license CC0-1.0;metrics train_loss;date 2026-01-02;"
    # Trained further: the old day and figures are gone, the terms stay, and what it had seen before is said.
    code 0 "$FOVEA" train --data "$digits" --model $first --epochs 1 --experiment second
    second=runs/train/second/weights/best.safetensors
    card $second "trained on 600 images of 10 classes; before that 600 images of 10 classes"
    card $second "license CC0-1.0"
    card $second "date not said (--date)"
    code 0 "$FOVEA" train --data "$photos" --in-chans 1 --img-size 28 --model $first --reset-head --data-name "two kinds" --license MIT --date 2026-02-03 --epochs 1 --experiment third
    card runs/train/third/weights/best.safetensors "trained on two kinds"
    card runs/train/third/weights/best.safetensors "license MIT"
    card runs/train/third/weights/best.safetensors "date 2026-02-03"
    # The same, resumed and again.
    code 0 "$FOVEA" train --data "$digits" --model $first --epochs 1 --experiment again
    same $second runs/train/again/weights/best.safetensors
    # What is made of it.
    code 0 "$FOVEA" factorize $second --keep 0.9 --output factored.safetensors
    card factored.safetensors "metrics before it was factorized: train_loss"
    card factored.safetensors "before that 600 images"
    code 0 "$FOVEA" linear --data "$digits" --model $first --layer fc2 --save linear.safetensors --date 2026-03-04
    card linear.safetensors "trained on 600 images of 10 classes; before that 600 images of 10 classes"
    card linear.safetensors "license CC0-1.0"
    card linear.safetensors "over 5 folds"
    card linear.safetensors "date 2026-03-04"
    code 0 "$FOVEA" convert $first --output other.safetensors --license Apache-2.0
    card other.safetensors "license Apache-2.0"
    card other.safetensors "date 2026-01-02"
    # As Markdown, and for programs.
    code 0 "$FOVEA" info $second --card
    equal "$(head -n 1 out)" "# lenet"
    prints "| license | CC0-1.0 |" "| date | not said |" "| input | 28 x 28 pixels, 1 channel |" "## Classes" "fovea predict --model $second"
    code 0 "$FOVEA" info $second --json
    prints '"license":"CC0-1.0"' '"date":null'
    fails 2 E2004 "--card: lenet is an architecture" -- "$FOVEA" info lenet --card
    fails 2 E2004 "print different things" -- "$FOVEA" info $second --card --graph
    code 0 "$FOVEA" info lenet
    silent_about "not said"
}
