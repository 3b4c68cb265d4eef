# SPDX-License-Identifier: Apache-2.0
"""Forward and backward vectors of single operators, losses, optimizers and schedules with PyTorch in float64.

    python make_ops.py        writes ops_<family>.safetensors beside this script

README.md says what is in a file."""
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import fvgolden

N = 2


def tensor(name, shape, base=0.0, scale=1.0):
    return torch.from_numpy(fvgolden.fill(name, shape, base, scale)).double()


class File:
    """Collects the cases of one family; a case is one line of attributes and its tensors `<case>.<operand>`."""

    def __init__(self, family):
        self.family, self.tensors, self.cases = family, {}, {}

    def put(self, case, attributes, **tensors):
        self.cases[case] = " ".join(f"{k}={v}" for k, v in attributes.items())
        for name, value in tensors.items():
            value = np.asarray(value.detach().numpy() if torch.is_tensor(value) else value)
            self.tensors[f"{case}.{name}"] = value if value.dtype == np.int64 else value.astype(np.float32)

    def gradient(self, case, attributes, function, operands, **extra):
        """Stores operands, dst, d_dst (by formula, key `<case>.d_dst`) and the gradient of every operand."""
        for value in operands.values():
            value.requires_grad_()
        dst = function(*operands.values())
        d_dst = tensor(f"{case}.d_dst", tuple(dst.shape))
        gradients = torch.autograd.grad(dst, list(operands.values()), d_dst)
        self.put(case, attributes, **operands, dst=dst, d_dst=d_dst,
                 **{f"d_{k}": g for k, g in zip(operands, gradients)}, **extra)

    def write(self):
        path = Path(__file__).parent / f"ops_{self.family}.safetensors"
        tensors = {k: v for k, v in sorted(self.tensors.items(), key=lambda kv: kv[1].dtype.itemsize != 8)}
        fvgolden.save(path, tensors, {"cases": " ".join(self.cases), **self.cases,
                                      "made_with": f"torch {torch.__version__} cpu float64"})
        print(path.name, path.stat().st_size, "bytes,", len(self.cases), "cases")


# case: input CxHxW, filters, RxS, stride, pad (top, bottom, left, right), dilation, groups, bias
CONVOLUTIONS = {
    "plain": ((3, 7, 8), 4, (3, 3), (1, 1), (0, 0, 0, 0), (1, 1), 1, True),
    "stride": ((3, 9, 8), 4, (3, 3), (2, 3), (1, 1, 1, 1), (1, 1), 1, True),
    "dilation": ((3, 9, 10), 4, (3, 2), (1, 1), (2, 2, 1, 1), (2, 3), 1, True),
    "groups": ((6, 6, 5), 9, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 3, True),
    "depthwise": ((6, 7, 7), 6, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 6, False),
    "multiplier": ((4, 6, 6), 8, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 4, False),
    "asymmetric": ((3, 8, 7), 4, (3, 3), (2, 2), (0, 1, 0, 2), (1, 1), 1, False),
    "all": ((4, 11, 9), 6, (5, 3), (2, 1), (3, 0, 1, 2), (2, 1), 2, True),
    "pointwise_stride": ((5, 6, 7), 3, (1, 1), (2, 2), (0, 0, 0, 0), (1, 1), 1, True),
    "larger_than_input": ((2, 3, 3), 3, (5, 5), (1, 1), (2, 2, 2, 2), (1, 1), 1, True),
    "unused_edge": ((2, 8, 8), 3, (3, 3), (3, 3), (0, 0, 0, 0), (1, 1), 1, True),
}


