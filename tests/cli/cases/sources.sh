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
    # Without a sample.
    echo 'path,label' >header.csv
    fails 3 E3004 "header.csv: a header and no line behind it" "a line for each image" -- source_run --data header.csv
    : >nothing.csv
    fails 3 E3004 "nothing.csv: an empty file, expected a manifest" "write a header" -- source_run --data nothing.csv
    # A class that only the validation split has.
    sed 's/dog,val/dgo,val/' list.csv >typo.csv
    fails 3 E3005 "class 'dgo' is unknown" "expected cat, dog" -- source_run --data typo.csv
    fails 2 E2003 "task 'regresion'" "regression" -- source_run --data list.csv --task regresion
}

# Weights that are all zero would make every loss zero.
use_weights_of_zero() {
    sound_manifest
    sed '1s/$/,weight/; 2,$s/$/,0/' list.csv >zero.csv
    fails 3 E3001 "zero.csv: the weights of all 40 training samples are 0" "a weight above 0" -- source_run --data zero.csv
    absent runs
    code 3 "$FOVEA" data check zero.csv --json
    prints '"fault":28,"file":"zero.csv","verdict":"reject","detail":"the weights of all 40 training samples are 0'
    # In a packed file too; one sample that counts is enough, and validation has no use for weights.
    code 0 "$FOVEA" data pack zero.csv --output zero.fvpack
    fails 3 E3001 "zero.fvpack: the weights of all 40" -- source_run --data zero.fvpack
    sed '2s/0$/2/' zero.csv >one.csv
    code 0 source_run --data one.csv
    code 0 "$FOVEA" eval --model runs/train/exp/weights/best.safetensors --data zero.csv --split val
}

