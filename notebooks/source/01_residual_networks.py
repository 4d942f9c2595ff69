# %% [markdown]
# # Residual networks
#
# You write the two building blocks of a ResNet, stack them into a ResNet-50, train it on pictures of hand signs, and show it a
# photo of your own hand.
#
# There are three exercises. Each has a space between the lines `START CODE HERE` and `END CODE HERE`; the cell after it checks
# what you wrote and says in a sentence what is missing or wrong. As long as it is not right, the notebook goes on with the
# package's own function in its place, so you can read on at any time. All of it runs on a plain CPU.
#
# One remark before you begin: import `keras_resnet` before TensorFlow. It then turns on TensorFlow's faster CPU kernels, which
# can be chosen only before TensorFlow loads.

# %%
from keras_resnet.notebook import OUT, kr  # the package, before TensorFlow; a folder for all that is written

import keras
from keras import layers
import numpy as np
from IPython.display import Image

# %% [markdown]
# ## 1. Why depth hurts
#
# A deeper network can compute all that a shallower one can: let its extra layers pass on what they are given. So it should
# never be worse on the images that it is *trained* on. It is. These are error rates on ImageNet (He et al. 2015, table 2,
# top-1, validation), of networks that differ in depth and in one thing more, the shortcut:
#
# | | 18 layers | 34 layers |
# |---|---|---|
# | plain: layer upon layer | 27.94 % | **28.54 %** |
# | residual: the same layers, with shortcuts | 27.88 % | **25.03 %** |
#
# The plain network gets worse with depth, and in training too: this is not overfitting. The layers *could* pass on their input,
# but passing on is something that they have to learn, from random weights, and they do not find it.
#
# A residual block makes it the thing that needs no learning. Around a few layers that compute $F(x)$ it leads a second way, the
# **shortcut**, on which $x$ goes by untouched, and adds the two:
#
# $$y = \mathrm{ReLU}(x + F(x))$$
#
# If there is nothing to improve, $F = 0$ is enough, and that is easy: small weights do it. What the layers learn is the
# difference, the *residual*, and that gave the network its name. Going backwards, the sum sends the gradient to both of its
# terms as it is, so on the shortcut it reaches the first layers without having passed through a single weight.

# %% [markdown]
# ## 2. The identity block
#
# ```
#      ┌──────────────────────────── the shortcut ────────────────────────────┐
#      │                                                                      │
#   X ─┴─ Conv 1x1 ─ BN ─ ReLU ─ Conv f x f ─ BN ─ ReLU ─ Conv 1x1 ─ BN ──── (+) ─ ReLU ─
#           F1                     F2, same                 F3
# ```
#
# Three convolutions on the main path. The first, 1x1, narrows a map of, say, 256 channels to 64; the middle one looks at the
# neighbourhood, in these few channels, where it is cheap; the last, 1x1 again, widens to 256. For this shape the block is
# called a **bottleneck**. Each detail is there for a reason:
#
# * **Batch normalisation after each convolution** brings every channel to mean 0 and variance 1 over the batch before a learnt
#   scale and shift. Without it, each block would about double the variance of what it hands on. `axis=3` because the channels
#   stand last: `(N, H, W, C)`.
# * **`padding="same"` in the middle**: the map has to keep its height and width, or it could not be added to the shortcut.
# * **No ReLU at the end of the main path.** $F(x)$ must be able to subtract; a ReLU before the addition would let the block
#   only ever add. It comes after the sum.
# * **The shortcut is saved first.** `X_shortcut = X` stands before the first convolution, because the lines that follow give
#   the name `X` to something else.
# * **Names.** `stage` and `block` go into the names of the layers, `res2b_branch2a` and the like. They are those of the
#   published weight files, which are loaded by them.
#
# ### Exercise 1
# Write the main path and the addition. You need `layers.Conv2D(filters, kernel_size, ...)`,
# `layers.BatchNormalization(axis=3)`, `layers.Activation("relu")` and `layers.Add()([.., ..])`. Each is a layer first and is
# then called on a tensor: `X = layers.Activation("relu")(X)`.


