# SPDX-License-Identifier: Apache-2.0
# fovea plan: what fits a device, what of a network to train, what a run takes.

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
    # By parameters, alone and together.
    code 0 "$FOVEA" plan --params 1e5 --flash 310K
    equal "$(fitting | cut -d' ' -f1 | paste -sd' ')" "ds_cnn resnet8 mnist_cnn lenet"
    grep -q '^  squeezenet1_1 .*--flash: .* above 310 KiB; --params: 1.24 M, above 100 k$' out || die "what squeezenet1_1 is too much for"
    fails 2 E2001 "for which data, or for which device" "--ram 320K" -- "$FOVEA" plan
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
    fails 2 E2001 "give --data" -- "$FOVEA" plan --from lenet
    fails 2 E2004 "--ram has no part in what of a trained network to train, which --from asks for" -- \
        "$FOVEA" plan --data "$digits" --from lenet-digits --ram 1M
    fails 2 E2004 "--int8 has no part in" -- "$FOVEA" plan --from lenet-digits --int8
    fails 2 E2004 "--epochs has no part in" -- "$FOVEA" plan --data "$digits" --from lenet-digits --epochs 3
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

use_plan_for_a_run() {
    code 0 "$FOVEA" plan --data "$digits" --model lenet --epochs 4 --batch-size 20 --probe 0.2 --price-per-hour 3.6 --output runs
    prints "600 training images of 10 classes, 120 for the test" "network     lenet at 28x28x1: 61.71 k parameters" \
        "memory " " in all: 4 epochs" "30 steps an epoch of " "steps that were timed" "at 3.6 an hour" \
        "detail " "and are told apart" "batch       20: as asked for" "dropout     none" "schedule    cosine: "
    # Nothing is left behind, and the command is one.
    [ ! -e runs ] || die "runs/ is left behind"
    sed -n 's/^    \(fovea train .*\)/\1/p' out | sed 's/--epochs 4/--epochs 1/' >command
    equal "$(cat command)" "fovea train --data $digits --model lenet --epochs 1 --output runs --batch-size 20 --sched cosine"
    eval "set -- $(cat command)"
    shift
    code 0 "$FOVEA" "$@"
    # The time is the sum of its parts; dropout follows from the last layer's weights and the images.
    code 0 "$FOVEA" plan -c runs/exp/args.yaml --epochs 3 --val-split 0.2 --probe 0.2 --price 1 --json --output other
    [ ! -e other ] || die "other/ is left behind"
    for key in time.epochs time.validations time.steps_per_epoch training_images validation_images; do
        drive json $key <out
    done | paste -sd' ' >n
    equal "$(cat n)" "3 3 24 480 120"
    for key in total_s open_s first_epoch_s epoch_s checkpoint_s validation_s scores_s cost; do drive json time.$key <out; done |
        paste -sd' ' >parts
    # The first validation may be slower than the others: it is scored once more at the end.
    awk '{ least = $2 + $3 + 2 * $4 + 3 * $5 + 2 * $6 + $7
           exit !($1 >= 0.99 * least && $1 <= 1.01 * least + $7 && $8 > 0.999 * $1 / 3600 && $8 < 1.001 * $1 / 3600) }' parts ||
        die "parts of the time: $(cat parts)"
    code 0 "$FOVEA" plan --data "$digits" --model alexnet --img-size 64 --in-chans 1 --probe 0
    prints "time        not measured" "dropout     0.45: the last layer has 40970 weights for 600 images, 68.3 for each"
    # Pictures as large as a stamp, enlarged; and a network that is too deep for them.
    code 0 "$FOVEA" plan --data "$photos" --model resnet18 --img-size 32 --probe 0
    prints "places of the last map are 16 pixels apart" "less pooling and stride, or a larger --img-size"
    code 0 "$FOVEA" plan --data "$digits" --model resnet8 --img-size 224x224 --in-chans 1 --probe 0 --json
    equal "$(drive json images.misfits <out | tr -d '" ')" "[narrow,empty]"
}

use_plan_for_a_run_refuses() {
    fails 2 E2001 "give --data" -- "$FOVEA" plan --probe 3
    fails 2 E2001 "give --data" -- "$FOVEA" plan --price-per-hour 1
    fails 2 E2004 "--ram has no part in what a run takes, which --data asks for" -- "$FOVEA" plan --data "$digits" --ram 1M
    fails 2 E2004 "--mixup has no part in which networks fit a device" -- "$FOVEA" plan --ram 1M --mixup 0.2
    fails 2 E2004 "without a probe there is no time" -- "$FOVEA" plan --data "$digits" --model lenet --probe 0 --price 1
    fails 2 E2004 "--resume: nothing goes on here" -- "$FOVEA" plan --data "$digits" --resume runs
    fails 2 E2003 "--probe: found '-1'" -- "$FOVEA" plan --data "$digits" --probe -1
    fails 9 E9002 "nowhere" -- "$FOVEA" plan --data nowhere
    fails 5 E5002 "its weights need" -- "$FOVEA" plan --data "$digits" --model vgg16 --img-size 64 --memory 100M
    [ ! -e runs ] || die "runs/ is left behind"
}
