# SPDX-License-Identifier: Apache-2.0
# fovea plan: what fits a device.

# The rows of the table of networks that fit: "NAME INPUT".
fitting() { sed -n '/^network /,/^$/p' out | sed 1d | awk 'NF { print $1, $2 }'; }

use_plan_for_a_device() {
    code 0 "$FOVEA" plan --ram 300K --flash 100K --ms 40 --gmacs 0.1 --int8
    prints "3 of " "networks fit" "99.85 % test_top1 of ds_cnn-digits" "1 byte for an element of a filter" "0.1 G multiply-adds"
    # Accuracy first: ds_cnn 99.85, mnist_cnn 99.26, lenet 99.20; resnet8 takes 125 ms.
    equal "$(fitting | cut -d' ' -f1 | paste -sd' ')" "ds_cnn mnist_cnn lenet"
    grep -q '^  resnet8 .*--ms: 125, above 40$' out || die "what resnet8 is too much for"
    grep -q '^  vgg16 .*--ram: [0-9.]* MiB of activations, above 300 KiB; --flash: [0-9]* MiB of weights, above 100 KiB; --ms: ' out ||
        die "what vgg16 is too much for"
    # Every network is told of once.
    equal "$(grep -cE '^ *(lenet|vgg16|resnet8|googlenet|mobilenet_v1_0.5) ' out)" 5
    code 0 "$FOVEA" plan --ram 300K --flash 100K --ms 40 --gmacs 0.1 --int8 --json
    drive json fitting <out >n
    drive json networks.0.name <out >>n
    drive json networks.0.macs <out >>n
    drive json networks.3.over.0 <out >>n
    equal "$(paste -sd' ' n)" "3 ds_cnn 2656768 flash"
    # float32: four times the weights; no time where none is asked for.
    code 0 "$FOVEA" plan --flash 100K
    equal "$(fitting | cut -d' ' -f1 | paste -sd' ')" "ds_cnn"
    silent_about "GFLOP/s" "--gmacs"
}

use_plan_for_a_device_at_a_size() {
    code 0 "$FOVEA" plan --flash 2M --ram 1M --img-size 64x48 --in-chans 1
    # What is known of trained networks is not known at another size.
    silent_about "top1"
    equal "$(fitting | cut -d' ' -f2 | sort -u)" 64x48x1
    equal "$(fitting | head -1 | cut -d" " -f1)" resnet32
    code 0 "$FOVEA" plan --flash 2M --img-size 8
    grep -q "^  lenet  *conv2d 'conv2': a 5x5 filter does not fit" out || die "lenet has no form of 8 pixels"
    # On this machine, measured.
    code 0 "$FOVEA" plan --ms 1e6 --img-size 64
    prints "GFLOP/s" "GB/s at most" "(measured)"
    fails 2 E2001 "for which device" "--ram 320K" -- "$FOVEA" plan
    fails 2 E2001 "unexpected word 'photos'" -- "$FOVEA" plan --ram 1M photos
    fails 2 E2003 "--ms: found '0', expected a number above 0" -- "$FOVEA" plan --ms 0
    fails 2 E2003 "--ram: found '10x'" -- "$FOVEA" plan --ram 10x
    fails 5 E5002 "limit" -- "$FOVEA" plan --ms 1 --memory 1M
}

# command CELL: the command that plan --json printed for a cell, with few epochs.
command_of() { drive json "cells.$1.command" <out | sed 's/--epochs [0-9]*/--epochs 1/; s/^"//; s/"$//'; }

use_plan_for_data() {
    code 0 "$FOVEA" plan --data "$digits" --from ds_cnn-digits --limit 100
    prints "600 images of 10 classes" "little (much from 200 on)" "similar data, little of them: a linear classifier on top" \
        " --standardize --C 0.1 --folds 5 --save classifier.safetensors" "--reset-head" "the other cells" \
        "because     a new last layer in the place of fc alone"
    # Photographs are no digits. What is printed for each cell is a command.
    code 0 "$FOVEA" plan --data "$photos" --from ds_cnn-digits --limit 24 --json
    equal "$(drive json cell <out)" stages
    equal "$(drive json likeness.similar <out)" false
    drive json command <out >chosen
    grep -qxF "$(cat chosen)" <<TEXT || die "what is chosen is of no cell"
$(for cell in 0 1 2 3; do drive json cells.$cell.command <out; done)
TEXT
    for cell in 0 1 2 3; do command_of $cell; done >commands
    equal "$(cut -d' ' -f2 commands | paste -sd' ')" "linear train linear train"
    while IFS= read -r line; do
        eval "set -- $line"
        shift
        rm -rf classifier.safetensors runs
        code 0 "$FOVEA" "$@"
        code 0 "$FOVEA" eval --data "$photos" --split val --model "$(find . -name best.safetensors -o -name classifier.safetensors)"
    done <commands
    # Weights of a network of ours, with and without its name.
    plant edit plain.safetensors from="$model"
    code 0 "$FOVEA" plan --data "$digits" --from lenet --weights plain.safetensors --limit 60 --json
    cp out named
    code 0 "$FOVEA" plan --data "$digits" --from plain.safetensors --limit 60 --json
    says "plain.safetensors: weights of lenet"
    same out named
    code 0 "$FOVEA" plan --data "$digits" --from lenet --weights plain.safetensors --img-size 28 --limit 60
    equal "$(grep -c '^ *fovea .* --img-size 28x28 ' out)" 4
}

use_plan_for_data_refuses() {
    fails 2 E2001 "give --from" -- "$FOVEA" plan --data "$digits"
    fails 2 E2001 "give --data" -- "$FOVEA" plan --from lenet
    fails 2 E2004 "--ram is about a device, --data about taking" -- "$FOVEA" plan --data "$digits" --from lenet-digits --ram 1M
    fails 2 E2004 "--int8 is about a device" -- "$FOVEA" plan --from lenet-digits --int8
    fails 4 E4001 "--from lenet is an architecture without weights" "--weights FILE" -- "$FOVEA" plan --data "$digits" --from lenet
    fails 4 E4003 "do not fit 'resnet8'" -- "$FOVEA" plan --data "$digits" --from resnet8 --weights "$model"
    plant edit drop.safetensors from="$model" drop=conv1.weight
    fails 4 E4003 "drop.safetensors: tensor 'conv1.weight' of lenet is not there" -- \
        "$FOVEA" plan --data "$digits" --from lenet --weights drop.safetensors
    fails 9 E9002 "nothing.safetensors" -- "$FOVEA" plan --data "$digits" --from nothing.safetensors
    fails 9 E9002 "nowhere" -- "$FOVEA" plan --data nowhere --from lenet-digits
    fails 3 E3004 "$digits: 0 of 10 classes have two or more of the 9 images looked at" "--limit" -- \
        "$FOVEA" plan --data "$digits" --from lenet-digits --limit 9
    plant classes one count=6 cat
    fails 3 E3001 "one: 1 class: expected two or more to tell apart" -- "$FOVEA" plan --data one --from lenet-digits
    plant classes each count=1 cat dog
    fails 3 E3004 "each: 0 of 2 classes have two or more of the 2 images" "give more images of each class" -- \
        "$FOVEA" plan --data each --from lenet-digits
    printf 'path,label\na.png,1.5\nb.png,2.5\n' >numbers.csv
    plant png a.png
    cp a.png b.png
    fails 2 E2004 "numbers.csv: linear classifiers tell classes apart" "of another kind (regress" -- "$FOVEA" plan --data numbers.csv --task regression --from lenet-digits
}
