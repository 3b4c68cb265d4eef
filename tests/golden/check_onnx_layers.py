# SPDX-License-Identifier: Apache-2.0
"""Layers and functions of PyTorch that convolutional networks use, exported by both exporters, against ONNX Runtime.

    python check_onnx_layers.py FOVEA [--layers glu ...] [--exports legacy11 legacy17 dynamo18] [--ways open fixed ...]

Needs what check_onnx.py needs. Each is a little network around one thing. It must answer what ONNX Runtime does (1e-4 of the largest value), or be refused with
exit code 4 and a message that names its node; what is refused is listed at the end. Ways to export:

    open       the batch is left open            raw        no constant folding (legacy)
    fixed      a batch of two                    inputs     weights are inputs, too (legacy)
    sizes      batch, rows and columns open      training   as for training, and PRESERVE (legacy): drop is refused or gone
    basic      open, then simplified by ONNX Runtime         half       weights of 16 bits"""
import argparse
import collections
import contextlib
import os
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

from check_onnx import run

Case = collections.namedtuple("Case", "make shape")
CASES = {}


class Of(nn.Module):
    """conv -> a function -> what comes out."""

    def __init__(self, f, first=True, channels=(3, 8)):
        super().__init__()
        self.f = f
        self.first = nn.Conv2d(*channels, 3, padding=1) if first else nn.Identity()

    def forward(self, x):
        return self.f(self.first(x))


class Seq(nn.Sequential):
    pass


def case(name, make, shape=(2, 3, 12, 10)):
    CASES[name] = Case(make, shape)


def layer(name, make, **more):
    """A layer behind a convolution with 8 channels."""
    case(name, lambda: Seq(nn.Conv2d(3, 8, 3, padding=1), make()), **more)


def function(name, f, **more):
    case(name, lambda: Of(f), **more)


for n in ("ReLU", "ReLU6", "Sigmoid", "Tanh", "Hardsigmoid", "Hardswish", "SiLU", "ELU", "SELU", "CELU", "GELU", "Softplus",
          "Mish", "LeakyReLU", "PReLU", "Hardtanh", "Softsign", "LogSigmoid", "Tanhshrink", "Hardshrink", "Softshrink"):
    layer(n.lower(), getattr(nn, n))
