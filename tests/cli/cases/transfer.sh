# SPDX-License-Identifier: Apache-2.0
# Networks that were trained before, taken to other data.

# What a frozen beginning makes of an image is kept; no bit follows from that, nor from a stop in between.
use_frozen_part_once() {
    frozen() { small_run --freeze -1 --epochs 3 "$@"; }
    code 0 frozen --experiment kept
    says "the frozen part, up to 'fc2.relu', is computed once an image: "
    code 0 frozen --experiment anew --no-feature-cache --threads 2
    silent_about "is computed once"
    same runs/train/kept/weights/last.safetensors runs/train/anew/weights/last.safetensors
    code 0 frozen --experiment stopped --max-steps 7
    code 0 frozen --experiment stopped --resume auto --max-steps 0
    same runs/train/kept/weights/last.safetensors runs/train/stopped/weights/last.safetensors
    cut -d, -f1,2,4-9 runs/train/kept/results.csv >one
    cut -d, -f1,2,4-9 runs/train/stopped/results.csv >two
    same one two
    fails 2 E2004 "--no-feature-cache has no effect here: nothing is frozen" "--freeze" -- small_run --no-feature-cache
    code 0 frozen --experiment changed --augment 'crop pad=2' --val-split 0.2
    says "is computed once an image of the validation set (augmentation changes the others): "
}

# The same where what is not frozen learns at shares of the rate, as in fine-tuning.
use_frozen_part_once_with_rates() {
    tuned() { small_run --freeze 'conv*' --lr-mult '*=0.01,fc2=0.1,fc3=1' --epochs 3 "$@"; }
    code 0 tuned --experiment kept
    says "is computed once an image: " "fc1.weight" "fc3.weight"
    code 0 tuned --experiment anew --no-feature-cache --threads 2
    code 0 tuned --experiment stopped --max-steps 7
    code 0 tuned --experiment stopped --resume auto --max-steps 0 --threads 2
    for run in anew stopped; do
        same runs/train/kept/weights/last.safetensors runs/train/$run/weights/last.safetensors
    done
    code 0 tuned --experiment other --lr-mult '*=0.01,fc2=0.2,fc3=1'
    if cmp -s runs/train/kept/weights/last.safetensors runs/train/other/weights/last.safetensors; then die "a rate changes nothing"; fi
}

# Each tensor's share of the learning rate: as a table, while it trains, and wrong.
use_rates_by_layer() {
    code 0 "$FOVEA" info lenet --lr 0.1 --lr-mult 'conv*=0.01,fc3=2' --freeze fc1
    grep -qE '^conv2\.bias +16 +0\.001$' out || die "no rate of conv2.bias"
    grep -qE '^fc1\.weight +120x400 +frozen$' out || die "fc1 is not frozen"
    grep -qE '^fc3\.weight +10x84 +0\.2$' out || die "no rate of fc3.weight"
    code 0 "$FOVEA" info lenet --lr 0.1 --layer-decay 0.5 --json
    grep -q '{"tensor":"conv1.weight","lr":0.00625,"frozen":false}' out || die "no rate of conv1.weight"
    code 0 small_run --lr-mult 'conv*=0.1' --max-steps 2 --experiment first
    says "lr 0.005: conv1.weight to conv2.bias (4 tensors)" "lr 0.05: fc1.weight to fc3.bias (6 tensors)"
    grep -q "^lr-mult: .*conv\*=0.1" runs/train/first/args.yaml || die "args.yaml does not say it"
    fails 2 E2004 "--lr-mult has no effect here: it needs --lr" -- "$FOVEA" info lenet --lr-mult 'conv*=0.1'
    fails 2 E2003 "--lr-mult: no tensor of model 'lenet' is called 'features.*'" "its layers are conv1" -- small_run --lr-mult 'features.*=0.1'
}

