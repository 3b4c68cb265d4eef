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
