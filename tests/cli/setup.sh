# SPDX-License-Identifier: Apache-2.0
# Data and a trained model for all cases; they read them and leave them as they are.
setup() {
    [ ! -e "$CLI_SHARED" ] || chmod -R u+w "$CLI_SHARED"
    rm -rf "$CLI_SHARED"
    mkdir -p "$CLI_SHARED"
    code 0 "$FOVEA" data make digits --output "$digits" --train 600 --test 120 --seed 1
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 4 --batch-size 20 --opt adam --output "$CLI_SHARED/runs"
    cp "$CLI_SHARED/runs/exp/weights/best.safetensors" "$model"
    plant classes "$photos/train" count=12 cat dog
    plant classes "$photos/val" count=4 cat dog
    # What each verb takes, for hints_hold.
    mkdir "$CLI_SHARED/help"
    for words in train sanity tune grow plan eval val predict info runs doctor version help features linear search calibrate distill "data make" "data check" "data pack" "data split" "data stats" "data show"; do
        "$FOVEA" $words --help-all >"$CLI_SHARED/help/$(echo "$words" | tr ' ' -)"
    done
    no_leftovers "$CLI_SHARED"
    chmod -R a-w "$digits" "$photos" "$model"
}
