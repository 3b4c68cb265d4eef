# SPDX-License-Identifier: Apache-2.0
# Image files and folders as people have them.

# A folder of 40 sound photographs per class to put bad ones into.
sound_photos() {
    plant classes data/train count=40 cat dog
    plant classes data/val count=4 cat dog
}

photo_run() { "$FOVEA" train --data data --model lenet --epochs 1 --batch-size 20 --max-bad 0.1 "$@"; }

# finds FAULT VERDICT FILE TEXT: what `data check --json` says of a file.
finds() {
    checks=$((checks + 1))
    code 0 "$FOVEA" data check data --max-bad 0.5 --json
    grep -qF "{\"fault\":$1,\"file\":\"$3\",\"verdict\":\"$2\",\"detail\":\"$4" out || die "data check does not say: $*"
}

row_01_truncated_jpeg() {
    sound_photos
    plant jpeg data/train/cat/cut.jpg h=64 w=64
    truncate -s 900 data/train/cat/cut.jpg
    finds 1 quarantine train/cat/cut.jpg "truncated JPEG at byte 900 of 900"
    unchanged data code 0 photo_run
    says "data/train/cat/cut.jpg: quarantined: truncated JPEG at byte 900 of 900"
    equal "$(tr -d '\r' <runs/train/exp/quarantine.csv)" "$(printf 'path,verdict,byte\n%s' \
        'train/cat/cut.jpg,truncated JPEG at byte 900 of 900 (row 48 of 64),900')"
    code 0 photo_run --salvage
    says "data/train/cat/cut.jpg: salvaged, damaged at byte 900; the rest is grey"
    absent runs/train/exp2/quarantine.csv
    # Above the share that is allowed the run stops.
    fails 3 E3007 "data: 1 of 81 files cannot be used" "train/cat/cut.jpg" "quarantine.csv" -- photo_run --max-bad 0.01
    fails 3 E3007 "data: 1 of 81 files" -- photo_run --max-bad 0
    fails 3 E3007 "data: 1 of 89 files cannot be used" "--max-bad" -- "$FOVEA" data check data
    fails 3 E3002 "cut.jpg: truncated JPEG at byte 900" -- predict_one_file data/train/cat/cut.jpg
    code 0 predict_one_file data/train/cat/cut.jpg --salvage
    # The share is that of each split, for the check as for the run.
    mv data/train/cat/cut.jpg data/val/cat/cut.jpg
    fails 3 E3007 "data: 1 of 9 files cannot be used" -- photo_run --max-bad 0.05
    fails 3 E3007 "data: 1 of 9 files of the val split cannot be used" -- "$FOVEA" data check data --max-bad 0.05
    code 0 "$FOVEA" data check data --max-bad 0.12
}

# predict reports a bad file in its place and goes on: as an error line this is what fails() looks for.
predict_one_file() {
    "$FOVEA" predict --model "$model" --source "$@" 2>predict.err
    got=$?
    sed 's/^fovea: warning: \(.*\.jpg: \)/fovea: error[E3002]: \1/' predict.err >&2
    return $got
}

row_02_corrupt_markers() {
    sound_photos
    plant jpeg odd.jpg h=60 w=60
    { head -c -2 odd.jpg && printf 'some rubbish' && tail -c 2 odd.jpg; } >data/train/dog/odd.jpg
    finds 2 warn train/dog/odd.jpg ""
    code 0 photo_run
    says "fovea: warning: data/train/dog/odd.jpg: " "the image is used as it decodes"
    equal "$(grep -c 'odd.jpg' err)" 1
}

row_03_empty_file() {
    sound_photos
    : >data/train/cat/empty.jpg
    finds 3 quarantine train/cat/empty.jpg "the file is empty (0 bytes)"
    code 0 photo_run
    says "data/train/cat/empty.jpg: quarantined: the file is empty"
}

row_04_content_not_name() {
    sound_photos
    echo '<html><body>404 Not Found</body></html>' >data/train/dog/page.jpg
    plant png data/train/dog/picture.jpg
    finds 4 quarantine train/dog/page.jpg "the content looks like HTML"
    finds 4 warn train/dog/picture.jpg "the name says another format than the content"
    code 0 photo_run
    says "data/train/dog/page.jpg: quarantined: the content looks like HTML"
    silent_about "picture.jpg: quarantined"
}

