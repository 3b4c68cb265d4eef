# SPDX-License-Identifier: Apache-2.0
# The program as it is meant to be used.

use_help() {
    for words in "" help --help -h; do
        code 0 "$FOVEA" $words
        prints "Verbs:" train eval predict info data runs doctor version help "First steps:"
    done
    for verb in train eval predict features linear search info data runs zoo doctor version help; do
        code 0 "$FOVEA" help $verb
        prints "fovea $verb: " "Usage: fovea $verb" "Examples:" "  fovea $verb"
        cp out page
        code 0 "$FOVEA" $verb --help
        same out page
        code 0 "$FOVEA" $verb -h
        same out page
        [ "$(awk '{ if (length > n) n = length } END { print n }' page)" -le 102 ] || die "a line of help $verb is longer than 102"
    done
    for action in make check stats show pack split; do
        code 0 "$FOVEA" help data $action
        prints "fovea data $action: " "Usage: fovea data $action " "Examples:"
        [ "$(awk '{ if (length > n) n = length } END { print n }' out)" -le 102 ] || die "a line of help data $action is longer than 102"
    done
    # Layers, from the tables: every key with what it is, one alone, a misspelt one.
    code 0 "$FOVEA" help layers
    prints "Layers of architecture files" "conv2d" "      kernel: N|[H, W]. Rows and columns of a filter." "upsample2d" "      mode: " "concat (2 to " "adaptive_avg_pool2d"
    silent_about "_bwd" sgd_step softmax_cross_entropy "(null)"
    [ "$(awk '{ if (length > n) n = length } END { print n }' out)" -le 120 ] || die "a line of help layers is too long"
    code 0 "$FOVEA" help layers depthwise_conv2d
    prints "group for each channel" "filters: N."
    silent_about "max_pool2d"
    fails 2 E2002 "there is no layer 'cnv2d'; did you mean 'conv2d'?" -- "$FOVEA" help layers cnv2d
    # Every option stands under a heading; the usual ones are few.
    for verb in train eval predict features linear search info data runs zoo doctor; do
        code 0 "$FOVEA" $verb --help-all
        cp out all
        silent_about "Others" "further options"
        code 0 "$FOVEA" help $verb all
        same out all
    done
    code 0 "$FOVEA" train --help
    [ "$(wc -l <out)" -le 70 ] || die "the short help is long"
    prints "--data PATH" "--epochs N" "further options: fovea train --help-all"
    silent_about "--clahe-tiles"
    # For shells and for man.
    for shell in bash zsh fish; do
        code 0 "$FOVEA" help completion $shell
        prints train label-smoothing
        cp out completion.$shell
    done
    bash -n completion.bash || die "bash does not read its completion"
    cat >ask.sh <<'EOF'
. ./completion.bash
COMP_WORDS=(fovea train --opt ad) COMP_CWORD=3
_fovea
echo "${COMPREPLY[@]}"
COMP_WORDS=(fovea tr) COMP_CWORD=1
_fovea
echo "${COMPREPLY[@]}"
COMP_WORDS=(fovea info --prof) COMP_CWORD=2
_fovea
echo "${COMPREPLY[@]}"
EOF
    code 0 bash ask.sh
    [ "$(tr '\n' '|' <out)" = "adam adamw|train|--profile|" ] || die "completes otherwise"
    fails 2 E2001 "completion for which shell?" "bash | zsh | fish" -- "$FOVEA" help completion ksh
    code 0 "$FOVEA" help man
    prints ".TH fovea 1" '\fBtrain\fR'
    code 0 "$FOVEA" help man train
    prints ".TH fovea\-train 1" '\fB\-\-label\-smoothing\fR \fIF\fR' ".SH EXAMPLES"
    code 0 "$FOVEA" help models
    prints resnet50 FOVEA_ZOO
    fails 2 E2002 "no help on 'data chek'" -- "$FOVEA" help data chek
    for topic in data config environment codes; do
        code 0 "$FOVEA" help $topic
        [ "$(wc -l <out)" -ge 4 ] || die "no help on $topic"
    done
    # Every code that help lists is described, with the exit code of its thousands.
    code 0 "$FOVEA" help codes
    cut -d' ' -f1 out >list
    [ "$(wc -l <list)" -ge 25 ] || die "too few codes"
    while read -r label; do
        code 0 "$FOVEA" help "$label"
        prints "$label" "Cure: " "Exit code: $(($(echo "$label" | tr -d E) / 1000))"
    done <list
    fails 2 E2002 "no help on 'zzz'" "fovea help" -- "$FOVEA" help zzz
    fails 2 E2002 "no message code E9999" "fovea help codes" -- "$FOVEA" help E9999
    code 0 "$FOVEA" version
    grep -qx 'fovea [0-9]*\.[0-9]*\.[0-9]*' out || die "no version"
    cp out version
    code 0 "$FOVEA" --version
    same out version
}

