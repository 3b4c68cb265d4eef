# SPDX-License-Identifier: Apache-2.0
# What the machine can do.

use_doctor_measures() {
    code 0 "$FOVEA" doctor --memory 60M
    prints "instruction set" "cache L1" "cache L3" "GFLOP/s on one thread" "GB/s read and written" "images a second"
    grep -qE "^  lenet +[0-9.]+ \(measured\)$" out || die "no figure for lenet"
    prints "  resnet50       needs more than the memory for plans"
    code 0 "$FOVEA" doctor --json
    for key in machine.gflops_one_thread machine.copy_gb_per_s machine.networks.4.img_per_s machine.caches.0.bytes; do
        drive json $key <out >value
        awk '{ exit !($1 > 0) }' value || die "$key is $(cat value)"
    done
    drive json machine.networks.0.measured <out >value
    equal "$(cat value)" true
    # A weaker instruction set has a lower roof; what would take long is expected, not run.
    drive json machine.gflops_one_thread <out >best
    FOVEA_CPU=scalar code 0 "$FOVEA" doctor --json
    drive json machine.gflops_one_thread <out >scalar
    [ -n "${CLI_SANITIZE:-}" ] || awk 'NR == FNR { a = $1; next } { exit !($1 <= 1.5 * a) }' best scalar || die "scalar is faster than the best"
}
