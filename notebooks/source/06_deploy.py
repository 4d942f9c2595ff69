# %% [markdown]
# # A trained network put to use
#
# A run ends in a folder that only TensorFlow can use, and TensorFlow takes seconds to load for one photograph. This notebook
# writes the network for other engines, proves there that it is the same function, computes it in 8-bit integers, looks at the
# photographs whose answer that changes, and measures what is gained. It needs
# `pip install 'keras-resnet50[openvino,int8]'`.

# %%
from keras_resnet.notebook import OUT, kr  # the package, before TensorFlow; a folder for all that is written

import json

import keras
import matplotlib.pyplot as plt
import numpy as np

OUT = OUT / "deploy"
RUN = OUT / "run"
FILE = "../weights/resnet20_synthetic_signs.h5"  # of the project; this notebook stands in notebooks/
EPOCHS = 3  # smoke: 3 -> 1

# %% [markdown]
# ## 1. A run
# A small network on drawn hand signs, from the weights that ship with the project. `resume` leaves a run that is there alone.

# %%
signs = kr.data.make_synthetic(OUT / "signs", seed=3, train_images=720, test_images=192)  # smoke: 720 -> 48, 192 -> 24
outcome = kr.train.run(
    data=OUT / "signs", out=RUN, model="resnet20", weights=FILE, recipe="signs-quick", learning_rate=1e-4, epochs=EPOCHS,
    resume=True, verbose=0, say=lambda line: None,
)  # fmt: skip
print(f"test accuracy {outcome.accuracy:.1%}")

# %% [markdown]
# ## 2. Export
# The exported network takes raw pixels, uint8 `(N, 64, 64, 3)`, and gives probabilities: what is done to pixels, the trap of
# every export, is inside. Before a file is written it is loaded into its own engine and compared with Keras on the run's own
# validation images, in batches of 1, 3 and 16. What its user has to know stands in the file, and in a JSON file beside it.

# %%
exported = kr.deploy.export(RUN, format="openvino")
print(exported)
beside = json.loads(exported.path.with_name(exported.path.name + ".json").read_text())
print({name: beside[name] for name in ("classes", "input", "photograph", "preprocessing")})

# %% [markdown]
# The check is no formality. Here somebody exports the network once more and scales the pixels himself, although the network
# does it already. The probabilities still look like probabilities.

# %%
images = keras.Input((64, 64, 3), dtype="uint8")
trained = keras.models.load_model(RUN / "model.keras", compile=False)
twice = keras.Model(images, trained(keras.ops.cast(images, "float32") / 255))
kr.deploy.export(twice, OUT / "twice.xml", format="openvino", preprocess="none")
try:
    kr.deploy.check(OUT / "twice.xml", RUN)
except kr.errors.DeployError as problem:
    print(problem)

# %% [markdown]
# ## 3. Predict with it
# `Predictor` takes the quickest engine that is installed, and says which. Photographs are decoded, cropped and resized by the
# same code whatever engine computes.

# %%
test = signs.test
openvino, with_keras = kr.deploy.Predictor(RUN, engine="openvino"), kr.deploy.Predictor(RUN, engine="keras")
print(f"largest difference of a probability: {np.abs(openvino(test.images) - with_keras(test.images)).max():.1e}")

# %% [markdown]
# ## 4. 8-bit integers
# Scaled by the training images, measured on the validation images: accuracy before and after, and the interval of the
# difference, which on few images is wide. Where more than half a point is lost, layers are left in float32 until it is not.

# %%
integers = kr.deploy.export(RUN, format="openvino", int8=True, max_drop=2.0)  # smoke: 2.0 -> 100
print(integers)

# %% [markdown]
# Which answers did it change? On the test images, which neither chose nor scaled anything:

# %%
low, high = kr.deploy.Predictor(RUN, engine="openvino", precision="int8")(test.images), openvino(test.images)
changed = np.flatnonzero(low.argmax(axis=1) != high.argmax(axis=1))
print(f"{len(changed)} of {len(test)} answers; accuracy {(high.argmax(1) == test.labels).mean():.1%} in float32, "
      f"{(low.argmax(1) == test.labels).mean():.1%} in int8")  # fmt: skip

# %% [markdown]
# The pictures of those, or of the nearest to a change where there is none: the margin is the lead of the likeliest class.

# %%
margin = np.diff(np.sort(high, axis=1)[:, -2:])[:, 0]
shown = (list(changed) + list(np.argsort(margin)))[:6]
names = signs.class_names


def said(probabilities):
    """The likeliest class and its probability, in words."""
    return f"{names[probabilities.argmax()]} {probabilities.max():.0%}"


figure, axes = plt.subplots(1, 6, figsize=(10, 2.4), layout="constrained")
for each, index in zip(axes, shown, strict=True):
    each.imshow(test.images[index])
    text = f"true {names[test.labels[index]]}\nfloat32 {said(high[index])}\nint8 {said(low[index])}"
    each.set_title(text, fontsize=8)
    each.set_axis_off()
plt.show()

# %% [markdown]
# ## 5. Which engine when
# Measured on this machine, one image at a time; the engines take turns.

# %%
measured = kr.deploy.latency(RUN, calls=100)  # smoke: 100 -> 20
print(measured)
plt.figure(figsize=(8, 3), layout="constrained")
plt.imshow(plt.imread(measured.picture(OUT / "latency.png")))
plt.axis("off")
plt.show()

# %% [markdown]
# - **OpenVINO**, float32: the safe choice on a processor of Intel's or AMD's, and what `keras-resnet predict` takes by itself.
#   In int8 it is several times as quick, where the loss that the export reports is one you can bear.
# - **ONNX Runtime**: one file that runs nearly everywhere, from other languages too.
# - **LiteRT**: phones and small machines.
# - **SavedModel**: TensorFlow Serving, and whoever has TensorFlow anyway.
# - **Keras**: to train on, and to look inside.
