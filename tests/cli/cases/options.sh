# SPDX-License-Identifier: Apache-2.0
# Flags, recipes and architecture files with mistakes in them.

row_38_misspelt_flag() {
    fails 2 E2002 "no option --epoch;" "did you mean --epochs?" -- "$FOVEA" train --data x --epoch 3
    fails 2 E2002 "did you mean --batch-size?" -- "$FOVEA" train --data x --batchsize=3
    fails 2 E2002 "no option --momentun" "did you mean --momentum?" -- "$FOVEA" train --data x momentun=0.9
    fails 2 E2002 "no option --topk" -- "$FOVEA" train --data x --topk 3
    fails 2 E2002 "no option -z" "fovea help train" -- "$FOVEA" train -z
    fails 2 E2002 "no option -vq" -- "$FOVEA" train -vq
    fails 2 E2002 "no verb 'trian'" "did you mean 'train'?" -- "$FOVEA" trian
    fails 2 E2002 "there is no architecture 'lennet'" "did you mean 'lenet'?" -- "$FOVEA" train --data "$digits" --model lennet
    fails 2 E2001 "unexpected word '$digits'" "--data PATH" -- "$FOVEA" train "$digits"
    fails 2 E2001 "--epochs needs a value" "--epochs N" -- "$FOVEA" train --data x --epochs
    absent runs
}

row_38_values_of_the_wrong_kind() {
    fails 2 E2003 "--epochs: found 'ten'" "a whole number from 1 to 1000000" -- "$FOVEA" train --data x epochs=ten
    fails 2 E2003 "--lr: found '-1'" "above 0" -- "$FOVEA" train --data x --lr -1
    fails 2 E2003 "--lr: found '0'" "above 0" -- "$FOVEA" train --data x --lr=0
    fails 2 E2003 "--lr: found 'nan'" "a number" -- "$FOVEA" train --data x --lr nan
    fails 2 E2003 "--batch-size: found 'none'" "or auto" -- "$FOVEA" train --data x batch=none
    fails 2 E2003 "--batch-size: found '3.5'" "a whole number" -- "$FOVEA" train --data x -b 3.5
    fails 2 E2003 "--batch-size: found '0'" "from 1" -- "$FOVEA" train --data x -b=0
    fails 2 E2003 "--opt: found 'adma'" "sgd, adam, adamw, rmsprop" "did you mean adam?" -- "$FOVEA" train --data x --opt adma
    fails 2 E2003 "--hflip: found 'maybe'" "a number from 0 to 1" -- "$FOVEA" train --data x --hflip=maybe
    fails 2 E2003 "--img-size: found 'axb'" "224x160" -- "$FOVEA" train --data x --img-size axb
    fails 2 E2003 "--img-size: found '0'" "16384" -- "$FOVEA" train --data x --img-size 0
    fails 2 E2003 "--memory: found 'lots'" "2G" -- "$FOVEA" train --data x --memory lots
    fails 2 E2003 "--memory: found '1k'" "1M or more" -- "$FOVEA" train --data x --memory 1k
    fails 2 E2003 "--shard-size: found '1'" "1k or more" -- "$FOVEA" data pack x --shard-size 1
    fails 2 E2003 "--seed: found '18446744073709551615'" "a whole number from 0 to 9000000000000000" -- \
        "$FOVEA" train --data x --seed 18446744073709551615
    fails 2 E2003 "--seed: found '0x10'" -- "$FOVEA" train --data x --seed 0x10
    fails 2 E2003 "--val: found '0x1p-1'" -- "$FOVEA" data split x --val 0x1p-1
    fails 2 E2003 "--memory: found '0x10M'" -- "$FOVEA" train --data x --memory 0x10M
    fails 2 E2003 "--mean: found '0.5,0X1'" -- "$FOVEA" train --data x --mean 0.5,0X1
    fails 2 E2003 "--memory: found 'nan'" -- "$FOVEA" train --data x --memory nan
    fails 2 E2003 "--memory: found '1e30G'" -- "$FOVEA" train --data x --memory 1e30G
    fails 2 E2003 "--mean: found '0.5,x'" "separated by commas" -- "$FOVEA" train --data x --mean 0.5,x
    fails 2 E2003 "--mean: found 'auto,1'" "or auto" -- "$FOVEA" train --data x --mean auto,1
    fails 2 E2003 "--clahe-tiles: found '65'" "from 1 to 64" -- "$FOVEA" train --data x --clahe-tiles 65
    fails 2 E2003 "--data: found ''" -- "$FOVEA" train --data ''
    fails 2 E2003 "--loss fooo" "softmax_cross_entropy" -- small_run --loss fooo
    fails 2 E2003 "--std: 2 values" "1 input channels" -- small_run --std 0.5,0.5
    absent runs
}

