"""Callbacks that would set the learning rate, which the recipe's schedule decides at every step: refused before that."""

import contextlib
import dis
import types

import keras

from keras_resnet.errors import RunError

_KERAS = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
_ADVICE = (
    "which the recipe's schedule decides at every step: leave it out, and choose learning_rate, warmup_epochs and final_rate "
    "(1 keeps the rate as it is)"
)


def check_callbacks(callbacks):
    """Raises RunError for what is no callback, and for one that sets the learning rate as far as its code shows that."""
    if not isinstance(callbacks, list | tuple):
        raise RunError(f"callbacks: expected a list of keras.callbacks.Callback, received {type(callbacks).__name__}")
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise RunError(f"callbacks: expected each to be a keras.callbacks.Callback, received {callback!r}")
        if isinstance(callback, _KERAS) or any(map(_sets_rate, _codes(callback))):
            raise RunError(f"callbacks: {type(callback).__name__} sets the learning rate, {_ADVICE}")


@contextlib.contextmanager
def refusals_told(kept):
    """Says what to do where a callback whose code did not show it sets the learning rate; ``kept()`` says what is left."""
    try:
        yield
    except TypeError as problem:
        if "LearningRateSchedule" not in str(problem):
            raise
        raise RunError(f"callbacks: one of them sets the learning rate, {_ADVICE}; {kept()}") from problem


def _codes(callback):
    """The code of a callback's methods, those of Keras's own classes aside, and of the functions that it was given."""
    classes = [each for each in type(callback).__mro__ if not each.__module__.startswith("keras.src.")]
    values = [*vars(callback).values(), *(value for each in classes for value in vars(each).values())]
    for value in values:
        function = getattr(value, "__func__", value)
        if isinstance(function, types.FunctionType):
            yield from _nested(function.__code__)


def _nested(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _sets_rate(code):
    """Whether code assigns to the `learning_rate` (or `lr`) of something called an optimiser, or calls its `assign`."""
    if "setattr" in code.co_names and "learning_rate" in code.co_consts:
        return True
    steps = list(dis.get_instructions(code))
    for before, here, after in zip(steps, steps[1:], [*steps[2:], None], strict=False):
        if here.argval in ("learning_rate", "lr") and _names_optimizer(before.argval):
            if here.opname == "STORE_ATTR" or (after and after.argval == "assign"):
                return True
    return False


def _names_optimizer(name):
    name = name[-1] if isinstance(name, tuple) else name  # from Python 3.13 on two names may be loaded at once
    return isinstance(name, str) and ("optim" in name or name == "opt")
