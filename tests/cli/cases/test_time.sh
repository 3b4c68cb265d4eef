# SPDX-License-Identifier: Apache-2.0
# Looking more than once; labels that are not one class.

use_tta() {
    code 0 "$FOVEA" eval --data "$digits" --model "$model" --json
    drive json top1 <out >plain
    # One view at the model's own size is the model's own view.
    code 0 "$FOVEA" eval --data "$digits" --model "$model" --json --tta-scales 28
    equal "$(drive json top1 <out)" "$(cat plain)"
    equal "$(drive json forwards <out)" 1
    for batch in 1 50; do
        code 0 "$FOVEA" eval --data "$digits" --model "$model" --json --tta 10crop --tta-scales 28,30,32,36,40 --batch-size $batch
        equal "$(drive json forwards <out)" 50
        says "an image is 50 runs of a network"
        drive json loss <out >loss.$batch
    done
    same loss.1 loss.50
    plant jpeg a.jpg h=50 w=70
    code 0 "$FOVEA" predict --model "$model" a.jpg --json --topk 10
    cp out one
    code 0 "$FOVEA" predict --model "$model" a.jpg --json --topk 10 --tta 5crop --tta-scales 30
    drive json file <out >/dev/null || die "no JSON"
    if cmp -s out one; then die "five views are one view"; fi
    fails 2 E2003 "--tta: found '10crops'" "did you mean 10crop?" -- "$FOVEA" predict --model "$model" a.jpg --tta 10crops
    fails 2 E2003 "a short side of 20 pixels has no room" "give scales from 28 on" -- \
        "$FOVEA" predict --model "$model" a.jpg --tta 5crop --tta-scales 32,20
    fails 2 E2003 "'3x': expected whole numbers" -- "$FOVEA" predict --model "$model" a.jpg --tta-scales 32,3x
    code 0 "$FOVEA" eval --data "$digits" --model "$model" --tta flip --json
    drive json loss <out >loss.flip
    code 0 "$FOVEA" eval --data "$digits" --model "$model" --tta flip --json --workers 2 --batch-size 3
    drive json loss <out >loss.workers
    same loss.flip loss.workers
    # Files that cannot be read are left out as ever.
    plant classes data/val count=30 cat dog
    plant classes data/train count=4 cat dog
    code 0 "$FOVEA" train --data data --model lenet --epochs 1 --batch-size 4
    truncate -s 300 data/val/cat/0003.jpg
    code 0 "$FOVEA" eval --data data --model runs/train/exp/weights/best.safetensors --tta flip --max-bad 0.1 --json
    equal "$(drive json samples <out)" 59
    says "data/val/cat/0003.jpg: quarantined" "1 file could not be read; the score is without them"
    fails 3 E3007 "1 of 60 files cannot be used" -- \
        "$FOVEA" eval --data data --model runs/train/exp/weights/best.safetensors --tta flip
}

use_mc_dropout() {
    plant jpeg a.jpg
    fails 2 E2004 "--mc-dropout 5" "has no dropout" "--drop" -- "$FOVEA" predict --model "$model" a.jpg --mc-dropout 5
    code 0 "$FOVEA" train --data "$digits" --model lenet --drop 0.4 --epochs 2 --batch-size 20 --opt adam
    set -- --model runs/train/exp/weights/best.safetensors a.jpg --mc-dropout 20
    code 0 "$FOVEA" predict "$@" --json
    cp out first
    tail -n 1 out | drive json predictions.4.std | grep -qE '^0\.[0-9]' || die "no deviation"
    code 0 "$FOVEA" predict "$@" --json --threads 2
    same out first
    code 0 "$FOVEA" predict "$@" --json --seed 1
    if cmp -s out first; then die "the seed changes nothing"; fi
    code 0 "$FOVEA" predict "$@" --topk 2
    grep -qE '^a\.jpg: [0-9] [0-9.]+% \+- [0-9.]+%, [0-9] [0-9.]+% \+- [0-9.]+%$' out || die "another form"
    code 0 "$FOVEA" predict "$@" --out csv
    equal "$(head -n 1 out)" "file,class,probability,std,error"
    equal "$(tail -n 1 out | tr -cd , | wc -c | tr -d ' ')" 4
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/exp/weights/best.safetensors --mc-dropout 3 --json
    equal "$(drive json forwards <out)" 3
    drive json loss <out >loss.1
    code 0 "$FOVEA" eval --data "$digits" --model runs/train/exp/weights/best.safetensors --mc-dropout 3 --json --threads 2
    drive json loss <out >loss.2
    same loss.1 loss.2
    fails 2 E2004 "--batch-size has no effect here" -- "$FOVEA" eval --data "$digits" \
        --model runs/train/exp/weights/best.safetensors --mc-dropout 3 --batch-size 8
}

