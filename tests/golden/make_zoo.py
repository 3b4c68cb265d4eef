# SPDX-License-Identifier: Apache-2.0
"""Names, shapes, parameters and multiply-adds of the built-in architectures, as torchvision has them.

    python make_zoo.py        writes param_counts.txt and zoo_names.txt beside this script"""
from pathlib import Path

import torch
import torchvision
from torch import nn

import nets
import zoo_nets

ZOO = ["alexnet", "vgg11", "vgg16", "vgg19", "resnet18", "resnet50", "mobilenet_v2", "squeezenet1_1", "densenet121",
       "efficientnet_b0", "googlenet", "mnasnet1_0", "mobilenet_v3_large", "mobilenet_v3_small", "regnet_y_400mf",
       "resnet34", "resnet101", "resnet152", "resnext50_32x4d", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
       "shufflenet_v2_x1_5", "shufflenet_v2_x2_0", "squeezenet1_0", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16_bn",
       "vgg19_bn", "wide_resnet50_2", "inception_v3", "convnext_tiny"]
OPTIONS = {name: {"init_weights": False} for name in ("googlenet", "inception_v3")}  # auxiliary heads are counted
SIZES = {"inception_v3": 299}


def networks():
    for name in ZOO:
        yield name, getattr(torchvision.models, name)(weights=None, **OPTIONS.get(name, {})), (3, *[SIZES.get(name, 224)] * 2)
    for name, make in (nets.NETS | zoo_nets.NETS).items():
        net = make()
        yield name, net, net.input_shape


def multiply_adds(net, input_shape):
    """Of convolutions (also transposed) and dense layers, for one image; biases, norms and activations count nothing."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):
            total += inputs[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.Conv2d):
            total += output.numel() * module.weight[0].numel()
        else:
            total += output.numel() * module.in_features

    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            module.register_forward_hook(count)
    with torch.no_grad():
        net.eval()(torch.zeros(1, *input_shape))
    return total


def main():
    folder = Path(__file__).parent
    counts = ["# net input(CxHxW) parameters multiply_adds(conv + dense, one image)"]
    names = ["# net state_dict_name shape(PyTorch order, - for a scalar)"]
    for name, net, shape in networks():
        parameters = sum(p.numel() for p in net.parameters())
        counts.append(f"{name} {'x'.join(map(str, shape))} {parameters} {multiply_adds(net, shape)}")
        for key, value in net.state_dict().items():
            names.append(f"{name} {key} {'x'.join(map(str, value.shape)) or '-'}")
    versions = f"# torchvision {torchvision.__version__}"
    (folder / "param_counts.txt").write_text("\n".join([versions] + counts) + "\n")
    (folder / "zoo_names.txt").write_text("\n".join([versions] + names) + "\n")


if __name__ == "__main__":
    main()
