# SPDX-License-Identifier: Apache-2.0
"""Writes resize.bin: what Pillow's resize makes of 200 random sizes with five filters, for tests/data/test_resize.c.

    python make_resize.py [resize.bin]      with Pillow and NumPy installed (made with Pillow 13.0.0)

A record is ten little-endian uint16: source h, w, channels, picture; result h, w; the box y0, x0, y1, x1 in eighths of a
pixel. Behind it for each filter (nearest, bilinear, bicubic, box, lanczos) are `count` bytes of the result: all of them
where there are no more than 200, else those at splitmix64(((5 * record + filter) << 20) + i) mod size. The test draws the
same pictures."""
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from fvgolden import splitmix64

FILTERS = [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BOX,
           Image.Resampling.LANCZOS]
RECORDS, SAMPLES = 200, 200
MODES = {1: "L", 3: "RGB", 4: "CMYK"}  # CMYK: four channels of which none is transparency


def picture(kind, h, w, c):
    y, x, k = np.meshgrid(np.arange(h), np.arange(w), np.arange(c), indexing="ij")
    if kind == 0:  # noise
        return ((x * x * 7 + y * 13 * (x + 1) + k * 57 + (x * y) % 11 * 19) & 255).astype(np.uint8)
    if kind == 1:  # slopes
        v = (x * 5 + y * 3 + k * 40) % 510
        return np.minimum(v, 510 - v).clip(0, 255).astype(np.uint8)
    return np.where((x // 3 + y // 4 + k) % 2, 255, 0).astype(np.uint8)  # edges


def main():
    random = np.random.default_rng(7)
    out = bytearray()
    for record in range(RECORDS):
        h, w, p, q = (int(v) for v in np.exp(random.uniform(0, np.log(250), 4)))
        c, kind = [1, 3, 3, 4][record % 4], record % 3
        box = np.array([0, 0, h, w]) * 8
        if record % 2:
            y, x = sorted(random.choice(h * 8 + 1, 2, replace=False)), sorted(random.choice(w * 8 + 1, 2, replace=False))
            box = np.array([y[0], x[0], y[1], x[1]])
        source = picture(kind, h, w, c)
        image = Image.fromarray(source[:, :, 0]) if c == 1 else Image.fromarray(source, MODES[c])
        out += struct.pack("<10H", h, w, c, kind, p, q, *box)
        for number, resample in enumerate(FILTERS):
            made = image.resize((q, p), resample, box=(box[1] / 8, box[0] / 8, box[3] / 8, box[2] / 8))
            made = np.asarray(made).reshape(-1)
            if made.size > SAMPLES:
                made = made[splitmix64((5 * record + number) << 20, SAMPLES) % np.uint64(made.size)]
            out += made.tobytes()
    Path(sys.argv[1] if len(sys.argv) > 1 else "resize.bin").write_bytes(out)


main()
