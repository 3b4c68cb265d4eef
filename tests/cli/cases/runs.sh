# SPDX-License-Identifier: Apache-2.0
# Run folders: never overwritten, never shared, never half-written; and what is in them.

row_42_existing_run_gets_a_new_name() {
    code 0 small_run --experiment a
    fingerprint runs/train/a >first
    code 0 small_run --experiment a
    code 0 small_run --experiment a
    fingerprint runs/train/a >second
    same first second
    exists runs/train/a2/weights/best.safetensors runs/train/a3/weights/best.safetensors
    same runs/train/a/weights/last.safetensors runs/train/a3/weights/last.safetensors
}

row_42_output_cannot_be_written() {
    echo text >file
    fails 9 E9001 "file/exp: cannot be made: part of the path is a file" "--output" -- small_run --output file
    equal "$(cat file)" text
    fails 9 E9001 "/dev/null/runs/exp: cannot be made" "expected a folder" -- small_run --output /dev/null/runs
    if [ "$(id -u)" = 0 ]; then
        cp -r "$digits" data
        chmod -R a+rX .
        mkdir -m 755 locked
        drive nobody "$FOVEA" data check "$PWD/data" >/dev/null 2>&1 || skip "the user without rights cannot come here"
        fails 9 E9004 "locked/exp: cannot create the folder" "permission" -- drive nobody "$FOVEA" train \
            --data "$PWD/data" --model lenet --epochs 1 --output "$PWD/locked"
        absent locked/exp
    else
        mkdir -m 555 locked
        fails 9 E9004 "locked/exp: cannot create the folder" "permission" -- small_run --output locked
    fi
}

row_42_too_little_room_is_seen_at_the_start() {
    needs_faults
    full() { FAULT_DISK_FREE=100000 LD_PRELOAD="$CLI_FAULTS" small_run "$@"; }
    fails 9 E9003 "runs/train/exp: 0 MB free" "three checkpoints need 3 MB" "another --output" -- full
    silent_about "Epoch 1/2"
    no_leftovers .
}

row_43_two_runs_in_one_folder() {
    "$FOVEA" train --data "$digits" --model lenet --epochs 100000 --batch-size 60 --lr 1e-6 --log-interval 1 2>first.log >/dev/null &
    pid=$!
    while ! grep -qs 'Epoch 2/' first.log && kill -0 $pid; do sleep 0.05; done
    second() { "$FOVEA" train --data "$digits" --model lenet --epochs 100000 --batch-size 60 --lr 1e-6 --resume auto; }
    fails 2 E2008 "runs/train/exp" "process $pid" "another --experiment" -- second
    kill -TERM $pid
    got=0
    wait $pid || got=$?
    equal "$got" 75
    # The lock goes with the process.
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 100000 --batch-size 60 --lr 1e-6 --resume auto --max-steps 1
}

# Runs that begin at the same time find names of their own.
row_43_two_runs_begin_together() {
    for i in 1 2 3 4; do
        small_run --epochs 1 --quiet >log.$i 2>&1 &
    done
    wait
    for name in exp exp2 exp3 exp4; do
        same runs/train/exp/weights/last.safetensors runs/train/$name/weights/last.safetensors
    done
    equal "$(ls runs/train | wc -l | tr -d ' ')" 4
    # A run that does not come to be leaves no folder, and no folders above it.
    code 2 small_run --output other/place --loss nonsense
    absent other
}

row_44_damaged_state_falls_back() {
    code 0 small_run --sched constant
    cp -r runs/train/exp runs/train/sound
    plant flip runs/train/exp/weights/last.state byte=9000
    continue_run() { "$FOVEA" train --data "$digits" --model lenet --epochs 3 --batch-size 60 --lr 0.05 --sched constant --resume auto "$@"; }
    code 0 continue_run
    says "last.state: damaged: checksum" "older state" "resumed at epoch 2, after 10 steps"
    # The same without the damage has the same end: the epoch that was lost is done again.
    code 0 continue_run --experiment sound
    says "resumed at epoch 3, after 20 steps"
    same runs/train/exp/weights/last.safetensors runs/train/sound/weights/last.safetensors
}