# A new head on a body that was trained, from a file of its own and as weights of an architecture.
use_head() {
    headed() { "$FOVEA" train --data "$digits" --epochs 1 -b 60 --lr 0.05 --head '24,relu,drop=0.2' "$@"; }
    code 0 headed --model "$model" --pool gem --freeze -3 --experiment file
    says "  head.pool.p                      is new: 1" "  head.3.weight                    is new: 10x24" \
        "  fc1.weight                       is gone: 120x400" "--head: tensors: 4 stay, 5 new, 0 of another shape, 6 gone" \
        "the frozen part, up to 'head.pool.log', is computed once an image"
    grep -q '^head: "24,relu,drop=0.2"' runs/train/file/args.yaml || die "args.yaml does not name the head"
    grep -q '^pool: "\?gem' runs/train/file/args.yaml || die "args.yaml does not name the pooling"
    code 0 headed --model lenet --weights "$model" --pool gem --freeze -3 --experiment weights
    says "  head.0.weight                    missing, starts anew" "  fc3.weight                       not used" \
        "tensors: 4 loaded, 5 missing, 0 of another shape, 6 not used"
    code 0 headed --model "$model" --pool gem --freeze -3 --experiment stopped --max-steps 7 --threads 1
    code 0 headed --model "$model" --pool gem --freeze -3 --experiment stopped --max-steps 0 --resume auto --no-feature-cache
    same runs/train/file/weights/last.safetensors runs/train/stopped/weights/last.safetensors
    fails 2 E2004 "--head was '" "now '" -- \
        headed --model "$model" --head 24 --pool gem --freeze -3 --experiment stopped --resume auto
    # What was trained is a model like any other, and has a head that gives way to another.
    code 0 "$FOVEA" eval --data "$digits" --split test --model runs/train/file/weights/best.safetensors
    code 0 headed --model runs/train/file/weights/best.safetensors --head linear --img-size 20 --freeze -1 --max-steps 1
    says "--head: tensors: 5 stay, 2 new, 0 of another shape, 4 gone"
    code 0 "$FOVEA" info lenet --head 'gelu,bn,8' --pool avg
    for text in "lenet+head: input 28x28x1" "head.pool  *global_avg_pool" "head.1  *batch_norm" "head.3  *dense  *10"; do
        grep -q "$text" out || die "info lacks: $text"
    done
    code 0 "$FOVEA" info vgg16 --img-size 128 --pool flatten --head '256,relu,drop=0.5'
    grep -q 'head.0 .* dense .* 256 .* 2097408 ' out || die "not 8192 inputs of 256 units"
    fails 2 E2003 "--head '24,rleu': item 2 is 'rleu', which is no layer of a head: did you mean 'relu'?" -- \
        headed --model lenet --head 24,rleu
    fails 2 E2003 "--head '24,drop=2': item 2 is 'drop=2', expected drop=P with a share P from 0 to 0.999" -- \
        headed --model lenet --head 24,drop=2
    # Its own pooling, with the exponent that it learned, is a layer to look at.
    code 0 "$FOVEA" features --model runs/train/file/weights/best.safetensors --data "$digits" --split test --layer head.pool --output pooled.npz
    prints "head.pool" ": 16 numbers"
    fails 2 E2003 "--pool: found 'mean', expected one of" -- headed --model lenet --pool mean
    fails 2 E2004 "--reset-head has no effect here: --head and --pool begin the head anew" -- headed --model "$model" --reset-head
    fails 2 E2004 "--drop has no effect here: the network has no dropout besides" -- headed --model lenet --drop 0.5
    darknet_network d
    fails 4 E4001 "model 'd' has no classifier that --head could replace: no layers with weights stand before" -- \
        headed --model d.cfg --weights d.weights
}

