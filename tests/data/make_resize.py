# SPDX-License-Identifier: Apache-2.0
"""Writes resize_pillow.bin: images resized by Pillow (BILINEAR), for test_resize.c.

Run with Pillow and NumPy installed. The file is a row of records: five little-endian uint16 (source h, w, channels,
result h, w) and the result's bytes; the source is made by a formula that the test repeats.
"""
import struct
import sys

import numpy as np
from PIL import Image

SIZES = [
    (28, 28, 1, 32, 32), (32, 32, 1, 28, 28), (20, 30, 3, 10, 15), (37, 53, 3, 24, 24), (64, 48, 3, 7, 5),
    (5, 7, 3, 31, 29), (1, 1, 3, 4, 4), (1, 9, 1, 3, 3), (9, 1, 3, 2, 5), (100, 3, 3, 11, 3), (3, 100, 1, 3, 17),
    (50, 50, 3, 49, 51), (120, 90, 3, 1, 1), (13, 13, 3, 13, 40),
]


def source(h, w, c):
    y, x, k = np.meshgrid(np.arange(h), np.arange(w), np.arange(c), indexing="ij")
    return ((x * x * 7 + y * 13 * (x + 1) + k * 57 + (x * y) % 11 * 19) & 255).astype(np.uint8)


with open(sys.argv[1] if len(sys.argv) > 1 else "resize_pillow.bin", "wb") as out:
    for h, w, c, p, q in SIZES:
        image = source(h, w, c)
        made = Image.fromarray(image[:, :, 0] if c == 1 else image).resize((q, p), Image.Resampling.BILINEAR)
        out.write(struct.pack("<5H", h, w, c, p, q))
        out.write(np.asarray(made).tobytes())
