# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this folder share: the number formula of README.md, strided samples and the file writer."""
import json
import math
import struct

import numpy as np

MASK = (1 << 64) - 1


def fnv1a64(text):
    """FNV-1a, 64 bits, of the UTF-8 bytes of `text`."""
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def splitmix64(key, count):
    """uint64[count]: the SplitMix64 output for the states key, key + 1, ..., key + count - 1 (wrapping)."""
    with np.errstate(over="ignore"):
        z = np.arange(count, dtype=np.uint64) + np.uint64(key)
        z += np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fill(name, shape, base=0.0, scale=1.0):
    """float32 array: (float)(base + scale * x(i)), x uniform in [-1, 1) with 24 random bits, keyed by the name."""
    count = int(np.prod(shape, dtype=np.int64))
    x = (splitmix64(fnv1a64(name), count) >> np.uint64(40)).astype(np.float64) / 8388608.0 - 1.0
    return (base + scale * x).astype(np.float32).reshape(shape)


def labels(name, count, classes=10):
    """int64[count]: splitmix64(key + i) mod classes."""
    return (splitmix64(fnv1a64(name), count) % np.uint64(classes)).astype(np.int64)


INITIAL = {"bias": (0.0, 0.05), "norm_weight": (1.0, 0.1), "last_norm_weight": (0.1, 0.01), "norm_bias": (0.0, 0.1),
           "prelu": (0.25, 0.05), "exponent": (3.0, 0.05)}


def initial(name, shape, kind):
    """The initial value of a parameter; `kind` is weight or a key of INITIAL."""
    if kind == "weight":
        return fill(name, shape, 0.0, math.sqrt(6.0 / (int(np.prod(shape)) // shape[0])))
    return fill(name, shape, *INITIAL[kind])


def stride_of(numel):
    """Smallest step that leaves at most 1024 samples and shares no factor with numel (so every filter tap is met)."""
    stride = max(1, -(-numel // 1024))
    while math.gcd(stride, numel) != 1:
        stride += 1
    return stride


def sample(array):
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat[:: stride_of(flat.size)].copy()


DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "int32": "I32", "uint8": "U8"}


def save(path, tensors, metadata):
    """Writes a safetensors file: tensors in the given order, metadata values turned to text."""
    header, offset, blobs = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, 0, []
    for name, value in tensors.items():
        shape = list(np.shape(value))
        value = np.ascontiguousarray(value)
        blob = value.tobytes()
        header[name] = {"dtype": DTYPES[value.dtype.name], "shape": shape, "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
