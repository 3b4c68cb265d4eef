# SPDX-License-Identifier: Apache-2.0
"""Times Pillow's resize and fovea's in turns, one thread, and prints a table.

    python resize_pillow.py build/fvresize [--rounds 5] [--seconds 0.15]

Each turn gives its fastest run in processor time; the table has the fastest of all turns of each and their ratio."""
import argparse
import subprocess
import sys
import time

import numpy as np
import PIL
from PIL import Image

FILTERS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
           "area": Image.Resampling.BOX, "lanczos": Image.Resampling.LANCZOS}
SIZES = [((375, 500), (224, 224)), ((1500, 2000), (256, 341)), ((160, 160), (320, 320))]


def pillow(image, size, resample, seconds):
    best, begin = 1e9, time.process_time()
    while time.process_time() - begin < seconds:
        start = time.process_time()
        image.resize(size, resample)
        best = min(best, time.process_time() - start)
    return best * 1e6


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("fvresize")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=float, default=0.15)
    args.add_argument("--channels", type=int, choices=[1, 3, 4], default=3)
    args.add_argument("--filters", default=",".join(FILTERS))
    a = args.parse_args()
    ours = subprocess.Popen([a.fvresize], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    print(f"Pillow {PIL.__version__}; {a.channels} channels; microseconds", file=sys.stderr)
    print("| from | to | filter | Pillow | fovea | times as fast |\n|---|---|---|---|---|---|")
    for (h, w), (p, q) in SIZES:
        pixels = np.random.default_rng(0).integers(0, 256, (h, w, a.channels), dtype=np.uint8)
        # Of four channels Pillow would multiply by the transparency first; RGBX is the bare resize.
        image = Image.fromarray(pixels[:, :, 0]) if a.channels == 1 else Image.fromarray(pixels[:, :, :3])
        for name in a.filters.split(","):
            theirs, mine = 1e9, 1e9
            for _ in range(a.rounds):
                theirs = min(theirs, pillow(image, (q, p), FILTERS[name], a.seconds))
                print(h, w, a.channels, p, q, name, a.seconds, file=ours.stdin)
                mine = min(mine, float(ours.stdout.readline()))
            print(f"| {w} x {h} | {q} x {p} | {name} | {theirs:.0f} | {mine:.0f} | {theirs / mine:.1f} |", flush=True)
    ours.stdin.close()
    ours.wait()


main()
