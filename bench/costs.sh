#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How far the cost model's choices are from the fastest ones on this machine: every convolution of the zoo's networks, by every solver
# that a plan may take. A row per network, and the layers where a choice takes more than 1.3 times as long; exit 1 where there is one, or
# where a network takes more than 5 % longer. See README.md. FOVEA: the program.
# Usage: costs.sh [NETWORK...]; SECONDS_EACH, THREADS and DIRECTION (fwd, bwd-data, bwd-weights, all) change what is measured.
set -eu
fovea=${FOVEA:?set it to the program}
[ $# -gt 0 ] || set -- alexnet densenet121 efficientnet_b0 googlenet inception_v3 mnist_cnn mobilenet_v2 nin resnet18 resnet20 resnet50 \
    shufflenet_v2_x1_0 squeezenet1_1 vgg16
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-costs-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
for network in "$@"; do
    "$fovea" bench conv --model "$network" --direction "${DIRECTION:-fwd}" --threads "${THREADS:-1}" --seconds "${SECONDS_EACH:-0.1}" --csv \
        >"$scratch/$network"
done
cd "$scratch"
# Columns are found by name and counted from the end, as layers and problems may hold commas in quotes.
awk -F, '
    FNR == 1 { for (i = 1; i <= NF; i++) place[$i] = i - NF; next }
    $(NF + place["best_ms"]) == "" { next }
    {
        ms = $(NF + place["best_ms"]); layers = $(NF + place["layers"])
        key = FILENAME "," $1 "," $(NF + place["direction"]) "," $(NF + place["threads"])
        if (!(key in shape)) { order[++keys] = key; network[key] = FILENAME; shape[key] = $2; count[key] = layers; way[key] = $(NF + place["direction"]) }
        if ($(NF + place["chosen"])) { chosen[key] = ms; choice[key] = $(NF + place["algorithm"]) }
        if ($(NF + place["eligible"]) && (!(key in best) || ms < best[key])) { best[key] = ms; winner[key] = $(NF + place["algorithm"]) }
    }
    END {
        for (i = 1; i <= keys; i++) {
            key = order[i]; of = network[key]
            if (!(of in sum)) { names[++all] = of; sum[of] = 0; least[of] = 0; most[of] = 1 }
            sum[of] += count[key] * chosen[key]; least[of] += count[key] * best[key]
            ratio = chosen[key] / best[key]
            if (ratio > most[of]) most[of] = ratio
            if (ratio > 1.3) { far[++n] = sprintf("%-18s %-12s %s: %s takes %.2f times as long as %s (%.3f ms)", of, way[key], shape[key], choice[key], ratio, winner[key], best[key]); bad = 1 }
        }
        printf "%-18s %12s %12s %8s %12s\n", "network", "chosen, ms", "fastest, ms", "more", "worst layer"
        for (i = 1; i <= all; i++) {
            of = names[i]
            printf "%-18s %12.3f %12.3f %7.1f%% %11.2fx\n", of, sum[of], least[of], 100 * (sum[of] / least[of] - 1), most[of]
            if (sum[of] > 1.05 * least[of]) bad = 1
        }
        for (i = 1; i <= n; i++) print far[i]
        exit bad
    }' "$@"
