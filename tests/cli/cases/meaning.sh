# SPDX-License-Identifier: Apache-2.0
# Conversions are said once by a run, whichever of its data sets and however many files they happen to.
use_conversions_said_once() {
    for split in train val test; do
        for class in a b; do
            mkdir -p flat/$split/$class
            for i in 1 2 3; do
                printf 'P5 28 1 255 %028d' $i$i$i >flat/$split/$class/$i.pgm
                printf 'P5 28 28 65535 ' >flat/$split/$class/deep$i.pgm
                head -c 1568 "$digits/train-images-idx3-ubyte" >>flat/$split/$class/deep$i.pgm
            done
        done
    done
    code 0 "$FOVEA" train --data flat --model lenet --epochs 2 --batch-size 4
    equal "$(grep -c 'an image one pixel high or wide (said once' err)" 1
    code 0 "$FOVEA" eval --data flat --model runs/train/exp
    equal "$(grep -c 'an image one pixel high or wide (said once' err)" 1
    code 0 "$FOVEA" data pack flat --output flat.fvpack
    [ "$(grep -c 'one pixel high' err)" -le 1 ] || die "said more than once"
}

# Data mean what the user means: folders, labels and files that would be taken for something else in silence.

# knows N: the last run or check spoke of so many classes.
knows() {
    checks=$((checks + 1))
    grep -Eq " $1 class(es)?\b" err out || die "not $1 classes"
}

row_82_own_files() {
    plant classes photos count=8 cat dog
    cd photos
    for round in 1 2; do
        code 0 tiny_run --data .
        knows 2
        says ".: 1 file or folder that fovea wrote left out (first: runs)"
    done
    rm -rf runs err out
    cd ..
    # Outputs elsewhere inside the data, of a run that is just begun, one that came to nothing, and other verbs.
    code 0 tiny_run --data photos --output photos/models
    knows 2
    mkdir -p photos/runs/train/old
    code 0 tiny_run --data photos
    knows 2
    says "photos: 2 files or folders that fovea wrote left out (first: models)"
    code 0 "$FOVEA" data pack photos --output photos/shards --format tar
    cp photos/models/exp/weights/best.safetensors photos/cat
    mkdir photos/dog/later
    cp -r photos/models/exp photos/dog/later
    code 0 "$FOVEA" data check photos
    knows 2
    prints "warn       models: written by fovea: left out" "shards: written by fovea" "cat/best.safetensors: written by fovea"
    prints "16 images, 2 classes; 0 to reject, 0 to quarantine"
    code 0 "$FOVEA" predict --model photos/models/exp/weights/best.safetensors --source photos
    equal "$(wc -l <out)" 16
    # What would become a sample is not written among them: beside the classes it may lie, and in a run.
    for words in "show photos --per-class 1 --output" "check photos --report" "check photos --quarantine" "stats photos --report"; do
        for place in photos/cat photos/dog/../cat ./photos/dog/ photos/models; do
            fails 2 E2004 "in a folder of the data set photos" "--force" -- "$FOVEA" data $words $place/output.png
        done
        got=0
        (cd photos/cat && "$FOVEA" data $(echo "$words" | sed 's/photos/../') here.png) >/dev/null 2>&1 || got=$?
        equal $got 2
        code 0 "$FOVEA" data $words photos/output.png --force
        code 0 "$FOVEA" data $words photos/models/exp/output.png --force
    done
    fails 2 E2004 "--sheet photos/cat/sheet.png: in a folder" -- \
        "$FOVEA" predict --model photos/models/exp/weights/best.safetensors --data photos --sheet photos/cat/sheet.png
    fails 2 E2004 "--report photos/cat/page.html: in a folder" -- \
        "$FOVEA" eval --model photos/models/exp/weights/best.safetensors --data photos --report photos/cat/page.html
    absent photos/cat/output.png photos/dog/output.png photos/models/output.png photos/cat/here.png photos/cat/sheet.png photos/cat/page.html
    # A class may be called like what fovea writes.
    plant classes sports count=4 runs weights
    code 0 tiny_run --data sports
    knows 2
    # A run that was refused leaves no folder.
    mkdir empty
    code 3 tiny_run --data empty --output out_of_empty
    absent out_of_empty
}

