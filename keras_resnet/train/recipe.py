"""What a recipe is: every choice of a training run that is not the data or the network."""

from dataclasses import asdict, dataclass, field

from keras_resnet.data.augment import Augmentation


@dataclass(frozen=True)
class Recipe:
    """A frozen training recipe.

    Attributes:
        name: its name in the table of recipes.
        summary: one line for `train --help`.
        epochs: passes over the training images, unless the user says otherwise.
        batch_size: images a step.
        learning_rate: the highest, reached after the warm-up; from there it falls along half a cosine to zero.
        warmup_epochs: epochs over which the rate rises in a straight line from zero; at most a fifth of the run.
        weight_decay: AdamW's, on kernels alone.
        label_smoothing: share of a target spread evenly over all classes.
        batch_norm_momentum: share of the running statistics kept at each step.
        zero_init_gamma: whether each block begins as its shortcut: the last gamma of every branch starts at zero (Goyal et
            al. 2017, arXiv:1706.02677). Networks without shortcuts, and pre-activation ones, start as they are.
        augmentation: the random changes to the training images.
    """

    name: str
    summary: str
    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup_epochs: float = 2
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    batch_norm_momentum: float = 0.9
    zero_init_gamma: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)

    def to_json(self):
        """The recipe as a dict of plain values."""
        return asdict(self)
