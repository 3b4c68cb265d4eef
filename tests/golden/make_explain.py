# SPDX-License-Identifier: Apache-2.0
"""Grad-CAM by PyTorch's hooks and gradients, and occlusion, of small networks in inference, from numbers a C program
can make again.

    python make_explain.py      writes explain.txt beside this script

A line of the file: NET METHOD LAYER size channels class h w stride most, then every stride-th number of the map (h w)
of that class for the first image of input.0, by a float64 run; class: the one of the largest score. most: the largest
number of the map. Occlusion (LAYER is -): a patch of 8 x 8 at every 7th pixel and at the edge, filled with 0.5.
README.md says where weights and input come from."""
from pathlib import Path

import numpy as np
import torch
import torchvision

import fvgolden
import nets

LAYERS = [
    ("lenet", 28, "conv2", None),
    ("lenet", 28, "conv1", 3),
    ("resnet8", 32, "layer3.0", None),
    ("resnet8", 32, "layer1.0.conv1", None),
    ("resnet20", 32, "layer3", 7),
    ("mobilenet_v2", 64, "features.18", None),
    ("mobilenet_v2", 64, "features.10", 0),
    ("squeezenet1_1", 64, "features.12", 5),  # max pooling, concatenation, dropout before the last convolution
]
OCCLUDED = [("resnet8", 32, None), ("lenet", 28, 4)]
PATCH, STRIDE = 8, 7


def make(name, size):
    net = nets.NETS[name]() if name in nets.NETS else getattr(torchvision.models, name)(num_classes=10)
    kinds = nets.kinds(net)
    net.load_state_dict({n: torch.from_numpy(fvgolden.initial(n, tuple(p.shape), kinds[n]))
                         for n, p in net.named_parameters()}, strict=False)
    channels = getattr(net, "input_shape", (3,))[0]
    x = torch.from_numpy(fvgolden.fill("input.0", (1, channels, size, size)))
    return net.eval().double(), x.double()


def gradcam(net, x, layer, k):
    kept = {}

    def keep(_, __, out):
        out.retain_grad()
        kept["map"] = out

    handle = net.get_submodule(layer).register_forward_hook(keep)
    scores = net(x)
    k = int(scores.argmax()) if k is None else k
    scores[0, k].backward()
    handle.remove()
    a = kept["map"]
    weights = a.grad.mean(dim=(2, 3), keepdim=True)
    return k, torch.relu((weights * a).sum(dim=1))[0].detach().numpy()


def places(size):
    at = list(range(0, size - PATCH, STRIDE))
    return at + [size - PATCH]


def occlusion(net, x, k):
    size = x.shape[2]
    sums, counts = np.zeros((size, size)), np.zeros((size, size))
    with torch.no_grad():
        p = net(x).softmax(1)[0]
        k = int(p.argmax()) if k is None else k
        for top in places(size):
            for left in places(size):
                covered = x.clone()
                covered[:, :, top:top + PATCH, left:left + PATCH] = 0.5
                drop = float(p[k] - net(covered).softmax(1)[0, k])
                sums[top:top + PATCH, left:left + PATCH] += drop
                counts[top:top + PATCH, left:left + PATCH] += 1
    return k, sums / counts


def line(name, method, layer, x, k, values, stride):
    return (f"{name} {method} {layer} {x.shape[2]} {x.shape[1]} {k} {values.shape[0]} {values.shape[1]} {stride} "
            f"{np.abs(values).max():.9g} " + " ".join("%.9g" % v for v in values.reshape(-1)[::stride]))


def write():
    lines = []
    for name, size, layer, k in LAYERS:
        net, x = make(name, size)
        k, values = gradcam(net, x, layer, k)
        lines.append(line(name, "gradcam", layer, x, k, values, 1 if values.size <= 128 else 13))
    for name, size, k in OCCLUDED:
        net, x = make(name, size)
        k, values = occlusion(net, x, k)
        lines.append(line(name, "occlusion", "-", x, k, values, 13))
    (Path(__file__).parent / "explain.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write()