row_83_split_names() {
    for pair in "Train Test" "TRAIN VAL" "Training Validation" "train_set dev-set" "train-images Val_Images" "trainset testset"; do
        rm -rf d
        plant classes "d/${pair% *}" count=8 cat dog
        plant classes "d/${pair#* }" count=4 cat dog
        code 0 tiny_run --data d
        knows 2
        says "d: folder '${pair% *}' is taken as the train split" "d: folder '${pair#* }' is taken as the"
    done
    plant classes d/Train count=2 cat dog
    fails 2 E2004 "both 'Train' and 'trainset'" -- tiny_run --data d
}

row_83_splits_in_place() {
    # The data set in a folder of its own, as archives unpack.
    plant classes w/photos/v1/train count=4 cat dog
    plant classes w/photos/v1/val count=4 cat dog
    fails 3 E3005 "w: nothing but the folder 'photos'" "use --data w/photos/v1" -- tiny_run --data w
    fails 3 E3005 "use --data w/photos/v1" -- "$FOVEA" data check w
    fails 3 E3005 "use --data w/photos/v1" -- "$FOVEA" data split w --val 0.2 --output w.csv
    # Splits inside the classes, and splits without classes.
    plant classes inside/cup count=3 train test
    plant classes inside/bottle count=3 train test
    fails 3 E3005 "inside/bottle: the folder has splits in it" "manifest" -- tiny_run --data inside
    plant classes bare count=3 train test
    fails 3 E3005 "'test' is the name of a split, but there are no class folders in it" -- tiny_run --data bare
    # Which is no reason to refuse a class of that name.
    plant classes vehicles count=3 bus car train
    code 0 tiny_run --data vehicles
    knows 3
    # What is scored is what was given.
    code 0 tiny_run --data w/photos/v1 --experiment scored
    code 0 "$FOVEA" eval --data w/photos/v1/val --model runs/train/scored/weights/best.safetensors
    prints "8 samples"
    says "scoring all of it"
    code 0 "$FOVEA" predict --data w/photos/v1/val --model runs/train/scored/weights/best.safetensors
    equal "$(wc -l <out)" 8
}