row_05_cmyk_jpeg() {
    sound_photos
    plant jpeg data/train/cat/cmyk.jpg c=4
    plant jpeg data/train/cat/ycck.jpg c=4 ycck
    finds 5 convert train/cat/cmyk.jpg "CMYK converted to RGB"
    finds 5 convert train/cat/ycck.jpg "CMYK converted to RGB"
    code 0 photo_run
    equal "$(grep -c 'CMYK converted to RGB' err)" 1
    # The colors are those of the same picture in RGB.
    plant jpeg rgb.jpg c=3 h=32 w=32
    plant jpeg cmyk.jpg c=4 h=32 w=32
    code 0 "$FOVEA" predict --model "$model" --source rgb.jpg --json --topk 10
    drive json predictions.0.probability <out >one
    code 0 "$FOVEA" predict --model "$model" --source cmyk.jpg --json --topk 10
    drive json predictions.0.probability <out >two
    near "$(cat one)" "$(cat two)" 0.02
}

near() {
    checks=$((checks + 1))
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; exit d < 0 ? -d > t : d > t }' || die "$1 and $2 differ by more than $3"
}

row_06_channels() {
    sound_photos
    plant png data/train/cat/grey.png grey
    plant png data/train/cat/ga.png grey-alpha
    plant png data/train/cat/rgba.png rgba
    plant png data/train/cat/pal.png palette
    plant png data/train/cat/palt.png palette trns
    finds 6 convert train/cat/grey.png "grey among color images"
    finds 6 convert train/cat/ga.png "transparency put on the background color"
    finds 6 convert train/cat/rgba.png "transparency put on the background color"
    finds 6 convert train/cat/pal.png "palette expanded to RGB"
    finds 6 convert train/cat/palt.png "transparency put on the background color"
    code 0 photo_run
    silent_about quarantined
    # A long list is cut short, with its count.
    code 0 "$FOVEA" data check data
    prints "more like these (--verbose lists all)" "to quarantine"
    equal "$(grep -c 'grey among color images' out)" 5
    code 0 "$FOVEA" data check data --verbose
    equal "$(grep -c 'grey among color images' out)" 45
}

row_09_exif_orientation() {
    sound_photos
    plant jpeg data/train/dog/turned.jpg h=20 w=40 orientation=6
    finds 9 convert train/dog/turned.jpg "turned upright as EXIF says (jpeg 20 x 40)"
    code 0 photo_run
    says "turned upright as its EXIF orientation says"
    # The same everywhere: predict sees what the picture turned by hand gives, unless told to ignore it.
    plant jpeg straight.jpg h=28 w=28
    plant jpeg three.jpg h=28 w=28 orientation=3
    for flag in "" --ignore-exif; do
        code 0 "$FOVEA" predict --model "$model" --source straight.jpg --json $flag
        sed 's/straight//' out >one
        code 0 "$FOVEA" predict --model "$model" --source three.jpg --json $flag
        sed 's/three//' out >two
        if [ -z "$flag" ]; then differ one two; else same one two; fi
    done
}

row_12_decompression_bomb() {
    sound_photos
    plant png-claim data/train/dog/bomb.png w=60000 h=60000
    fails 3 E3006 "data/train/dog/bomb.png: the header says 60000 x 60000 pixels" "--max-pixels" -- photo_run
    code 3 "$FOVEA" data check data
    prints "reject" "train/dog/bomb.png: the header says 60000 x 60000 pixels"
    # Rejected before anything is allocated for it.
    small() (
        ulimit -v 1000000
        "$FOVEA" predict --model "$model" --source data/train/dog/bomb.png
    )
    if [ -z "${CLI_SANITIZE:-}" ]; then
        code 3 small
        says "bomb.png: the header says 60000 x 60000 pixels"
    fi
    rm data/train/dog/bomb.png
    fails 3 E3006 "pixels, the limit is 500 pixels" -- photo_run --max-pixels 500
}

