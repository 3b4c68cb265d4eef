# SPDX-License-Identifier: Apache-2.0
"""Narrow networks of the kinds that torchvision has, as PyTorch's two exporters write them, and what they answer.

    python make_onnx.py        writes onnx/*.onnx and onnx.safetensors beside this script

Needs torch, onnx and onnxscript. Weights are random; the batch is left open. `check_onnx.py` does the same with torchvision's networks themselves."""
import contextlib
import io
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from fvgolden import fill, save


def conv(c, k, size=1, act=nn.ReLU, **more):
    return nn.Sequential(nn.Conv2d(c, k, size, bias=False, **more), nn.BatchNorm2d(k), *([act()] if act else []))


class Excite(nn.Module):
    """Squeeze and excitation, as mobilenet_v3 (hard sigmoid) and efficientnet (sigmoid) have it."""

    def __init__(self, c, hard):
        super().__init__()
        self.down, self.up, self.gate = nn.Conv2d(c, 4, 1), nn.Conv2d(4, c, 1), nn.Hardsigmoid() if hard else nn.Sigmoid()

    def forward(self, x):
        return x * self.gate(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


class Shuffle(nn.Module):
    """shufflenet_v2: half of the channels go by, then both halves are shuffled."""

    def __init__(self, c):
        super().__init__()
        self.branch = nn.Sequential(conv(c // 2, c // 2), conv(c // 2, c // 2, 3, None, padding=1, groups=c // 2))

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        x = torch.cat((a, self.branch(b)), dim=1)
        n, c, h, w = x.size()
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8, 3, nn.Hardswish, stride=2, padding=1)
        self.expand = nn.Sequential(conv(8, 12, 1, nn.SiLU), conv(12, 12, 3, nn.ReLU6, padding=1, groups=12))
        self.hard, self.soft, self.project = Excite(12, True), Excite(12, False), conv(12, 8, 1, None)
        self.shuffle, self.head = Shuffle(8), nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 10))

    def forward(self, x):
        x = self.stem(x)
        x = x + self.project(self.soft(self.hard(self.expand(x))))
        x = F.max_pool2d(self.shuffle(x), 3, 2, 1)
        return self.head(x.mean([2, 3]))


class Inception(nn.Module):
    """Branches with asymmetric filters and averages that leave the border out, dense connections, pooling that rounds up."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = conv(3, 6, 3, stride=2), nn.LocalResponseNorm(3)
        self.a, self.b, self.c = conv(6, 4), nn.Sequential(conv(6, 4), conv(4, 4, (1, 5), padding=(0, 2)), conv(4, 4, (5, 1), padding=(2, 0))), conv(6, 4)
        self.pre, self.dense = nn.BatchNorm2d(12), nn.Conv2d(12, 4, 3, padding=1)
        self.fc = nn.Sequential(nn.Linear(16 * 4, 8), nn.Tanh(), nn.Linear(8, 10))

    def forward(self, x):
        x = self.norm(self.stem(x))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = torch.cat([self.a(x), self.b(x), self.c(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))], 1)
        x = torch.cat([x, self.dense(F.leaky_relu(self.pre(x), 0.1))], 1)
        x = F.avg_pool2d(F.elu(x), 2, 2)
        return self.fc(torch.flatten(x, 1))


class Detector(nn.Module):
    """Several outputs, a map that grows, pixels folded into channels."""

    def __init__(self):
        super().__init__()
        self.stem = conv(12, 8, 3, nn.SiLU, padding=1)
        self.low, self.side, self.act = conv(8, 8, 3, nn.SiLU, stride=2, padding=1), nn.Conv2d(16, 6, 1), nn.PReLU(8)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)

    def forward(self, x):
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        x = self.stem(x)
        y = self.act(self.low(x))
        up = F.interpolate(y, scale_factor=2, mode="nearest") + self.up(y)
        boxes = self.side(torch.cat([x, up], 1))
        scores = boxes.permute(0, 2, 3, 1).reshape(x.shape[0], -1, 3)
        return scores.softmax(-1), boxes


# Class, outputs, exporters with their operator sets; kept: batch normalization stays.
NETS = {"mobile": (Mobile, ["logits"], ["legacy9", "legacy20", "dynamo18"]),
        "inception": (Inception, ["logits"], ["legacy9", "kept13", "dynamo23"]),
        "detector": (Detector, ["scores", "boxes"], ["legacy11", "legacy17", "dynamo20"])}


def make(name):
    torch.manual_seed(3)
    net = NETS[name][0]().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.8, 1.2)
            module.bias.data.normal_(0.0, 0.1)
    return net


def export(net, outputs, x, kind, path):
    exporter, opset = kind.rstrip("0123456789"), int(kind.lstrip("abcdefghijklmnopqrstuvwxyz"))
    more = {"dynamic_shapes": ({0: torch.export.Dim("n")},), "dynamo": True, "external_data": False, "verbose": False}
    if exporter != "dynamo":
        keep = exporter == "kept"
        more = {"dynamic_axes": {name: {0: "n"} for name in ["image", *outputs]}, "dynamo": False,
                "training": torch.onnx.TrainingMode.PRESERVE if keep else torch.onnx.TrainingMode.EVAL}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), path, opset_version=opset, input_names=["image"], output_names=outputs, **more)


def strip(path):
    """Where each node stood in the Python program is most of a small file."""
    import onnx
    model = onnx.load(path)
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    onnx.save(model, path)


def main():
    folder = Path(__file__).parent
    (folder / "onnx").mkdir(exist_ok=True)
    tensors = {}
    for name, (_, outputs, kinds) in NETS.items():
        net, x = make(name), torch.from_numpy(fill(f"onnx.{name}", (2, 3, 20, 20)))
        with torch.no_grad():
            answers = net(x)
        for output, answer in zip(outputs, answers if len(outputs) > 1 else [answers]):
            tensors[f"{name}.{output}"] = answer.numpy()
        for kind in kinds:
            path = str(folder / "onnx" / f"{name}_{kind}.onnx")
            export(net, outputs, x, kind, path)
            strip(path)
    save(folder / "onnx.safetensors", tensors, {"torch": torch.__version__})


if __name__ == "__main__":
    main()
