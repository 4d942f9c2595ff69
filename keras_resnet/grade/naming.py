"""What layers are called: a mistake only where Keras refuses a network for it, else advice."""

from keras_resnet.architectures import layer_names
from keras_resnet.grade.sentences import mistake

_ADVICE = (
    "Names, which do not count: the assignment calls its layers res2a_branch2a, bn2a_branch2a and so on; here {here} stands in "
    "place of {there}. Only a weight file that is loaded by name asks for them."
)


def twice(graph):
    """The `Mistake` of a name that two layers of a block have, for Keras builds no network of it: none, or one."""
    found = list({id(call.operation): call.operation.name for call in graph.calls}.values())
    double = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    return [mistake("name_twice", received=name) for name in double[:1]]


def repeated(before, after, numbers, learner):
    """The `Mistake` of two calls of a block that share a layer, or a layer's name.

    Args:
        before, after: the `Graph`s of the calls.
        numbers: what the second was given otherwise; among them ``stage`` or ``block``.
        learner: the `calling.Learner`.
    """
    known = {call.operation.name: call.operation for call in before.calls}
    for call in after.calls:
        same = known.get(call.operation.name)
        if same is call.operation and getattr(same, "weights", ()):
            return [mistake("layer_shared", received=same.name, name=learner.name)]
        if same is not None and same is not call.operation:
            which = "stage" if "stage" in numbers else "block"
            row = "name_repeated" if which in learner.named else "name_fixed"
            return [mistake(row, received=same.name, which=which, name=learner.name)]
    return []


def advice(read, learner, task):
    """What to say of the names of a right block that is told its stage and letter: a list of str."""
    if not {"stage", "block"} <= set(learner.named) or read.hidden:
        return []
    convs = [part for part in read.main if part.kind == "conv"] + [part for part in read.shortcut if part.kind == "conv"]
    branches = ("1", "2", "3", "0")[: len(convs)]
    places = [layer_names.Place(task.stage, 0, branch, "conv") for branch in branches]
    pairs = [(part.layer.name, layer_names.layer_name("chollet", place)) for part, place in zip(convs, places, strict=True)]
    return [_ADVICE.format(here=here, there=there) for here, there in pairs if here != there][:1]
