# SPDX-License-Identifier: Apache-2.0
"""Times Pillow's resize and fovea's in turns, one thread, and prints a table.

    python resize_pillow.py build/fvresize [--rounds 5] [--seconds 0.15]
    python resize_pillow.py build/fvresize --random 200 [--smallest 1] [--largest 250]

Each turn gives its fastest run in processor time; the first table has the fastest of all turns of each and their ratio.
With --random the sizes, from and to, are drawn evenly by their logarithm, and a table of 1, 3 and 4 channels says how
many times as fast fovea is for the sizes that grow in both directions, shrink in both, or neither: the least and the
median over the sizes."""
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
BATCH = 3e-5  # seconds that are timed at once at least, so that reading the clock counts little


def pillow(image, size, resample, seconds):
    best, begin, calls = 1e9, time.process_time(), 1
    while time.process_time() - begin < seconds:
        start = time.process_time()
        for _ in range(calls):
            image.resize(size, resample)
        took = time.process_time() - start
        best = min(best, took / calls)
        if took < BATCH:
            calls *= 2
    return best * 1e6


def picture(h, w, c):
    pixels = np.random.default_rng(0).integers(0, 256, (h, w, c), dtype=np.uint8)
    # Of four channels Pillow would multiply by the transparency first; RGBX is the bare resize.
    return Image.fromarray(pixels[:, :, 0]) if c == 1 else Image.fromarray(np.ascontiguousarray(pixels[:, :, :3]))


def take_turns(a, ours, image, source, target, c, name):
    """Fastest runs of Pillow and fovea in microseconds."""
    theirs, mine = 1e9, 1e9
    for _ in range(a.rounds):
        theirs = min(theirs, pillow(image, target[::-1], FILTERS[name], a.seconds))
        print(*source, c, *target, name, a.seconds, file=ours.stdin)
        mine = min(mine, float(ours.stdout.readline()))
    return theirs, mine


def fixed_sizes(a, ours):
    print(f"{a.channels} channels; microseconds", file=sys.stderr)
    print("| from | to | filter | Pillow | fovea | times as fast |\n|---|---|---|---|---|---|")
    for (h, w), (p, q) in SIZES:
        image = picture(h, w, a.channels)
        for name in a.filters.split(","):
            theirs, mine = take_turns(a, ours, image, (h, w), (p, q), a.channels, name)
            print(f"| {w} x {h} | {q} x {p} | {name} | {theirs:.0f} | {mine:.0f} | {theirs / mine:.1f} |", flush=True)


def direction(source, target):
    grows = [t > s for s, t in zip(source, target)]
    return "up" if all(grows) else "both" if any(grows) else "down"


def random_sizes(a, ours):
    random = np.random.default_rng(7)
    sizes = [tuple(int(v) for v in np.exp(random.uniform(np.log(a.smallest), np.log(a.largest), 4)))
             for _ in range(a.random)]
    print("| filter | channels | sizes | up: least | median | down: least | median | both: least | median |\n"
          "|---|---|---|---|---|---|---|---|---|")
    for name in a.filters.split(","):
        for c in (1, 3, 4):
            ratios = {"up": [], "down": [], "both": []}
            for h, w, p, q in sizes:
                theirs, mine = take_turns(a, ours, picture(h, w, c), (h, w), (p, q), c, name)
                ratios[direction((h, w), (p, q))].append(theirs / mine)
                if a.each:
                    print(f"{name} {c}: {h} x {w} to {p} x {q}: {theirs:.2f} {mine:.2f} {theirs / mine:.2f}",
                          file=sys.stderr)
            cells = " | ".join(f"{min(r):.1f} | {np.median(r):.1f}" if r else "- | -" for r in ratios.values())
            print(f"| {name} | {c} | {len(sizes)} | {cells} |", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("fvresize")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--seconds", type=float, default=0.15)
    args.add_argument("--channels", type=int, choices=[1, 3, 4], default=3)
    args.add_argument("--filters", default=",".join(FILTERS))
    args.add_argument("--random", type=int, default=0, metavar="N", help="N random sizes instead of three fixed ones")
    args.add_argument("--smallest", type=int, default=1)
    args.add_argument("--largest", type=int, default=250)
    args.add_argument("--each", action="store_true", help="each size to standard error")
    a = args.parse_args()
    ours = subprocess.Popen([a.fvresize], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    print(f"Pillow {PIL.__version__}", file=sys.stderr)
    (random_sizes if a.random else fixed_sizes)(a, ours)
    ours.stdin.close()
    ours.wait()


main()