row_13_tiny_images() {
    sound_photos
    plant png data/train/dog/one.png h=1 w=1
    plant png data/train/dog/row.png h=1 w=50
    plant png-claim data/train/cat/none.png h=0 w=20
    finds 13 warn train/dog/one.png "1 x 1 pixels"
    finds 13 warn train/dog/row.png "50 x 1 pixels"
    code 0 "$FOVEA" data check data --max-bad 0.1
    prints "quarantine train/cat/none.png"
    code 0 photo_run
    says "an image one pixel high or wide" "none.png: quarantined"
    code 0 "$FOVEA" predict --model "$model" --source data/train/dog/one.png
}

row_18_classes_of_the_val_split() {
    plant classes data/train count=12 ant cat dog
    # Mapped by name: without 'ant', 'cat' and 'dog' keep their numbers.
    plant classes data/val count=4 cat dog
    code 0 photo_run
    says "data (val): no samples of 1 of the 3 classes (first: 'ant')"
    code 0 "$FOVEA" predict --model runs/train/exp/weights/best.safetensors --data data --split val --topk 3 --json
    drive json predictions.0.class <out >/dev/null
    plant classes data/val count=3 bee
    fails 3 E3005 "data (val): class 'bee' is unknown" "found bee, cat, dog (3)" "expected ant, cat, dog (3)" --allow-extra \
        -- photo_run
    code 0 photo_run --allow-extra
    says "3 samples of unknown classes left out"
    # The test split is only used at the end; that it cannot be is said before the first epoch.
    mv data/val data/test
    fails 3 E3005 "data (test): class 'bee' is unknown" -- photo_run
    silent_about "Epoch 1"
}

row_19_empty_class() {
    plant classes data/train count=12 cat dog
    plant classes data/val count=4 cat dog
    mkdir data/train/bee
    fails 3 E3004 "data/train/bee: a class without images" --allow-empty -- photo_run
    code 0 photo_run --allow-empty
    says "bee" "3 classes"
    # In the val split it is only said.
    mkdir data/val/bee
    : >data/train/bee/.hidden
    cp data/train/cat/0000.jpg data/train/bee/
    code 0 photo_run
    says "bee"
}

row_20_classes_of_the_model() {
    sound_photos
    fails 3 E3005 "model.safetensors knows 10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)" "data has 2 (cat, dog)" "--reset-head" \
        -- photo_run --model "$model"
    fails 3 E3005 "class 'cat' is unknown" "expected 0, 1, 2" -- "$FOVEA" eval --data data --model "$model"
    absent runs
    code 0 photo_run --model "$model" --reset-head
    says "--reset-head: new output layer for 2 classes"
    code 0 "$FOVEA" eval --data data --model runs/train/exp/weights/best.safetensors
    # A network from an architecture file knows its head too.
    printf 'input: [16, 16, 1]\nlayers:\n  - conv2d: {filters: 4, kernel: 3, activation: relu}\n  - global_avg_pool\n  - flatten\n  - dense: 10\n' >net.yaml
    code 0 "$FOVEA" train --data "$digits" --model net.yaml --epochs 1 --batch-size 8 --experiment own
    code 0 photo_run --model runs/train/own/weights/last.safetensors --reset-head
    says "--reset-head: new output layer for 2 classes"
}

