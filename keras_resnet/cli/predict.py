"""`keras-resnet predict`: what a trained run says of photographs."""

from keras_resnet.cli.output import add_common, result, say
from keras_resnet.cli.quiet import load_keras


def add_arguments(parser):
    """Adds the command's arguments."""
    parser.add_argument("run", metavar="RUN", help="run folder")
    parser.add_argument("photos", metavar="PHOTO", nargs="+", help="photograph; its central square is used")
    parser.add_argument("--out", metavar="PNG", help="draw each photograph, the crop that the network sees, the probabilities")
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

    if not cache.is_ready(run, cache.choose(engine, precision), precision):
        load_keras()


def run(arguments):
    """Predicts and prints the most probable class of each photo; draws them where asked to."""
    from keras_resnet.workdir import Workdir

    Workdir(arguments.run).read()  # a wrong name is told at once, not after the framework has loaded
    chosen = {"engine": arguments.engine, "precision": arguments.precision}
    load_keras_unless_ready(arguments.run, **chosen)
    import numpy as np

    from keras_resnet.deploy import Predictor

    predictor = Predictor(arguments.run, **chosen)
    images = np.stack([predictor.photo(photo) for photo in arguments.photos])
    predictions = []
    for photo, image, row in zip(arguments.photos, images, predictor(images), strict=True):
        predictions.append(
            {
                "image": photo,
                "class": predictor.class_names[int(row.argmax())],
                "probability": float(row.max()),
                "probabilities": dict(zip(predictor.class_names, map(float, row), strict=True)),
                "warning": predictor.unlike_training(image),
            }
        )
        if predictions[-1]["warning"]:
            say(f"warning: {photo}: {predictions[-1]['warning']}; the answer may mean little")
    lines = [f"{row['image']}: {row['class']} ({row['probability']:.1%})" for row in predictions]
    if arguments.out:
        lines.append(f"Picture: {predictor.picture(arguments.photos, arguments.out)}")
    result({"predictions": predictions, "picture": arguments.out}, "\n".join(lines), arguments.json)
