"""Pictures in the notebooks: where what they need is not installed, that is said, and the notebook goes on."""

import shutil
import warnings

import keras


def plot_model(model, to_file="model.png", **options):
    """`keras.utils.plot_model`; without pydot or Graphviz a warning, and None."""
    try:
        return keras.utils.plot_model(model, to_file=to_file, **options)
    except (ImportError, OSError) as problem:
        _say_that_nothing_is_drawn("plot_model", problem)
        return None


def model_to_dot(model, **options):
    """`keras.utils.model_to_dot`; without pydot or Graphviz a warning, and a graph of which `create` makes nothing."""
    try:
        if shutil.which("dot") is None:
            raise OSError(
                "the program dot of Graphviz, which draws the graph, is not installed (https://graphviz.org/download)"
            )
        return keras.utils.model_to_dot(model, **options)
    except (ImportError, OSError) as problem:
        _say_that_nothing_is_drawn("model_to_dot", problem)
        return Undrawn()


class Undrawn:
    """What stands for a graph that cannot be drawn."""

    def create(self, *arguments, **options):
        """None, which `SVG` shows as nothing."""
        return None


def _say_that_nothing_is_drawn(name, problem):
    why = " ".join(str(problem).split())
    warnings.warn(f"{name} draws nothing, and the rest goes on: {why}", stacklevel=3)


def SVG(data=None, **options):
    """`IPython.display.SVG`; nothing where there is nothing to show, or no IPython to show it."""
    try:
        from IPython.display import SVG as shown
    except ImportError:
        return None
    return None if data is None else shown(data, **options)


def imshow(*arguments, **options):
    """`matplotlib.pyplot.imshow`."""
    from matplotlib import pyplot

    return pyplot.imshow(*arguments, **options)