# The examples in the help pages run as they stand, on small data under the names they use.
use_examples_of_the_help() {
    cp -r "$digits" mnist
    cp -r "$photos" photos
    chmod -R u+w mnist photos
    rm -r photos/val
    cp "$model" best.safetensors
    plant jpeg cat.jpg
    plant jpeg dog.jpg
    mkdir -p runs/train
    "$FOVEA" train --data mnist --model lenet --epochs 1 -b 60 --quiet --experiment exp >/dev/null
    "$FOVEA" train --data mnist --model lenet --epochs 1 -b 60 --quiet --experiment exp2 >/dev/null
    "$FOVEA" train --data photos --model squeezenet1_1 --img-size 32 --epochs 1 --max-steps 1 --quiet --experiment s >/dev/null
    plant edit squeezenet1_1.safetensors from=runs/train/s/weights/best.safetensors
    for verb in train sanity tune grow eval predict features linear search info data runs zoo doctor version help; do
        "$FOVEA" help $verb | sed -n '/^Examples:/,/^$/s/^  fovea //p' >examples
        [ -s examples ] || die "no examples for $verb"
        while read -r line; do
            case $line in # the data of the example are small, and so are its sizes here
            *resnet50*) set -- $line ;;
            *squeezenet*) set -- $line --epochs 1 --max-steps 1 --img-size 64 ;;
            'train --data mnist'*) set -- $line --max-steps 2 ;;
            'sanity --data photos'*) set -- $line --img-size 32 ;;
            tune*--ablate*) set -- $line --epochs 1 --max-steps 1 --repeats 3 --augment hflip ;;
            'tune --data'*) set -- $line --epochs 1 --max-steps 1 --trials 2 ;;
            'grow --data'*) set -- $line --epochs 1 --max-steps 1 ;;
            'predict --model best.safetensors --data photos'*) continue ;;
            'data make'*) set -- $line --train 50 --test 10 ;;
            *) set -- $line ;;
            esac
            code 0 "$FOVEA" "$@"
        done <examples
    done
    for action in $("$FOVEA" help data | sed -n 's/.*`fovea help data \([a-z]*\)`.*/\1/p'); do
        "$FOVEA" help data $action | sed -n '/^Examples:/,/^$/s/^  fovea //p' >examples
        [ -s examples ] || die "no examples for data $action"
        while read -r line; do
            set -- $line
            code 0 "$FOVEA" "$@"
        done <examples
    done
    "$FOVEA" train --data "$photos" --model lenet --epochs 1 --quiet --experiment p >/dev/null
    code 0 "$FOVEA" predict --model runs/train/p/weights/best.safetensors --data "$photos" --split val --limit 25 --sheet sheet.png
    [ "$(head -c 4 sheet.png | tail -c 3)" = PNG ] || die "the sheet is no PNG"
}

