# SPDX-License-Identifier: Apache-2.0
# Networks as designs: what they cost, side by side, made smaller, drawn.

# Two networks, or more: totals with their ratio, and the layers that differ, whatever they come from.
use_info_of_several_networks() {
    printf 'input: [8, 8, 3]\nlayers:\n  - conv2d: {filters: 4, kernel: 7, pad: 3, name: a}\n  - relu\n  - flatten\n  - dense: {units: 2, name: fc}\n' >one.yaml
    printf 'input: [8, 8, 3]\nlayers:\n  - conv2d: {filters: 4, kernel: 3, pad: 1, name: a}\n  - relu\n  - conv2d: {filters: 4, kernel: 3, pad: 1, name: b}\n  - relu\n  - flatten\n  - dense: {units: 2, name: fc}\n' >two.yaml
    code 0 "$FOVEA" info one.yaml two.yaml
    grep -qE '^parameters +1106 +774 +0\.7$' out || die "parameters and their ratio"
    grep -qE '^multiply-adds +38\.14 k +16\.64 k +0\.436$' out || die "multiply-adds"
    grep -qE '^receptive field +7 +5 +0\.714$' out || die "receptive fields"
    grep -qE '^depth +2 +3 +1\.5$' out || die "depth"
    prints "layers: 3 the same, 1 changed (~), 0 only in one.yaml (-), 2 only in two.yaml (+)"
    grep -qE '^~- a +conv2d +7x7 3>4 pad=3' out || die "the changed layer of the first"
    grep -qE '^~\+ a +conv2d +3x3 3>4 pad=1' out || die "the changed layer of the second"
    grep -qE '^\+  b +conv2d +3x3 4>4 pad=1' out || die "the added layer"
    code 0 "$FOVEA" info one.yaml two.yaml --json
    drive json layers.differ.0.match <out >found
    equal "$(cat found)" changed
    drive json ratios.parameters <out >found
    equal "$(cut -c1-6 found)" 0.6998
    # The way back: what was added is removed.
    code 0 "$FOVEA" info two.yaml one.yaml
    prints "3 the same, 1 changed (~), 2 only in two.yaml (-), 0 only in one.yaml (+)"
    code 0 "$FOVEA" info one.yaml one.yaml
    prints "layers: 4 the same, 0 changed"
    # A name of the zoo, a file and the folder of a run; three have a column each.
    code 0 small_run --max-steps 1 --experiment first
    code 0 "$FOVEA" info lenet runs/train/first
    prints "layers: 12 the same, 0 changed"
    code 0 "$FOVEA" info lenet mnist_cnn one.yaml
    grep -qE '^parameters +61\.71 k +[0-9.]+ k +1106$' out || die "three columns"
    fails 2 E2004 "--graph is of one network, and 2 are named" -- "$FOVEA" info lenet mnist_cnn --graph
    fails 2 E2004 "both 'lenet' and --model mnist_cnn are given" -- "$FOVEA" info lenet --model mnist_cnn
    fails 2 E2002 "lenett" "lenet" -- "$FOVEA" info lenet lenett
    fails 9 E9002 "none.safetensors" -- "$FOVEA" info lenet none.safetensors
}
