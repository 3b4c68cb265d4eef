# SPDX-License-Identifier: Apache-2.0
# Pixels mean what the user means: their range, bands and order, and pictures that come twice.
# deep DIR COUNT MOST [BITS]: pictures of 16 bits, two classes, whose values go up to MOST.
deep() {
    for k in $(seq 1 "$2"); do
        for c in 0 1; do
            mkdir -p "$1/$c"
            awk -v k="$k" -v c=$c -v most="$3" -v full=$(((1 << ${4:-16}) - 1)) 'BEGIN {
                print "P2\n12 12\n" full
                for (i = 0; i < 144; i++) print int(most * ((c ? i : 143 - i) + (i * 7 + k * 13) % 20) / 162)
            }' >"$1/$c/$k.pgm"
        done
    done
}

row_89_bits_in_wider_files() {
    for range in "4095 12 16" "255 8 257" "1023 10 64" "16000 14 4"; do
        set -- $range
        rm -rf d
        deep d 10 "$1"
        code 0 "$FOVEA" data check d
        prints "as of $2 bits in a file of 16" "multiply them by $3"
        code 0 "$FOVEA" data stats d
        says "as of $2 bits" "--norm dataset"
        code 0 tiny_run --data d
        says "as of $2 bits in a file of 16"
    done
    # Masks of class indices, and of 0 and 1, in place of pictures.
    for range in "4 63" "1 255" "31 8"; do
        set -- $range
        rm -rf d
        deep d 10 "$1" 8
        code 0 "$FOVEA" data check d
        prints "8-bit pixels from 0 to $1 at most" "class indices" "multiply them by $2"
        code 0 "$FOVEA" data stats d
        says "--norm dataset"
        code 0 tiny_run --data d
        says "8-bit pixels from 0 to $1 at most"
    done
    # A picture in twilight is one.
    deep d 10 60 8
    code 0 "$FOVEA" data check d
    silent_about "at most"
    rm -rf d
    deep d 10 4095
    # The cure that is named is one.
    code 0 "$FOVEA" train --data d --model lenet --img-size 12 --in-chans 1 --norm dataset --epochs 4 --batch-size 4 --opt adam
    rm -rf d
    deep d 10 65535
    code 0 "$FOVEA" data check d
    silent_about "in a file of 16"
    code 0 tiny_run --data d
    silent_about "in a file of 16"
}

use_copies_do_not_leak() {
    # Every picture twice: whatever holds them, no two of a pair stand on two sides, so that a fifth is a fifth of pairs.
    plant classes once count=25 cat dog
    mkdir -p twice/cat twice/dog
    for c in cat dog; do
        for f in once/$c/*.jpg; do
            cp "$f" "twice/$c/a$(basename "$f")"
            cp "$f" "twice/$c/b$(basename "$f")"
        done
    done
    code 0 "$FOVEA" data pack twice --output files.fvpack
    code 0 "$FOVEA" data pack twice --output raw.fvpack --raw --img-size 16
    code 0 "$FOVEA" data pack twice --output shards --format tar
    code 0 "$FOVEA" data pack twice --output raw-shards --format tar --raw --img-size 16
    plant bands bands count=512 # 256 of them come again
    mkdir idx
    { printf '\000\000\010\003\000\000\000\170\000\000\000\034\000\000\000\034'
    for i in 1 2; do tail -c +17 "$digits/train-images-idx3-ubyte" | head -c 47040; done; } >idx/train-images-idx3-ubyte
    { printf '\000\000\010\001\000\000\000\170'
    for i in 1 2; do tail -c +9 "$digits/train-labels-idx1-ubyte" | head -c 60; done; } >idx/train-labels-idx1-ubyte
    for data in twice bands idx files.fvpack raw.fvpack shards raw-shards; do
        code 0 "$FOVEA" data pack $data --val-split 0.2 --output held.fvpack --force
        code 0 "$FOVEA" data check held.fvpack
        silent_about "the same pixels as one of"
    done
}

# array DIR SHAPE BYTES: images.npy of that shape of bytes, and labels of two classes.
array() {
    mkdir -p "$1"
    n=${2%%,*}
    text="{'descr': '|u1', 'fortran_order': False, 'shape': ($2), }"
    { printf '\223NUMPY\001\000\166\000%-117s\n' "$text"; head -c "$3" "$digits/train-images-idx3-ubyte"; } >"$1/images.npy"
    text="{'descr': '|u1', 'fortran_order': False, 'shape': ($n,), }"
    { printf '\223NUMPY\001\000\166\000%-117s\n' "$text"; for i in $(seq $((n / 2))); do printf '\000\001'; done; } >"$1/labels.npy"
}

row_88_bands() {
    # Four bands of an array are four, not three and opacity.
    array four "20, 16, 16, 4" 20480
    code 0 tiny_run --data four
    says "--in-chans 4: the images have so many channels"
    array three "20, 16, 16, 3" 15360
    code 0 tiny_run --data three --experiment rgb
    fails 3 E3007 "the last of them not declared as opacity" "--in-chans 4" -- \
        "$FOVEA" eval --data four --split train --model runs/train/rgb/weights/best.safetensors
    # In a packed file they stay what they are.
    code 0 "$FOVEA" data pack four --output four.fvpack
    fails 3 E3007 "not declared as opacity" -- tiny_run --data four.fvpack --in-chans 3
    code 0 tiny_run --data four.fvpack --in-chans 4
    code 3 "$FOVEA" data pack four --output shards --format tar
    says "not tell from RGBA"
}

row_90_channels_first() {
    for shape in "20, 3, 16, 16" "20, 4, 8, 12" "20, 12, 32, 32"; do
        rm -rf a
        array a "$shape" "$(echo "$shape" | awk -F', ' '{ print $1 * $2 * $3 * $4 }')"
        fails 3 E3003 "channels first" "transpose(0, 2, 3, 1)" -- tiny_run --data a
        code 3 "$FOVEA" data check a
    done
    # Few rows are no channels.
    for shape in "20, 1, 16, 9" "20, 2, 30, 12" "20, 16, 16, 12"; do
        rm -rf a
        array a "$shape" "$(echo "$shape" | awk -F', ' '{ print $1 * $2 * $3 * $4 }')"
        code 0 "$FOVEA" data check a
    done
}

use_small_maps() {
    # As PyTorch has it: with ceil a window may reach beyond the map, also when there is only one.
    for n in 32 25 24 20 17; do
        code 0 "$FOVEA" info squeezenet1_1 --img-size $n
    done
    plant classes d count=8 cat dog
    code 0 "$FOVEA" train --data d --model squeezenet1_1 --img-size 20 --epochs 1
    printf 'input: [1, 1, 3]\nlayers:\n  - max_pool2d: {size: 3, stride: 2, ceil: true}\n' >net.yaml
    code 2 "$FOVEA" info net.yaml
    says "does not fit"
}
