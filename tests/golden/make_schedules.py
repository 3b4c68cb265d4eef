# SPDX-License-Identifier: Apache-2.0
"""Learning rates of PyTorch's schedulers, step by step: schedules.txt. Every case is a line `case NAME key=value ...`,
whose keys are settings of this library and `steps` (of an epoch), for plateau lines `metric` with what each epoch
measured, where it is cycled lines `momentum` with that of each step, and lines of its rates."""
import os

import numpy as np
import torch
from torch.optim import lr_scheduler as s

import fvgolden

LR = 0.1


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR, momentum=0.9)


def follow(make, count, at=None, adam=False):
    """Rates, and momenta (beta1 of Adam)."""
    o = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=LR) if adam else optimizer()
    scheduler, rates, momenta = make(o), [], []
    for step in range(count):
        if at:
            scheduler.step(at(step))
        group = o.param_groups[0]
        rates.append(float(group["lr"]))
        momenta.append(float(group["betas"][0] if adam else group["momentum"]))
        o.step()
        if not at:
            scheduler.step()
    return rates, momenta


def warm(factor, steps, then):
    """A linear rise, and then another schedule."""
    def make(o):
        return s.SequentialLR(o, [s.LinearLR(o, factor, 1.0, steps), then(o)], [steps])
    return make


# name: settings, steps of an epoch, epochs, scheduler, and for schedulers that are told where they are: step to epoch
CASES = {
    "constant": ("sched=constant", 3, 4, lambda o: s.ConstantLR(o, 1.0)),
    "step": ("sched=step decay-epochs=30 decay-rate=0.1", 1, 100, lambda o: s.StepLR(o, 30, 0.1)),
    "step_many": ("sched=step decay-epochs=3 decay-rate=0.5", 4, 20, lambda o: s.StepLR(o, 12, 0.5)),
    "multistep": ("sched=multistep decay-milestones=30,80 decay-rate=0.2", 1, 100,
                  lambda o: s.MultiStepLR(o, [30, 80], 0.2)),
    "multistep_within": ("sched=multistep decay-milestones=2.5,4,7.75 decay-rate=0.1", 4, 10,
                         lambda o: s.MultiStepLR(o, [10, 16, 31], 0.1)),
    "exp": ("sched=exp decay-epochs=1 decay-rate=0.95", 1, 100, lambda o: s.ExponentialLR(o, 0.95)),
    "exp_within": ("sched=exp decay-epochs=30 decay-rate=0.1", 5, 40, lambda o: s.ExponentialLR(o, 0.1 ** (1 / 150))),
    "poly": ("sched=poly", 1, 100, lambda o: s.PolynomialLR(o, 100, 1.0)),
    "poly_segmentation": ("sched=poly poly-power=0.9", 7, 20, lambda o: s.PolynomialLR(o, 140, 0.9)),
    "poly_square": ("sched=poly poly-power=2", 3, 30, lambda o: s.PolynomialLR(o, 90, 2.0)),
    "cosine": ("sched=cosine", 1, 100, lambda o: s.CosineAnnealingLR(o, 100)),
    "cosine_within": ("sched=cosine min-lr=0.001", 5, 20, lambda o: s.CosineAnnealingLR(o, 100, 0.001)),
    "restarts": ("sched=cosine_restarts restart-epochs=10", 1, 35, lambda o: s.CosineAnnealingWarmRestarts(o, 10)),
    "restarts_longer": ("sched=cosine_restarts restart-epochs=3 restart-mult=2 min-lr=0.001", 1, 60,
                        lambda o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.001)),
    "restarts_within": ("sched=cosine_restarts restart-epochs=4 restart-mult=3", 5, 40,
                        lambda o: s.CosineAnnealingWarmRestarts(o, 4, 3), lambda step: step // 5 + step % 5 / 5),
    "triangular": ("sched=cyclic min-lr=0.001 cycle-up=4", 5, 21, lambda o: s.CyclicLR(o, 0.001, LR, 20)),
    "triangular_uneven": ("sched=cyclic min-lr=0.02 cycle-up=1.5 cycle-down=2.5", 8, 11,
                          lambda o: s.CyclicLR(o, 0.02, LR, 12, 20)),
    "triangular2": ("sched=cyclic cycle-mode=triangular2 min-lr=0.001 cycle-up=2", 10, 25,
                    lambda o: s.CyclicLR(o, 0.001, LR, 20, mode="triangular2")),
    "exp_range": ("sched=cyclic cycle-mode=exp_range min-lr=0.001 cycle-up=3 decay-epochs=10 decay-rate=0.5", 6, 20,
                  lambda o: s.CyclicLR(o, 0.001, LR, 18, mode="exp_range", gamma=0.5 ** (1 / 60))),
    "onecycle": ("sched=onecycle", 10, 10, lambda o: s.OneCycleLR(o, LR, total_steps=100)),
    "onecycle_linear": ("sched=onecycle anneal=linear pct-start=0.4 div-factor=10 final-div-factor=100", 7, 9,
                        lambda o: s.OneCycleLR(o, LR, total_steps=63, pct_start=0.4, anneal_strategy="linear",
                                               div_factor=10, final_div_factor=100)),
    "onecycle_epochs": ("sched=onecycle pct-start=0.25", 1, 20,
                        lambda o: s.OneCycleLR(o, LR, total_steps=20, pct_start=0.25)),
    "onecycle_momentum": ("sched=onecycle max-momentum=0.95", 10, 10, lambda o: s.OneCycleLR(o, LR, total_steps=100)),
    "onecycle_momentum_linear": ("sched=onecycle anneal=linear pct-start=0.45 max-momentum=0.9 base-momentum=0.5 opt=adam",
                                 7, 6, lambda o: s.OneCycleLR(o, LR, total_steps=42, pct_start=0.45, anneal_strategy="linear",
                                                              max_momentum=0.9, base_momentum=0.5)),
    "warm_cosine": ("sched=cosine warmup-epochs=10 warmup-lr=0.01", 1, 100,
                    warm(0.1, 10, lambda o: s.CosineAnnealingLR(o, 90))),
    "warm_steps": ("sched=poly poly-power=0.9 warmup-steps=13 warmup-lr=0.001", 6, 12,
                   warm(0.01, 13, lambda o: s.PolynomialLR(o, 59, 0.9))),
    "warm_exp": ("sched=exp decay-epochs=2 decay-rate=0.5 warmup-steps=5 warmup-lr=0.02", 4, 12,
                 warm(0.2, 5, lambda o: s.ExponentialLR(o, 0.5 ** (1 / 8)))),
}


