# SPDX-License-Identifier: Apache-2.0
# fovea data check, stats and show, on the planted corpus and on sound data.

use_data_check_corpus() {
    plant corpus corpus
    fingerprint corpus >before
    for set in corpus/*; do
        got=0
        "$FOVEA" data check "$set" --dups --json --max-bad 1 >out 2>err || got=$?
        checks=$((checks + 1))
        case $set in # what is to be rejected makes exit 3
        */copies | */formats | */model | */one | */tar | */uneven | */yolo) [ $got = 0 ] || die "exit $got: $set" ;;
        *) [ $got = 3 ] || die "exit $got: $set" ;;
        esac
        drive json <out || die "not JSON: $set"
        grep -q '^{"images":[0-9]*,"classes":[0-9]*,"findings":\[' out || die "other keys: $set"
        if grep -q 'AddressSanitizer\|runtime error' err; then die "a sanitizer spoke: $set"; fi
    done
    fingerprint corpus >after
    same before after
    # The file of a data set may be given as well as its folder.
    code 3 "$FOVEA" data check --data corpus/coco/annotations/instances_train2017.json --max-bad 1 --json
    prints '"fault":30,"file":"instances_train2017.json","verdict":"reject"'
    # Annotations that break off, wherever: not a folder of classes.
    for bytes in 30 200; do
        head -c $bytes corpus/coco/annotations/instances_train2017.json >part.json
        cp -r corpus/coco part-$bytes
        mv part.json part-$bytes/annotations/instances_train2017.json
        code 3 "$FOVEA" data check part-$bytes --json
        prints '"fault":30,"file":"annotations/instances_train2017.json","verdict":"reject","detail":"line '
    done
    code 3 "$FOVEA" data check corpus/manifest/manifest.csv --json
    prints '"fault":28,"file":"manifest.csv","verdict":"reject","detail":"line 3, column 1: '
}

