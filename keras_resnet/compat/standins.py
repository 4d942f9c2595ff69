"""What the notebooks call and the libraries no longer have: stand-ins that do the same, or say why nothing is to be done."""

import importlib
import warnings

import keras

from keras_resnet.compat.helpers import load_image, resize_image

_PHASE = (
    "K.set_learning_phase does nothing: Keras 3 has no global learning phase. model.fit trains, model.predict and "
    "model.evaluate do not, and model(X, training=True) says it for one call; the blocks here compute arrays in inference "
    "mode unless told otherwise."
)


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
        if attribute.startswith("__"):
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


def tensorflow(stream=None):
    """`tf`: TensorFlow where that is Keras's backend, with `tf.keras.backend` as above; elsewhere what Keras itself can do.

    Args:
        stream: a `Stream` that `tf.random.set_seed` starts anew, or None.
    """
    here = keras.backend.backend() == "tensorflow"
    missing = (
        "sessions and placeholders went with TensorFlow 1; give the arrays to the block, and print what it returns"
        if here
        else f"the backend of Keras is {keras.backend.backend()}; KERAS_BACKEND=tensorflow brings the rest of TensorFlow"
    )

    def set_seed(seed):
        keras.utils.set_random_seed(seed)  # Python's, NumPy's and the backend's
        if stream is not None:
            stream.set_seed(seed)

    ours = {"keras": Forward("keras", "it is not in Keras 3", backend=backend())}
    ours["random"] = Forward("tensorflow.random", missing, here, set_seed=set_seed)
    return Forward("tensorflow", missing, here, **ours)


def scipy():
    """`scipy`, whose `misc` reads and resizes images again."""
    misc = Forward("scipy.misc", "SciPy has removed it", reach=False, imread=load_image, imresize=resize_image)
    return Forward("scipy", "SciPy is not installed, or has removed it", misc=misc)
