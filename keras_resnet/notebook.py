"""What a notebook begins with: this package before TensorFlow, and Keras started without remarks about the machine.

from keras_resnet.notebook import OUT, kr
"""

import textwrap
from pathlib import Path

import keras_resnet as kr
from keras_resnet.cli.quiet import load_keras

load_keras()

OUT = Path("out")  # folder for all that a notebook writes


def show(experiment, figure, *, quick=True):
    """Runs an experiment of the lab, prints what came of it, and shows one of its figures.

    Args:
        experiment: its name, e.g. ``"variance"``; `kr.lab.EXPERIMENTS` has them all.
        figure: the name of the figure, e.g. ``"blocks"``.
        quick: the quick form, minutes at most; False for the full one, which takes much longer.
    """
    from IPython.display import Image, display

    [result] = kr.lab.run(experiment, quick=quick, out=OUT / "lab", say=lambda line: None)
    print(textwrap.fill(f"Claim: {result.claim}", 110))
    for criterion in result.criteria:
        print(textwrap.fill(f"{'met    ' if all(criterion['met']) else 'NOT MET'}  {criterion['text']}", 110))
    print(f"{'Confirmed' if result.passed else 'Not confirmed'} in the {result.form} form, {sum(result.seconds):.0f} s")
    display(Image(OUT / "lab" / f"{experiment}-{figure}.png", width=900))
