"""`keras-resnet predict`: what a trained run says of photographs."""

import csv

from keras_resnet.cli.output import add_common, line, result, say
from keras_resnet.cli.quiet import load_keras

AT_ONCE = 64  # photographs that are decoded before the network looks at them


def add_arguments(parser):
    """Adds the command's arguments."""
    from keras_resnet.evaluate.photographs import MOST_PHOTOS

    parser.add_argument("run", metavar="RUN", help="run folder")
    text = "photograph, of which the middle is used, in the shape of the run's images; or a folder of such, in it or below"
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help=text)
    parser.add_argument("--csv", metavar="FILE", help="write a line for each photograph, with the probabilities of all classes")
    text = f"draw photographs, {MOST_PHOTOS} at most: each with the crop that the network sees, and the probabilities"
    parser.add_argument("--out", metavar="PNG", help=text)
    parser.add_argument("--skip-bad", action="store_true", help="leave out photographs that cannot be read")
    add_engine(parser)
    add_common(parser, "keras-resnet predict runs/first photo.jpg --out answer.png")


def add_engine(parser):
    """Adds the arguments that choose an engine."""
    from keras_resnet.deploy.cache import AUTO, ORDER
    from keras_resnet.deploy.engines import FLOAT, KERAS, PRECISIONS

    text = "what computes (default: auto, the quickest that is installed)"
    parser.add_argument("--engine", choices=(AUTO, KERAS, *ORDER), default=AUTO, help=text)
    text = "what it computes in, where it can (default: float32)"
    parser.add_argument("--precision", choices=PRECISIONS, default=FLOAT, help=text)


def load_keras_unless_ready(run, engine, precision):
    """Loads Keras quietly, unless an engine that needs none has its export of the run."""
    from keras_resnet.deploy import cache
    from keras_resnet.deploy.engines import KERAS

    engine = cache.choose(engine, precision)
    if cache.is_ready(run, engine, precision):
        return
    if engine != KERAS:
        say(f"The export for {engine} in {precision} is made and checked now, once for these weights")
    load_keras()


def run(arguments):
    """Predicts and prints the most probable class of each photo; then writes and draws what was asked for."""
    from keras_resnet.deploy.listing import photographs_of
    from keras_resnet.evaluate.photographs import MOST_PHOTOS
    from keras_resnet.workdir import FEATURES, Workdir

    Workdir(arguments.run).read()  # a wrong name is told at once, not after the framework has loaded
    photographs, left_out = photographs_of(arguments.photos)
    for phrase in left_out:
        say(phrase)
    chosen = {"engine": arguments.engine, "precision": arguments.precision}
    load_keras_unless_ready(arguments.run, **chosen)
    from keras_resnet.deploy import Predictor

    predictor, predictions, skipped = Predictor(arguments.run, **chosen), [], []
    for start in range(0, len(photographs), AT_ONCE):
        predictions += _predict(predictor, photographs[start : start + AT_ONCE], skipped if arguments.skip_bad else None)
    if not predictor.judges_features and (Workdir(arguments.run) / FEATURES).exists():
        say("Unlike the training set: by brightness and contrast alone; --engine keras compares the features too")
    drawn = [row["image"] for row in predictions[:MOST_PHOTOS]] if arguments.out else []
    value = {"predictions": predictions, "skipped": skipped, "csv": arguments.csv, "picture": arguments.out if drawn else None}
    lines = [f"{row['image']}: {row['class']} ({row['probability']:.1%})" for row in predictions]
    result(value, lines, arguments.json)
    if arguments.csv:
        _write(arguments.csv, predictions, predictor.class_names)
    if drawn:
        _draw(predictor, drawn, len(predictions), arguments)


def _predict(predictor, photographs, skipped):
    """A dict for each photograph. Where ``skipped`` is a list, those that cannot be read are added to it; else they raise."""
    import numpy as np

    from keras_resnet.errors import DataError

    images, names = [], []
    for photograph in map(str, photographs):
        try:
            images.append(predictor.photo(photograph))
            names.append(photograph)
        except DataError as problem:
            if skipped is None:
                raise DataError(f"{problem}; --skip-bad leaves out what cannot be read") from None
            skipped.append(photograph)
            say(f"Left out: {problem}")
    if not images:
        return []
    rows = zip(names, images, predictor(np.stack(images)), strict=True)
    return [_row(predictor, name, image, probabilities) for name, image, probabilities in rows]


def _row(predictor, name, image, probabilities):
    warning = predictor.unlike_training(image)
    if warning:
        say(f"warning: {name}: {warning}; the answer may mean little")
    return {
        "image": name,
        "class": predictor.class_names[int(probabilities.argmax())],
        "probability": float(probabilities.max()),
        "probabilities": dict(zip(predictor.class_names, map(float, probabilities), strict=True)),
        "warning": warning,
    }


def _write(path, predictions, class_names):
    """A CSV file with a line for each prediction."""
    from keras_resnet.files import whole

    columns = ("image", "class", "probability", "warning", *(f"probability of {name}" for name in class_names))
    with whole(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for row in predictions:
            first = (row["image"], row["class"], row["probability"], row["warning"] or "")
            writer.writerow((*first, *row["probabilities"].values()))


def _draw(predictor, photographs, count, arguments):
    predictor.picture(photographs, arguments.out)
    if count > len(photographs):
        say(f"The picture shows the first {len(photographs)} of {count:,} photographs")
    if not arguments.json:
        line(f"Picture: {arguments.out}")