use_ways_to_write_flags() {
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 1 --batch-size 60 --lr 0.05 --max-steps 3 --experiment a
    code 0 "$FOVEA" train --data="$digits" --model=lenet --epochs=1 --batch-size=60 --lr=0.05 --max_steps=3 --experiment=b
    code 0 "$FOVEA" train data="$digits" model=lenet epochs=1 batch=60 lr0=0.05 max_steps=3 name=c
    code 0 "$FOVEA" train --data-dir "$digits" -m lenet --epochs 1 -b 60 --lr 5e-2 --max-steps 3 --name d
    for name in b c d; do
        same runs/train/a/weights/last.safetensors runs/train/$name/weights/last.safetensors
    done
}

use_eval() {
    code 0 "$FOVEA" eval --data "$digits" --split test --model "$model" --json
    drive json <out || die "not JSON"
    equal "$(wc -l <out | tr -d ' ')" 1
    grep -qE '^\{"samples":120,"top1":0\.[0-9]+,"top5":[01]\.?[0-9]*,"loss":[0-9.]+,"img_per_s":[0-9.]+,"macro":.*\}$' out || die "other keys"
    silent_about "fovea"
    for alias in val test validate; do
        code 0 "$FOVEA" $alias --data "$digits" --model "$model"
        prints "120 samples  top1" "top5" "loss" "img/s"
    done
    fails 9 E9002 "no 'val' split" "found: train, test" "--val-split" -- "$FOVEA" eval --data "$digits" --split val --model "$model"
    fails 2 E2003 "split 'tset'" "did you mean 'test'?" -- "$FOVEA" eval --data "$digits" --split tset --model "$model"
    fails 2 E2001 "--data PATH and --model FILE" -- "$FOVEA" eval --data "$digits"
    # The batch does not change the score.
    for batch in 1 7 120; do
        code 0 "$FOVEA" eval --data "$digits" --model "$model" --json --batch-size $batch
        drive json loss <out >loss.$batch
    done
    same loss.1 loss.7
    same loss.1 loss.120
}

use_predict() {
    plant jpeg a.jpg
    plant png b.png grey
    mkdir folder
    cp a.jpg folder/z.jpg
    cp b.png folder/y.png
    echo text >folder/x.jpg
    code 0 "$FOVEA" predict --model "$model" --source a.jpg
    grep -qE '^a\.jpg: [0-9] [0-9.]+%(, [0-9] [0-9.]+%){4}$' out || die "another form"
    code 0 "$FOVEA" predict --model "$model" a.jpg --topk 1
    equal "$(wc -w <out | tr -d ' ')" 3
    # A file that cannot be read is told in its place; the others are done.
    code 3 "$FOVEA" predict --model "$model" --source folder --out csv --topk 2
    equal "$(head -n 1 out)" "file,class,probability,error"
    equal "$(wc -l <out | tr -d ' ')" 6
    prints "folder/x.jpg,,," "folder/y.png," "folder/z.jpg,"
    says "1 of 3 images could not be read"
    code 3 "$FOVEA" predict --model "$model" --source folder --json
    equal "$(wc -l <out | tr -d ' ')" 3
    drive json file <out >files
    equal "$(tr '\n' ' ' <files)" "folder/x.jpg folder/y.png folder/z.jpg "
    head -n 1 out | drive json error >/dev/null || die "no error"
    tail -n 1 out | drive json predictions.4.probability >/dev/null || die "no five predictions"
    mkdir -p tree/odd
    cp a.jpg tree/odd/
    cp b.png tree/
    ln -s .. tree/odd/up
    ln -s . tree/odd/here
    ln -s nowhere tree/odd/dangling.jpg
    mkfifo tree/odd/fifo.jpg
    code 0 "$FOVEA" predict --model "$model" --source tree/odd --topk 1
    equal "$(cut -d: -f1 out)" "$(printf 'tree/odd/a.jpg\ntree/odd/up/b.png')"
    says "odd/here: a link that leads back up" "odd/up/odd: a link that leads back up" "odd/fifo.jpg: " "odd/dangling.jpg: "
    printf 'a.jpg\r\n\nb.png\n' >list.txt
    code 0 "$FOVEA" predict --model "$model" --source list.txt
    cp out listed
    printf 'a.jpg\nb.png' | "$FOVEA" predict --model "$model" --source - >out || die "standard input"
    same out listed
    fails 9 E9002 "none.jpg" -- "$FOVEA" predict --model "$model" --source none.jpg
    fails 2 E2001 "--source PATH or --data PATH" -- "$FOVEA" predict --model "$model"
    code 0 "$FOVEA" predict --model "$model" --data "$digits" --limit 7 --topk 1 --json
    equal "$(wc -l <out | tr -d ' ')" 7
    mkdir nothing
    fails 3 E3004 "nothing: no image in it" -- "$FOVEA" predict --model "$model" --source nothing
    fails 3 E3004 "standard input: no image or name of an image file came" -- "$FOVEA" predict --model "$model" --source - </dev/null
    fails 9 E9002 "no-folder/sheet.png" -- "$FOVEA" predict --model "$model" --source a.jpg --sheet no-folder/sheet.png
}

