"""What importing costs, what is public, and that modules import from earlier tiers alone."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import keras_resnet

PACKAGE = ROOT / "keras_resnet"

# Earlier tiers first; a module may import from its own folder and from earlier tiers (the architecture's section 1).
TIERS = (
    {"text"},
    {"version", "errors", "backend", "locks"},
    {"autodiff", "environment", "files", "fonts", "lazy", "stats"},
    {"architectures", "workdir"},
    {"fast", "blocks", "weights", "data"},
    {"models"},
    {"resnet50"},
    {"explain"},
    {"evaluate"},
    {"train"},
    {"deploy"},
    {"lab", "compat", "grade"},
    {"cli", "demo"},
    {"notebook"},
)
TIER = {name: number for number, names in enumerate(TIERS) for name in names}


def room(path):
    """The top-level name a file of the package belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """The rooms of this package that a file imports from, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "keras_resnet":
            names = [f"keras_resnet.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("keras_resnet."))


FILES = sorted(path for path in PACKAGE.rglob("*.py") if room(path) not in ("__init__", "__main__"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_come_from_earlier_tiers(path):
    here = room(path)
    later = {there for there in imports(path) if there != here and TIER[there] >= TIER[here]}
    # The one exception: a weight file's right network is built by weights.model_from, inside its body.
    if path == PACKAGE / "weights" / "io.py":
        later -= {"models"}
    assert not later, f"{path.name} imports {later}"


def test_every_public_name_is_there():
    for name in keras_resnet.__all__:
        assert getattr(keras_resnet, name) is not None
    assert dir(keras_resnet) == sorted(keras_resnet.__all__)
    for stub in PACKAGE.rglob("*.pyi"):
        package = importlib.import_module(".".join(("keras_resnet", *stub.parent.relative_to(PACKAGE).parts)))
        assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'ResNet51'"):
        getattr(keras_resnet, "ResNet51")  # noqa: B009


def test_no_two_files_of_the_tests_have_one_name():
    """pytest imports each by its name alone."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if "scripts" not in path.parts]
    assert len(names) == len(set(names))


def public_functions():
    """Name -> node of each function and method that a stub makes public."""
    for stub in sorted(PACKAGE.rglob("*.pyi")):
        for statement in ast.parse(stub.read_text(encoding="utf-8")).body:
            file = PACKAGE.parent / f"{statement.module.replace('.', '/')}.py"
            names = {alias.name for alias in statement.names}
            for node in ast.parse(file.read_text(encoding="utf-8")).body if file.exists() else ():
                if isinstance(node, ast.FunctionDef) and node.name in names:
                    yield f"{statement.module}.{node.name}", node
                elif isinstance(node, ast.ClassDef) and node.name in names:
                    methods = (each for each in node.body if isinstance(each, ast.FunctionDef))
                    own = (each for each in methods if not each.name.startswith("_") or each.name in ("__init__", "__call__"))
                    yield from ((f"{statement.module}.{node.name}.{each.name}", each) for each in own)


def test_public_functions_have_types():
    """Of their result and of all arguments but those that take anything, which their docstring says."""
    anything = {"images", "data", "x", "y", "layers", "input_tensor", "self", "cls"}
    bare = []
    for name, node in public_functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        bare += [f"{name}({each.arg})" for each in arguments if each.annotation is None and each.arg not in anything]
        takes_anything = any(each.arg in anything - {"self", "cls"} for each in arguments)
        bare += [f"{name} ->"] if node.returns is None and node.name != "__init__" and not takes_anything else []
    assert not bare


def loaded(program, *names):
    """Which of the modules a fresh interpreter has loaded after a program."""
    code = f"{program}\nimport sys; print(*[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.split("\n")[-2].split()


HEAVY = ("tensorflow", "keras", "numpy", "h5py", "matplotlib", "PIL", "torch", "jax")


def test_importing_and_help_load_no_framework():
    assert loaded("import keras_resnet", *HEAVY) == []
    assert loaded("import keras_resnet.cli.main as m\ntry: m.main(['--help'])\nexcept SystemExit: pass", *HEAVY) == []


