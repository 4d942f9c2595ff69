# %% [markdown]
# # Transfer
#
# A network that has learnt one task is a good start for another: its first layers see edges, colours and shapes, which are of
# use to both. This notebook takes a small network trained on hand signs to the same signs in **photographic negatives**, with
# ten images a class to learn from. It does so in three ways, in plain Keras with `model.fit`: features and a new classifier;
# freezing and fine-tuning; and, to compare, from scratch.

# %%
from keras_resnet.notebook import OUT, kr  # the package, before TensorFlow; a folder for all that is written

import keras
import matplotlib.pyplot as plt
import numpy as np

OUT = OUT / "transfer"
FILE = "../weights/resnet20_synthetic_signs.h5"  # of the project; this notebook stands in notebooks/
EPOCHS = 30  # smoke: 30 -> 1
kr.seed_everything(0)

# %% [markdown]
# ## 1. The new task
# Drawn with a seed that the network has not seen, and turned into negatives. For the eye nothing is lost; for the network it is
# another world.

# %%
signs = kr.data.make_synthetic(OUT / "signs", seed=11, train_images=60, test_images=300)  # smoke: 300 -> 12
train_y, test_y = signs.train.labels, signs.test.labels


def pixels(images):
    """What the network takes: float32, 0 to 1."""
    return images.astype("float32") / 255


train_x, test_x = pixels(255 - signs.train.images), pixels(255 - signs.test.images)

figure, axes = plt.subplots(2, 6, figsize=(8, 2.6), layout="constrained")
for column in range(6):
    axes[0, column].imshow(signs.train.images[column])
    axes[1, column].imshow(train_x[column])
    axes[0, column].set_title(f"sign {train_y[column]}", fontsize=9)
for each in axes.flat:
    each.set_axis_off()
plt.show()


# %%
def accuracy(network, x=test_x):
    """The share of right answers on the test images."""
    probabilities = keras.ops.convert_to_numpy(network(x, training=False))
    return np.mean(probabilities.argmax(axis=1) == test_y)


def pretrained():
    """The ResNet-20 that ships with the project, as it was trained: a new copy each time."""
    return kr.weights.model_from(FILE, input_shape=(64, 64, 3))


results = {"as it is": accuracy(pretrained())}
print(f"positives: {accuracy(pretrained(), pixels(signs.test.images)):.1%}")
print(f"negatives: {results['as it is']:.1%}")

# %% [markdown]
# ## 2. Features and a new classifier
# `kr.features` gives the same network with other outputs: the last map of each stage, from fine detail to broad meaning. It
# shares its layers with the network; nothing is copied and nothing computed twice.

# %%
network = pretrained()
pyramid = kr.features(network)
maps = pyramid(train_x[:1], training=False)
for name, value in maps.items():
    print(name, value.shape)

figure, axes = plt.subplots(1, 1 + len(maps), figsize=(8, 2.2))
axes[0].imshow(train_x[0])
axes[0].set_title("image", fontsize=9)
for each, (name, value) in zip(axes[1:], maps.items(), strict=True):
    each.imshow(keras.ops.convert_to_numpy(keras.ops.mean(value[0], axis=-1)), cmap="gray")
    each.set_title(f"{name}, mean of {value.shape[-1]} channels", fontsize=8)
for each in axes:
    each.set_axis_off()
plt.show()

# %% [markdown]
# The cheapest transfer: compute the last map's averages once, 64 numbers an image, and train a classifier on these numbers
# alone. The network itself is not touched, so this takes a second.

# %%
last = list(pyramid.output)[-1]
averages = keras.layers.GlobalAveragePooling2D()(pyramid.output[last])
describe = keras.Model(pyramid.input, averages)

classifier = keras.Sequential([keras.layers.Dense(6, activation="softmax")])
classifier.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
classifier.fit(describe.predict(train_x, verbose=0), train_y, batch_size=16, epochs=4 * EPOCHS, verbose=0)
results["features, new classifier"] = accuracy(classifier, describe.predict(test_x, verbose=0))
print(f"{results['features, new classifier']:.1%}")