# More begins to learn with an epoch: it is said, kept through stops before, at and behind it, and part of the run.
use_unfreeze_at() {
    thaw() { small_run --epochs 3 --freeze -1 --unfreeze-at '2:fc*' --unfreeze-at '3:conv2' --lr-mult 'fc1=0.1' "$@"; }
    code 0 thaw --experiment straight
    says "frozen: conv1.weight to fc2.bias (8 tensors)" "from epoch 2 on:" "lr 0.005: fc1.weight to fc1.bias (2 tensors)" \
        "epoch 2: --unfreeze-at: 4 tensors begin to learn, 'fc1.weight' to 'fc2.bias'; 59134 of 61706 parameters are trained" \
        "the frozen part, up to 'max_pool2d_1', is computed once an image"
    grep -q '"ev":"note","epoch":3,.*conv2.weight' runs/train/straight/events.jsonl || die "the log does not say it"
    grep -q "^unfreeze-at: .*2:fc\*,3:conv2" runs/train/straight/args.yaml || die "args.yaml does not say it"
    for stop in 7 10 24; do
        code 0 thaw --experiment stopped$stop --max-steps $stop --threads 1 --no-feature-cache
        code 0 "$FOVEA" train --resume runs/train/stopped$stop --max-steps 0
        same runs/train/straight/weights/last.safetensors runs/train/stopped$stop/weights/last.safetensors
    done
    fails 2 E2004 "--unfreeze-at was '" -- \
        small_run --epochs 4 --freeze -1 --unfreeze-at 2:conv1 --lr-mult fc1=0.1 --experiment straight --resume auto
    code 0 "$FOVEA" info lenet --lr 0.1 --freeze -1 --unfreeze-at '2:fc*,3:0'
    grep -qE '^fc1\.bias +120 +frozen +0\.1 +0\.1$' out || die "no rates of fc1.bias"
    grep -qE '^conv1\.bias +6 +frozen +frozen +0\.1$' out || die "no rates of conv1.bias"
    code 0 "$FOVEA" info lenet --lr 0.1 --freeze -1 --unfreeze-at '2:*' --json
    grep -q '"tensor":"conv1.weight","lr":0.0,"frozen":true,"later":\[{"epoch":2,"lr":0.1}\]' out || die "no later rates"
    code 0 small_run --epochs 2 --freeze -1 --unfreeze-at '9:*' --experiment late
    says "from epoch 9 on (the run ends before it):"
    fails 2 E2004 "--unfreeze-at has no effect here: nothing is frozen" -- small_run --unfreeze-at '2:*'
    fails 2 E2004 "--unfreeze-at has no effect here: it needs --lr" -- "$FOVEA" info lenet --unfreeze-at '2:*'
    fails 2 E2003 "item 1 is 'fc1': expected EPOCH:NAMES" -- small_run --freeze -1 --unfreeze-at fc1
    fails 2 E2003 "item 2 is '3:fc3': nothing that it names is frozen until then" -- \
        small_run --freeze -1 --unfreeze-at '2:fc1,3:fc3'
    fails 2 E2003 "--unfreeze-at: no tensor of model 'lenet' is called 'features*'" "its layers are conv1" -- \
        small_run --freeze -1 --unfreeze-at '2:features*'
}

# Images grow from epoch to epoch: it is said, kept through stops, part of the run and of its plan.
use_progressive_resize() {
    grown() { small_run --epochs 4 --pool avg --progressive-resize 1:16,2:20x24 --progressive-resize 4:28 "$@"; }
    code 0 grown --experiment straight
    says "--progressive-resize: from epoch 1 on training images of 16 x 16" "from epoch 2 on training images of 20 x 24" \
        "from epoch 4 on training images of 28 x 28"
    grep -q '"ev":"note","epoch":4,.*28 x 28' runs/train/straight/events.jsonl || die "the log does not say it"
    grep -q "^progressive-resize: .*1:16,2:20x24,4:28" runs/train/straight/args.yaml || die "args.yaml does not say it"
    code 0 grown --experiment stopped --max-steps 7 --threads 1
    code 0 "$FOVEA" train --resume runs/train/stopped --max-steps 0
    same runs/train/straight/weights/last.safetensors runs/train/stopped/weights/last.safetensors
    fails 2 E2004 "--progressive-resize was '1:16,2:20x24,4:28'" -- \
        small_run --epochs 4 --pool avg --progressive-resize 1:16,3:28 --experiment straight --resume auto
    code 0 "$FOVEA" plan --data "$digits" --model lenet --pool avg --progressive-resize 1:16,2:28 --epochs 3 --probe 0.3
    grep -q '3 epochs, the first .*, the last ' out || die "the time of epochs is not told"
    code 0 "$FOVEA" lr-find --data "$digits" --model lenet --pool avg --progressive-resize 1:16,2:28 --steps 10
    says "no part in that has --progressive-resize"
    code 0 "$FOVEA" sanity --data "$digits" --model resnet8 --img-size 28 --batch-size 8 --progressive-resize 1:16,2:28
    says "no part in that has --progressive-resize"
    fails 2 E2003 "--progressive-resize '1:16': ends with images of 16 x 16, but model 'lenet+head' is for 28 x 28" \
        "end with the network's own size, or change that with --img-size" -- \
        small_run --epochs 4 --pool avg --progressive-resize 1:16
    fails 2 E2004 "--progressive-resize: model 'lenet' cannot take images of 20 x 20 with the weights that it has" \
        "a network that averages its last map before its dense layers, as --pool avg makes it" -- \
        small_run --epochs 4 --progressive-resize 1:20,2:28
    fails 2 E2004 "the run has --epochs 2, and would end before it has trained on images of the network's own size" \
        "let the last item begin with epoch 2 or before it" -- small_run --pool avg --progressive-resize 1:16,3:28
    fails 2 E2003 "item 2 is '3:12': expected a size above that of the item before" -- \
        small_run --epochs 4 --pool avg --progressive-resize 1:16,3:12
}

