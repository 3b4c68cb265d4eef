# SPDX-License-Identifier: Apache-2.0
# Faults of training itself.

row_54_diverged() {
    diverge() { small_run --lr 1e6 --momentum 0 --experiment bad; }
    fails 7 E7001 "epoch 1 step " "is not finite" "first bad layer: " "batch: train-images-idx3-ubyte[" "--lr " -- diverge
    says "try --lr 1e+05 or --warmup-epochs 1"
    # Rates in hints are round, and of the run, not of the moment: warm-up begins at 0, which is none.
    odd() { small_run --lr 987654 --momentum 0 --warmup-epochs 1 --warmup-lr 99999 --experiment odd; }
    fails 7 E7001 "before this step; try --lr 9.9e+04" -- odd
    silent_about "warmup-epochs 1"
    code 0 small_run --epochs 3 --lr 1.23456e-9 --momentum 0 --experiment slow
    says "may be too low; try --lr 1.2e-08"
    grep 'first bad layer: unknown' err >/dev/null && die "the layer was not found"
    absent runs/train/bad/weights/last.safetensors runs/train/bad/weights/last.state
    drive json ev <runs/train/bad/events.jsonl | tail -n 1 >last
    equal "$(cat last)" end
    # Checkpoints of a run that went well so far stay as they were.
    code 0 small_run --experiment good --sched constant
    cp -r runs/train/good before
    later() { "$FOVEA" train --data "$digits" --model lenet --epochs 9 --batch-size 60 --lr 1e6 --sched constant --resume auto --experiment good --force; }
    fails 7 E7001 "epoch 3 step " "weights and checkpoints are those before this step" -- later
    for file in best.safetensors last.safetensors last.state; do
        same runs/train/good/weights/$file before/weights/$file
    done
    no_leftovers runs
    # Images are named by their files.
    photos_diverge() { "$FOVEA" train --data "$photos" --model lenet --epochs 9 --batch-size 6 --lr 1e6; }
    fails 7 E7001 "batch: train/" ".jpg, train/" -- photos_diverge
}

row_61_monitor_without_val_set() {
    for metric in val_top1 val_loss val_top5; do
        fails 2 E2004 "--monitor $metric: there is no validation set" "--val-split 0.2" "train_loss" -- small_run --monitor $metric
    done
    fails 2 E2003 "--monitor val_topp" "did you mean val_top1?" -- small_run --monitor val_topp
    fails 2 E2003 "--monitor zzz" "train_loss, train_top1, val_loss, val_top1, val_top5" -- small_run --monitor zzz
    absent runs
    code 0 small_run --monitor train_top1
    code 0 small_run --monitor val_loss --val-split 0.2
}

row_62_restore_best_at_the_last_epoch() {
    # A step schedule that ruins the end: the best epoch is not the last one, and no early stop happens.
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 6 --batch-size 20 --lr 0.3 --val-split 0.2 --sched constant \
        --restore-best --experiment r
    best=$(awk -F, 'NR > 1 && $8 > top { top = $8; best = $1 } END { print best }' runs/train/r/results.csv)
    prints "best: epoch $best, val_top1"
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/r/weights/best.safetensors --val-split 0.2 --split val --json
    drive json top1 <out >found
    equal "$(printf '%.6g' "$(cat found)")" "$(awk -F, -v b="$best" '$1 == b { print $8 }' runs/train/r/results.csv)"
    [ "$best" != 6 ] || die "the last epoch is the best: the test shows nothing"
    # last.safetensors is the model the run ended with: the best one.
    same runs/train/r/weights/best.safetensors runs/train/r/weights/last.safetensors
}

