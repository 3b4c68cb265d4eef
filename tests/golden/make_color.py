# SPDX-License-Identifier: Apache-2.0
"""Writes color.bin: what Pillow, torchvision and OpenCV make of small pictures, for tests/data/test_color.c.

    python make_color.py [color.bin]      with pillow, torchvision and opencv-python-headless installed
                                          (made with Pillow 13.0.0, torchvision 0.29.2, OpenCV 5.0.0)

The results lie one behind the other in the order of the list below, then principal components by NumPy. The test draws
the same pictures: colors() is 17 x 23 x 3, grey() 40 x 48."""
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms.v2 import functional as tv


def noise(h, w, c):
    y, x, k = np.meshgrid(np.arange(h), np.arange(w), np.arange(c), indexing="ij")
    return (x * x * 7 + y * 13 * (x + 1) + k * 57 + (x * y) % 11 * 19) & 255


def colors():
    return (30 + noise(17, 23, 3) * (np.arange(3) + 2) // 6).astype(np.uint8)


def grey():
    return (noise(40, 48, 1)[:, :, 0] // 4 + np.arange(40)[:, None] * 3).astype(np.uint8)


def by_torch(function, *args):
    image = torch.from_numpy(colors()).permute(2, 0, 1)
    return function(image, *args).permute(1, 2, 0).numpy()


def clahe(tiles_y, tiles_x, limit):
    return cv2.createCLAHE(clipLimit=limit, tileGridSize=(tiles_x, tiles_y)).apply(grey())


def main():
    image = Image.fromarray(colors())
    results = [
        ImageEnhance.Brightness(image).enhance(0.6), ImageEnhance.Brightness(image).enhance(1.7),
        ImageEnhance.Contrast(image).enhance(0.4), ImageEnhance.Contrast(image).enhance(1.9),
        ImageEnhance.Color(image).enhance(0.3), ImageEnhance.Color(image).enhance(2.5),
        by_torch(tv.adjust_hue, 0.1), by_torch(tv.adjust_hue, -0.35), by_torch(tv.adjust_hue, 0.5),
        image.convert("L").convert("RGB"), ImageOps.invert(image),
        ImageOps.posterize(image, 3), ImageOps.solarize(image, 90),
        by_torch(tv.adjust_gamma, 0.5), by_torch(tv.adjust_gamma, 2.2),
        ImageOps.autocontrast(image), ImageOps.equalize(image),
        ImageEnhance.Sharpness(image).enhance(0.2), ImageEnhance.Sharpness(image).enhance(2.0),
        by_torch(tv.gaussian_blur, [7, 7], [1.0, 1.0]), by_torch(tv.gaussian_blur, [15, 15], [2.3, 2.3]),
        clahe(4, 4, 2.0), clahe(7, 5, 3.5), clahe(1, 1, 0.0),
    ]
    out = b"".join(np.asarray(result).tobytes() for result in results)
    covariance = np.cov(colors().reshape(-1, 3).astype(np.float64) / 255, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values)
    vectors = vectors[:, order].T
    vectors *= np.sign(vectors[np.arange(3), np.abs(vectors).argmax(1)])[:, None]
    out += np.concatenate([values[order], vectors.reshape(-1)]).astype("<f8").tobytes()
    Path(sys.argv[1] if len(sys.argv) > 1 else "color.bin").write_bytes(out)


main()
