# SPDX-License-Identifier: Apache-2.0
"""Images per second of training with PyTorch on the CPU, float32: forward, cross-entropy, backward, SGD step; data in memory.

    python train_torch.py --model resnet20 --batch-size 128 --threads 2 --mode channels_last --seconds 5 --rounds 3

One JSON line per round: the rate of the fastest step, of the median step and of all. --rounds 0 waits for a line on standard input before each round (see worker.py)."""
import argparse
import sys
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
import torchvision

from worker import serve, timed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "golden"))
import nets  # noqa: E402

MODES = ("eager", "channels_last", "compile", "compile_channels_last")


def build(name):
    if name in nets.NETS:
        net = nets.NETS[name]()
        return net, net.input_shape, 10
    return getattr(torchvision.models, name)(weights=None), (3, 224, 224), 1000


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--model", required=True)
    args.add_argument("--batch-size", type=int, required=True)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--mode", choices=MODES, default="eager")
    args.add_argument("--seconds", type=float, default=5)
    args.add_argument("--rounds", type=int, default=3)
    a = args.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    net, shape, classes = build(a.model)
    layout = torch.channels_last if "channels_last" in a.mode else torch.contiguous_format
    net.to(memory_format=layout).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, fused=True)
    batches = [(torch.randn(a.batch_size, *shape).contiguous(memory_format=layout),
                torch.randint(0, classes, (a.batch_size,))) for _ in range(4)]
    run = torch.compile(net) if "compile" in a.mode else net
    turn = 0

    def step():
        nonlocal turn
        x, y = batches[turn % len(batches)]
        turn += 1
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(run(x), y).backward()
        optimizer.step()

    for _ in range(3):
        step()

    def measure():
        durations = timed(step, a.seconds)
        return {"img_per_s": round(a.batch_size / min(durations), 2), "median_img_per_s": round(a.batch_size / median(durations), 2),
                "mean_img_per_s": round(a.batch_size * len(durations) / sum(durations), 2)}

    serve(measure, a.rounds, peer="torch", version=torch.__version__, model=a.model, batch_size=a.batch_size,
          threads=a.threads, mode=a.mode)


if __name__ == "__main__":
    main()