use_split_or_class() {
    # "Test" with pictures and a folder in it, beside classes, is a split or a class: one question for every verb.
    for name in Test val testing; do
        rm -rf d
        plant classes d count=6 cat dog $name
        mkdir "d/$name/more"
        cp d/cat/0000.jpg "d/$name/more"
        for verb in "data check d" "data stats d" "data split d --output d.csv" "data pack d --output d.fvpack" \
            "train --data d --model resnet8 --img-size 16 --epochs 1"; do
            # shellcheck disable=SC2086
            fails 3 E3005 "d/$name: a split with classes in it, or a class beside 'cat'?" "move its images into class folders" -- \
                "$FOVEA" $verb
        done
    done
    # Without pictures of its own it is a split, and there is none to train on.
    rm d/testing/*.jpg
    fails 9 E9002 "no 'train' split here (found: test)" -- tiny_run --data d
    absent runs d.csv d.fvpack
}

# A test split whose labels are kept back: trained without it, predicted on demand, never scored.
row_83_unlabeled_test() {
    for inner in "" /all /unknown /test; do
        rm -rf d runs
        plant classes d/train count=8 cat dog
        plant classes s count=3 x
        mkdir -p d/test$inner
        mv s/x/*.jpg d/test$inner
        code 0 tiny_run --data d
        knows 2
        says "d/test$inner: images without labels: not scored; \`fovea predict --data d --split test\`"
        [ "$inner" = /all ] || [ "$inner" = "" ] || continue
        best=runs/train/exp/weights/best.safetensors
        for split in "--split test" ""; do
            code 0 "$FOVEA" predict --data d $split --model $best
            says "d/test$inner: images without labels"
            equal "$(grep -c "^d/test$inner/.*%" out)" 3
        done
        fails 3 E3004 "d/test$inner: images without labels" "fovea predict --data d --split test --model FILE" -- \
            "$FOVEA" eval --data d --split test --model $best
        code 0 "$FOVEA" data check d
        prints "test$inner: images without labels" "16 images, 2 classes; 0 to reject, 0 to quarantine, 1 warnings"
        code 0 "$FOVEA" data pack d --output d.fvp --force
        code 0 tiny_run --data d.fvp
        # Nothing is scored by mistake either.
        code 0 "$FOVEA" eval --data d --model $best
        says "neither a val nor a test split there"
    done
    # A folder of that name is a class where training has it; other names are a mistake, as they were.
    plant classes d/train count=8 test
    code 0 tiny_run --data d
    knows 3
    silent_about "without labels"
    rm -rf d/train/test
    mv d/test/test d/test/cta
    fails 3 E3005 "class 'cta' is unknown" -- tiny_run --data d
    # A split to validate on must have labels.
    rm -rf d/test
    mkdir -p d/val
    cp d/train/cat/0000.jpg d/val
    fails 3 E3004 "d/val: no class folders" -- tiny_run --data d
}

row_84_system_folders() {
    plant classes photos count=8 cat dog
    plant classes photos count=2 @eaDir 'lost+found' __pycache__ '#recycle' 'FOUND.000' '@Recycle' '$RECYCLE.BIN'
    plant classes photos/cat count=2 @eaDir __MACOSX
    chmod 000 'photos/lost+found' photos/cat/@eaDir
    code 0 tiny_run --data photos
    knows 2
    code 0 "$FOVEA" data check photos
    prints "16 images, 2 classes; 0 to reject"
    code 0 "$FOVEA" predict --model runs/train/exp/weights/best.safetensors --source photos
    equal "$(wc -l <out)" 16
    # Beside splits, in the folders of images with masks, and in shards.
    mkdir split
    cp -r photos/cat photos/dog split
    plant classes splits/train count=4 cat dog
    plant classes splits/val count=4 cat dog '@eaDir' 'System Volume Information'
    code 0 tiny_run --data splits
    knows 2
    plant classes shard count=4 cat @eaDir
    (cd shard && for f in cat/000*.jpg; do printf cat >"${f%.jpg}.cls"; done
    cp cat/0000.cls @eaDir/0000.cls && tar --sort=name -cf ../part.tar cat @eaDir)
    code 0 "$FOVEA" data check part.tar
    prints "4 images, 1 classes"
    chmod 700 'photos/lost+found' photos/cat/@eaDir
}

# heic FILE: the photo of a telephone, in a format that is not read.
heic() { printf '\0\0\0\030ftypheic\0\0\0\0mif1heic and more' >"$1"; }

row_85_class_of_useless_files() {
    plant classes d/train count=150 cat dog
    mkdir d/train/fox
    for i in 1 2 3; do heic "d/train/fox/IMG_$i.HEIC"; done
    fails 3 E3004 "class 'fox': none of its 3 images can be used" "fox/IMG_1.HEIC: the content looks like a HEIC image" \
        "--allow-empty" -- tiny_run --data d
    code 3 "$FOVEA" data check d
    prints "reject     train: class 'fox': none of its 3 images can be used"
    fails 3 E3004 "class 'fox'" -- "$FOVEA" data split d --val 0.2 --output d.csv
    fails 3 E3004 "class 'fox'" -- "$FOVEA" data pack d --output d.fvpack
    code 0 tiny_run --data d --allow-empty
    knows 3
    says "class 'fox': none of its 3 images can be used"
    # One good one is enough; files that are cut off are none.
    plant jpeg d/train/fox/good.jpg h=30 w=30
    head -c 300 d/train/fox/good.jpg >cut.jpg
    code 0 tiny_run --data d
    cp cut.jpg d/train/fox/good.jpg
    code 3 tiny_run --data d
    rm d/train/fox/*
    fails 3 E3004 "d/train/fox: a class without images" -- tiny_run --data d
    # The same in a manifest and in shards.
    { echo path,label; for f in d/train/cat/*.jpg; do echo "$f,cat"; done; echo cut.jpg,fox; } >list.csv
    fails 3 E3004 "class 'fox': none of its 1 images can be used" -- tiny_run --data list.csv
    mkdir shard
    i=0
    for f in d/train/cat/*.jpg d/train/dog/*.jpg cut.jpg; do
        i=$((i + 1))
        cp "$f" shard/$i.jpg
        basename "$(dirname "$f")" >shard/$i.cls
    done
    tar --sort=name -cf part.tar -C shard .
    fails 3 E3004 "class '.': none of its 1 images can be used" -- tiny_run --data part.tar
}

# spoil FOLDER: every image in it becomes a text.
spoil() { find "$1" -name '*.jpg' | while read -r f; do echo text >"$f"; done; }

row_94_nothing_usable() {
    plant classes d/train count=6 cat dog
    plant classes d/val count=6 cat dog
    plant classes d/test count=6 cat dog
    code 0 tiny_run --data d --experiment good
    for split in train val test; do
        cp -r d spoilt
        spoil spoilt/$split
        fails 3 E3004 "can be used" -- tiny_run --data spoilt --max-bad 1
        code 3 "$FOVEA" data check spoilt --max-bad 1
        prints "reject     $split: none of 12 images can be used"
        [ $split = train ] || {
            fails 3 E3004 "none of 12 images can be used" -- "$FOVEA" eval --data spoilt --split $split --max-bad 1 \
                --model runs/train/good/weights/best.safetensors
            fails 3 E3004 "none of 12 images can be used" -- "$FOVEA" eval --data spoilt --split $split --max-bad 1 --tta flip \
                --model runs/train/good/weights/best.safetensors
        }
        rm -r spoilt
    done
    [ ! -e runs/train/exp/results.csv ] || silent_about "0,0,0,"
    # Nobody is there to read the answers.
    got=0
    "$FOVEA" predict --data d --model runs/train/good/weights/best.safetensors >&- 2>err || got=$?
    equal $got 9
    one_error E9001
}

use_architecture_as_json() {
    printf '\n{"input": [28, 28, 3],\n "layers": [{"conv2d": {"filters": 4, "kernel": 3}}, "flatten", {"dense": {"units": 2}}]}' >net.json
    code 0 "$FOVEA" info net.json
    plant classes d count=6 cat dog
    code 0 "$FOVEA" train --data d --model net.json --epochs 1
    printf '{"input": [28, 28, 3], "layers": [{"conv2d": {"filters": 4, "kernels": 3}}]}' >bad.json
    code 2 "$FOVEA" info bad.json
    says "bad.json:1:" "kernel"
    printf '{"input": [28, 28, 3], "layers": [' >bad.json
    code 2 "$FOVEA" info bad.json
    says "bad.json:1:"
}

# likes LABEL VERDICT: beside 'cat' in a manifest and as a folder.
likes() {
    rm -rf both both.csv
    { echo path,label; i=0; for f in im/x/*.jpg; do i=$((i + 1)); [ $((i % 2)) = 0 ] && echo "$f,cat" || echo "$f,\"$1\""; done; } >both.csv
    plant classes both count=6 cat "$1"
    for data in both.csv both; do
        if [ "$2" = reject ]; then
            code 3 "$FOVEA" data check $data
            prints "reject "
            fails 3 E3005 "$3" -- tiny_run --data $data
        else
            code 0 "$FOVEA" data check $data
            prints "look alike"
            code 0 tiny_run --data $data
            says "look alike" "$3"
        fi
    done
}

row_86_labels_alike() {
    plant classes im count=12 x
    likes 'Cat' reject "'cat'"
    likes "$(printf 'cat\302\240')" reject "'cat\\u00a0'"
    likes "$(printf 'c\342\200\213at')" reject "'c\\u200bat'"
    likes "$(printf '\357\273\277cat')" reject "'\\ufeffcat'"
    likes "$(printf 'ca\302\255t\342\200\216')" reject "'ca\\u00adt\\u200e'"
    likes "$(printf 'cat\343\200\200')" reject "'cat\\u3000'"
    likes "$(printf '\357\275\203at')" reject "'cat'"
    likes "$(printf 'c\320\260t')" warn "'cat'"
    likes "c at" warn "'c at'"
    # A byte order mark in a label of a shard and in a list of files.
    mkdir shard
    i=0
    for f in im/x/*.jpg; do
        i=$((i + 1))
        cp "$f" shard/$i.jpg
        [ $((i % 2)) = 0 ] && printf 'cat' >shard/$i.cls || printf '\357\273\277cat\n' >shard/$i.cls
    done
    tar --sort=name -cf part.tar -C shard .
    code 0 "$FOVEA" data check part.tar
    knows 1
    { printf '\357\273\277' && ls im/x/*.jpg; } >list.txt
    code 0 "$FOVEA" predict --model runs/train/exp/weights/best.safetensors --source list.txt
    equal "$(wc -l <out)" 12
}

row_87_names_like_numbers() {
    for names in "nan roti" "0.5 1.5 2.25" "1.1 1.10 2.0" "NaN inf" "1 2 10" "a|b c" "true false null" "1e3 2e3" "-1 -2.5" "2024-01-02 2024-01-03"; do
        rm -rf d d.csv d.fvpack shards classes.txt
        plant classes d count=8 $names
        count=$(echo "$names" | wc -w)
        images=$((8 * count))
        code 0 "$FOVEA" data split d --val 0.25 --output d.csv
        code 0 "$FOVEA" data pack d --output d.fvpack
        code 0 "$FOVEA" data pack d --output shards --format tar
        for data in d d.csv d.fvpack shards; do
            code 0 "$FOVEA" data check $data
            prints "$images images, $count classes; 0 to reject, 0 to quarantine"
            grep -oE '^ +[0-9]+ .* [^ ]+$|^ +[0-9]+  [^ ]+$' out | awk '{ print $NF }' | LC_ALL=C sort -u >names.$data
        done
        same names.d names.d.csv
        same names.d names.d.fvpack
        same names.d names.shards
        code 0 tiny_run --data d.csv
        knows "$count"
    done
    # As objects; and .cls holds a class, whatever it looks like.
    plant classes im count=6 x y
    for f in im/x/*.jpg; do echo "{\"path\": \"$f\", \"class_name\": \"0.5\"}"; done >m.jsonl
    for f in im/y/*.jpg; do echo "{\"path\": \"$f\", \"class_name\": \"1.5\"}"; done >>m.jsonl
    code 0 "$FOVEA" data check m.jsonl
    knows 2
    mkdir cls
    for f in 1 2 3 4 5 6; do
        cp im/x/000$((f - 1)).jpg cls/$f.jpg
        echo "$((f % 2)).5" >cls/$f.cls
    done
    tar --sort=name -cf cls.tar -C cls .
    code 0 "$FOVEA" data check cls.tar
    knows 2
}

row_91_dots_in_keys() {
    plant classes d count=20 cat dog
    mkdir t
    for c in cat dog; do
        for f in d/$c/*.jpg; do
            n=$(basename "$f" .jpg)
            key=$c$n
            [ "$n" -lt 0010 ] || key=$c${n}_v2.0
            cp "$f" t/$key.jpg
            printf $c >t/$key.cls
        done
    done
    tar --sort=name -cf part.tar -C t .
    code 3 "$FOVEA" data check part.tar
    prints "quarantine part.tar:./cat0010_v2: a key ends at the first dot"
    fails 3 E3007 "20 of 40 samples cannot be used" "take the dots out of the key" -- tiny_run --data part.tar
    # Other endings of a sample are none of it, and no loss.
    rm -rf t/*_v2*
    for f in t/*.jpg; do cp "$f" "${f%.jpg}.seg.jpg"; done
    tar --sort=name -cf seg.tar -C t .
    code 0 "$FOVEA" data check seg.tar
    prints "20 images, 2 classes; 0 to reject, 0 to quarantine"
    # Halves of samples.
    rm t/cat0000.jpg t/cat0001.cls
    rm t/*.seg.jpg
    tar --sort=name -cf half.tar -C t .
    fails 3 E3007 "2 of 20 samples cannot be used" "a label without an image" -- tiny_run --data half.tar
    says "an image without .cls or .json"
    code 0 tiny_run --data half.tar --max-bad 0.2
}

row_56_one_answer() {
    # A rate that is far too high leaves one answer, or weights that have run away: both are said.
    plant classes d/train count=12 cat dog
    plant classes d/val count=6 cat dog
    code 0 tiny_run --data d --lr 1e-9
    says "validation: all 12 samples are taken for class"
    code 0 small_run --data "$digits" --epochs 3
    silent_about "are taken for class"
}

row_92_last_activation() {
    net() { printf 'input: [28, 28, 1]\nlayers:\n  - conv2d: {filters: 4, kernel: 3, stride: 4, activation: relu}\n  - flatten\n  - dense: {units: 10, activation: %s}\n%s' "$1" "$2" >net.yaml; }
    for a in softmax sigmoid relu relu6 tanh hard_sigmoid silu; do
        net $a ""
        fails 2 E2004 "ends with $a" "take that activation off" -- small_run --model net.yaml
        absent runs
    done
    net none '  - softmax'
    fails 2 E2004 "ends with softmax" -- small_run --model net.yaml
    net sigmoid '  - dropout: 0.2'
    fails 2 E2004 "ends with sigmoid" -- small_run --model net.yaml
    for a in none leaky_relu; do
        net $a ""
        code 0 small_run --model net.yaml
    done
    # Squeezenet has an activation in front of its mean, which is as it should be; values to predict may be bounded.
    code 0 "$FOVEA" train --data "$photos" --model squeezenet1_1 --img-size 32 --epochs 1 --max-steps 1
    plant scenes s count=20
    net sigmoid "" && sed -i 's/28, 28, 1/28, 28, 3/; s/units: 10/units: 2/' net.yaml
    code 0 "$FOVEA" train --data s/values.csv --model net.yaml --epochs 1
    fails 2 E2004 "sigmoid_bce expects scores" -- "$FOVEA" train --data s/sets.csv --model net.yaml --epochs 1
}

row_87_paths_of_bytes() {
    data=$(printf 'caf\351')
    plant classes "$data" count=6 cat dog
    code 0 tiny_run --data "$data"
    code 0 "$FOVEA" train -c runs/train/exp/args.yaml --experiment again
    same runs/train/exp/weights/best.safetensors runs/train/again/weights/best.safetensors
    code 0 "$FOVEA" train --resume runs/train/exp --epochs 2
    # Every length of a text, and what is no base64.
    for name in a bc def; do
        data=$(printf '%s\377' $name)
        plant classes "$data" count=2 cat dog
        code 0 tiny_run --data "$data" --experiment $name
        code 0 "$FOVEA" train -c runs/train/$name/args.yaml --experiment $name-again
    done
    printf 'data: !!binary "%%%%"\nmodel: resnet8\n' >bad.yaml
    fails 2 E2005 "bad.yaml:1:" "base64" -- "$FOVEA" train -c bad.yaml
    printf 'data: !!str photos\n' >bad.yaml
    fails 2 E2005 "tags (!) are not supported" -- "$FOVEA" train -c bad.yaml
}

# totals: images that can be used, and classes, of the last check.
totals() { awk '/ images, .* to reject/ { sub(/,/, "", $2); for (i = 1; i <= NF; i++) if ($i == "quarantine,") q = $(i - 2); print $1 - q, $3 }' out; }

use_random_folders() {
    accepted=0
    first=${CLI_FOLDER_SEED:-1}
    last=$((first + ${CLI_FOLDERS:-30} - 1))
    for seed in $(seq "$first" "$last"); do
        rm -rf d d.csv d.fvpack classes.txt runs
        plant random d seed="$seed"
        got=0
        "$FOVEA" data check d --max-bad 1 >out 2>err || got=$?
        [ $got = 0 ] || [ $got = 3 ] || die "seed $seed: check exits with $got"
        found=$(totals)
        if [ $got = 3 ]; then
            code 3 "$FOVEA" data split d --output d.csv
            code 3 "$FOVEA" data pack d --output d.fvpack --max-bad 1
            code 3 tiny_run --data d --max-bad 1
            continue
        fi
        accepted=$((accepted + 1))
        code 0 "$FOVEA" data stats d
        prints "classes   ${found#* },"
        code 0 "$FOVEA" data split d --output d.csv
        code 0 "$FOVEA" data check d.csv --max-bad 1
        equal "seed $seed: $(totals)" "seed $seed: $found"
        code 0 "$FOVEA" data pack d --output d.fvpack --max-bad 1
        code 0 "$FOVEA" data check d.fvpack --max-bad 1
        equal "seed $seed: $(totals)" "seed $seed: $found"
        code 0 tiny_run --data d --max-bad 1 --max-steps 1
        knows "${found#* }"
        code 0 "$FOVEA" eval --data d --split train --max-bad 1 --model runs/train/exp/weights/best.safetensors
    done
    # Both kinds must come up.
    [ "$accepted" -gt 0 ] && [ "$accepted" -lt "$((last + 1 - first))" ] ||
        die "$accepted of $((last + 1 - first)) folders were accepted"
}