def convolution():
    out = File("conv2d")
    for case, (shape, k, (r, s), stride, pad, dilation, groups, bias) in CONVOLUTIONS.items():
        operands = {"src": tensor(f"{case}.src", (N,) + shape),
                    "wei": tensor(f"{case}.wei", (k, shape[0] // groups, r, s))}
        if bias:
            operands["bia"] = tensor(f"{case}.bia", (k,))

        def run(src, wei, bia=None):
            src = F.pad(src, (pad[2], pad[3], pad[0], pad[1]))
            return F.conv2d(src, wei, bia, stride, 0, dilation, groups)

        out.gradient(case, {"stride": "%dx%d" % stride, "pad_top": pad[0], "pad_bottom": pad[1], "pad_left": pad[2],
                            "pad_right": pad[3], "dilation": "%dx%d" % dilation, "groups": groups}, run, operands)
    out.write()


# case: input CxHxW, filters, RxS, stride, pad (both sides), output padding, dilation, groups, bias
TRANSPOSED = {
    "plain": ((3, 4, 5), 4, (3, 3), (1, 1), (0, 0), (0, 0), (1, 1), 1, True),
    "stride": ((3, 4, 5), 4, (3, 3), (2, 2), (1, 1), (0, 0), (1, 1), 1, True),
    "output_padding": ((3, 4, 5), 4, (3, 3), (2, 3), (1, 0), (1, 2), (1, 1), 1, True),
    "dilation": ((3, 4, 5), 2, (3, 2), (1, 2), (1, 1), (0, 1), (2, 3), 1, True),
    "groups": ((6, 3, 4), 4, (4, 4), (2, 2), (1, 1), (0, 0), (1, 1), 2, True),
    "depthwise": ((4, 4, 4), 4, (2, 2), (2, 2), (0, 0), (0, 0), (1, 1), 4, False),
    "gaps": ((2, 3, 3), 3, (2, 2), (3, 3), (0, 0), (0, 0), (1, 1), 1, True),
}


def transposed():
    out = File("conv_transpose2d")
    for case, (shape, k, (r, s), stride, pad, extra, dilation, groups, bias) in TRANSPOSED.items():
        operands = {"src": tensor(f"{case}.src", (N,) + shape),
                    "wei": tensor(f"{case}.wei", (shape[0], k // groups, r, s))}
        if bias:
            operands["bia"] = tensor(f"{case}.bia", (k,))
        out.gradient(case, {"stride": "%dx%d" % stride, "pad": "%dx%d" % pad, "output_padding": "%dx%d" % extra,
                            "dilation": "%dx%d" % dilation, "groups": groups},
                     lambda src, wei, bia=None: F.conv_transpose2d(src, wei, bia, stride, pad, extra, groups, dilation),
                     operands)
    out.write()


# case: input CxHxW, window, stride, pad, ceil
POOLS = {
    "plain": ((3, 6, 8), (2, 2), (2, 2), (0, 0), False),
    "overlap": ((3, 7, 7), (3, 3), (2, 2), (1, 1), False),
    "floor_rest": ((2, 6, 7), (3, 2), (2, 3), (0, 0), False),
    "ceil": ((2, 6, 7), (3, 2), (2, 3), (0, 0), True),
    "ceil_pad": ((2, 7, 6), (3, 3), (2, 2), (1, 1), True),
    "ceil_dropped": ((2, 4, 5), (2, 2), (3, 3), (1, 1), True),
    "row": ((2, 5, 6), (1, 3), (1, 2), (0, 1), False),
}


def pooling():
    out = File("max_pool2d")
    for case, (shape, size, stride, pad, ceil) in POOLS.items():
        out.gradient(case, {"size": "%dx%d" % size, "stride": "%dx%d" % stride, "pad": "%dx%d" % pad, "ceil": int(ceil)},
                     lambda src: F.max_pool2d(src, size, stride, pad, ceil_mode=ceil),
                     {"src": tensor(f"{case}.src", (N,) + shape)})
    ties = torch.floor(tensor("ties.src", (N, 2, 6, 6), 0.0, 2.0))
    out.gradient("ties", {"size": "3x3", "stride": "2x2", "pad": "1x1", "ceil": 0},
                 lambda src: F.max_pool2d(src, 3, 2, 1), {"src": ties})
    out.write()
    out = File("avg_pool2d")
    for case, (shape, size, stride, pad, ceil) in POOLS.items():
        for include in (True, False):
            name = f"{case}_{'all' if include else 'inside'}"
            out.gradient(name, {"size": "%dx%d" % size, "stride": "%dx%d" % stride, "pad": "%dx%d" % pad,
                                "ceil": int(ceil), "count_include_pad": int(include)},
                         lambda src: F.avg_pool2d(src, size, stride, pad, ceil, include),
                         {"src": tensor(f"{name}.src", (N,) + shape)})
    out.gradient("global", {"global": 1}, lambda src: F.adaptive_avg_pool2d(src, 1),
                 {"src": tensor("global.src", (N, 3, 5, 6))})
    out.write()


def batch_norm():
    out = File("batch_norm")
    for case, shape, eps, momentum, shift in (("train", (4, 3, 3, 2), 1e-5, 0.1, 0.0), ("eps", (4, 3, 2, 2), 1e-2, 0.03, 0.0),
                                              ("far_mean", (4, 3, 4, 4), 1e-5, 0.1, 100.0), ("two_values", (2, 3, 1, 1), 1e-3, 0.5, 0.0)):
        c = shape[1]
        mean, var = tensor(f"{case}.mean", (c,)), tensor(f"{case}.var", (c,), 1.0, 0.5)
        old_mean, old_var = mean.clone(), var.clone()
        out.gradient(case, {"training": 1, "eps": eps, "momentum": momentum},
                     lambda src, wei, bia: F.batch_norm(src, mean, var, wei, bia, True, momentum, eps),
                     {"src": tensor(f"{case}.src", shape, shift), "wei": tensor(f"{case}.wei", (c,), 1.0, 0.5),
                      "bia": tensor(f"{case}.bia", (c,))}, mean=old_mean, var=old_var, new_mean=mean, new_var=var)
    mean, var = tensor("eval.mean", (3,)), tensor("eval.var", (3,), 1.0, 0.5)
    out.gradient("eval", {"training": 0, "eps": 1e-3},
                 lambda src, wei, bia: F.batch_norm(src, mean, var, wei, bia, False, 0.1, 1e-3),
                 {"src": tensor("eval.src", (N, 3, 3, 4)), "wei": tensor("eval.wei", (3,), 1.0, 0.5),
                  "bia": tensor("eval.bia", (3,))}, mean=mean, var=var)
    out.write()


def elementwise():
    out = File("activation")
    points = torch.tensor([-90, -20, -6, -3.5, -3, -2.5, -1, -1e-3, -1e-8, 0, 1e-8, 1e-3, 0.5, 1, 2.5, 3, 3.5, 6, 6.5, 20, 90],
                          dtype=torch.float32).double()
    functions = {"relu": F.relu, "relu6": F.relu6, "leaky_relu": lambda src: F.leaky_relu(src, 0.1),
                 "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hard_sigmoid": F.hardsigmoid, "hard_swish": F.hardswish,
                 "silu": F.silu}
    for case, function in functions.items():
        src = torch.cat((points, tensor(f"{case}.src", (107,), 0.0, 5.0)))
        out.gradient(case, {"slope": 0.1} if case == "leaky_relu" else {}, function, {"src": src})
    out.gradient("prelu_channel", {}, F.prelu, {"src": tensor("prelu_channel.src", (N, 4, 3, 5)),
                                                "wei": tensor("prelu_channel.wei", (4,), 0.25, 0.5)})
    out.gradient("prelu_shared", {}, F.prelu, {"src": tensor("prelu_shared.src", (N, 4, 3, 5)),
                                               "wei": tensor("prelu_shared.wei", (1,), 0.25, 0.5)})
    out.gradient("softmax", {}, lambda src: F.softmax(src, 1), {"src": tensor("softmax.src", (4, 10), 0.0, 8.0)})
    out.gradient("log_softmax", {}, lambda src: F.log_softmax(src, 1), {"src": tensor("log_softmax.src", (4, 10), 0.0, 8.0)})
    out.gradient("softmax_large", {}, lambda src: F.softmax(src, 1), {"src": tensor("softmax_large.src", (3, 7), 1000.0, 90.0)})
    out.gradient("softmax_channels", {}, lambda src: F.softmax(src, 1), {"src": tensor("softmax_channels.src", (N, 5, 2, 3))})
    out.write()


def spatial():
    out = File("lrn")
    for case, c, size, alpha, beta, k in (("alexnet", 7, 5, 1e-4, 0.75, 2.0), ("strong", 7, 5, 0.5, 0.75, 1.0),
                                          ("even", 6, 4, 0.3, 0.5, 2.0), ("wider", 3, 5, 0.5, 1.0, 1.0)):
        out.gradient(case, {"size": size, "alpha": alpha, "beta": beta, "k": k},
                     lambda src: F.local_response_norm(src, size, alpha, beta, k),
                     {"src": tensor(f"{case}.src", (N, c, 3, 2), 0.0, 3.0)})
    out.write()
    out = File("upsample")
    for case, (h, w), target, mode, corners in (
            ("nearest_2x", (3, 4), (6, 8), "nearest", None), ("nearest_odd", (3, 4), (5, 11), "nearest", None),
            ("bilinear_2x", (3, 4), (6, 8), "bilinear", False), ("bilinear_odd", (4, 3), (7, 8), "bilinear", False),
            ("bilinear_down", (8, 7), (3, 4), "bilinear", False), ("corners_2x", (3, 4), (6, 8), "bilinear", True),
            ("corners_odd", (4, 3), (9, 4), "bilinear", True)):
        attributes = {"mode": mode, "out": "%dx%d" % target}
        if corners is not None:
            attributes["align_corners"] = int(corners)
        out.gradient(case, attributes, lambda src: F.interpolate(src, size=target, mode=mode, align_corners=corners),
                     {"src": tensor(f"{case}.src", (N, 2, h, w))})
    out.write()


def losses():
    out = File("loss")
    y = torch.from_numpy(fvgolden.labels("loss.label", 6, 5))
    soft = F.softmax(tensor("loss.soft", (6, 5), 0.0, 2.0), 1).float().double()
    scale = {"ce": 4.0, "ce_large": 200.0, "ce_smooth": 4.0, "ce_soft": 4.0, "ce_soft_smooth": 4.0}
    cases = {"ce": lambda src: F.cross_entropy(src, y), "ce_large": lambda src: F.cross_entropy(src, y),
             "ce_smooth": lambda src: F.cross_entropy(src, y, label_smoothing=0.1),
             "ce_soft": lambda src: F.cross_entropy(src, soft),
             "ce_soft_smooth": lambda src: F.cross_entropy(src, soft, label_smoothing=0.2)}
    for case, function in cases.items():
        target = {"soft": soft} if "soft" in case else {"label": y}
        src = tensor(f"{case}.src", (6, 5), 0.0, scale[case]).requires_grad_()
        loss = function(src)
        smoothing = {"ce_smooth": 0.1, "ce_soft_smooth": 0.2}.get(case, 0)
        out.put(case, {"smoothing": smoothing}, src=src, loss=loss, d_src=torch.autograd.grad(loss, src)[0], **target)
    for case, temperature in (("kl", 1.0), ("kl_soft", 4.0)):
        src = tensor(f"{case}.src", (6, 5), 0.0, 8.0).requires_grad_()
        loss = temperature ** 2 * F.kl_div(F.log_softmax(src / temperature, 1), soft, reduction="batchmean")
        out.put(case, {"temperature": temperature}, src=src, target=soft, loss=loss,
                d_src=torch.autograd.grad(loss, src)[0])
    bits = torch.from_numpy(fvgolden.labels("loss.bits", 30, 2)).double().reshape(6, 5)
    share = tensor("loss.share", (6, 5), 0.5, 0.5)
    real = tensor("loss.real", (6, 5), 0.0, 3.0)
    weight = tensor("loss.pos_weight", (5,), 2.0, 1.0)
    for case, target, s, function, attributes in (
            ("bce", bits, 5.0, F.binary_cross_entropy_with_logits, {}),
            ("bce_large", bits, 200.0, F.binary_cross_entropy_with_logits, {}),
            ("bce_share", share, 5.0, F.binary_cross_entropy_with_logits, {}),
            ("mse", real, 3.0, F.mse_loss, {}), ("mae", real, 3.0, F.l1_loss, {}),
            ("huber", real, 3.0, lambda a, b: F.huber_loss(a, b, delta=1.0), {"delta": 1.0}),
            ("huber_half", real, 3.0, lambda a, b: F.huber_loss(a, b, delta=0.5), {"delta": 0.5})):
        src = tensor(f"{case}.src", (6, 5), 0.0, s).requires_grad_()
        loss = function(src, target)
        out.put(case, attributes, src=src, target=target, loss=loss, d_src=torch.autograd.grad(loss, src)[0])
    src = tensor("bce_weight.src", (6, 5), 0.0, 5.0).requires_grad_()
    loss = F.binary_cross_entropy_with_logits(src, bits, pos_weight=weight)
    out.put("bce_weight", {}, src=src, target=bits, pos_weight=weight, loss=loss, d_src=torch.autograd.grad(loss, src)[0])
    out.write()


def optimizers():
    out = File("optimizer")
    steps, size = 20, 12
    cases = {
        "sgd": ("SGD", {"lr": 0.1}),
        "sgd_l2": ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
        "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
        "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        "adam": ("Adam", {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8}),
        "adam_l2": ("Adam", {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.05}),
        "adamw": ("AdamW", {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}),
        "rmsprop": ("RMSprop", {"lr": 0.01, "alpha": 0.99, "eps": 1e-8}),
        "rmsprop_momentum": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "momentum": 0.9, "weight_decay": 0.01}),
        "rmsprop_centered": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "centered": True}),
    }
    for case, (kind, attributes) in cases.items():
        w = tensor("optimizer.w", (size,)).requires_grad_()
        optimizer = getattr(torch.optim, kind)([w], **attributes)
        start, track = w.detach().clone(), []
        for step in range(steps):
            w.grad = tensor(f"optimizer.g.{step}", (size,))
            optimizer.step()
            track.append(w.detach().numpy().copy())
        words = {"kind": kind.lower()}
        for key, value in attributes.items():
            if key == "betas":
                words["beta1"], words["beta2"] = value
            else:
                words[key] = int(value) if isinstance(value, bool) else value
        out.put(case, words, start=start, track=np.stack(track))
    out.write()


def schedules():
    """Learning rate of each step, from PyTorch's schedulers, base rate 0.1, 100 steps."""
    out = File("schedule")
    torch_schedules = torch.optim.lr_scheduler
    cases = {
        "constant": ({}, lambda o: torch_schedules.ConstantLR(o, 1.0)),
        "step": ({"step_size": 30, "gamma": 0.1}, lambda o: torch_schedules.StepLR(o, 30, 0.1)),
        "multistep": ({"milestones": "40,80", "gamma": 0.2}, lambda o: torch_schedules.MultiStepLR(o, [40, 80], 0.2)),
        "cosine": ({"steps": 100, "final": 0}, lambda o: torch_schedules.CosineAnnealingLR(o, 100)),
        "cosine_final": ({"steps": 100, "final": 0.001}, lambda o: torch_schedules.CosineAnnealingLR(o, 100, 0.001)),
    }
    for case, (attributes, make) in cases.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        scheduler, rates = make(optimizer), []
        for _ in range(100):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        if case.startswith("cosine"):
            final = attributes["final"]
            closed = [final + (0.1 - final) * 0.5 * (1 + math.cos(math.pi * t / 100)) for t in range(100)]
            assert np.allclose(rates, closed, rtol=1e-9, atol=1e-12)
        out.put(case, attributes, rate=np.array(rates))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    warm = torch_schedules.LinearLR(optimizer, 0.1, 1.0, 10)
    scheduler = torch_schedules.SequentialLR(optimizer, [warm, torch_schedules.CosineAnnealingLR(optimizer, 90)], [10])
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    out.put("warmup_cosine", {"warmup_steps": 10, "warmup_factor": 0.1, "steps": 90, "final": 0}, rate=np.array(rates))
    out.write()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for family in (convolution, transposed, pooling, batch_norm, elementwise, spatial, losses, optimizers, schedules):
        family()
