"""The methods by name. Loads no framework: the command line reads the names before it loads one."""

import importlib

# Method -> its module and what it shows, for a reader.
METHODS = {
    "grad_cam": ("gradients", "where the last feature map speaks for the class (Grad-CAM)"),
    "grad_cam_plus_plus": ("gradients", "the same, several places of one kind weighed alike (Grad-CAM++)"),
    "integrated_gradients": ("gradients", "each pixel's share of the logit, for the class and against it"),
    "occlusion": ("perturbation", "how far the logit falls where a window hides the image"),
    "rise": ("perturbation", "the mean probability under random masks that leave a pixel visible (RISE)"),
}
SIGNED = ("integrated_gradients", "occlusion")  # above 0: for the class; below 0: against it
LAYERED = ("grad_cam", "grad_cam_plus_plus")  # these look at the map of a layer


def method_by_name(name):
    """The function of a method."""
    return getattr(importlib.import_module(f"keras_resnet.explain.{METHODS[name][0]}"), name)