use_info_of_every_architecture() {
    checked=0
    while read -r name input parameters macs; do
        case $name in '#' | opnet) continue ;; esac
        code 0 "$FOVEA" info $name --json
        for pair in parameters:$parameters macs:$macs; do
            drive json ${pair%:*} <out >found
            equal "$name ${pair%:*}:$(cat found)" "$name $pair"
        done
        drive json layers.0.receptive_field <out >/dev/null
        code 0 "$FOVEA" info $name
        prints "parameters        $parameters " "training memory" "inference memory" "receptive"
        checked=$((checked + 1))
    done <"$FOVEA_SOURCE_DIR/tests/golden/param_counts.txt"
    [ $checked -ge 13 ] || die "only $checked architectures checked"
    code 0 "$FOVEA" summary lenet --batch-size 16
    prints "at batch size 16"
    # Activations in front of maximum pooling move behind it: 6 x 14 x 14 and 16 x 5 x 5 in place of four times as many.
    code 0 "$FOVEA" info lenet
    prints "1780 values activated in place of 6508, 3.7 times fewer"
    code 0 "$FOVEA" info lenet --json
    equal "$(drive json activated <out) $(drive json activated_run <out)" "6508 1780"
    code 0 "$FOVEA" info resnet20
    silent_about "pooling first"
    code 0 "$FOVEA" info lenet --graph
    prints "conv2d"
    code 0 "$FOVEA" info lenet --dot
    prints "digraph"
    code 0 "$FOVEA" info lenet --profile --trace trace.json
    prints "GFLOP/s" "conv1"
    tr '\n' ' ' <trace.json | drive json >/dev/null || die "the trace is not JSON"
    fails 2 E2004 "--trace" "--profile" -- "$FOVEA" info lenet --trace trace.json
    fails 2 E2001 "which network" -- "$FOVEA" info
    fails 1 E1002 "no self-test" -- "$FOVEA" info lenet --selftest
}

