# SPDX-License-Identifier: Apache-2.0
"""Singular values by NumPy, of matrices that a C program can make again.

    python make_singular.py      writes singular.txt beside this script

Matrix NAME of rows x columns floats has the numbers (float)(x(NAME, i) * decay^(i / columns)), x as in README.md and i in
row order. A line of the file: NAME rows columns decay, then min(rows, columns) singular values, by float64."""
from pathlib import Path

import numpy as np

import fvgolden

CASES = [("flat", 90, 140, 1.0), ("tall", 150, 64, 1.0), ("steep", 100, 100, 0.9)]


def write():
    lines = []
    for name, rows, columns, decay in CASES:
        x = fvgolden.fill(name, (rows, columns)).astype(np.float64)
        for i in range(1, rows):
            x[i:] *= decay
        values = np.linalg.svd(x.astype(np.float32).astype(np.float64), compute_uv=False)
        lines.append(f"{name} {rows} {columns} {decay:g} " + " ".join(f"{v:.17g}" for v in values))
    (Path(__file__).parent / "singular.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write()
