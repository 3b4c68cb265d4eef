# SPDX-License-Identifier: Apache-2.0
# Runs that go on: the one that is meant, from where it was, and nothing else is touched.

# Stopped in the second epoch, at about its fourth step.
stopped_run() { drive signal TERM after='2/3  4/10' "$FOVEA" train --data "$digits" --model lenet --epochs 3 --batch-size 60 --lr 0.05 \
    --log-interval 1 "$@"; }
whole_run() { "$FOVEA" train --data "$digits" --model lenet --epochs 3 --batch-size 60 --lr 0.05 "$@"; }

# Runs the command of the hint, as it stands there.
follow_hint() {
    line=$(sed -n 's/^hint: `fovea \(.*\)` goes on.*$/\1/p' err)
    [ -n "$line" ] || die "no command in the hint"
    eval "code 0 \"\$FOVEA\" $line"
}

# The hint names the folder, and the folder is enough: other runs beside it stay as they are.
use_resume_alone() {
    code 0 whole_run
    fails 75 E75001 "\`fovea train --resume runs/train/exp2\` goes on" -- stopped_run
    unchanged runs/train/exp follow_hint
    says "resumed at epoch 2"
    same runs/train/exp/weights/last.safetensors runs/train/exp2/weights/last.safetensors
    grep -q '^experiment: exp2$' runs/train/exp2/args.yaml || die "args.yaml lacks the experiment"
    grep -q '^output: runs/train$' runs/train/exp2/args.yaml || die "args.yaml lacks the output"
    # Names that a shell would take apart, and another place.
    code 75 stopped_run --experiment "it's mine; \$HOME" --output "my runs"
    follow_hint
    same runs/train/exp/weights/last.safetensors "my runs/it's mine; \$HOME/weights/last.safetensors"
    # Flags win over the recipe, and are compared.
    code 75 stopped_run --experiment b --sched constant
    fails 2 E2004 "cannot resume: --lr was 0.05, now 0.01" -- "$FOVEA" train --resume runs/train/b/ --lr 0.01
    code 0 "$FOVEA" train --resume runs/train/b/ --epochs 2
    equal "$(tail -n 1 runs/train/b/results.csv | cut -d, -f1)" 2
    fails 9 E9002 "--resume runs: no run folder" -- "$FOVEA" train --resume runs
    fails 2 E2004 "--resume runs/train/b: --experiment c is another run" -- "$FOVEA" train --resume runs/train/b --experiment c
    code 0 "$FOVEA" train -c runs/train/b/args.yaml --resume runs/train/b
}

