# SPDX-License-Identifier: Apache-2.0
"""Writes torchvision architectures with random weights for all peers of infer.py: ONNX (fovea, ONNX Runtime, OpenVINO), and what PyTorch, ncnn
(by pnnx) and MNN (by mnnconvert) read; where a converter is not installed its file is left out.

    python export.py FOLDER [MODEL ...]

Batch norm statistics are taken from one random batch, so that activations keep an ordinary size (none underflows)."""
import shutil
import subprocess
import sys
from pathlib import Path

import torch
import torchvision

MODELS = ("resnet50", "resnet18", "vgg16", "mobilenet_v2", "squeezenet1_1")


def converter(name):
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pnnx, mnnconvert = converter("pnnx"), converter("mnnconvert")
    for name in sys.argv[2:] or MODELS:
        torch.manual_seed(0)
        net = getattr(torchvision.models, name)(weights=None)
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            net.train()(torch.randn(4, 3, 224, 224))
        image, path = torch.randn(1, 3, 224, 224), folder / f"{name}.onnx"
        torch.onnx.export(net.eval(), (image,), path, input_names=["input"], output_names=["logits"], dynamo=False, opset_version=17,
                          dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}})
        torch.save(net.state_dict(), folder / f"{name}.pth")
        torch.jit.trace(net, image).save(folder / f"{name}.pt")
        if pnnx:
            subprocess.run([pnnx, f"{name}.pt", "inputshape=[1,3,224,224]f32", "fp16=0"], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        if mnnconvert:
            subprocess.run([mnnconvert, "-f", "ONNX", "--modelFile", f"{name}.onnx", "--MNNModel", f"{name}.mnn", "--bizCode", "bench"],
                           cwd=folder, check=True, stdout=subprocess.DEVNULL)
        print(path)


if __name__ == "__main__":
    main()
