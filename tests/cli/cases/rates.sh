# SPDX-License-Identifier: Apache-2.0
# The learning rate over a run.

# rates_of RUN: the rate of each epoch's last step.
rates_of() { tail -n +2 "runs/train/$1/results.csv" | cut -d, -f"$(head -1 "runs/train/$1/results.csv" | tr , '\n' | grep -n '^lr$' | cut -d: -f1)" | paste -sd' '; }

# near RUN RATE...: rates of its epochs.
near() {
    run=$1
    shift
    rates_of "$run" | tr ' ' '\n' >found
    printf '%s\n' "$@" | paste found - | awk '{ d = $1 - $2; if ((d < 0 ? -d : d) > 1e-6 * $2) exit 1 }' ||
        die "$run: rates $(rates_of "$run"), expected $*"
}

use_schedules() {
    quick() { small_run --max-steps 0 --epochs 4 --lr 0.01 --experiment "$@"; } # 10 steps an epoch
    code 0 quick multistep --sched multistep --decay-milestones 1,2.5 --decay-rate 0.5
    near multistep 0.01 0.005 0.0025 0.0025
    code 0 quick exp --sched exp --decay-epochs 1 --decay-rate 0.5 --min-lr 0.001
    near exp 0.00535886731 0.00267943366 0.00133971683 0.001
    code 0 quick poly --sched poly --poly-power 2
    near poly 0.006006250 0.002756250 0.000756250 0.00000625
    code 0 quick cosine_restarts --sched cosine_restarts --restart-epochs 2
    near cosine_restarts 0.005782172 0.0000615582970 0.005782172 0.0000615582970
    code 0 quick cyclic --sched cyclic --cycle-up 1 --cycle-mode triangular2
    near cyclic 0.009 0.001 0.0045 0.0005
    code 0 quick onecycle --sched onecycle
    says "onecycle schedule"
    near onecycle 0.00923801696 0.00811745654 0.00283060998 0.00000004
    code 0 quick warm --sched constant --warmup-steps 20 --warmup-lr 0.002
    says "20 steps of warm-up"
    near warm 0.0056 0.0096 0.01 0.01
    # A recipe has them, and args.yaml repeats the run.
    printf 'sched: multistep\ndecay-milestones: 1,2.5\ndecay-rate: 0.5\nlr: 0.01\n' >r.yaml
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 4 --batch-size 60 -c r.yaml --experiment again
    same runs/train/multistep/weights/last.safetensors runs/train/again/weights/last.safetensors
    # Resumed in the middle of a cycle: the same bits. Another schedule is refused.
    code 0 small_run --epochs 4 --lr 0.01 --sched onecycle --max-steps 17 --experiment half
    code 0 small_run --epochs 4 --lr 0.01 --sched onecycle --resume auto --experiment half
    same runs/train/onecycle/weights/last.safetensors runs/train/half/weights/last.safetensors
    fails 2 E2004 "--div-factor was 25, now 10" -- small_run --epochs 4 --lr 0.01 --sched onecycle --div-factor 10 --resume auto --experiment half
}

row_39_schedules_that_do_not_go_together() {
    fails 2 E2004 "--decay-milestones has no effect here: it belongs to --sched multistep" -- small_run --decay-milestones 1
    fails 2 E2004 "--decay-rate has no effect here: it belongs to --sched step, multistep, exp, cyclic and plateau" -- small_run --decay-rate 0.5
    fails 2 E2004 "--decay-rate has no effect here: of --sched cyclic it belongs to --cycle-mode exp_range" -- small_run --sched cyclic --decay-rate 0.5
    fails 2 E2004 "--min-lr has no effect here" -- small_run --sched onecycle --min-lr 0.001
    fails 2 E2004 "--sched multistep: the rate decays nowhere" "--decay-milestones 30,60" -- small_run --sched multistep
    fails 2 E2003 "--decay-milestones: 1 stands behind 2" -- small_run --sched multistep --decay-milestones 2,1
    fails 2 E2003 "--decay-milestones: found '1,x'" -- small_run --sched multistep --decay-milestones 1,x
    fails 2 E2003 "did you mean multistep?" -- small_run --sched multi_stp
    fails 2 E2004 "--warmup-epochs 1 and --warmup-steps 3 say the same twice" -- small_run --warmup-epochs 1 --warmup-steps 3
    fails 2 E2004 "--warmup-steps 20: the run has 20 steps in all" -- small_run --warmup-steps 20
    fails 2 E2004 "--warmup-lr has no effect here" -- small_run --warmup-lr 0.1
    fails 2 E2004 "--max-momentum has no effect here: it belongs to --sched onecycle" -- small_run --max-momentum 0.9
    fails 2 E2004 "--base-momentum has no effect here: it needs --max-momentum" -- small_run --sched onecycle --base-momentum 0.9
    fails 2 E2004 "--base-momentum 0.85 is above --max-momentum 0.8" -- small_run --sched onecycle --max-momentum 0.8
    fails 2 E2004 "--max-momentum 0.9 has no effect here: the optimizer has no momentum" "--momentum 0.9" -- \
        small_run --sched onecycle --max-momentum 0.9 --momentum 0
    fails 2 E2003 "--restart-mult: found '0'" -- small_run --sched cosine_restarts --restart-mult 0
    absent runs
}