use_ensembles() {
    cp "$model" a.safetensors
    code 0 "$FOVEA" train --data "$digits" --model mnist_cnn --epochs 2 --batch-size 20 --opt adam --seed 3
    cp runs/train/exp/weights/best.safetensors b.safetensors
    plant jpeg x.jpg
    # Weights of 1 and 0 are the first model alone, to the last digit; equal models are one model.
    code 0 "$FOVEA" predict --model a.safetensors x.jpg --json
    cp out alone
    code 0 "$FOVEA" predict --model a.safetensors,b.safetensors --ensemble-weights 1,0 x.jpg --json
    same out alone
    code 0 "$FOVEA" predict --model a.safetensors,a.safetensors x.jpg --json
    same out alone
    for how in probabilities logits; do
        code 0 "$FOVEA" predict --model a.safetensors,b.safetensors x.jpg --ensemble $how --json
        cp out $how
    done
    if cmp -s probabilities logits; then die "--ensemble changes nothing"; fi
    code 0 "$FOVEA" eval --data "$digits" --model a.safetensors,b.safetensors --json
    equal "$(drive json forwards <out)" 2
    # A file whose name has a comma in it is one model.
    cp a.safetensors "a,b.safetensors"
    code 0 "$FOVEA" predict --model "a,b.safetensors" x.jpg --json
    same out alone
    fails 2 E2003 "3 weights for 2 models" -- "$FOVEA" predict --model a.safetensors,b.safetensors x.jpg --ensemble-weights 1,2,3
    fails 2 E2003 "all are 0" -- "$FOVEA" predict --model a.safetensors,b.safetensors x.jpg --ensemble-weights 0,0
    fails 2 E2004 "there is one --model" -- "$FOVEA" predict --model a.safetensors x.jpg --ensemble-weights 1
    fails 2 E2004 "looked at once" -- "$FOVEA" predict --model a.safetensors x.jpg --ensemble logits
    fails 2 E2003 "a name is missing between commas" -- "$FOVEA" predict --model a.safetensors,,b.safetensors x.jpg
    fails 2 E2004 "--weights belongs to one model" -- "$FOVEA" predict --model a.safetensors,b.safetensors --weights a.safetensors x.jpg
    "$FOVEA" train --data "$photos" --model lenet --epochs 1 --quiet --experiment p >/dev/null
    fails 3 E3005 "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)" "(cat, dog)" -- \
        "$FOVEA" predict --model a.safetensors,runs/train/p/weights/best.safetensors x.jpg
}

