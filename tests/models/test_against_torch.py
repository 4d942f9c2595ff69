"""The `torchvision` and `he` lineages against PyTorch modules, written here from `torch.nn` alone after the papers.

Attributes have torchvision's names, so that a module's weights carry the names of the published files.
"""

import numpy as np
import pytest

from keras_resnet.models import create_model

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
nn, functional = torch.nn, torch.nn.functional


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-5)


class Basic(nn.Module):
    expansion = 1

    def __init__(self, inner, width, stride, groups, base_width, downsample):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, width, 3, stride, padding=1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = norm(width)
        self.downsample = downsample

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inner, width, stride, groups, base_width, downsample):
        super().__init__()
        middle = width * base_width // 64 * groups
        self.conv1 = nn.Conv2d(inner, middle, 1, bias=False)
        self.bn1 = norm(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = norm(middle)
        self.conv3 = nn.Conv2d(middle, 4 * width, 1, bias=False)
        self.bn3 = norm(4 * width)
        self.downsample = downsample

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """He et al. 2015, the stride in the 3x3 convolution; `deep`, `average`: C and D of He et al. 2019, as timm names them."""

    def __init__(self, block, depths, groups=1, base_width=64, deep=False, average=False):
        super().__init__()
        if deep:
            parts = [nn.Conv2d(3, 32, 3, 2, padding=1, bias=False), norm(32), nn.ReLU()]
            parts += [nn.Conv2d(32, 32, 3, padding=1, bias=False), norm(32), nn.ReLU()]
            self.conv1 = nn.Sequential(*parts, nn.Conv2d(32, 64, 3, padding=1, bias=False))
        else:
            self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = norm(64)
        inner = 64
        for layer, (width, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True), start=1):
            blocks = []
            for index in range(depth):
                stride = 2 if layer > 1 and index == 0 else 1
                outer = width * block.expansion
                shortcut = None if inner == outer and stride == 1 else projection(inner, outer, stride, average)
                blocks.append(block(inner, width, stride, groups, base_width, shortcut))
                inner = outer
            setattr(self, f"layer{layer}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inner, 7)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def projection(inner, outer, stride, average):
    if not average:
        return nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), norm(outer))
    pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
    return nn.Sequential(pool, nn.Conv2d(inner, outer, 1, bias=False), norm(outer))


class SmallBlock(nn.Module):
    """Two 3x3 convolutions; `order` is "post", "pre" or "plain" (no shortcut)."""

    def __init__(self, inner, width, stride, order):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, width, 3, stride, padding=1, bias=False)
        self.bn1 = norm(inner if order == "pre" else width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = norm(width)
        self.stride, self.new, self.order = stride, width - inner, order

    def forward(self, x):
        shortcut = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))  # option A
        if self.order == "pre":
            y = self.conv1(functional.relu(self.bn1(x)))
            return shortcut + self.conv2(functional.relu(self.bn2(y)))
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y if self.order == "plain" else y + shortcut)


class SmallResNet(nn.Module):
    """He et al. 2015, section 4.2: 6n + 2 layers for images of 32 x 32; He et al. 2016 for "pre"."""

    def __init__(self, n, order):
        super().__init__()
        self.order = order
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = norm(64 if order == "pre" else 16)
        inner = 16
        for layer, width in enumerate((16, 32, 64), start=1):
            strides = [2 if layer > 1 and index == 0 else 1 for index in range(n)]
            blocks = [SmallBlock(inner if i == 0 else width, width, stride, order) for i, stride in enumerate(strides)]
            setattr(self, f"layer{layer}", nn.Sequential(*blocks))
            inner = width
        self.fc = nn.Linear(64, 7)

    def forward(self, x):
        x = self.conv1(x)
        x = x if self.order == "pre" else functional.relu(self.bn1(x))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = functional.relu(self.bn1(x)) if self.order == "pre" else x
        return self.fc(x.mean((2, 3)))


def randomize(module, seed):
    """Random weights and running statistics at a scale that keeps signals near 1."""
    generator = np.random.default_rng(seed)
    for name, tensor in module.state_dict().items():
        shape = tuple(tensor.shape)
        if name.endswith("num_batches_tracked"):
            continue
        if len(shape) > 1:
            values = generator.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        elif name.endswith("bn3.weight"):  # ends a bottleneck: fifty sums of two equal parts would drown the image
            values = generator.uniform(0.1, 0.5, shape)
        elif name.endswith(("running_var", "weight")):
            values = generator.uniform(0.5, 1.5, shape)
        else:
            values = generator.normal(0, 0.2, shape)
        tensor.copy_(torch.tensor(values))


