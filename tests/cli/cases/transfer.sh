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