# %%
def identity_block(X, f, filters, stage, block):
    """X: tensor (N, H, W, F3). f: side of the middle kernel. filters: (F1, F2, F3). Returns a tensor of X's shape."""
    F1, F2, F3 = filters
    conv, bn = f"res{stage}{block}_branch", f"bn{stage}{block}_branch"
    X_shortcut = X

    ### START CODE HERE ###
    # First component: F1 filters of 1x1, named conv + "2a"; batch normalisation, named bn + "2a"; ReLU
    X = layers.Conv2D(F1, (1, 1), name=conv + "2a")(X)
    X = layers.BatchNormalization(axis=3, name=bn + "2a")(X)
    X = layers.Activation("relu")(X)

    # Second component: F2 filters of f x f, padding "same" ("2b"); batch normalisation; ReLU
    X = layers.Conv2D(F2, (f, f), padding="same", name=conv + "2b")(X)
    X = layers.BatchNormalization(axis=3, name=bn + "2b")(X)
    X = layers.Activation("relu")(X)

    # Third component: F3 filters of 1x1 ("2c"); batch normalisation; no ReLU yet
    X = layers.Conv2D(F3, (1, 1), name=conv + "2c")(X)
    X = layers.BatchNormalization(axis=3, name=bn + "2c")(X)

    # The sum of main path and shortcut, then the ReLU
    X = layers.Add()([X, X_shortcut])
    X = layers.Activation("relu")(X)
    ### END CODE HERE ###

    return X


# %% [markdown]
# The check builds the block, reads its layers and their order, and computes it on random numbers against the equations. When
# you have changed your block, run its cell and this one again.

# %%
grade = kr.grade.check_identity_block(identity_block)
print(grade)
if not grade.passed:
    identity_block = kr.identity_block
    print("\nUntil then the notebook goes on with the package's own: kr.identity_block")

# %% [markdown]
# Is it true that a block which has learnt nothing passes on its input? The last batch normalisation of the main path multiplies
# by a learnt scale, gamma. With gamma = 0, $F(x) = 0$ whatever the other weights are. The same layers without the shortcut hand
# on nothing at all.

# %%
x = layers.Input((8, 8, 16))
block = keras.Model(x, identity_block(x, 3, (4, 4, 16), stage=2, block="b"))
last_norm = [layer for layer in block.layers if isinstance(layer, layers.BatchNormalization)][-1]
last_norm.gamma.assign(np.zeros(16))

image = np.random.default_rng(0).random((1, 8, 8, 16), dtype="float32")  # not negative, as after a ReLU
output = keras.ops.convert_to_numpy(block(image))
without_shortcut = keras.ops.convert_to_numpy(keras.Model(x, last_norm.output)(image))
print("largest difference of the block's output from its input:", np.abs(output - image).max())
print("largest output without the shortcut:                    ", np.abs(without_shortcut).max())

# %% [markdown]
# This is how our networks begin their training: every block as its own shortcut (`zero_init_gamma` in the recipe below). A
# network of fifty layers then starts as if it had few, and grows deep as far as that helps.

# %% [markdown]
# ## 3. The convolutional block
#
# From stage to stage the map becomes half as high and wide and twice as deep. Then $x$ and $F(x)$ have different shapes and
# cannot be added, so the shortcut gets a convolution of its own, 1x1, which does nothing but bring $x$ to the new shape:
#
# ```
#      ┌────────────────── Conv 1x1, stride s, F3 ─ BN ───────────────────────┐
#      │                                                                      │
#   X ─┴─ Conv 1x1 ─ BN ─ ReLU ─ Conv f x f ─ BN ─ ReLU ─ Conv 1x1 ─ BN ──── (+) ─ ReLU ─
#         F1, stride s             F2, same                 F3
# ```
#
# * **The stride stands in the first 1x1 and in the shortcut**, so both ways shrink alike. (Other libraries have it in the
#   middle convolution. That is another network: weights of the one load into the other without complaint and compute something
#   else.)
# * **Batch normalisation on the shortcut**, too, so that both terms of the sum have the same scale. **No ReLU there**: it would
#   throw away the negative half of what passes.
#
# ### Exercise 2


