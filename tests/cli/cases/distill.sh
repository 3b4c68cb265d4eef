# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # lib.sh sets the paths
# Networks that learn from others' answers.
taught() { "$FOVEA" distill "$model" --data "$digits" --model mnist_cnn --epochs 2 --batch-size 100 --opt adam --lr 1e-3 --log-interval 1 "$@"; }

# Kept answers, threads and a kill change no bit; the verb is train with a teacher; another teacher is another run.
use_distill() {
    code 0 taught --threads 1 --experiment a
    says "teacher $model: lenet, 61706 parameters" "the labels 0.1, the teacher 0.9 at temperature 4" "asked once about an image" "600 of 600 images"
    grep -q "^teacher: \"\?$model\"\?$" runs/train/a/args.yaml || die "args.yaml does not name the teacher"
    code 0 "$FOVEA" train --teacher "$model" --data "$digits" --model mnist_cnn --epochs 2 --batch-size 100 --opt adam --lr 1e-3 --threads 2 \
        --no-feature-cache --experiment b
    silent_about "asked once"
    same runs/train/a/weights/last.safetensors runs/train/b/weights/last.safetensors
    cp "$model" t.safetensors
    killed() {
        drive signal KILL after="2/2  3/6" "$FOVEA" train --teacher t.safetensors --data "$digits" --model mnist_cnn --epochs 2 --batch-size 100 \
            --opt adam --lr 1e-3 --log-interval 1 --recovery-interval 2 --experiment c "$@"
    }
    code 137 killed
    cp runs/train/b/weights/last.safetensors t.safetensors
    fails 2 E2004 "cannot resume: the teacher (--teacher) is not what it was" "--force" -- "$FOVEA" train --resume runs/train/c
    cp "$model" t.safetensors
    code 0 "$FOVEA" train --resume runs/train/c --threads 1
    says "resumed at epoch 2"
    same runs/train/a/weights/last.safetensors runs/train/c/weights/last.safetensors
    fails 2 E2004 "--kd-temperature was 4, now 2" -- "$FOVEA" train --resume runs/train/c --kd-temperature 2 --epochs 3
}

# Layers, several teachers, one of them a run's folder; what is trained along is part of the states alone.
use_distill_layers() {
    printf 'name: net\ninput: [28, 28, 1]\nlayers:\n  - conv2d: {filters: 4, kernel: 3, pad: 1, name: first}\n  - relu\n  - max_pool2d: 4\n  - flatten\n  - dense: 10\n' >net.yaml
    code 0 small_run --experiment teacher --max-steps 2
    learn() {
        "$FOVEA" distill runs/train/teacher --teacher-weights 2,1 --data "$digits" --model net.yaml --epochs 2 --batch-size 60 --lr 0.05 --crop-pad 2 "$@"
    }
    fails 2 E2004 "several files" -- learn
    set -- "$FOVEA" distill "runs/train/teacher,$model" --teacher-weights 2,1 --data "$digits" --model net.yaml --epochs 2 --batch-size 60 --lr 0.05 \
        --hint first=conv1 --attention 'fir*=conv1' --attention-loss-weight 10 --crop-pad 2 --log-interval 1 --recovery-interval 3
    code 0 "$@" --threads 2 --experiment whole
    says "--teacher runs/train/teacher: runs/train/teacher/weights/best.safetensors" "the teachers 0.9 at temperature 4, layers"
    silent_about "asked once" # the images change
    code 137 drive signal KILL after="2/2  5/10" "$@" --threads 1 --experiment part
    code 0 "$FOVEA" train --resume runs/train/part
    same runs/train/whole/weights/last.safetensors runs/train/part/weights/last.safetensors
    if grep -aq 'hint\.' runs/train/whole/weights/last.safetensors; then die "the model has what was trained along"; fi
    # The plan has the teachers; sanity leaves them out, lr-find does not.
    code 0 "$FOVEA" plan --data "$digits" --model net.yaml --batch-size 60 --probe 0 --json
    drive json memory_bytes.total <out >without
    code 0 "$FOVEA" plan --data "$digits" --model net.yaml --batch-size 60 --probe 0 --teacher "$model" --json
    drive json memory_bytes.total <out >with
    [ "$(cat with)" -gt $(($(cat without) + 246000)) ] || die "planned $(cat with), without the teacher $(cat without)"
    code 0 "$FOVEA" lr-find --data "$digits" --model net.yaml --batch-size 60 --steps 5 --teacher "$model"
    says "teacher $model"
    code 0 "$FOVEA" sanity --data "$digits" --model lenet --opt adam --batch-size 10 --teacher "$model"
    says "no part in that has --teacher"
}

# What does not fit is refused before anything is trained.
row_73_teacher() {
    fails 3 E3005 "teacher $model knows 10 classes (0, 1, 2" "the student has 2 (cat, dog)" -- "$FOVEA" distill "$model" --data "$photos" --model lenet
    fails 2 E2004 "no effect here" "it needs --teacher" -- small_run --kd-temperature 2
    fails 2 E2004 "it needs --hint" -- small_run --teacher "$model" --hint-loss-weight 2
    fails 2 E2004 "several files" -- small_run --teacher "$model" --teacher-weights 2
    fails 2 E2003 "3 numbers for 2 teachers" -- small_run --teacher "$model,$model" --teacher-weights 1,2,3
    fails 2 E2004 "every part that it has in the loss has weight 0" -- small_run --teacher "$model" --distill-loss-weight 0
    fails 2 E2004 "equalize contrast differently" "--contrast" -- small_run --teacher "$model" --contrast equalize
    fails 2 E2004 "each standardized by itself" "--norm" -- small_run --teacher "$model" --norm per-image
    fails 2 E2003 "has no layer 'conv9'" "did you mean" -- small_run --teacher "$model" --hint conv1=conv9
    fails 2 E2006 "rows and columns must be as many" -- small_run --teacher "$model" --attention conv1=conv2
    fails 4 E4001 "an architecture without weights" -- small_run --teacher lenet
    fails 9 E9002 "gone.safetensors" -- small_run --teacher gone.safetensors
    fails 2 E2001 "whose answers are learned from" -- "$FOVEA" distill --data "$digits" --model lenet
    fails 2 E2004 "two teachers" -- "$FOVEA" distill "$model" --teacher "$model" --data "$digits" --model lenet
    absent runs
}
