# SPDX-License-Identifier: Apache-2.0
"""What PyTorch reaches when it fine-tunes SqueezeNet 1.1 on the five flowers: the figure fovea is held against.

    python make_flowers_squeezenet.py FOLDER WEIGHTS.safetensors [--lr 0.001] [--seeds 0 1 2]     FOLDER: {train,val}/CLASS/*.jpg

Recipe: the ImageNet weights with a new last convolution (5 classes, normal with std 0.01, bias 0, as torchvision makes it), all layers trained, images
resized to 224x224 (the whole image, aspect not kept; bilinear with antialiasing), horizontal flip with probability 1/2, mean .485 .456 .406, std .229 .224 .225;
batch 32 (the last, smaller one is kept), 10 epochs, SGD momentum 0.9, learning rate falling to 0 as a cosine of the epoch, weight decay 1e-4, dropout 0.5."""
import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image, ImageOps
from safetensors.torch import load_file

EPOCHS, BATCH = 10, 32


def read(folder):
    classes = sorted(p.name for p in (folder.parent / "train").iterdir() if p.is_dir())
    images, labels = [], []
    for label, name in enumerate(classes):
        for path in sorted((folder / name).iterdir()):
            image = ImageOps.exif_transpose(Image.open(path)).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
            images.append(np.asarray(image, np.uint8).transpose(2, 0, 1))
            labels.append(label)
    x = torch.from_numpy(np.stack(images)).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (x - mean.view(3, 1, 1)) / std.view(3, 1, 1), torch.tensor(labels)


def train(seed, rate, weights, train_set, val_set):
    torch.manual_seed(seed)
    net = torchvision.models.squeezenet1_1(weights=None, num_classes=5)
    state = {k: v for k, v in load_file(weights).items() if not k.startswith("classifier.1.")}
    missing = net.load_state_dict(state, strict=False).missing_keys
    assert missing == ["classifier.1.weight", "classifier.1.bias"], missing
    net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    x, y = train_set
    begin, tops = time.time(), []
    for epoch in range(EPOCHS):
        optimizer.param_groups[0]["lr"] = 0.5 * rate * (1 + math.cos(math.pi * epoch / EPOCHS))
        net.train()
        total = 0.0
        for pick in torch.randperm(len(x)).split(BATCH):
            flip = torch.rand(len(pick)) < 0.5
            batch = torch.where(flip.view(-1, 1, 1, 1), x[pick].flip(3), x[pick])
            loss = F.cross_entropy(net(batch.contiguous(memory_format=torch.channels_last)), y[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(pick)
        net.eval()
        with torch.no_grad():
            out = torch.cat([net(part) for part in val_set[0].split(50)])
        tops.append((out.argmax(1) == val_set[1]).float().mean().item())
        print(f"seed {seed} epoch {epoch + 1}: loss {total / len(x):.4f}, val top-1 {100 * tops[-1]:.1f} %, {time.time() - begin:.0f} s", flush=True)
    return tops[-1], max(tops)


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("folder", type=Path)
    args.add_argument("weights", type=Path)
    args.add_argument("--lr", type=float, default=0.001)
    args.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    a = args.parse_args()
    torch.set_num_threads(1)
    train_set, val_set = read(a.folder / "train"), read(a.folder / "val")
    results = np.array([train(seed, a.lr, a.weights, train_set, val_set) for seed in a.seeds]) * 100
    print(f"lr {a.lr}: last epoch's top-1 {', '.join('%.1f' % r for r in results[:, 0])}, mean {results[:, 0].mean():.2f} %; "
          f"best epoch's mean {results[:, 1].mean():.2f} %")


if __name__ == "__main__":
    main()