# The rate that a plateau has come to belongs to the state: killed at three moments, the run ends with the same bits.
use_plateau() {
    flat() {
        "$FOVEA" train --data "$digits" --model lenet --batch-size 60 --lr 0.02 --val-split 0.2 --epochs 7 --steps-per-epoch 5 \
            --sched plateau --patience-epochs 1 --plateau-threshold 0.999 --cooldown-epochs 1 --decay-rate 0.5 --monitor val_loss "$@"
    }
    code 0 flat --experiment whole
    says "epoch 3: val_loss has not improved on " "the learning rate goes from 0.02 to 0.01" "epoch 6: " "goes from 0.01 to 0.005"
    near whole 0.02 0.02 0.02 0.01 0.01 0.01 0.005
    killed() { drive signal KILL after="Epoch $1" flat_run --log-interval 1 --recovery-interval 1 --resume auto --experiment cut; }
    printf '#!/bin/sh\nexec "%s" train --data "%s" --model lenet --batch-size 60 --lr 0.02 --val-split 0.2 --epochs 7 --steps-per-epoch 5 --sched plateau --patience-epochs 1 --plateau-threshold 0.999 --cooldown-epochs 1 --decay-rate 0.5 --monitor val_loss "$@"\n' "$FOVEA" "$digits" >flat_run
    chmod +x flat_run
    PATH=$PWD:$PATH
    for moment in "2/7" "4/7  3/5" "6/7  2/5"; do
        code 137 killed "$moment"
    done
    code 0 flat --resume auto --experiment cut
    says "goes from 0.01 to 0.005"
    silent_about "goes from 0.02 to 0.01"
    near cut 0.02 0.02 0.02 0.01 0.01 0.01 0.005
    same runs/train/whole/weights/last.safetensors runs/train/cut/weights/last.safetensors
    same runs/train/whole/weights/best.safetensors runs/train/cut/weights/best.safetensors
    fails 2 E2004 "--patience-epochs has no effect here: it belongs to --sched plateau" -- small_run --patience-epochs 3
    fails 2 E2004 "--patience-epochs was 1, now 2" -- flat --patience-epochs 2 --resume auto --experiment cut
}

# Keras's steps_per_epoch: an epoch is a number of steps, and the next one goes on in the data.
use_steps_per_epoch() {
    # A model file tells of the epochs: what it computes is compared.
    computes() { "$FOVEA" eval --data "$digits" --model "runs/train/$1/weights/last.safetensors" --json 2>/dev/null | drive json loss; }
    code 0 small_run --epochs 3 --sched constant --experiment plain # 30 steps
    code 0 small_run --epochs 2 --sched constant --steps-per-epoch 15 --experiment long --log-interval 1
    says "15/15"
    equal "$(tail -n 1 runs/train/long/results.csv | cut -d, -f1)" 2
    equal "$(computes long)" "$(computes plain)"
    code 0 small_run --epochs 5 --sched constant --steps-per-epoch 6 --max-steps 13 --experiment short
    code 0 small_run --epochs 5 --sched constant --steps-per-epoch 6 --resume auto --experiment short
    equal "$(computes short)" "$(computes plain)"
    fails 2 E2004 "--steps-per-epoch was 6, now 7" -- small_run --epochs 5 --sched constant --steps-per-epoch 7 --resume auto --experiment short
    fails 2 E2003 "--steps-per-epoch: found '-1'" -- small_run --steps-per-epoch -1
}

