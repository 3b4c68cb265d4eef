# SPDX-License-Identifier: Apache-2.0
"""Latency of other inference libraries on the CPU, float32, images of 224x224, each at its best settings.

    python infer.py --peer onnxruntime --folder FOLDER --model resnet50 --threads 1 --seconds 5 --rounds 3

FOLDER is export.py's. One JSON line per round: best (min) and median milliseconds. --rounds 0 waits for a line on standard input before each round
(see worker.py); --input X.npy --answer Y.npy first writes what the peer answers to X."""
import argparse
import importlib.metadata
from pathlib import Path
from statistics import median

import numpy as np

from worker import serve, timed

# Each returns a function that runs once and one that gives the logits of the last run.


def onnxruntime(a, images):
    """All graph optimizations, one stream, spinning threads, input and output bound."""
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = a.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = ort.InferenceSession(str(a.folder / f"{a.model}.onnx"), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input("input", images)
    binding.bind_output("logits", "cpu")
    return lambda: session.run_with_iobinding(binding), lambda: binding.copy_outputs_to_cpu()[0]


def openvino(a, images):
    """Float32, not the processor's bfloat16; one stream for latency; the shape fixed."""
    import openvino as ov
    core = ov.Core()
    model = core.read_model(a.folder / f"{a.model}.onnx")
    model.reshape(list(images.shape))
    request = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1",
                                                "INFERENCE_NUM_THREADS": a.threads}).create_infer_request()
    request.set_input_tensor(ov.Tensor(images, shared_memory=True))
    return request.infer, lambda: request.get_output_tensor().data


def ncnn(a, images):
    """pnnx's network; float32 storage and arithmetic. It takes one image at a time."""
    import ncnn as n
    net = n.Net()
    net.opt.num_threads = a.threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    net.load_param(str(a.folder / f"{a.model}.ncnn.param"))
    net.load_model(str(a.folder / f"{a.model}.ncnn.bin"))
    mats, logits = [n.Mat(image).clone() for image in images], []

    def run():
        logits.clear()
        for mat in mats:
            extractor = net.create_extractor()
            extractor.input("in0", mat)
            logits.append(extractor.extract("out0")[1])

    return run, lambda: np.stack([np.array(row) for row in logits])


def mnn(a, images):
    """precision high: float32 throughout."""
    import MNN
    interpreter = MNN.Interpreter(str(a.folder / f"{a.model}.mnn"))
    session = interpreter.createSession({"backend": "CPU", "numThread": a.threads, "precision": "high"})
    source = interpreter.getSessionInput(session)
    interpreter.resizeTensor(source, images.shape)
    interpreter.resizeSession(session)
    source.copyFrom(MNN.Tensor(images.shape, MNN.Halide_Type_Float, images, MNN.Tensor_DimensionType_Caffe))

    def logits():
        result = interpreter.getSessionOutput(session)
        host = MNN.Tensor(result.getShape(), MNN.Halide_Type_Float, np.zeros(result.getShape(), np.float32), MNN.Tensor_DimensionType_Caffe)
        result.copyToHostTensor(host)
        return np.array(host.getNumpyData(), np.float32)

    return lambda: interpreter.runSession(session), logits


def torch_net(a, images):
    import torch
    import torchvision
    torch.set_num_threads(a.threads)
    net = getattr(torchvision.models, a.model)(weights=None).eval()
    net.load_state_dict(torch.load(a.folder / f"{a.model}.pth"))
    return torch, net, torch.from_numpy(images)


def run_torch(torch, net, x):
    last = []

    def run():
        with torch.inference_mode():
            last[:] = [net(x)]

    return run, lambda: last[0].numpy()


def torch_jit(a, images):
    """Traced, frozen, optimized for inference; channels last."""
    torch, net, x = torch_net(a, images)
    net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        return run_torch(torch, torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x))), x)


def torch_compile(a, images):
    """torch.compile with its default mode; weights as constants."""
    torch, net, x = torch_net(a, images)
    torch._inductor.config.freezing = True
    return run_torch(torch, torch.compile(net), x)


PEERS = {"onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn, "mnn": mnn, "torch jit": torch_jit, "torch compile": torch_compile}


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--peer", choices=PEERS, required=True)
    args.add_argument("--folder", type=Path, required=True)
    args.add_argument("--model", required=True)
    args.add_argument("--batch-size", type=int, default=1)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--seconds", type=float, default=5)
    args.add_argument("--rounds", type=int, default=3)
    args.add_argument("--input", type=Path)
    args.add_argument("--answer", type=Path)
    a = args.parse_args()
    images = np.load(a.input) if a.input else np.random.default_rng(0).standard_normal((a.batch_size, 3, 224, 224), dtype=np.float32)
    run, logits = PEERS[a.peer](a, np.ascontiguousarray(images))
    run()
    if a.answer:
        np.save(a.answer, logits().reshape(len(images), -1))
    for _ in range(9):
        run()

    def measure():
        durations = timed(run, a.seconds)
        return {"ms": round(1e3 * min(durations), 3), "median_ms": round(1e3 * median(durations), 3)}

    serve(measure, a.rounds, peer=a.peer, version=importlib.metadata.version(a.peer.split()[0]), model=a.model, batch_size=a.batch_size,
          threads=a.threads)


if __name__ == "__main__":
    main()
