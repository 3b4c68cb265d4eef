# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # lib.sh sets the paths
# Probabilities that are shares of right answers: what is found, where it is kept, and what will not do.
use_calibrate() {
    # A model that has seen 480 of 600 images: val is the rest, test is what nobody has seen.
    code 0 "$FOVEA" train --data "$digits" --model lenet --val-split 0.2 --epochs 2 --batch-size 20 --opt adam --output runs
    net=runs/exp/weights/best.safetensors
    code 0 "$FOVEA" calibrate "$net" --data "$digits" --val-split 0.2 --output c.safetensors --threads 1 --json
    drive json temperature <out >t
    drive json calibration.loss.before <out >before
    drive json calibration.loss.after <out >after
    drive json calibration.top1.before <out >top1
    drive json calibration.top1.after <out | cmp - top1 || die "top-1 is another"
    drive json test.loss.after <out >honest
    drive json test.calibration_error.after <out >error
    awk -v a="$(cat after)" -v b="$(cat before)" 'BEGIN { exit !(a < b) }' || die "from $(cat before) to $(cat after)"
    code 0 env FOVEA_CPU=scalar "$FOVEA" calibrate "$net" --data "$digits" --val-split 0.2 --output again.safetensors --batch-size 7
    prints "temperature " "val (1" "test (120)" "calibration error" "negative log-likelihood" "Brier score" "top-1"
    same c.safetensors again.safetensors
    # Everything that makes probabilities uses it: the figures are those of eval.
    code 0 "$FOVEA" eval --data "$digits" --split test --model c.safetensors --json
    drive json loss <out >loss
    drive json calibration_error <out >said
    awk -v a="$(cat loss)" -v b="$(cat honest)" 'BEGIN { exit !(a - b < 1e-8 && b - a < 1e-8) }' || die "$(cat loss), not $(cat honest)"
    awk -v a="$(cat said)" -v b="$(cat error)" 'BEGIN { exit !(a - b < 1e-8 && b - a < 1e-8) }' || die "$(cat said), not $(cat error)"
    code 0 "$FOVEA" info c.safetensors --json
    drive json temperature <out | cmp - t || die "info tells another temperature"
    code 0 "$FOVEA" info c.safetensors --selftest
    code 0 "$FOVEA" calibrate c.safetensors --data "$digits" --val-split 0.2 --output again.safetensors
    says "c.safetensors had a temperature"
    same c.safetensors again.safetensors
    # A file that says nonsense; two characters for two, so that nothing moves.
    LC_ALL=C sed 's/"fovea.temperature":"[0-9]\./"fovea.temperature":"-1/' c.safetensors >bad.safetensors
    fails 4 E4002 "bad.safetensors: fovea.temperature:1:1: expected a number above 0" -- "$FOVEA" info bad.safetensors
    # Other weights: it goes, and that is said.
    code 0 "$FOVEA" train --data "$digits" --model c.safetensors --max-steps 2 --output more
    says "c.safetensors: its temperature" "what is trained from it"
    code 0 "$FOVEA" info more/exp/weights/last.safetensors
    ! grep -q '^temperature' out || die "training keeps the temperature"
    code 0 "$FOVEA" factorize c.safetensors --output small.safetensors --keep 0.5
    says "c.safetensors: its temperature" "the factored model"
    code 0 "$FOVEA" info small.safetensors
    ! grep -q '^temperature' out || die "a smaller model keeps the temperature"
    # What it was trained on, by the names of the splits and by its card; too few; other classes.
    fails 2 E2004 "--split train: models are trained on it" "--split val" -- \
        "$FOVEA" calibrate "$net" --data "$digits" --split train --output x.safetensors
    fails 2 E2004 "600 images of 10 classes, and those are what" "has not seen" -- \
        "$FOVEA" calibrate "$model" --data "$digits" --val-split 0.2 --output x.safetensors
    fails 3 E3004 "samples: a temperature needs at least 100" "--val-split" -- \
        "$FOVEA" calibrate "$net" --data "$digits" --val-split 0.1 --output x.safetensors
    fails 3 E3005 "cat" -- "$FOVEA" calibrate "$net" --data "$photos" --output x.safetensors
    fails 2 E2001 "which model" -- "$FOVEA" calibrate --data "$digits" --output x.safetensors
    fails 2 E2001 "which images" "--data" -- "$FOVEA" calibrate "$net" --output x.safetensors
    fails 2 E2001 "where does the calibrated model go" "--output" -- "$FOVEA" calibrate "$net" --data "$digits"
    fails 2 E2004 "this is the model to be calibrated" -- "$FOVEA" calibrate c.safetensors --data "$digits" --output ./c.safetensors
    [ ! -e x.safetensors ] || die "a file was left behind"
}