layer("prelu_channels", lambda: nn.PReLU(8))
layer("elu_alpha", lambda: nn.ELU(0.7))
layer("celu_alpha", lambda: nn.CELU(0.7))
layer("softplus_beta", lambda: nn.Softplus(2.0, 5.0))
layer("threshold", lambda: nn.Threshold(0.1, 0.2))
layer("gelu_tanh", lambda: nn.GELU("tanh"))
layer("glu", lambda: nn.GLU(1))
layer("rrelu", lambda: nn.RReLU())
layer("softmax2d", lambda: nn.Softmax2d())
function("hard_sigmoid_clamp", lambda x: torch.clamp(x / 6 + 0.5, 0, 1))
function("hard_sigmoid_relu6", lambda x: F.relu6(x + 3) / 6)
function("hard_swish_relu6", lambda x: x * F.relu6(x + 3) / 6)
function("clamp_min", lambda x: x.clamp(min=0.1))
function("clamp_max", lambda x: x.clamp(max=0.1))
# normalization
layer("group_norm", lambda: noisy(nn.GroupNorm(4, 8)))
layer("group_norm_plain", lambda: nn.GroupNorm(2, 8, affine=False))
layer("group_norm_one", lambda: noisy(nn.GroupNorm(1, 8)))
layer("instance_norm", lambda: nn.InstanceNorm2d(8))
layer("instance_norm_affine", lambda: noisy(nn.InstanceNorm2d(8, affine=True)))
layer("instance_norm_tracked", lambda: noisy(nn.InstanceNorm2d(8, affine=True, track_running_stats=True)))
layer("layer_norm_all", lambda: noisy(nn.LayerNorm([8, 12, 10])))
layer("layer_norm_width", lambda: noisy(nn.LayerNorm(10)))
function("layer_norm_channels", lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (8,)).permute(0, 3, 1, 2))
layer("local_response", lambda: nn.LocalResponseNorm(5))
layer("batch_norm_plain", lambda: nn.BatchNorm2d(8, affine=False))
layer("batch_norm_no_stats", lambda: nn.BatchNorm2d(8, track_running_stats=False))
function("normalize", lambda x: F.normalize(x, dim=1))
function("normalize_flat", lambda x: F.normalize(x.flatten(1)))
function("weight_standard", lambda x: (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True))
function("variance", lambda x: x.var(1, unbiased=False, keepdim=True))
function("rms", lambda x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6))
# pooling
layer("adaptive_1", lambda: nn.AdaptiveAvgPool2d(1))
layer("adaptive_divides", lambda: nn.AdaptiveAvgPool2d((3, 5)))
layer("adaptive_odd", lambda: nn.AdaptiveAvgPool2d((5, 3)))
layer("adaptive_none", lambda: nn.AdaptiveAvgPool2d((None, 2)))
layer("adaptive_max_1", lambda: nn.AdaptiveMaxPool2d(1))
layer("adaptive_max_divides", lambda: nn.AdaptiveMaxPool2d((4, 2)))
layer("max_ceil", lambda: nn.MaxPool2d(3, 2, ceil_mode=True))
layer("max_ceil_pad", lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True))
layer("max_dilated", lambda: nn.MaxPool2d(2, 1, dilation=2))
layer("avg_ceil", lambda: nn.AvgPool2d(3, 2, ceil_mode=True))
layer("avg_ceil_pad", lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True))
layer("avg_ceil_pad_out", lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False))
layer("avg_pad", lambda: nn.AvgPool2d(3, 2, 1))
layer("avg_pad_out", lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False))
layer("avg_divisor", lambda: nn.AvgPool2d(2, divisor_override=3))
layer("lp_pool", lambda: nn.LPPool2d(2, 2))
function("max_global", lambda x: x.amax((2, 3)))
function("max_of_max", lambda x: x.max(3)[0].max(2)[0])
function("mean_one", lambda x: x.mean(3).mean(2))
function("mean_channels", lambda x: x.mean(1, keepdim=True))
function("mean_all_kept", lambda x: x.mean((1, 2, 3), keepdim=True))
function("sum_dims", lambda x: x.sum((2, 3)))
function("generalized_mean", lambda x: F.avg_pool2d(x.clamp(min=1e-6).pow(3), (12, 10)).pow(1 / 3))
# convolution
case("conv_grouped", lambda: nn.Conv2d(6, 9, 3, groups=3), (2, 6, 9, 9))
case("conv_dilated", lambda: nn.Conv2d(3, 4, 3, dilation=2, padding=2, stride=2))
case("conv_same", lambda: nn.Conv2d(3, 4, (4, 3), padding="same"))
case("conv_uneven", lambda: nn.Conv2d(3, 4, (3, 1), (1, 2), (2, 0), bias=False))
case("conv_depth_multiplied", lambda: nn.Conv2d(3, 6, 3, groups=3))
case("conv_circular", lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"))
case("conv_reflect", lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"))
case("conv_replicate", lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="replicate"))
case("conv_weight_norm", lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)))
case("conv_computed_weight", lambda: Standardized(3, 4, 3))
case("conv_transpose", lambda: nn.ConvTranspose2d(3, 4, 3, 2, 1, output_padding=1))
case("conv_transpose_grouped", lambda: nn.ConvTranspose2d(4, 6, 3, 2, groups=2), (2, 4, 5, 7))
case("conv_transpose_dilated", lambda: nn.ConvTranspose2d(3, 4, 3, 2, (2, 1), (1, 0), dilation=(2, 1)))
case("conv_1d", lambda: Seq(nn.Conv1d(3, 6, 3, 2, 1), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 4)), (2, 3, 16))
case("conv_1d_transpose", lambda: Seq(nn.ConvTranspose1d(3, 6, 4, 2, 1), nn.Upsample(scale_factor=2)), (2, 3, 8))
# resizing
for mode in ("nearest", "bilinear", "bicubic", "nearest-exact"):
    function(f"resize_{mode}_2", lambda x, m=mode: F.interpolate(x, scale_factor=2, mode=m))
    function(f"resize_{mode}_odd", lambda x, m=mode: F.interpolate(x, size=(17, 7), mode=m))
    function(f"resize_{mode}_factor", lambda x, m=mode: F.interpolate(x, scale_factor=(1.5, 0.5), mode=m))