# The folder is enough from anywhere: paths are from where the run began, or from here when the tree was moved.
use_resume_from_another_folder() {
    mkdir -p work/sets elsewhere
    ln -s "$digits" work/sets/digits
    cp "$model" work/start.safetensors
    printf 'name: net\ninput: [28,28,1]\nlayers:\n  - conv2d: {filters: 4, kernel: 3, activation: relu}\n  - flatten\n  - dense: 10\n' >work/net.yaml
    tuned() { "$FOVEA" train --data sets/digits --model lenet --weights start.safetensors --lr 0.01 --epochs 2 --batch-size 60 "$@"; }
    cd work
    code 0 tuned --experiment straight
    code 0 tuned --max-steps 5 --experiment a
    code 0 "$FOVEA" train --data ./sets/digits --model net.yaml --max-steps 5 --epochs 1 --batch-size 60 --experiment n
    grep -q "^directory: \"\?$(pwd -P)\"\?$" runs/train/a/args.yaml || die "args.yaml does not say from where paths are"
    cp -R runs/train/a runs/train/b
    cd ../elsewhere
    mkdir sets && echo "another set" >sets/digits # of the same name, and not what is meant
    code 0 "$FOVEA" train --resume ../work/runs/train/a --max-steps 0
    silent_about " was " warning
    same ../work/runs/train/a/weights/last.safetensors ../work/runs/train/straight/weights/last.safetensors
    code 0 "$FOVEA" train --resume ../work/runs/train/n --max-steps 0
    says "resumed at epoch 1, after 5 steps"
    # From there the recipe is written anew, and is good for the first folder, too; auto finds the run from both.
    cd ../work
    unchanged runs code 0 "$FOVEA" train --resume runs/train/a
    says "already complete"
    unchanged runs code 0 tuned --resume auto --experiment a
    says "already complete"
    cd ../elsewhere
    unchanged ../work/runs code 0 "$FOVEA" train --data ../work/sets/../sets/digits --model lenet --weights ../work/start.safetensors \
        --lr 0.01 --epochs 2 --batch-size 60 --resume auto --experiment a --output ../work/runs/train
    says "already complete"
    # The run's folder is moved, then all of it, then only the data.
    mv ../work/runs/train/b run
    code 0 "$FOVEA" train --resume run --max-steps 7
    cd ..
    mv work moved
    cd moved
    mv ../elsewhere/run runs/train/b
    sed -i "s,^data: .*,data: sets/digits,; s,^weights: .*,weights: start.safetensors,; s,^directory: .*,directory: ../work," runs/train/b/args.yaml
    code 0 "$FOVEA" train --resume runs/train/b --max-steps 8
    mv sets/digits ../digits
    unchanged runs fails 9 E9002 "runs/train/b/args.yaml:" "data: there is no " "sets/digits" "name where it is now with --data" -- \
        "$FOVEA" train --resume runs/train/b --max-steps 0
    code 0 "$FOVEA" train --resume runs/train/b --data ../digits --max-steps 0
    same runs/train/b/weights/last.safetensors runs/train/straight/weights/last.safetensors
    # A recipe is the same; --directory says it of one that does not.
    cd ../elsewhere
    code 0 "$FOVEA" train -c ../moved/runs/train/b/args.yaml --max-steps 1 --experiment c
    printf 'data: digits\nmodel: lenet\nmax-steps: 1\n' >plain.yaml
    code 0 "$FOVEA" train -c plain.yaml --directory .. --experiment d
    fails 2 E2004 "--directory has no effect here" -- "$FOVEA" train --data ../digits --directory ..
}

# The newest run that is not over and has the settings of now.
use_resume_auto_finds_the_run() {
    code 0 whole_run
    code 75 stopped_run
    code 75 stopped_run --experiment other --label-smoothing 0.1
    fingerprint runs/train/exp >exp
    fingerprint runs/train/other >other
    code 0 whole_run --resume auto
    says "--resume auto: runs/train/exp2, which has done 1" "resumed at epoch 2"
    same runs/train/exp/weights/last.safetensors runs/train/exp2/weights/last.safetensors
    # Both are over: nothing is left to do, and nothing changes.
    unchanged runs code 0 whole_run --resume auto
    says "the run was already complete (all epochs done)"
    # No such run: a new one, and what the unfinished one differs in.
    code 0 whole_run --resume auto --label-smoothing 0.2
    says "--resume auto: runs/train/other is another run (--label-smoothing differs): a new one is started"
    exists runs/train/exp3/weights/last.safetensors
    code 0 whole_run --resume auto --label-smoothing 0.1
    says "--resume auto: runs/train/other"
    # A name means that run and those numbered after it.
    code 75 stopped_run --experiment b
    code 75 stopped_run --experiment b
    code 0 whole_run --resume auto --experiment b
    says "--resume auto: runs/train/b2"
    fails 2 E2004 "cannot resume: --seed was 0, now 4" -- whole_run --resume auto --experiment b --seed 4
    fingerprint runs/train/exp >now
    same exp now
}

