"""The 1,000 classes of ImageNet, and what a network of theirs says in words.

They stand in `imagenet_class_index.json`, byte for byte the file that Keras downloads (its md5 is in Keras's
keras/src/applications/imagenet_utils.py): index, WordNet's number of the noun, and its name with underscores.

Sources: the choice and order of the classes are those of the ImageNet Large Scale Visual Recognition Challenge 2012
(Russakovsky et al., arXiv:1409.0575). Nouns and numbers: WordNet 3.0, Copyright 2006 by Princeton University, all rights
reserved; its license (wordnet.princeton.edu/license-and-commercial-use) permits use, copies and distribution for any purpose.
The spelling is Keras's, taken from keras-hub 0.32 (Apache-2.0), keras_hub/src/utils/imagenet/imagenet_utils.py.
"""

import json
from importlib import resources

import numpy as np

from keras_resnet.errors import ModelError

CLASSES = 1000
INDEX = "imagenet_class_index.json"


def class_names():
    """The classes in the order of the networks' outputs: 1,000 pairs such as `("n01440764", "tench")`."""
    rows = json.loads(resources.files(__package__).joinpath(INDEX).read_text(encoding="utf-8"))
    return [tuple(rows[str(number)]) for number in range(CLASSES)]


def decode_predictions(probabilities: np.ndarray, top: int = 5) -> list[list[tuple]]:
    """Names the likeliest classes of ImageNet, without a download.

    Args:
        probabilities: `(N, 1000)`, an array or a tensor of the backend: the output of a network with ImageNet's classifier.
        top: how many classes to name, 1 to 1000.

    Returns:
        A list for each image of `top` tuples `(WordNet number, name, score)`, the highest score first; as in Keras.

    Raises:
        ModelError: another shape, or a ``top`` out of range.

    Example:
        >>> decode_predictions(np.eye(1000)[[285]], top=1)
        [[('n02124075', 'Egyptian_cat', np.float64(1.0))]]
    """
    if not isinstance(top, int | np.integer) or isinstance(top, bool) or not 1 <= top <= CLASSES:
        raise ModelError(f"top: expected an int from 1 to {CLASSES:,}, received {top!r}")
    if not isinstance(probabilities, np.ndarray):
        import keras

        probabilities = keras.ops.convert_to_numpy(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] != CLASSES:
        raise ModelError(
            f"decode_predictions: expected probabilities of shape (N, {CLASSES}), received {tuple(probabilities.shape)}; "
            "a network with other classes has names of its own"
        )
    names = class_names()
    best = np.argsort(-probabilities.astype("float64"), axis=1, kind="stable")[:, :top]
    return [[(*names[number], row[number]) for number in numbers] for row, numbers in zip(probabilities, best, strict=True)]
