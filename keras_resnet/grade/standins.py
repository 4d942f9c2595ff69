"""Right blocks in the place of a learner's wrong ones, so that a network made of them can be judged by itself."""

import contextlib
import itertools

from keras_resnet.blocks import conv_block, identity_block


@contextlib.contextmanager
def standing_in(function, wrong):
    """While it lasts, a function finds right blocks under the names of its wrong ones.

    Args:
        function: that builds a network.
        wrong: name -> the `calling.Learner` of the block that is not right.
    """
    space = function.__globals__
    before = {name: space[name] for name in wrong}
    space.update({name: stand_in(learner) for name, learner in wrong.items()})
    try:
        yield
    finally:
        space.update(before)


def stand_in(learner):
    """A right block that is called as a learner's is."""
    calls = itertools.count()

    def block(*arguments, **options):
        given = learner.roles(arguments, options)
        block, strides = (conv_block, {"strides": given["stride"]}) if "stride" in given else (identity_block, {})
        place = {"stage": f"{given.get('stage', '')}", "block": f"{given.get('block', '')}_{learner.name}_{next(calls)}"}
        return block(given["x"], given["kernel"], given["filters"], **place, **strides)

    block.__name__ = block.__qualname__ = learner.name
    return block
