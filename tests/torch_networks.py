"""Residual networks of `torch.nn` primitives, written from the papers; nothing of the package is used.

The state dict has torchvision's (and timm's) keys, except that a squeeze-and-excitation, a second stem and Caffe's choices are
arguments here.
"""

import torch
from torch import nn


def conv(inputs, filters, size, stride=1, groups=1, dilation=1, bias=False):
    return nn.Conv2d(inputs, filters, size, stride, size // 2 * dilation, dilation, groups, bias)


class ZeroPad(nn.Module):
    """Option A: every second pixel, and zeros behind the channels."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.extra, self.stride = filters - inputs, stride

    def forward(self, x):
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, channels // 16, 1), nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class Block(nn.Module):
    """A basic block or a bottleneck, after or before whose convolutions stand normalisation and ReLU."""

    def __init__(self, inputs, width, stride, net):
        super().__init__()
        filters = width * net.expansion
        inner = int(width * net.base_width / 64) * net.groups
        if net.expansion == 1:
            plan = [(inputs, filters, 3, stride, 1), (filters, filters, 3, 1, 1)]
        else:
            first, second = (stride, 1) if net.stride_in_1x1 else (1, stride)
            plan = [(inputs, inner, 1, first, 1), (inner, inner, 3, second, net.groups), (inner, filters, 1, 1, 1)]
        self.count = len(plan)
        for number, row in enumerate(plan, start=1):
            setattr(self, f"conv{number}", conv(*row))
            setattr(self, f"bn{number}", nn.BatchNorm2d(row[0] if net.preact else row[1], net.epsilon))
        self.preact = net.preact
        self.se = SqueezeExcite(filters) if net.squeeze else nn.Identity()
        self.downsample = nn.Identity()
        if inputs != filters or stride > 1:
            self.downsample = self.shortcut(inputs, filters, stride, net)
        if net.shortcut == "none":
            self.downsample = None

    @staticmethod
    def shortcut(inputs, filters, stride, net):
        if net.shortcut in ("A", "none"):
            return ZeroPad(inputs, filters, stride)
        norm = nn.BatchNorm2d(filters, net.epsilon)
        if net.shortcut == "D":
            pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
            return nn.Sequential(pool, conv(inputs, filters, 1), norm)
        return nn.Sequential(conv(inputs, filters, 1, stride), norm)

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            convolve, normalize = getattr(self, f"conv{number}"), getattr(self, f"bn{number}")
            if self.preact:
                y = convolve(torch.relu(normalize(y)))
            else:
                y = normalize(convolve(y))
                y = torch.relu(y) if number < self.count else self.se(y)
        if self.downsample is not None:
            y = y + self.downsample(x)
        return y if self.preact else torch.relu(y)


class Network(nn.Module):
    """See `Block`; ``small`` is the network of He et al. 2015, section 4.2; ``ceil`` pools as Caffe does."""

    def __init__(self, depths, classes, *, basic=False, groups=1, base_width=64, deep=False, shortcut="B", small=False,
                 preact=False, squeeze=False, stride_in_1x1=False, ceil=False, conv1_bias=False, epsilon=1e-5):  # fmt: skip
        super().__init__()
        self.expansion, self.groups, self.base_width = 1 if basic else 4, groups, base_width
        self.shortcut, self.preact, self.squeeze = shortcut, preact, squeeze
        self.stride_in_1x1, self.epsilon, self.small = stride_in_1x1, epsilon, small
        inputs = 16 if small else 64
        if deep:
            stem = [conv(3, 32, 3, 2), nn.BatchNorm2d(32), nn.ReLU(), conv(32, 32, 3), nn.BatchNorm2d(32), nn.ReLU()]
            self.conv1 = nn.Sequential(*stem, conv(32, 64, 3))
        else:
            self.conv1 = conv(3, inputs, 3) if small else conv(3, inputs, 7, 2, bias=conv1_bias)
        if not preact:
            self.bn1 = nn.BatchNorm2d(inputs, epsilon)
        self.pool = nn.MaxPool2d(3, 2, 0 if ceil else 1, ceil_mode=ceil)
        for stage, depth in enumerate(depths, start=1):
            width = (16 if small else 64) * 2 ** (stage - 1)
            blocks = []
            for index in range(depth):
                blocks.append(Block(inputs, width, 2 if index == 0 and stage > 1 else 1, self))
                inputs = width * self.expansion
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.stages = len(depths)
        if preact:
            self.bn_end = nn.BatchNorm2d(inputs, epsilon)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.conv1(x)
        if not self.preact:
            x = torch.relu(self.bn1(x))
        if not self.small:
            x = self.pool(x)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        if self.preact:
            x = torch.relu(self.bn_end(x))
        return self.fc(x.mean((2, 3)))


def randomize(network, seed):
    """Sets norms and biases to random numbers too."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def layers_of(network):
    """Module name -> its arrays in Keras's shapes and order."""
    found = {}
    for key, value in network.state_dict().items():
        name, kind = key.rsplit(".", 1)
        if kind != "num_batches_tracked":
            array = value.numpy()
            order = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[array.ndim]
            found.setdefault(name, []).append(array.transpose(order))
    return found


def run(network, images):
    """Images float32 `(N, H, W, 3)` to logits `(N, classes)`, NumPy to NumPy."""
    with torch.no_grad():
        return network(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