# The curve that is planned is the one of the run, step by step.
use_lr_curve() {
    set -- --sched onecycle --lr 0.02 --epochs 3 --steps-per-epoch 7 --pct-start 0.4
    code 0 "$FOVEA" plan --lr-curve rate "$@"
    prints "onecycle schedule: first 0.0008, highest 0.0198883, last 8e-08" "curve: rate.csv" "drawing: rate.svg"
    equal "$(head -1 rate.csv)" step,epoch,lr
    code 0 "$FOVEA" train --data "$digits" --model lenet --batch-size 60 "$@"
    grep '"ev":"step"' runs/train/exp/events.jsonl | while read -r line; do echo "$line" | drive json lr; done >run
    tail -n +2 rate.csv | cut -d, -f3 | paste - run | awk '{ d = $1 - $2; if ((d < 0 ? -d : d) > 1e-6 * $1) exit 1; n++ } END { exit n != 21 }' ||
        die "the run's rates: $(paste -sd' ' run)"
    head -c 100 rate.svg | grep -q '^<svg xmlns="http://www.w3.org/2000/svg" width=' || die "no drawing"
    equal "$(tail -n 1 rate.svg)" "</svg>"
    # The momentum goes against the rate.
    code 0 "$FOVEA" plan --lr-curve both --sched onecycle --max-momentum 0.95 --epochs 1 --steps-per-epoch 10 --pct-start 0.5
    equal "$(head -1 both.csv)" step,epoch,lr,momentum
    equal "$(cut -d, -f4 both.csv | sed -n '2p;6p;11p' | paste -sd' ')" "0.95 0.85 0.95"
    # Again, as JSON, of a recipe that has more than the schedule.
    printf 'sched: cyclic\ncycle-up: 2\nepochs: 9\nlr: 0.5\nmin-lr: 0.1\nbatch-size: 3\nmodel: lenet\n' >r.yaml
    code 0 "$FOVEA" plan --lr-curve rate -c r.yaml --json
    equal "$(drive json steps_per_epoch <out) $(drive json first <out) $(drive json highest <out)" "100 0.10000000000000001 0.5"
    equal "$(wc -l <rate.csv)" 901
    # No file but its own is replaced.
    echo mine >other.csv
    fails 2 E2004 "other.csv" "--force" -- "$FOVEA" plan --lr-curve other --sched step
    equal "$(cat other.csv)" mine
    absent other.svg
    fails 2 E2001 "give --lr-curve" -- "$FOVEA" plan --sched step
    fails 2 E2004 "--ram has no part in the learning rate over a run, which --lr-curve asks for" -- "$FOVEA" plan --lr-curve x --ram 1M
    fails 2 E2003 "'x/' is no name of a file" -- "$FOVEA" plan --lr-curve x/
    fails 2 E2004 "the rate decays nowhere" -- "$FOVEA" plan --lr-curve x --sched multistep
    fails 2 E2004 "--poly-power has no effect here" -- "$FOVEA" plan --lr-curve x --poly-power 2
    fails 2 E2004 "--warmup-steps 100: the run has 100 steps" -- "$FOVEA" plan --lr-curve x --epochs 1 --warmup-steps 100
    fails 2 E2003 "are more than 10000000 rows" -- "$FOVEA" plan --lr-curve x --steps-per-epoch 1000000
    fails 9 E9002 "no/x.csv" -- "$FOVEA" plan --lr-curve no/x
    absent x.csv x.svg
}

use_optimizers() {
    for words in "lars --lr 2 --trust-coef 0.01" "muon --lr 0.02 --sched onecycle --max-momentum 0.95" "lamb --lr 0.01" "lamb --lr 0.01 --lookahead 3 --lookahead-alpha 0.8 --max-norm 2 --clip-grad 1" \
        "adamw --lr 0.01 --sched onecycle --max-momentum 0.95 --lr-mult fc3=0.5" \
        "sgd --lr 0.05 --momentum 0 --lookahead 5 --freeze conv1 --unfreeze-at 2:*"; do
        run="$(echo "$words" | tr -dc a-z0-9)"
        # shellcheck disable=SC2086
        code 0 small_run --epochs 3 --opt $words --experiment "$run"
        # It learns: the last epoch's loss is below the first one's.
        tail -n +2 "runs/train/$run/results.csv" | cut -d, -f5 | awk 'NR == 1 { a = $1 } { b = $1 } END { exit !(b < a) }' || die "$words: no progress"
        # Stopped between two of Lookahead's steps, and in the first epoch of a phase: the same bits.
        # shellcheck disable=SC2086
        code 0 small_run --epochs 3 --opt $words --experiment "$run-cut" --max-steps 14
        # shellcheck disable=SC2086
        code 0 small_run --epochs 3 --opt $words --experiment "$run-cut" --resume auto
        same "runs/train/$run/weights/last.safetensors" "runs/train/$run-cut/weights/last.safetensors"
    done
    fails 2 E2004 "--lookahead was 5, now 6" -- small_run --epochs 4 --opt sgd --lr 0.05 --momentum 0 --lookahead 6 --freeze conv1 --unfreeze-at '2:*' --experiment "$run" --resume auto
    fails 2 E2004 "--trust-coef has no effect here: it belongs to --opt lars" -- small_run --trust-coef 0.1
    fails 2 E2004 "--momentum has no effect here" -- small_run --opt lamb --momentum 0.9
    fails 2 E2004 "--lookahead-alpha has no effect here: it needs --lookahead" -- small_run --lookahead-alpha 0.3
    fails 2 E2004 "--nesterov has no effect here: it needs --momentum above 0" -- small_run --opt lars --momentum 0 --nesterov
    fails 2 E2003 "--lookahead: found '-1'" -- small_run --lookahead -1
    fails 2 E2003 "--max-norm: found 'x'" -- small_run --max-norm x
}