# What layers make of images, in every form, whatever the threads, the batch and the memory.
use_features() {
    rows() { "$FOVEA" features --model "$model" --data "$digits" --split test "$@"; }
    code 0 rows --layer conv1.relu,fc2.relu --output a.safetensors
    prints "a.safetensors: 120 images of" "conv1.relu" "fc2.relu" ": 84 numbers"
    code 0 rows --layer conv1.relu,fc2.relu --output b.safetensors --threads 2 --batch-size 7 --memory 24M
    same a.safetensors b.safetensors
    code 0 rows --output c.csv
    equal "$(wc -l <c.csv)" 121
    equal "$(head -n 1 c.csv | cut -d, -f1-4)" "path,label,fc2.relu:0,fc2.relu:1"
    code 0 rows --layer all --output d.npz --json
    grep -q '{"layer":"conv1.relu","pool":"avg","numbers":6}' out || die "all is not pooled"
    exists d.npz.json
    code 0 rows --layer conv2.relu --pool max --grid 2 --output e.npy
    grep -q '"features":\[2,2,16\]' e.npy.json || die "no grid of 2 x 2"
    code 0 rows --layer conv2.relu --pool max --grid 2 --output e.npy # its own file again
    fails 2 E2003 "no layer 'conv9'" "its stages (all) are conv1.relu, " -- rows --layer conv9 --output x.npy
    fails 2 E2003 "a .npy file holds one array, and 7 layers" -- rows --layer all --output x.npy
    fails 2 E2003 "x.txt: expected a name that ends with" -- rows --output x.txt
    fails 2 E2003 "--pool: found 'median'" -- rows --pool median --output x.npy
    fails 2 E2004 "--grid has no effect here: maps stay as they are" "--pool avg" -- rows --layer conv2.relu --grid 2 --output x.npy
    echo mine >x.csv
    fails 2 E2004 "x.csv: exists already" -- rows --output x.csv
    fails 2 E2001 "--output FILE" -- "$FOVEA" features --model "$model" --data "$digits"
    fails 4 E4001 "lenet is an architecture without weights" -- "$FOVEA" features --model lenet --data "$digits" --output x.npy
    # Of weights only what the layers need must be there.
    larger() { "$FOVEA" features --model lenet --img-size 32 --weights "$model" --data "$digits" "$@"; }
    code 0 larger --layer conv2.relu --output f.npy
    fails 4 E4003 "1 tensor that the layers need is not there" "the first is 'fc1.weight'" -- larger --output x.npy
    fails 5 E5002 "--memory" -- rows --output x.npy --memory 1M
    absent x.npy x.txt
    no_leftovers .
}