use_clipping_and_average() {
    # Steps of almost nothing: the weights hardly leave where they began.
    code 0 small_run --lr 0.2 --wd 0 --clip-grad 1e-12 --experiment still
    code 0 small_run --lr 0.2 --wd 0 --clip-value 1e-12 --experiment still2
    code 0 small_run --lr 0.2 --wd 0 --experiment free
    loss() { tail -n 1 "runs/train/$1/results.csv" | cut -d, -f5; }
    for run in still still2; do
        awk -v a="$(loss $run)" -v b="$(loss free)" 'BEGIN { exit !(a > b + 0.1) }' || die "$run: $(loss $run), without: $(loss free)"
    done
    fails 2 E2003 "--clip-grad" -- small_run --clip-grad -1
    absent runs/train/free/weights/ema.safetensors
    code 0 small_run --model-ema --model-ema-decay 0 --experiment follow
    code 0 small_run --model-ema --experiment slow
    # An average that keeps nothing is the model; one that keeps nearly everything is another.
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/follow/weights/ema.safetensors --json
    drive json loss <out >followed
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/follow/weights/last.safetensors --json
    drive json loss <out >last
    same followed last
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/slow/weights/ema.safetensors --json
    drive json loss <out >slow
    [ "$(cat slow)" != "$(cat last)" ] || die "the average is the model"
    fails 2 E2004 "--model-ema-decay" "it needs --model-ema" -- small_run --model-ema-decay 0.9
}

use_early_stopping() {
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 50 --batch-size 60 --lr 1e-9 --val-split 0.2 --patience 2 \
        --monitor val_top1 --min-delta 0.5
    equal "$(tail -n 1 runs/train/exp/results.csv | cut -d, -f1)" 3
    says "early stopping"
}

# Measured mean and deviation, under either name, and again from the recipe that was written.
use_measured_mean() {
    code 0 small_run --norm dataset --experiment norm
    code 0 small_run --mean auto --std auto --experiment auto
    says "measured: mean 0."
    same runs/train/norm/weights/last.safetensors runs/train/auto/weights/last.safetensors
    grep -q '^mean: auto$' runs/train/auto/args.yaml || die "the recipe does not say auto"
    code 0 "$FOVEA" train -c runs/train/auto/args.yaml --experiment again
    same runs/train/auto/weights/last.safetensors runs/train/again/weights/last.safetensors
    code 0 small_run --mean auto --std 0.25 --experiment half
    differ runs/train/half/weights/last.safetensors runs/train/auto/weights/last.safetensors
    code 0 small_run --mean 0.1,0.1,0.1 --std auto --in-chans 3 --experiment three
}

# The tiles and the limit of CLAHE belong to the model, so that use does what training did.
use_clahe_of_the_pipeline() {
    code 0 small_run --contrast clahe --experiment usual
    code 0 small_run --contrast clahe --clahe-tiles 8 --clahe-clip 2 --experiment same
    code 0 small_run --contrast clahe --clahe-tiles 4x2 --clahe-clip 3.5 --experiment other
    grep -aq 'clahe.":.4,2,3.5.' runs/train/other/weights/last.safetensors || die "the model does not have them"
    for run in usual same other; do
        code 0 "$FOVEA" eval --data "$digits" --split test --model runs/train/$run/weights/last.safetensors --json
        drive json loss <out >loss.$run
    done
    same loss.usual loss.same
    differ loss.usual loss.other
    code 0 "$FOVEA" train -c runs/train/other/args.yaml --experiment again
    same runs/train/other/weights/last.safetensors runs/train/again/weights/last.safetensors
    # A network that goes on from the file keeps them.
    code 0 "$FOVEA" train --data "$digits" --model runs/train/other/weights/last.safetensors --epochs 1 --max-steps 1 -b 60 --experiment on
    grep -aq 'clahe.":.4,2,3.5.' runs/train/on/weights/last.safetensors || die "they are lost"
}

row_34_one_class() {
    plant classes data count=10 cat
    code 0 "$FOVEA" train --data data --model lenet --epochs 1 -b 5
    says "warning: data: all 10 training samples are of class 'cat': there is nothing to tell apart"
    plant classes data count=10 dog
    code 0 "$FOVEA" train --data data --model lenet --epochs 1 -b 5
    silent_about "nothing to tell apart"
}

