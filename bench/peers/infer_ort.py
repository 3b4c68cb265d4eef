# SPDX-License-Identifier: Apache-2.0
"""Latency of ONNX Runtime on the CPU, float32, one 224x224 image.

    python infer_ort.py --onnx FOLDER --model resnet50 --threads 1 --seconds 5 --rounds 3

One JSON line per round: best (min) and median milliseconds. All graph optimizations, one stream, spinning threads.
--rounds 0 waits for a line on standard input before each round (see worker.py)."""
import argparse
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort

from worker import serve, timed


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--onnx", type=Path, required=True)
    args.add_argument("--model", required=True)
    args.add_argument("--batch-size", type=int, default=1)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--seconds", type=float, default=5)
    args.add_argument("--rounds", type=int, default=3)
    a = args.parse_args()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = a.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = ort.InferenceSession(str(a.onnx / f"{a.model}.onnx"), options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((a.batch_size, 3, 224, 224), dtype=np.float32)
    binding = session.io_binding()
    binding.bind_cpu_input("input", image)
    binding.bind_output("logits", "cpu")

    def run():
        session.run_with_iobinding(binding)

    for _ in range(10):
        run()

    def measure():
        durations = timed(run, a.seconds)
        return {"ms": round(1e3 * min(durations), 3), "median_ms": round(1e3 * median(durations), 3)}

    serve(measure, a.rounds, peer="onnxruntime", version=ort.__version__, model=a.model, batch_size=a.batch_size,
          threads=a.threads)


if __name__ == "__main__":
    main()