use_data_check_options() {
    plant corpus corpus
    # Too many that cannot be used; a list of them.
    fails 3 E3007 "12 of 59 files cannot be used" "--max-bad" -- "$FOVEA" data check corpus/images --quarantine bad.csv
    equal "$(head -n 1 bad.csv | tr -d '\r')" "path,verdict,byte"
    equal "$(grep -c '' bad.csv)" 14
    grep -q '^train/a/cut.jpg,truncated JPEG at byte [0-9]* of [0-9]* (row [0-9]* of 64),[0-9]*.$' bad.csv || die "no row of cut.jpg"
    code 0 "$FOVEA" data check corpus/copies
    prints "2 warnings"
    silent_about alike.jpg
    code 3 "$FOVEA" data check corpus/copies --strict
    prints "reject     val/a/same.jpg: the same pixels as train/a/00.jpg"
    code 0 "$FOVEA" data check corpus/copies --dups
    prints "val/b/alike.jpg: nearly the same picture as train/b/01.jpg"
    code 0 "$FOVEA" data check corpus/uneven
    code 3 "$FOVEA" data check corpus/uneven --val-split 0.2
    prints "a stratified split needs 2 of each"
    code 0 "$FOVEA" data check corpus/uneven --batch-size 64
    prints "44 usable images are fewer than a batch of 64"
    # One finding for all the classes that another list lacks; what to do about it is said.
    code 3 "$FOVEA" data check corpus/model --model "$model" --json
    equal "$(grep -o '"fault":20' out | grep -c '')" 2
    prints "class '0' of the model is missing, and"
    plant classes gaps/train count=5 cat dog
    plant classes gaps/val count=5 cat bird owl
    mkdir gaps/train/void
    code 3 "$FOVEA" data check gaps
    prints "class 'bird' is not in the train split, and 1 more: found bird, cat, owl (3); expected cat, dog, void (3); rename" \
        "class 'dog' of the train split is missing, and 1 more" "void: a class folder without files: add images" "--allow-empty"
    code 3 "$FOVEA" data check corpus/model --model "$model"
    prints "class 'cat' is not in the model, and 1 more: found cat, dog (2); expected 0, 1, 2" "--reset-head"
    # What never became an image counts among the files as well as among the bad ones.
    plant classes pipes count=10 cat dog
    for i in 1 2; do mkfifo pipes/cat/pipe$i.jpg; done
    code 0 "$FOVEA" data check pipes --max-bad 0.095
    fails 3 E3007 "2 of 22 files cannot be used" -- "$FOVEA" data check pipes --max-bad 0.09
    set -- "$FOVEA" train --data pipes --model lenet --epochs 1 --quiet
    fails 3 E3007 "2 of 22 samples cannot be used" "pipe1.jpg" "--max-bad" -- "$@" --max-bad 0.09
    code 0 "$@" --max-bad 0.095 --experiment enough
    equal "$(cut -d, -f1 runs/train/enough/quarantine.csv | tr '\r\n' ' ')" "path cat/pipe1.jpg cat/pipe2.jpg "
    # With one that cannot be decoded among them.
    echo no >pipes/dog/text.jpg
    fails 3 E3007 "3 of 23 files cannot be used" -- "$FOVEA" data check pipes --max-bad 0.13
    fails 3 E3007 "3 of 23 files cannot be used" "dog/text.jpg" -- "$@" --max-bad 0.13
    code 0 "$FOVEA" data split pipes --output pipes.csv
    equal "$(grep -c '' pipes.csv)" 22
    fails 9 E9001 "cannot be written" -- "$FOVEA" data check corpus/model --quarantine corpus
    mkdir sub
    for words in "same same" "same ./same" "$PWD/same same" "sub/../same same"; do
        fails 2 E2004 "--report and --quarantine: both are ${words% *}" -- "$FOVEA" data check corpus/model --force \
            --report ${words% *} --quarantine ${words#* }
    done
    absent same
    code 0 "$FOVEA" data check corpus/model --report sub/same --quarantine same
    fails 2 E2004 "--augmented has no effect here" -- "$FOVEA" data check corpus/model --augmented 3
    fails 9 E9002 "no such" -- "$FOVEA" data check nowhere
}

# What has boxes or masks is no folder of classes, to whoever needs a label for each image.
use_data_marks() {
    plant corpus corpus
    for set in masks yolo coco; do
        for words in "train --epochs 1" "eval --model $model" "data pack --output out.fvpack" "data split --output out.csv" \
            "data show --output out.png"; do
            fails 3 E3001 "corpus/$set: found " "expected one folder per class" "\`fovea data check\`" -- \
                "$FOVEA" $words --data corpus/$set
        done
        fails 2 E2004 "task 'class' wants one class each, but the samples have boxes or masks" -- \
            "$FOVEA" data stats corpus/$set --task class
    done
    absent runs out.fvpack out.csv out.png
    # Beside class folders a JSON of whatever kind is none of our business, cut off or not.
    cp -rL "$photos" photos
    chmod -R u+w photos
    printf '{"images": [' >photos/meta.json
    code 0 "$FOVEA" train --data photos --model lenet --epochs 1 --max-steps 1
    rm -r runs photos
    mv corpus/masks/masks corpus/masks/holes
    rm corpus/masks/classes.txt
    code 0 "$FOVEA" data show corpus/masks --output out.png
}

# A task that is no task, or not that of the data, is told before anything is decoded.
use_data_task() {
    cp -r "$photos" photos
    chmod -R u+w photos
    code 0 "$FOVEA" data pack photos --output photos.fvpack
    for data in photos photos.fvpack "$digits"; do
        for words in check stats "pack --output x.fvpack" "split --output x.csv"; do
            fails 2 E2003 "task 'clas': expected class, multi-label or regression (did you mean 'class'?)" -- \
                "$FOVEA" data $words --data "$data" --task clas
            fails 2 E2004 "$data: task 'regression' wants numbers to predict, but the samples have one class each" -- \
                "$FOVEA" data $words --data "$data" --task regression
        done
        fails 2 E2004 "$data: task 'multi-label' wants several classes each" -- \
            "$FOVEA" train --data "$data" --task multi-label --epochs 1
        code 0 "$FOVEA" data check "$data" --task class
    done
    absent x.fvpack x.csv
}

# Names hold what they like: on the terminal and on the page they are shown, not obeyed.
use_data_odd_names() {
    for name in "$(printf 'r\033[31m')" "$(printf 'b\ncat')" "$(printf 'x\377')" "$(printf 'u\342\200\256')" "$(printf 'n\303\251')"; do
        plant classes odd count=5 "$name"
    done
    : >"$(printf 'odd/b\ncat/\007\302\233.jpg')"
    code 3 "$FOVEA" data check odd --report odd.html
    prints 'r\x1b[31m' 'b\ncat' 'x\xff' 'u\u202e' 'né'
    for file in out odd.html; do
        checks=$((checks + 1))
        if LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177\377]\|\342\200\256\|\302\233')" $file; then
            die "$file has bytes that are no text"
        fi
        grep -qF 'r\x1b[31m' $file && grep -qF 'u\u202e' $file && grep -qF '\x07\u009b.jpg' $file || die "$file hides a name"
    done
}

