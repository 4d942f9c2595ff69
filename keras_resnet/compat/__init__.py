"""The residual-network assignment's three generations of names and signatures, over the blocks of this package.

`assignment_v1` (2017 to 2020), `assignment_v2` (2021 to 2023), `assignment_v3` (from 2023 on): star imports for old notebooks.
"""

from keras_resnet import lazy

__getattr__, __dir__, __all__ = lazy.attach(__name__)