# The rate at which what would be trained learns; nothing but what was asked for is written.
use_lr_find() {
    find_rate() { "$FOVEA" lr-find --data "$digits" --batch-size 60 --steps 60 --lr-max 1e4 "$@"; }
    code 0 find_rate --model lenet --lr-curve curve
    prints "sgd, batch 60: " " of 60 steps, rates from 1e-07 to 1e+04; ended where the loss diverged" "steepest: --lr " "minimum/10: --lr " \
        "curve: curve.csv" "drawing: curve.svg"
    equal "$(find . -type f ! -name out ! -name err | sort | paste -sd' ')" "./curve.csv ./curve.svg"
    equal "$(head -1 curve.csv)" step,lr,loss,smoothed
    # Rates rise by one factor; the loss begins at that of guessing and falls before it diverges.
    tail -n +2 curve.csv | awk -F, 'NR == 1 { first = $3 } { if (NR > 2 && (d = $2 / b / (b / a) - 1) * d > 1e-12) exit 1; a = b; b = $2; low = NR == 1 || $4 < low ? $4 : low }
        END { if (NR < 30 || first < 2.1 || first > 2.5 || low > first - 0.02) exit 1 }' || die "the curve: $(cat curve.csv)"
    head -c 60 curve.svg | grep -q '^<svg xmlns="http://www.w3.org/2000/svg" width=' || die "no drawing"
    grep -q '>steepest ' curve.svg || die "the drawing does not show the suggestion"
    # The same again, as JSON, its own files replaced; of another seed another curve.
    cp curve.csv before.csv
    code 0 find_rate --model lenet --lr-curve curve --json
    same curve.csv before.csv
    equal "$(drive json suggestions.steepest <out | cut -c1-4)" "$(sed -n 's/.*>steepest \([0-9.]*\).*/\1/p' curve.svg | cut -c1-4)"
    equal "$(drive json csv <out)" curve.csv
    code 0 find_rate --model lenet --lr-curve curve --seed 2
    differ curve.csv before.csv
    # A trained network, and a run's own settings: file, folder and data stay as they are, and the run goes on as it would have.
    code 0 small_run --epochs 4 --max-steps 13 --experiment run
    cp -r runs/train/run runs/train/straight
    unchanged runs code 0 find_rate -c runs/train/run/args.yaml --model runs/train/run/weights/last.safetensors
    says "no part in that have" "--epochs" "--sched"
    for run in run straight; do
        code 0 small_run --epochs 4 --resume auto --experiment $run
    done
    same runs/train/run/weights/last.safetensors runs/train/straight/weights/last.safetensors
    # Where nothing can be learned there is nothing to suggest.
    code 0 find_rate --model lenet --lr-min 1e4 --lr-max 1e5 --json
    says "the loss falls at no rate from 1e+04 to 1e+05: nothing to suggest"
    equal "$(drive json suggestions.steepest <out)" null
}

