"""What the notebooks call and the libraries no longer have: stand-ins that do the same, or say why nothing is to be done."""

import functools
import importlib
import warnings

import keras

from keras_resnet.compat import drawing, session
from keras_resnet.compat.helpers import load_image, load_model, resize_image

_PHASE = (
    "K.set_learning_phase does nothing: Keras 3 has no global learning phase. model.fit trains, model.predict and "
    "model.evaluate do not, and model(X, training=True) says it for one call; the blocks here compute arrays in inference "
    "mode unless told otherwise."
)
_KERAS_3 = "it is not in Keras 3"
_FACTS = ("__version__", "__file__", "__path__", "__doc__")  # of a module, that notebooks print


class Forward:
    """A module under its own name, with some attributes of ours before it.

    Args:
        name: of the module; it is imported when an attribute is asked for that is not among ``ours``.
        missing: what to say where the module is not installed or has no such attribute.
        reach: whether to look there at all.
        ours: attributes by name.
    """

    def __init__(self, name, missing, reach=True, **ours):
        self.__name__ = name
        self._missing, self._reach = missing, reach
        self.__dict__.update(ours)

    def __getattr__(self, attribute):
        if attribute.startswith("__") and attribute not in _FACTS:
            raise AttributeError(attribute)
        absent = AttributeError(f"{self.__name__}.{attribute} is not there: {self._missing}")
        if not self._reach:
            raise absent
        try:
            return getattr(importlib.import_module(self.__name__), attribute)
        except (ImportError, AttributeError):
            raise absent from None

    def __repr__(self):
        return f"<{self.__name__}, with what it no longer has>"


def set_learning_phase(value):
    """Does nothing but say why."""
    warnings.warn(_PHASE, stacklevel=2)


def learning_phase():
    """0, inference: what Keras 3 takes where nothing else is said."""
    return 0


def backend():
    """`K`, and `tf.keras.backend`."""
    ours = {"set_learning_phase": set_learning_phase, "learning_phase": learning_phase}
    ours["set_image_data_format"] = keras.config.set_image_data_format
    ours["image_data_format"] = keras.config.image_data_format
    return Forward("keras.backend", "Keras 3 has moved most of it to keras.ops", **ours)


def _pool(layer):
    """A pool whose size need not be given, as in Keras 2."""

    @functools.wraps(layer)
    def pool(pool_size=(2, 2), *arguments, **options):
        return layer(pool_size, *arguments, **options)

    return pool


AveragePooling2D, MaxPooling2D = _pool(keras.layers.AveragePooling2D), _pool(keras.layers.MaxPooling2D)


def layers():
    """`layers`, with pools as Keras 2 had them."""
    pools = {"AveragePooling2D": AveragePooling2D, "AvgPool2D": AveragePooling2D}
    return Forward("keras.layers", _KERAS_3, **pools, MaxPooling2D=MaxPooling2D, MaxPool2D=MaxPooling2D)


def keras_of(drawn):
    """`keras`, and `tf.keras`, with what the notebooks use of Keras 2.

    Args:
        drawn: an `Initialisers`.
    """
    pictures = {"plot_model": drawing.plot_model, "model_to_dot": drawing.model_to_dot}
    pictures["vis_utils"] = Forward("keras.utils", _KERAS_3, **pictures)
    return Forward(
        "keras",
        _KERAS_3,
        backend=backend(),
        layers=layers(),
        models=Forward("keras.models", _KERAS_3, load_model=load_model),
        utils=Forward("keras.utils", _KERAS_3, **pictures),
        initializers=Forward("keras.initializers", _KERAS_3, **drawn.by_name()),
    )


def tensorflow(drawn, graphs=False):
    """`tf`: TensorFlow where that is Keras's backend, with `tf.keras` as above; elsewhere what Keras itself can do.

    Args:
        drawn: an `Initialisers`, whose stream `tf.random.set_seed` starts anew.
        graphs: whether it is TensorFlow 1, with its sessions and placeholders.
    """
    here = keras.backend.backend() == "tensorflow"
    missing = (
        "sessions and placeholders went with TensorFlow 1; give the arrays to the block, and print what it returns"
        if here
        else f"the backend of Keras is {keras.backend.backend()}; KERAS_BACKEND=tensorflow brings the rest of TensorFlow"
    )

    def set_seed(seed):
        keras.utils.set_random_seed(seed)  # Python's, NumPy's and the backend's
        drawn.stream.set_seed(seed)

    ours = {"keras": keras_of(drawn), "random": Forward("tensorflow.random", missing, here, set_seed=set_seed)}
    if graphs:  # a seed was a graph's
        ours |= {**session.NAMES, "set_random_seed": set_seed, "reset_default_graph": lambda: drawn.stream.set_seed(None)}
    return Forward("tensorflow", missing, here, **ours)


def scipy():
    """`scipy`, whose `misc` reads and resizes images again."""
    misc = Forward("scipy.misc", "SciPy has removed it", reach=False, imread=load_image, imresize=resize_image)
    return Forward("scipy", "SciPy is not installed, or has removed it", misc=misc)