def small_name(name, order):
    """What the `he` lineage, which has Keras's names, calls a layer of `SmallResNet`."""
    if name.startswith("layer"):
        layer, block, part = name.removeprefix("layer").split(".")
        number = "preact" if order == "pre" and part == "bn1" else int(part[-1]) - (order == "pre" and part == "bn2")
        return f"conv{int(layer) + 1}_block{int(block) + 1}_{number}_{part[:-1]}"
    return {"conv1": "conv1_conv", "bn1": "post_bn" if order == "pre" else "conv1_bn", "fc": "predictions"}[name]


def copy(module, model, rename):
    """Moves weights by name; every layer of the model gets all of its own."""
    tensors = {}
    for name, tensor in module.state_dict().items():
        layer, _, kind = name.rpartition(".")
        tensors.setdefault(layer, {})[kind] = tensor.numpy()
    with_weights = [layer.name for layer in model.layers if layer.weights]
    assert sorted(with_weights) == sorted(rename(layer) for layer in tensors)
    for name, kinds in tensors.items():
        layer, weight = model.get_layer(rename(name)), kinds["weight"]
        if weight.ndim == 4:
            layer.set_weights([weight.transpose(2, 3, 1, 0)])
        elif weight.ndim == 2:
            layer.set_weights([weight.T, kinds["bias"]])
        else:
            layer.set_weights([weight, kinds["bias"], kinds["running_mean"], kinds["running_var"]])


def compare(module, model, rename, size):
    randomize(module, seed=1)
    copy(module, model, rename)
    images = np.random.default_rng(2).uniform(-1, 1, (2, *size, 3)).astype("float32")
    with torch.no_grad():
        expected = module.eval()(torch.tensor(images.transpose(0, 3, 1, 2).copy())).numpy()
    received = np.asarray(model(images))
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * np.abs(expected).max()  # the images tell


D34, D50, D101, D152 = (3, 4, 6, 3), (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)
FULL = pytest.mark.full
NETS = [
    ("resnet18", (Basic, (2, 2, 2, 2)), {}),
    ("resnet34", (Basic, D34), {}),
    ("resnet50", (Bottleneck, D50), {}),
    pytest.param("resnet101", (Bottleneck, D101), {}, marks=FULL),
    pytest.param("resnet152", (Bottleneck, D152), {}, marks=FULL),
    ("wide_resnet50_2", (Bottleneck, D50), {"base_width": 128}),
    pytest.param("wide_resnet101_2", (Bottleneck, D101), {"base_width": 128}, marks=FULL),
    ("resnext50_32x4d", (Bottleneck, D50), {"groups": 32, "base_width": 4}),
    pytest.param("resnext101_32x8d", (Bottleneck, D101), {"groups": 32, "base_width": 8}, marks=FULL),
    ("resnet50c", (Bottleneck, D50), {"deep": True}),
    ("resnet18d", (Basic, (2, 2, 2, 2)), {"deep": True, "average": True}),
    ("resnet34d", (Basic, D34), {"deep": True, "average": True}),
    ("resnet50d", (Bottleneck, D50), {"deep": True, "average": True}),
    pytest.param("resnet101d", (Bottleneck, D101), {"deep": True, "average": True}, marks=FULL),
    pytest.param("resnet152d", (Bottleneck, D152), {"deep": True, "average": True}, marks=FULL),
]


@pytest.mark.parametrize(("name", "arguments", "options"), NETS, ids=lambda value: value if isinstance(value, str) else "")
def test_torchvisions_networks(name, arguments, options):
    size = (64, 64) if "d" in name[6:] else (33, 64)  # an odd side tells where padding stands
    model = create_model(name, lineage="torchvision", input_shape=(*size, 3), classes=7, classifier_activation=None)
    compare(ResNet(*arguments, **options), model, lambda layer: layer.replace(".", "_"), size)


def test_average_pool_of_an_odd_map():
    model = create_model("resnet18d", input_shape=(72, 36, 3), classes=7, classifier_activation=None)
    module = ResNet(Basic, (2, 2, 2, 2), deep=True, average=True)
    compare(module, model, lambda layer: layer.replace(".", "_"), (72, 36))  # maps of 18 x 9, 9 x 5, 5 x 3, 3 x 2


@pytest.mark.parametrize("order", ["post", "pre", "plain"])
@pytest.mark.parametrize("n", [3, pytest.param(5, marks=FULL), pytest.param(7, marks=FULL), pytest.param(9, marks=FULL), 18])
def test_small_image_networks(n, order):
    name = {"post": "resnet{}", "pre": "resnet{}v2", "plain": "plain{}"}[order].format(6 * n + 2)
    model = create_model(name, input_shape=(32, 32, 3), classes=7, classifier_activation=None)
    compare(SmallResNet(n, order), model, lambda layer: small_name(layer, order), (32, 32))
