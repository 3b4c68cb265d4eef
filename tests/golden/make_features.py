# SPDX-License-Identifier: Apache-2.0
"""What PyTorch's forward hooks give of modules of small networks in inference, from numbers a C program can make again.

    python make_features.py      writes features.txt beside this script

A line of the file: NET MODULE numbers stride most apart, then every stride-th of the numbers of that module's result
(c h w) for the first image of input.0, by a float64 run. most: the largest of them all; apart: how far PyTorch's own
float32 run is from that, as a share of most. README.md says where weights and input come from."""
from pathlib import Path

import numpy as np
import torch
import torchvision

import fvgolden
import nets

MODULES = {
    "resnet8": ["conv1", "bn1", "layer1.0.conv1", "layer1.0", "layer2.0.bn2", "layer2", "layer3.0", "fc"],
    "resnet20": ["bn1", "layer1.2.bn1", "layer1.2", "layer2.0", "layer3.1.conv2", "layer3", "linear"],
    # normalization behind every convolution
    "mobilenet_v2": ["features.2.conv.0.1", "features.5", "features.9.conv.3", "features.13.conv.1.1", "features.18"],
}


def make(name):
    return nets.NETS[name]() if name in nets.NETS else getattr(torchvision.models, name)(num_classes=10)


def hooked(net, modules, x):
    got = {}
    handles = [net.get_submodule(module).register_forward_hook(
        lambda _, __, out, module=module: got.__setitem__(module, out.detach().double().numpy().copy())) for module in modules]
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return got


def write():
    lines = []
    for name, modules in MODULES.items():
        net = make(name)
        kinds = nets.kinds(net)
        net.load_state_dict({n: torch.from_numpy(fvgolden.initial(n, tuple(p.shape), kinds[n]))
                             for n, p in net.named_parameters()}, strict=False)
        x = torch.from_numpy(fvgolden.fill("input.0", (1, *getattr(net, "input_shape", (3, 32, 32)))))
        single = hooked(net.eval(), modules, x)
        got = hooked(net.double(), modules, x.double())
        for module in modules:
            stride, most = max(1, got[module].size // 64), np.abs(got[module]).max()
            values = got[module].reshape(-1)[::stride]
            lines.append(f"{name} {module} {got[module].size} {stride} {most:.9g} "
                         f"{np.abs(single[module] - got[module]).max() / most:.3g} " + " ".join("%.9g" % v for v in values))
    (Path(__file__).parent / "features.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write()