# Floats mean 1 as full scale. Others train badly without an error.
use_floats_on_another_scale() {
    plant floats bytes scale=255
    plant floats twelve scale=4095
    plant floats words scale=65535
    plant floats standard scale=4 from=-2
    plant floats sound
    for set in "bytes 0 to 255 255" "twelve 0 to 4095 12 bits" "words 0 to 65535 65535" "standard -2 to 2 standardizing"; do
        name=${set%% *}
        cure=${set##* }
        range=$(echo "$set" | cut -d' ' -f2-4)
        code 0 source_run --data "$name"
        says "warning: $name: floating-point pixels from $range, expected 0 to 1 (1 is full scale): " "$cure"
        equal "$(grep -c 'floating-point' err)" 1
        code 0 "$FOVEA" data check "$name" --json
        prints "\"fault\":16,\"file\":\"train\",\"verdict\":\"warn\",\"detail\":\"floating-point pixels from $range"
    done
    # Steps that know a full scale cut off the rest; geometry does not.
    code 0 source_run --data bytes --augment "hflip; rotate; noise sigma=2"
    says "the step 'noise' cuts off what is beyond, so that training sees other pixels than scoring"
    code 0 source_run --data bytes --augment "hflip; rotate; blur; erase"
    silent_about "cuts off"
    code 0 source_run --data sound --augment noise
    silent_about "cuts off"
    code 0 source_run --data sound
    silent_about floating-point
    code 0 "$FOVEA" data check sound
    silent_about floating-point
}

# Labels of another kind than the model's are one mistake, not one per line.
use_labels_of_another_kind() {
    plant scenes scenes count=20
    code 0 source_run --data scenes/values.csv --experiment values
    code 0 source_run --data scenes/sets.csv --experiment sets
    values=runs/train/values/weights/best.safetensors
    sets=runs/train/sets/weights/best.safetensors
    fails 2 E2004 "scenes/sets.csv: numbers to predict are wanted" "such as 'left' on line 2" -- \
        "$FOVEA" eval --data scenes/sets.csv --model $values
    equal "$(grep -c '' err)" 2
    fails 2 E2004 "$values predicts numbers, but the samples of scenes/sets.csv have several classes" "--reset-head" -- \
        "$FOVEA" train --data scenes/sets.csv --model $values
    fails 2 E2004 "numbers to predict are wanted" -- source_run --data scenes/sets.csv --task regression
    equal "$(grep -c 'left' err)" 1
    fails 2 E2004 "a set of classes is wanted, but the samples have numbers to predict (2 each)" -- \
        "$FOVEA" eval --data scenes/values.csv --model $sets
    fails 2 E2004 "one class each is wanted" -- source_run --data scenes/values.csv --task class
    code 3 "$FOVEA" data check scenes/sets.csv --task regression --json
    prints '"fault":28' 'numbers to predict are wanted' 'give a model or --task for classes'
    # The check says beforehand what scoring would refuse.
    for words in "sets.csv $values" "values.csv $sets" "values.csv $model"; do
        code 3 "$FOVEA" data check scenes/${words% *} --model ${words#* }
        prints "1 to reject" "wanted"
    done
    code 3 "$FOVEA" data check "$digits" --model $values --json
    prints '"fault":20,"file":"train","verdict":"reject","detail":"the model wants numbers to predict, but the samples have one class each"'
    code 3 "$FOVEA" data check "$photos" --model $sets
    prints "train: the model wants several classes each, but the samples have one class each"
    code 0 "$FOVEA" data check scenes/values.csv --model $values
    code 0 "$FOVEA" data check scenes/sets.csv --model $sets
    # Some that are no numbers are told line by line.
    sed '2s/[0-9.]*$/left/' scenes/values.csv | sed '1s/target0/label/; s/,[^,]*$//' >some.csv
    sed -i 's/,\([a-z]*\),\(.*\)/,\2,\1/; 1s/.*/path,label,split/; s/^\(0\)/scenes\/\1/; 2s/,[^,]*,/,left,/' some.csv
    fails 3 E3003 "some.csv: 1 bad line, the first some.csv:2:" "'left' is not a finite number" -- source_run --data some.csv --task regression
}

# Frames of 12 bands in NumPy arrays.
use_bands() {
    plant bands bands/train count=40
    plant bands bands/val count=10
    code 0 source_run --data bands --in-chans 12 --epochs 3 --lr 0.02
    code 0 "$FOVEA" eval --model runs/train/exp/weights/best.safetensors --data bands --split val --json
    # Bands are neither grey nor color, and are shown with no model to say how many there are.
    code 0 "$FOVEA" data show bands --per-class 1 --augmented 2 --augment "hflip p=1; rotate" --output bands.png
    exists bands.png
    truncate -s -5 bands/val/images.npy
    fails 3 E3002 "bands/val/images.npy: truncated at byte" "the header promises" -- source_run --data bands --in-chans 12
}

use_data_pack() {
    sound_manifest
    code 0 "$FOVEA" data pack list.csv --output set.fvpack
    says "set.fvpack: 48 images, about"
    prints "set.fvpack: 40 training, 8 val, 0 test images in 1 file"
    fails 2 E2004 "set.fvpack: exists already" "--force" -- "$FOVEA" data pack list.csv --output set.fvpack
    code 0 "$FOVEA" data pack list.csv --output set.fvpack --force --json
    equal "$(drive json train <out),$(drive json val <out),$(drive json left_out <out)" 40,8,0
    no_leftovers .
    # Training on the packed file, on pixels and on shards is training on the files.
    code 0 source_run --data list.csv
    code 0 "$FOVEA" data pack list.csv --output pixels.fvpack --raw
    code 0 "$FOVEA" data pack list.csv --output shards --format tar --shard-size 20k
    [ "$(ls shards | wc -l)" -gt 3 ] || die "not several shards"
    for form in set.fvpack pixels.fvpack shards; do
        code 0 source_run --data $form --experiment $form
        same runs/train/exp/weights/last.safetensors runs/train/$form/weights/last.safetensors
        code 0 "$FOVEA" data check $form
    done
    code 0 "$FOVEA" data pack list.csv --output small.fvpack --raw --img-size 20x24 --resize crop
    code 0 source_run --data small.fvpack --img-size 28
    fails 2 E2004 "--img-size is for --raw" -- "$FOVEA" data pack list.csv --output x.fvpack --img-size 20
    fails 2 E2004 "shards: has shards already" -- "$FOVEA" data pack list.csv --output shards --format tar
    # A name that is no line of classes.txt would come back as two, with all behind it moved.
    plant classes lines count=4 "$(printf 'c\nat')" dog owl
    fails 3 E3005 "its name would not be the same as a line of classes.txt" "a packed file (.fvpack) holds" -- \
        "$FOVEA" data pack lines --output lined --format tar
    absent lined
    code 0 "$FOVEA" data pack lines --output lines.fvpack
    fails 2 E2001 "--output is missing" -- "$FOVEA" data pack list.csv
    # What was drawn as IDX has a test split.
    code 0 "$FOVEA" data pack "$digits" --output digits.fvpack --val-split 0.1
    prints "120 test images in 1 file"
    code 0 "$FOVEA" eval --model "$model" --data digits.fvpack --split test --json
}

# What docs/data-sets.md packs and divides runs as it stands there, one line after the other.
use_docs_data_sets() {
    cp -r "$photos/train" photos
    chmod -R u+w photos
    sed -n 's/^    fovea \(data [ps].*\)/\1/p' "$FOVEA_SOURCE_DIR/docs/data-sets.md" >commands
    [ "$(grep -c '' commands)" -ge 4 ] || die "where are the commands?"
    while read -r line; do
        code 0 "$FOVEA" $line
    done <commands
}

use_data_split() {
    plant classes photos count=20 cat dog
    cp photos/cat/0003.jpg photos/cat/again.jpg
    unchanged photos code 0 "$FOVEA" data split photos --val 0.2 --test 0.1 --output lists.csv
    prints "lists.csv: 29 training, 8 val, 4 test images; 1 files have the content of another one"
    equal "$(grep -c '^photos/.*,cat,' lists.csv)" 21
    equal "$(grep '/0003.jpg\|/again.jpg' lists.csv | grep cat | cut -d, -f3 | sort -u | wc -l | tr -d ' ')" 1
    cp lists.csv first.csv
    fails 2 E2004 "lists.csv: exists already" -- "$FOVEA" data split photos --output lists.csv
    # Files added to one class leave the others where they are.
    for i in 1 2 3 4 5 6 7 8 9; do plant jpeg photos/dog/more$i.jpg h=4$i w=30; done
    code 0 "$FOVEA" data split photos --val 0.2 --test 0.1 --output lists.csv --force
    grep ',cat,' first.csv >one
    grep ',cat,' lists.csv >two
    same one two
    code 0 source_run --data lists.csv
    code 0 "$FOVEA" data split photos --val 0.2 --seed 1 --output other.csv --json
    differ lists.csv other.csv
    equal "$(drive json test <out)" 0
    fails 1 E1002 "are no files" "--val-split" -- "$FOVEA" data split "$digits" --output no.csv
    # classes.txt numbers the classes, beside the manifest too.
    printf 'dog\ncat\n' >photos/classes.txt
    mkdir listed
    code 0 "$FOVEA" data split photos --val 0.2 --output listed/a.csv
    prints "listed/a.csv: 40 training, 10 val, 0 test images" "; classes.txt beside it keeps the numbers of the classes"
    same photos/classes.txt listed/classes.txt
    code 0 "$FOVEA" data split photos --val 0.2 --output listed/b.csv # the list is there
    silent_about "classes.txt"
    # In the data themselves, divided again, and where another list is in the way.
    code 0 "$FOVEA" data split photos --val 0.2 --output photos/a.csv
    printf 'dog\ncat\nowl\n' >listed/classes.txt
    fails 2 E2004 "listed/classes.txt: lists other classes than photos" "--output" -- \
        "$FOVEA" data split photos --val 0.2 --output listed/c.csv
    absent listed/c.csv
    rm photos/classes.txt photos/a.csv
    # Groups keep their own names, and so what they are when the list is divided again.
    { echo path,label,group && ls photos/*/0*.jpg | awk -F/ '{ printf "%s,%s,\"patient %d, \"\"%s\"\"\"\n", $0, $2, NR / 4, $2 }'; } >groups.csv
    code 0 "$FOVEA" data split groups.csv --val 0.3 --output grouped.csv
    grep -q '^photos/cat/0004.jpg,cat,[a-z]*,"patient 1, ""cat""".$' grouped.csv || die "no row of patient 1"
    code 0 "$FOVEA" data split groups.csv --val 0 --test 0 --output undivided.csv
    code 0 "$FOVEA" data split undivided.csv --val 0.3 --output again.csv
    same grouped.csv again.csv
}

row_27_few_samples() {
    plant classes photos count=10 cat
    plant jpeg photos/dog/0.jpg h=40
    fails 3 E3001 "class 'dog' has 1 sample: too few to divide into 2 parts" "add images" -- \
        source_run --data photos --val-split 0.2
    fails 3 E3001 "class 'dog' has 1 sample" -- "$FOVEA" data split photos --output s.csv
    absent s.csv
    code 0 source_run --data photos
    plant jpeg photos/dog/1.jpg h=41
    code 0 source_run --data photos --val-split 0.2
    fails 3 E3001 "too few to divide into 3 parts" -- "$FOVEA" data split photos --test 0.1 --output s.csv
    # The cause is named: equal content, or a group; the numbers are the class's own.
    cp photos/dog/1.jpg photos/dog/0.jpg
    cp photos/dog/1.jpg photos/dog/2.jpg
    fails 3 E3001 "class 'dog' has 3 samples in 1 piece (files with the same content stay together): too few" -- \
        "$FOVEA" data split photos --output s.csv
    { echo path,label,group && for i in 0 1 2 3 4 5 6 7 8 9; do echo photos/cat/000$i.jpg,dog,g; done; echo photos/dog/0.jpg,dog,h
        echo photos/dog/1.jpg,cat,; } >many.csv
    fails 3 E3001 "class 'cat' has 1 sample: too few" -- "$FOVEA" data split many.csv --output s.csv
    sed 's/,cat,/,dog,g/; s/,h$/,g/' many.csv >group.csv
    fails 3 E3001 "class 'dog' has 12 samples in 1 piece (samples of one group and files with the same content" -- \
        "$FOVEA" data split group.csv --output s.csv
}

row_35_packed_file() {
    sound_manifest
    code 0 "$FOVEA" data pack list.csv --output set.fvpack --raw
    cp set.fvpack good.fvpack
    # Cut off.
    truncate -s -100 set.fvpack
    fails 3 E3002 "set.fvpack: truncated at byte" "pack the data again" -- source_run --data set.fvpack
    # Another version.
    cp good.fvpack set.fvpack
    plant flip set.fvpack byte=8
    fails 3 E3003 "set.fvpack: byte 8: a packed file of version 91, this program reads version 1" "pack the data again" \
        -- source_run --data set.fvpack
    # One bit in a record costs that sample.
    cp good.fvpack set.fvpack
    plant flip set.fvpack byte=5000
    fails 3 E3007 "its checksum is wrong" -- source_run --data set.fvpack
    code 0 source_run --data set.fvpack --max-bad 0.1
    says "set.fvpack/pictures/train/cat/0000.jpg: quarantined: record 0 at byte 4096 of the packed file: its checksum is wrong"
    # In the tables it costs the file.
    cp good.fvpack set.fvpack
    plant flip set.fvpack byte=-300
    fails 3 E3003 "the checksum of the tables is wrong" -- source_run --data set.fvpack
}

row_36_shards() {
    sound_manifest
    code 0 "$FOVEA" data pack list.csv --output shards --format tar
    cp shards/train-000000.tar whole.tar
    truncate -s -3400 shards/train-000000.tar
    code 0 source_run --data shards
    says "shards/train-000000.tar: byte" "cut off inside of a member; the" "members before it are used" "39 training images"
    # Two archives in one: every name is there twice, the second one's behind the first one's end mark.
    mkdir twice
    { head -c -1024 whole.tar && cat whole.tar; } >twice/train.tar
    code 0 source_run --data twice
    says "twice/train.tar: 40 member names collide, first key 000000000" "80 training images"
    # JSON that cannot be read: shard, member, line and column; it counts for --max-bad.
    mkdir members bad
    tar -xf whole.tar -C members
    printf '{"label": "cat",\n "split": "trian"}\n' >members/000000003.json
    rm -f members/000000003.cls
    (cd members && tar -cf ../bad/train.tar $(ls))
    fails 3 E3007 "1 of 40 samples cannot be used" "train.tar:000000003.json: line 2, column 11: split 'trian': expected train" -- \
        source_run --data bad
    code 3 "$FOVEA" data check bad --json
    prints '"fault":36,"file":"train.tar:000000003.json","verdict":"quarantine","detail":"line 2, column 11: split '
    code 0 source_run --data bad --max-bad 0.1
    # More than are shown: the check counts all of them, as training does.
    for i in 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32; do
        printf '{"label": "cat", "weight": -1}\n' >members/0000000$i.json
        rm -f members/0000000$i.cls
    done
    (cd members && tar -cf ../bad/train.tar $(ls))
    fails 3 E3007 "24 of 40 samples cannot be used" -- source_run --data bad --max-bad 0.55
    says "bad: and 4 more"
    code 0 source_run --data bad --max-bad 0.6
    fails 3 E3007 "24 of 40 files cannot be used" -- "$FOVEA" data check bad --max-bad 0.55
    prints "24 to quarantine"
    code 0 "$FOVEA" data check bad --max-bad 0.6
    # The file that was given is named, also where nothing in it can be used.
    tar -cf lone.tar -C members 000000001.jpg
    fails 3 E3004 "lone.tar: 1 key, and none with an image and a label" "KEY.cls or KEY.json" -- source_run --data lone.tar
    says "warning: lone.tar: 1 sample without .cls or .json left out"
    code 3 "$FOVEA" data check lone.tar --json
    prints '"file":"lone.tar","verdict":"reject"' '"file":"lone.tar","verdict":"warn","detail":"1 sample without'
    gzip -c whole.tar >packed.tar.gz
    fails 1 E1002 "packed.tar.gz: a compressed archive" "decompress it" -- source_run --data packed.tar.gz
}

use_fast_decode() {
    fast() { "$FOVEA" train --data "$photos" --model lenet --epochs 1 --batch-size 8 --fast-decode "$@"; }
    code 0 fast
    model=runs/train/exp/weights/last.safetensors
    code 0 "$FOVEA" eval --data "$photos" --model $model
    fails 2 E2004 "--fast-decode has no effect here: --cache holds whole images" -- fast --cache ram
    fails 2 E2004 "this model was trained with --fast-decode" "leave --cache out" -- "$FOVEA" train --data "$photos" \
        --model $model --epochs 1 --batch-size 8 --cache ram --experiment again
}

use_cache() {
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 2 --batch-size 8
    for where in ram disk; do
        code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 2 --batch-size 8 --cache $where --experiment $where
        says "cache: "
        same runs/train/exp/weights/last.safetensors runs/train/$where/weights/last.safetensors
    done
    exists runs/train/disk/cache-*.fvpack
    absent runs/train/ram/cache-*.fvpack
    says "24 training images, 8 validation images"
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 3 --batch-size 8 --cache disk --resume runs/train/disk
    silent_about "cache: "
    # A damaged cache, and one of other data or decoding options, is made anew.
    cache=$(ls runs/train/disk/cache-*.fvpack)
    cp "$cache" sound.fvpack
    printf 'X' | dd of="$cache" bs=1 seek=5000 conv=notrunc 2>dd.txt
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 4 --batch-size 8 --cache disk --resume runs/train/disk
    says "$cache: damaged, and made anew: " "checksum is wrong" "cache: 32 images"
    same sound.fvpack "$cache"
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 5 --batch-size 8 --cache disk --ignore-exif --force --resume runs/train/disk
    says "$cache is of other data or other decoding options: removed" "cache: 32 images"
    absent "$cache"
    # Other pixels under the same names are other data.
    mkdir -p changed/cat changed/dog
    for i in 1 2 3 4 5 6; do
        plant jpeg changed/cat/$i.jpg quality=$((60 + i))
        plant jpeg changed/dog/$i.jpg quality=$((70 + i))
    done
    code 0 "$FOVEA" train --data changed --model lenet --epochs 1 --batch-size 8 --cache disk --experiment changed
    plant jpeg changed/cat/1.jpg quality=20
    refused() { "$FOVEA" train --data changed --model lenet --epochs 2 --batch-size 8 --cache disk --resume runs/train/changed; }
    fails 2 E2004 "the data was" -- refused
    unchanged runs code 2 refused
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 1 --batch-size 8 --cache ram --memory 16M
    says "cache: training images need about" "MB, which fit into"
    code 0 "$FOVEA" train --data "$digits" --model lenet --epochs 1 --cache ram
    says "the training images are in memory or stored as pixels already"
}

use_frames() {
    mkdir frames
    for i in 1 2 9 10 11 100; do plant png frames/f$i.png h=28 w=28 grey; done
    plant png frames/f03.png h=28 w=28 grey
    code 0 "$FOVEA" predict --model "$model" --source frames --topk 1
    cp out plain
    code 0 "$FOVEA" predict --model "$model" --source frames/ --topk 1
    same out plain
    equal "$(sed 's/.*frames.\([^:]*\):.*/\1/' out | tr '\n' ' ')" "f1.png f2.png f03.png f9.png f10.png f11.png f100.png "
    # The same frames through a pipe, as bytes, as 16 bits and as floats, give what the files give.
    code 0 "$FOVEA" predict --model "$model" --source frames/f1.png --json
    drive json predictions.0.probability <out >expected
    plant pixels pixels.u8 h=28 w=28 count=3
    plant pixels pixels.u16 h=28 w=28 count=3 depth=16
    plant pixels pixels.f32 h=28 w=28 count=3 depth=32
    for type in u8 u16 f32; do
        code 0 sh -c "\"\$FOVEA\" predict --model '$model' --source - --raw 28x28x1:$type --json <pixels.$type"
        equal "$(wc -l <out | tr -d ' ')" 3
        drive json file <out >names
        equal "$(tr '\n' ' ' <names)" "-[0] -[1] -[2] "
        head -n 1 out | drive json predictions.0.probability >got
        near "$(cat expected)" "$(cat got)" 1e-5
    done
    code 3 sh -c "head -c 2000 pixels.u8 | \"\$FOVEA\" predict --model '$model' --source - --raw 28x28x1 --topk 1"
    says "standard input ends inside of frame 2: 432 of 784 bytes"
    code 0 sh -c "\"\$FOVEA\" predict --model '$model' --source - --raw 28x28x1 --limit 2 <pixels.u8"
    equal "$(wc -l <out | tr -d ' ')" 2
    for form in 28x28 28x28x1:u9 0x28x1 28x28x1x1 9999999x9999999x9; do
        fails 2 E2003 "--raw $form: expected HEIGHTxWIDTHxCHANNELS" -- "$FOVEA" predict --model "$model" --source - --raw $form
    done
    fails 2 E2004 "standard input only" -- "$FOVEA" predict --model "$model" --source frames --raw 28x28x1
}

# Files are answered together, by threads that decode ahead: nobody sees it.
use_files_together() {
    mkdir -p many/below none
    for i in 1 2 3 5 6 7 8 9 10 11 12; do plant jpeg many/$i.jpg h=$((28 + 3 * i)) w=$((60 - i)); done
    plant png many/below/a.png h=30 w=40
    head -c 300 many/8.jpg >many/4.jpg
    : >many/below/b.png
    mkfifo many/55.jpg
    printf '%s\n' many/1.jpg many/2.jpg many/3.jpg many/4.jpg many/5.jpg many/6.jpg many/7.jpg many/8.jpg many/9.jpg many/10.jpg \
        many/11.jpg many/12.jpg many/below/a.png many/below/b.png >list.txt
    while read -r file; do
        got=0
        "$FOVEA" predict --model "$model" "$file" --json --topk 3 >one 2>err || got=$?
        [ $got = 0 ] || [ $got = 3 ] || die "exit code $got for $file"
        cat one
    done <list.txt >expected
    equal "$(wc -l <expected | tr -d ' ')" 14
    grep -q '"file":"many/4.jpg","error":"many/4.jpg: truncated JPEG at byte 300 of 300' expected || die "no error for many/4.jpg"
    for batch in 1 2 5 64; do
        for threads in 1 2; do
            code 3 "$FOVEA" predict --model "$model" many --json --topk 3 --batch-size $batch --threads $threads
            same out expected
            says "many/55.jpg: a FIFO, socket, device or dangling link: skipped" "2 of 14 images could not be read"
        done
    done
    code 3 "$FOVEA" predict --model "$model" list.txt --json --topk 3 --workers 3
    same out expected
    code 3 sh -c "\"\$FOVEA\" predict --model '$model' --source - --json --topk 3 --workers -1 <list.txt"
    same out expected
    # As text the errors come in between, in the files' order.
    code 3 "$FOVEA" predict --model "$model" many --topk 1
    grep -o 'many/[^:]*: [a-zF]*' err >order
    equal "$(cut -d: -f1 order | tr '\n' ' ')" "many/4.jpg many/55.jpg many/below/b.png "
    equal "$(wc -l <out | tr -d ' ')" 12
    code 0 "$FOVEA" predict --model "$model" many --json --topk 3 --limit 3
    head -n 3 expected >three
    same out three
    code 3 "$FOVEA" predict --model "$model" many --json --topk 3 --limit 4
    code 0 "$FOVEA" predict --model "$model" many/1.jpg --json --topk 3
    head -n 1 expected >one
    same out one
    fails 3 E3004 "none: no image in it" -- "$FOVEA" predict --model "$model" none
    # A picture of them has the same ones.
    code 3 "$FOVEA" predict --model "$model" many --json --topk 3 --sheet sheet.png
    same out expected
    says "sheet.png: 12 images with predictions"
    # Each answer comes while the next name is not there yet.
    mkfifo names
    "$FOVEA" predict --model "$model" --source - --json --topk 3 <names >answers 2>err &
    pid=$!
    exec 9>names
    for i in 1 2 3; do
        sed -n "${i}p" list.txt >&9
        tries=0
        while [ "$(wc -l <answers)" -lt $i ]; do
            tries=$((tries + 1))
            [ $tries -lt 600 ] || die "no answer to name $i"
            sleep 0.1
        done
    done
    exec 9>&-
    wait $pid || die "exit code $?"
    same answers three
}

near() {
    checks=$((checks + 1))
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; exit d < 0 ? -d > t : d > t }' || die "$1 and $2 differ by more than $3"
}

row_21_names_alike() {
    plant classes data/train count=4 rose Rose tulip
    fails 3 E3005 "class folders 'Rose' and 'rose' differ only by letter case" "rename or merge" -- source_run --data data
    mv data/train/Rose "data/train/tulip "
    fails 3 E3005 "'tulip'" "'tulip '" -- source_run --data data
    mv "data/train/tulip " "data/train/caf$(printf '\303\251')"
    plant classes data/train count=4 "cafe$(printf '\314\201')"
    fails 3 E3005 "the encoding of accents" -- source_run --data data
    rm -r "data/train/cafe$(printf '\314\201')"
    code 0 source_run --data data
}

# The list of files is made at the start; one that vanishes later is quarantined when its turn comes.
row_32_files_vanish() {
    plant classes data/train count=40 cat dog
    (
        exec "$FOVEA" train --data data --model lenet --epochs 100000 --batch-size 20 --max-bad 0.1 --progress plain \
            >out 2>err
    ) &
    pid=$!
    while ! grep -qs 'Epoch 2/' err && kill -0 $pid; do sleep 0.05; done
    rm data/train/cat/0003.jpg
    : >data/train/dog/0004.jpg
    plant jpeg data/train/dog/later.jpg
    tries=0
    while ! { grep -qs '0003.jpg: quarantined' err && grep -qs '0004.jpg: quarantined' err; } && [ $tries -lt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -TERM $pid
    wait $pid || true
    pid=
    says "data/train/cat/0003.jpg: quarantined: cannot open: No such file" "data/train/dog/0004.jpg: quarantined: the file is empty"
    silent_about later.jpg
    exists runs/train/exp/weights/last.safetensors
}

# Files that cannot be decoded are bad in the cache too, so that the others keep their places.
use_cache_with_bad_files() {
    mkdir -p bad/cat bad/dog
    for i in 1 2 3 4 5 6 7 8 9; do
        plant jpeg bad/cat/$i.jpg quality=$((60 + i))
        plant jpeg bad/dog/$i.jpg quality=$((70 + i))
    done
    head -c 200 bad/cat/4.jpg >cut && cp cut bad/cat/4.jpg
    : >bad/dog/2.jpg
    echo text >bad/dog/7.jpg
    cached() { "$FOVEA" train --data bad --model lenet --epochs 2 --batch-size 4 --max-bad 0.5 "$@"; }
    for where in none ram disk; do
        code 0 cached --cache $where --experiment $where
        says "cat/4.jpg: quarantined" "dog/2.jpg: quarantined" "dog/7.jpg: quarantined"
        same runs/train/$where/weights/last.safetensors runs/train/none/weights/last.safetensors
        cut -d, -f1 runs/train/$where/quarantine.csv >list.$where
        same list.$where list.none
        code 0 cached --cache $where --experiment $where-split --val-split 0.3
        same runs/train/$where-split/weights/last.safetensors runs/train/none-split/weights/last.safetensors
    done
    # It is sound all the same: it is not made anew.
    code 0 cached --cache disk --resume runs/train/disk --epochs 3
    silent_about "damaged, and made anew"
    code 0 "$FOVEA" data pack bad --output bad.fvpack --raw --max-bad 0.5
    code 0 "$FOVEA" data check bad.fvpack
}
