"""Discriminative learning rates: the earlier a layer of a trained network, the less it is changed.

Howard and Ruder 2018, arXiv:1801.06146, section 3.2. Scaling gradients would do nothing, as Adam divides by their size: it is
the update that is scaled.
"""

import keras

from keras_resnet.models.anatomy import take_apart


@keras.saving.register_keras_serializable(package="keras_resnet")
class LayerRatesAdamW(keras.optimizers.AdamW):
    """AdamW with a learning rate of each variable's own: the common one, times a factor. Weight decay goes by it too.

    Args:
        factors: dict of a variable's path (`"conv1/kernel"`) to its factor; a variable that is not in it has 1.
        settings: those of `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate: float = 0.001, factors: dict[str, float] | None = None, **settings) -> None:
        super().__init__(learning_rate, **settings)
        self.factors = {path: float(factor) for path, factor in (factors or {}).items()}

    def update_step(self, gradient: object, variable: keras.Variable, learning_rate: object) -> None:
        """One of Adam's steps, of one variable."""
        super().update_step(gradient, variable, learning_rate * self._factor(variable))

    def _apply_weight_decay(self, variables):
        # Called by Keras before the updates; its own takes one rate for all.
        for variable in variables:
            if self._use_weight_decay(variable):
                rate = keras.ops.cast(self.learning_rate, variable.dtype) * self._factor(variable)
                variable.assign(variable * (1 - rate * self.weight_decay))

    def _factor(self, variable):
        # A backend may hand its own variable over, without a path.
        return self.factors.get(self._trainable_variables[self._get_variable_index(variable)].path, 1.0)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {**super().get_config(), "factors": self.factors}


def rate_factors(model, share):
    """Factors of `LayerRatesAdamW` by stage: 1 for the classifier, ``share`` for the last stage, its square before that ...

    Args:
        model: a network of the catalogue, alone or nested.
        share: the rate of a stage over that of the next, more than 0 and at most 1.

    Returns:
        Dict of the path of each trainable variable of stem and stages to its factor.

    Raises:
        ModelError: not a ResNet.
    """
    anatomy = take_apart(model)
    parts = [anatomy.stem, *([step for block in blocks for step in block.steps] for blocks in anatomy.stages.values())]
    factors = {}
    for distance, steps in enumerate(reversed(parts), start=1):
        for step in steps:
            for variable in getattr(step.layer, "trainable_variables", ()):
                factors[variable.path] = share**distance
    return factors