# %%
def convolutional_block(X, f, filters, stage, block, strides=(2, 2)):
    """As identity_block, with any number of channels in X. Returns a tensor (N, H / stride, W / stride, F3)."""
    F1, F2, F3 = filters
    conv, bn = f"res{stage}{block}_branch", f"bn{stage}{block}_branch"
    X_shortcut = X

    ### START CODE HERE ###
    # First component: F1 filters of 1x1 with strides=strides ("2a"); batch normalisation; ReLU
    X = layers.Conv2D(F1, (1, 1), strides=strides, name=conv + "2a")(X)
    X = layers.BatchNormalization(axis=3, name=bn + "2a")(X)
    X = layers.Activation("relu")(X)

    # Second component: as in the identity block ("2b")
    X = layers.Conv2D(F2, (f, f), padding="same", name=conv + "2b")(X)
    X = layers.BatchNormalization(axis=3, name=bn + "2b")(X)
    X = layers.Activation("relu")(X)

    # Third component: as in the identity block ("2c")
    X = layers.Conv2D(F3, (1, 1), name=conv + "2c")(X)
    X = layers.BatchNormalization(axis=3, name=bn + "2c")(X)

    # Shortcut: F3 filters of 1x1 with strides=strides, named conv + "1"; batch normalisation, named bn + "1"
    X_shortcut = layers.Conv2D(F3, (1, 1), strides=strides, name=conv + "1")(X_shortcut)
    X_shortcut = layers.BatchNormalization(axis=3, name=bn + "1")(X_shortcut)

    # The sum, then the ReLU
    X = layers.Add()([X, X_shortcut])
    X = layers.Activation("relu")(X)
    ### END CODE HERE ###

    return X


# %%
grade = kr.grade.check_conv_block(convolutional_block)
print(grade)
if not grade.passed:
    convolutional_block = kr.conv_block
    print("\nUntil then the notebook goes on with the package's own: kr.conv_block")

# %% [markdown]
# ## 4. ResNet-50
#
# Fifty layers with weights on the longest way: one convolution in the stem, sixteen blocks of three, one dense layer.
#
# | | what | map for an image of 64 x 64 |
# |---|---|---|
# | stem | pad 3; 64 filters of 7x7, stride 2; BN; ReLU; max pool 3x3, stride 2 | 15 x 15 x 64 |
# | stage 2 | convolutional block *a* **with stride 1**, identity blocks *b, c*; filters 64, 64, 256 | 15 x 15 x 256 |
# | stage 3 | convolutional block *a*, identity blocks *b, c, d*; filters 128, 128, 512 | 8 x 8 x 512 |
# | stage 4 | convolutional block *a*, identity blocks *b* to *f*; filters 256, 256, 1024 | 4 x 4 x 1024 |
# | stage 5 | convolutional block *a*, identity blocks *b, c*; filters 512, 512, 2048 | 2 x 2 x 2048 |
# | head | average over 2 x 2; flatten; dense with softmax | 6 probabilities |
#
# Stage 2 has stride 1 because the stem has made the map small already. The average leaves 2,048 numbers of an image, one for
# each channel; a dense layer on the whole map would need four times the weights.
#
# ### Exercise 3
# The stem is written; write the stages and the head, and return `keras.Model(X_input, X)`.


