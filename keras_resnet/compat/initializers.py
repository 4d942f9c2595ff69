"""The initial weights that TensorFlow drew for `seed=0`, in each of the three ways it has had, on any backend.

| kind          | who drew so                                | the stream                                                     |
|---------------|--------------------------------------------|----------------------------------------------------------------|
| `"graph"`     | TensorFlow 1, in a session                 | of the graph's and the layer's seed; new in every layer        |
| `"stateless"` | tf.keras of early 2021, and Keras 3 there  | of the layer's seed alone; new in every layer                  |
| `"stateful"`  | tf.keras of 2022 and later, called at once | of the global and the layer's seed; one that goes on           |

With `seed=0` in every layer, as the assignment has it, the first two give layers of equal shape equal weights.
"""

import math
from dataclasses import dataclass, field

import keras
import numpy as np

from keras_resnet.compat import philox
from keras_resnet.errors import ModelError, one_of

DEFAULT_SEED = 87654321  # tensorflow/python/framework/random_seed.py: DEFAULT_GRAPH_SEED, where no global seed was set
_LARGEST_SEED = 2**31 - 1
_RESERVED = 256  # tensorflow/core/kernels/random_op_cpu.h: groups that a draw reserves for each number


@dataclass
class Stream:
    """Uniform random numbers as TensorFlow drew them.

    Attributes:
        kind: ``"graph"``, ``"stateless"`` or ``"stateful"``.
        global_seed: that of `tf.random.set_seed`; None for none.
    """

    kind: str
    global_seed: int | None = None
    _drawn: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        if self.kind not in ("graph", "stateless", "stateful"):
            raise ModelError(one_of("kind of initialisers", self.kind, ("graph", "stateless", "stateful")))

    def set_seed(self, seed):
        """Sets the global seed and starts anew, as `tf.random.set_seed` does."""
        self.global_seed = seed
        self._drawn.clear()

    def uniform(self, shape, low, high, seed):
        """float32 of ``shape``, at least ``low`` and below ``high``, for a layer's ``seed``."""
        count = math.prod(shape)
        if self.kind == "stateless":
            numbers = philox.uniform(count, *philox.stateless((seed, 0)))
        else:
            start = self._drawn.get(seed, 0)
            numbers = philox.uniform(count, *philox.seeded(*self._seeds(seed)), start=start)
            if self.kind == "stateful":
                self._drawn[seed] = start + count * _RESERVED
        low, high = np.float32(low), np.float32(high)
        return (numbers * (high - low) + low).reshape(shape)

    def _seeds(self, seed):
        """Global and layer's seed as TensorFlow's operations get them (`random_seed.get_seed`)."""
        global_seed = DEFAULT_SEED if self.global_seed is None else self.global_seed
        pair = global_seed % _LARGEST_SEED, seed % _LARGEST_SEED
        return pair if any(pair) else (0, _LARGEST_SEED)  # two zeros would mean a seed that nobody knows


class Initializers:
    """The two random initialisers of the assignment, drawing from one `Stream`.

    Attributes:
        stream: the `Stream`.
        glorot_uniform: a class like `keras.initializers.GlorotUniform`: `glorot_uniform(seed=0)`.
        random_uniform: a class like `keras.initializers.RandomUniform`: `random_uniform(minval=-0.05, maxval=0.05, seed=0)`.
    """

    def __init__(self, stream):
        self.stream = stream
        self.glorot_uniform = _drawing(keras.initializers.GlorotUniform, _glorot_range, stream)
        self.random_uniform = _drawing(keras.initializers.RandomUniform, _given_range, stream)

    def by_name(self):
        """Both under each of the names that Keras has for them: a dict."""
        glorot, uniform = self.glorot_uniform, self.random_uniform
        return {"GlorotUniform": glorot, "glorot_uniform": glorot, "RandomUniform": uniform, "random_uniform": uniform}


def initializers(kind, global_seed=None):
    """Initialisers that draw as TensorFlow did; see the table above.

    Args:
        kind: ``"graph"``, ``"stateless"`` or ``"stateful"``.
        global_seed: that of `tf.random.set_seed` (or `tf.set_random_seed`); None for none.

    Returns:
        An `Initialisers`, at the start of its stream.

    Raises:
        ModelError: an unknown kind.

    Example:
        >>> draw = initialisers("stateful", 2)
        >>> weights = draw.glorot_uniform(seed=0)((1, 1, 3, 2))
    """
    return Initializers(Stream(kind, global_seed))


def _drawing(base, limits, stream):
    """A class of initialisers that draws from ``stream``; without a seed it draws as Keras does."""

    class Drawing(base):
        # It calls itself Keras's own class: a model saved with it loads where this package is not, and shows the same name.
        __class__ = property(lambda self: base)

        def __call__(self, shape, dtype=None):
            if not isinstance(self._init_seed, int):
                return base.__call__(self, shape, dtype=dtype)
            values = stream.uniform(tuple(shape), *limits(self, shape), self._init_seed)
            return keras.ops.convert_to_tensor(values, dtype=dtype)

    Drawing.__name__ = Drawing.__qualname__ = base.__name__
    return Drawing


def _glorot_range(initializer, shape):
    """Glorot and Bengio 2010, equation 16: the square root of 6 / (fan in + fan out), on both sides of zero."""
    field_size = math.prod(shape[:-2])
    limit = math.sqrt(6 / (field_size * (shape[-2] + shape[-1]))) if len(shape) > 1 else math.sqrt(3 / shape[0])
    return -limit, limit


def _given_range(initializer, shape):
    return initializer.minval, initializer.maxval