COMMANDS = (
    "data",
    "train",
    "evaluate",
    "crossval",
    "predict",
    "explain",
    "export",
    "runs",
    "models",
    "weights",
    "grade",
    "lab",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_no_framework_and_has_an_example(command):
    program = f"import keras_resnet.cli.main as m\ntry: m.main([{command!r}, '--help'])\nexcept SystemExit: pass"
    assert set(loaded(program, *HEAVY)) <= (set() if command == "train" else {"numpy", "PIL", "h5py"})
    done = subprocess.run([sys.executable, "-m", "keras_resnet", command, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert f"keras-resnet {command} " in done.stdout.partition("example:")[2]


def test_onednn_is_on_before_tensorflow_unless_the_user_decided():
    program = "import os; os.environ.pop('TF_ENABLE_ONEDNN_OPTS', None)\n{}import keras_resnet\n"
    program += "print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"

    def value(before=""):
        command = [sys.executable, "-c", program.format(before)]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()

    assert value() == "1"
    assert value("os.environ['TF_ENABLE_ONEDNN_OPTS'] = '0'\n") == "0"
    assert value("import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n") == "None"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the resident memory from /proc")
def test_importing_changes_nothing_else_in_the_process():
    """The environment but for oneDNN's variable, and how the allocator gives memory back: 60 blocks of 16 MB, freed again."""
    program = """
import json, os, sys
before = dict(os.environ)
if sys.argv[1] == "with":
    import keras_resnet
import numpy as np
blocks = [np.ones(2**21) for _ in range(60)]
del blocks
kept = next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]
print(json.dumps([int(kept) // 1024, {key: value for key, value in os.environ.items() if before.get(key) != value}]))
"""
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}

    def measured(how):
        command = [sys.executable, "-c", program, how]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, env=environment)
        return json.loads(done.stdout)

    (with_us, changed), (without, _) = measured("with"), measured("without")
    assert with_us < without + 60 and changed == {"TF_ENABLE_ONEDNN_OPTS": "1"}


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
@pytest.mark.parametrize(("setting", "expected"), [("", True), ("1", True), ("0", False)])
def test_memory_is_kept_within_the_block_alone(setting, expected):
    """Of 60 freed blocks of 16 MB, in the block, behind it, and freed behind it."""
    program = """
import json, os
import keras_resnet as kr
import numpy as np
if not os.environ["KERAS_RESNET_MALLOC"]:
    del os.environ["KERAS_RESNET_MALLOC"]
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) // 1024
def freed():
    blocks = [np.ones(2**21) for _ in range(60)]
    del blocks
    return resident()
before = resident()
with kr.keep_memory():
    within = freed() - before
print(json.dumps([within, resident() - before, freed() - before]))
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC"))}
    environment["KERAS_RESNET_MALLOC"] = setting
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, env=environment)
    within, behind, later = json.loads(done.stdout)
    assert (within > 800) == expected and behind < 100 and later < 100


def test_what_is_lost_is_said_where_tensorflow_came_first(monkeypatch):
    from keras_resnet import environment

    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.setattr(environment, "onednn_by_default", lambda: False)
    monkeypatch.delenv(environment.ONEDNN, raising=False)
    assert "Import keras_resnet first, or set TF_ENABLE_ONEDNN_OPTS=1" in environment.lost_speed()
    monkeypatch.setenv(environment.ONEDNN, "0")
    assert environment.lost_speed() is None


def test_the_package_of_the_same_name_is_warned_of(tmp_path):
    folder = tmp_path / "keras_resnet-0.2.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: keras-resnet\nVersion: 0.2.0\n")
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import keras_resnet"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "keras-resnet 0.2.0 is installed beside keras-resnet50" in done.stderr
    code = "import keras_resnet"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stderr == ""


def test_library_code_has_no_assert():
    asserts = [path for path in FILES if any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))]
    assert not asserts


def test_version_is_the_distributions():
    assert Path(ROOT / "keras_resnet" / "version.py").read_text().count(keras_resnet.__version__) == 1
