# SPDX-License-Identifier: Apache-2.0
# What is planned is what is used, and a run that fits runs to its end.

# peak_below MB COMMAND: it never has more memory than that, whatever it says.
peak_below() {
    most=$1
    shift
    drive peak kb "$@" >out 2>err || true
    [ -n "${CLI_SANITIZE:-}" ] || [ "$(cat kb)" -lt $((most * 1024)) ] || die "$(cat kb) kB, expected less than $most MB: $*"
    checks=$((checks + 1))
}

# Weights are summed before one of them is allocated: exit 5, and no memory is touched.
use_memory_of_absurd_models() {
    printf 'name: wide\ninput: [64, 64, 3]\nlayers:\n  - flatten\n  - dense: {units: 150000}\n  - dense: 10\n' >wide.yaml
    printf 'name: deep\ninput: [8, 8, 3]\nlayers:\n' >deep.yaml
    for i in 1 2 3 4 5; do
        printf '  - conv2d: {filters: 4000, kernel: 3, pad: 1}\n' >>deep.yaml
    done
    printf '  - global_avg_pool\n  - dense: 10\n' >>deep.yaml
    for net in wide.yaml deep.yaml vgg16; do
        fails 5 E5002 "its weights need " "the limit is 200.0 MiB" "the largest: " "raise --memory" -- \
            "$FOVEA" info $net --memory 200M
        peak_below 30 "$FOVEA" info $net --memory 200M
    done
    fails 5 E5002 "its weights need " -- "$FOVEA" train --data "$photos" --model wide.yaml --memory 200M
    peak_below 60 "$FOVEA" train --data "$photos" --model wide.yaml --memory 200M
    absent runs
}
