"""Running the definitions of a learner's file, and of those only what the functions to be checked need.

A notebook also trains and reads data; none of that is run.
"""

import ast
import linecache
import symtable
import sys

_DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_COMPOUND = (ast.Try, ast.If, ast.With, ast.For)
_BODIES = ("body", "orelse", "finalbody")


class Definitions:
    """The names that a file defines.

    Args:
        pieces: pairs of a label and a source, as `cells.read` gives them.
        wanted: the names of the functions that are to be checked.

    Attributes:
        names: dict of name -> value, as the file sees it.
        own: set of the names that the file itself defines, not those that it imports.
        notes: list of str: lines that could not be run.
        unread: list of pairs: the source of a piece that is no Python, and where and why.
    """

    def __init__(self, pieces, wanted):
        self.names, self.own, self.notes, self.unread = {"__name__": "submission"}, set(), [], []
        statements = [(label, statement) for label, source in pieces for statement in self._parsed(label, source)]
        needed = _needed([statement for _, statement in statements], wanted)
        for label, statement in statements:
            for part in _kept([statement], needed):
                self._run(label, part)

    def _parsed(self, label, source):
        linecache.cache[label] = (len(source), None, source.splitlines(keepends=True), label)  # for the lines in messages
        try:
            return ast.parse(source, label).body
        except (SyntaxError, ValueError) as error:
            where = f"{label}, line {error.lineno}" if isinstance(error, SyntaxError) else label
            self.notes.append(f"{where}: {getattr(error, 'msg', error)}: the whole of it is left out")
            self.unread.append((source, f"{where}: {getattr(error, 'msg', error)}"))
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
            self.own |= {name for name in _bound(statement) if not isinstance(statement, _IMPORTS)}
            self._look_after_imports(label, [node for node in ast.walk(statement) if isinstance(node, _IMPORTS)])

    def _look_after_imports(self, label, imports):
        """What is to be said or done about imports that have run: those that a `try` passed over, and this package's."""
        for node in imports:
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom) and node.module not in sys.modules:
                self.notes.append(f"{label}, line {node.lineno}, could not be imported: {ast.unparse(node)}")
                self._add_names_of_keras()
            elif isinstance(node, ast.ImportFrom):
                self._take_kerass_normalization(node.module)
            if any(module.split(".")[0] == "keras_resnet" for module in modules):
                self.notes.append(f"{label}, line {node.lineno}: {ast.unparse(node)}: this package has right blocks of its own")

    def _add_names_of_keras(self):
        """An import that fails may have brought Keras's names: the old helper files did. What is there already stays."""
        import keras
        import numpy

        brought = {name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()}
        brought |= {name: getattr(keras.initializers, name) for name in ("glorot_uniform", "random_uniform", "constant")}
        brought |= {"tf": sys.modules["tensorflow"]} if keras.backend.backend() == "tensorflow" else {}
        for name, value in {**brought, "keras": keras, "layers": keras.layers, "Model": keras.Model, "np": numpy}.items():
            self.names.setdefault(name, value)

    def _take_kerass_normalization(self, module):
        """The helper file of 2023 has a batch normalisation of its own, which Keras 3 cannot build."""
        import keras

        found = self.names.get("BatchNormalization")
        if isinstance(found, type) and issubclass(found, keras.Layer) and not found.__module__.startswith("keras."):
            self.names["BatchNormalization"] = keras.layers.BatchNormalization
            self.notes.append(f"{module} brings a BatchNormalization of its own, for Keras 2; Keras's stands in its place")


def _kept(statements, needed):
    """Of statements those that run: imports, definitions and assignments of what is needed, wherever they stand."""
    found = []
    for statement in statements:
        if isinstance(statement, _COMPOUND):
            found += _compound(statement, needed)
        elif _is_star(statement) or _is_simple(statement) and (_bound(statement) | _changed(statement)) & needed:
            found.append(statement)
    return found


def _compound(statement, needed):
    """A statement with only those statements within it that run: a list of it, or none."""
    fields = {name: _kept(getattr(statement, name, []), needed) for name in _BODIES}
    handlers = [(each, _kept(each.body, needed)) for each in getattr(statement, "handlers", [])]
    if not any(fields.values()) and not any(body for _, body in handlers):
        return []
    nothing = [ast.copy_location(ast.Pass(), statement)]
    changed = {name: body or (nothing if name == "body" else []) for name, body in fields.items() if hasattr(statement, name)}
    if handlers:
        changed["handlers"] = [_like(each, body=body or nothing) for each, body in handlers]
    return [_like(statement, **changed)]


def _like(node, **changes):
    fields = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
    return ast.copy_location(type(node)(**{**fields, **changes}), node)


def _is_simple(statement):
    return isinstance(statement, _DEFINITIONS + _IMPORTS + _ASSIGNMENTS)


def _is_star(statement):
    return isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names)


def _bound(statement):
    """The names that a statement gives a value."""
    table = _table(statement)
    return {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported() or each.is_namespace()}


def _changed(statement):
    """The names of which an assignment changes a part, as `FILTERS[2] = 64` does."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    parts = [node for target in targets if target is not None for node in ast.walk(target)]
    return {
        node.value.id for node in parts if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.value, ast.Name)
    }


def _used(statement):
    """The names that a statement takes from outside itself; those that its functions keep to themselves are not among them."""
    found, pending = set(), [_table(statement)]
    while pending:
        table = pending.pop()
        outside = table.get_type() == "module"
        found |= {each.get_name() for each in table.get_symbols() if each.is_referenced() and (outside or each.is_global())}
        pending += table.get_children()
    return found


def _table(statement):
    """The scopes of a statement, as Python itself sees them."""
    return symtable.symtable(ast.unparse(statement), "statement", "exec")


def _needed(statements, wanted):
    """The wanted names, and all that they use, and what those use in turn."""
    uses = {}
    for statement, around in _simple(statements):
        for name in _bound(statement) | _changed(statement):
            uses[name] = uses.get(name, set()) | _used(statement) | around
    needed, pending = set(), set(wanted)
    while pending:
        name = pending.pop()
        needed.add(name)
        pending |= uses.get(name, set()) - needed
    return needed


def _simple(statements, around=frozenset()):
    """The simple statements, those within others too, each with the names that the statements around it use."""
    for statement in statements:
        if isinstance(statement, _COMPOUND):
            outer = around | _header(statement)
            for name in _BODIES:
                yield from _simple(getattr(statement, name, []), outer)
            for handler in getattr(statement, "handlers", []):
                yield from _simple(handler.body, outer)
        elif _is_simple(statement):
            yield statement, around


def _header(statement):
    """The names that stand in the first line of a compound statement, and in its `except` lines."""
    fields = [getattr(statement, name, None) for name in ("test", "iter")]
    fields += [item.context_expr for item in getattr(statement, "items", [])]
    fields += [handler.type for handler in getattr(statement, "handlers", [])]
    return {node.id for field in fields if field is not None for node in ast.walk(field) if isinstance(node, ast.Name)}
