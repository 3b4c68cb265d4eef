# SPDX-License-Identifier: Apache-2.0
# What a run writes of the inside of its network.

use_norms() {
    set -- --data "$digits" --model lenet --epochs 3 --batch-size 60 --quiet
    code 0 "$FOVEA" train "$@" --experiment whole -j 1
    norms=runs/train/whole/norms.csv
    equal "$(head -n 1 $norms)" "epoch,step,tensor,weight_norm,gradient_norm"
    equal "$(wc -l <$norms | tr -d ' ')" 16 # five weights, three epochs
    equal "$(cut -d, -f 1,2 $norms | uniq | tr '\n' ' ')" "epoch,step 1,1 2,11 3,21 "
    awk -F, 'NR > 1 && !($4 > 0 && $5 > 0) { exit 1 }' $norms || die "a norm is missing"
    page=runs/train/whole/report.html
    for text in 'Weights and gradients' 'Norm of the gradient' '<td>conv1.weight</td>' '<h2>Network</h2>' 'Activations'; do
        grep -qF "$text" $page || die "the page lacks: $text"
    done
    # The same whatever the threads, and when the run stops within an epoch, and at its last step.
    code 0 "$FOVEA" train "$@" --experiment threads -j 2
    same runs/train/threads/norms.csv $norms
    for steps in 14 20; do
        code 0 "$FOVEA" train "$@" --experiment parts$steps --max-steps $steps
        code 0 "$FOVEA" train --resume runs/train/parts$steps --max-steps 0 --quiet
        same runs/train/parts$steps/norms.csv $norms
        same runs/train/parts$steps/weights/best.safetensors runs/train/whole/weights/best.safetensors
    done
    # Frozen tensors have no gradient.
    code 0 "$FOVEA" train "$@" --experiment frozen --freeze 'conv*' --epochs 1
    equal "$(grep -c conv runs/train/frozen/norms.csv)" 0
}
