"""Running a learner's block on a Keras tensor, and saying what came of it where that is no block."""

import linecache
import re
import traceback
from dataclasses import dataclass, field

import keras

from keras_resnet.grade.sentences import mistake
from keras_resnet.grade.structure import MISSING


@dataclass(eq=False)
class Recorder:
    """An initializer as the assignment's functions take it, `initializer(seed=0)`, that remembers how it was called.

    Attributes:
        value: of every weight that it initialises.
        seeds: with which it was called.
        uncalled: whether it was given to a layer without being called.
    """

    value: float = 0.1
    seeds: list = field(default_factory=list)
    uncalled: bool = False

    def __call__(self, *arguments, seed=None, **options):
        if "dtype" in options or (arguments and isinstance(arguments[0], tuple | list)):
            self.uncalled = True
            return keras.ops.full(arguments[0] if arguments else options["shape"], self.value)
        self.seeds.append(arguments[0] if arguments else seed)
        return keras.initializers.Constant(self.value)

    def mistakes(self):
        """What its calls say: a list of `Mistake`."""
        wrong = [seed for seed in self.seeds if seed != 0]
        found = [mistake("initialiser_uncalled")] if self.uncalled else []
        return found + [mistake("seed", received=seed) for seed in wrong[:1]]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a call.

    Attributes:
        source: the Keras tensor that it was given.
        output: the Keras tensor that it returned, or None.
        found: list of `Mistake` where there is none.
        ends: the two tensors that could not be joined, where that was it.
    """

    source: object
    output: object = None
    found: tuple = ()
    ends: tuple = ()


def build(learner, task, recorder):
    """Calls a `calling.Learner` on a Keras tensor `(None, H, W, C)`; returns an `Outcome`."""
    source = keras.Input((task.height, task.width, task.channels))
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()  # the frames of Keras hold the tensors that did not fit
    try:
        stride = task.stride if task.kind == "conv" else None
        output = learner(source, task.kernel, list(task.filters), stride=stride, initializer=recorder)
    except NotImplementedError:
        return Outcome(source, found=(unwritten(task.name, task.kind, "raises NotImplementedError"),))
    except Exception as error:
        return _failed(error, learner.function, source, task)
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()
    return _returned(output, source, task)


def unwritten(name, kind, what):
    """The `Mistake` of a function that is still empty."""
    return mistake("unwritten", name=name, what=what, missing="; ".join(MISSING[kind]))


def _returned(output, source, task):
    if keras.backend.is_keras_tensor(output) and output is not source:
        return Outcome(source, output)
    used = bool(source._keras_history.operation._outbound_nodes)
    if output is None and used:
        return Outcome(source, found=(mistake("no_return", name=task.name),))
    if output is None or output is source:
        what = "returns nothing" if output is None else "returns its input as it is"
        return Outcome(source, found=(unwritten(task.name, task.kind, what),))
    expected = "the tensor after the last ReLU"
    return Outcome(source, found=(mistake("wrong_type", name=task.name, received=described(output), expected=expected),))


def described(value):
    """A value that is no tensor, in words."""
    if isinstance(value, keras.Layer) and not isinstance(value, keras.Model):
        return f"the layer {type(value).__name__}, which was not called on X"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _failed(error, function, source, task):
    ends = _ends(error)
    if len(ends) == 2 and tuple(ends[0].shape) != tuple(ends[1].shape):
        return Outcome(source, ends=ends)
    return Outcome(source, found=(failure(error, function, task.name),))


def failure(error, function, name):
    """The `Mistake` of a function that raised an exception."""
    frame, line = _place(error, function)
    file = frame.f_code.co_filename if frame else ""
    code = linecache.getline(file, line).strip()
    line = f"{line} of {file}" if file.startswith("cell ") else line
    if not code:
        return mistake("error", name=name, line=line, code="...", error=_text(error))
    blank = [key for key, value in frame.f_locals.items() if value is None and re.search(rf"\b{re.escape(key)}\b", code)]
    if blank:
        return mistake("blank", line=line, code=code, names=", ".join(blank))
    if "cannot be used as input to a TensorFlow function" in str(error):
        return mistake("tensorflow_op", line=line, code=code)
    return mistake("error", name=name, line=line, code=code, error=_text(error))


def _text(error):
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}".rstrip(".: ")


def _place(error, function):
    """The innermost frame in the file where the learner's function stands, and its line."""
    inner = getattr(function, "func", function)
    code = getattr(inner, "__code__", None)
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [(frame, line) for frame, line in frames if code is not None and frame.f_code.co_filename == code.co_filename]
    return own[-1] if own else (None, 0)


def _ends(error):
    """The two Keras tensors that the innermost call with two of them was given."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        if "keras" not in frame.f_globals.get("__name__", ""):
            continue
        for value in frame.f_locals.values():
            value = value[0] if isinstance(value, tuple) and len(value) == 1 else value
            if isinstance(value, list | tuple) and len(value) == 2 and all(map(keras.backend.is_keras_tensor, value)):
                return tuple(value)
        pair = [frame.f_locals.get(name) for name in ("x1", "x2")]
        if all(map(keras.backend.is_keras_tensor, pair)):
            return tuple(pair)
    return ()