row_23_odd_names() {
    sound_photos
    long=$(printf 'y%.0s' $(seq 200))
    deep=data/train/cat/$long/$long/$long/$long
    mkdir -p "$deep" "data/train/naïve 猫" "data/val/naïve 猫"
    plant classes "data/train" count=6 "naïve 猫"
    plant classes "data/val" count=2 "naïve 猫"
    cp data/train/cat/0000.jpg "$deep/deep.jpg"
    cp data/train/cat/0000.jpg "data/train/cat/é😀 ;'\" ,x.jpg"
    cp data/train/cat/0000.jpg "$(printf 'data/train/cat/new\nline\033[1m.jpg')"
    cp data/train/cat/0000.jpg "$(printf 'data/train/cat/latin\351.jpg')"
    : >"$(printf 'data/train/cat/bad\n,"name\351.jpg')"
    code 0 photo_run
    says "quarantined" 'bad ,"name'
    equal "$(tr -d '\r' <runs/train/exp/quarantine.csv | tail -n 2 | LC_ALL=C sed 's/\o351/E/')" \
        "$(printf '"train/cat/bad\n,""nameE.jpg",the file is empty (0 bytes),0')"
    best=runs/train/exp/weights/best.safetensors
    code 3 "$FOVEA" predict --model $best --source data/train/cat --topk 1 --out text
    equal "$(wc -l <out | tr -d ' ')" 44
    prints 'new\nline\x1b[1m.jpg: ' "é😀 ;'\" ,x.jpg: " "deep.jpg: "
    code 3 "$FOVEA" predict --model $best --source data/train/cat --topk 1 --out csv
    prints "\"data/train/cat/é😀 ;'\"\" ,x.jpg\",cat," "$(printf '"data/train/cat/new\nline' | head -n 1)"
    code 3 "$FOVEA" predict --model $best --source data/train/cat --topk 1 --json
    drive json file <out >names
    grep -qF "é😀 ;'\" ,x.jpg" names || die "the emoji is lost"
    grep -qF 'latin\xe9.jpg' names || die "the name that is not UTF-8 is lost"
    code 0 "$FOVEA" data check data --max-bad 0.1 --json
    drive json images <out >/dev/null
    code 0 "$FOVEA" eval --data data --model $best
    # Folders of runs too.
    code 0 photo_run --output "$(printf 'latin\351')"
    drive json ev <"$(printf 'latin\351')/exp/events.jsonl" >/dev/null || die "events.jsonl is not JSON"
    odd=$(printf 'é\n"\\x: #')
    code 0 photo_run --output "$odd"
    drive json ev <"$odd/exp/events.jsonl" >/dev/null || die "events.jsonl is not JSON"
    code 0 "$FOVEA" train -c "$odd/exp/args.yaml" --output plain
    same "$odd/exp/weights/last.safetensors" plain/exp/weights/last.safetensors
}

row_24_layout_of_folders() {
    sound_photos
    mkdir data/train/cat/more data/train/.git
    cp data/train/cat/0000.jpg data/train/cat/more/
    cp data/train/cat/0000.jpg data/train/stray.jpg
    cp data/train/cat/0000.jpg data/train/.git/x.jpg
    : >data/train/cat/.DS_Store
    : >data/train/cat/Thumbs.db
    : >data/notes.txt
    ln -s .. data/train/dog/up
    ln -s nowhere data/train/dog/dangling.jpg
    mkfifo data/train/dog/fifo.jpg
    code 0 photo_run
    says "81 training images" "2 classes" "2 files or folders outside the class folders skipped (first: notes.txt)" "FIFO" "hidden or system file"
    finds 24 warn train/stray.jpg "outside the class folders: skipped"
    finds 24 warn train/cat/more "a folder inside a class folder: its files belong to the class"
    fails 3 E3004 -- "$FOVEA" train --data data/train/cat/more --model lenet
    mkdir empty
    fails 3 E3004 "empty: no data set here" "train/CLASS" -- "$FOVEA" train --data empty --model lenet
    fails 9 E9002 "no-such: no such file or folder" "--data" -- "$FOVEA" train --data no-such --model lenet
}

row_33_fewer_samples_than_a_batch() {
    "$FOVEA" data make digits --output few --train 11 --test 3 2>/dev/null
    code 0 "$FOVEA" train --data few --model lenet --epochs 2 --batch-size 64
    equal "$(cut -d, -f1,2 runs/train/exp/results.csv | tail -n 1)" 2,2
    # The smaller last batch counts: 11 = 5 + 5 + 1.
    code 0 "$FOVEA" train --data few --model lenet --epochs 1 --batch-size 5
    equal "$(cut -d, -f1,2 runs/train/exp2/results.csv | tail -n 1)" 1,3
    silent_about "has one sample" # no batch normalization
    code 0 "$FOVEA" train --data few --model resnet8 --epochs 1 --batch-size 5
    silent_about "has one sample" # none whose maps are 1 x 1
    code 0 "$FOVEA" eval --data few --model runs/train/exp/weights/best.safetensors --batch-size 64 --json
    prints '"samples":3,'
}
