# SPDX-License-Identifier: Apache-2.0
"""Architectures that torchvision does not have, written with PyTorch for their names, shapes and counts."""
import torch.nn.functional as F
from torch import nn


class Same(nn.Conv2d):
    """A convolution padded as TensorFlow's "same"."""

    def forward(self, x):
        pad = []
        for size, k, s in reversed(list(zip(x.shape[2:], self.kernel_size, self.stride))):
            total = max((-(-size // s) - 1) * s + k - size, 0)
            pad += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pad))


class CaffeNet(nn.Module):
    input_shape = (3, 227, 227)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, 4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6, self.fc7, self.fc8 = nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)

    def forward(self, x):
        for i in (1, 2):
            x = F.max_pool2d(F.relu(getattr(self, f"conv{i}")(x)), 3, 2, ceil_mode=True)
            x = F.local_response_norm(x, 5, 1e-4, 0.75, 1.0)
        x = F.relu(self.conv5(F.relu(self.conv4(F.relu(self.conv3(x))))))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


def mlp(c, kernel, stride, pad, filters):
    layers = []
    for i, k in enumerate(filters):
        layers += [nn.Conv2d(c, k, kernel if i == 0 else 1, stride if i == 0 else 1, pad if i == 0 else 0), nn.ReLU()]
        c = k
    return nn.Sequential(*layers)


class Nin(nn.Module):
    input_shape = (3, 224, 224)

    def __init__(self):
        super().__init__()
        self.mlp1 = mlp(3, 11, 4, 0, (96, 96, 96))
        self.mlp2 = mlp(96, 5, 1, 2, (256, 256, 256))
        self.mlp3 = mlp(256, 3, 1, 1, (384, 384, 384))
        self.mlp4 = mlp(384, 3, 1, 1, (1024, 1024, 1000))

    def forward(self, x):
        for part in (self.mlp1, self.mlp2, self.mlp3):
            x = F.max_pool2d(part(x), 3, 2, ceil_mode=True)
        return self.mlp4(x).mean((2, 3))


class CifarNin(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        self.mlp1 = mlp(3, 5, 1, 2, (192, 160, 96))
        self.mlp2 = mlp(96, 5, 1, 2, (192, 192, 192))
        self.mlp3 = mlp(192, 3, 1, 1, (192, 192, 10))

    def forward(self, x):
        x = F.max_pool2d(self.mlp1(x), 3, 2, 1)
        return self.mlp3(F.avg_pool2d(self.mlp2(x), 3, 2, 1)).mean((2, 3))


class MobileNetV1(nn.Module):
    def __init__(self, width, size=224, classes=1000):
        super().__init__()
        self.input_shape = (3, size, size)
        rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
        c = int(32 * width)
        features = [nn.Sequential(nn.Conv2d(3, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU())]
        for k, s in rows:
            k = int(k * width)
            features.append(nn.Sequential(
                nn.Conv2d(c, c, 3, s, 1, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                nn.Conv2d(c, k, 1, bias=False), nn.BatchNorm2d(k), nn.ReLU()))
            c = k
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(c, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class DsCnn(nn.Module):
    input_shape = (1, 49, 10)

    def __init__(self):
        super().__init__()
        self.conv = Same(1, 64, (10, 4), (2, 2))
        self.bn = nn.BatchNorm2d(64)
        for i in range(1, 5):
            block = nn.Module()
            block.depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64)
            block.bn1 = nn.BatchNorm2d(64)
            block.pointwise = nn.Conv2d(64, 64, 1)
            block.bn2 = nn.BatchNorm2d(64)
            setattr(self, f"block{i}", block)
        self.fc = nn.Linear(64, 12)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        for i in range(1, 5):
            block = getattr(self, f"block{i}")
            x = F.relu(block.bn2(block.pointwise(F.relu(block.bn1(block.depthwise(x))))))
        return self.fc(x.mean((2, 3)))


class LiteBlock(nn.Module):
    def __init__(self, c, expand, kernel, stride, filters):
        super().__init__()
        wide = c * expand
        self.shortcut = stride == 1 and c == filters
        if expand > 1:
            self._expand_conv = nn.Conv2d(c, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, 1e-3, 0.01)
        self._depthwise_conv = Same(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, 1e-3, 0.01)
        self._project_conv = nn.Conv2d(wide, filters, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(filters, 1e-3, 0.01)

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(y)))))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    input_shape = (3, 224, 224)

    def __init__(self):
        super().__init__()
        self._conv_stem = Same(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, 1e-3, 0.01)
        blocks, c = [], 32
        for expand, kernel, stride, filters, count in [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
                                                       (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]:
            for i in range(count):
                blocks.append(LiteBlock(c, expand, kernel, stride if i == 0 else 1, filters))
                c = filters
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, 1e-3, 0.01)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return self._fc(F.relu6(self._bn1(self._conv_head(x))).mean((2, 3)))


NETS = {
    "caffenet": CaffeNet,
    "cifar_nin": CifarNin,
    "ds_cnn": DsCnn,
    "efficientnet_lite0": EfficientNetLite0,
    "mobilenet_v1": lambda: MobileNetV1(1),
    "mobilenet_v1_0.25": lambda: MobileNetV1(0.25, 96, 2),
    "mobilenet_v1_0.5": lambda: MobileNetV1(0.5),
    "mobilenet_v1_0.75": lambda: MobileNetV1(0.75),
    "nin": Nin,
}
