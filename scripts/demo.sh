#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demo: data, training, evaluation, one picture of predictions. Usage: demo.sh [FOLDER_OF_CLASSES]; FOVEA names the program.
set -eu
fovea=${FOVEA:-fovea}

# What is shown is what is run.
show() {
    echo "--- $*" >&2
    "$@"
}

if [ $# -gt 0 ]; then
    data=$1
    name=demo-$(basename "$data")
    split="val"
    mkdir -p runs
    status=0
    show "$fovea" data check "$data" >runs/demo-check.txt || status=$?
    cat runs/demo-check.txt
    [ $status = 0 ] || exit $status
    # From a pretrained network where FOVEA_ZOO names a folder of them, else a small one from nothing: what `train` chooses.
    set --
    has_val=no
    grep -Eq '^ +train +val ' runs/demo-check.txt && has_val=yes
    rm -f runs/demo-check.txt
    [ $has_val = yes ] || set -- "$@" --val-split 0.2
else
    data=runs/demo-data
    name=demo
    split="test"
    show "$fovea" data make digits --output "$data" --train 20000 --test 2000 --seed 0
    set -- --model mnist_cnn --epochs 4 --opt adam --lr 2e-3
fi
mkdir -p runs
log=runs/demo-train.txt
show "$fovea" train --data "$data" "$@" --output runs/train --experiment "$name" >"$log"
cat "$log"
weights=$(sed -n 's/^weights: //p' "$log")
run=$(sed -n 's/^run: //p' "$log")
rm -f "$log"
val_split=""
[ "${has_val:-yes}" = yes ] || val_split="--val-split 0.2"
# shellcheck disable=SC2086
show "$fovea" eval --data "$data" --split $split $val_split --model "$weights"
# shellcheck disable=SC2086
show "$fovea" predict --model "$weights" --data "$data" --split $split $val_split --limit 25 --topk 1 --sheet "$run/predictions.png"
cat <<TEXT

Trained model   $weights
Run folder      $run  (report.html, results.csv, args.yaml)
Predictions     $run/predictions.png

Next:
  $fovea info --model $weights
  $fovea predict --model $weights --source YOUR_IMAGE.png
  ./dev demo YOUR_FOLDER        (one subfolder of images per class)
TEXT
