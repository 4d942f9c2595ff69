"""What a measurement raises."""

from keras_resnet.errors import KerasResNetError


class BenchError(KerasResNetError):
    """A benchmark cannot be run as asked, or one of its processes failed."""