use_data_report() {
    plant corpus corpus
    code 3 "$FOVEA" data check corpus/images --max-bad 1 --report page.html
    code 0 "$FOVEA" data stats corpus/copies --report copies.html
    for text in '<svg' 'Usable images per class' 'Sizes in pixels' 'data:image/png;base64,iVBOR' 'truncated JPEG' \
        'class="reject"' '</html>'; do
        grep -qF "$text" page.html || die "the page lacks $text"
    done
    if grep -q 'Boxes per class' page.html; then die "boxes where there are labels"; fi
    code 0 "$FOVEA" data stats corpus/yolo --report boxes.html
    grep -qF 'Boxes per class' boxes.html || die "the page lacks boxes"
    # Names are text, not markup, and nothing is fetched.
    if grep -q 'src="http\|href=\|<script' page.html copies.html; then die "the page is not self-contained"; fi
    fails 9 E9002 "nowhere" -- "$FOVEA" data stats corpus/copies --report nowhere/page.html
}

use_data_stats() {
    for threads in 1 3; do
        code 0 "$FOVEA" data stats "$photos" --json --threads $threads
        mv out stats.$threads
    done
    same stats.1 stats.3
    equal "$(drive json images <stats.1)" 32
    equal "$(drive json classes.0.name <stats.1)" cat
    equal "$(drive json classes.1.train <stats.1)" 12
    equal "$(drive json kinds.jpeg <stats.1)" 32
    code 0 "$FOVEA" data stats "$photos"
    prints "images    32 (train 24, val 8), 32 usable" "classes   2, 12 to 12 training images each, imbalance 1.00 : 1" \
        "mean  " "std  " "advice    start from a pretrained network"
    # With boxes: images of each class, and boxes.
    plant corpus corpus
    code 0 "$FOVEA" data stats corpus/yolo --json
    prints '"classes":[{"name":"cat","train":2,"train_boxes":2},{"name":"dog","train":2,"train_boxes":2}]'
    code 0 "$FOVEA" data stats corpus/masks --json
    prints '"classes":[{"name":"ground","train":2},{"name":"plant","train":2}]'
    # What training measures is the same number.
    code 0 "$FOVEA" data stats "$digits" --json
    equal "$(drive json mean.0 <out | cut -c1-6)" "$(mean_of_training | cut -c1-6)"
}

mean_of_training() {
    "$FOVEA" train --data "$digits" --model lenet --epochs 1 --max-steps 1 -b 60 --norm dataset --experiment m --quiet >/dev/null 2>&1
    grep -ao 'mean[\\": ]*\[[0-9.]*' runs/train/m/weights/last.safetensors | head -n 1 | sed 's/.*\[//'
}

use_data_show() {
    plant corpus corpus
    code 0 "$FOVEA" data show corpus/copies --per-class 3 --output a.png
    code 0 "$FOVEA" data show corpus/copies --per-class 3 --output b.png
    same a.png b.png
    code 0 "$FOVEA" data show corpus/copies --per-class 3 --seed 1 --output b.png
    differ a.png b.png
    code 0 "$FOVEA" data show --data "$digits" --split test --per-class 2 --output c.png
    says "c.png: 20 pictures"
    code 0 "$FOVEA" data show corpus/copies --augmented 4 --per-class 2 --hflip --degrees 20 --output d.png
    says "d.png: 10 pictures"
    code 0 "$FOVEA" data show corpus/images --suspicious --output e.png
    says "e.png: 3"
    for file in a b c d e; do
        equal "$(head -c 4 $file.png | tail -c 3)" PNG
    done
    fails 3 E3004 "there is nothing to show" -- "$FOVEA" data show corpus/model --suspicious --output f.png
    # Only an earlier sheet, report or list is replaced.
    code 0 "$FOVEA" data show corpus/copies --per-class 2 --output a.png
    plant png photo.png h=20 w=30
    for file in photo.png corpus/copies/train/a/00.jpg; do
        cp $file kept
        fails 2 E2004 "--output $file: exists already, and is not a contact sheet" "--force" -- \
            "$FOVEA" data show corpus/copies --output $file
        fails 2 E2004 "--sheet $file: exists already" -- "$FOVEA" predict --model "$model" kept --sheet $file
        fails 2 E2004 "--report $file: exists already, and is not a report" -- "$FOVEA" data check corpus/copies --report $file
        fails 2 E2004 "--report $file: exists already" -- "$FOVEA" data stats corpus/copies --report $file
        fails 2 E2004 "--quarantine $file: exists already" -- "$FOVEA" data check corpus/copies --quarantine $file
        same $file kept
    done
    for round in 1 2; do
        code 0 "$FOVEA" data check corpus/copies --report r.html --quarantine q.csv
    done
    code 0 "$FOVEA" data show corpus/copies --output photo.png --force
    differ photo.png kept
    fails 2 E2001 "--output FILE.png is missing" -- "$FOVEA" data show corpus/model
    fails 2 E2004 "--suspicious and --augmented" -- "$FOVEA" data show corpus/model --suspicious --augmented 2 --output f.png
    # Steps alone are shown too, and nothing is looked past.
    code 0 "$FOVEA" data show corpus/copies --per-class 2 --augment 'hflip; mixup' --output g.png
    says "--augmented 4" "g.png: 10 pictures" "mixup and cutmix mix the images of a batch"
    code 0 "$FOVEA" data show corpus/copies --per-class 2 --augment 'hflip; mixup' --augmented 4 --output h.png
    same g.png h.png
    code 0 "$FOVEA" data show corpus/copies --per-class 2 --hflip --output h.png
    same g.png h.png
    fails 2 E2004 "--vflip and --augmented 0" -- "$FOVEA" data show corpus/copies --vflip --augmented 0 --output f.png
    for words in "--hflip" "--augment hflip" "--split train" "--seed 3" "--per-class 3"; do
        fails 2 E2004 "--suspicious and ${words%% *}" -- "$FOVEA" data show corpus/copies --suspicious $words --output f.png
    done
    fails 2 E2004 "--dups has no effect here" "--suspicious" -- "$FOVEA" data show corpus/copies --dups --output f.png
    fails 2 E2004 "--model has no effect" "--augmented N" -- "$FOVEA" data show corpus/copies --model lenet --output f.png
    fails 2 E2004 "the step pca (--pca-jitter) shifts the colors" "these have 1" "leave it out" -- \
        "$FOVEA" data show "$digits" --pca-jitter 0.1 --output f.png
    fails 2 E2003 "rotat" -- "$FOVEA" data show corpus/model --augmented 2 --augment rotat --output f.png
    absent f.png
}

