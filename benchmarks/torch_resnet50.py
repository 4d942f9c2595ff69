"""ResNet-50 as torchvision has it, from `torch.nn` primitives: what is measured where torchvision is missing.

Version 1.5: the stride sits in the 3x3 convolution, and no convolution has a bias. Structure, names of the parameters and
initialisation are those of pytorch/vision@054e54c, torchvision/models/resnet.py; 25,557,032 parameters at 1000 classes.
"""

from torch import nn

# (blocks, narrow filters, stride of the first block) of each stage: He et al. 2015, table 1.
_STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
_EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, each with batch normalisation; float `(N, inputs, H, W)` to `(N, 4 * filters, H / stride, W / stride)`."""

    def __init__(self, inputs, filters, stride):
        super().__init__()
        outputs = filters * _EXPANSION
        self.conv1 = nn.Conv2d(inputs, filters, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv3 = nn.Conv2d(filters, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        x += shortcut
        return self.relu(x)


class ResNet50(nn.Module):
    """Images, float `(N, 3, H, W)`, to logits `(N, classes)`."""

    def __init__(self, classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = 64
        for number, (depth, filters, stride) in enumerate(_STAGES, start=1):
            first = Bottleneck(inputs, filters, stride)
            inputs = filters * _EXPANSION
            rest = (Bottleneck(inputs, filters, 1) for _ in range(depth - 1))
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))