row_39_contradictions() {
    fails 2 E2004 "--clahe-tiles" "--contrast clahe" -- small_run --clahe-tiles 4
    fails 2 E2004 "--clahe-clip" "--contrast clahe" -- small_run --clahe-clip 4 --contrast equalize
    fails 2 E2004 "--mean" "--norm" -- small_run --norm dataset --mean auto
    fails 2 E2004 "the step pca (--pca-jitter)" "these have 1" -- small_run --pca-jitter 0.1
    fails 2 E2004 "--warmup-epochs 5" "--epochs 2" -- small_run --warmup-epochs 5
    fails 2 E2004 "--nesterov" "--opt sgd" -- small_run --nesterov --opt adam
    fails 2 E2004 "--momentum" "sgd, rmsprop, lars and muon" -- small_run --momentum 0.9 --opt adam
    fails 2 E2004 "--opt-alpha" "rmsprop" -- small_run --opt-alpha 0.5
    fails 2 E2004 "--opt-betas" "adam" -- small_run --opt-betas 0.8,0.9
    fails 2 E2004 "--decay-rate" "--sched step" -- small_run --decay-rate 0.5
    fails 2 E2004 "--label-smoothing" "softmax_cross_entropy" -- small_run --loss mse --label-smoothing 0.1
    fails 2 E2004 "--huber-delta" "--loss huber" -- small_run --huber-delta 2
    fails 2 E2004 "--warmup-lr" "--warmup-epochs" -- small_run --warmup-lr 0.01
    fails 2 E2004 "--partial" "--weights" -- small_run --partial
    fails 2 E2004 "--reset-head" "model file" -- small_run --reset-head
    fails 2 E2004 "--force" "--resume" -- small_run --force
    fails 2 E2004 "--mean" "--norm" -- small_run --norm unit --mean 0.5
    fails 2 E2004 "--img-size" "model file" -- "$FOVEA" train --data "$digits" --model "$model" --img-size 64
    fails 2 E2004 "--weights" "of its own" -- "$FOVEA" train --data "$digits" --model "$model" --weights "$model"
    fails 2 E2004 "--val-split 0.2" "val split of its own" -- "$FOVEA" train --data "$photos" --model lenet --val-split 0.2
    fails 2 E2004 "give images or --data, not both" -- "$FOVEA" predict --model "$model" --source x --data "$digits"
    # Where both can be, the command line wins over the recipe, and args.yaml says which it was.
    printf 'epochs: 7\nbatch-size: 60\n' >recipe.yaml
    code 0 "$FOVEA" train --data "$digits" --model lenet -c recipe.yaml --epochs 1
    grep -qx 'epochs: 1' runs/train/exp/args.yaml || die "the flag did not win"
    grep -qx 'batch-size: 60' runs/train/exp/args.yaml || die "the recipe was not read"
}

# A zero that was asked for is a zero, not "the default".
use_zeros_count() {
    code 0 small_run --momentum 0 --experiment zero
    code 0 small_run --experiment usual
    differ runs/train/zero/weights/last.safetensors runs/train/usual/weights/last.safetensors
    code 0 small_run --opt adam --lr 1e-3 --opt-betas 0,0.999 --experiment beta0
    code 0 small_run --opt adam --lr 1e-3 --experiment beta9
    differ runs/train/beta0/weights/last.safetensors runs/train/beta9/weights/last.safetensors
}

row_40_recipes() {
    recipe() {
        printf "$1" >recipe.yaml
        shift
        fails "$@" -- "$FOVEA" train --data "$digits" -c recipe.yaml
    }
    recipe 'model: lenet\n\tepochs: 3\n' 2 E2005 recipe.yaml:2:1 tab "indent with spaces"
    recipe 'model: lenet\nepochs: 3\nepochs: 4\n' 2 E2005 recipe.yaml:3:1 epochs "line 2"
    recipe 'model: lenet\nepoch: 3\n' 2 E2002 recipe.yaml:2: "no option epoch;" "did you mean epochs?"
    recipe 'model: lenet\nepochs: ten\n' 2 E2003 recipe.yaml:2:9 "found 'ten'" "a whole number from 1 to 1000000"
    recipe 'model: &a lenet\n' 2 E2005 recipe.yaml:1:8 anchors
    recipe 'model: !str lenet\n' 2 E2005 recipe.yaml:1:8 tags
    recipe 'model: lenet\n---\nepochs: 1\n' 2 E2005 recipe.yaml:2:1 documents
    recipe 'model: [lenet\n' 2 E2005 recipe.yaml:2:1
    recipe 'train:\n  epochs: 3\n' 2 E2003 recipe.yaml:2:3 "found a map"
    recipe 'opt: adma\n' 2 E2003 recipe.yaml:1:6 "did you mean adam?"
    recipe '{"model": "lenet", "epochs": }' 2 E2005 recipe.yaml:1:
    fails 9 E9002 "none.yaml" -- "$FOVEA" train --data "$digits" -c none.yaml
    absent runs
    # What Windows editors write is read.
    printf '\357\273\277model: lenet\r\nepochs: 1\r\nbatch_size: 60 # underscore\r\n' >bom.yaml
    code 0 "$FOVEA" train --data "$digits" -c bom.yaml --experiment yaml
    printf '{"model": "lenet", "epochs": 1, "batch-size": 60}' >recipe.json
    code 0 "$FOVEA" train --data "$digits" -c recipe.json --experiment json
    same runs/train/yaml/weights/last.safetensors runs/train/json/weights/last.safetensors
}

