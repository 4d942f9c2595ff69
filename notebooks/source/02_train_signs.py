# %% [markdown]
# # Training on signs, with care
#
# Before training one looks at the images, afterwards at the mistakes. This notebook goes the whole way: the set, the random
# changes to its images, the recipe, the run, its curves, its figures on images that it has not seen, and the images where it is
# wrong.

# %%
from keras_resnet.notebook import OUT, kr  # the package, before TensorFlow; a folder for all that is written

import numpy as np
from IPython.display import Image

# %% [markdown]
# ## 1. The data
# The package draws hands that show the numbers 0 to 5; the same seed gives the same bytes on every machine. With photographs of
# your own, one folder a class, `kr.data.pack_folder("photos", "out/signs")` makes such a set.

# %%
SET = OUT / "signs"
if not SET.exists():
    kr.data.make_synthetic(SET, train_images=1080, test_images=120)  # smoke: 1080 -> 48, 120 -> 24
signs = kr.data.load_signs(SET)
Image(kr.data.sample_grid(signs.train, signs.class_names, OUT / "samples.png", per_class=5), width=520)

# %% [markdown]
# What to look for in a set before training:
#
# * **Is every class there, about equally often?** With nine images in ten of one class, 90 % accuracy is nothing.
# * **Is a test image among the training images?** Then the accuracy measures memory. The photographs of the course have an
#   exact duplicate within their test set; harmless, but good to know.
# * **Are pixels what they should be?** Whole numbers from 0 to 255. They stay bytes on the way to the network; `images / 255.`
#   of the course makes them float64, eight times the memory, and any later division does it twice.

# %%
report = kr.data.check(SET)
for name in ("train", "test"):
    print(f"{name:5}", report[name]["images"], "images, by class:", report[name]["per_class"])
    pixels = report[name]["pixels"]
    print(
        f"      pixels: {pixels['min']} to {pixels['max']}, mean {pixels['mean']:.1f}, standard deviation {pixels['std']:.1f}"
    )
print("duplicates:", {name: report["duplicates"][name] for name in ("train", "test", "across")})
print("warnings:", report["warnings"] or "none")

# %% [markdown]
# ## 2. Augmentation
# A thousand images are few: a network with millions of weights can learn them by heart. So each image is changed a little every
# time it is used, in ways that leave its label true. What leaves it true depends on the task. A sign moved by five pixels is
# the same sign. A mirror image is a hand of the other side, and in many sign languages that matters, so no recipe here mirrors.
#
# The first row shows one training image as `signs-quick` changes it, the second as `signs` does, the recipe for photographs.

# %%
from keras_resnet.data.augment import augment

names = ("signs-quick", "signs")
one = np.repeat(signs.train.images[:1], 6, axis=0)
changed = [augment(one, kr.train.RECIPES[name].augmentation, np.random.default_rng(0)) for name in names]
rows = kr.data.Split(np.concatenate(changed), np.repeat([0, 1], 6), None)
Image(kr.data.sample_grid(rows, names, OUT / "augmented.png", per_class=6), width=640)

# %% [markdown]
# ## 3. The recipe
# A recipe is every choice of a run that is not the data or the network, in one frozen row. Any field can be replaced in the
# call: `kr.train.run(..., recipe="signs-quick", learning_rate=5e-4)`.

# %%
recipe = kr.train.RECIPES["signs-quick"]
for field, value in recipe.to_json().items():
    print(f"{field:20} {value}")

# %% [markdown]
# * `learning_rate`, `warmup_epochs`, `final_rate`: up in a straight line while the weights are random, down along a cosine to
#   let them settle.
# * `weight_decay` pulls kernels towards zero; the scales and shifts of batch normalisation are left alone.
# * `label_smoothing`: nine tenths for the right class, the rest spread over all, so that the network does not spend its weights
#   on ever greater certainty.
# * `batch_norm_momentum`: with 0.9 the running averages of batch normalisation follow within tens of steps. Keras's 0.99 needs
#   hundreds, and a short run then predicts at chance.
# * `zero_init_gamma`: every block begins as its shortcut, so the deep network starts as a shallow one.
# * `recalibrate`: at the end these averages are measured anew with the final weights.
#
# ## 4. The run
# The network is a ResNet-18: blocks of two 3x3 convolutions, about half the work of ResNet-50. A tenth of the training images
# is set aside for validation. They choose nothing here, the last epoch counts; they only show how it is going. The test images
# are looked at once, at the end. Whoever picks the best epoch by the test images has trained on them.

