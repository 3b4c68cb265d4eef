#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demo: data, training, evaluation, one picture of predictions. Usage: demo.sh [FOLDER_OF_CLASSES]; FOVEA names the program.
set -eu
fovea=${FOVEA:-fovea}
if [ $# -gt 0 ]; then
    data=$1
    name=demo-$(basename "$data")
    model=squeezenet1_1
    set -- --img-size 128 --epochs 10 --batch-size 16 --opt adamw --lr 1e-3 --hflip
    "$fovea" data check "$data" || true
    [ -d "$data/val" ] || [ -d "$data/valid" ] || [ -d "$data/validation" ] || [ -d "$data/test" ] || set -- "$@" --val-split 0.2
    split=val
else
    data=runs/demo-data
    name=demo
    model=mnist_cnn
    split=test
    echo "--- fovea data make digits --output $data"
    "$fovea" data make digits --output "$data" --train 10000 --test 2000 --seed 0
    set -- --epochs 3 --batch-size 64 --opt adam --lr 1e-3 --sched cosine
fi
echo "--- fovea train --data $data --model $model $*"
"$fovea" train --data "$data" --model "$model" --output runs/train --experiment "$name" --last-run runs/demo-run.txt "$@"
run=$(cat runs/demo-run.txt)
weights=$run/weights/best.safetensors
echo "--- fovea eval --data $data --split $split --model $weights"
"$fovea" eval --data "$data" --split "$split" --model "$weights" || [ $# -eq 0 ]
echo "--- fovea predict --model $weights --data $data --split $split --limit 25 --sheet $run/predictions.png"
"$fovea" predict --model "$weights" --data "$data" --split "$split" --limit 25 --sheet "$run/predictions.png" --topk 1
cat <<TEXT

Trained model   $weights
Run folder      $run
Predictions     $run/predictions.png

Next:
  $fovea info --model $weights
  $fovea predict --model $weights --source YOUR_IMAGE.png
  ./dev demo YOUR_FOLDER        (one subfolder of images per class)
TEXT