# A batch in pieces: the bits of the whole, and what batch norm makes of it is said.
use_grad_accum_steps() {
    pieces() { "$FOVEA" train --data "$digits" --epochs 1 --batch-size 32 --max-steps 3 "$@"; }
    code 0 pieces --model lenet --experiment whole
    code 0 pieces --model lenet --grad-accum-steps 4 --experiment pieces
    same runs/train/whole/weights/last.safetensors runs/train/pieces/weights/last.safetensors
    code 0 pieces --model resnet8 --lr 1e-4 --freeze-norm --experiment frozen
    code 0 pieces --model resnet8 --lr 1e-4 --freeze-norm --grad-accum-steps 8 --experiment frozen_pieces
    same runs/train/frozen/weights/last.safetensors runs/train/frozen_pieces/weights/last.safetensors
    code 0 pieces --model resnet8 --grad-accum-steps 4 --experiment norm
    says "batch norm takes its statistics from 8 samples at a time, not from the 32 of a batch"
    fails 2 E2003 "--grad-accum-steps 3: expected 1, 2, 4 or 8" -- pieces --model lenet --grad-accum-steps 3
    fails 2 E2004 "--grad-accum-steps 8: a batch of 12 can be cut into at most 4 pieces" -- \
        "$FOVEA" train --data "$digits" --model lenet --batch-size 12 --grad-accum-steps 8
}

# What is frozen by number or by names is the same.
use_freeze() {
    part() { "$FOVEA" train --data "$digits" --model resnet8 --img-size 16 --epochs 2 -b 32 --max-steps 3 "$@"; }
    code 0 part --experiment head --freeze -1
    code 0 part --experiment same --freeze 'conv1,bn1,layer*'
    same runs/train/head/weights/last.safetensors runs/train/same/weights/last.safetensors
    code 0 part --experiment none --freeze none
    code 0 part --experiment all
    same runs/train/none/weights/last.safetensors runs/train/all/weights/last.safetensors
    fails 2 E2003 "--freeze: no tensor of model 'resnet8' is called 'layer9'" "its layers are conv1, bn1, layer1.0.conv1" -- \
        part --freeze layer9
    fails 2 E2003 "--freeze *: nothing is left to train" "--freeze -1" -- part --freeze '*'
}

# A first layer from the data: frozen, the same however the run was ended and on any threads, and in its recipe.
use_whiten() {
    printf 'name: own\ninput: [28, 28, 1]\nlayers:\n  - conv2d: {filters: 8, kernel: 3, activation: relu}\n  - global_avg_pool\n  - flatten\n  - dense: 10\n' >own.yaml
    white() { "$FOVEA" train --data "$digits" --model own.yaml -b 32 --epochs 1 "$@"; }
    code 0 white --whiten --max-steps 4 --experiment straight
    says "--whiten: conv2d_1.weight: 8 filters of 3x3x1 along 4 directions of patches of "
    grep -q '^freeze: "\?conv2d_1.weight' runs/train/straight/args.yaml || die "the filters are not frozen"
    code 0 white --whiten --max-steps 2 --threads 2 --experiment ended
    code 0 white --whiten --max-steps 4 --resume auto --experiment ended
    same runs/train/straight/weights/last.safetensors runs/train/ended/weights/last.safetensors
    code 0 "$FOVEA" train -c runs/train/straight/args.yaml --experiment again
    same runs/train/straight/weights/last.safetensors runs/train/again/weights/last.safetensors
    code 0 white --whiten --freeze 'dense_1.bias' --max-steps 1 --experiment both
    grep -q '^freeze: "\?dense_1.bias,conv2d_1.weight' runs/train/both/args.yaml || die "$(grep freeze runs/train/both/args.yaml)"
    fails 2 E2004 "--freeze was 'conv2d_1.weight', now ''; --whiten was 'true', now 'false'" -- white --resume auto --max-steps 5 --experiment straight
    fails 2 E2004 "--whiten has no effect here: trained weights stay as they are" -- white --whiten --model runs/train/straight/weights/last.safetensors
    fails 2 E2003 "'features.0.weight' has 64 filters, but patches of 3x3x1 have only 9" "network of your own" -- \
        "$FOVEA" train --data "$digits" --model squeezenet1_1 --img-size 64 --in-chans 1 --whiten
}

