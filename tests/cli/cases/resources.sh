# SPDX-License-Identifier: Apache-2.0
# Threads, instruction sets and memory are what the process may use.

doctor_says() {
    key=$1
    value=$2
    shift 2
    code 0 "$@" "$FOVEA" doctor --json
    drive json "$key" <out >found
    equal "$(cat found)" "$value"
}

row_64_threads() {
    unset FOVEA_NUM_THREADS
    doctor_says threads 3 env FOVEA_NUM_THREADS=3
    doctor_says threads 3 env FOVEA_NUM_THREADS=3 OMP_NUM_THREADS=2
    doctor_says threads 2 env OMP_NUM_THREADS=2
    if command -v taskset >/dev/null; then
        first=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
        doctor_says threads 1 taskset -c "$first"
    fi
    code 0 "$FOVEA" doctor --json --threads 2
    prints '"threads":2'
    for bad in abc -3 0x2 100000; do
        fails 2 E2003 "FOVEA_NUM_THREADS: found '$bad', expected 1 to 1024" "fovea help environment" -- \
            env FOVEA_NUM_THREADS=$bad "$FOVEA" doctor
    done
    # The number does not change the bits.
    code 0 small_run --threads 1 --experiment one
    code 0 small_run --threads 2 --experiment two
    same runs/train/one/weights/last.safetensors runs/train/two/weights/last.safetensors
}

row_65_instruction_sets() {
    few_steps() { "$FOVEA" train --data "$digits" --model lenet --epochs 1 --max-steps 4 --batch-size 30 "$@"; }
    code 0 few_steps --experiment any
    for isa in scalar avx2 avx512 neon; do
        FOVEA_CPU=$isa
        export FOVEA_CPU
        if "$FOVEA" doctor >/dev/null 2>&1; then
            doctor_says instruction_set $isa
            code 0 few_steps --experiment $isa
            same runs/train/any/weights/last.safetensors runs/train/$isa/weights/last.safetensors
        else
            fails 2 E2003 "FOVEA_CPU: " "'$isa'" "possible here: scalar" -- "$FOVEA" doctor
        fi
    done
    FOVEA_CPU=nonsense
    fails 2 E2003 "FOVEA_CPU: unknown instruction set 'nonsense'" "possible here: scalar" "fovea help environment" -- \
        "$FOVEA" train --data "$digits" --model lenet
}

row_66_memory() {
    big() { "$FOVEA" train --data "$digits" --model resnet20 --epochs 1 --batch-size 512 "$@"; }
    fails 5 E5002 "training with batch 512 needs " "the limit is 100.00 MiB" "the largest parts: " "use --batch-size " "raise --memory" \
        -- big --memory 100M
    absent runs
    proposed=$(sed -n 's/^hint: use --batch-size \([0-9]*\), .*/\1/p' err)
    code 0 "$FOVEA" train --data "$digits" --model resnet20 --max-steps 1 --memory 100M --batch-size "$proposed" --quiet
    fails 5 E5002 "the limit is 2.00 MiB" "not even --batch-size 1 fits" "--memory" -- big --memory 2M
    # auto takes what fits, and says so.
    code 0 "$FOVEA" train --data "$digits" --model resnet20 --max-steps 1 --memory 40M
    says "--batch-size auto: "
    doctor_says memory_limit 104857600 sh -c '"$@" --memory 100M' sh
    if [ -z "${CLI_SANITIZE:-}" ]; then
        limited() (
            ulimit -v 700000
            big --batch-size 4096
        )
        fails 5 E5002 "batch 600 needs " "the limit is " "use --batch-size " -- limited
    fi
}

photographs() { # HEIGHT WIDTH
    for class in cat dog; do
        mkdir -p big/$class
        plant jpeg big/$class/0.jpg h="$1" w="$2"
        for i in 1 2 3 4 5 6 7 8 9; do cp big/$class/0.jpg big/$class/$i.jpg; done
    done
}

# A process that stood still has not waited: Ctrl-Z, a paused container, a machine that slept.
row_80_standing_still() {
    photographs 900 1200
    slow() { "$FOVEA" train --data big --model lenet --in-chans 3 --img-size 28 --epochs 20 --batch-size 5 --workers 2 --io-timeout 0.3 "$@"; }
    code 0 slow --experiment straight
    slow --experiment paused --log-interval 1 >out 2>err &
    pid=$!
    for moment in 1 3 5; do
        while ! grep -qs "Epoch $moment/20  1/4" err && kill -0 $pid; do sleep 0.01; done
        kill -STOP $pid 2>/dev/null || continue # it was over before
        sleep 1
        kill -CONT $pid
    done
    got=0
    wait $pid || got=$?
    equal "$got" 0
    silent_about quarantined
    absent runs/train/paused/quarantine.csv
    same runs/train/paused/weights/last.safetensors runs/train/straight/weights/last.safetensors
}

# Too few descriptors are the machine's fault: the run may stop, but no file is blamed.
row_81_too_few_descriptors() {
    photographs 300 400
    limited() (
        ulimit -n "$1"
        "$FOVEA" train --data big --model lenet --in-chans 3 --img-size 28 --epochs 1 --workers 8 --max-bad 0.5 --experiment "n$1"
    )
    for n in 12 8 7 6 5; do
        got=0
        limited $n >out 2>err || got=$?
        silent_about quarantined "cannot be used"
        absent "runs/train/n$n/quarantine.csv"
        [ "$got" = 0 ] || [ "$got" = 9 ] || die "exit code $got with $n descriptors"
        [ "$got" = 0 ] || says "Too many open files"
    done
    limited 64 || die "exit code $?"
    # Nor do the checks, packing or prediction.
    verbs() (
        ulimit -n "$1"
        shift
        "$FOVEA" "$@"
    )
    for n in 7 6 5; do
        for words in "data check big --threads 8" "data stats big --threads 8" "data pack big --output pack$n.fvpack --threads 8" \
            "predict --model runs/train/n64/weights/last.safetensors --source big/cat --workers 8"; do
            got=0
            verbs $n $words >out 2>err || got=$?
            silent_about "quarantined" "quarantine cat" "quarantine dog" "cannot be used"
            [ "$got" = 0 ] || [ "$got" = 9 ] || die "exit code $got with $n descriptors: $words"
        done
    done
}
