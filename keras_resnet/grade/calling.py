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
        named: role -> the name of the parameter for it: `stage`, `block`, `stride`, `training`, `initializer`.
        defaults: role -> default value, of those that have one.
    """

    function: object
    name: str
    named: dict
    defaults: dict

    def __call__(self, x, kernel, filters, *, stride=None, training=None, initializer=None):
        """The block's output; of the keyword arguments those that the function takes."""
        given = {"stage": 2, "block": "a", "stride": stride, "training": training, "initializer": initializer}
        if isinstance(self.defaults.get("stride"), tuple | list) and stride is not None:
            given["stride"] = (stride, stride)
        options = {name: given[role] for role, name in self.named.items() if given[role] is not None}
        return self.function(x, kernel, filters, **options)


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
    return Learner(function, name_of(function), named, defaults)


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