# %%
def ResNet50(input_shape=(64, 64, 3), classes=6):
    """Returns a keras.Model: images float (N, H, W, 3), 0 to 1, to probabilities (N, classes)."""
    X_input = layers.Input(input_shape)
    X = layers.ZeroPadding2D((3, 3))(X_input)
    X = layers.Conv2D(64, (7, 7), strides=(2, 2), name="conv1")(X)
    X = layers.BatchNormalization(axis=3, name="bn_conv1")(X)
    X = layers.Activation("relu")(X)
    X = layers.MaxPooling2D((3, 3), strides=(2, 2))(X)

    ### START CODE HERE ###
    # Stage 2: convolutional_block(X, 3, [64, 64, 256], stage=2, block="a", strides=(1, 1)),
    # then two identity blocks, "b" and "c"
    X = convolutional_block(X, 3, [64, 64, 256], stage=2, block="a", strides=(1, 1))
    X = identity_block(X, 3, [64, 64, 256], stage=2, block="b")
    X = identity_block(X, 3, [64, 64, 256], stage=2, block="c")

    # Stage 3
    X = convolutional_block(X, 3, [128, 128, 512], stage=3, block="a")
    X = identity_block(X, 3, [128, 128, 512], stage=3, block="b")
    X = identity_block(X, 3, [128, 128, 512], stage=3, block="c")
    X = identity_block(X, 3, [128, 128, 512], stage=3, block="d")

    # Stage 4
    X = convolutional_block(X, 3, [256, 256, 1024], stage=4, block="a")
    X = identity_block(X, 3, [256, 256, 1024], stage=4, block="b")
    X = identity_block(X, 3, [256, 256, 1024], stage=4, block="c")
    X = identity_block(X, 3, [256, 256, 1024], stage=4, block="d")
    X = identity_block(X, 3, [256, 256, 1024], stage=4, block="e")
    X = identity_block(X, 3, [256, 256, 1024], stage=4, block="f")

    # Stage 5
    X = convolutional_block(X, 3, [512, 512, 2048], stage=5, block="a")
    X = identity_block(X, 3, [512, 512, 2048], stage=5, block="b")
    X = identity_block(X, 3, [512, 512, 2048], stage=5, block="c")

    # Head: AveragePooling2D((2, 2)), Flatten, Dense with softmax, named "fc" + str(classes)
    X = layers.AveragePooling2D((2, 2), name="avg_pool")(X)
    X = layers.Flatten()(X)
    X = layers.Dense(classes, activation="softmax", name="fc" + str(classes))(X)
    return keras.Model(X_input, X, name="ResNet50")
    ### END CODE HERE ###


# %% [markdown]
# The check compares every layer and its settings with the published network, and the outputs for random weights with those of
# `kr.ResNet50`.

# %%
grade = kr.grade.check_resnet50(ResNet50)
print(grade)
if not grade.passed:
    ResNet50 = kr.compat.assignment_v1.ResNet50
    print("\nUntil then the notebook goes on with the package's own: kr.compat.assignment_v1.ResNet50")

model = ResNet50(input_shape=(64, 64, 3), classes=6)
print(f"\n{len(model.layers)} layers, {model.count_params():,} parameters")  # 177 and 23,600,006

# %% [markdown]
# ## 5. Images of signs
#
# A set of hand signs for the numbers 0 to 5, in the layout of the course's `train_signs.h5` and `test_signs.h5`. The package
# draws it, so nothing has to be downloaded: hands of varied pose, light, skin and background, 1,080 to train on and 120 to test
# on. If you have the photographs of the course, put the path of their folder here.

# %%
SET = OUT / "signs"
if not SET.exists():
    kr.data.make_synthetic(SET, train_images=1080, test_images=120)  # smoke: 1080 -> 48, 120 -> 24

signs = kr.data.load_signs(SET)  # checks what it reads
print("training images", signs.train.images.shape, signs.train.images.dtype, "labels", signs.train.labels.shape)
print("test images    ", signs.test.images.shape, "classes", signs.class_names)
Image(kr.data.sample_grid(signs.train, signs.class_names, OUT / "samples.png", per_class=5), width=520)

# %% [markdown]
# ## 6. Training
#
# One call trains the same network as yours and writes a folder with all that came of it. Its recipe, `signs-quick`, is made for
# few images; why its choices are as they are:
#
# * **Pixels divided by 255**, by the first layer of the network. So it can never be forgotten, or done twice, later.
# * **AdamW, warm-up, cosine.** The learning rate rises over two epochs, while the random weights are still far from anything,
#   and falls along half a cosine to zero, so that the last epochs settle.
# * **Each block begins as its shortcut**, as seen above, and **images are moved by a few pixels**, anew in each epoch, so that
#   the network learns the hand and not its place. With stronger changes to the images and without such a beginning, 14 epochs
#   came to 66 % of the validation images, in this way to 96 % (`train/recipes.py`).
# * **Batch normalisation with momentum 0.9.** For prediction it uses running averages of what it saw in training. Keras's 0.99
#   keeps half of the initial values after 69 steps, which is two epochs here: a network then trains well and predicts at
#   chance, and that has puzzled a great many people. At the end the averages are estimated anew, with the final weights.
# * **Labels as class numbers** `(m,)`. The course's files hold `(1, m)` and its helper makes `(6, m)`, a column an image, where
#   Keras wants a row an image; a forgotten `.T` is a shape error. `load_signs` takes the files as they are.
#
# The test images are looked at once, at the end; to watch over the training, a tenth of the training images is kept aside. On
# two quiet cores this takes about three minutes. Where the run is there already, it is not made again.

