# %% [markdown]
# # Why residual networks work
#
# Texts give many reasons, and not all of them hold. The package has a lab, `kr.lab`, in which each claim is an experiment: what
# is claimed and by whom, what is measured, and criteria that were written down before the measurement. This notebook runs seven
# of them in their quick form, which takes some minutes on a CPU; `show(.., quick=False)` runs the full one. Small networks, one
# seed: enough to see what is meant, not to settle a question. A criterion that is *not* met is shown as such.

# %%
from keras_resnet.notebook import kr, show  # the package, before TensorFlow; what runs an experiment and shows a figure

for experiment in kr.lab.EXPERIMENTS.values():  # all that there are
    print(f"{experiment.name:20} {experiment.source}")

# %% [markdown]
# ## 1. Depth hurts plain networks
# The observation that began it: a plain network of 56 layers has a higher error *on its training images* than one of 20. So it
# is not overfitting. Look at the left panel: the deeper network hardly gets going. On the right, the same layers with
# shortcuts.
#
# The criteria ask for the error that is reached at the end: higher by at least five points in the deeper of the plain networks,
# by at most two in the deeper of the residual ones.

# %%
show("degradation", "curves")  # smoke: show -> print

# %% [markdown]
# ## 2. Is it the vanishing gradient?
# The usual answer, and for sigmoids it is right: at each layer the gradient is multiplied by a derivative of at most 1/4, so
# after fifty layers nothing is left of it (first panel, blue). But networks with ReLU and a fitting initialisation do not have
# this trouble (third panel), and they are the ones that He et al. saw degrade. Shortcuts keep the gradient for all three; they
# were not needed for that alone.
#
# The green line is a warning: if the sum goes through a sigmoid, the shortcut is squashed with it, and the gradient vanishes
# all the same. A shortcut has to be left alone. In a ResNet there is only a ReLU after the sum, which passes on what is
# positive as it is.

# %%
show("vanishing-gradients", "gradient")

# %% [markdown]
# ## 3. The extra term
# What the shortcut does to the gradient, exactly: for $y = x + F(x)$ the chain rule gives $\frac{dy}{dx} = 1 + F'(x)$. The
# gradient of an earlier layer is a sum: a direct term, which has passed no weight, and one through $F$. The experiment computes
# both by hand and compares the sum with automatic differentiation. The smaller the weights of $F$, the more of the gradient is
# the direct term.

# %%
show("backprop-term", "shares")

# %% [markdown]
# ## 4. The identity is easy
# Let two layers learn a map that lies between the identity (t = 0) and a rotation (t = 1). With a shortcut around them, they
# have to learn only the difference. Near the identity the residual pair needs a fraction of the steps and its weights have
# little way to go; far from it they travel as far as those of a plain pair. So the shortcut is a bet: that what a layer of a
# deep network should do is close to nothing. The networks that are trained by it suggest that the bet is a good one.

# %%
show("residual-target", "ways")  # smoke: show -> print

# %% [markdown]
# ## 5. Sums grow
# The price: each addition adds a variance. With He's initialisation the second moment doubles with every block, forward and
# backward (blue, a straight line on this logarithmic scale). That is why a ResNet needs normalisation, or a factor of $1/\sqrt
# 2$ at each sum, or blocks that begin at zero. With batch normalisation at the start of the branch the growth is linear
# (green); in our block, which has it at the end of the branch, too (pink).

# %%
show("variance", "blocks")  # smoke: show -> print

# %% [markdown]
# ## 6. A network of paths
# Multiply out $(1 + f_4)(1 + f_3)(1 + f_2)(1 + f_1)$ and there are sixteen terms: every way through the network, taking a
# branch or the shortcut at each block. ResNet-50 has sixteen blocks and 65,536 paths. Their lengths follow the binomial law, so
# most go through about eight branches, and only one through all. This is given as the reason why such a network survives the
# loss of a block: half of the paths remain. (`show("ensemble", "lesions")` measures it; it trains three networks first.)

# %%
show("unrolled-paths", "paths")

# %% [markdown]
# ## 7. A claim that does not hold here
# The gradients of deep plain networks are said to shatter, that is, for inputs close to each other to become as different as
# noise; and shortcuts to cure that (Balduzzi et al. 2017). The experiment takes it at its word, on inputs along a line: how
# alike are the gradients of inputs at a distance? In the plain network the likeness does fall faster with depth. But with a
# shortcut it falls too, and with batch normalisation in the branch faster still. Part of the claim may hold in other settings;
# in this one it is not confirmed.
#
# That is what a lab is for.

# %%
show("shattered-gradients", "blocks")  # smoke: show -> print

# %% [markdown]
# ## The same at the command line
# ```
# keras-resnet lab list
# keras-resnet lab run variance --quick --out lab
# keras-resnet lab run all --out lab
# ```
# The last one takes long and leaves `lab/lab.html`, a page with every claim, its criteria, figures and verdict.
