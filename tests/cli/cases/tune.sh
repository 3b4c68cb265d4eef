# SPDX-License-Identifier: Apache-2.0
# Several runs of one command: fovea tune, train --folds, grow. What is told is a function of what was asked for.

# A search that takes a second.
search() {
    "$FOVEA" tune --data "$digits" --model lenet --val-split 0.2 --batch-size 20 --steps-per-epoch 6 --epochs 4 \
        --trials 7 --opt adam --seed 3 --space 'lr=log:1e-4..1e-1' --space 'label-smoothing=0,0.1' --space 'wd=0..1e-3' "$@"
}

# table FOLDER: without the seconds, which are those of the machine.
table() { sed 's/,[^,]*$//' "$1"; }

use_tune() {
    code 0 search
    says "runs/tune/exp: \`fovea tune --resume runs/tune/exp\` goes on" "trial-0000: 4 epochs, val_top1 " "trial-0006: 2 epochs"
    prints "trial state       epochs   val_top1  settings" "best: trial " "; as given: " "command: fovea train --data="
    exists runs/tune/exp/trials.csv runs/tune/exp/events.jsonl runs/tune/exp/report.html runs/tune/exp/tune.yaml
    equal "$(head -n 1 runs/tune/exp/trials.csv)" "trial,state,epochs,val_top1,best_epoch,lr,label-smoothing,wd,seconds"
    equal "$(cut -d, -f2,3 runs/tune/exp/trials.csv | sort | uniq -c | awk '{ print $1 $2 }' | paste -sd' ')" "3done,4 1state,epochs 4stopped,2"
    # The first has what was given, the best is at least as good, and its command makes its model again, to the byte.
    equal "$(sed -n 2p runs/tune/exp/trials.csv | cut -d, -f1,6-8)" "0,0.001,0,0.0001"
    best=$(sed -n 's/^best: trial \([0-9]*\),.*/\1/p' out)
    awk -F, -v b="$best" '$1 == 0 { as = $4 } $1 == b { is = $4 } END { exit !(is >= as) }' runs/tune/exp/trials.csv || die "the best is worse than the first"
    weights=$(sed -n 's/^weights: //p' out)
    line=$(sed -n 's/^command: fovea //p' out)
    eval "code 0 \"\$FOVEA\" $line --experiment again"
    same "$weights" runs/train/again/weights/best.safetensors
    # Each trial is a run: it is listed, and goes on by itself.
    code 0 "$FOVEA" runs --output runs/tune/exp
    equal "$(grep -c '^trial-000[0-6] ' out) $(grep -c ' stopped ' out)" "7 4"
    # Trials that were drawn stay as they are when more are asked for; other settings are another search.
    table runs/tune/exp/trials.csv | cut -d, -f1,6-8 >before
    cp -R runs/tune/exp runs/tune/more
    code 0 "$FOVEA" tune --resume runs/tune/more --trials 8 --json
    table runs/tune/more/trials.csv | cut -d, -f1,6-8 | head -n 8 >after
    same before after
    equal "$(drive json trials.0.trial <out) $(drive json trials.7.trial <out) $(drive json trials.0.settings.lr <out)" "0 7 0.001"
    fails 2 E2004 "--resume runs/tune/exp: --seed was 3, now 4" -- "$FOVEA" tune --resume runs/tune/exp --seed 4
    # What is written among images is no class of them.
    cp -R "$photos/train" set && chmod -R u+w set && cp -R runs set/
    code 0 "$FOVEA" data stats set --json
    equal "$(grep -o '"name":"[^"]*"' out | paste -sd' ')" '"name":"cat" "name":"dog"'
    # The page needs nothing else.
    equal "$(grep -c '<path class="run' runs/tune/exp/report.html)" 7
    if grep -q 'http://\|https://\|<script' runs/tune/exp/report.html; then die "the page is not whole"; fi
}

# Killed at three moments, in the middle of trials and of what stands between them, the table is the same to the byte.
use_tune_killed() {
    code 0 search --experiment whole
    printf '#!/bin/sh\nexec "%s" tune --data "%s" --model lenet --val-split 0.2 --batch-size 20 --steps-per-epoch 6 --epochs 4 --trials 7 --opt adam --seed 3 --space lr=log:1e-4..1e-1 --space label-smoothing=0,0.1 --space wd=0..1e-3 --experiment cut --resume auto "$@"\n' "$FOVEA" "$digits" >cut_search
    chmod +x cut_search
    for moment in 'Epoch 3/4  4/6' 'trial-0001: ' 'trial-0004: '; do
        code 137 drive signal KILL after="$moment" ./cut_search --progress plain --log-interval 1
    done
    code 0 ./cut_search
    absent runs/tune/cut2
    table runs/tune/whole/trials.csv >a
    table runs/tune/cut/trials.csv >b
    same a b
    for i in 0 1 2 3 4 5 6; do
        same "runs/tune/whole/trial-000$i/weights/last.safetensors" "runs/tune/cut/trial-000$i/weights/last.safetensors"
    done
    # A signal that asks is answered with how it goes on.
    fails 75 E75001 "\`fovea tune --resume runs/tune/asked\` goes on" "interrupted in trial-0000; what was trained is saved" -- \
        drive signal TERM after='Epoch 2/4' "$FOVEA" tune --data "$digits" --model lenet --val-split 0.2 --batch-size 20 --steps-per-epoch 6 \
        --epochs 4 --trials 2 --experiment asked --progress plain --log-interval 1
    code 0 "$FOVEA" tune --resume runs/tune/asked
    # Nothing is left to do: only the table is printed.
    cp out before
    code 0 "$FOVEA" tune --resume runs/tune/asked
    same out before
}

# What its own settings spoil is no end of the others; hours only stop what has not begun.
use_tune_spoilt_trials() {
    spoilt() {
        "$FOVEA" tune --data "$digits" --model lenet --val-split 0.2 --batch-size 20 --steps-per-epoch 6 --epochs 2 --trials 6 --reduction 1 "$@"
    }
    code 0 spoilt --space 'warmup-epochs=0,9' --space 'lr=0.01,1e6'
    says "fovea: warning: trial-000" ": --warmup-epochs 9 is not below --epochs 2"
    equal "$(grep -c '^[0-9],refused,0,,,9,' runs/tune/exp/trials.csv)" "$(grep -c ',9,[^,]*,[^,]*$' runs/tune/exp/trials.csv)"
    [ "$(grep -c ',diverged,' runs/tune/exp/trials.csv)" -ge 1 ] || die "none diverged"
    equal "$(sed -n 2p runs/tune/exp/trials.csv | cut -d, -f1,2,3)" "0,done,2"
    table runs/tune/exp/trials.csv >before
    code 0 "$FOVEA" tune --resume runs/tune/exp
    table runs/tune/exp/trials.csv >after
    same before after
    code 0 spoilt --space lr=0.01,0.02 --hours 1e-9 --experiment late
    says "--hours 1e-09: 1 of 6 trials were started"
    equal "$(grep -c 'not started,0,,' runs/tune/late/trials.csv)" 5
    code 0 "$FOVEA" tune --resume runs/tune/late --hours 1
    equal "$(grep -c ',done,2,' runs/tune/late/trials.csv)" 6
}

row_39_searches_that_make_no_sense() {
    fails 2 E2002 "--space: there is no setting 'lrr' to search; did you mean lr?" -- search --space lrr=1,2
    fails 2 E2003 "there is nothing between 2 and 1" -- search --space momentum=2..1
    fails 2 E2003 "there is nothing between 1 and 1" -- search --space momentum=1..1
    fails 2 E2003 "-1 has no logarithm" -- search --space momentum=log:-1..1
    fails 2 E2003 "2 is out of the range of momentum: expected 0 to 1" -- search --space momentum=0..2
    fails 2 E2003 "'adm' is no value of opt: expected one of" "did you mean adam?" -- "$FOVEA" tune --data "$digits" --space opt=sgd,adm
    fails 2 E2003 "'' is no value of momentum" -- search --space momentum=
    fails 2 E2003 "expected KEY=VALUES" -- search --space momentum
    fails 2 E2003 "log: belongs to a range" -- search --space momentum=log:0.9
    fails 2 E2003 "no operator 'hflop'" -- search --space 'augment=none|hflop'
    fails 2 E2004 "lr is there twice" -- search --space lr=1,2
    fails 2 E2004 "epochs says what trials are measured by or how long they are" -- search --space epochs=1,2
    fails 2 E2004 "threads changes no result" -- search --space threads=1,2
    fails 2 E2003 "--trials: found '0', expected a whole number from 1 to 9999" -- search --trials 0
    fails 2 E2001 "no val split here" "--val-split 0.2" -- "$FOVEA" tune --data "$digits" --model lenet
    fails 2 E2004 "--monitor train_loss: runs are compared by" -- search --monitor train_loss
    fails 2 E2001 "fovea tune: --data PATH is missing" -- "$FOVEA" tune --trials 3
    mkdir data && cp "$digits"/* data/
    unchanged data fails 9 E9002 "--resume data: no folder of \`fovea tune\` (tune.yaml is missing there)" -- "$FOVEA" tune --resume data
    fails 2 E2004 "--repeats has no effect here" -- search --repeats 3
    fails 2 E2004 "--trials has no effect here: --ablate" -- search --ablate augment
    fails 2 E2003 "--ablate: found 'layers', expected augment" -- "$FOVEA" tune --data "$digits" --val-split 0.2 --ablate layers
    fails 2 E2003 "no operator 'flip'" -- "$FOVEA" tune --data "$digits" --val-split 0.2 --ablate augment=flip
    absent runs
}

use_tune_ablate() {
    ablate() {
        "$FOVEA" tune --data "$digits" --model lenet --val-split 0.2 --batch-size 20 --steps-per-epoch 6 --epochs 2 --opt adam --repeats 3 "$@"
    }
    code 0 ablate --degrees 90 --augment 'crop pad=1' --ablate 'augment=noise'
    prints "as given  " "without crop pad=1 " "without rotate degrees=90 " "without all " "with noise "
    equal "$(cut -d, -f2 runs/tune/exp/ablation.csv | paste -sd'|')" "augment|crop pad=1; rotate degrees=90|rotate degrees=90|crop pad=1|none|crop pad=1; rotate degrees=90; noise"
    # Gains are means of differences seed by seed.
    awk -F, 'NR == 2 { for (k = 0; k < 3; k++) a[k] = $(9 + k) } NR == 3 { for (k = 0; k < 3; k++) s += ($(9 + k) - a[k]) / 3; exit !((s - $6) ^ 2 < 1e-10) }' \
        runs/tune/exp/ablation.csv || die "the gain is not the mean of the differences"
    for seed in 0 1 2; do grep -q "^seed: $seed\$" "runs/tune/exp/variant-03-seed-$seed/args.yaml" || die "no seed $seed"; done
    cp runs/tune/exp/ablation.csv before
    code 0 "$FOVEA" tune --resume runs/tune/exp
    same before runs/tune/exp/ablation.csv
    fails 2 E2004 "there is nothing to leave out" -- ablate --ablate augment
}

use_folds() {
    folds() { small_run --steps-per-epoch 5 --epochs 2 --folds 3 "$@"; }
    code 0 folds
    prints " fold state " "    3 done " "(deviation over 3 folds)"
    exists runs/train/exp/folds.json runs/train/exp/report.html runs/train/exp/fold-3/args.yaml
    awk -F, 'NR > 1 { s += $4; q += $4 * $4 } END { m = s / 3; printf "%.6f %.6f\n", m, sqrt((q - 3 * m * m) / 2) }' runs/train/exp/folds.csv >by_hand
    equal "$(printf '%.6f %.6f' "$(drive json mean <runs/train/exp/folds.json)" "$(drive json deviation <runs/train/exp/folds.json)")" "$(cat by_hand)"
    # A fold is a run as any other.
    code 0 folds --fold 2 --experiment second
    same runs/train/exp/fold-2/weights/last.safetensors runs/train/second/weights/last.safetensors
    # Killed within the second, they go on.
    code 137 drive signal KILL after='fold-1: ' "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 --lr 0.05 --steps-per-epoch 5 --folds 3 --experiment cut
    code 0 "$FOVEA" train --resume runs/train/cut
    table runs/train/exp/folds.csv >a
    table runs/train/cut/folds.csv >b
    same a b
    fails 2 E2003 "'zebra' is in none of the" -- "$FOVEA" train --data "$photos" --model squeezenet1_1 --img-size 32 --epochs 1 --folds 2 --group-by zebra
    fails 2 E2003 "'(' is no regular expression" -- "$FOVEA" train --data "$photos" --model squeezenet1_1 --img-size 32 --epochs 1 --folds 2 --group-by '('
    fails 3 E3001 "too few to divide into 30 parts" "fewer folds" -- "$FOVEA" train --data "$photos" --model squeezenet1_1 --img-size 32 --epochs 1 --folds 30
    fails 2 E2003 "--fold 4: there are 3 folds" -- folds --fold 4
    fails 2 E2004 "--group-by has no effect here: it needs --folds" -- small_run --group-by x
    fails 2 E2004 "--val-split has no effect here: --folds" -- folds --fold 1 --val-split 0.2
    fails 2 E2003 "--folds: found '1', expected a whole number from 2 to 100" -- small_run --folds 1
    fails 2 E2004 "--folds 3: one of them is meant here" -- "$FOVEA" sanity --data "$digits" --folds 3
}

use_grow() {
    ladder() { "$FOVEA" grow --data "$digits" --val-split 0.2 --batch-size 20 --steps-per-epoch 8 --epochs 2 --opt adam "$@"; }
    code 0 ladder --model lenet,mnist_cnn
    prints "rung model " "   1 lenet " "   2 mnist_cnn " "chosen: " "command: fovea train "
    exists runs/grow/exp/grow.svg runs/grow/exp/report.html
    # The rule, by hand: a standard error of the score of 120 images.
    awk -F, 'NR == 2 { p = $7 } NR == 3 { want = $7 - p >= sqrt(p * (1 - p) / 120) ? "yes" : "no"; exit !(want == $9 && ($7 - p - $8) ^ 2 < 1e-10) }' \
        runs/grow/exp/grow.csv || die "the rule is another: $(cat runs/grow/exp/grow.csv)"
    code 0 ladder --model lenet,mnist_cnn --lr 1e-9 --experiment idle
    says "is no better than guessing (10 %), so this says nothing about sizes"
    # The plain family, up to a budget, without and with a kill.
    code 0 ladder --macs 6e5 --experiment whole
    prints "plain-w4-d1" "plain-w8-d1" "chosen: plain-w"
    awk -F, 'NR > 1 && $4 > 6e5 { exit 1 }' runs/grow/whole/grow.csv || die "beyond the budget"
    code 137 drive signal KILL after='plain-w4-d1, ' "$FOVEA" grow --data "$digits" --val-split 0.2 --batch-size 20 --steps-per-epoch 8 --epochs 2 --opt adam --macs 6e5 --experiment cut
    code 0 "$FOVEA" grow --resume runs/grow/cut --json
    table runs/grow/whole/grow.csv >a
    table runs/grow/cut/grow.csv >b
    same a b
    equal "$(drive json images <out) $(drive json rungs.0.model <out)" "120 plain-w4-d1"
    fails 5 E5002 "no network is within the budget: the smallest, plain-w4-d1" -- ladder --macs 1000 --experiment none
    fails 2 E2003 "--model lenet: one architecture is no ladder" -- ladder --model lenet --experiment none
    fails 2 E2002 "there is no architecture 'lenett'" -- ladder --model lenet,lenett --experiment none
    fails 2 E2004 "each network of a ladder starts anew" -- ladder --weights "$model" --experiment none
    absent runs/grow/none
}
