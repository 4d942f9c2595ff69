"""Running the definitions of a learner's file, and only those: imports, functions, classes, and the values that they need.

A notebook also trains and reads data; none of that is run.
"""

import ast
import linecache

_DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)


class Definitions:
    """The names that a file defines.

    Args:
        pieces: pairs of a label and a source, as `cells.read` gives them.
        wanted: the names of the functions that are to be checked.

    Attributes:
        names: dict of name -> value, as the file sees it.
        own: set of the names that the file itself defines, not those that it imports.
        notes: list of str: lines that could not be run.
    """

    def __init__(self, pieces, wanted):
        self.names, self.own, self.notes = {"__name__": "submission"}, set(), []
        statements = [(label, statement) for label, source in pieces for statement in self._parsed(label, source)]
        needed = _needed([statement for _, statement in statements], wanted)
        for label, statement in statements:
            if _runs(statement, needed):
                self._run(label, statement)

    def _parsed(self, label, source):
        linecache.cache[label] = (len(source), None, source.splitlines(keepends=True), label)  # for the lines in messages
        try:
            return ast.parse(source, label).body
        except SyntaxError as error:
            self.notes.append(f"{label}, line {error.lineno}: {error.msg}: the whole of it is left out")
            return []

    def _run(self, label, statement):
        try:
            exec(compile(ast.Module([statement], []), label, "exec"), self.names)
        except (Exception, SystemExit) as error:
            text, why = ast.unparse(statement).split("\n")[0], str(error).split(" (/")[0]  # without the path of a library
            self.notes.append(f"{label}, line {statement.lineno}, left out: {text}: {type(error).__name__}: {why}")
            if isinstance(statement, ast.ImportFrom):
                self._add_names_of_keras()
        else:
            self.own |= _targets(statement)

    def _add_names_of_keras(self):
        """An import that fails may have brought Keras's names: the old helper files did. What is there already stays."""
        import keras
        import numpy

        brought = {name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()}
        brought |= {name: getattr(keras.initializers, name) for name in ("glorot_uniform", "random_uniform", "constant")}
        for name, value in {**brought, "keras": keras, "layers": keras.layers, "Model": keras.Model, "np": numpy}.items():
            self.names.setdefault(name, value)


def _runs(statement, needed):
    """Whether to run a statement: definitions, imports, and what gives the wanted functions a value."""
    if isinstance(statement, _DEFINITIONS + _IMPORTS):
        return True
    if isinstance(statement, ast.Try | ast.If):
        inner = [part for part in ast.walk(statement) if isinstance(part, ast.stmt) and part is not statement]
        own = [part for part in inner if not isinstance(part, ast.Pass)]
        return bool(own) and all(_is_constant(part) or _runs(part, needed) for part in own)
    if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        return bool(_targets(statement) & needed)
    return False


def _is_constant(statement):
    return isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)


def _targets(statement):
    """The names that a statement defines."""
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        return {node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    if isinstance(statement, ast.AnnAssign):
        return {node.id for node in ast.walk(statement.target) if isinstance(node, ast.Name)}
    return set()


def _needed(statements, wanted):
    """The wanted names, and all that they use, and what those use in turn."""
    uses = {}
    for statement in statements:
        for name in _targets(statement):
            read = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
            uses[name] = uses.get(name, set()) | read
    needed, pending = set(), set(wanted)
    while pending:
        name = pending.pop()
        needed.add(name)
        pending |= uses.get(name, set()) - needed
    return needed
