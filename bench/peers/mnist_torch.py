# SPDX-License-Identifier: Apache-2.0
"""The recipe of recipes/mnist.yaml in PyTorch, from the files of MNIST to the accuracy on its test images.

Usage: mnist_torch.py FOLDER [--threads N] [--seed N] [--form eager|channels_last|compile]. The data lie in memory and are
cut into batches there, as no loader is faster for images of 784 bytes. Prints seconds of the whole (without the
interpreter's and the library's own start) and of the training alone, and the accuracy.
"""
import argparse
import gzip
import os
import struct
import time

import torch
from torch import nn


def idx(path):
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as f:
        magic = struct.unpack(">I", f.read(4))[0]
        shape = struct.unpack(f">{magic & 255}I", f.read(4 * (magic & 255)))
        return torch.frombuffer(bytearray(f.read()), dtype=torch.uint8).reshape(shape)


def find(folder, name):
    for ending in ("", ".gz"):
        if os.path.exists(os.path.join(folder, name + ending)):
            return idx(os.path.join(folder, name + ending))
    raise SystemExit(f"{folder}: no {name}")


def network():
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 24, 3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(24), nn.ReLU(),
        nn.Conv2d(24, 48, 3, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
        nn.Flatten(), nn.Linear(48 * 9, 10))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--threads", type=int, default=torch.get_num_threads())
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--form", choices=["eager", "channels_last", "compile"], default="eager")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    start = time.perf_counter()
    form = torch.channels_last if a.form == "channels_last" else torch.contiguous_format

    def load(split):
        x = find(a.folder, f"{split}-images-idx3-ubyte").float().div_(255).unsqueeze(1)
        return x.contiguous(memory_format=form), find(a.folder, f"{split}-labels-idx1-ubyte").long()

    x, y = load("train")
    test_x, test_y = load("t10k")
    net = network().to(memory_format=form)
    step_net = torch.compile(net) if a.form == "compile" else net
    decayed = [v for n, v in net.named_parameters() if v.dim() > 1]
    others = [v for n, v in net.named_parameters() if v.dim() <= 1]
    opt = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], lr=0.01,
                            fused=True)
    batch, steps = 64, (len(x) + 63) // 64
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.01, total_steps=steps, pct_start=0.2, cycle_momentum=False)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    order = torch.randperm(len(x))
    begin = time.perf_counter()
    for i in range(steps):
        at = order[i * batch:(i + 1) * batch]
        opt.zero_grad(set_to_none=True)
        loss_of(step_net(x[at]), y[at]).backward()
        opt.step()
        sched.step()
    trained = time.perf_counter() - begin
    net.eval()
    with torch.inference_mode():
        right = sum((net(test_x[i:i + 1000]).argmax(1) == test_y[i:i + 1000]).sum().item() for i in range(0, len(test_x), 1000))
    print(f"seconds={time.perf_counter() - start:.3f} training={trained:.3f} top1={right / len(test_x):.4f}")


main()
