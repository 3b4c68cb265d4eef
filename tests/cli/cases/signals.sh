# SPDX-License-Identifier: Apache-2.0
# Signals, closed terminals and pipes, clocks: a run loses nothing by them.

# Long enough that a signal meets it; smaller pictures where steps are slow.
long="--model lenet --epochs 12 --batch-size 60 --lr 0.05 ${CLI_SLOW:+--img-size 14}"
long_run() { "$FOVEA" train --data "$digits" $long --log-interval 1 "$@"; }

# The run as it is when nobody disturbs it, to compare with.
straight_run() { code 0 "$FOVEA" train --data "$digits" $long --quiet --experiment straight; }

compare_with_straight() {
    same runs/train/exp/weights/last.safetensors runs/train/straight/weights/last.safetensors
    same runs/train/exp/weights/best.safetensors runs/train/straight/weights/best.safetensors
    cut -d, -f1,2,4-9 runs/train/exp/results.csv >one
    cut -d, -f1,2,4-9 runs/train/straight/results.csv >two
    same one two
    no_leftovers runs
}

saved_by() {
    straight_run
    # Stopped in an epoch's middle, and again a little later.
    for moment in '3/12  4/10' '7/12  9/10'; do
        stopped() { drive signal "$1" after="Epoch $moment" "$FOVEA" train --data "$digits" $long --log-interval 1 --resume auto; }
        fails 75 E75001 "interrupted at epoch " "the state is saved" "hint: \`fovea train --resume runs/train/exp\` goes on" -- stopped "$1"
        stopped_at=$(sed -n 's/.*interrupted at epoch \([0-9]*\) .*/\1/p' err)
    done
    # On a busy machine the signal comes some steps later.
    [ "$stopped_at" -ge 7 ] || die "stopped at epoch $stopped_at"
    code 0 long_run --resume auto
    grep -qE "resumed at epoch ($stopped_at|$((stopped_at + 1)))," err || die "not resumed at epoch $stopped_at"
    compare_with_straight
    code 0 long_run --resume auto
    says "the run was already complete"
    compare_with_straight
}

row_58_sigterm() { saved_by TERM; }

row_58_sigint() { saved_by INT; }

row_58_sighup() { saved_by HUP; }

# What batch systems warn by: a signal that was asked for, or the processor's time running out.
row_58_sigusr1() { saved_by USR1; }

row_58_sigusr2() { saved_by USR2; }

row_58_sigxcpu() { saved_by XCPU; }

row_58_sigkill() {
    straight_run
    killed() { drive signal KILL after="Epoch $1" "$FOVEA" train --data "$digits" $long --log-interval 1 --resume auto --recovery-interval 3; }
    for moment in '1/12  2/10' '1/12  8/10' '4/12  1/10' '4/12  10/10' '9/12  5/10'; do
        code 137 killed "$moment"
    done
    # As a kill in the middle of writing leaves them.
    echo part >runs/train/exp/weights/.recovery-0008-000003.state.tmp-4194999
    echo part >runs/train/exp/.args.yaml.tmp-4194999
    code 0 long_run --resume auto
    grep -qE "resumed at epoch (9|1[0-2]), after (8|9|1[01])" err || die "not resumed where it was killed"
    compare_with_straight
}

# Nothing of a packed file is left, and whoever waits sees the signal.
row_58_packing() {
    code 0 "$FOVEA" data make digits --output many --train 60000 --test 10
    packing() { drive signal "$1" after="images, about" "$FOVEA" data pack many --output packed.fvpack --raw --img-size 96; }
    fails 130 E75001 "many: interrupted: packed " " of 60010 images" "nothing was written" -- packing INT
    fails 143 E75001 "many: interrupted: packed " " of 60010 images" "nothing was written" -- packing TERM
    sharding() { drive signal TERM after="images, about" "$FOVEA" data pack many --output shards --format tar --shard-size 1M; }
    fails 143 E75001 "many: interrupted: packed " -- sharding
    equal "$(find shards -type f)" ""
    caching() { drive signal "$1" after="images, about" "$FOVEA" train --data many --model lenet --cache disk || echo $?; }
    code 0 caching HUP
    # On a busy machine the signal may come when the cache is done.
    if [ "$(tail -n 1 out)" = 129 ]; then
        says "many: interrupted: packed "
        absent runs
    fi
    no_leftovers .
    code 0 "$FOVEA" data pack many --output packed.fvpack --raw
}