# Few photographs and no weights at hand: a small network and its recipe, all of it said and all of it open to flags.
use_few_photographs() {
    one() { "$FOVEA" train --data "$photos" --max-steps 1 "$@"; }
    unset FOVEA_ZOO
    code 0 one --experiment chosen
    says "24 photographs are few to train a network from nothing" "FOVEA_ZOO=FOLDER" "--model resnet8 --img-size 64" \
        "augmentation: rrc scale=0.25..1; hflip; jitter" "--batch-size auto: 8" \
        "recipe: adamw, lr 0.0021, weight decay 0.05, cosine schedule, 100 epochs, 5 of warm-up, label smoothing 0.1"
    grep -q '^preset: "\?photos' runs/train/chosen/args.yaml || die "args.yaml does not name the preset"
    # Its recipe alone repeats the run.
    code 0 "$FOVEA" train -c runs/train/chosen/args.yaml --experiment again
    silent_about "photographs are few"
    same runs/train/chosen/weights/last.safetensors runs/train/again/weights/last.safetensors
    # So does going on with it.
    code 0 one --max-steps 2 --experiment straight
    code 0 "$FOVEA" train --resume runs/train/chosen --max-steps 2
    same runs/train/straight/weights/last.safetensors runs/train/chosen/weights/last.safetensors
    # What is said wins, piece by piece.
    code 0 one --experiment own --batch-size 16 --augment hflip --wd 0.01 --img-size 32x48 --epochs 3
    says "--img-size 32x48" "augmentation: hflip" "recipe: adamw, lr 0.003, weight decay 0.01, cosine schedule, 3 epochs, label smoothing 0.1"
    grep -q '32x48\|32, 48' runs/train/own/args.yaml || die "the size is not the one that was asked for"
    code 0 one --experiment sgd --opt sgd --lr 0.05 --warmup-epochs 2 --label-smoothing 0
    says "recipe: sgd, lr 0.05, weight decay 0.0001, cosine schedule, 100 epochs, 2 of warm-up"
    silent_about "label smoothing"
    code 0 one --experiment plain --preset none
    says "--model auto: resnet8" "augmentation: none" "recipe: sgd, lr 0.1, weight decay 0.0001, cosine schedule, 100 epochs"
    # With --model it is as it was.
    code 0 one --model resnet8 --img-size 64 -b 8 --experiment named
    silent_about "are few"
    says "augmentation: none" "recipe: sgd, lr 0.1,"
    code 0 one --model resnet8 --img-size 64 -b 8 --preset photos --experiment preset
    says "augmentation: rrc; hflip" "recipe: sgd, lr 0.0125, weight decay 0.0001, cosine schedule, 100 epochs, 5 of warm-up"
    # A validation set is proposed where there is none.
    code 0 "$FOVEA" train --data "$photos/train" --max-steps 1 --experiment alone
    says "no validation images (--val-split 0.2 holds some out)"
    code 0 "$FOVEA" train --data "$photos/train" --max-steps 1 --val-split 0.25 --experiment halves
    says "18 photographs are few" "18 training images, 6 validation images"
    # Little memory makes the batch smaller, and with it the rate; values to predict are not smoothed.
    plant scenes s count=20
    code 0 "$FOVEA" train --data s/values.csv --img-size 64 --max-steps 1 --experiment values
    silent_about "label smoothing"
}