function("resize_corners", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True))
function("resize_antialias", lambda x: F.interpolate(x, size=(5, 4), mode="bilinear", antialias=True))
function("resize_area", lambda x: F.interpolate(x, size=(6, 5), mode="area"))
case("resize_like", lambda: Skip())
layer("pixel_shuffle", lambda: nn.PixelShuffle(2))
layer("pixel_unshuffle", lambda: nn.PixelUnshuffle(2))
layer("channel_shuffle", lambda: nn.ChannelShuffle(4))
# padding
for n in ("Zero", "Reflection", "Replication", "Circular"):
    layer(f"pad_{n.lower()}", lambda n=n: getattr(nn, f"{n}Pad2d")((1, 2, 3, 0)))
layer("pad_constant", lambda: nn.ConstantPad2d((1, 2, 0, 1), 0.5))
function("pad_crop", lambda x: F.pad(x, (-1, -2, 1, -1)))
function("pad_channels", lambda x: F.pad(x, (0, 0, 0, 0, 2, 2)))
# shapes
function("flatten", lambda x: x.flatten(1))
function("view", lambda x: x.view(x.size(0), -1))
function("view_back", lambda x: F.relu(x.view(x.shape[0], 4, -1)).view(x.shape[0], 8, x.shape[2], x.shape[3]))
function("reshape", lambda x: x.reshape(-1, 8 * 12 * 10))
function("reshape_pixels", lambda x: x.reshape(x.shape[0], 8, -1).transpose(1, 2))
function("permute_last", lambda x: x.permute(0, 2, 3, 1) * 2)
function("unflatten", lambda x: x.flatten(1).unflatten(1, (8, 12, 10)).max(1)[0])
function("squeeze", lambda x: x.mean((2, 3), keepdim=True).squeeze(3).squeeze(2))
function("squeeze_all", lambda x: F.adaptive_avg_pool2d(x, 1).squeeze())
function("unsqueeze", lambda x: x.mean((2, 3)).unsqueeze(-1).unsqueeze(-1) * x)
function("expand_as", lambda x: x.mean((2, 3), keepdim=True).expand_as(x) + x)
function("repeat", lambda x: x.repeat(1, 2, 1, 1))
function("repeat_interleave", lambda x: x.repeat_interleave(2, dim=1))
function("tile_pixels", lambda x: x.repeat(1, 1, 2, 3))
function("chunk", lambda x: torch.cat(x.chunk(4, 1)[::-1], 1))
function("split", lambda x: sum(p.mean(1) for p in x.split([3, 5], 1)))
function("split_rows", lambda x: torch.cat([p * (i + 1) for i, p in enumerate(x.split(5, 2))], 2))
function("unbind", lambda x: x.unbind(1)[2])
function("stack", lambda x: torch.stack([x, x * 2], 2).sum(2))
function("cat_rows", lambda x: torch.cat([x, -x], 3))
function("slice", lambda x: x[:, 1:7:2, 2:-2, ::3])
function("slice_focus", lambda x: torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))
function("flip", lambda x: x.flip(3))
function("roll", lambda x: x.roll(2, 2))
function("narrow", lambda x: x.narrow(1, 2, 4))
function("index_select", lambda x: x.index_select(1, torch.tensor([3, 0, 5])))
function("index_one", lambda x: x[:, 3])
function("center_crop", lambda x: x[:, :, (x.shape[2] - 6) // 2:(x.shape[2] - 6) // 2 + 6, 2:8])
function("split_width", lambda x: x.tensor_split(2, 3)[1])
function("swap_sides", lambda x: x.transpose(2, 3))
# arithmetic
function("affine_channels", lambda x: x * torch.arange(8.0).view(1, 8, 1, 1) + torch.ones(8, 1, 1) * 0.3)
function("affine_pixels", lambda x: x + torch.linspace(-1, 1, 10))
function("divide", lambda x: 1.0 / (x.abs() + 1) - x.div(3))
function("power", lambda x: x.abs().pow(1.7) + x ** 2 + x ** 3)
function("sqrt_exp", lambda x: torch.sqrt(x.abs() + 1) + torch.exp(-x))
function("log", lambda x: torch.log(x.abs() + 1))
function("log1p", lambda x: torch.log1p(x.abs()))
function("log_softmax", lambda x: F.log_softmax(x.mean((2, 3)), 1))
function("logsumexp", lambda x: torch.logsumexp(x, 1))
function("trigonometry", lambda x: torch.sin(x) + torch.cos(x))
function("maximum", lambda x: torch.maximum(x, x.flip(3)) + torch.minimum(x, x * 0.5))
function("max_feature_map", lambda x: torch.max(*x.chunk(2, 1)))
function("where", lambda x: torch.where(x > 0, x, x * 0.1))
function("mask", lambda x: x * (x > 0.2).float())
function("floor_round", lambda x: torch.floor(x) + torch.round(x) + torch.ceil(x))
function("sign", lambda x: torch.sign(x))
function("erf", lambda x: torch.erf(x))
function("argmax", lambda x: x.argmax(1))
function("topk", lambda x: x.flatten(1).topk(3)[0])
function("cumsum", lambda x: x.cumsum(3))
function("one_operand_matmul", lambda x: x @ torch.linspace(-1, 1, 50).view(10, 5))
function("bmm_attention", lambda x: torch.softmax(x.flatten(2).transpose(1, 2) @ x.flatten(2), -1))
function("einsum", lambda x: torch.einsum("nchw,nc->nhw", x, x.mean((2, 3))))
function("bilinear_outer", lambda x: torch.bmm(x.flatten(2), x.flatten(2).transpose(1, 2)).flatten(1))
function("inner_matmul_left", lambda x: torch.linspace(-1, 1, 60).view(5, 12) @ x)
function("dropout_functional", lambda x: F.dropout(x, 0.5, training=False))
layer("dropout2d", lambda: nn.Dropout2d(0.5))
function("grid_sample", lambda x: F.grid_sample(x, torch.zeros(2, 4, 4, 2), align_corners=False))
function("unfold", lambda x: F.unfold(x, 3))
function("scalar_mix", lambda x: (x - 0.5) * 2 + 3 - x / 2)
case("image_scaled", lambda: Seq(Of(lambda x: x / 255.0 - 0.5, False), nn.Conv2d(3, 4, 3)))
case("linear_4d", lambda: Seq(nn.Conv2d(3, 8, 3, padding=1), nn.Linear(10, 6)))
case("linear_3d", lambda: Seq(Of(lambda x: x.flatten(2)), nn.Linear(120, 6)))
case("linear_no_bias", lambda: Seq(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(320, 6, bias=False)))
case("linear_batch_norm", lambda: Seq(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(320, 6), noisy(nn.BatchNorm1d(6)), nn.ReLU(), nn.Linear(6, 2)))
case("mlp", lambda: Seq(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), (2, 6))
case("data_parallel", lambda: nn.DataParallel(Seq(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(320, 3))))
case("shared_layer", lambda: Shared())
case("two_outputs", lambda: Two())
case("spectral_norm", lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)))
case("attention_gate", lambda: Gate())
case("residual_crop", lambda: Of(lambda x: x[:, :, 1:-1, 1:-1] + F.conv2d(x, torch.full((8, 8, 3, 3), 0.01))))
case("drop_path", lambda: Of(lambda x: x + torch.nn.functional.dropout1d(x.flatten(2), 0.1, False).view_as(x)))
case("lambda_scale", lambda: LayerScale())