# Every verb that takes long says how far it was, leaves nothing that would pass for a result, and ends as the signal
# would have ended it.
row_58_other_verbs() {
    needs_faults
    code 0 "$FOVEA" data make digits --output many --train 20000 --test 10
    stopped() { FAULT_SPEED=1000 LD_PRELOAD="$CLI_FAULTS" drive signal "$@" --progress json; }
    stops() { # SIGNAL CODE WHAT COMMAND
        signal=$1 number=$2 what=$3
        shift 3
        fails "$number" E75001 "interrupted: $what " " of " "nothing was written; start it again" -- stopped "$signal" after="\"${what%% *}\"" "$@"
        [ ! -s out ] || die "half a result on standard output"
    }
    stops TERM 143 scored "$FOVEA" eval --data many --split train --model "$model" --report page.html
    stops INT 130 scored "$FOVEA" eval --data many --split train --model "$model" --tta flip --json
    stops HUP 129 checked "$FOVEA" data check many --report page.html --quarantine bad.csv
    stops TERM 143 checked "$FOVEA" data stats many --report page.html
    stops TERM 143 checked "$FOVEA" data show many --suspicious --output sheet.png
    stops INT 130 drew "$FOVEA" data show many --per-class 1000 --output sheet.png
    plant classes alike count=1500 cat dog
    stops TERM 143 compared "$FOVEA" data split alike --output parts.csv
    stops USR1 138 drew "$FOVEA" data make digits --output new --train 60000
    stops TERM 143 measured "$FOVEA" train --data many --model lenet --norm dataset
    absent page.html bad.csv sheet.png parts.csv new runs
    no_leftovers .
    # What was answered is whole lines.
    code 143 stopped TERM after='"answered"' "$FOVEA" predict --data many --split train --model "$model" --out csv --sheet sheet.png
    says "stopped by signal 15: " " of 20000 images answered, the rest not; sheet.png was not written"
    awk -F, 'NF != 5 { exit 1 }' out || die "half a line"
    absent sheet.png
}

# The training is over and kept; what its end measures can be had again.
row_58_scoring_of_the_test_set() {
    needs_faults
    code 0 "$FOVEA" data make digits --output many --train 60 --test 20000
    stopped() { FAULT_SPEED=1000 LD_PRELOAD="$CLI_FAULTS" drive signal "$1" after='"scored"' "$FOVEA" train --data many --model lenet \
        --epochs 1 --progress json --experiment "$1"; }
    for signal in TERM INT; do
        fails 75 E75001 "interrupted while it was scored: the training is complete" "fovea train --resume runs/train/$signal" -- stopped $signal
        prints "best: epoch 1" "weights: runs/train/$signal/weights/best.safetensors"
        grep -q "^test:" out && die "half a score"
        code 0 "$FOVEA" train --resume runs/train/$signal
        says "the run was already complete"
        prints "test: 20000 samples"
    done
    code 0 "$FOVEA" runs best
    prints "test"
}

# One line is drawn anew on a terminal and gone before the result; elsewhere there is one every half minute.
use_progress_of_every_verb() {
    needs_faults
    code 0 "$FOVEA" data make digits --output many --train 4000 --test 10
    plant classes alike count=600 cat dog
    faster() { FAULT_SPEED=$speed LD_PRELOAD="$CLI_FAULTS" "$@"; }
    for words in "scored eval --data many --split train --model $model" "checked data check many" "checked data stats many" \
        "compared data split alike --output parts.csv --force" "packed data pack many --output many.fvpack --force" \
        "answered predict --data many --model $model --split train" "measured train --data many --model lenet --max-steps 1 --norm dataset"; do
        set -- $words
        what=$1
        shift
        speed=20000
        code 0 faster "$FOVEA" "$@"
        grep -qE "^$what [0-9]+ of [0-9]+ [a-z ]+  [0-9]+%  [0-9.]+/s  ETA [0-9:]+$" err || die "no line of progress: $words"
        [ "$what" != answered ] || continue # its answers are on the terminal
        speed=1000
        code 0 faster drive pty 40 "$FOVEA" "$@"
        tr '\r' '\n' <out | grep -a "^$what [0-9]* of" | sed 's/\x1b.*//' >lines
        [ -s lines ] || die "no live line: $words"
        awk 'length >= 40 { exit 1 }' lines || die "a live line wraps: $words"
    done
    code 0 faster "$FOVEA" eval --data many --split train --model "$model" --quiet
    silent_about "scored"
    speed=1
    code 0 faster "$FOVEA" eval --data many --model "$model"
    silent_about "scored"
    # Validation, too; and steps that take long are told of whatever --log-interval says.
    speed=20000
    code 0 faster "$FOVEA" train --data many --model lenet --val-split 0.5 --epochs 1 --log-interval 100000
    grep -q "^scored [0-9]* of 20" err || die "no progress of validation"
    grep -q "^Epoch 1/1  [0-9]*/" err || die "no progress between --log-interval"
}