use_labels_of_several_classes() {
    plant scenes scenes count=400
    set -- --data scenes/sets.csv --model lenet --opt adam --lr 3e-3 -b 20
    code 0 "$FOVEA" train "$@" --epochs 6
    says "labels: several classes each" "recipe: sigmoid_bce, adam" "mean AP 0.9"
    prints "best: epoch" "val_loss"
    best=runs/train/exp/weights/best.safetensors
    grep -q '^loss: sigmoid_bce$' runs/train/exp/args.yaml || die "the recipe does not name the loss"
    grep -qE '"val_mean_ap":0\.9' runs/train/exp/events.jsonl || die "no mean AP in the events"
    tail -n 1 runs/train/exp/results.csv | cut -d, -f 9 | grep -qx '' || die "a top-5 of sets"
    code 0 "$FOVEA" eval --data scenes/sets.csv --model $best --json
    grep -qE '^\{"samples":80,"top1":0\.[0-9]+,"top5":null,"mean_ap":0\.9[0-9]*,"loss":0\.[0-9]+,"img_per_s":[0-9.]+,"task":"multilabel","macro":.*\}$' out || die "other keys"
    drive json loss <out >plain
    code 0 "$FOVEA" eval --data scenes/sets.csv --model $best,$best --json
    drive json loss <out | cut -c 1-7 >twice
    equal "$(cut -c 1-7 plain)" "$(cat twice)"
    code 0 "$FOVEA" eval --data scenes/sets.csv --model $best
    prints "80 samples  all classes right" "mean AP 0.9"
    # Probabilities that do not sum to 1: scene 4 has the left and the right stripe.
    code 0 "$FOVEA" predict --model $best scenes/0004.png
    grep -qE '^scenes/0004.png: (left|right) [5-9][0-9.]+%, (left|right) [5-9][0-9.]+%, middle [0-4]?[0-9]\.[0-9]%$' out || die "not two of three"
    code 0 "$FOVEA" train "$@" --epochs 1 --monitor val_mean_ap --experiment ap
    prints "best: epoch 1, val_mean_ap"
    tail -n 1 runs/train/ap/results.csv | cut -d, -f 11 | grep -qE '^0\.[0-9]+$' || die "no mean AP in results.csv"
    code 0 "$FOVEA" runs
    prints "ap  " "val_mean_ap 0."
    fails 2 E2004 "--monitor val_top5 is not measured where the task is multilabel" "val_loss" -- \
        "$FOVEA" train "$@" --epochs 1 --monitor val_top5
    fails 2 E2004 "--label-smoothing has no effect here" -- "$FOVEA" train "$@" --epochs 1 --label-smoothing 0.1
    fails 2 E2004 "one class per sample" -- "$FOVEA" train "$@" --epochs 1 --loss softmax_cross_entropy
    fails 2 E2004 "--balance is for one class per sample" -- "$FOVEA" train "$@" --epochs 1 --balance oversample
    sed 's/^path,label,split/path,label,split,weight/; 2,$s/$/,3/' scenes/sets.csv >scenes/weights.csv
    code 0 "$FOVEA" train "$@" --data scenes/weights.csv --epochs 1 --experiment weights
    says "the data's weights are not used"
    # A model of one class each is not scored on them, nor asked together with one of several.
    plant classes photos/train count=8 left middle right
    fails 2 E2004 "--loss mse cannot weigh samples, as --balance weights does" -- \
        "$FOVEA" train --data photos --model lenet --loss mse --balance weights
    "$FOVEA" train --data photos --model lenet --epochs 1 --quiet --experiment one >/dev/null
    fails 2 E2004 "wants several classes each, but the samples have one class each" -- "$FOVEA" eval --data photos --split train --model $best
    fails 2 E2004 "must have one task" -- \
        "$FOVEA" predict --model $best,runs/train/one/weights/best.safetensors scenes/0004.png
}

use_labels_of_numbers() {
    plant scenes scenes count=400
    set -- --data scenes/values.csv --model lenet --opt adam --lr 3e-3 -b 20
    code 0 "$FOVEA" train "$@" --epochs 6
    says "labels: numbers" "recipe: mse, adam" "mean abs. error 0.0"
    silent_about "top1"
    best=runs/train/exp/weights/best.safetensors
    tail -n 1 runs/train/exp/results.csv | cut -d, -f 6,8,9 | grep -qx ',,' || die "top-1 of numbers"
    if grep -q top1 runs/train/exp/events.jsonl; then die "top-1 of numbers in the events"; fi
    grep -q '"val_mae":0.0' runs/train/exp/events.jsonl || die "no mean absolute error in the events"
    code 0 "$FOVEA" eval --data scenes/values.csv --model $best --json
    grep -qE '^\{"samples":80,"top1":null,"top5":null,"mae":0\.0[0-9]+,"loss":0\.00[0-9]+,"img_per_s":[0-9.]+,"task":"regress","targets":.*\}$' out || die "other keys"
    code 0 "$FOVEA" eval --data scenes/values.csv --model $best
    prints "80 samples  mean absolute error 0.0" "mean squared error 0.00"
    # Scene 4: 0.107143, 0.428571.
    code 0 "$FOVEA" predict --model $best scenes/0004.png
    grep -qE '^scenes/0004.png: target0 0\.[01][0-9]*, target1 0\.[34][0-9]*$' out || die "far off"
    code 0 "$FOVEA" predict --model $best scenes/0004.png --out csv
    equal "$(head -n 1 out)" "file,target,value,error"
    code 0 "$FOVEA" predict --model $best scenes/0004.png --json
    drive json predictions.1.value <out | grep -q '^0\.[34]' || die "no value"
    code 0 "$FOVEA" predict --data scenes/values.csv --split val --model $best --limit 3 --tta-scales 28,30
    equal "$(wc -l <out | tr -d ' ')" 3
    code 0 "$FOVEA" train "$@" --epochs 1 --loss mae --monitor val_mae --experiment mae
    says "recipe: mae, adam"
    prints "best: epoch 1, val_mae"
    tail -n 1 runs/train/mae/results.csv | cut -d, -f 10 | grep -qE '^0\.[0-9]+$' || die "no mean absolute error in results.csv"
    code 0 "$FOVEA" runs best --json
    equal "$(drive json 0.monitor <out)" val_loss
    code 0 "$FOVEA" runs diff runs/train/exp runs/train/mae
    prints "best val mae" "train loss"
    # Fine-tuning a model of the kind; the kind stays with the file.
    code 0 "$FOVEA" train --data scenes/values.csv --model $best --epochs 1 -b 20 --experiment more
    code 0 "$FOVEA" eval --data scenes/values.csv --model runs/train/more/weights/last.safetensors --json
    equal "$(drive json task <out)" regress
    code 0 "$FOVEA" info $best
    prints "lenet: input 28x28x1, 2 values"
    code 0 "$FOVEA" info $best --json
    equal "$(drive json task <out)" regress
    fails 2 E2004 "--monitor val_top1 is not measured where the task is regress" -- \
        "$FOVEA" train "$@" --epochs 1 --monitor val_top1
    fails 2 E2004 "--sheet shows classes" -- "$FOVEA" predict --model $best scenes/0004.png --sheet s.png
}

