# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # lib.sh sets the paths
# A chain of stages: what each cost, gates, going on where it was stopped, recipes that will not do.
chain_recipe() {
    cat >small.yaml <<TEXT
data: $digits
val-split: 0.2
stages:
  - prune: {amount: 0.3, round-to: 1, epochs: 1}
  - distill: {epochs: 1, lr: 0.01, batch-size: 20}
  - quantize: {calibration: minmax, samples: 64}
TEXT
}

use_compress() {
    chain_recipe
    code 0 "$FOVEA" compress -c small.yaml --model "$model" --output small --seconds 0.05
    prints "stage " "given " "1 prune " "2 distill " "3 quantize " "of what was given: 0." "scored on $digits (val), 120 images" \
        "again   fovea compress -c small.yaml --model"
    exists small/model.safetensors small/compress.json small/report.html
    tr -d '\n' <small/compress.json | drive json stages.0.macs >macs
    tr -d '\n' <small/compress.json | drive json stages.1.macs >fewer
    awk -v a="$(cat fewer)" -v b="$(cat macs)" 'BEGIN { exit !(a < b) }' || die "nothing was pruned"
    tr -d '\n' <small/compress.json | drive json stages.3.bytes >bytes
    equal "$(cat bytes)" "$(wc -c <small/model.safetensors)"
    tr -d '\n' <small/compress.json | drive json stages.3.score >score
    code 0 "$FOVEA" eval --data "$digits" --val-split 0.2 --split val --model small/model.safetensors --json
    drive json top1 <out >top1
    awk -v a="$(cat score)" -v b="$(cat top1)" 'BEGIN { exit !(a - b < 1e-6 && b - a < 1e-6) }' || die "$(cat score), not $(cat top1)"
    ! grep -q '<script\|http' small/report.html || die "the page fetches something"
    # Asked again it computes nothing again; with a longer recipe only what is new.
    cp small/model.safetensors first.safetensors
    sed -i 's/samples: 64/samples: 32/' small.yaml
    code 0 "$FOVEA" compress -c small.yaml --model "$model" --output small --seconds 0 --threads 1 --json
    says "stage 1 of 3: prune is there"
    silent_about "step 1 of 1" "Epoch"
    equal "$(find small/stages -maxdepth 1 -name '1-prune*.safetensors' | wc -l)" 1
    equal "$(find small/stages -maxdepth 1 -name '3-quantize*.safetensors' | wc -l)" 2
    ! cmp -s small/model.safetensors first.safetensors || die "fewer calibration images, and the same model"
    # Training for integers leaves these.
    printf 'val-split: 0.2\nstages:\n- train: {qat: true, epochs: 1, lr: 0.001, batch-size: 20, samples: 64}\n' >integers.yaml
    code 0 "$FOVEA" compress -c integers.yaml --model "$model" --data "$digits" --output integers --seconds 0
    [ "$(wc -c <integers/model.safetensors)" -lt 90000 ] || die "no integers: $(wc -c <integers/model.safetensors) bytes"
    # A gate that does not hold ends it, and names the stage; the one of all stages too.
    sed -i 's/amount: 0.3, round-to: 1, epochs: 1/amount: 0.9, round-to: 1, max-drop: 0.5/' small.yaml
    fails 8 E8001 "stage 1, prune, loses" "more than 0.5" -- "$FOVEA" compress -c small.yaml --model "$model" --output gated
    absent gated/model.safetensors
    printf 'stages:\n- prune: {amount: 0.9, round-to: 1}\n' >all.yaml
    fails 8 E8001 "all stages lose" -- "$FOVEA" compress -c all.yaml --model "$model" --data "$digits" --output all --max-drop 1
    # Larger than no faster: said.
    printf 'stages:\n- calibrate: {split: test}\n' >none.yaml
    code 0 "$FOVEA" compress -c none.yaml --model "$model" --data "$digits" --output none --seconds 0.2
    says "none/model.safetensors: no faster on this machine"
}

# Killed at any moment, it goes on to the same bytes; so it does with other threads.
use_compress_killed() {
    chain_recipe
    code 0 "$FOVEA" compress -c small.yaml --model "$model" --output whole --seconds 0 --threads 1
    for moment in 'stage 1 of 3: prune' 'stage 2 of 3: distill' 'stage 3 of 3: quantize'; do
        code 137 drive signal KILL after="$moment" "$FOVEA" compress -c small.yaml --model "$model" --output cut --seconds 0 --threads 2
    done
    code 0 "$FOVEA" compress -c small.yaml --model "$model" --output cut --seconds 0 --threads 2
    same whole/model.safetensors cut/model.safetensors
}

use_compress_refusals() {
    chain_recipe
    set -- "$FOVEA" compress --model "$model" --data "$digits" --output x
    fails 2 E2001 "which stages" "-c RECIPE" -- "$@"
    fails 2 E2001 "which model" -- "$FOVEA" compress -c small.yaml --output x
    fails 2 E2001 "where do" -- "$FOVEA" compress -c small.yaml --model "$model"
    echo 'stages: {}' >bad.yaml
    fails 2 E2003 "bad.yaml:1:9:" "expected a list" -- "$@" -c bad.yaml
    echo 'seed: 1' >bad.yaml
    fails 2 E2003 "bad.yaml: no stages" -- "$@" -c bad.yaml
    printf 'stages:\n- squeeze: {amount: 0.5}\n' >bad.yaml
    fails 2 E2002 "bad.yaml:2:3: no stage is called 'squeeze'" -- "$@" -c bad.yaml
    printf 'stages:\n- quantise\n' >bad.yaml
    fails 2 E2002 "did you mean 'quantize'?" -- "$@" -c bad.yaml
    printf 'stages:\n- prune: {amonut: 0.5}\n' >bad.yaml
    fails 2 E2002 "bad.yaml:2:19: fovea prune has no option amonut; did you mean amount?" -- "$@" -c bad.yaml
    printf 'stages:\n- prune: {amount: much}\n' >bad.yaml
    fails 2 E2003 "bad.yaml:2:19: amount: found 'much'" -- "$@" -c bad.yaml
    printf 'stages:\n- prune: {amount: 0.5, output: y}\n' >bad.yaml
    fails 2 E2004 "a stage has no output of its own" -- "$@" -c bad.yaml
    printf 'stages:\n- prune: {amount: 0.5, max-drop: -1}\n' >bad.yaml
    fails 2 E2003 "expected points" -- "$@" -c bad.yaml
    printf 'stages:\n- prune: 5\n' >bad.yaml
    fails 2 E2003 "'prune': expected settings" -- "$@" -c bad.yaml
    printf 'stages:\n- [a, b]\n' >bad.yaml
    fails 2 E2003 "bad.yaml:2:3: a stage is a name" -- "$@" -c bad.yaml
    fails 2 E2002 "small.yaml:4:5: fovea train takes no recipe of stages" "fovea compress -c" -- "$FOVEA" train -c small.yaml
    fails 9 E9002 "nothing.safetensors" -- "$FOVEA" compress -c small.yaml --model nothing.safetensors --output x
    printf 'stages:\n- squeeze\n' >worse.yaml
    mkdir full empty && echo 1 >full/file
    fails 2 E2001 "which model" -- "$FOVEA" compress -c small.yaml --output empty
    fails 2 E2002 "no stage is called" -- "$@" -c worse.yaml --output empty
    exists empty
    fails 2 E2004 "full: other files are there" -- "$FOVEA" compress -c small.yaml --model "$model" --output full
    absent x full/stages
}
