#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the pictures of docs/ by the commands on its pages: those of docs/data.md from data that are drawn, those of docs/transfer.md
# where there are the networks and data of the tests, too. Usage: docs_pictures.sh FOVEA CLI_PLANT [DATA]
set -eu
fovea=$(realpath "$1")
plant=$(realpath "$2")
data=$(realpath "${3:-/nowhere}" 2>/dev/null) || data=/nowhere
root=$(realpath "$(dirname "$0")/..")
docs=$root/docs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# make_pictures PAGE VERB: runs the commands of a page that begin so.
make_pictures() {
    sed -n "s/^    fovea \\($2 .*\\)/\\1/p" "$docs/$1" >commands
    while read -r line; do
        eval "set -- $line"
        "$fovea" "$@" --quiet
    done <commands
}

# digit NUMBER NAME: the first drawn test image of a digit, as NAME.pgm.
digit() {
    sample=$(grep -lx "$1" shards/*.cls | head -n 1)
    { printf 'P5 28 28 255\n' && tail -c 784 "${sample%.cls}.npy"; } >"$2.pgm"
}

"$plant" corpus corpus
make_pictures data.md 'data show'
cp ./*.png "$docs/images/"
rm ./*.png

for part in models/squeezenet1_1.safetensors models/resnet20-12fca82f.th flowers5 mnist; do
    [ -e "$data/$part" ] || {
        echo "$data/$part is not there: the pictures of docs/transfer.md stay as they are" >&2
        exit 0
    }
done
mkdir networks shards digits300
cp "$data/models/squeezenet1_1.safetensors" networks/
"$fovea" data make digits --output digits --train 500 --test 100 --seed 0 --quiet
"$fovea" data pack digits --output packed --format tar --quiet
tar -C shards -xf packed/test-000000.tar
digit 3 three
digit 7 seven
digit 8 eight
for verb in search 'linear .*--save' predict; do
    make_pictures transfer.md "$verb"
done
cp near.png told.png "$docs/images/"
# The first 300 digits of MNIST, with headers that say so.
{ printf '\000\000\010\003\000\000\001\054\000\000\000\034\000\000\000\034' && gzip -dc "$data/mnist/train-images-idx3-ubyte.gz" | tail -c +17 |
    head -c 235200; } >digits300/train-images-idx3-ubyte
{ printf '\000\000\010\001\000\000\001\054' && gzip -dc "$data/mnist/train-labels-idx1-ubyte.gz" | tail -c +9 | head -c 300; } >digits300/train-labels-idx1-ubyte
"$fovea" linear --model squeezenet1_1 --weights networks/squeezenet1_1.safetensors --data "$data/flowers5" --layers all --folds 5 --out csv --quiet >flowers.csv
"$fovea" linear --model resnet20 --weights "$data/models/resnet20-12fca82f.th" --data digits300 --layers all --grid 2 --standardize --C 0.1 --folds 5 \
    --out csv --quiet >digits.csv
awk -F, -f "$root/scripts/stages_chart.awk" title1='Similar: flowers, SqueezeNet 1.1 of ImageNet' title2='Different: digits, ResNet-20 of CIFAR-10' \
    flowers.csv digits.csv >"$docs/images/stages.svg"