row_39_lr_find_refuses() {
    fails 2 E2001 "fovea lr-find: --data PATH is missing" -- "$FOVEA" lr-find --model lenet
    fails 2 E2004 "--lr-min 1 is not below --lr-max 0.1" -- "$FOVEA" lr-find --data "$digits" --lr-min 1 --lr-max 0.1
    fails 2 E2003 "--lr-min: found '0', expected a number above 0" -- "$FOVEA" lr-find --data "$digits" --lr-min 0
    fails 2 E2003 "--steps: found '1'" -- "$FOVEA" lr-find --data "$digits" --steps 1
    fails 2 E2004 "--resume: nothing goes on here" -- "$FOVEA" lr-find --data "$digits" --resume auto
    fails 2 E2002 "has no option --lr-minimum" -- "$FOVEA" lr-find --data "$digits" --lr-minimum 3
    fails 2 E2004 "--momentum has no effect here" -- "$FOVEA" lr-find --data "$digits" --opt adam --momentum 0.9
    fails 9 E9002 "no/x.csv" -- "$FOVEA" lr-find --data "$digits" --model lenet --lr-curve no/x
    echo mine >mine.svg
    fails 2 E2004 "mine.svg" "--force" -- "$FOVEA" lr-find --data "$digits" --model lenet --lr-curve mine
    equal "$(cat mine.svg)" mine
    fails 9 E9002 "nowhere: no such file or folder" -- "$FOVEA" lr-find --data nowhere
    code 0 "$FOVEA" lr-find --data "$digits" --model lenet --steps 2 --lr-curve mine --force
    fails 130 E75001 "interrupted" -- drive signal INT after="loader of" "$FOVEA" lr-find --data "$digits" --model resnet20 --steps 100000
}

# Stochastic depth: another training, the same network afterwards; stopped and resumed to the bit.
use_drop_path() {
    deep() { "$FOVEA" train --data "$digits" --model resnet8 --img-size 16 --in-chans 1 --epochs 2 --batch-size 100 --lr 0.05 "$@"; }
    code 0 deep --drop-path 0.5 --experiment drop
    code 0 deep --experiment plain
    differ runs/train/drop/results.csv runs/train/plain/results.csv
    code 0 deep --drop-path 0.5 --max-steps 5 --experiment cut
    code 0 deep --drop-path 0.5 --resume auto --experiment cut
    same runs/train/drop/weights/last.safetensors runs/train/cut/weights/last.safetensors
    fails 2 E2004 "--drop-path was '0.5', now '0.25'" -- deep --epochs 3 --drop-path 0.25 --resume auto --experiment cut
    code 0 "$FOVEA" info runs/train/drop/weights/best.safetensors --selftest
    code 0 "$FOVEA" info resnet20 --drop-path 0.2 --graph
    equal "$(grep -c ' = stochastic_depth(' out)" 8
    fails 2 E2004 "vgg11 has no residual blocks that could be left out" -- "$FOVEA" info vgg11 --drop-path 0.1
    fails 2 E2004 "--drop-path has no effect here: a model file has residual blocks of its own" -- small_run --model "$model" --drop-path 0.1
    printf 'input: [8, 8, 1]\nlayers:\n  - flatten\n  - dense: 10\n' >own.yaml
    fails 2 E2004 "own.yaml: an architecture file has its own stochastic depth" -- "$FOVEA" info own.yaml --drop-path 0.1
}

# Killed at three moments with everything on that has a state or random numbers, with other numbers of threads: the bits
# of the run that nobody disturbed.
row_58_sigkill_with_everything_on() {
    words="--model resnet8 --img-size 16 --in-chans 1 --epochs 5 --steps-per-epoch 6 --batch-size 48 --val-split 0.2 --opt lamb --lr 0.02
        --lookahead 4 --max-norm 3 --clip-grad 5 --drop 0.1 --drop-path 0.3 --label-smoothing 0.1 --mixup 0.2 --crop-pad 2 --model-ema
        --model-ema-decay 0.9 --grad-accum-steps 2 --sched plateau --patience-epochs 0 --plateau-threshold 0.5 --decay-rate 0.5 --warmup-steps 3
        --patience 4 --monitor val_loss --progressive-resize 1:10,2:12x14,4:16"
    # shellcheck disable=SC2086
    code 0 "$FOVEA" train --data "$digits" $words --experiment straight --threads 2
    says "the learning rate goes from 0.02 to 0.01"
    # shellcheck disable=SC2086
    killed() { drive signal KILL after="Epoch $1" "$FOVEA" train --data "$digits" $words --resume auto --threads "$2" --recovery-interval 1 --log-interval 1; }
    code 137 killed "1/5  4/6" 1
    code 137 killed "3/5  1/6" 2
    code 137 killed "4/5  6/6" 4
    # shellcheck disable=SC2086
    code 0 "$FOVEA" train --data "$digits" $words --resume auto
    for file in last ema best; do
        same runs/train/exp/weights/$file.safetensors runs/train/straight/weights/$file.safetensors
    done
    cut -d, -f1,2,4-9 runs/train/exp/results.csv >one
    cut -d, -f1,2,4-9 runs/train/straight/results.csv >two
    same one two
}
