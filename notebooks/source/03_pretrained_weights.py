# %% [markdown]
# # Pretrained weights
#
# A weight file is a box of arrays with names on them. Whether they land in the right places of your network is checked by
# nobody: where shapes fit, Keras loads, and a network with weights in the wrong places answers as readily as one with the right
# ones. This notebook inspects a file, loads it, converts it, and shows how it goes wrong without a word.
#
# It uses the small network that ships with the project: a ResNet-20, 1.2 MB, trained on drawn hand signs.

# %%
from keras_resnet.notebook import OUT, kr  # the package, before TensorFlow; a folder for all that is written

from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

OUT = OUT / "weights"
FILE = Path("../weights/resnet20_synthetic_signs.h5")  # of the project; this notebook stands in notebooks/

# %% [markdown]
# ## 1. What is in the file?
# `inspect` goes by the content, not by the name: many a published `.h5` is a login page of a web site, or was renamed.

# %%
info = kr.weights.inspect(FILE)
print("network ", info.model, "of lineage", info.lineage)
print("file    ", info.container, "with the layer names of", info.dialect)
print("classes ", info.classes)
print("sha256  ", info.sha256)
for sentence in info.evidence:
    print("   -", sentence)

# %% [markdown]
# The **lineage** matters most. "ResNet-50" names several networks, which differ in where the stride stands, how the pool is
# padded, epsilon, and what is done to pixels. Weights of one load into another, and lose accuracy: a point or two, or all of
# it. The lineage is whose network computes with these weights what their author's did.
#
# ## 2. Loading
# Two ways: let the file say which network it needs, or build the network and load into it. The second is exact about it: every
# array to its place in the network (stage, block, branch, role), or an error and an untouched network.

# %%
model = kr.weights.model_from(FILE, input_shape=(64, 64, 3))

same = kr.create_model("resnet20", input_shape=(64, 64, 3), classes=6)
report = kr.weights.load(same, FILE)
print(report)
print("complete:", report.complete)

# %% [markdown]
# Does it work? Images that the network has not been trained on, drawn with another seed. It wants pixels divided by 255: its
# card in `weights/README.md` says so.

# %%
test = kr.data.make_synthetic(OUT / "signs", seed=7, train_images=6, test_images=240).test  # smoke: 240 -> 36
images = test.images / np.float32(255)


def accuracy(network, images=images):
    """The share of right answers."""
    probabilities = keras.ops.convert_to_numpy(network(images, training=False))
    return np.mean(probabilities.argmax(axis=1) == test.labels)


results = {"loaded as it should be": accuracy(model)}
print(f"{results['loaded as it should be']:.1%} of {len(test)} images")

# %% [markdown]
# ## 3. What goes wrong without
# ### Loading by name loads nothing, and says nothing
# Here is a ResNet-20 whose layers have other names, as those of any other library have. Keras's `load_weights(by_name=True)`
# goes through the file, finds no name that fits, and returns. No error, no warning, no count.

# %%
renamed = keras.models.clone_model(
    same, clone_function=lambda layer: layer.__class__.from_config({**layer.get_config(), "name": f"my_{layer.name}"})
)
before = [array.copy() for array in renamed.get_weights()]
renamed.load_weights(FILE, by_name=True)
changed = sum(not np.array_equal(a, b) for a, b in zip(before, renamed.get_weights(), strict=True))
results["Keras, by name, other names"] = accuracy(renamed)
print(f"{changed} of {len(before)} arrays changed; accuracy {results['Keras, by name, other names']:.1%}")

# %% [markdown]
# The same network and file with this package. It reads the layers' places off the graph where names tell it nothing, and were
# that impossible, it would stop with an error:

# %%
report = kr.weights.load(renamed, FILE)
print(report)
print(f"accuracy {accuracy(renamed):.1%}")

# %% [markdown]
# ### Loading by position loads into the wrong network
# Without `by_name` Keras goes by position: the file's first array into the network's first, and so on. Shapes alone are
# compared. The network below is a ResNet-20 too, in the order of 2016: batch normalisation and ReLU *before* each convolution.
# It has arrays of the same shapes in the same order, and each of them means something else. The parallel 1x1 convolutions of a
# ResNet-50's blocks can change places in the same way, between two libraries that name the terms of the sum in another order.

# %%
other = kr.create_model("resnet20v2", input_shape=(64, 64, 3), classes=6)
other.load_weights(FILE)
results["Keras, by position, other network"] = accuracy(other)
print(f"Keras: accuracy {results['Keras, by position, other network']:.1%}, and not a word")

try:
    kr.weights.load(kr.create_model("resnet20v2", input_shape=(64, 64, 3), classes=6), FILE)
except kr.errors.WeightsError as error:
    print("ours: ", error)

