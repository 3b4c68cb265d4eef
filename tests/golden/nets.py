# SPDX-License-Identifier: Apache-2.0
"""The small networks whose training steps are recorded, written with PyTorch; README.md describes each."""
import torch
import torch.nn.functional as F
from torch import nn


class MnistCnn(nn.Module):
    input_shape = (1, 28, 28)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.fc = nn.Linear(1600, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


class LeNet(nn.Module):
    input_shape = (1, 28, 28)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


class ZeroPadShortcut(nn.Module):
    """Option A of He et al.: every second pixel, new channels are zeros, half before and half after."""

    def __init__(self, extra):
        super().__init__()
        self.extra = extra

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra // 2, self.extra // 2))


class BasicBlock(nn.Module):
    def __init__(self, c, k, stride, projection):
        super().__init__()
        self.conv1 = nn.Conv2d(c, k, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(k)
        self.conv2 = nn.Conv2d(k, k, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(k)
        if stride == 1 and c == k:
            self.downsample = nn.Identity()
        elif projection:
            self.downsample = nn.Sequential(nn.Conv2d(c, k, 1, stride))
        else:
            self.downsample = ZeroPadShortcut(k - c)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class CifarResNet(nn.Module):
    """Three stages of 16, 32 and 64 channels with `blocks` basic blocks each; depth = 6 blocks + 2."""
    input_shape = (3, 32, 32)

    def __init__(self, blocks, projection=False, head="linear"):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        c = 16
        for stage, k in enumerate((16, 32, 64), 1):
            layers = []
            for block in range(blocks):
                layers.append(BasicBlock(c, k, 2 if stage > 1 and block == 0 else 1, projection))
                c = k
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.head = head
        setattr(self, head, nn.Linear(64, 10))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return getattr(self, self.head)(x.mean((2, 3)))


class OpNet(nn.Module):
    """One small network that meets every operator with a gradient; README.md lists it line by line."""
    input_shape = (3, 17, 17)

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.dw = nn.Conv2d(16, 16, 5, padding=2, groups=16, bias=False)
        self.bn2 = nn.BatchNorm2d(16, eps=1e-3, momentum=0.01)
        self.grouped = nn.Conv2d(16, 32, 3, padding=2, dilation=2, groups=4)
        self.prelu = nn.PReLU(32)
        self.se_reduce = nn.Conv2d(32, 8, 1)
        self.se_expand = nn.Conv2d(8, 32, 1)
        self.down = nn.Conv2d(32, 24, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(24, 12, 3, stride=2, padding=1, output_padding=1)
        self.up_dw = nn.ConvTranspose2d(12, 12, 2, stride=2, groups=12, bias=False)
        self.branch = nn.Conv2d(32, 12, 1)
        self.bn3 = nn.BatchNorm2d(48)
        self.mix = nn.Conv2d(48, 16, 3, stride=(2, 1), padding=(0, 1), groups=2, bias=False)
        self.gate = nn.Conv2d(16, 16, 1)
        self.fc1 = nn.Linear(16 * 3 * 4, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = F.pad(x, (0, 1, 1, 0))                                           # left 0, right 1, top 1, bottom 0
        x = F.hardswish(self.bn1(self.stem(x)))                              # 16 x 8 x 8
        x = F.silu(self.bn2(self.dw(x)))
        x = self.prelu(self.grouped(x))                                      # 32 x 8 x 8
        s = F.relu(self.se_reduce(F.adaptive_avg_pool2d(x, 1)))
        x = x * F.hardsigmoid(self.se_expand(s))                             # squeeze-and-excitation
        x = F.local_response_norm(x, 5, alpha=0.1, beta=0.75, k=2.0)
        y = F.leaky_relu(self.down(x), 0.1)                                  # 24 x 4 x 4
        y = F.relu6(self.up(y))                                              # 12 x 8 x 8
        z = torch.tanh(self.branch(x))                                       # 12 x 8 x 8
        u = F.avg_pool2d(z, 3, 2, 1, count_include_pad=False)                # 12 x 4 x 4
        u = F.interpolate(u, scale_factor=2, mode="bilinear", align_corners=False)
        v = F.max_pool2d(self.up_dw(y), 3, 2, ceil_mode=True)                # 12 x 16 x 16 to 12 x 8 x 8
        w = F.interpolate(F.avg_pool2d(z, 2, 2), scale_factor=2, mode="nearest")
        c = torch.cat((y, u, v, w), 1)                                       # 48 x 8 x 8
        n, k, p, q = c.shape
        c = c.view(n, 4, k // 4, p, q).transpose(1, 2).reshape(n, k, p, q)   # channel shuffle, 4 groups
        a, b = self.bn3(c).split((16, 32), 1)
        c = torch.cat((torch.sigmoid(b), a), 1)
        c = self.mix(c)                                                      # 16 x 3 x 8
        c = c + c * F.softmax(self.gate(c), 1)
        c = F.avg_pool2d(c, (1, 3), (1, 2), (0, 1), count_include_pad=True)  # 16 x 3 x 4
        return self.fc2(F.relu(self.fc1(c.flatten(1))))


class HeadNet(nn.Module):
    """With an auxiliary head in its middle; in training the scores of both come out."""

    input_shape = (3, 18, 18)
    aux_weight = 0.3

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(12)
        self.aux1 = nn.ModuleDict({"conv": nn.Conv2d(12, 6, 1, bias=False), "bn": nn.BatchNorm2d(6),
                                   "fc1": nn.Linear(96, 20), "fc2": nn.Linear(20, 10)})
        self.conv3 = nn.Conv2d(12, 16, 3, stride=2)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.bn2(self.conv2(x)))
        y = F.relu(self.aux1["bn"](self.aux1["conv"](F.adaptive_avg_pool2d(x, (4, 4)))))
        y = self.aux1["fc2"](F.relu(self.aux1["fc1"](y.flatten(1))))
        x = self.fc(F.relu(self.conv3(x)).mean((2, 3)))
        return (x, y) if self.training else x


class GeM(nn.Module):
    """The generalized mean of a map, by channel (Radenovic et al., 2018)."""

    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), 3.0))

    def forward(self, x):
        return x.clamp(min=1e-6).pow(self.p).mean((2, 3)).pow(1 / self.p)


class GemNet(nn.Module):
    """A body, and a head with a trained pooling."""

    input_shape = (3, 12, 12)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 12, 3)
        self.head = nn.ModuleDict({"pool": GeM(), "0": nn.Linear(12, 20), "2": nn.Linear(20, 10)})

    def forward(self, x):
        x = F.relu(self.conv2(F.max_pool2d(F.relu(self.conv1(x)), 2)))
        return self.head["2"](F.gelu(self.head["0"](self.head["pool"](x))))


NETS = {
    "mnist_cnn": MnistCnn,
    "lenet": LeNet,
    "resnet8": lambda: CifarResNet(1, projection=True, head="fc"),
    "resnet20": lambda: CifarResNet(3),
    "resnet32": lambda: CifarResNet(5),
    "resnet44": lambda: CifarResNet(7),
    "resnet56": lambda: CifarResNet(9),
    "opnet": OpNet,
    "headnet": HeadNet,
    "gemnet": GemNet,
}


def kinds(net):
    """name -> kind of every parameter, as fvgolden.initial wants it."""
    table = {}
    for path, module in net.named_modules():
        for leaf, _ in module.named_parameters(recurse=False):
            norm = "norm_" if isinstance(module, nn.BatchNorm2d) else ""
            kind = "prelu" if isinstance(module, nn.PReLU) else "exponent" if isinstance(module, GeM) else norm + leaf
            if path.startswith("layer") and f"{path}.{leaf}".endswith("bn2.weight"):
                kind = "last_norm_weight"
            table[f"{path}.{leaf}"] = kind
    return table