# %% [markdown]
# Little more than before: these 64 numbers say how much there is of patterns that the network knows, and in a negative there is
# hardly any of them, as the last map above shows. Where the new images are of the same kind as the old, say other signs by
# other hands, this is the method to try first. Here the network itself has to change.
#
# ## 3. Freezing and fine-tuning
# Now the later stages may change too. `kr.freeze(model, until="stage2")` makes the stem and stage 2 fixed, and says what it
# did. Two things about it are easy to get wrong in Keras:
#
# * **Compile after freezing.** Keras looks at `trainable` when it makes its training step, at the first `fit`. What is frozen
#   before that counts; what is frozen later counts from the next `compile` on: until then TensorFlow goes on training it
#   without a word, and JAX stops with an error. (PyTorch heeds it at once.)
# * **Frozen batch normalisation must not use the batch.** With sixteen images a batch, its statistics are noise, and its
#   running averages, which prediction needs, would be spoilt. In Keras 3 a layer with `trainable = False` keeps to its
#   averages, whatever `fit` says. (Writing `base(x, training=False)` into the network, as old tutorials do, no longer has an
#   effect there: `fit` overrules it.)

# %%
tuned = pretrained()
print(kr.freeze(tuned, until="stage2"))


def fit(network, rate):
    """Trains on the sixty negatives; returns the accuracy on the test negatives."""
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(train_x, train_y, batch_size=16, epochs=EPOCHS, shuffle=True, verbose=0)
    return accuracy(network)


results["fine-tuned from stage 3 on"] = fit(tuned, 1e-3)
print(f"{results['fine-tuned from stage 3 on']:.1%}")
print(kr.check_train_eval_gap(tuned, train_x, train_y))

# %% [markdown]
# The last line runs the training images once with the statistics of their own batch and once with the running averages. Where
# the two part, prediction is worse than training made one believe, and the remedy is to estimate the averages anew, with the
# weights as they are now (frozen layers keep theirs). Here the two agree, and little changes:

# %%
kr.recalibrate_batch_norm(tuned, train_x)
print(f"with averages estimated anew: {accuracy(tuned):.1%}")

# %% [markdown]
# All layers, at a lower rate, because what the network knows is not to be swept away by the first steps:

# %%
whole = pretrained()
results["all layers fine-tuned"] = fit(whole, 3e-4)
print(f"{results['all layers fine-tuned']:.1%}")

# %% [markdown]
# Better still, in this case: what is new about negatives is their colours and edges, and those are the business of the first
# layers, which were frozen above. Where images are of the same kind, it is the other way round: the fewer there are, the more
# should stay as it is.
#
# ## 4. And without the pretrained network?
# The same network from random weights, the same sixty images, the same number of steps.

# %%
scratch = kr.create_model("resnet20", input_shape=(64, 64, 3), classes=6, zero_init_gamma=True)
results["from scratch"] = fit(scratch, 1e-3)
print(f"{results['from scratch']:.1%}")

# %%
figure, axes = plt.subplots(figsize=(8, 2.4))
bars = axes.barh(list(results), list(results.values()), color="#2b6cb0")
axes.bar_label(bars, [f"{value:.0%}" for value in results.values()], padding=4)
axes.axvline(1 / 6, color="#69727d", linestyle="--", linewidth=1)
axes.text(1 / 6, len(results) - 0.4, " guessing", color="#69727d", fontsize=9, va="top")
axes.set(xlim=(0, 1.1), xticks=[], title=f"Right answers on {len(test_y)} negatives after ten images a class")
axes.invert_yaxis()
axes.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# One seed, one draw of sixty images: take differences of a few points as nothing. To measure in earnest, repeat with other
# seeds.
#
# ## The same with the package's own training
# Augmentation, validation, lower rates for earlier stages, a run folder and a report come with
# ```
# keras-resnet train --data SET --model resnet20 --weights weights/resnet20_synthetic_signs.h5 \
#     --recipe finetune --freeze stage3 --per-class 10 --out runs/few
# ```
# With photographs and a connection, `kr.ResNet50(classes=.., head="skip")` begins from ImageNet's weights. Remember that these
# want their own pixels: `kr.preprocess_input(images, mode="caffe")`.