row_41_architectures() {
    layers() {
        printf "input: [28, 28, 1]\nlayers:\n$1" >net.yaml
        shift
        fails "$@" -- "$FOVEA" info net.yaml
        fails "$@" -- "$FOVEA" train --data "$digits" --model net.yaml
    }
    layers '  - conv2d: {filters: 8, kernel: 31, id: big}\n' 2 E2006 net.yaml:3: "'big'" 31x31 28x28 "smaller filter"
    layers '  - conv2d: {filters: 8, kernel: 3}\n  - conv2d: {filters: 9, kernel: 3, groups: 3}\n' \
        2 E2006 net.yaml:4: "groups=3 does not divide 8" "divides 8"
    layers '  - conv2d: {filters: 8, kernel: 3, id: x}\n  - max_pool2d: {size: 2, id: y}\n  - concat: {from: [x, y]}\n' \
        2 E2006 net.yaml:5: concat 26x26x8 13x13x8
    layers '  - conv2d: {filtres: 8, kernel: 3}\n' 2 E2002 net.yaml:3: "did you mean 'filters'?"
    layers '  - convv2d: {filters: 8}\n' 2 E2002 net.yaml:3: "did you mean 'conv2d'?"
    layers '  - conv2d: {filters: eight, kernel: 3}\n' 2 E2003 net.yaml:3: "expected an integer" eight
    absent runs
    printf 'input: [28, 28, 1]\nlayers:\n  - conv2d: {filters: 4, kernel: 5, activation: relu}\n  - max_pool2d: {size: 4}\n  - flatten\n  - dense: {units: 10}\n' >net.yaml
    code 0 "$FOVEA" info net.yaml
    prints "net" "10 classes"
    code 0 small_run --model net.yaml
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/exp/weights/best.safetensors --json
}

use_interpolation() {
    fails 2 E2003 "--interpolation: found 'bicubik'" "nearest" "did you mean bicubic?" -- "$FOVEA" train --data x --interpolation bicubik
    code 0 small_run --epochs 1 --interpolation lanczos --experiment sharp
    code 0 small_run --epochs 1 --experiment plain
    grep -aq '\\"filter\\":\\"lanczos\\"' runs/train/sharp/weights/last.safetensors || die "the model file does not name the filter"
    grep -aq '\\"filter\\":\\"bilinear\\"' runs/train/plain/weights/last.safetensors || die "the model file does not name the filter"
    # What a model was trained with stays when it is trained further.
    code 0 "$FOVEA" train --data "$digits" --model runs/train/sharp/weights/last.safetensors --epochs 1 --batch-size 60 --experiment more
    grep -aq '\\"filter\\":\\"lanczos\\"' runs/train/more/weights/last.safetensors || die "the filter was forgotten"
}

use_augmentation_flags() {
    set -- data show --data "$photos" --per-class 1 --augmented 1 --output s.png
    fails 2 E2003 "--scale: found 1 number, expected the smallest and the largest share" "write --scale 0.08,1" -- "$FOVEA" "$@" --scale 0.5
    fails 2 E2003 "--scale: found 3 numbers" -- "$FOVEA" "$@" --scale 0.1,0.5,1
    fails 2 E2003 "--ratio: found 3 numbers" -- "$FOVEA" "$@" --ratio 0.5,1,2
    fails 2 E2003 "--color-jitter: found 5 numbers" -- "$FOVEA" "$@" --color-jitter 0.1,0.1,0.1,0.1,0.1
    fails 2 E2003 "rotate: 'degrees' has no value" "write degrees=VALUE" -- "$FOVEA" "$@" --augment "rotate degrees"
    code 0 "$FOVEA" "$@" --augment "hflip p=1; mixup"
    says "mixup and cutmix mix the images of a batch, which this sheet does not show"
    # `none` takes a recipe's steps away.
    printf 'data: %s\nmodel: lenet\nepochs: 1\naugment: [hflip, noise]\n' "$photos" >r.yaml
    code 0 "$FOVEA" train -c r.yaml
    says "augmentation: hflip,noise"
    code 0 "$FOVEA" train -c r.yaml --augment none --experiment plain
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 1 --experiment without
    same runs/train/plain/weights/best.safetensors runs/train/without/weights/best.safetensors
    code 0 "$FOVEA" help augment
    prints "outside the image: constant, edge, reflect, wrap"
}