row_44_truncated_checkpoints() {
    code 0 small_run
    head -c 1000 runs/train/exp/weights/last.state >cut
    cp cut runs/train/exp/weights/last.state
    cp cut runs/train/exp/weights/previous.state
    fails 4 E4004 "cannot resume: no state there is whole, 2 are damaged" "start anew with another --experiment" -- small_run --resume auto
    says "last.state: truncated" "previous.state: truncated"
    for size in 7 300 100000; do
        head -c $size "$model" >cut.safetensors
        fails 4 E4002 "cut.safetensors: " -- "$FOVEA" eval --data "$digits" --model cut.safetensors
        fails 4 E4002 "cut.safetensors: " -- "$FOVEA" predict --source "$digits" --model cut.safetensors
        fails 4 E4002 "cut.safetensors: " -- "$FOVEA" info cut.safetensors
    done
    cp "$model" flip.safetensors
    chmod u+w flip.safetensors
    plant flip flip.safetensors byte=-200
    fails 4 E4004 "flip.safetensors: the weights are damaged" -- "$FOVEA" eval --data "$digits" --model flip.safetensors
}

row_45_newest_valid_state() {
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 --lr 0.05 --recovery-interval 3 \
        --max-steps 8 --experiment whole
    slow() { drive signal KILL after='1/2  8/10' "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 \
        --lr 0.05 --recovery-interval 3 --log-interval 1; }
    code 137 slow
    set -- runs/train/exp/weights/recovery-*.state
    [ $# -ge 2 ] || die "two recovery states were expected, found $*"
    # The newest is cut off: the one before it counts.
    newest=$(ls runs/train/exp/weights/recovery-*.state | sort | tail -n 1)
    head -c 5000 "$newest" >cut
    cp cut "$newest"
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 60 --lr 0.05 --resume auto
    says "$newest: " "older state" "resumed at epoch 1, after 3 steps"
    code 0 small_run --experiment straight
    same runs/train/exp/weights/last.safetensors runs/train/straight/weights/last.safetensors
}

row_59_disk_full_while_saving() {
    needs_faults
    FAULT_DISK_FLAG=$PWD/full
    export FAULT_DISK_FLAG
    many() { LD_PRELOAD="$CLI_FAULTS" "$FOVEA" train --data "$digits" --model lenet --epochs 9 --batch-size 60 --lr 0.05 "$@"; }
    many --log-interval 1 >out 2>log.txt &
    pid=$!
    while ! grep -qs '^Epoch 3/9 .* 1/10' log.txt && kill -0 $pid; do :; done
    touch full
    got=0
    wait $pid || got=$?
    cp log.txt err
    equal "$got" 9
    one_error E9003
    says "runs/train/exp/weights/" "disk full" "\`fovea train --resume runs/train/exp\` goes on when there is space"
    no_leftovers runs
    # What was saved before is whole, and the run goes on from it.
    rm full
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/exp/weights/best.safetensors
    code 0 many --resume auto
    says "resumed at epoch"
    code 0 many --experiment straight
    same runs/train/exp/weights/last.safetensors runs/train/straight/weights/last.safetensors
}

row_59_limit_on_file_sizes() {
    limited() (
        ulimit -f 100
        small_run
    )
    fails 9 E9001 "runs/train/exp/weights/best.safetensors" "File too large" -- limited
    no_leftovers runs
}

use_resume_of_a_folder() {
    mkdir mine
    echo text >mine/notes
    fails 9 E9002 "--resume mine: no run folder" "--resume auto" -- small_run --resume mine
    fails 9 E9002 "--resume none: no run folder" -- small_run --resume none
    equal "$(ls mine)" notes
    code 0 small_run --max-steps 4 --experiment a
    code 0 small_run --resume runs/train/a --max-steps 0
    says "resumed at epoch 1, after 4 steps"
    code 0 small_run --experiment b
    same runs/train/a/weights/last.safetensors runs/train/b/weights/last.safetensors
    # What makes a run another run is not silently taken.
    again() { "$FOVEA" train --data "$digits" --model lenet --epochs 3 --batch-size 60 --lr 0.05 --resume runs/train/a "$@"; }
    fails 2 E2004 "cannot resume: --seed was 0, now 5" -- again --seed 5
    fails 2 E2004 "cannot resume: --batch-size was 60, now 30" -- again --batch-size 30
    fails 2 E2004 "cannot resume: the model was 'lenet', now 'mnist_cnn'" -- again --model mnist_cnn
    fails 2 E2004 "the data was" -- again --data "$photos" --model lenet --in-chans 1
    fails 2 E2004 "cannot resume: --augment was '', now 'hflip p=0.5'" "--force" -- again --hflip
    fails 2 E2004 "cannot resume: --balance was 'none', now 'oversample'" -- again --balance oversample
    fails 2 E2004 "cannot resume: the images' way into the network" "--force" -- again --contrast clahe
    fails 2 E2004 "cannot resume: --lr was 0.05, now 0.1; --label-smoothing was 0, now 0.1" "--force" -- \
        again --lr 0.1 --label-smoothing 0.1
    code 0 again --lr 0.1 --label-smoothing 0.1 --init he_normal --force
    says "--epochs was 2, now 3" "schedule is rebuilt" "--lr was 0.05, now 0.1" "--label-smoothing was 0, now 0.1" \
        "--init was 'default', now 'he_normal'"
    silent_about "--wd was" "--workers" "--threads"
}

use_run_folder() {
    code 0 small_run --experiment a
    cd runs/train/a
    equal "$(head -n 1 results.csv)" \
        epoch,step,time_s,lr,train_loss,train_top1,val_loss,val_top1,val_top5,val_mae,val_mean_ap,img_per_s,data_wait_pct,peak_mem_mb
    equal "$(wc -l <results.csv | tr -d ' ')" 3
    equal "$(sed -n 3p results.csv | cut -d, -f1,2)" 2,20
    equal "$(awk -F, '{ print NF }' results.csv | sort -u)" 14
    drive json ev <events.jsonl >kinds || die "events.jsonl is not JSON"
    equal "$(sort kinds | uniq -c | awk '{ print $1 $2 }' | tr '\n' ' ')" "2ckpt 1end 2epoch 1start 20step "
    drive json t <events.jsonl >times
    sort -n times >sorted
    same times sorted
    exists args.yaml report.html weights/best.safetensors weights/last.safetensors weights/last.state
    no_leftovers .
    # Lines of a version that measured less keep their numbers under the right names.
    cut -d, -f 1-9,12-14 <results.csv >old && cp old results.csv
    cd ../../..
    code 0 small_run --experiment a --epochs 3 --resume auto --histogram-interval 2
    equal "$(cat runs/train/a/train/events.* | grep -ao 'gradients/fc3.weight' | wc -l | tr -d ' ')" 2
    equal "$(sed -n 3p runs/train/a/results.csv | cut -d, -f 1-9,12-14)" "$(sed -n 3p runs/train/a/old)"
    equal "$(awk -F, '{ print NF }' runs/train/a/results.csv | sort -u)" 14
}

# args.yaml repeats the run to the last bit, whatever was given.
use_args_yaml_repeats_the_run() {
    repeat() {
        rm -rf runs
        code 0 "$FOVEA" train "$@" --experiment once
        code 0 "$FOVEA" train -c runs/train/once/args.yaml --experiment again
        same runs/train/once/weights/last.safetensors runs/train/again/weights/last.safetensors
        grep -v '^experiment' runs/train/once/args.yaml >one
        grep -v '^experiment' runs/train/again/args.yaml >two
        same one two
    }
    repeat --data "$digits" --model lenet --epochs 1 --batch-size 60 --lr 0.012345678901234567 --wd 1e-5 --seed 7
    repeat --data "$digits" --epochs 1 --max-steps 3 --opt rmsprop --val-split 0.25 --monitor val_loss --patience 3
    repeat --data "$photos" --model lenet --epochs 2 --opt adamw --hflip --crop-pad 2 --mean 0.4 --std 0.3 --sched step
    # A network whose architecture has dropout keeps it.
    repeat --data "$photos" --model squeezenet1_1 --img-size 32 --epochs 1 --max-steps 2 --batch-size 4
    repeat --data "$digits" --model "$model" --epochs 1 --max-steps 3
}

# When, how it stands, and what the test gave, of runs of every end.
use_runs_tells_how_they_stand() {
    mkdir data && cp -R "$photos/train" "$photos/val" data && cp -R "$photos/val" data/test && chmod -R u+w data
    run() { "$FOVEA" train --data data --model lenet --img-size 28 --in-chans 3 --batch-size 8 --lr 0.01 "$@"; }
    code 0 run --epochs 1 --experiment done
    prints "test: 8 samples"
    drive json top1 <runs/train/done/test.json >top1
    code 0 run --epochs 9 --max-steps 2 --experiment steps
    code 7 run --epochs 9 --lr 1e6 --experiment wild
    code 75 drive signal TERM after="Epoch 2/99" "$FOVEA" train --data "$digits" --model lenet --epochs 99 --batch-size 60 --experiment ended
    code 137 drive signal KILL after="Epoch 2/99" "$FOVEA" train --data "$digits" --model lenet --epochs 99 --batch-size 60 --experiment dead
    "$FOVEA" train --data "$digits" --model lenet --epochs 999 --batch-size 60 --experiment now >log 2>&1 &
    pid=$!
    while ! grep -q "^Epoch 2/" log; do sleep 0.1; done
    code 0 "$FOVEA" runs
    kill "$pid"
    wait "$pid" || true
    pid=
    for words in "done finished" "steps finished" "wild diverged" "ended stopped" "dead killed" "now running"; do
        grep -qE "^${words% *} +$(date +%Y)-[0-9-]+ [0-9:]+ +${words#* } +lenet" out || die "not so: $words"
    done
    awk 'length > 100 { exit 1 }' out || die "a line is too long"
    grep -qE "^done .* [0-9.]+ %$" out || die "the test's score is missing"
    equal "$(awk 'NR == 2 { print $1 }' out)" "done" # the oldest comes first
    code 0 drive pty 80 "$FOVEA" runs
    awk 'length > 81 { exit 1 }' out || die "a line is too long for 80 columns"
    prints "done" finished
    code 0 "$FOVEA" runs --json
    drive json 0.status <out >status
    equal "$(head -n 1 status)" finished
    drive json 0.test_top1 <out >score
    same top1 score
    # By name; what differs between any two runs is left out.
    code 0 "$FOVEA" runs diff done wild
    prints "lr " "0.01 " "status" "diverged" "test top1"
    silent_about experiment directory
    fails 9 E9002 "other: no run folder" -- "$FOVEA" runs diff done other
    # Gone on with, it is finished.
    code 0 "$FOVEA" train --resume runs/train/ended --epochs 3
    code 0 "$FOVEA" runs
    grep -qE "^ended .* finished " out || die "a resumed run is not finished"
}

use_runs() {
    code 0 small_run --val-split 0.2 --experiment "a b"
    code 0 small_run --val-split 0.2 --experiment c --lr 0.2 --label-smoothing 0.1
    code 0 "$FOVEA" runs
    prints "a b" lenet c
    code 0 "$FOVEA" runs ls --json
    drive json 1.epochs <out >epochs
    equal "$(cat epochs)" 2
    code 0 "$FOVEA" runs best
    equal "$(wc -l <out | tr -d ' ')" 2
    code 0 "$FOVEA" runs diff "runs/train/a b" runs/train/c
    prints lr 0.05 0.2 label-smoothing "train loss"
    silent_about "weight-decay" "bias-"
    fails 9 E9002 "no-such: no run folder" -- "$FOVEA" runs diff "runs/train/a b" no-such
    fails 2 E2001 "ls, best" -- "$FOVEA" runs list
    code 0 "$FOVEA" runs --output nowhere
    says "nowhere: no runs"
}

# run_by_hand NAME STATUS LR VAL_TOP1...: the folder of a run that ended so, with an epoch for each score (- : not measured).
run_by_hand() {
    mkdir -p "$1/weights"
    printf 'model: lenet\ndata: digits\nlr: %s\nname: "it'\''s <b>"\nexperiment: %s\nmonitor: val_top1\n' "$3" "${1##*/}" >"$1/args.yaml"
    echo '{"t":0.0,"ev":"start","schema":1,"wall":'"$((1700000000 + ${#1}))"',"epoch":1,"step":0}' >"$1/events.jsonl"
    case $2 in
    finished) echo '{"t":9.5,"ev":"end","epoch":3,"step":9,"text":"all epochs done"}' >>"$1/events.jsonl" ;;
    diverged) echo '{"t":9.5,"ev":"end","epoch":3,"step":9,"text":"bad","error":52}' >>"$1/events.jsonl" ;;
    esac
    echo epoch,step,time_s,lr,train_loss,train_top1,val_loss,val_top1 >"$1/results.csv"
    hand=$1
    rate=$3
    shift 3
    n=0
    for score in "$@"; do
        n=$((n + 1))
        [ "$score" != - ] || score=
        echo "$n,$((3 * n)),$n.5,$rate,$((5 - n)).25,0.5,${score:+0.75},$score" >>"$hand/results.csv"
    done
}

three_runs() {
    run_by_hand runs/train/a finished 0.1 0.5 0.75 0.625
    run_by_hand runs/train/bb killed 0.2 0.25 0.75
    run_by_hand runs/train/ccc finished 0.3 - - -
    run_by_hand more/dddd finished 0.4 0.5
}

# Which is best, by what is asked for: its direction, equals, runs without it, and those that may go on.
use_runs_best_by_a_metric() {
    three_runs
    code 0 "$FOVEA" runs best --metric top1
    equal "$(awk 'NR == 2 { print $1 }' out)" a
    says "without val_top1: ccc" "as good as a, which began first: bb"
    code 0 "$FOVEA" runs --metric train_loss
    equal "$(awk 'NR > 1 { print $1 }' out | tr '\n' ' ')" "a ccc bb "
    code 0 "$FOVEA" runs best --metric val_top1 runs/train/bb more
    equal "$(awk 'NR == 2 { print $1 }' out)" runs/train/bb
    says "runs/train/bb has not finished: killed"
    code 0 "$FOVEA" runs ls more runs/train runs/train/a
    equal "$(awk 'NR > 1 { print $1 }' out | tr '\n' ' ')" "more/dddd runs/train/a runs/train/bb runs/train/ccc "
    code 0 "$FOVEA" runs best --metric val_top1 --json more
    drive json 0.best_val_top1 <out >value
    equal "$(cat value)" 0.5
    fails 9 E9002 "--metric test_top1: no run has it" -- "$FOVEA" runs best --metric test_top1
    fails 2 E2003 "--metric val_top2: runs have no such metric" "did you mean 'val_top1'?" -- "$FOVEA" runs --metric val_top2
    fails 9 E9002 "nowhere: no such folder" -- "$FOVEA" runs ls nowhere
    fails 2 E2004 "folders are named, and --output names another" -- "$FOVEA" runs ls more --output runs/train
    fails 2 E2004 "--metric has no effect here" -- "$FOVEA" runs diff a bb --metric val_top1
}

# One page of all runs: curves over each other, a table in the order asked for, what differs; nothing from elsewhere.
use_runs_report() {
    three_runs
    code 0 "$FOVEA" runs report runs/train more --metric top1 --output page.html
    equal "$(head -n 1 page.html)" "<!DOCTYPE html>"
    equal "$(grep -o '<tr data-run="[0-9]*"><th scope="row" data-v="[^"]*"' page.html | sed 's/.*data-v="//; s/"//' | tr '\n' ' ')" \
        "runs/train/a runs/train/bb more/dddd runs/train/ccc "
    equal "$(grep -c '<figure>' page.html)" 5
    equal "$(grep -c '</figure>' page.html)" 5
    equal "$(grep -o '<polyline' page.html | wc -l | tr -d ' ')" 18 # 4 of training's and of the rate, 3 of validation's
    equal "$(grep -o 'class="word open" data-v="killed"' page.html | wc -l | tr -d ' ')" 1
    grep -q 'data-v="0.75" class="best">75.00 %' page.html || die "the best is not marked"
    grep -q '<th scope="col" data-up="1" data-word="1">lr</th>' page.html || die "the rate differs, and has no column"
    ! grep -q '>name</th>' page.html || die "a setting that is the same has a column"
    ! grep -qE 'https?:|src=|<link' page.html || die "the page needs something else"
    # The same again, over the page of before; not over what is no page.
    cp page.html before.html
    code 0 "$FOVEA" runs report runs/train more --metric top1 --output page.html
    same before.html page.html
    echo text >notes
    fails 2 E2004 "notes: exists already" "--force" -- "$FOVEA" runs report runs/train --output notes
    equal "$(cat notes)" text
    fails 2 E2001 "--output is missing" -- "$FOVEA" runs report runs/train
    fails 9 E9002 "no runs" -- "$FOVEA" runs report runs --output other.html
    absent other.html
    # A name is text, wherever it comes from, and one epoch is a point.
    run_by_hand "odd/<i>&" finished 0.5 0.5
    code 0 "$FOVEA" runs report odd --output page.html
    grep -qF '&lt;i&gt;&amp;' page.html || die "the name is not there"
    ! grep -qF '<i>' page.html || die "the name is markup"
}

# MLflow's file store, as its reader takes it.
use_runs_mlflow() {
    three_runs
    code 0 "$FOVEA" runs mlflow runs/train more --output store
    says "4 runs" "mlflow ui --backend-store-uri store"
    equal "$(ls store | wc -l | tr -d ' ')" 2 # a folder of runs is an experiment
    for experiment in store/*; do
        id=${experiment#store/}
        echo "$id" | grep -qE '^[1-9][0-9]{17}$' || die "no id of an experiment: $id"
        grep -qx "experiment_id: '$id'" "$experiment/meta.yaml" && grep -qx "lifecycle_stage: active" "$experiment/meta.yaml" ||
            die "$experiment/meta.yaml"
    done
    run=$(dirname "$(grep -lx "run_name: 'runs/train/a'" store/*/*/meta.yaml)")
    grep -qx "run_id: ${run##*/}" "$run/meta.yaml" || die "another run's id"
    grep -qx "artifact_uri: 'file://$PWD/$run/artifacts'" "$run/meta.yaml" || die "another place of artifacts"
    grep -qx "start_time: 1700000012000" "$run/meta.yaml" && grep -qx "end_time: 1700000015500" "$run/meta.yaml" || die "other times"
    grep -qx "status: 3" "$run/meta.yaml" || die "not finished"
    equal "$(cat "$run/metrics/val_top1")" "1700000013500 0.5 1
1700000014500 0.75 2
1700000015500 0.625 3"
    equal "$(cat "$run/params/lr") $(cat "$run/tags/mlflow.runName")" "0.1 runs/train/a"
    same "$run/artifacts/results.csv" runs/train/a/results.csv
    absent "$run/params/experiment" "$run/artifacts/test.json"
    run=$(dirname "$(grep -lx "run_name: 'runs/train/bb'" store/*/*/meta.yaml)")
    grep -qx "status: 5" "$run/meta.yaml" || die "not killed"
    run=$(dirname "$(grep -lx "run_name: 'runs/train/ccc'" store/*/*/meta.yaml)")
    absent "$run/metrics/val_top1"
    # Again, in the same places; not among other files.
    find store -type f | sort >first
    code 0 "$FOVEA" runs mlflow runs/train more --output store
    find store -type f | sort >second
    same first second
    mkdir other && echo text >other/notes
    fails 2 E2004 "no store of MLflow" -- "$FOVEA" runs mlflow runs/train --output other
    equal "$(ls other)" notes
    fails 2 E2001 "--output is missing" -- "$FOVEA" runs mlflow
}

# Models of epochs: every second one, or the best ones. Killed at any moment, a run leaves the files that it leaves when
# nobody disturbs it, and every one of them can be used.
use_models_of_epochs() {
    kept() { (cd "$1/weights" && sha256sum epoch-*.safetensors); }
    ranked() { "$FOVEA" train --data "$digits" --model lenet --epochs 7 --batch-size 60 --lr 0.1 --val-split 0.2 --monitor val_top1 --checkpoint-hist 2 "$@"; }
    code 0 ranked --experiment straight
    kept runs/train/straight >straight
    equal "$(wc -l <straight | tr -d ' ')" 2
    # The two with the best validation, of equals the earlier.
    awk -F, 'NR > 1 { print $8, $1 }' runs/train/straight/results.csv | sort -k1,1gr -k2,2g | head -n 2 | awk '{ print $2 }' | sort >best
    sed 's/.*epoch-0*\([0-9]*\).*/\1/' straight | sort >names
    same best names
    killed() { drive signal KILL after="Epoch $1" "$FOVEA" train --data "$digits" --model lenet --epochs 7 --batch-size 60 --lr 0.1 --val-split 0.2 \
        --monitor val_top1 --checkpoint-hist 2 --resume auto --recovery-interval 1 --log-interval 1; }
    for moment in "1/7  8/8" "3/7  2/8" "4/7  8/8"; do
        code 137 killed "$moment"
    done
    echo mine >runs/train/exp/weights/epoch-0099.safetensors
    code 0 ranked --resume auto
    equal "$(cat runs/train/exp/weights/epoch-0099.safetensors)" mine
    rm runs/train/exp/weights/epoch-0099.safetensors
    kept runs/train/exp >resumed
    same straight resumed
    # TensorBoard has each epoch once.
    equal "$(cat runs/train/exp/train/events.* | grep -ao 'weights/conv1.weight' | wc -l | tr -d ' ')" 7
    equal "$(cat runs/train/exp/train/events.* | grep -ao 'epoch_learning_rate' | wc -l | tr -d ' ')" 7
    no_leftovers runs
    # More epochs keep what is better; a model of an epoch is a model like others.
    code 0 small_run --epochs 5 --save-period 2 --experiment every
    (cd runs/train/every/weights && ls epoch-*) >names
    equal "$(tr '\n' ' ' <names)" "epoch-0002.safetensors epoch-0004.safetensors "
    grep -q '^save-period: 2' runs/train/every/args.yaml || die "args.yaml has no save-period"
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/every/weights/epoch-0004.safetensors
    rm runs/train/every/weights/best.safetensors runs/train/every/weights/last.safetensors
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/every
    says "runs/train/every/weights/epoch-0004.safetensors"
    fails 9 E9002 "epoch-0004.safetensors: a file, and a run goes on from its folder" -- \
        "$FOVEA" train --resume runs/train/every/weights/epoch-0004.safetensors
    fails 2 E2003 "--checkpoint-hist" "from 0 to 100" -- small_run --checkpoint-hist 101
    fails 2 E2003 "--save-period" -- small_run --save-period -1
}

# A disk that is full while a model of an epoch is written leaves those that are there; too little room for all is said
# at the start.
row_59_disk_full_at_a_model_of_an_epoch() {
    needs_faults
    full() { FAULT_DISK_FREE=5000000 LD_PRELOAD="$CLI_FAULTS" small_run "$@"; }
    fails 9 E9003 "three checkpoints and the models of 100 epochs need" "--save-period" "--checkpoint-hist" -- full --epochs 100 --save-period 1
    code 0 full --epochs 3 --checkpoint-hist 2
    many() { LD_PRELOAD="$CLI_FAULTS" "$FOVEA" train --data "$digits" --model lenet --epochs 6 --batch-size 60 --lr 0.05 --save-period 1 \
        --experiment cut "$@"; }
    FAULT_DISK_FLAG=$PWD/full
    export FAULT_DISK_FLAG
    many --log-interval 1 >out 2>log.txt &
    pid=$!
    while ! grep -qs '^Epoch 4/6 .* 1/10' log.txt && kill -0 $pid; do :; done
    touch full
    got=0
    wait $pid || got=$?
    equal "$got" 9
    no_leftovers runs
    rm full
    for n in 1 2 3; do
        code 0 "$FOVEA" info "runs/train/cut/weights/epoch-000$n.safetensors" --selftest
    done
    code 0 many --resume auto
    equal "$(ls runs/train/cut/weights/epoch-* | wc -l | tr -d ' ')" 6
}