# A run that a rule ended stays ended, says by which, and not a byte changes; a rule that allows more goes on.
use_resume_of_an_ended_run() {
    patient() { "$FOVEA" train --data "$digits" --model lenet --epochs 9 --batch-size 60 --lr 1e-9 --sched constant --val-split 0.2 \
        --monitor val_top1 --min-delta 0.5 --experiment es --resume auto "$@"; }
    code 0 patient --patience 2
    says "early stopping"
    equal "$(tail -n 1 runs/train/es/results.csv | cut -d, -f1)" 3
    for i in 1 2; do
        unchanged runs code 0 patient --patience 2
        says "already complete (early stopping" "a larger --patience goes on"
    done
    code 0 patient --patience 3
    equal "$(tail -n 1 runs/train/es/results.csv | cut -d, -f1)" 4
    code 0 whole_run --max-steps 14 --experiment ms
    cp runs/train/ms/results.csv rows
    unchanged runs code 0 whole_run --max-steps 14 --experiment ms --resume auto
    says "already complete (--max-steps reached)"
    same rows runs/train/ms/results.csv
    unchanged runs code 0 "$FOVEA" train --resume runs/train/ms
    says "already complete (--max-steps reached)"
    code 0 whole_run --max-steps 17 --experiment ms --resume auto
    code 0 whole_run --experiment ms --resume auto
    code 0 whole_run --experiment straight
    same runs/train/ms/weights/last.safetensors runs/train/straight/weights/last.safetensors
    same runs/train/ms/weights/best.safetensors runs/train/straight/weights/best.safetensors
    equal "$(cut -d, -f1,2 runs/train/ms/results.csv | tr '\n' ' ')" "epoch,step 1,10 2,20 3,30 "
    unchanged runs code 0 whole_run --experiment ms --resume auto
    says "already complete (all epochs done); a larger --epochs goes on"
    # The same of a folder that is not to be written to at all.
    unchanged runs code 2 whole_run --experiment ms --resume auto --lr 1
    unchanged runs code 2 whole_run --experiment ms --resume auto --model mnist_cnn
    unchanged runs code 2 "$FOVEA" train --resume runs/train/ms --balance oversample
    silent_about "was 'none', now 'none'"
}

# Every difference is named; what changes the meaning is refused.
use_resume_with_other_settings() {
    code 0 whole_run --balance oversample --max-steps 14 --experiment a
    again() { "$FOVEA" train --resume runs/train/a --max-steps 20 "$@"; }
    for words in "lr 0.05 0.5" "wd 0.0001 0" "momentum 0.9 0.1" "warmup-epochs 0 1" "label-smoothing 0 0.1" "clip-grad 0 1"; do
        set -- $words
        fails 2 E2004 "cannot resume: --$1 was $2, now $3" "--force" -- again --$1 $3
    done
    fails 2 E2004 "cannot resume: --sched was 'cosine', now 'constant'" -- again --sched constant
    fails 2 E2004 "cannot resume: --balance was 'oversample', now 'oversample=0.1'" -- again --balance oversample=0.1
    fails 2 E2004 "cannot resume: --loss was 'softmax_cross_entropy', now 'mse'" -- again --loss mse
    fails 2 E2004 "cannot resume: --opt was 'sgd', now 'adam'; --lr was 0.05, now 0.001" -- again --opt adam --lr 0.001 --momentum 0
    silent_about "--force"
    fails 2 E2004 "--lr was 0.05, now 0.5; --momentum was 0.9, now 0.1; --wd was 0.0001, now 0" "--force" -- \
        again --lr 0.5 --momentum 0.1 --wd 0
    unchanged runs code 2 again --lr 0.5
    code 0 again --lr 0.5 --force
    says "--lr was 0.05, now 0.5; going on because of --force"
}

# A state belongs to the graph that it was computed by, whatever the file's name and the number of its weights.
use_resume_with_another_network() {
    net() { # FILTERS FILTERS ACTIVATION DROPOUT
        printf 'name: net\ninput: [28,28,1]\nlayers:\n  - conv2d: {filters: %s, kernel: 3, same: true, activation: %s, name: a}\n' "$1" "$3"
        printf '  - conv2d: {filters: %s, kernel: 3, same: true, activation: relu, name: b}\n  - global_avg_pool\n  - flatten\n' "$2"
        printf '  - dropout: {rate: %s}\n  - dense: 10\n' "$4"
    } >net.yaml
    run() { "$FOVEA" train --data "$digits" --model net.yaml --epochs 1 --batch-size 60 --lr 0.05 --experiment n "$@"; }
    net 1 28 relu 0.25
    code 0 run --max-steps 4
    # 1 * 9 + 1 + 28 * 9 + 28 + 28 * 10 + 10 numbers, and as many in another order.
    net 4 8 relu 0.25
    fails 2 E2004 "cannot resume: the set of the network's tensors" -- run --resume auto
    fails 2 E2004 "cannot resume: the set of the network's tensors" -- run --resume auto --force
    net 1 28 tanh 0.25
    fails 2 E2004 "cannot resume: the network (its operators, attributes or shapes)" "--force" -- run --resume auto
    net 1 28 relu 0.5
    unchanged runs code 2 run --resume auto
    says "the network (its operators"
    code 0 run --resume auto --force
    says "going on because of --force"
    net 1 28 relu 0.25
    code 0 run --resume auto --experiment new
}

