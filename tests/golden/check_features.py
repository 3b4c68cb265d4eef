# SPDX-License-Identifier: Apache-2.0
"""What `fovea features` gives of every module of torchvision's networks, against PyTorch's forward hooks.

    python check_features.py FOVEA NET [WEIGHTS] [--images N] [--only PATTERN]

NET is one of torchvision's networks, WEIGHTS a file of its weights (.pt, .pth, .safetensors; names of torchvision, or
other names in the same order; a classifier may be absent); without WEIGHTS they are random and the statistics of batch
normalization are those of the images. The images are of the number formula, smoothed. All differences are the largest of
a module's numbers, as a share of its largest number:

    fovea    from a float64 run of PyTorch, the truth to float32
    torch    of PyTorch's own float32 run from that
    hook     of the two float32 runs from each other

Every module (of those that the regular expression PATTERN fits) is asked for in a run of its own; those that fovea has no
layer for, as dropout and what only changes the shape, are left out. It ends with 1 where fovea gives another number of
numbers, or numbers that are further from the hook's than 1e-6 and twice PyTorch's own distance from the truth together."""
import argparse
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision

import fvgolden

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def read_weights(path):
    if not path.endswith(".safetensors"):
        return torch.load(path, map_location="cpu", weights_only=True)
    data = Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + at for at in entry["data_offsets"])
            kind = {"F32": np.float32, "I64": np.int64}[entry["dtype"]]
            tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], kind).reshape(entry["shape"]).copy())
    return tensors


def load(net, path):
    state = {n: t for n, t in net.state_dict().items() if not n.endswith("num_batches_tracked")}
    given = {n: t for n, t in read_weights(path).items() if not n.endswith("num_batches_tracked")}
    if not set(given) <= set(state):
        given = dict(zip(state, given.values()))
    net.load_state_dict(given, strict=False)


def pictures(n, size):
    """uint8 n h w 3, with soft edges as photographs have."""
    x = torch.from_numpy(fvgolden.fill("pictures", (n, 3, 28, 28)))
    x = torch.nn.functional.interpolate(x, size=(size, size), mode="bicubic") + 0.1 * torch.from_numpy(
        fvgolden.fill("grain", (n, 3, size, size)))
    return (127.5 + 110 * x.clamp(-1, 1)).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def hooked(net, x):
    """What each module makes of x, by name, of those that make one tensor."""
    got, handles = {}, []
    for name, module in net.named_modules():
        def note(_, __, out, name=name):
            if name and torch.is_tensor(out):
                got[name] = out.detach().double().numpy().copy()
        handles.append(module.register_forward_hook(note))
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return got


def features(fovea, model, weights, folder, layer):
    """What fovea makes of the images there; None: it has no such layer, as dropout and views are none."""
    out = Path(folder) / "rows.npz"
    command = [fovea, "features", "--model", model, "--weights", weights, "--data", folder, "--layer", layer, "--pool",
               "none", "--output", str(out), "--json"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0 and "has no layer" not in run.stderr:
        sys.exit(f"{' '.join(command)}: {run.stderr}")
    return next(a for n, a in np.load(out).items() if n != "label") if run.returncode == 0 else None


def distance(a, b, most):
    return np.abs(a.reshape(b.shape).astype(np.float64) - b).max() / most


def main():
    p = argparse.ArgumentParser()
    p.add_argument("fovea")
    p.add_argument("net")
    p.add_argument("weights", nargs="?")
    p.add_argument("--images", type=int, default=1)
    p.add_argument("--only", default="")
    o = p.parse_args()
    torch.manual_seed(1)
    more = {"init_weights": False} if o.net in ("googlenet", "inception_v3") else {}
    net = getattr(torchvision.models, o.net)(weights=None, **more)
    size = 299 if o.net == "inception_v3" else 224
    images, at = pictures(o.images, (size * 8 + 3) // 7), (size + 3) // 14
    shown = images[:, at : at + size, at : at + size]
    x = torch.from_numpy((shown.astype(np.float32) / np.float32(255) - MEAN) / STD).permute(0, 3, 1, 2).contiguous()
    if o.weights:
        load(net, o.weights)
    else:
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            net.train()(torch.from_numpy((pictures(8, size) / np.float32(255) - MEAN) / STD).permute(0, 3, 1, 2))
    single = hooked(net.eval(), x)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(net.state_dict(), Path(folder) / "weights.pth")
        np.save(Path(folder) / "images.npy", images)
        np.save(Path(folder) / "labels.npy", np.arange(o.images))
        truth = hooked(net.double(), x.double())
        weights, names = str(Path(folder) / "weights.pth"), [n for n in truth if re.search(o.only, n)]
        got = {n: features(o.fovea, o.net, weights, folder, n) for n in names}
        names = [n for n in names if got[n] is not None]
    wrong = 0
    print(f"{'module':36} {'numbers':>9} {'largest':>9} {'fovea':>9} {'torch':>9} {'hook':>9}")
    for n in names:
        if got[n].size != truth[n].size:
            wrong += 1
            print(f"{n:36} {truth[n].size // o.images:9} numbers, of which fovea gives {got[n].size // o.images}  <")
            continue
        most = np.abs(truth[n]).max()
        ours, theirs, apart = (distance(a, b, most) for a, b in
                               ((got[n], truth[n]), (single[n], truth[n]), (got[n], single[n])))
        bad = apart > 1e-6 + 2 * theirs
        wrong += bad
        print(f"{n:36} {truth[n].size // o.images:9} {most:9.3g} {ours:9.2e} {theirs:9.2e} {apart:9.2e}"
              f"{'  <' if bad else ''}")
    print(f"{len(names)} modules, {wrong} wrong")
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