# %% [markdown]
# ### Pixels in another range
# The network was trained on 0 to 1. Feed it 0 to 255, or what ImageNet's networks take (blue first, means subtracted), and it
# answers without hesitation. The first edition of a well-known course predicted its students' own photos in this way.

# %%
raw = test.images.astype("float32")
imagenet = kr.preprocess_input(raw, mode="caffe")
results["pixels from 0 to 255"] = accuracy(model, raw)
results["pixels as for ImageNet"] = accuracy(model, imagenet)
results["divided by 255 twice"] = accuracy(model, images / 255)
for name in ("pixels from 0 to 255", "pixels as for ImageNet", "divided by 255 twice"):
    print(f"{name:24} {results[name]:.1%}")

# %% [markdown]
# Keras's own `preprocess_input` makes it easy to do that twice: it changes a float array *in place*, so running a notebook cell
# again changes the images again. Ours makes a new array, and refuses values that are no pixels.

# %%
photo = raw[:1].copy()
keras.applications.resnet50.preprocess_input(photo)
print(f"Keras, after one call: the argument itself has changed, mean {raw[0].mean():.0f} -> {photo.mean():.0f}")
keras.applications.resnet50.preprocess_input(photo)
print(f"Keras, after the same cell again: mean {photo.mean():.0f}")

once = kr.preprocess_input(raw[:1], mode="caffe")
print(f"ours: the argument is as it was, mean {raw[0].mean():.0f}; the result has mean {once.mean():.0f}")
try:
    kr.preprocess_input(once, mode="caffe")
except kr.errors.KerasResNetError as error:
    print("ours, a second time:", error)

# %%
figure, axes = plt.subplots(figsize=(8, 2.6))
bars = axes.barh(list(results), list(results.values()), color=["#2b6cb0"] + ["#d9691e"] * (len(results) - 1))
axes.bar_label(bars, [f"{value:.0%}" for value in results.values()], padding=4)
axes.axvline(1 / 6, color="#69727d", linestyle="--", linewidth=1)
axes.text(1 / 6, len(results) - 0.4, " guessing", color="#69727d", fontsize=9, va="top")
axes.set(xlim=(0, 1.1), xticks=[], title="The same weight file, the same images: share of right answers")
axes.invert_yaxis()
axes.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# ### Damaged files and other classes
# These are errors in Keras too, but of the kind that sends one searching. Here each is one line that says what was found, and
# the network keeps the weights that it had.

# %%
(OUT / "cut_off.h5").write_bytes(FILE.read_bytes()[:500_000])  # a download that broke off
(OUT / "page.h5").write_text("<!DOCTYPE html><html><body>Please log in</body></html>")  # what a browser may save
ten = kr.create_model("resnet20", input_shape=(64, 64, 3), classes=10)
for network, path in ((same, OUT / "cut_off.h5"), (same, OUT / "page.h5"), (ten, FILE)):
    try:
        kr.weights.load(network, path)
    except kr.errors.WeightsError as error:
        print(f"{path.name}: {error}\n")

print("With head='skip':", kr.weights.load(ten, FILE, head="skip"))

# %% [markdown]
# ## 4. Converting
# The file is in the layout of Keras 1 and 2. The same weights in today's layout, for a program that loads with Keras alone:
# there the suffix decides, `.weights.h5`, and an old file that is merely renamed is refused. `diff` compares the arrays of two
# files by their places, whatever they are called.

# %%
NEW = OUT / "resnet20.weights.h5"
print(kr.weights.convert(FILE, NEW, "keras3"))
print(kr.weights.diff(FILE, NEW))

fresh = kr.create_model("resnet20", input_shape=(64, 64, 3), classes=6)
fresh.load_weights(NEW)  # Keras's own
print(f"accuracy {accuracy(fresh):.1%}")

# %% [markdown]
# PyTorch's names are refused: torchvision's blocks have their stride elsewhere and would compute something else with these
# arrays. Whoever has built the right network over there may say `lineage="ignore"`.

# %%
try:
    kr.weights.convert(FILE, OUT / "resnet20.safetensors", "torchvision")
except kr.errors.WeightsError as error:
    print(error)

# %% [markdown]
# ## The same at the command line
# ```
# keras-resnet weights inspect resnet20_synthetic_signs.h5
# keras-resnet weights verify resnet20_synthetic_signs.h5
# keras-resnet weights convert resnet20_synthetic_signs.h5 resnet20.weights.h5 --dialect keras3
# keras-resnet weights diff resnet20_synthetic_signs.h5 resnet20.weights.h5
# keras-resnet weights list
# ```
# The last one lists the published files: network, accuracy, hash. With a connection, `kr.ResNet50()` fetches ImageNet's weights
# and checks the hash; `kr.ResNet50(classes=6, head="skip")` takes all but the classifier.
