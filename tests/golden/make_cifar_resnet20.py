# SPDX-License-Identifier: Apache-2.0
"""What PyTorch reaches with ResNet-20 on 20,000 CIFAR-10 images: the figures fovea is held against.

    python make_cifar_resnet20.py FOLDER [SEED ...]               FOLDER: data_batch_{1,2}.bin.gz, test_batch_first1000.bin
    python make_cifar_resnet20.py --augmented FOLDER [SEED ...]   the recipe of recipes/cifar10-resnet20.yaml

The plain recipe, 10 epochs: batch 128 (the last, smaller one is dropped), SGD momentum 0.9, learning rate 0.1 falling to 0 as a cosine of the epoch (set once per epoch:
0.05 (1 + cos(pi e / 10))), weight decay 1e-4 coupled and on everything, no augmentation, pixels / 255 minus mean .485 .456 .406 over std .229 .224 .225,
filters and dense weights He normal (filters fan-out, as torchvision's ResNets; the dense layer as PyTorch's default), parameter-free shortcuts.

The augmented recipe, 40 epochs: batch 64 with the smaller last one, Nesterov's momentum 0.9, learning rate 0.1 falling to 0 as a cosine of the step,
weight decay 5e-4 on filters and dense weights only, images padded by 4 black pixels and cropped at random, half of them mirrored."""
import gzip
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import nets

EPOCHS, BATCH, RATE = 10, 128, 0.1
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def read(path):
    raw = np.frombuffer((gzip.open if path.suffix == ".gz" else open)(path, "rb").read(), np.uint8).reshape(-1, 3073)
    x = torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32)) / 255
    return (x - MEAN) / STD, torch.from_numpy(raw[:, 0].astype(np.int64))


def score(net, x, y):
    net.eval()
    with torch.no_grad():
        out = torch.cat([net(part) for part in x.split(250)])
    return (out.argmax(1) == y).float().mean().item(), F.cross_entropy(out, y).item()


def make_net(seed):
    torch.manual_seed(seed)
    net = nets.NETS["resnet20"]()
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net.to(memory_format=torch.channels_last)


def crop_and_mirror(x):
    padded = (0 - MEAN).div(STD).expand(len(x), 3, 40, 40).clone()
    padded[:, :, 4:36, 4:36] = x
    out = torch.empty_like(x)
    for i in range(len(x)):
        dy, dx = torch.randint(0, 9, (2,)).tolist()
        part = padded[i, :, dy:dy + 32, dx:dx + 32]
        out[i] = part.flip(2) if torch.rand(()) < 0.5 else part
    return out


def train_augmented(seed, train_set, test_set):
    epochs, batch = 40, 64
    net = make_net(seed)
    weights = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.SGD([{"params": weights, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0}], lr=RATE, momentum=0.9, nesterov=True)
    x, y = train_set
    steps, done, begin = -(-len(x) // batch), 0, time.time()
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for pick in torch.randperm(len(x)).split(batch):
            for group in optimizer.param_groups:
                group["lr"] = 0.5 * RATE * (1 + math.cos(math.pi * done / (epochs * steps)))
            loss = F.cross_entropy(net(crop_and_mirror(x[pick]).contiguous(memory_format=torch.channels_last)), y[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(pick)
            done += 1
        top1, test_loss = score(net, *test_set)
        print(f"seed {seed} epoch {epoch + 1}: loss {total / len(x):.4f}, test top-1 {100 * top1:.1f} %, test loss {test_loss:.4f}, "
              f"{time.time() - begin:.0f} s", flush=True)
    return top1


def train(seed, train_set, test_set):
    net = make_net(seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    x, y = train_set
    begin = time.time()
    for epoch in range(EPOCHS):
        optimizer.param_groups[0]["lr"] = 0.5 * RATE * (1 + math.cos(math.pi * epoch / EPOCHS))
        net.train()
        total, steps = 0.0, len(x) // BATCH
        order = torch.randperm(len(x))
        for step in range(steps):
            pick = order[step * BATCH:(step + 1) * BATCH]
            loss = F.cross_entropy(net(x[pick].contiguous(memory_format=torch.channels_last)), y[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        top1, test_loss = score(net, *test_set)
        print(f"seed {seed} epoch {epoch + 1}: loss {total / steps:.4f}, test top-1 {100 * top1:.1f} %, test loss {test_loss:.4f}, "
              f"{time.time() - begin:.0f} s", flush=True)
    return top1


def main():
    torch.set_num_threads(1)
    words = sys.argv[1:]
    run = train
    if words[0] == "--augmented":
        run = train_augmented
        words = words[1:]
    folder = Path(words[0])
    parts = [read(folder / f"data_batch_{i}.bin.gz") for i in (1, 2)]
    train_set = torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])
    test_set = read(folder / "test_batch_first1000.bin")
    results = [run(seed, train_set, test_set) for seed in (map(int, words[1:]) if words[1:] else range(3))]
    print("last epoch's top-1: " + ", ".join(f"{100 * r:.1f}" for r in results) + f"; mean {100 * np.mean(results):.2f} %")


if __name__ == "__main__":
    main()
