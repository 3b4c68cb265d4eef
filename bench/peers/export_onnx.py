# SPDX-License-Identifier: Apache-2.0
"""Writes torchvision architectures with random weights as ONNX files for infer_ort.py.

    python export_onnx.py FOLDER [MODEL ...]

Batch norm statistics are taken from one random batch, so that activations keep an ordinary size (none underflows)."""
import sys
from pathlib import Path

import torch
import torchvision

MODELS = ("resnet50", "mobilenet_v2", "squeezenet1_1")


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        torch.manual_seed(0)
        net = getattr(torchvision.models, name)(weights=None)
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            net.train()(torch.randn(8, 3, 224, 224))
        path = folder / f"{name}.onnx"
        torch.onnx.export(net.eval(), (torch.randn(1, 3, 224, 224),), path, input_names=["input"],
                          output_names=["logits"], dynamo=False, opset_version=17)
        print(path)


if __name__ == "__main__":
    main()