# Each action's page says what options are to it, with their defaults, and not what they are to other verbs.
use_data_help() {
    for action in make check pack split stats show; do
        code 0 "$FOVEA" help data $action
        silent_about "train: " "predict, data" "  data check:" "  data show:" "  data pack:" "  data split:" "  data make:" "runs go to"
        prints "Usage: fovea data $action" "Examples:"
        mv out page.$action
    done
    for words in "check:--model FILE" "check:default: none" "check:share of files that may be unusable" "show:--output FILE.png" \
        "show:train, val or test [train]" "split:share of the test split [0]" "split:[0.2]" "make:test images [2000]" \
        "pack:--output FILE.fvpack|DIR" "pack:[stretch]"; do
        checks=$((checks + 1))
        grep -qF -e "${words#*:}" "page.${words%%:*}" || die "the page of ${words%%:*} lacks ${words#*:}"
    done
    # What a page lists is taken, and nothing else.
    for action in check pack split stats show; do
        sed -n 's/^  .*    --\([a-z-]*\) .*/\1/p; s/^  -[a-z], --\([a-z-]*\) .*/\1/p' page.$action | sort -u >listed
        [ "$(grep -c '' listed)" -ge 8 ] || die "where are the options of $action?"
        for words in report=x dups=1 topk=1 strict=1 shard-size=2M augmented=1 val=0.5; do
            option=${words%=*}
            got=0
            "$FOVEA" data $action nowhere --$words >out 2>err || got=$?
            checks=$((checks + 1))
            if grep -qx -e $option listed; then
                if grep -q "has no effect here\|has no option" err; then die "$action refuses --$option"; fi
            else
                grep -q "has no effect here\|has no option" err || die "$action takes --$option"
            fi
        done
    done
}

# Every command of the page about data runs as it stands there; "# exit 3" behind it is what it must end with.
use_docs_data() {
    plant corpus corpus
    cp -r "$photos" photos
    cp -r "$digits" digits
    chmod -R u+w photos digits
    sed -n 's/^    fovea \(.*\)/\1/p' "$FOVEA_SOURCE_DIR/docs/data.md" >commands
    [ "$(grep -c '' commands)" -ge 10 ] || die "where are the commands?"
    while read -r line; do
        wanted=0
        case $line in *'# exit 3') wanted=3 ;; esac
        eval "set -- $line"
        code $wanted "$FOVEA" "$@"
    done <commands
    # Each picture on the page is there.
    sed -n 's/.*(images\/\([a-z_]*\.png\)).*/\1/p' "$FOVEA_SOURCE_DIR/docs/data.md" >pictures
    [ -s pictures ] || die "where are the pictures?"
    while read -r name; do
        exists "$FOVEA_SOURCE_DIR/docs/images/$name"
    done <pictures
}
