"""Every argument of a block changed in turn: what a slip of the hand would make of it."""

import ast
import copy

# An argument as it is written -> what else might stand there.
OTHERS = {
    "F1": ["F2", "F3"],
    "F2": ["F1", "F3"],
    "F3": ["F1", "F2"],
    "kernel_size=1": ["kernel_size=3", "kernel_size=f"],
    "kernel_size=f": ["kernel_size=1", "kernel_size=3"],
    "strides=(1, 1)": ["strides=(2, 2)", "strides=(1, 2)"],
    "strides=(s, s)": ["strides=(1, 1)", "strides=(2, 2)", "strides=(s, 1)"],
    "padding='same'": ["padding='valid'"],
    "padding='valid'": ["padding='same'"],
    "kernel_initializer=initializer(seed=0)": [
        "kernel_initializer=initializer(seed=1)",
        "kernel_initializer=initializer",
        "kernel_initializer='zeros'",
    ],
    "axis=3": ["axis=1", "axis=2", "axis=-1"],
    "training=training": ["training=True", "training=False", "training=not training"],
    "'relu'": ["'tanh'", "'linear'", "'elu'"],
    "X": ["X_shortcut"],
    "X_shortcut": ["X"],
}
LEFT_OUT = ("strides=(s, s)", "padding='same'", "kernel_initializer=initializer(seed=0)", "training=training")
# What a 1x1 convolution pads, and how the last of four axes is counted, changes nothing.
SAME = {("padding='valid'", "padding='same'"), ("axis=3", "axis=-1")}


def mutants(source):
    """Triples of what stood there, what stands there instead (None: left out) and the source, for each argument of each call.

    The two names in the list that is added are arguments too.
    """
    tree = ast.parse(source)
    count = len(_arguments(tree))
    for number in range(count):
        owner, place = _arguments(tree)[number]
        before = ast.unparse(owner[place])
        for after in OTHERS.get(before, []):
            yield before, after, _with(tree, number, after)
        if before in LEFT_OUT:
            yield before, None, _with(tree, number, None)


def _arguments(tree):
    """Pairs of a list of arguments and an index in it."""
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or ast.unparse(call.func) == "initializer":
            continue
        for arguments in (call.args, call.keywords):
            found += [(arguments, index) for index in range(len(arguments))]
        found += [(a.elts, index) for a in call.args if isinstance(a, ast.List) for index in range(len(a.elts))]
    return found


def _with(tree, number, after):
    changed = copy.deepcopy(tree)
    owner, place = _arguments(changed)[number]
    if after is None:
        del owner[place]
    else:
        call = ast.parse(f"call({after})", mode="eval").body
        owner[place] = (call.args or call.keywords)[0]
    return ast.unparse(changed)
