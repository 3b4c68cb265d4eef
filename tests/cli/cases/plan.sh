# SPDX-License-Identifier: Apache-2.0
# Who computes: --plan, --plan-effort, --plan-workspace, --conv-algo.

# Solvers of the profile's table, without the timing.
solvers_of() { grep -o 'cpu\.[a-z0-9_.]*' out | sort; }

use_conv_algo() {
    code 0 "$FOVEA" info --model "$model" --profile
    prints cpu.conv2d.igemm
    silent_about im2col
    code 0 "$FOVEA" info --model "$model" --profile --conv-algo im2col
    prints cpu.conv2d.im2col
    silent_about igemm
    code 0 "$FOVEA" predict --model "$model" --source "$photos/val" --out csv
    cp out before
    code 0 "$FOVEA" predict --model "$model" --source "$photos/val" --out csv --conv-algo im2col
    same out before
    fails 2 E2003 "conv-algo 'im2cal'" "did you mean 'im2col'?" -- "$FOVEA" info --model "$model" --conv-algo im2cal
}

use_plan_measure() {
    code 0 "$FOVEA" predict --model "$model" --source "$photos/val" --out csv
    cp out before
    FOVEA_LOG=plan code 0 "$FOVEA" predict --model "$model" --source "$photos/val" --out csv --plan measure --plan-effort 3
    says "us measured" "(fastest)"
    same out before
    FOVEA_LOG=plan code 0 "$FOVEA" info --model "$model" --profile --plan measure-all --plan-effort 3
    says "us measured" "(fastest)"
    fails 2 E2003 plan-effort -- "$FOVEA" info --model "$model" --plan measure --plan-effort 4
}

# The choices of one run serve another.
use_plan_file() {
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 1 --batch-size 20 --output runs --experiment a
    grep -q '^conv2d_bwd_weights .* => cpu.conv2d_bwd_weights.merged@1$' runs/a/plan.txt || die "no such choice"
    sed 's/conv2d_bwd_weights.merged@/conv2d_bwd_weights.packed@/' runs/a/plan.txt >other.txt
    FOVEA_LOG=plan code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 1 --batch-size 20 --output runs \
        --experiment b --plan other.txt
    says "-> cpu.conv2d_bwd_weights.packed (recorded)"
    same runs/b/plan.txt other.txt
    # Other solvers, the same bits.
    for run in a b; do
        code 0 "$FOVEA" predict --model runs/$run/weights/last.safetensors --source "$photos/val" --out csv
        mv out $run.csv
    done
    same a.csv b.csv
    fails 9 E9002 nothing.txt -- "$FOVEA" info --model "$model" --plan nothing.txt
    echo 'conv2d => ?' >bad.txt
    code 2 "$FOVEA" info --model "$model" --plan bad.txt
    says "bad.txt:1: expected 'problem => solver@version'"
}

use_plan_workspace() {
    code 0 "$FOVEA" info --model "$model" --profile --plan-workspace 1G
    silent_about "--plan-workspace allows"
    code 0 "$FOVEA" info --model "$model" --profile --plan-workspace 100
    says " steps need more than the 100 bytes that --plan-workspace allows" " needs most: "
    # One line for all steps of a program.
    equal "$(grep 'plan-workspace' err | sort -u | wc -l)" 1
    code 0 "$FOVEA" predict --model "$model" --source "$photos/train/cat/0000.jpg" --plan-workspace 1
    says " steps need more than the 1 bytes that --plan-workspace allows"
    equal "$(grep -c 'plan-workspace' err)" 1
}
