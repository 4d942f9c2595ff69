"""keras_resnet: two block builders stacked into ResNets, their weights, and a training module for SIGNS-style image sets.

Importing this package loads no framework: public names (`__init__.pyi` has them) are resolved when they are first used. Import
it before TensorFlow, so that TensorFlow's fast CPU kernels (oneDNN) are on; see `keras_resnet.environment`.
"""

from keras_resnet import backend, environment, lazy
from keras_resnet.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy.attach(__name__)

backend.choose_backend()
environment.turn_on_onednn()
environment.warn_of_namesake()