# Accuracy by layer, and the best layer's classifier as a model, which is scored alike and can be trained further.
use_linear() {
    probe() { "$FOVEA" linear --model "$model" --data "$digits" "$@"; }
    code 0 probe --layers conv1.relu,fc2.relu --folds 3 --val-split 0.2 --save best.safetensors --threads 2 --out csv
    equal "$(head -n 1 out)" "layer,numbers,mean,deviation,fold1,fold2,fold3,val"
    awk -F, '$1 == "fc2.relu" { found = $2 == 84 && $3 > 0.7 } END { exit !found }' out || die "no accuracy of fc2.relu"
    val=$(grep '^fc2.relu' out | cut -d, -f8)
    cp best.safetensors first.safetensors
    cp out table
    code 0 probe --layers conv1.relu,fc2.relu --folds 3 --val-split 0.2 --save best.safetensors --threads 1 --batch-size 5 --memory 40M --out csv
    same out table
    same best.safetensors first.safetensors
    code 0 "$FOVEA" eval --model best.safetensors --data "$digits" --val-split 0.2 --split val --json
    grep -q "\"top1\":$val," out || die "the model is not scored as the classifier: $val"
    code 0 "$FOVEA" train --model best.safetensors --data "$digits" --epochs 1 --batch-size 50 --lr 0.001 --max-steps 2
    code 0 probe --loss svm --standardize --folds 2 --coefficients w.npz
    prints "svm, C 1, standardized, 2 folds" "fc2.relu"
    code 0 probe --loss hinge --C 0.001 --folds 2 --val-split 0.8 --json
    grep -q '"loss":"hinge","C":0.001' out || die "no loss"
    # A backbone has no last layer, and all are the stages before it.
    plant edit backbone.safetensors from="$model" drop=fc3.weight
    code 0 "$FOVEA" linear --model lenet --weights backbone.safetensors --data "$digits" --layers all --folds 2 --standardize --C 0.1 --save top.safetensors --out csv
    says "backbone.safetensors: without 'fc3.weight': all are the stages before it"
    equal "$(tail -n 1 out | cut -d, -f1)" fc2.relu
    code 0 "$FOVEA" eval --model top.safetensors --data "$digits" --split test
    fails 4 E4003 "the first is 'fc3.weight'" -- \
        "$FOVEA" linear --model lenet --weights backbone.safetensors --data "$digits" --layers fc3
    fails 2 E2003 "--folds: found '1'" -- probe --folds 1
    fails 2 E2003 "--C: found '0'" -- probe --C 0
    fails 2 E2003 "--loss: found 'tree'" -- probe --loss tree
    # What is written says what it is, and so does its name.
    fails 2 E2003 "--save x.onnx: a model file (safetensors) is written" "end it with .safetensors" -- probe --save x.onnx
    fails 9 E9002 "--save nowhere/x.safetensors: there is no folder nowhere" "make the folder" -- probe --save nowhere/x.safetensors
    silent_about "classes; logreg"
    fails 2 E2003 "--coefficients x.csv: several arrays" "end it with .npz" -- probe --coefficients x.csv
    plant classes one count=6 cat
    fails 3 E3001 "one: 1 class: expected two or more to tell apart" -- "$FOVEA" linear --model "$model" --data one
    plant classes little count=3 cat dog
    fails 2 E2003 "--folds 7: little has 6 images in train" -- "$FOVEA" linear --model "$model" --data little --folds 7
    absent x.onnx x.csv
    cp "$model" own.safetensors
    fails 2 E2004 "--save ./own.safetensors: this is the network that is looked at" -- \
        "$FOVEA" linear --model own.safetensors --data little --folds 2 --save ./own.safetensors
    same own.safetensors "$model"
    # Images of one group stay together: of a class that is all one, nothing is left to ask.
    for i in $(ls little/cat); do printf 'little/cat/%s,cat,one\nlittle/dog/%s,dog,%s\n' "$i" "$i" "$i"; done >rows
    { echo path,label,group && cat rows; } >groups.csv
    fails 3 E3001 "groups.csv: all 3 images of class 'cat' are of one group" -- \
        "$FOVEA" linear --model "$model" --data groups.csv --folds 2
    fails 3 E3004 "groups.csv: 1 of 2 classes have two or more of the 6 images looked at (of a group one counts)" -- \
        "$FOVEA" plan --from lenet-digits --data groups.csv
    fails 2 E2001 "--data PATH" -- "$FOVEA" linear --model "$model"
    mkdir -p few/train/cat few/train/dog
    cp "$photos"/train/cat/* few/train/cat
    cp "$(find "$photos/train/dog" -type f | head -n 1)" few/train/dog
    fails 3 E3001 "class 'dog' has 1 image in train" -- "$FOVEA" linear --model "$model" --data few
    echo hello >mine.safetensors
    fails 2 E2004 "mine.safetensors: exists already" -- probe --save mine.safetensors
}

# What lies near an image: not itself, copies with what they are copies of, the same of a file of rows.
use_search() {
    mkdir -p set/train/cat set/train/dog
    cp "$photos"/train/cat/* set/train/cat
    cp "$photos"/train/dog/* set/train/dog
    chmod -R u+w set
    query=$(find set/train/cat -type f | LC_ALL=C sort | head -n 1)
    cp "$query" set/train/dog/copy.png
    near() { "$FOVEA" search --model "$model" --query "$query" --topk 3 "$@"; }
    code 0 near --data set --sheet near.png
    exists near.png
    prints "$query:" "1.0000  dog  train/dog/copy.png  (the same numbers as the query's)"
    silent_about "cat  train/cat/$(basename "$query")"
    code 0 near --data set --json
    equal "$(grep -o '"similarity"' out | wc -l)" 3
    grep -q '"file":"train/dog/copy.png","class":"dog","similarity":1.0,"same":true,"copies":\[\]' out || die "no copy"
    cp out direct
    for form in npz safetensors; do
        code 0 "$FOVEA" features --model "$model" --data set --output rows.$form
        code 0 near --index rows.$form --data set --json
        same out direct
    done
    code 0 "$FOVEA" features --model "$model" --data set --layer conv2.relu --output maps.csv
    code 0 "$FOVEA" search --model "$model" --data set --layer conv2.relu --pool none --query "$query" --out csv
    cp out direct
    code 0 "$FOVEA" search --model "$model" --data set --index maps.csv --query "$query" --out csv
    equal "$(cut -d, -f1,2,4- out)" "$(cut -d, -f1,2,4- direct)"
    code 0 "$FOVEA" train --data "$digits" --model lenet --max-steps 1 --batch-size 8 --experiment other
    fails 2 E2004 "of another network" -- "$FOVEA" search --model runs/train/other/weights/last.safetensors --index rows.npz --query "$query"
    fails 2 E2001 "--sheet" -- near --index rows.npz --sheet x.png
    fails 2 E2003 "--sheet x.jpg: a contact sheet (PNG) is written" -- near --data set --sheet x.jpg
    # Rows of another network, of other data, and broken ones.
    fails 2 E2004 "rows.npz: its rows are of 'fc2.relu', which " "model 'resnet8' has no layer 'fc2.relu'" -- \
        "$FOVEA" search --model resnet8-mnist --index rows.npz --query "$query"
    plant classes few/train count=2 cat
    code 0 near --index rows.npz --data few --sheet near.png
    says "--data few has no image 'train/" "', which rows.npz has a row of: is it of other data?"
    "$FOVEA" features --model "$model" --data set --output bad.csv --quiet
    sed -i '3s/,[0-9.e-]*$/,1e99/' bad.csv
    fails 3 E3003 "bad.csv:3: '1e99' in column 86: expected a number" -- near --index bad.csv
    "$FOVEA" features --model "$model" --data set --output bad.safetensors --quiet
    size=$(wc -c <bad.safetensors)
    printf '\377\377\377\177' | dd of=bad.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
    fails 3 E3003 "bad.safetensors: number " " of 'fc2.relu' is not finite" -- near --index bad.safetensors
    "$FOVEA" features --model "$model" --data set --output bad.npy --quiet
    echo '{' >bad.npy.json
    fails 3 E3003 "bad.npy: what its rows are cannot be read: bad.npy.json:" "NAME.json" -- near --index bad.npy
    rm bad.npy.json
    fails 3 E3003 "bad.npy: what its rows are cannot be read: bad.npy.json: cannot open" -- near --index bad.npy
    fails 2 E2001 "--query IMAGE" -- "$FOVEA" search --model "$model" --data set
    fails 2 E2003 "several layers" -- near --data set --layer all
    # A sheet is as large as what is on it.
    set -- "$query" "$query" "$query" "$query" "$query" "$query" "$query" "$query" "$query" "$query"
    fails 5 E5002 "--sheet big.png: 610 pictures need " "the limit is 60.0 MiB" -- \
        "$FOVEA" search --model "$model" --data "$digits" --split test --query "$@" --topk 60 --memory 60M --sheet big.png
    set -- "$@" "$@" "$@" "$@" "$@" "$@" "$@" "$@" "$@" "$@"
    fails 2 E2003 "--sheet big.png: 12100 pictures, and there is room for 10000" "show fewer" -- \
        "$FOVEA" search --model "$model" --data "$digits" --split test --query "$@" --topk 200 --sheet big.png
    absent big.png
    code 3 near --data set nothing.png
    says "nothing.png" "1 of 2 queries could not be read"
    # Queries come before the work: of 1 MB no features can be computed.
    code 3 "$FOVEA" search --model "$model" --data set --query nothing.png --memory 1M
    says "nothing.png" "1 of 1 queries could not be read"
}

# No room left where results go: said with the file's name, and nothing half-written stays.
use_full_disk_under_what_is_written() {
    needs_faults
    : >full
    full() { FAULT_DISK_FLAG=$PWD/full LD_PRELOAD="$CLI_FAULTS" "$FOVEA" "$@"; }
    for form in npy npz csv safetensors; do
        fails 9 E9003 "x.$form" -- full features --model "$model" --data "$digits" --split test --output x.$form
        absent x.$form x.$form.json
    done
    fails 9 E9003 "x.safetensors" -- full linear --model "$model" --data "$digits" --folds 2 --save x.safetensors
    fails 9 E9003 "w.npz" -- full linear --model "$model" --data "$digits" --folds 2 --coefficients w.npz
    fails 9 E9003 "x.safetensors" -- full factorize "$model" --output x.safetensors
    absent x.safetensors w.npz
    no_leftovers .
}
