# SPDX-License-Identifier: Apache-2.0
# Data sets in other forms than folders of classes.

# A folder of images and a manifest of them: 20 of each class, 4 of each to validate on.
sound_manifest() {
    plant classes pictures/train count=20 cat dog
    plant classes pictures/val count=4 cat dog
    echo 'path,label,split' >list.csv
    for class in cat dog; do
        for split in train val; do
            for file in pictures/$split/$class/*.jpg; do
                echo "$file,$class,$split" >>list.csv
            done
        done
    done
}

source_run() { "$FOVEA" train --model lenet --epochs 1 --batch-size 20 "$@"; }

row_28_manifest() {
    sound_manifest
    code 0 source_run --data list.csv
    code 0 "$FOVEA" eval --model runs/train/exp/weights/best.safetensors --data list.csv --split val
    # A byte order mark, CRLF and quotes change nothing.
    { printf '\357\273\277'; sed 's/^\([^,]*\),\([^,]*\)/"\1","\2"/; s/$/\r/' list.csv; } >quoted.csv
    code 0 source_run --data quoted.csv --experiment quoted
    same runs/train/exp/weights/last.safetensors runs/train/quoted/weights/last.safetensors
    # The same in JSON lines, and as a folder's own list.
    mkdir folder
    sed -n 's/\([^,]*\),\([^,]*\),\(.*\)/{"path": "\1", "label": "\2", "split": "\3"}/; 2,$p' list.csv >folder/manifest.jsonl
    mv pictures folder/
    code 0 source_run --data folder --experiment folder
    same runs/train/exp/weights/last.safetensors runs/train/folder/weights/last.safetensors
    mv folder/pictures .
    # Everything that is wrong in one pass, by line and column.
    {
        echo 'path,label,split'
        echo 'pictures/train/cat/0000.jpg,cat,train'
        echo 'pictures/gone.jpg,cat,train'
        echo 'pictures/train/cat/0001.jpg,cat'
        echo 'pictures/train/cat/0002.jpg,,train'
        echo 'pictures/train/dog/0002.jpg,dog,tain'
        echo '"pictures/train/dog/0003.jpg"x,dog,train'
        echo 'pictures/train/dog/0004.jpg,nan,train'
    } >bad.csv
    fails 3 E3003 "bad.csv: 6 bad lines, the first bad.csv:4:" -- source_run --data bad.csv
    says "bad.csv:3:1: pictures/gone.jpg: no such file" "bad.csv:4:29: 2 fields, the header has 3" \
        "bad.csv:5:29: no label" "bad.csv:6:33: split 'tain': expected train, val or test" \
        "bad.csv:7:30: text behind a closing quote" "bad.csv:8:29: the label is 'nan'"
    equal "$(grep -c '^fovea: error: bad.csv' err)" 0
    fails 3 E3003 "list2.csv:1:1: no header: found 'pictures/train/cat/0000.jpg,cat'" "path,label[,split" -- sh -c \
        'sed 1d list.csv >list2.csv; "$FOVEA" train --model lenet --data list2.csv'
    # A class that only the validation split has.
    sed 's/dog,val/dgo,val/' list.csv >typo.csv
    fails 3 E3005 "class 'dgo' is unknown" "expected cat, dog" -- source_run --data typo.csv
    fails 2 E2003 "task 'regresion'" "regression" -- source_run --data list.csv --task regresion
}
