# SPDX-License-Identifier: Apache-2.0
# fovea plan: what fits a device.

# The rows of the table of networks that fit: "NAME INPUT".
fitting() { sed -n '/^network /,/^$/p' out | sed 1d | awk 'NF { print $1, $2 }'; }

use_plan_for_a_device() {
    code 0 "$FOVEA" plan --ram 300K --flash 100K --ms 40 --gmacs 0.1 --int8
    prints "3 of " "networks fit" "99.85 % test_top1 of ds_cnn-digits" "1 byte for an element of a filter" "0.1 G multiply-adds"
    # Accuracy first: ds_cnn 99.85, mnist_cnn 99.26, lenet 99.20; resnet8 takes 125 ms.
    equal "$(fitting | cut -d' ' -f1 | paste -sd' ')" "ds_cnn mnist_cnn lenet"
    grep -q '^  resnet8 .*--ms: 125, above 40$' out || die "what resnet8 is too much for"
    grep -q '^  vgg16 .*--ram: [0-9.]* MiB of activations, above 300 KiB; --flash: [0-9]* MiB of weights, above 100 KiB; --ms: ' out ||
        die "what vgg16 is too much for"
    # Every network is told of once.
    equal "$(grep -cE '^ *(lenet|vgg16|resnet8|googlenet|mobilenet_v1_0.5) ' out)" 5
    code 0 "$FOVEA" plan --ram 300K --flash 100K --ms 40 --gmacs 0.1 --int8 --json
    drive json fitting <out >n
    drive json networks.0.name <out >>n
    drive json networks.0.macs <out >>n
    drive json networks.3.over.0 <out >>n
    equal "$(paste -sd' ' n)" "3 ds_cnn 2656768 flash"
    # float32: four times the weights; no time where none is asked for.
    code 0 "$FOVEA" plan --flash 100K
    equal "$(fitting | cut -d' ' -f1 | paste -sd' ')" "ds_cnn"
    silent_about "GFLOP/s" "--gmacs"
}

use_plan_for_a_device_at_a_size() {
    code 0 "$FOVEA" plan --flash 2M --ram 1M --img-size 64x48 --in-chans 1
    # What is known of trained networks is not known at another size.
    silent_about "top1"
    equal "$(fitting | cut -d' ' -f2 | sort -u)" 64x48x1
    equal "$(fitting | head -1 | cut -d" " -f1)" resnet32
    code 0 "$FOVEA" plan --flash 2M --img-size 8
    grep -q "^  lenet  *conv2d 'conv2': a 5x5 filter does not fit" out || die "lenet has no form of 8 pixels"
    # On this machine, measured.
    code 0 "$FOVEA" plan --ms 1e6 --img-size 64
    prints "GFLOP/s" "GB/s at most" "(measured)"
    fails 2 E2001 "for which device" "--ram 320K" -- "$FOVEA" plan
    fails 2 E2001 "unexpected word 'photos'" -- "$FOVEA" plan --ram 1M photos
    fails 2 E2003 "--ms: found '0', expected a number above 0" -- "$FOVEA" plan --ms 0
    fails 2 E2003 "--ram: found '10x'" -- "$FOVEA" plan --ram 10x
    fails 5 E5002 "limit" -- "$FOVEA" plan --ms 1 --memory 1M
}
