# SPDX-License-Identifier: Apache-2.0
"""Ten training steps of each small network with PyTorch, in float64, from numbers a C program can make again.

    python make_steps.py [NET ...]       writes NET.safetensors beside this script (all networks without a name)
    python make_steps.py --spread        prints how far PyTorch's own float32 runs lie from the float64 run

README.md says what is in a file and how to compare with it."""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import fvgolden
import nets

STEPS, BATCH = 10, 16
SGD = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01}
ADAM = {"optimizer": "adam", "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.0}
RUNS = {
    "mnist_cnn": ("mnist_cnn", {**SGD, "lr": 0.002}),
    "mnist_cnn_adam": ("mnist_cnn", ADAM),
    "lenet": ("lenet", {**SGD, "lr": 0.005}),
    "resnet8": ("resnet8", {**SGD, "lr": 0.01}),
    "resnet20": ("resnet20", {**SGD, "lr": 0.005}),
    "resnet32": ("resnet32", {**SGD, "lr": 0.005}),
    "resnet44": ("resnet44", {**SGD, "lr": 0.005}),
    "resnet56": ("resnet56", {**SGD, "lr": 0.005}),
    "opnet": ("opnet", {**SGD, "lr": 0.005}),
    "headnet": ("headnet", {**SGD, "lr": 0.005}),
    "gemnet": ("gemnet", {**SGD, "lr": 0.005}),
}


def optimizer_of(net, recipe):
    if recipe["optimizer"] == "sgd":
        return torch.optim.SGD(net.parameters(), lr=recipe["lr"], momentum=recipe["momentum"],
                               weight_decay=recipe["weight_decay"])
    return torch.optim.Adam(net.parameters(), lr=recipe["lr"], betas=(recipe["beta1"], recipe["beta2"]),
                            eps=recipe["eps"], weight_decay=recipe["weight_decay"])


def train(name, recipe, dtype=torch.float64, channels_last=False, mkldnn=True):
    """Returns the losses, the logits and gradients of step 0, the first and the last state."""
    net = nets.NETS[name]()
    kinds = nets.kinds(net)
    start = {n: torch.from_numpy(fvgolden.initial(n, tuple(p.shape), kinds[n])) for n, p in net.named_parameters()}
    net.load_state_dict(start, strict=False)
    net.to(dtype).train()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    net.to(memory_format=layout)
    optimizer = optimizer_of(net, recipe)
    losses = []
    with torch.backends.mkldnn.flags(enabled=mkldnn):
        for step in range(STEPS):
            x = torch.from_numpy(fvgolden.fill(f"input.{step}", (BATCH,) + net.input_shape)).to(dtype)
            y = torch.from_numpy(fvgolden.labels(f"label.{step}", BATCH))
            optimizer.zero_grad()
            out = net(x.contiguous(memory_format=layout))
            loss = 0
            if isinstance(out, tuple):  # an auxiliary head
                loss = net.aux_weight * F.cross_entropy(out[1], y)
                out = out[0]
            loss = F.cross_entropy(out, y) + loss
            loss.backward()
            if step == 0:
                logits = out.detach().numpy()
                grads = {n: p.grad.double().numpy().copy() for n, p in net.named_parameters()}
            optimizer.step()
            losses.append(loss.item())
    end = {n: v.double().numpy() for n, v in net.state_dict().items() if not n.endswith("num_batches_tracked")}
    return np.array(losses), logits, grads, {n: v.double().numpy() for n, v in start.items()}, end


def write(run):
    name, recipe = RUNS[run]
    loss, logits, grads, start, end = train(name, recipe)
    loss_f32 = train(name, recipe, torch.float32)[0]
    tensors = {"loss": loss, "loss_f32": loss_f32.astype(np.float32), "logits": logits.astype(np.float32),
               "stride": np.array([fvgolden.stride_of(v.size) for v in end.values()], np.int64)}
    tensors.update({n: fvgolden.sample(v.astype(np.float32)) for n, v in end.items()})
    tensors.update({"grad." + n: fvgolden.sample(v.astype(np.float32)) for n, v in grads.items()})
    shape = nets.NETS[name]().input_shape
    meta = {"net": name, "input": json.dumps(shape), "batch_size": BATCH, "steps": STEPS, **recipe,
            "names": " ".join(end), "shapes": json.dumps([list(v.shape) for v in end.values()]),
            "parameters": sum(v.size for v in start.values()), "made_with": f"torch {torch.__version__} cpu float64"}
    path = Path(__file__).parent / f"{run}.safetensors"
    fvgolden.save(path, tensors, meta)
    print(f"{run}: {path.stat().st_size} bytes, loss {' '.join('%.4f' % v for v in loss)}", flush=True)


def norm_ratio(got, want):
    return np.linalg.norm(got - want) / max(np.linalg.norm(want), 1e-30)


def spread():
    print("| run | loss | state, worst tensor | update, worst tensor | gradient of step 0, worst tensor |\n|---|---|---|---|---|")
    for run, (name, recipe) in RUNS.items():
        loss, _, grads, start, end = train(name, recipe)
        worst = np.zeros(4)
        for how in ({}, {"channels_last": True}, {"mkldnn": False}):
            l32, _, g32, _, e32 = train(name, recipe, torch.float32, **how)
            worst = np.maximum(worst, [
                np.max(np.abs(l32 - loss) / loss),
                max(norm_ratio(e32[n], end[n]) for n in end),
                max(norm_ratio(e32[n] - start[n], end[n] - start[n]) for n in start),
                max(norm_ratio(g32[n], grads[n]) for n in grads)])
        print(f"| {run} | " + " | ".join("%.0e" % w for w in worst) + " |", flush=True)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if sys.argv[1:] == ["--spread"]:
        spread()
    else:
        for wanted in sys.argv[1:] or RUNS:
            write(wanted)