use_channels_that_follow_the_data() {
    plant bands bands/train count=60
    plant bands bands/val count=20
    code 0 "$FOVEA" train --data bands --model lenet --epochs 6 --opt adam -b 12
    says "--in-chans 12: the images have so many channels"
    grep -q '^in-chans: 12$' runs/train/exp/args.yaml || die "the recipe does not name the channels"
    code 0 "$FOVEA" eval --data bands --model runs/train/exp/weights/best.safetensors --json --tta flip
    awk -v top1="$(drive json top1 <out)" 'BEGIN { exit !(top1 >= 0.9) }' || die "nothing was learned from 12 bands"
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 1 --experiment photos
    silent_about "--in-chans"
}

# What training decodes is what scoring and predicting decode: 16 bits whole, orientation by the model's rule.
use_decoding_of_the_model() {
    for class in dark light; do
        mkdir -p deep/train/$class deep/val/$class
        for i in 1 2 3 4 5 6 7 8; do
            [ $class = dark ] && pixel="\\000\\02$((i - 1))" || pixel="\\000\\17$((i - 1))"
            for split in train val; do
                { printf 'P5\n4 4\n65535\n'; for k in 1 2 3 4 5 6 7 8 9 a b c d e f g; do printf "$pixel"; done; } \
                    >deep/$split/$class/$i.pgm
            done
        done
    done
    code 0 "$FOVEA" train --data deep --model lenet --img-size 16 --norm dataset --opt adam --epochs 8 -b 4
    if grep -q "reduced to 8" err; then die "16 bits reduced"; fi
    set -- --model runs/train/exp/weights/best.safetensors
    code 0 "$FOVEA" eval --data deep "$@" --json
    equal "$(drive json top1 <out)" 1
    code 0 "$FOVEA" eval --data deep "$@" --tta flip --json
    equal "$(drive json top1 <out)" 1
    for class in dark light; do
        code 0 "$FOVEA" predict "$@" deep/val/$class --topk 1
        equal "$(grep -c ": $class " out)" 8
    done
    code 0 "$FOVEA" predict "$@" --data deep --split val --topk 1
    equal "$(grep -cE '(dark/.*: dark|light/.*: light) ' out)" 16
    # Trained on pictures as they lie: a turned picture is predicted as it lies, too.
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 1 --ignore-exif --experiment lying
    plant jpeg turned.jpg h=40 w=60 orientation=6
    code 0 "$FOVEA" predict --model runs/train/lying/weights/best.safetensors turned.jpg --json
    cp out lying
    code 0 "$FOVEA" predict --model runs/train/lying/weights/best.safetensors turned.jpg --json --ignore-exif
    same out lying
    code 0 "$FOVEA" train --data "$photos" --model lenet --epochs 1 --experiment turned
    fails 2 E2004 "must decode alike" "--ignore-exif" -- "$FOVEA" predict turned.jpg \
        --model runs/train/lying/weights/best.safetensors,runs/train/turned/weights/best.safetensors
}
