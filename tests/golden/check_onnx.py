# SPDX-License-Identifier: Apache-2.0
"""torchvision's networks, exported by both of PyTorch's exporters, against ONNX Runtime.

    python check_onnx.py FOVEA [--nets resnet18 ...] [--exports legacy13 dynamo18 ...] [--train FOLDER] [--results TSV]

Needs torch, torchvision, onnx, onnxscript and onnxruntime. Weights are random and the statistics of batch normalization are drawn too, so that an import which
mixes them up is seen. Each network is exported with five classes and a batch that is left open, run by `fovea run` on two images, and its logits must be within
1e-4 (relative to the largest) of ONNX Runtime's; with --train two steps of training on FOLDER (five classes of images) follow the first export of each kind.
Images are small where the network allows it, and files are deleted as it goes. With --results a line of network, export, verdict, difference and training is
added to the file for each, and what has a line there is passed over, so that a check that was stopped goes on where it was."""
import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torchvision

NETS = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "mnasnet1_0",
        "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "regnet_y_400mf", "resnet101", "resnet152",
        "resnet18", "resnet34", "resnet50", "resnext50_32x4d", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
        "shufflenet_v2_x1_5", "shufflenet_v2_x2_0", "squeezenet1_0", "squeezenet1_1", "vgg11", "vgg11_bn", "vgg13",
        "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "wide_resnet50_2"]
# kept: batch normalization stays, as it does when a network is exported to be trained on
EXPORTS = ["legacy11", "legacy13", "legacy17", "legacy20", "kept13", "dynamo18", "dynamo20", "dynamo23"]

# what ends in a mean over the image takes any size; of 224 the exporters know that an adaptive mean to 7 x 7 (6 x 6) divides
SIZES = {"alexnet": 224, "inception_v3": 107, "vgg": 224}
HEADER = "network\texport\tverdict\tdifference\ttraining"


def make(name):
    torch.manual_seed(1)
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    net = getattr(torchvision.models, name)(weights=None, num_classes=5, **more)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0.0, 0.1)
    return net.eval()


def program_of(net, x, programs):
    """What torch.export makes of the network, once for all operator sets."""
    if not programs:
        programs.append(torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("n")},)))
    return programs[0]


def export(net, x, kind, path, programs):
    opset = int(kind[6:] if kind.startswith("dynamo") or kind.startswith("legacy") else kind[4:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind.startswith("dynamo"):
            torch.onnx.export(program_of(net, x, programs), (), path, opset_version=opset, dynamo=True,
                              input_names=["image"], output_names=["logits"], verbose=False)
        else:
            training = torch.onnx.TrainingMode.PRESERVE if kind.startswith("kept") else torch.onnx.TrainingMode.EVAL
            torch.onnx.export(net, (x,), path, opset_version=opset, dynamo=False, input_names=["image"],
                              output_names=["logits"], dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
                              training=training)


def answer_of_runtime(path, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {"image": x})[0]


def run(command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return None if result.returncode == 0 else f"exit {result.returncode}: {(result.stderr or result.stdout).strip()[-300:]}"


def train(fovea, path, data, output):
    """A small rate and clipped gradients: what has lost its normalization and has random weights answers with thousands."""
    return run([fovea, "train", "--model", path, "--data", data, "--batch-size", 2, "--epochs", 1, "--max-steps", 2,
                "--lr", 1e-7, "--clip-grad", 1, "--reset-head", "--threads", 1, "--output", output])


def check(fovea, name, net, kind, data, programs):
    """The verdict (ok, WRONG or not exported), the difference or what went wrong, and of the training: ok, - or what went wrong."""
    size = SIZES.get(name, SIZES.get(name[:3], 64))
    with tempfile.TemporaryDirectory() as folder:
        path, folder = f"{folder}/net.onnx", Path(folder)
        x = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(2))
        try:
            export(net, x, kind, path, programs)
        except Exception as error:  # the exporter's own limits are no fault of the import
            return "not exported", str(error).strip().splitlines()[0][:120], "-"
        np.save(folder / "x.npy", x.numpy())
        want = answer_of_runtime(path, x.numpy())
        bad = run([fovea, "run", path, "--input", folder / "x.npy", "--output", folder / "y.npz", "--threads", 1])
        if bad:
            return "WRONG", bad, "-"
        got = np.load(folder / "y.npz")["logits"]
        if got.shape != want.shape:
            return "WRONG", f"shape {got.shape}, expected {want.shape}", "-"
        apart = float(np.abs(got - want).max() / np.abs(want).max())
        bad = train(fovea, path, data, folder / "runs") if data else None
        right = apart <= 1e-4 and not bad  # a difference that is no number is not right either
        return "ok" if right else "WRONG", f"{apart:.1e}", bad or ("ok" if data else "-")


def done(results):
    if not results or not os.path.exists(results):
        return set()
    return {tuple(line.split("\t")[:2]) for line in open(results).read().splitlines()[1:]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fovea")
    parser.add_argument("--nets", nargs="*", default=NETS)
    parser.add_argument("--exports", nargs="*", default=EXPORTS)
    parser.add_argument("--train")
    parser.add_argument("--results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    wrong, past = 0, done(options.results)
    if options.results and not past:
        open(options.results, "w").write(HEADER + "\n")
    for name in options.nets:
        left = [kind for kind in options.exports if (name, kind) not in past]
        net = make(name) if left else None
        programs = []
        trained = {kind[:4] for kind in options.exports if kind not in left}
        for kind in left:
            verdict, says, training = check(options.fovea, name, net, kind, None if kind[:4] in trained else options.train,
                                            programs)
            if training == "ok":
                trained.add(kind[:4])
            wrong += verdict == "WRONG"
            line = "\t".join(" ".join(word.split()) for word in (name, kind, verdict, says, training))
            print(line, flush=True)
            if options.results:
                open(options.results, "a").write(line + "\n")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
