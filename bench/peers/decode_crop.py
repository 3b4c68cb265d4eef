# SPDX-License-Identifier: Apache-2.0
"""Decoding JPEG photographs and a random resized crop of each, by fovea and others in turns, one thread, as a table.

    python decode_crop.py build/fvcrop FOLDER [--images 100] [--rounds 7] [--size 224] [--boxes crop|whole]

The boxes are torchvision's RandomResizedCrop.get_params (8 % to 100 % of the area, 3/4 to 4/3) drawn once, so that all do
the same work; `whole` takes each photograph as it is. Files are in memory. A turn is all images, by processor time; the
table has the fastest turn of each. Everybody's pixels are compared to those of torchvision with Pillow."""
import argparse
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional
from torchvision.transforms.v2 import functional as functional_v2


class Photo:
    def __init__(self, path, boxes):
        self.path = path
        self.data = path.read_bytes()
        self.array = np.frombuffer(self.data, np.uint8)
        self.tensor = torch.frombuffer(bytearray(self.data), dtype=torch.uint8)
        image = Image.open(path)
        w, h = image.size
        self.box = (0, 0, h, w) if boxes == "whole" else RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3))


def by_pillow(photo, size):
    image = Image.open(io.BytesIO(photo.data)).convert("RGB")
    return np.asarray(functional.resized_crop(image, *photo.box, [size, size], InterpolationMode.BILINEAR))


def by_tensor(photo, size):
    image = decode_jpeg(photo.tensor, mode=ImageReadMode.RGB)
    image = functional_v2.resized_crop(image, *photo.box, [size, size], InterpolationMode.BILINEAR, antialias=True)
    return image.permute(1, 2, 0).numpy()


def by_opencv(photo, size, interpolation):
    image = cv2.imdecode(photo.array, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    top, left, h, w = photo.box
    return cv2.resize(image[top:top + h, left:left + w], (size, size), interpolation=interpolation)[:, :, ::-1]


PEERS = {
    "torchvision, Pillow": by_pillow,
    "torchvision v2, tensors": by_tensor,
    "OpenCV, INTER_LINEAR (no antialiasing)": lambda photo, size: by_opencv(photo, size, cv2.INTER_LINEAR),
    "OpenCV, INTER_AREA": lambda photo, size: by_opencv(photo, size, cv2.INTER_AREA),
}


class Own:
    """fvcrop, which prints the seconds of a turn and the sum of its pixels."""

    def __init__(self, program, photos, size):
        self.list = tempfile.NamedTemporaryFile("w", suffix=".txt")
        for photo in photos:
            print(photo.path.resolve(), *photo.box, file=self.list)
        self.list.flush()
        self.process = subprocess.Popen([program, self.list.name, str(size)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def turn(self, name):
        print(name, file=self.process.stdin)
        seconds, total = self.process.stdout.readline().split()
        return float(seconds), int(total)


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("fvcrop")
    args.add_argument("folder", type=Path)
    args.add_argument("--images", type=int, default=100)
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--size", type=int, default=224)
    args.add_argument("--boxes", choices=["crop", "whole"], default="crop")
    a = args.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(7)
    files = sorted(p for p in a.folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    files = files[::max(1, len(files) // a.images)][:a.images]
    photos = [Photo(p, a.boxes) for p in files]
    ours = Own(a.fvcrop, photos, a.size)
    pixels = sum(int(np.prod(Image.open(p.path).size)) for p in photos) / len(photos)
    share = np.mean([p.box[2] * p.box[3] / np.prod(Image.open(p.path).size) for p in photos])
    print(f"{len(photos)} photographs of {pixels / 1e6:.2f} megapixels and {np.mean([len(p.data) for p in photos]) / 1e3:.0f}"
          f" kB on average, boxes of {100 * share:.0f} % of the area; Pillow {PIL.__version__}, torchvision"
          f" {torchvision.__version__}, OpenCV {cv2.__version__}", file=sys.stderr)

    best = dict.fromkeys(["fovea", "libjpeg", "decode", "resize", *PEERS], 1e9)
    sums = {}
    for _ in range(a.rounds):
        for name in best:
            if name in PEERS:
                begin = time.process_time()
                for photo in photos:
                    PEERS[name](photo, a.size)
                seconds = time.process_time() - begin
            else:
                seconds, sums[name] = ours.turn(name)
            best[name] = min(best[name], seconds)

    wanted = [by_pillow(photo, a.size).astype(int) for photo in photos]
    total = sum(int(image.sum()) for image in wanted)
    titles = {"fovea": "fovea", "libjpeg": "libjpeg-turbo, all of it; crop and resize of fovea",
              "decode": "fovea, decoding alone", "resize": "fovea, resizing alone"}
    print("| who | images/s | times as long as fovea | mean difference from torchvision's pixels |\n|---|---|---|---|")
    for name, seconds in best.items():
        if name in PEERS:
            apart = [np.abs(PEERS[name](photo, a.size).astype(int) - want).mean() for photo, want in zip(photos, wanted)]
            difference = f"{np.mean(apart):.2f}"
        else:
            # The sums of all pixels are equal where the pixels are.
            difference = ("0 (same sum)" if sums[name] == total else f"sum {sums[name] - total:+d}") if name != "decode" else "-"
        print(f"| {titles.get(name, name)} | {len(photos) / seconds:.0f} | {seconds / best['fovea']:.2f} | {difference} |")


main()
