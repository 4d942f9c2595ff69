"""The networks, a row each."""

from keras_resnet.models.spec import ModelSpec

CATALOG = {
    spec.name: spec
    for spec in (
        ModelSpec("resnet50", depths=(3, 4, 6, 3), widths=(64, 128, 256, 512)),  # He et al. 2015, table 1
        # Not from any paper: small enough to go through every entry point in seconds.
        ModelSpec("resnet-tiny", depths=(1, 1, 1, 1), widths=(8, 8, 16, 16), stem_width=16),
    )
}
