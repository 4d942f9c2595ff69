"""What the fields of a `ModelSpec` and their values are called in a sentence."""

LABELS = {
    "depths": "blocks in each stage",
    "widths": "width of each stage",
    "block": "kind of block",
    "order": "order of operations",
    "stem": "stem",
    "stem_width": "filters of the stem",
    "shortcut": "shortcuts",
    "groups": "groups of the 3x3 convolutions",
    "base_width": "filters per group at width 64",
    "se_ratio": "squeeze-and-excitation",
    "residual_scale": "scale of the residual",
    "norm": "normalisation",
    "zero_init_gamma": "last gamma of a branch starts at zero",
    "drop_path": "drop path",
    "output_stride": "output stride",
    "input_size": "published input size",
    "classes": "published number of classes",
    "stem_padding": "padding of the stem's convolution",
    "pool": "padding of the stem's pool",
    "pads": "layers of zeros before 3x3 convolutions",
    "strided_conv": "stride of a bottleneck",
    "strided_block": "stride of a stage",
    "project_first": "projection in the first block",
    "input_norm": "normalised input",
    "stem_norm": "normalised and activated stem",
    "epsilon": "epsilon of the normalisations",
    "momentum": "momentum of the batch normalisations",
    "bias": "convolutions with a bias",
    "initializer": "initial values of the convolutions",
    "shortcut_first": "first input of an addition",
    "grammar": "layer names",
    "numbered": "stages that count their blocks in numbers",
    "head": "pooling before the classifier",
    "softmax_layer": "activation of the classifier",
    "preprocessing": "preprocessing",
}

_WORDS = {
    "order": {
        "post": "He et al. 2015 (activation behind the addition)",
        "pre": "pre-activation",
        "branch_end": "activation at the end of the branch",
    },
    "stem": {"imagenet": "one 7x7 and a pool", "deep": "three 3x3 and a pool", "small": "one 3x3 at full size"},
    "shortcut": {
        "A": "A (zero-padding)",
        "B": "B (projections where the shape changes)",
        "C": "C (projections everywhere)",
        "D": "D (average pool and projection)",
        "none": "none",
    },
    "se_ratio": {None: "none"},
    "stem_padding": {"explicit": "zeros, equal on both sides", "same": "TensorFlow's SAME"},
    "pool": {
        "valid": "none",
        "zero": "one pixel of zeros on each side",
        "same": "TensorFlow's SAME",
        "ceil": "one pixel on the right and at the bottom",
        "infinity": "one pixel of minus infinity on each side",
    },
    "pads": {"strided": "before strided ones", "always": "before all", "never": "none, TensorFlow's SAME in strided ones too"},
    "strided_conv": {1: "in the first 1x1 convolution", 2: "in the 3x3 convolution"},
    "strided_block": {"first": "in its first block", "last": "in its last block"},
    "shortcut_first": {True: "the shortcut", False: "the branch"},
    "grammar": {"another": "of no known library"},
    "head": {"global": "global", "flatten": "of the whole map, then flattened"},
    "softmax_layer": {True: "a layer of its own", False: "in the dense layer"},
}
_BRANCHES = {"stem": "stem", "0": "shortcut", "1": "first", "2": "second", "3": "third"}


def in_words(field, value):
    """A field's value as a reader would say it: str."""
    if field == "bias":
        return ", ".join(_BRANCHES.get(branch, branch) for branch in value) or "none"
    known = _WORDS.get(field, {})
    if not isinstance(value, list) and value in known:
        return known[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