# Without --model, training on photographs starts from weights at hand.
use_pretrained_start() {
    few() { "$FOVEA" train --data "$photos" --img-size 64 --max-steps 1 -b 8 "$@"; }
    mkdir zoo
    code 0 few --model squeezenet1_1 --experiment seed
    silent_about "starting from"
    cp runs/train/seed/weights/last.safetensors zoo/squeezenet1_1-abc.safetensors
    cp zoo/squeezenet1_1-abc.safetensors zoo/resnet18.safetensors
    cp zoo/squeezenet1_1-abc.safetensors zoo/other.safetensors
    export FOVEA_ZOO="$PWD/zoo"
    code 0 few --experiment auto
    says "zoo/resnet18.safetensors does not fit resnet18: not used" "--model auto: squeezenet1_1" \
        "starting from $PWD/zoo/squeezenet1_1-abc.safetensors" "only a new output layer is trained" "augmentation: rrc; hflip"
    grep -q '^freeze: "\?-1' runs/train/auto/args.yaml || die "args.yaml does not say what is frozen"
    # What is said wins.
    code 0 few --experiment own --freeze none --lr 0.001 --opt sgd --augment hflip
    says "augmentation: hflip" "recipe: sgd, lr 0.001,"
    code 0 few --model resnet8 --experiment named
    silent_about "starting from"
    # Digits are no photographs.
    code 0 "$FOVEA" train --data "$digits" --max-steps 1 -b 8 --experiment digits
    says "--model auto: mnist_cnn"
    silent_about "starting from"
    # Its recipe repeats the run without the folder's name in the environment.
    unset FOVEA_ZOO
    code 0 "$FOVEA" train -c runs/train/auto/args.yaml --experiment again
    same runs/train/auto/weights/last.safetensors runs/train/again/weights/last.safetensors
    code 0 few --weights zoo/other.safetensors --experiment file
    says "--model auto: squeezenet1_1"
    code 0 few --experiment nothing
    says "photographs are few to train a network from nothing" "FOVEA_ZOO"
    export FOVEA_ZOO="$PWD/nowhere"
    fails 9 E9002 "FOVEA_ZOO: " "nowhere: cannot be read" -- few
    FOVEA_ZOO=$PWD/empty
    mkdir empty
    code 0 few --experiment empty
    says "empty has no weights of "
    unset FOVEA_ZOO
    "$FOVEA" train --data "$digits" --model lenet --max-steps 1 -b 8 --experiment lenet --quiet >/dev/null 2>&1
    code 0 "$FOVEA" train --data "$digits" --max-steps 1 -b 8 --weights runs/train/lenet/weights/last.safetensors --experiment fitted
    says "--model auto: lenet"
    printf 'input: [28, 28, 1]\nlayers:\n  - conv2d: {filters: 4, kernel: 5, activation: relu, name: odd}\n  - flatten\n  - dense: 10\n' >net.yaml
    code 0 "$FOVEA" train --data "$digits" --model net.yaml --max-steps 1 -b 8 --experiment odd
    fails 4 E4003 "fits none of the architectures" "name their architecture with --model" -- \
        few --weights runs/train/odd/weights/last.safetensors
}

# Maps of 1 x 1 have no variance in one sample: as a last batch it is normalized as in inference, which is said; a run of
# such batches is refused, and planning one is not.
use_one_sample_of_small_maps() {
    "$FOVEA" data make digits --output odd --train 9 --test 1 --seed 0 >/dev/null
    one() { "$FOVEA" train --data odd --model resnet18 --img-size 32 --epochs 1 --lr 1e-4 --threads 1 "$@"; }
    code 0 one -b 4 --experiment last
    says "the last batch of an epoch has one sample: normalization layers whose maps are 1 x 1 keep their running statistics in that step"
    code 0 "$FOVEA" info runs/train/last/weights/last.safetensors --selftest
    code 0 one -b 3 --experiment none
    silent_about "the last batch of an epoch has one sample"
    fails 2 E2006 "'layer4.0.bn1' normalizes maps of 1 x 1" "--batch-size of 2 or more" "--freeze-norm" -- one -b 1 --experiment single
    fails 2 E2006 "of 2 or more for each piece" -- one -b 2 --grad-accum-steps 2 --experiment pieces
    code 0 one -b 1 --freeze-norm --max-steps 1 --experiment frozen
    code 0 "$FOVEA" info resnet18 --img-size 32
    code 0 "$FOVEA" info inception_v3
}
