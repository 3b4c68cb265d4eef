# SPDX-License-Identifier: Apache-2.0
# Data mean what the user means: folders, labels and files that would be taken for something else in silence.

tiny_run() { "$FOVEA" train --model resnet8 --img-size 16 --epochs 1 "$@"; }

# knows N: the last run or check spoke of so many classes.
knows() {
    checks=$((checks + 1))
    grep -q " $1 classes" err out || die "not $1 classes"
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
