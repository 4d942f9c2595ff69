"""Which functions of a learner's file are to be checked: by the assignment's names, or else by their looks."""

import ast
import inspect
import re
from dataclasses import dataclass

from keras_resnet.grade import calling

SUBJECTS = ("identity block", "convolutional block", "network")
# What is checked -> the names that the assignment has for it, what a function is to `calling.kind_of`, and its check.
_NAMES = dict(zip(SUBJECTS, (*calling.BLOCKS.values(), ("ResNet50",)), strict=True))
_KINDS = {"identity block": "identity", "convolutional block": "conv"}
CHECKS = dict(zip(SUBJECTS, ("check_identity_block", "check_conv_block", "check_resnet50"), strict=True))
_KNOWN = {name for names in _NAMES.values() for name in names}
EXPECTED = ", ".join(name for names in _NAMES.values() for name in names)


@dataclass(frozen=True)
class Target:
    """A function to check.

    Attributes:
        subject: of `SUBJECTS`.
        name: what the file calls it.
        function: it; None where its piece of the file is no Python.
        note: what was assumed, where the name is not the assignment's, or why it cannot be read; else empty.
    """

    subject: str
    name: str
    function: object
    note: str = ""


def wanted(pieces):
    """The names in a file that may be targets; nothing is run.

    Args:
        pieces: pairs of a label and a source, as `cells.read` gives them.
    """
    return _KNOWN | {name for node in _statements(pieces) for name in _possible(node)}


def defined(pieces):
    """Whether a file seems to define a target: pieces as for `wanted`."""
    known = {target.id for node in _statements(pieces) if isinstance(node, ast.Assign) for target in _names_in(node.targets)}
    return bool(known & _KNOWN) or any(_possible(node) for node in _statements(pieces))


def _names_in(nodes):
    return [each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)]


def _possible(node):
    """The name of a function or class that may be, or hold, a target: a list."""
    if isinstance(node, ast.FunctionDef):
        return [node.name] if node.name in _KNOWN or _looks_like_one(node) else []
    methods = {each.name for each in getattr(node, "body", []) if isinstance(each, ast.FunctionDef)}
    return [node.name] if isinstance(node, ast.ClassDef) and methods & _KNOWN else []


def _statements(pieces):
    for _, source in pieces:
        try:
            yield from ast.parse(source).body
        except (SyntaxError, ValueError):  # of which `Definitions` says that it is left out
            continue


def _looks_like_one(node):
    parameters = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
    block = len(parameters) > 2 and (calling.BLOCK_WORDS & set(parameters[2:]) or "filter" in parameters[2].lower())
    return bool(block) or "resnet" in _plain(node.name)


def _plain(name):
    return name.lower().replace("_", "")


def find(definitions):
    """The targets among what a file defines: a list of `Target`, in the order of `SUBJECTS`, and notes on what is unclear."""
    own = {name: value for name, value in definitions.names.items() if name in definitions.own and callable(value)}
    found, notes = [], []
    for subject, names in _NAMES.items():
        exact = [Target(subject, name, own[name]) for name in names if name in own]
        exact = exact or [Target(subject, name, function) for name, function in _static(own, names)]
        exact = exact or _unread(subject, names, definitions.unread)
        others, unclear = ([], []) if exact else _alike(subject, own)
        found += exact or others
        notes += unclear
    return found, notes


def _unread(subject, names, pieces):
    """A target whose definition stands in a piece that is no Python: a list of it, or none."""
    pattern = re.compile(rf"^\s*def\s+({'|'.join(names)})\b", re.MULTILINE)
    found = [(match[1], why) for source, why in pieces if (match := pattern.search(source))]
    return [Target(subject, name, None, why) for name, why in found[:1]]


def _static(own, names):
    """Functions of these names that stand in a class and need no object of it."""
    for owner in own.values():
        for name in names if isinstance(owner, type) else ():
            if isinstance(inspect.getattr_static(owner, name, None), staticmethod):
                yield name, getattr(owner, name)


def _alike(subject, own):
    """The function that may be meant where none has the assignment's name: a list of `Target` and one of notes."""
    functions = {name: value for name, value in own.items() if inspect.isfunction(value)}
    likely = _networks(functions) if subject == "network" else _blocks(functions, _KINDS[subject])
    if len(likely) == 1:
        note = f"{likely[0]} is taken for the {subject}, which the assignment calls {_NAMES[subject][0]}"
        return [Target(subject, likely[0], functions[likely[0]], note)], []
    if likely:
        return [], [f"{', '.join(likely)}: one of them may be the {subject}; name it {_NAMES[subject][0]} to have it checked"]
    return [], []


def _networks(functions):
    names = [name for name in functions if "resnet" in _plain(name) and calling.network_options(functions[name])]
    return _preferred(names, lambda name: "50" in name)


def _blocks(functions, kind):
    names = [name for name in functions if calling.kind_of(functions[name]) == kind]
    called = {other for name in names for other in functions[name].__code__.co_names if other != name}
    names = [name for name in names if name not in called]  # what a block is made of is no block
    by_networks = {other for name in _networks(functions) for other in functions[name].__code__.co_names}
    return _preferred(_preferred(names, lambda name: name in by_networks), lambda name: kind[:4] in _plain(name))


def _preferred(names, condition):
    """Those that meet a condition, or all where none does."""
    return [name for name in names if condition(name)] or names
