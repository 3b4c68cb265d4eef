# SPDX-License-Identifier: Apache-2.0
"""What PyTorch's forward hooks give of modules of small networks in inference, from numbers a C program can make again.

    python make_features.py      writes features.txt beside this script

A line of the file: NET MODULE numbers stride, then every stride-th of the numbers of that module's result (c h w) for the
first image of input.0, by a float64 run. README.md says where weights and input come from."""
from pathlib import Path

import numpy as np
import torch

import fvgolden
import nets

MODULES = {
    "resnet8": ["conv1", "bn1", "layer1.0.conv1", "layer1.0", "layer2.0.bn2", "layer2", "layer3.0", "fc"],
    "resnet20": ["bn1", "layer1.2.bn1", "layer1.2", "layer2.0", "layer3.1.conv2", "layer3", "linear"],
}


def write():
    lines = []
    for name, modules in MODULES.items():
        net = nets.NETS[name]()
        kinds = nets.kinds(net)
        net.load_state_dict({n: torch.from_numpy(fvgolden.initial(n, tuple(p.shape), kinds[n]))
                             for n, p in net.named_parameters()}, strict=False)
        net.double().eval()
        got = {}
        for module in modules:
            net.get_submodule(module).register_forward_hook(
                lambda _, __, out, module=module: got.__setitem__(module, out.detach().numpy().copy()))
        with torch.no_grad():
            net(torch.from_numpy(fvgolden.fill("input.0", (1, *net.input_shape))).double())
        for module in modules:
            stride = max(1, got[module].size // 64)
            values = got[module].reshape(-1)[::stride]
            lines.append(f"{name} {module} {got[module].size} {stride} {np.abs(got[module]).max():.9g} "
                         + " ".join("%.9g" % v for v in values))
    (Path(__file__).parent / "features.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write()
