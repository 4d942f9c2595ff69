"""Calling a learner's function, whichever generation's signature it has."""

import inspect
from dataclasses import dataclass

# What a parameter is called -> what it is for. The first three of a block go by position: tensor, kernel size, filters.
_ROLES = {
    **dict.fromkeys(("stage", "block"), None),  # themselves
    **dict.fromkeys(("s", "stride", "strides"), "stride"),
    "training": "training",
    **dict.fromkeys(("initializer", "initialiser", "kernel_initializer"), "initializer"),
}
BLOCK_WORDS = {"stage", "block", "s", "stride", "strides"}  # parameters by which a block is known before it is run
BLOCKS = {"identity": ("identity_block",), "conv": ("convolutional_block", "conv_block")}  # the assignment's and Chollet's
SIGNATURES = {
    "identity": (
        "(X, f, filters, stage, block)",
        "(X, f, filters, training=True, initializer=random_uniform)",
        "(X, f, filters, initializer=random_uniform)",
    ),
    "conv": (
        "(X, f, filters, stage, block, s=2)",
        "(X, f, filters, s=2, training=True, initializer=glorot_uniform)",
        "(X, f, filters, s=2, initializer=glorot_uniform)",
    ),
}


@dataclass(frozen=True)
class Learner:
    """A learner's block and how it is called.

    Attributes:
        function: the function.
        name: its name.
        first: what it calls the first three parameters: input, kernel size, filters.
        named: role -> the name of the parameter for it: `stage`, `block`, `stride`, `training`, `initializer`.
        defaults: role -> default value, of those that have one.
    """

    function: object
    name: str
    first: tuple
    named: dict
    defaults: dict

    def __call__(self, x, kernel, filters, *, stage=2, block="a", stride=None, training=None, initializer=None):
        """The block's output; of the keyword arguments those that the function takes."""
        given = {"stage": stage, "block": block, "stride": stride, "training": training, "initializer": initializer}
        if isinstance(self.defaults.get("stride"), tuple | list) and stride is not None:
            given["stride"] = (stride, stride)
        options = {name: given[role] for role, name in self.named.items() if given[role] is not None}
        return self.function(x, kernel, filters, **options)

    @property
    def strides(self):
        """How a layer in it is given the stride, in its own words."""
        name = self.named.get("stride", "s")
        return name if isinstance(self.defaults.get("stride"), tuple | list) else f"({name}, {name})"

    def roles(self, arguments, options):
        """What a call of the function gives for each role: the first three as ``"x"``, ``"kernel"``, ``"filters"``.

        Raises:
            TypeError: as the call itself would.
        """
        bound = inspect.signature(self.function).bind(*arguments, **options)
        bound.apply_defaults()
        names = {**dict(zip(("x", "kernel", "filters"), self.first, strict=True)), **self.named}
        return {role: bound.arguments[name] for role, name in names.items()}


def learner(function, kind):
    """A `Learner`, or None where the parameters are those of no signature.

    Args:
        function: callable.
        kind: ``"identity"`` or ``"conv"``.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    rest, named, defaults = parameters[3:], {}, {}
    if len(parameters) < 3 or any(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[:3]):
        return None
    for parameter in rest:
        role = _ROLES.get(parameter.name, "unknown") or parameter.name
        if role != "unknown":
            named[role] = parameter.name
            if parameter.default is not parameter.empty:
                defaults[role] = parameter.default
        elif parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
    if kind == "conv" and "stride" not in named:
        return None
    return Learner(function, name_of(function), tuple(parameter.name for parameter in parameters[:3]), named, defaults)


def name_of(function):
    """What the learner calls it: also of a partial function or a class with a `__call__`."""
    inner = getattr(function, "func", function)
    return getattr(inner, "__name__", type(inner).__name__)


def parameters_of(function):
    """Its parameters as text; of what has none, its type."""
    try:
        return ", ".join(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return type(function).__name__


# What the parameters of a function that builds a network are called -> what for, or the value that is given to it.
_NETWORK_ROLES = {
    **dict.fromkeys(("input_shape", "shape", "image_shape", "img_shape", "in_shape", "input_size"), "shape"),
    **dict.fromkeys(("classes", "num_classes", "n_classes", "nb_classes", "num_class", "n_class", "class_num"), "classes"),
    "weights": None,
    "include_top": True,
}


def network_options(function):
    """How to call a function that builds a network: name of a parameter -> ``"shape"``, ``"classes"``, or what to give.

    Returns:
        None where it cannot be called so.
    """
    try:
        signature = inspect.signature(function)
        options = {name: _NETWORK_ROLES[name] for name in signature.parameters if name in _NETWORK_ROLES}
        signature.bind(**options)
    except (TypeError, ValueError):
        return None
    return options


def blocks_in(function):
    """The blocks that a function calls by a name of its module: name -> kind and function."""
    code = getattr(function, "__code__", None)
    named = {name: kind for kind, names in BLOCKS.items() for name in names}
    found = {}
    for name in code.co_names if code else ():
        value = function.__globals__.get(name)
        kind = inspect.isfunction(value) and (named.get(name) or kind_of(value))
        if kind:
            found[name] = kind, value
    return found


def kind_of(function):
    """``"identity"`` or ``"conv"`` for a function that has a block's parameters, else None."""
    conv, identity = learner(function, "conv"), learner(function, "identity")
    if conv is not None:
        return "conv"
    return "identity" if identity is not None and _has_blocks_parameters(identity) else None


def _has_blocks_parameters(learner):
    return "filter" in learner.first[2].lower() or {"stage", "block"} & set(learner.named)
