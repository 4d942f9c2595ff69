"""The experiments by name, in the order of the page."""

import importlib

# Modules of this package, a claim each.
_MODULES = (
    "vanishing_gradients",
    "degradation",
    "identity",
    "residual_target",
    "backprop_term",
    "shapes",
    "unrolled_paths",
    "operation_order",
    "variance",
    "shattered_gradients",
    "ensemble",
    "features",
)

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (importlib.import_module(f"keras_resnet.lab.{module}").EXPERIMENT for module in _MODULES)
}