def noisy(module):
    for p in list(module.parameters()) + list(module.buffers()):
        if p.is_floating_point():
            p.data.uniform_(0.5, 1.5)
    return module


class Standardized(nn.Conv2d):
    def forward(self, x):
        w = self.weight
        return F.conv2d(x, (w - w.mean((1, 2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True), self.bias)


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(11, 4, 1)

    def forward(self, x):
        y = F.interpolate(self.down(x), size=x.shape[2:], mode="bilinear", align_corners=False)
        return self.up(torch.cat([x, y], 1))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x):
        for _ in range(3):
            x = F.relu(self.b(self.a(x)))
        return x


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        x = self.a(x)
        return x, self.b(x.mean((2, 3)))


class Gate(nn.Module):
    """CBAM: of channels by both means, of pixels by mean and maximum of channels."""

    def __init__(self):
        super().__init__()
        self.a, self.mlp, self.b = nn.Conv2d(3, 8, 3), nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8)), nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x):
        x = self.a(x)
        s = self.mlp(F.adaptive_avg_pool2d(x, 1).flatten(1)) + self.mlp(F.adaptive_max_pool2d(x, 1).flatten(1))
        x = x * torch.sigmoid(s)[:, :, None, None]
        return x * torch.sigmoid(self.b(torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)))


class LayerScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.gamma = nn.Conv2d(3, 8, 7, padding=3, groups=1), nn.Parameter(torch.linspace(0.1, 1, 8))

    def forward(self, x):
        x = self.a(x)
        return x + x * self.gamma[:, None, None]


def export(net, x, kind, way, path):
    opset, legacy = int(kind[6:]), kind.startswith("legacy")
    dims = {0: "n", 2: "h", 3: "w"} if way == "sizes" and x.dim() == 4 else {} if way == "fixed" else {0: "n"}
    more = {}
    if way == "raw":
        more["do_constant_folding"] = False
    if way == "inputs":
        more["keep_initializers_as_inputs"] = True
    if way == "training":
        more["training"] = torch.onnx.TrainingMode.TRAINING
    if way == "preserve":
        more["training"] = torch.onnx.TrainingMode.PRESERVE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"input_names": ["x"], "opset_version": opset}
        if legacy:
            torch.onnx.export(net, (x,), path, dynamo=False, dynamic_axes={"x": dims}, **names, **more)
        else:
            dynamic = ({d: torch.export.Dim.DYNAMIC for d in dims},)
            torch.onnx.export(net, (x,), path, dynamo=True, dynamic_shapes=dynamic, verbose=False, **names)
    if way == "basic":
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = path
        options.log_severity_level = 3
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(path, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, {session.get_inputs()[0].name: x})))


def made(name, kind, way, folder):
    """Exports into the folder, with an input and ONNX Runtime's answer; says why not where it cannot be had."""
    torch.manual_seed(1)
    net = CASES[name].make().eval()
    x = torch.randn(*CASES[name].shape, generator=torch.Generator().manual_seed(2))
    if way == "half":
        net, x = net.half(), x.half()
    path = str(folder / "net.onnx")
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            export(net, x, kind, way, path)
        want = answer(path, x.numpy())
    except Exception as error:  # the exporter's and the runtime's own limits
        (folder / "why").write_text((str(error).strip().splitlines() or [type(error).__name__])[0][:150])
        return
    np.save(folder / "x.npy", x.numpy())
    np.savez(folder / "want.npz", **want)


def check(fovea, name, kind, way, folder):
    if not (folder / "want.npz").exists() and not (folder / "why").exists():
        folder.mkdir(parents=True, exist_ok=True)
        made(name, kind, way, folder)
    if (folder / "why").exists():
        return "not exported", (folder / "why").read_text()
    bad = run([fovea, "run", folder / "net.onnx", "--input", folder / "x.npy", "--output", folder / "y.npz", "--threads", 1])
    if bad:
        return ("refused" if bad.startswith("exit 4:") and "cannot be imported:" in bad else "WRONG"), bad
    got, want, worst = np.load(folder / "y.npz"), np.load(folder / "want.npz"), 0.0
    for key, value in want.items():
        if got[key].shape != value.shape:
            return "WRONG", f"shape {got[key].shape}, expected {value.shape}"
        value = value.astype(np.float64)
        apart = float(np.abs(got[key].astype(np.float64) - value).max() / max(np.abs(value).max(), 1e-30))
        worst = apart if not apart <= worst else worst
    return "ok" if worst <= (4e-3 if way == "half" else 1e-4) else "WRONG", f"{worst:.1e}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fovea")
    parser.add_argument("--layers", nargs="*", default=list(CASES))
    parser.add_argument("--exports", nargs="*", default=["legacy11", "legacy17", "dynamo18"])
    parser.add_argument("--ways", nargs="*", default=["open"])
    parser.add_argument("--keep", help="a folder where exports stay, and are taken from when they are there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts = collections.Counter()
    for name in options.layers:
        for kind in options.exports:
            for way in options.ways:
                with tempfile.TemporaryDirectory() as folder:
                    folder = Path(options.keep or folder) / f"{name}.{kind}.{way}"
                    verdict, says = check(options.fovea, name, kind, way, folder)
                counts[verdict] += 1
                print(f"{verdict}\t{name}\t{kind}\t{way}\t{' '.join(says.split())}", flush=True)
    print(dict(counts))
    sys.exit(counts["WRONG"] > 0)


if __name__ == "__main__":
    main()
