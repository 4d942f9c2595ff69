"""What stands behind the last feature map: the classifier, or a global pool, or nothing."""

from keras_resnet.architectures import layer_names


def classify(x, spec, make, classes, activation):
    """`(N, H, W, C)` to `(N, classes)`: the mean of the whole map, then a dense layer."""
    make = make.at(layer_names.HEAD)
    x = make.average_whole_map(x, "pool") if spec.head == "flatten" else make.global_average(x, "pool")
    if spec.softmax_layer:
        x = make.dense(x, "1", classes, None)
        return x if activation is None else make.activation(x, "1", activation)
    return make.dense(x, "1", classes, activation)


def pool(x, make, pooling):
    """`(N, H, W, C)` to `(N, C)` for ``"avg"`` and ``"max"``, or as it is for None."""
    make = make.at(layer_names.HEAD)
    if pooling == "avg":
        return make.global_average(x, "pool")
    return make.global_max(x, "pool") if pooling == "max" else x