# What nohup and background jobs ignore stays ignored.
row_58_ignored_signals_stay_ignored() {
    (
        trap '' HUP INT
        exec "$FOVEA" train --data "$digits" --model lenet --epochs 6 --batch-size 60 --lr 0.05 --log-interval 1 >out 2>err
    ) &
    pid=$!
    while ! grep -qs 'Epoch 2/6' err && kill -0 $pid; do :; done
    kill -HUP $pid
    kill -INT $pid
    got=0
    wait $pid || got=$?
    equal "$got" 0
    silent_about interrupted
}

row_60_pipe_closed() {
    straight_run
    # Nobody reads: neither results nor progress may stop the run.
    { long_run 2>&1 || echo $? >failed; } | head -n 3 >/dev/null
    absent failed
    compare_with_straight
    { "$FOVEA" predict --model "$model" --data "$digits" --split test --json || echo $? >failed; } | head -n 1 >first
    drive json file <first >/dev/null || die "the first line is not whole"
    absent failed
}

row_60_standard_files_closed() {
    straight_run
    long_run >&- 2>&- <&- || die "exit code $?"
    compare_with_straight
    drive json ev <runs/train/exp/events.jsonl >/dev/null || die "something else was written into events.jsonl"
    if [ -e /dev/full ]; then
        full() { "$FOVEA" eval --data "$digits" --model "$model" --json 2>err >/dev/full; }
        code_full=0
        full || code_full=$?
        equal "$code_full" 9
        grep -q '^fovea: error\[E9003\]: standard output: ' err || die "the full output was not told"
        "$FOVEA" train --data "$digits" --model lenet --epochs 1 --batch-size 60 --experiment full >out 2>/dev/full || die "exit code $?"
        exists runs/train/full/weights/last.safetensors
    fi
}

row_60_terminal_closed() {
    straight_run
    # The terminal's end is a SIGHUP: saved, and resumed from another one.
    terminal() { drive pty 80 hangup='Epoch 3/12' "$FOVEA" train --data "$digits" $long --progress plain --log-interval 1; }
    code 75 terminal
    code 0 long_run --resume auto
    compare_with_straight
    # Under nohup the run goes on, and so do its logs.
    deaf() { drive pty 80 hangup='Epoch 3/12' sh -c "trap '' HUP; exec \"\$@\"" sh "$FOVEA" train --data "$digits" $long --progress plain --log-interval 1 --experiment deaf; }
    code 0 deaf
    same runs/train/deaf/weights/last.safetensors runs/train/straight/weights/last.safetensors
    equal "$(tail -n 1 runs/train/deaf/results.csv | cut -d, -f1)" 12
}

row_60_clock_jumps() {
    needs_faults
    straight_run
    export FAULT_CLOCK=1
    LD_PRELOAD="$CLI_FAULTS" long_run >out 2>err || die "exit code $?"
    unset FAULT_CLOCK
    compare_with_straight
    drive json t <runs/train/exp/events.jsonl >times
    sort -g times >sorted
    same times sorted
    awk -F, 'NR > 1 { if ($3 < last || $3 > 100) exit 1; last = $3 }' runs/train/exp/results.csv || die "times jump"
    if grep -q 'ETA [1-9][0-9]:' err; then die "the time left jumps"; fi
}