use_data_make() {
    code 0 "$FOVEA" data make digits --output a --train 60 --test 20 --seed 3
    code 0 "$FOVEA" data make digits --output b --train 60 --test 20 --seed 3
    code 0 "$FOVEA" data make digits --output c --train 60 --test 20 --seed 4
    for file in a/*; do
        same "$file" "b/${file#a/}"
    done
    differ a/train-images-idx3-ubyte c/train-images-idx3-ubyte
    equal "$(ls a | wc -l | tr -d ' ')" 4
    code 0 "$FOVEA" data check a
    prints "80 images, 10 classes"
    fails 2 E2001 "no 'cats'" "digits" -- "$FOVEA" data make cats --output a
    fails 2 E2001 "--output DIR" -- "$FOVEA" data make digits
    fails 2 E2001 "the actions are make, check" -- "$FOVEA" data
    fails 2 E2001 "did you mean check?" -- "$FOVEA" data chekc a
    fails 2 E2004 "--json and --out" -- "$FOVEA" predict --model lenet a.png --out csv --json
    fails 2 E2004 "--seed has no effect" -- "$FOVEA" data check a --seed 1
    fails 2 E2001 "which data" -- "$FOVEA" data check
    echo text >file
    fails 9 E9001 "file" -- "$FOVEA" data make digits --output file
}

use_plain_lines() {
    code 0 small_run --log-interval 4
    if grep -q "$(printf '\r')\|$(printf '\033')" err; then die "control characters in plain lines"; fi
    says "Epoch 1/2  4/10  loss " "Epoch 1/2  8/10  loss " "Epoch 2/2  8/10" " img/s  data " "  ETA 00:00:0" "Epoch 2/2  loss "
    prints "best: epoch 2, train_loss" "test: 120 samples, top1 " "run: runs/train/exp" "weights: runs/train/exp/weights/best.safetensors"
    says "use it:  fovea predict --model runs/train/exp"
    code 0 small_run --quiet --experiment quiet
    equal "$(wc -c <err | tr -d ' ')" 0
    prints "best: epoch 2"
    code 0 small_run --progress json --log-interval 5 --experiment json
    grep '^{' err | drive json step >steps || die "progress is not JSON"
    equal "$(tr '\n' ' ' <steps)" "5 10 10 5 10 10 "
    code 0 small_run --progress none --experiment none
    silent_about "Epoch 1/2"
    # With everything the events of a run and its weights are the same, whoever watches.
    same runs/train/exp/weights/last.safetensors runs/train/quiet/weights/last.safetensors
}

use_bar_on_a_terminal() {
    for width in 60 80 200; do
        drive pty $width "$FOVEA" train --data "$digits" --model lenet --epochs 2 --batch-size 6 --lr 0.05 --val-split 0.2 >out ||
            die "exit code $?"
        tr '\r' '\n' <out | sed 's/\x1b\[[0-9;]*[A-Za-z]//g' >lines
        grep -q '^Epoch 1/2 .*\[[=> ]*\]' lines || die "no bar at width $width"
        longest=$(grep '^Epoch .*\[' lines | awk '{ if (length > n) n = length } END { print n }')
        [ "$longest" -lt "$width" ] || die "a bar of $longest characters at width $width"
        # Parts that do not fit are left out, not cut.
        if [ $width = 60 ]; then grep -q '^Epoch 1/2 .*%  loss [0-9.]* ([0-9.]*)$' lines || die "no loss at width 60"; fi
        if [ $width = 80 ]; then
            grep -q '^Epoch 1/2 .*%  loss [0-9.]* ([0-9.]*)  top1 [0-9.]*  ETA 00:00:0[0-9]$' lines || die "no ETA at width 80"
            grep -q '^Epoch 2/2  loss .*  |  val loss .* top1 [0-9.]* .*best$' lines || die "no line for the epoch"
            [ "$(awk '/^Epoch/ && length > 80' lines | wc -l)" = 0 ] || die "a line is longer than 80"
        fi
        if [ $width = 200 ]; then grep -q '^Epoch 2/2  80/80 \[=*\].* ETA 00:00:00' lines || die "the bar does not end"; fi
        checks=$((checks + 3))
    done
    # No bar, no color where the terminal cannot or the user does not want it.
    TERM=dumb drive pty 80 "$FOVEA" train --data "$digits" --model lenet --epochs 1 --batch-size 60 >out || die "exit code $?"
    if grep -q "$(printf '\033')" out; then die "escape sequences on a dumb terminal"; fi
    NO_COLOR=1 drive pty 80 "$FOVEA" train --data "$digits" --model lenet --epochs 1 --batch-size 60 >out || die "exit code $?"
    if grep -q "$(printf '\033\\[1m')" out; then die "color in spite of NO_COLOR"; fi
    checks=$((checks + 2))
}

use_doctor() {
    code 0 "$FOVEA" doctor
    prints "processor" "instruction set" "threads" "memory for plans" "device"
    code 0 "$FOVEA" checks --json
    for key in version processor instruction_set threads memory_limit device; do
        drive json $key <out >/dev/null || die "no $key"
    done
    fails 6 E6001 "--device cuda:0" "cpu" -- small_run --device cuda:0
}

# A signal ends predict behind an answer, and says where.
use_predict_stopped() {
    plant classes many count=400 cat dog
    cp "$model" best.safetensors
    "$FOVEA" predict --model best.safetensors --source many --workers -1 >out 2>err &
    pid=$!
    while [ ! -s out ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
    kill -TERM $pid 2>/dev/null || true
    got=0
    wait $pid || got=$?
    pid=
    lines=$(wc -l <out)
    if [ "$lines" -lt 800 ]; then
        [ $got = 143 ] || die "exit code $got"
        says "stopped by signal 15: $lines images answered"
    fi
}

# As people write who come from Python.
use_habits() {
    one() { "$FOVEA" train --data "$photos" --model resnet8 --max-steps 1 -q "$@"; }
    code 0 one -b 12 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --nesterov --opt sgd --lr 0.1 --experiment plain
    code 0 one -b12 --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225 --nesterov True --opt SGD --lr 1e-1 --experiment python
    same runs/train/plain/weights/last.safetensors runs/train/python/weights/last.safetensors
    code 0 one -b=12 --mean=0.485,0.456,0.406 std=0.229,0.224,0.225 --nesterov=TRUE --lr .1 --experiment mixed
    same runs/train/plain/weights/last.safetensors runs/train/mixed/weights/last.safetensors
    code 0 one -b 12 --nesterov False --opt AdamW --monitor val_accuracy --norm per_image --experiment other
    prints "best: epoch 1, val_top1"
    fails 2 E2003 "--std: found '0,0.1'" -- one -b 12 --std 0 0.1
    fails 2 E2002 "has no option -batch" -- one -batch 12
    for flag in --amp --mixed-precision --sync_bn --deterministic; do
        fails 2 E2002 "$flag is not in this version" -- one $flag
        silent_about "did you mean"
    done
    fails 2 E2002 "'export' is not in this version" -- "$FOVEA" export --format onnx
    fails 2 E2002 "no verb 'trian'; did you mean 'train'?" -- "$FOVEA" trian
}

# Several images, patterns, an image on standard input.
use_predict_words() {
    ask() { "$FOVEA" predict --model "$model" --topk 1 "$@"; }
    plant png a.png
    plant png b.png
    mkdir folder
    plant png folder/c.png
    code 0 ask a.png b.png folder
    prints "a.png: " "b.png: " "folder/c.png: "
    [ "$(wc -l <out)" = 3 ] || die "not three answers"
    cp out three
    code 0 ask --source a.png b.png folder
    same out three
    code 0 ask '?.png' 'folder/*'
    same out three
    code 0 sh -c '"$@" - <a.png' sh "$FOVEA" predict --model "$model" --topk 1
    prints "-: "
    [ "$(sed 's/.*: //' out)" = "$(sed -n '1s/.*: //p' three)" ] || die "another answer"
    code 0 sh -c 'printf "a.png\nb.png\n" | "$@" --source -' sh "$FOVEA" predict --model "$model" --topk 1
    prints "a.png: " "b.png: "
    code 3 sh -c 'head -c 60 a.png | "$@" -' sh "$FOVEA" predict --model "$model"
    says "-: "
    silent_about "/proc"
    # An endless one ends at the limit.
    fails 5 E5002 "standard input: an image of more than the 40.0 MB" -- \
        sh -c '{ cat a.png; head -c 60000000 /dev/zero; } | "$@" - --memory 40M' sh "$FOVEA" predict --model "$model"
    fails 9 E9002 "none*.png: " -- ask 'none*.png'
    fails 2 E2004 "give images or --data, not both" -- ask --data "$digits" a.png
}
