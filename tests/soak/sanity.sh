#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sanity.sh FOLDER [NAME...]: `fovea sanity` of every architecture (or those named) on photographs, 64 x 64, batches of
# 16, at rates that such networks are trained with, must say that it learns; hours on two cores. A line for each.
set -eu
data=$1
shift
[ -d "$data/train" ] || {
    echo "skipped: $data is not there"
    exit 0
}
[ $# -gt 0 ] || set -- $("$FOVEA" help models | awk '/^  / { print } /^`/ { exit }')
failed=0
for name in "$@"; do
    # Without normalization SGD at 0.1 kills or stalls them, which sanity says, rightly.
    case $name in
    vgg*_bn) rate="--lr 0.01" ;; # as torchvision trained them
    nin | cifar_nin | squeezenet*) rate="--opt adam --lr 3e-5" ;; # a ReLU behind the last layer dies easily
    alexnet | caffenet | vgg*) rate="--opt adam --lr 1e-4" ;;
    googlenet | lenet | mnist_cnn) rate="--lr 0.01" ;;
    resnet56 | resnet34 | resnet50 | resnet101 | resnet152 | resnext* | wide_*) rate="--lr 0.01" ;; # 0.1 is for batches of 128 and more
    convnext*) rate="--opt adamw --lr 1e-3" ;;
    *) rate= ;;
    esac
    size=64
    [ "$name" != inception_v3 ] || size=75 # its least
    began=$(date +%s)
    # shellcheck disable=SC2086
    out=$("$FOVEA" sanity --data "$data" --model "$name" --img-size $size --batch-size 16 $rate 2>/dev/null) || failed=1
    printf '%-20s %-22s %4d s  %s | %s\n' "$name" "$rate" $(($(date +%s) - began)) "$(printf '%s\n' "$out" | sed -n 's/^verdict  *//p')" \
        "$(printf '%s\n' "$out" | sed -n 's/^  as asked  *//p' | tr -s ' ')"
done
exit $failed