# %%
RUN = OUT / "resnet18"  # smoke: resnet18 -> tiny
outcome = kr.train.run(
    data=SET,
    out=RUN,
    model="resnet18",  # smoke: resnet18 -> resnet-tiny
    recipe=recipe,
    epochs=16,  # smoke: 16 -> 1
    seed=0,
    resume=True,  # a run that is there already is not made again, one that was interrupted goes on
    verbose=2,
)
print(f"\n{outcome.epochs} epochs, {outcome.seconds / 60:.1f} minutes of training")

# %% [markdown]
# ## 5. The curves

# %%
Image(RUN / "curves.png", width=900)

# %% [markdown]
# * **Both losses fall, both accuracies rise, and stay close**: it learns what the images have in common.
# * Training goes on rising and validation does not: learning by heart. More images, more augmentation, fewer epochs.
# * Both stay low: the rate is wrong, or the network too small, or the labels are.
# * **Validation at chance while training rises** in the first epochs: the averages of batch normalisation lag behind the
#   weights. With a high momentum it stays so to the end, and it is then not the weights that are bad. The function below runs
#   the same images in training and in inference mode and names the layers where the two part.

# %%
from keras_resnet.workdir import Workdir

network = Workdir(RUN).load_model()  # takes raw pixels: its first layer scales them
print(kr.check_train_eval_gap(network, signs.train.images[:64], signs.train.labels[:64]))

# %% [markdown]
# ## 6. The figures on the test images

# %%
scores = kr.evaluate.report(RUN, signs)
low, high = scores.accuracy_interval
print(f"accuracy {scores.accuracy:.1%}, 95 % interval {low:.1%} to {high:.1%}, {scores.images} images")
for row in scores.per_class:
    precision = "-" if row.precision is None else f"{row.precision:.0%}"
    print(f"class {row.name}: recall {row.recall:.0%}, precision {precision}")
print(f"calibration error {scores.calibration_error:.1%}: by how much its certainty differs from its accuracy, on average")
Image(RUN / "confusion.png", width=430)

# %% [markdown]
# A row of the matrix is a true class, a column an answer. **Recall** reads along a row: of the images of this class, how many
# were found. **Precision** reads down a column: of the images given this answer, how many were right.
#
# The interval says how far chance alone could carry the accuracy on so few images (Wilson's, at 95 %). Two networks whose
# intervals overlap widely have not been told apart; look at more images, or train each with several seeds.
#
# The calibration error compares certainty with accuracy. It is large here because of the smoothed labels: the network, taught
# never to be quite certain, understates. Its probabilities rank the answers well, but 80 % does not mean that one in five is
# wrong.
#
# ## 7. The mistakes
# No figure teaches as much as the images themselves: the wrong ones, the most confident first.

# %%
picture = kr.evaluate.mistakes(signs.test.images, scores, OUT / "mistakes.png")
Image(picture, width=900) if picture else print("There is none among these images.")

# %% [markdown]
# Most are fives taken for fours, as the matrix says too. Ask of each: could a person tell? Is the label wrong? Is it a kind of
# image that the training images hardly have? The answers lead to other labels, other images, or another recipe. And after some
# rounds of that the test images have been looked at too often; then it is time for new ones: `kr.data.make_synthetic("fresh",
# seed=1)`.
#
# ## The same at the command line
# ```
# keras-resnet data synthetic out/signs
# keras-resnet train --data out/signs --model resnet18 --recipe signs-quick --out out/resnet18
# keras-resnet evaluate out/resnet18 --data out/signs --out out/resnet18-test
# keras-resnet runs out
# ```
# Each run folder holds `report.html`, with all of this on one page.