# name: settings, metric, whether it rises, scheduler. An epoch has one step.
PLATEAUS = {
    "plateau_loss": ("sched=plateau monitor=val_loss patience-epochs=2 decay-rate=0.5", False,
                     dict(factor=0.5, patience=2)),
    "plateau_top1": ("sched=plateau monitor=val_top1 patience-epochs=1 cooldown-epochs=3 plateau-threshold=0.02", True,
                     dict(factor=0.1, patience=1, cooldown=3, threshold=0.02)),
    "plateau_least": ("sched=plateau monitor=val_loss patience-epochs=0 decay-rate=0.3 min-lr=0.004", False,
                      dict(factor=0.3, patience=0, min_lr=0.004)),
}


def plateau(rises, arguments, count=60):
    """Metrics of every epoch, and the rates of the epochs."""
    x = np.array([0.9 ** min(i, 25) for i in range(count)]) + fvgolden.fill("plateau", (count,), 0.0, 0.05).astype(np.float64)
    metrics = (1 - x if rises else x).tolist()
    o = optimizer()
    scheduler, rates = s.ReduceLROnPlateau(o, "max" if rises else "min", eps=0, **arguments), []
    for metric in metrics:
        rates.append(o.param_groups[0]["lr"])
        scheduler.step(metric)
    return metrics, rates


def put(out, before, numbers):
    for i in range(0, len(numbers), 6):
        print(before + " ".join("%.17g" % x for x in numbers[i:i + 6]), file=out)


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedules.txt")
    with open(path, "w") as out:
        for name, (settings, steps, epochs, make, *at) in CASES.items():
            rates, momenta = follow(make, steps * epochs, *at, adam="opt=adam" in settings)
            print(f"case {name} steps={steps} epochs={epochs} lr={LR} {settings}", file=out)
            if "max-momentum" in settings:
                put(out, "momentum ", momenta)
            put(out, "", rates)
        for name, (settings, rises, arguments) in PLATEAUS.items():
            metrics, rates = plateau(rises, arguments)
            print(f"case {name} steps=1 epochs={len(rates)} lr={LR} {settings}", file=out)
            put(out, "metric ", metrics)
            put(out, "", rates)


if __name__ == "__main__":
    main()