# %%
RUN = OUT / "resnet50"  # solution: resnet50 -> resnet50_solution
outcome = kr.train.run(
    data=SET, out=RUN, model="resnet50", recipe="signs-quick", epochs=16, seed=0, resume=True, verbose=2  # smoke: 16 -> 1
)
low, high = outcome.accuracy_interval
print(f"\nTest accuracy {outcome.accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}) on {outcome.images} images")
print(f"after {outcome.epochs} epochs, {outcome.seconds / 60:.1f} minutes of training")

# %%
Image(RUN / "curves.png", width=900)

# %% [markdown]
# How to read this: the two losses end low and side by side, and so do the accuracies. In the first epochs validation lags
# behind and jumps, for it uses the running averages of batch normalisation, and the weights change faster than these can
# follow; as the learning rate falls, the two meet. If training went on to rise alone, the network would be learning its images
# by heart. If validation stayed at chance to the end, batch normalisation would be the first suspect:
# `kr.check_train_eval_gap(model, x, y)` tells.
#
# The loss of training ends above zero on purpose: the labels are smoothed (nine tenths for the right class, the rest spread
# over all), which keeps the network from being certain of everything.
#
# ### Your network with these weights
# The weights go into the network that you built, each to its place: stage, block, branch, role. A file with anything missing or
# left over would be refused, and the network stay as it was. (Keras's `load_weights(by_name=True)` skips what it does not find
# without a word; see notebook 03.)

# %%
report = kr.weights.load(model, RUN / "weights.h5")
print(report)

# The bare network has no layer in front that scales: here we divide ourselves.
probabilities = keras.ops.convert_to_numpy(model(signs.test.images / np.float32(255)))
print(f"accuracy of the network built above: {np.mean(probabilities.argmax(axis=1) == signs.test.labels):.1%}")

# %% [markdown]
# ## 7. Your own photo
#
# Take a photo of your hand before a plain, light wall, put its path into `PHOTO`, and see three things: the photo; the square
# in the middle, reduced to 64 x 64 pixels, which is all that the network gets; and what it says. Without a photo of yours the
# cell draws a hand that was in neither set.
#
# Where one's own photo goes wrong, it is nearly always one of these:
#
# * **Other scaling than in training.** The first edition of the course trained on pixels / 255 and predicted with
#   `preprocess_input`, which subtracts ImageNet's means instead: class 0 for every photo. Here the scaling is a part of the
#   network.
# * **Squashed hands.** Forcing a wide photo to 64 x 64 makes fingers thin that were never thin in training. Here the square is
#   cut.
# * **A photo unlike the training images**: dark, or full of things. The picture says so where brightness or contrast is far
#   off. This network has seen drawn hands alone; expect it to fail on many a real photo, and see in the crop why.

# %%
PHOTO = None  # "my_hand.jpg"

if PHOTO is None:
    import PIL.Image

    from keras_resnet.data.synthetic import draw_hand_sign

    hand = draw_hand_sign(3, np.random.default_rng(2026), size=480)
    PHOTO = OUT / "my_hand.jpg"
    PIL.Image.fromarray(np.pad(hand, ((0, 0), (120, 120), (0, 0)), mode="reflect")).save(PHOTO, quality=92)

predictor = kr.deploy.Predictor(RUN)
Image(predictor.picture(PHOTO, OUT / "answer.png"), width=900)

# %% [markdown]
# The same at the command line:
# `keras-resnet predict out/resnet50 my_hand.jpg --out answer.png`.  # solution: resnet50 -> resnet50_solution
#
# ## Where to go from here
# * `keras-resnet grade 01_residual_networks.ipynb` checks your three functions again, from the saved notebook.
# * 02 trains with care and looks at the mistakes. 03 is about weight files, 04 about why residual networks work, 05 about
#   reusing a trained network for a task of your own.
# * The package's own version of what you wrote is meant to be read: `keras_resnet/blocks/residual.py`,
#   `keras_resnet/resnet50.py`.
#
# K. He, X. Zhang, S. Ren, J. Sun: *Deep Residual Learning for Image Recognition*, 2015, arXiv:1512.03385.
