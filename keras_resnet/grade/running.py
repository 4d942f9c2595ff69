"""Running a learner's block on a Keras tensor, and saying what came of it where that is no block."""

import contextlib
import linecache
import re
import sys
import textwrap
import traceback
from dataclasses import dataclass, field

import keras
from keras import layers

from keras_resnet.grade.graph import followers, producer
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
        options = {"stride": task.stride if task.kind == "conv" else None, "stage": task.stage, "block": task.block}
        output = learner(source, task.kernel, list(task.filters), initializer=recorder, **options)
    except NotImplementedError:
        return Outcome(source, found=(unwritten(task.name, task.kind, "raises NotImplementedError"),))
    except Exception as error:
        return _failed(error, learner.function, source, task)
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()
    return _returned(output, source, task, learner.function)


def unwritten(name, kind, what):
    """The `Mistake` of a function that is still empty."""
    return mistake("unwritten", name=name, what=what, missing="; ".join(MISSING[kind]))


def _returned(output, source, task, function):
    if keras.backend.is_keras_tensor(output) and output is not source:
        return Outcome(source, output)
    if output is None and followers(source):
        return Outcome(source, found=(nothing_returned(function, task.name, task.x),))
    if output is None or output is source:
        what = "returns nothing" if output is None else "returns its input as it is"
        return Outcome(source, found=(unwritten(task.name, task.kind, what),))
    expected = "the tensor after the last ReLU"
    return Outcome(source, found=(mistake("wrong_type", name=task.name, received=described(output), expected=expected),))


def nothing_returned(function, name, x):
    """The `Mistake` of a function that has computed something, ``x`` in the end, and returns None."""
    code = getattr(function, "__code__", None)
    last = max((line for *_, line in code.co_lines() if line), default=0) if code else 0
    lines = range(code.co_firstlineno, last + 1) if code else ()
    blank = next((line for line in lines if _BLANK.match(linecache.getline(code.co_filename, line))), None)
    return mistake("blank_here", **_where(code, blank)) if blank else mistake("no_return", name=name, x=x)


def _where(code, line):
    """A line of a function for a sentence: its number, with its cell, and its text."""
    file = code.co_filename
    return {"line": f"{line} of {file}" if file.startswith("cell ") else line, "code": linecache.getline(file, line).strip()}


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


def called(function, **options):
    """Calls a function that builds a network, under Keras 2's sizes of pools where it counts on them.

    Returns:
        What it returns, and advice: a list of str.
    """
    try:
        return function(**options), []
    except TypeError as error:
        if "'pool_size'" not in str(error):
            raise
    with _pool_sizes_of_keras_2():
        return function(**options), [_POOL_SIZE]


_POOL_SIZE = "A pool without a size, as in AveragePooling2D(), was one of (2, 2) under Keras 2; Keras 3 wants it written out."


@contextlib.contextmanager
def _pool_sizes_of_keras_2():
    makers = [layers.AveragePooling2D.__init__, layers.MaxPooling2D.__init__]
    before = [maker.__defaults__ for maker in makers]
    for maker, defaults in zip(makers, before, strict=True):
        maker.__defaults__ = ((2, 2), *defaults)
    try:
        yield
    finally:
        for maker, defaults in zip(makers, before, strict=True):
            maker.__defaults__ = defaults


def locals_at_the_end(function, options):
    """The local variables of a function as it returns: a dict; it is called once more for that."""
    seen, code = {}, getattr(function, "__code__", None)

    def watch(frame, event, value):
        if event == "return" and frame.f_code is code:
            seen.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        called(function, **options)
    finally:
        sys.setprofile(before)
    return seen


def graphs_among(values):
    """Pairs of a network's input and a tuple of one tensor that was computed from it, for each Keras tensor among values."""
    tensors = [value for value in values if keras.backend.is_keras_tensor(value)]
    inputs = [tensor for tensor in tensors if not producer(tensor).input_tensors]
    return [(inputs[0], (tensor,)) for tensor in tensors if inputs and tensor is not inputs[0]]


def failure(error, function, name):
    """The `Mistake` of a function that raised an exception."""
    twice = re.search(r'The name "(.+?)" is used \d+ times in the model', str(error))
    if twice:
        return mistake("name_twice", received=twice[1])
    frame, line = _place(error, function)
    where = _where(frame.f_code, line) if frame else {"line": line, "code": ""}
    if not where["code"]:
        return mistake("error", name=name, line=where["line"], code="...", error=_text(error))
    return _of_line(error, frame, line, name, where) or _plain_failure(error, frame, function, name, where)


def _plain_failure(error, frame, function, name, where):
    inner, own = frame.f_code.co_name, getattr(getattr(function, "func", function), "__name__", name)
    if inner != own and inner.isidentifier():
        return mistake("error_in", name=name, inner=inner, **where, error=_text(error))
    return mistake("error", name=name, **where, error=_text(error))


def _of_line(error, frame, line, name, where):
    """What the line itself tells of an exception; None for nothing."""
    code, seen = where["code"], frame.f_locals
    used = [key for key in seen if re.search(rf"\b{re.escape(key)}\b", code)]
    blank = [key for key in used if seen[key] is None and _was_left_blank(frame, key, line)]
    if blank:
        return mistake("blank", **where, names=", ".join(blank))
    if _BLANK_WITHIN.search(code):
        return mistake("blank_here", **where)
    count = re.search(r"values to unpack \(expected (\d+)", str(error))
    if count and re.search(r"\bfilters?\w*\b", code):
        return mistake("unpacked", name=name, **where, received=count[1])
    layer = next((key for key in used if isinstance(seen[key], keras.Layer) and not isinstance(seen[key], keras.Model)), None)
    if layer and isinstance(error, TypeError | ValueError | AttributeError):
        return mistake("layer_uncalled", name=name, **where, variable=layer, what=type(seen[layer]).__name__)
    if "positional argument" in str(error) and re.search(r"\b(Add|add)\b", code):
        return mistake("list_wanted", name=name, **where)
    if "TrackedList" in str(error) or "'list' and 'int'" in str(error):
        return mistake("list_given", name=name, **where)
    if "cannot be used as input to a TensorFlow function" in str(error):
        return mistake("tensorflow_op", **where)
    return None


# What the assignment leaves to fill in: a line, the end of one, an argument by position, or one that a layer has to have.
_BLANK = re.compile(r"\s*(\w+\s*=\s*)+None\b")
_BLANK_WITHIN = re.compile(
    r"=\s*None\s*(#.*)?$|[(\[,]\s*None\b|\b(filters|kernel_size|strides|padding|pool_size|units)\s*=\s*None\b"
)


def _was_left_blank(frame, key, line):
    """Whether the function sets a variable to None somewhere before a line."""
    code = frame.f_code
    before = [linecache.getline(code.co_filename, number) for number in range(code.co_firstlineno, line)]
    return any(re.match(rf"\s*(\w+\s*=\s*)*{re.escape(key)}\s*=\s*None\b", text) for text in before)


def _text(error):
    """An exception in one line, without what Keras puts around the message."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = re.sub(r"<(?:[\w.]*\.)?(\w+) object at 0x\w+>", r"\1(..)", text)
    text = re.sub(r"^Exception encountered when calling [^\n]*\n", "", text).split("Arguments received by")[0]
    return f"{type(error).__name__}: {textwrap.shorten(text, 300, placeholder=' ..')}".rstrip(".: ")


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
