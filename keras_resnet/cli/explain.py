"""`keras-resnet explain`: which parts of photographs a trained run's answers rest on."""

from keras_resnet.cli.output import add_common, result
from keras_resnet.cli.quiet import load_keras
from keras_resnet.errors import DataError, one_of


def add_arguments(parser):
    """Adds the command's arguments."""
    from keras_resnet.explain.methods import METHODS

    methods = "\n".join(f"  {name:<22}{text}" for name, (_, text) in METHODS.items())
    parser.description = f"{parser.description}\n\nmethods:\n{methods}"
    parser.add_argument("run", metavar="RUN", help="run folder")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="photograph; its central square is used")
    text = "one of those above (default: %(default)s)"
    parser.add_argument("--method", metavar="NAME", choices=list(METHODS), default="grad_cam", help=text)
    text = "explain this class (default: the one that the run sees in each photograph)"
    parser.add_argument("--class", dest="class_name", metavar="NAME", help=text)
    text = "layer whose feature map grad_cam and grad_cam_plus_plus look at (default: the deepest of at least 7 x 7)"
    parser.add_argument("--layer", metavar="NAME", default="auto", help=text)
    parser.add_argument("--out", required=True, metavar="PNG", help="the picture to write: photographs with the map over them")
    add_common(parser, "keras-resnet explain runs/first photo.jpg --out why.png")


def run(arguments):
    """Explains the photographs, draws them, and says what was explained and where each map is highest."""
    from keras_resnet.explain.methods import LAYERED, SIGNED
    from keras_resnet.workdir import Workdir

    record = Workdir(arguments.run).read()  # a wrong name is told at once, not after the framework has loaded
    index = _class_index(arguments.class_name, record["class_names"])
    if arguments.layer != "auto" and arguments.method not in LAYERED:
        raise DataError(f"layer: {arguments.method} looks at no layer; expected it with {' or '.join(LAYERED)}")
    load_keras()
    from keras_resnet import evaluate
    from keras_resnet.explain.methods import method_by_name

    predictor, images = _images(arguments)
    layer = {"layer": arguments.layer} if arguments.method in LAYERED else {}
    maps = method_by_name(arguments.method)(arguments.run, images, index, **layer)
    rows, explanations = [], []
    for photo, values, chosen, probabilities in zip(arguments.photos, maps, maps.class_index, predictor(images), strict=True):
        name, probability = predictor.class_names[chosen], float(probabilities[chosen])
        whole = _whole(photo)
        rows.append((_short(photo), whole, values, name, probability))
        peak = _peak(values, whole.shape)
        explanations.append({"image": photo, "class": name, "probability": probability, "peak": peak})
    words = arguments.method + (f" of layer {maps.layer}" if maps.layer else "")
    evaluate.explanations(rows, arguments.out, method=words, signed=arguments.method in SIGNED)
    value = {"method": arguments.method, "layer": maps.layer, "explanations": explanations, "picture": arguments.out}
    result(value, "\n".join([*map(_line, explanations), f"Method: {words}", f"Picture: {arguments.out}"]), arguments.json)


def _class_index(name, class_names):
    if name is None:
        return None
    if name not in class_names:
        raise DataError(one_of("class", name, class_names))
    return class_names.index(name)


def _images(arguments):
    import numpy as np

    from keras_resnet.deploy import Predictor

    predictor = Predictor(arguments.run, engine="keras")
    return predictor, np.stack([predictor.photo(photo) for photo in arguments.photos])


def _whole(photo):
    from keras_resnet.data.photo import read_whole_photo

    return read_whole_photo(photo)


def _short(photo):
    from pathlib import Path

    return Path(photo).name


def _peak(values, shape):
    """Where a map is highest, in pixels of the whole photograph: `[x, y]`, from its upper left corner."""
    import numpy as np

    from keras_resnet.explain.heatmaps import on_photograph

    row, column = np.unravel_index(np.nanargmax(on_photograph(values, shape)), shape[:2])
    return [int(column), int(row)]


def _line(row):
    x, y = row["peak"]
    return f"{row['image']}: {row['class']} ({row['probability']:.1%}), most at pixel {x}, {y}"
