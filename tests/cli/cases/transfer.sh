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