# A kill behind the last step that --max-steps allows adds none.
use_resume_behind_the_last_step() {
    short() { "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 --lr 0.05 --max-steps 4 --recovery-interval 2 \
        --log-interval 1 "$@"; }
    code 0 short --experiment straight
    cp -r runs/train/straight runs/train/killed
    # As the kill leaves it: the recovery state of step 4, and no end of the epoch.
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 --lr 0.05 --max-steps 5 --recovery-interval 2 \
        --experiment five
    killed() { drive signal KILL after='1/2  5/10' "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 --lr 0.05 \
        --recovery-interval 4 --log-interval 1 --experiment cut; }
    code 137 killed
    rm -f runs/train/cut/weights/recovery-0000-000008.state
    exists runs/train/cut/weights/recovery-0000-000004.state
    code 0 short --experiment cut --resume auto
    for file in best last; do
        same runs/train/cut/weights/$file.safetensors runs/train/straight/weights/$file.safetensors
    done
    equal "$(cut -d, -f1,2 runs/train/cut/results.csv)" "$(cut -d, -f1,2 runs/train/straight/results.csv)"
    unchanged runs code 0 short --experiment cut --resume auto
}

# A network of another tool with a new output layer: a run of it goes on, and its recipe repeats it, to the same bits.
use_resume_of_an_imported_network() {
    net=$FOVEA_SOURCE_DIR/tests/golden/onnx/inception_kept13.onnx
    ! "$FOVEA" info --model "$net" 2>&1 | grep -q 'made without' || skip "a library is missing"
    imported() { "$FOVEA" train --data "$digits" --model "$net" --reset-head --epochs 2 --batch-size 60 --lr 0.01 "$@"; }
    code 0 imported --experiment straight
    code 0 imported --experiment parts --max-steps 3
    code 0 "$FOVEA" train --resume runs/train/parts --max-steps 0
    code 0 "$FOVEA" train -c runs/train/straight/args.yaml --experiment again
    for run in parts again; do
        same runs/train/$run/weights/last.safetensors runs/train/straight/weights/last.safetensors
    done
    code 0 imported --img-size 20 --max-steps 1 --experiment its_size
    fails 2 E2004 "none of the zoo" "--drop" -- imported --drop 0.3 --max-steps 1
    fails 2 E2004 "an input size of its own" "--img-size" -- imported --img-size 24 --max-steps 1
}

# A stop within an epoch counts for neither patience nor best: what comes of it in pieces is what comes of it at once.
use_resume_within_an_epoch() {
    ending() { "$FOVEA" train --data "$digits" --model resnet8 --img-size 14 --epochs 4 --batch-size 18 --lr 0.05 --val-split 0.7 --restore-best \
        --patience 2 "$@"; }
    code 0 ending --experiment straight
    code 0 ending --experiment parts --max-steps 3
    exists runs/train/parts/weights/best.safetensors
    prints "best: epoch 1, val_top1"
    for steps in 9 10 11 20; do
        code 0 ending --experiment parts --resume auto --max-steps $steps
    done
    code 0 ending --experiment parts --resume auto
    for file in best last; do
        same runs/train/parts/weights/$file.safetensors runs/train/straight/weights/$file.safetensors
    done
    same runs/train/parts/weights/best.safetensors runs/train/parts/weights/last.safetensors
    cut -d, -f1,2,4-9 runs/train/parts/results.csv >one
    cut -d, -f1,2,4-9 runs/train/straight/results.csv >two
    same one two
    # Time goes on counting, in both logs.
    cut -d, -f3 runs/train/parts/results.csv | tail -n +2 >times
    sort -n times >sorted
    same times sorted
    drive json t <runs/train/parts/events.jsonl >times
    sort -n times >sorted
    same times sorted
    unchanged runs code 0 ending --experiment parts --resume auto
}

# Half a line that a kill left in the log does not spoil the next one.
use_resume_behind_half_a_line() {
    code 0 small_run --max-steps 13
    printf '{"t":99,"ev":"st' >>runs/train/exp/events.jsonl
    code 0 small_run --resume auto
    drive json ev <runs/train/exp/events.jsonl >kinds || die "a line is not JSON"
}

# The cache of a run that does not exist yet.
use_resume_auto_with_a_cache() {
    code 0 small_run --cache disk --resume auto --experiment c
    code 0 small_run --experiment n
    same runs/train/c/weights/last.safetensors runs/train/n/weights/last.safetensors
    unchanged runs code 0 small_run --cache disk --resume auto --experiment c
}

# A run without a best model has not done what it was for: one step of an epoch, behind which nothing is finite.
use_run_without_a_best_model() {
    lost() { "$FOVEA" train --data "$digits" --model resnet8 --img-size 12 --epochs 1 --batch-size 120 --lr 1e6 --momentum 0 --val-split 0.8 "$@"; }
    for words in "val_top1" "val_loss" "val_loss --loss mse" "val_top1 --max-steps 1"; do
        rm -rf runs
        fails 7 E7001 "${words%% *} was never finite when it was measured: there is no best model" \
            "the weights of the last epoch are in runs/train/exp/weights/last.safetensors" -- lost --monitor $words
        prints "run: runs/train/exp" "weights: runs/train/exp/weights/last.safetensors"
        silent_about "best.safetensors" "use it:"
        absent runs/train/exp/weights/best.safetensors
        exists runs/train/exp/weights/last.safetensors runs/train/exp/report.html
        unchanged runs code 7 "$FOVEA" train --resume runs/train/exp
        says "was never finite"
    done
    # One that was deleted is not named as if it were there.
    code 0 small_run --experiment b
    rm runs/train/b/weights/best.safetensors
    fails 7 E7001 "runs/train/b/weights/best.safetensors: the best model (epoch " "the file was removed" \
        "runs/train/b/weights/last.safetensors" -- "$FOVEA" train --resume runs/train/b
    prints "weights: runs/train/b/weights/last.safetensors"
    silent_about "use it:"
    exists runs/train/b/weights/last.safetensors
}

# A run that --max-steps ended within its first epoch has a best model, of those steps. Whoever goes on from there and is
# killed before anything is saved leaves that one to the next.
use_resume_within_the_first_epoch() {
    code 0 "$FOVEA" data make digits --output little --train 75 --test 10 --seed 3
    set -- --data little --model lenet --epochs 3 --batch-size 12 --lr 0.02 --log-interval 1 --val-split 0.2
    code 0 "$FOVEA" train "$@" --max-steps 3
    cp runs/train/exp/weights/best.safetensors first
    got=0
    drive signal KILL after="Epoch 1/3  4/5" "$FOVEA" train "$@" --resume auto >out 2>err || got=$?
    equal "$got" 137
    code 0 "$FOVEA" train "$@" --max-steps 3 --resume auto
    same first runs/train/exp/weights/best.safetensors
    code 0 "$FOVEA" train "$@" --resume auto
    prints "best: epoch "
}

# ---- sequences ----

# A number below $1, the next of a row that the seed begins (Lehmer, 16807 modulo 2^31 - 1).
draw() { random=$((random * 16807 % 2147483647)); drawn=$((random % $1)); }

# The folder of the run with that learning rate; no two may have it.
folder_of() {
    found=
    for recipe in runs/train/*/args.yaml; do
        if grep -qs "^lr: $1\$" "$recipe"; then
            [ -z "$found" ] || die "two folders of one run: $found ${recipe%/args.yaml}"
            found=${recipe%/args.yaml}
        fi
    done
}

# Epochs 1, 2, 3, ... without gap or double.
check_rows() {
    [ ! -e "$1/results.csv" ] || tail -n +2 "$1/results.csv" |
        awk -F, '$1 != NR || NF != 14 { bad = 1 } END { exit bad }' || die "$1/results.csv: a gap or a double"
}

# All epochs done, the state of the end saved, and the test set scored.
is_over() {
    [ -e "$1/test.json" ] && [ "$(tail -n 1 "$1/results.csv" | cut -d, -f1,2)" = 3,15 ] && ! ls "$1"/weights/recovery-* >/dev/null 2>&1
}

has_state() { [ -n "$1" ] && ls "$1"/weights/*.state >/dev/null 2>&1; }

# One thing that may happen to the run of learning rate $1.
happen() {
    draw 6
    what=$drawn
    draw 3
    epoch=$((drawn + 1))
    draw 5
    at="$epoch/3  $((drawn + 1))/5"
    set -- --data little --model lenet --epochs 3 --batch-size 12 --lr "$1" --log-interval 1 --recovery-interval 2 --val-split 0.2
    got=0
    case $what in
    0) drive signal KILL after="Epoch $at" "$FOVEA" train "$@" --resume auto >out 2>err || got=$? ;;
    1) drive signal TERM after="Epoch $at" "$FOVEA" train "$@" --resume auto >out 2>err || got=$? ;;
    2) "$FOVEA" train "$@" --resume auto --max-steps "$((1 + drawn + 5 * (epoch - 1)))" >out 2>err || got=$? ;;
    3) ! has_state "$folder" || unchanged "$folder" code 2 "$FOVEA" train --resume "$folder" --seed 9 ;;
    4) ! has_state "$folder" || unchanged "$folder" code 2 "$FOVEA" train "$@" --resume "$folder" --model mnist_cnn ;;
    *) [ -z "$folder" ] || drive signal INT after="Epoch $at" "$FOVEA" train --resume "$folder" >out 2>err || got=$? ;;
    esac
    case $what$got in [34]* | ?0 | ?75 | ?137) ;; *) die "exit code $got" ;; esac
}

# Two runs in one output folder, killed, stopped, refused and resumed in random order, never change each other; one that
# is over stays as it is; and both end as if nothing had happened.
use_random_sequences() {
    code 0 "$FOVEA" data make digits --output little --train 75 --test 10 --seed 3
    for lr in 0.05 0.02; do
        code 0 "$FOVEA" train --data little --model lenet --epochs 3 --batch-size 12 --lr $lr --val-split 0.2 --output straight --experiment $lr
    done
    seed=${CLI_SEQUENCE_SEED:-1}
    last=$((seed + ${CLI_SEQUENCES:-20}))
    while [ $seed -lt $last ]; do
        random=$((seed * 7919 + 17))
        rm -rf runs done.*
        for i in 1 2 3 4 5 6; do
            draw 2
            [ $drawn = 0 ] && mine=0.05 other=0.02 || { mine=0.02 other=0.05; }
            folder_of $other
            beside=$found
            [ -z "$beside" ] || fingerprint "$beside" >beside
            folder_of $mine
            folder=$found
            happen $mine
            folder_of $mine
            folder=$found
            [ -z "$folder" ] || check_rows "$folder"
            if [ -n "$beside" ]; then
                fingerprint "$beside" >now
                same beside now
            fi
            if [ -e done.$mine ]; then
                fingerprint "$folder" >now
                same done.$mine now
            elif [ -n "$folder" ] && is_over "$folder"; then
                fingerprint "$folder" >done.$mine
            fi
        done
        for lr in 0.05 0.02; do
            code 0 "$FOVEA" train --data little --model lenet --epochs 3 --batch-size 12 --lr $lr --val-split 0.2 --recovery-interval 2 --resume auto
            folder_of $lr
            for file in best last; do
                same "$found/weights/$file.safetensors" straight/$lr/weights/$file.safetensors
            done
            check_rows "$found"
            drive json ev <"$found/events.jsonl" >/dev/null || die "$found/events.jsonl: a line is broken"
            cut -d, -f1,2,4-9 "$found/results.csv" >one
            cut -d, -f1,2,4-9 "straight/$lr/results.csv" >two
            same one two
        done
        seed=$((seed + 1))
    done
}
