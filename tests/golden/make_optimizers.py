# SPDX-License-Identifier: Apache-2.0
"""Weights over 100 steps, in float64: optimizers.txt. SGD, Adam, AdamW, RMSprop and Muon are PyTorch's; LARS, LAMB and
Lookahead are written here from their papers, the largest norm of a row is torch.renorm. A dense layer of 4 inputs and 3
outputs; the gradient of its weight is x / 3 in every row, that of its bias 1 / 3. With `shape=ROWSxCOLUMNS` it has so
many outputs and inputs, and sees as many samples in a step as it has inputs: the mean's gradient, whose sign in row r of sample n
is -1 where n + r is a multiple of 3, else 1. Every case is a line `case NAME key=value ...`, whose other keys are
settings of this library, and lines `STEP weights biases`."""
import os
from unittest import mock

import torch

import fvgolden

STEPS, ROWS, COLUMNS = 100, 3, 4
SHOWN = (1, 2, 3, 5, 10, 20, 40, 60, 80, 100)


class Lars(torch.optim.Optimizer):
    """You, Gitman and Ginsburg, 2017. Groups with adapt=False take plain steps."""

    def __init__(self, params, lr, momentum=0.9, nesterov=False, trust=1e-3, eps=1e-8):
        super().__init__(params, dict(lr=lr, momentum=momentum, nesterov=nesterov, trust=trust, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                decay, g = group["weight_decay"], p.grad
                if group["adapt"] and p.norm() > 0 and g.norm() > 0:
                    ratio = group["trust"] * p.norm() / (g.norm() + decay * p.norm() + group["eps"])
                else:
                    ratio = 1.0
                g = (g + decay * p) * ratio
                if group["momentum"] > 0:
                    v = self.state[p].setdefault("v", torch.zeros_like(p))
                    v.mul_(group["momentum"]).add_(g)
                    g = g + group["momentum"] * v if group["nesterov"] else v
                p.sub_(group["lr"] * g)


class Lamb(torch.optim.Optimizer):
    """You et al., 2020. Groups with adapt=False take Adam's steps."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                s = self.state[p]
                m, v = s.setdefault("m", torch.zeros_like(p)), s.setdefault("v", torch.zeros_like(p))
                t = s["t"] = s.get("t", 0) + 1
                m.mul_(b1).add_((1 - b1) * p.grad)
                v.mul_(b2).add_((1 - b2) * p.grad ** 2)
                r = m / (1 - b1 ** t) / ((v / (1 - b2 ** t)).sqrt() + group["eps"]) + group["weight_decay"] * p
                adapts = group["adapt"] and p.norm() > 0 and r.norm() > 0
                p.sub_(group["lr"] * (p.norm() / r.norm() if adapts else 1.0) * r)


class Lookahead:
    """Zhang et al., 2019, around another optimizer."""

    def __init__(self, inner, steps, alpha):
        self.inner, self.steps, self.alpha, self.done = inner, steps, alpha, 0
        self.params = [p for group in inner.param_groups for p in group["params"]]
        self.slow = [p.detach().clone() for p in self.params]

    @torch.no_grad()
    def step(self):
        self.inner.step()
        self.done += 1
        if self.done % self.steps == 0:
            for p, slow in zip(self.params, self.slow):
                slow.add_(self.alpha * (p - slow))
                p.copy_(slow)


class Muon:
    """PyTorch's, with its Newton-Schulz iterations in float64 where they are in bfloat16, and SGD for the biases."""

    def __init__(self, groups, lr, momentum=0.95):
        matrices = [g for g in groups if g["adapt"]]
        self.inner = [torch.optim.Muon(matrices, lr, momentum=momentum),
                      torch.optim.SGD([g for g in groups if not g["adapt"]], lr, momentum, nesterov=momentum > 0)]

    def step(self):
        with mock.patch.object(torch, "bfloat16", torch.float64):
            for inner in self.inner:
                inner.step()


O = torch.optim
# name: settings, optimizer of (groups), and what else is done
CASES = {
    "sgd": ("opt=sgd lr=0.05 momentum=0 wd=0", lambda g: O.SGD(g, 0.05)),
    "sgd_decay": ("opt=sgd lr=0.05 momentum=0 wd=0.1", lambda g: O.SGD(g, 0.05)),
    "momentum": ("opt=sgd lr=0.02 momentum=0.9 wd=0.01", lambda g: O.SGD(g, 0.02, 0.9)),
    "nesterov": ("opt=sgd lr=0.02 momentum=0.9 nesterov=true wd=0.01", lambda g: O.SGD(g, 0.02, 0.9, nesterov=True)),
    "adam": ("opt=adam lr=0.01 wd=0.05", lambda g: O.Adam(g, 0.01)),
    "adam_other": ("opt=adam lr=0.02 opt-betas=0.8,0.99 opt-eps=0.001 wd=0", lambda g: O.Adam(g, 0.02, (0.8, 0.99), 1e-3)),
    "adamw": ("opt=adamw lr=0.01 wd=0.1", lambda g: O.AdamW(g, 0.01)),
    "rmsprop": ("opt=rmsprop lr=0.005 wd=0.02", lambda g: O.RMSprop(g, 0.005)),
    "rmsprop_momentum": ("opt=rmsprop lr=0.002 opt-alpha=0.9 opt-eps=0.001 momentum=0.9 wd=0",
                         lambda g: O.RMSprop(g, 0.002, 0.9, 1e-3, momentum=0.9)),
    "lars": ("opt=lars lr=1 momentum=0.9 trust-coef=0.01 wd=0.05", lambda g: Lars(g, 1, 0.9, trust=0.01)),
    "lars_nesterov": ("opt=lars lr=0.5 momentum=0.8 nesterov=true trust-coef=0.02 wd=0",
                      lambda g: Lars(g, 0.5, 0.8, True, 0.02)),
    "lars_plain": ("opt=lars lr=2 momentum=0 trust-coef=0.001 opt-eps=0.01 wd=0.5",
                   lambda g: Lars(g, 2, 0, trust=0.001, eps=0.01)),
    "lamb": ("opt=lamb lr=0.01 wd=0.05", lambda g: Lamb(g, 0.01)),
    "lamb_other": ("opt=lamb lr=0.02 opt-betas=0.8,0.99 opt-eps=0.001 wd=0", lambda g: Lamb(g, 0.02, (0.8, 0.99), 1e-3)),
    "lookahead_sgd": ("opt=sgd lr=0.02 momentum=0.9 wd=0.01 lookahead=5", lambda g: Lookahead(O.SGD(g, 0.02, 0.9), 5, 0.5)),
    "lookahead_adam": ("opt=adam lr=0.01 wd=0 lookahead=6 lookahead-alpha=0.8",
                       lambda g: Lookahead(O.Adam(g, 0.01), 6, 0.8)),
    "lookahead_lamb": ("opt=lamb lr=0.01 wd=0.05 lookahead=3 lookahead-alpha=0.25",
                       lambda g: Lookahead(Lamb(g, 0.01), 3, 0.25)),
    "cycled_sgd": ("opt=sgd lr=0.05 momentum=0.9 wd=0.01 sched=onecycle max-momentum=0.95", lambda g: O.SGD(g, 0.05, 0.9)),
    "cycled_nesterov": ("opt=sgd lr=0.05 momentum=0.9 nesterov=true wd=0 sched=onecycle max-momentum=0.95",
                        lambda g: O.SGD(g, 0.05, 0.9, nesterov=True)),
    "cycled_adam": ("opt=adam lr=0.02 wd=0 sched=onecycle max-momentum=0.95", lambda g: O.Adam(g, 0.02)),
    "cycled_adamw": ("opt=adamw lr=0.02 wd=0.1 sched=onecycle max-momentum=0.95", lambda g: O.AdamW(g, 0.02)),
    "cycled_rmsprop": ("opt=rmsprop lr=0.002 momentum=0.5 wd=0 sched=onecycle max-momentum=0.95",
                       lambda g: O.RMSprop(g, 0.002, momentum=0.5)),
    "cycled_lamb": ("opt=lamb lr=0.01 wd=0.05 sched=onecycle max-momentum=0.95", lambda g: Lamb(g, 0.01)),
    "muon": ("opt=muon lr=0.02 wd=0.1 shape=3x5", lambda g: Muon(g, 0.02)),
    "muon_tall": ("opt=muon lr=0.05 momentum=0.6 wd=0 shape=5x2", lambda g: Muon(g, 0.05, 0.6)),
    "muon_plain": ("opt=muon lr=0.01 momentum=0 wd=0.01 shape=4x4", lambda g: Muon(g, 0.01, 0)),
    "muon_clipped": ("opt=muon lr=0.02 wd=0 clip-grad=0.05 shape=4x3", lambda g: Muon(g, 0.02)),
    "max_norm": ("opt=sgd lr=0.05 momentum=0.5 wd=0 max-norm=1.25", lambda g: O.SGD(g, 0.05, 0.5)),
    "clipped": ("opt=adamw lr=0.02 wd=0.1 clip-grad=0.4", lambda g: O.AdamW(g, 0.02)),
    "clipped_lars": ("opt=lars lr=1 wd=0.05 trust-coef=0.01 clip-grad=0.4", lambda g: Lars(g, 1, 0.9, trust=0.01)),
    "clipped_values": ("opt=sgd lr=0.05 momentum=0.9 wd=0 clip-value=0.1", lambda g: O.SGD(g, 0.05, 0.9)),
}


def one_cycle(o):
    """What --sched onecycle does over all steps, with --max-momentum."""
    return torch.optim.lr_scheduler.OneCycleLR(o, o.param_groups[0]["lr"], total_steps=STEPS)


def settings_of(text):
    return dict(word.split("=") for word in text.split())


def trajectory(text, make):
    o = settings_of(text)
    rows, columns = (int(n) for n in o.get("shape", f"{ROWS}x{COLUMNS}").split("x"))
    samples = columns if "shape" in o else 1
    w = torch.from_numpy(fvgolden.fill("optimizer.w", (rows, columns))).double().requires_grad_()
    b = torch.from_numpy(fvgolden.fill("optimizer.b", (rows,))).double().requires_grad_()
    signs = torch.tensor([[-1.0 if samples > 1 and (n + r) % 3 == 0 else 1.0 for n in range(samples)] for r in range(rows)],
                         dtype=torch.float64) / (samples * rows)
    groups = [dict(params=[w], weight_decay=float(o["wd"]), adapt=True), dict(params=[b], weight_decay=0.0, adapt=False)]
    optimizer = make(groups)
    schedule = one_cycle(optimizer) if "sched" in o else None
    for step in range(1, STEPS + 1):
        w.grad = signs @ torch.from_numpy(fvgolden.fill(f"optimizer.g.{step}", (samples, columns))).double()
        b.grad = signs.sum(1)
        if "clip-grad" in o:
            torch.nn.utils.clip_grad_norm_([w, b], float(o["clip-grad"]))
        if "clip-value" in o:
            torch.nn.utils.clip_grad_value_([w, b], float(o["clip-value"]))
        optimizer.step()
        if schedule:
            schedule.step()
        if "max-norm" in o:
            with torch.no_grad():
                w.copy_(torch.renorm(w, 2, 0, float(o["max-norm"])))
        yield step, torch.cat((w.detach().flatten(), b.detach())).tolist()


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.txt")
    with open(path, "w") as out:
        for name, (text, make) in CASES.items():
            print(f"case {name} {text}", file=out)
            for step, values in trajectory(text, make):
                if step in SHOWN:
                    print(step, " ".join("%.10g" % v for v in values), file=out)


if __name__ == "__main__":
    main()
