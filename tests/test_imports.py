"""What imports what: the packages know little of each other."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"layers", "losses", "optimizers", "pictures", "training"}
MAY_IMPORT = {"layers": set(), "losses": set(), "optimizers": set(), "pictures": set(), "training": PACKAGES}
# What is imported besides NumPy, and by functions only: pictures know matplotlib, training a bar and BLAS in threads.
GUESTS = {"layers": set(), "losses": set(), "optimizers": set(), "pictures": {"matplotlib"}}
GUESTS |= {"training": {"tqdm", "threadpoolctl", "mpi4py"}}
DRAWS = "layers/contract/drawn.py"  # which draws itself, in two methods
MODULES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(nodes):
    """Yield the first names of the modules that these nodes import, relative imports left out."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_package_imports_numpy_and_what_it_may(module):
    names = set(imported(ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8")))))
    package = module.parts[0]
    drawn = {"pictures"} if module.as_posix() == DRAWS else set()
    allowed = {package, "numpy", *drawn, *MAY_IMPORT[package], *sys.stdlib_module_names}
    assert names - allowed <= GUESTS[package]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_what_not_everybody_needs_is_imported_by_functions_only(module):
    body = ast.parse((ROOT / module).read_text(encoding="utf-8")).body
    assert not {"matplotlib", "tqdm", "threadpoolctl", "mpi4py"} & set(imported(body))
    assert module.parts[0] != "layers" or "pictures" not in set(imported(body))


def test_the_packages_bring_in_nothing_but_numpy():
    script = """
import sys
import numpy, numpy.random, numpy.linalg  # with all that they bring
before = {name.split(".")[0] for name in sys.modules}
import layers, losses, optimizers
new = {name.split(".")[0] for name in sys.modules} - before - set(sys.stdlib_module_names)
print(*sorted(new))
"""
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["layers", "losses", "optimizers"]
    assert run.stderr == ""


def test_the_packages_draw_nothing_until_they_are_asked():
    script = "import sys, pictures, training; print('matplotlib' in sys.modules, 'tqdm' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_pictures_bring_in_no_package_of_ours():
    script = "import sys, pictures; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert PACKAGES & set(run.stdout.split()) == {"pictures"}


def test_tests_are_flat():
    # a folder tests/layers would shadow the package layers
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders <= {"__pycache__"}
    assert not (ROOT / "tests" / "__init__.py").exists()


# ---- arrows ----------------------------------------------------------------------------------------------------------

TREES = {module: ast.parse((ROOT / module).read_text(encoding="utf-8")) for module in MODULES}


def dotted(path):
    """Return the name that a file is imported by."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {dotted(module) for module in MODULES}


def arrows(module):
    """Yield the names of our modules that this one imports, wherever in it the import stands."""
    package = dotted(module) if module.name == "__init__.py" else dotted(module).rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: 1 - node.level or None] if node.level else []
            start = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:  # a module of that name, or else something that the package hands on
                found = f"{start}.{alias.name}" if f"{start}.{alias.name}" in NAMES else start
                if found in NAMES:
                    yield found


GRAPH = {dotted(module): set(arrows(module)) - {dotted(module)} for module in MODULES}


def test_no_imports_go_in_a_circle():
    left = {name: set(targets) for name, targets in GRAPH.items()}
    while done := [name for name, targets in left.items() if not targets]:
        for name in done:
            del left[name]
        for targets in left.values():
            targets.difference_update(done)
    assert not left, f"these lie in a circle, or import from one: {sorted(left)}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_private_name_of_another_file_is_imported(module):
    imports = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.ImportFrom)]
    private = [alias.name for node in imports for alias in node.names if alias.name.startswith("_")]
    assert [name for name in private if name != "__future__"] == []


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_private_attribute_of_another_object_is_one_of_this_file(module):
    nodes = list(ast.walk(TREES[module]))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    defined |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    defined |= {ast.unparse(node.target) for node in nodes if isinstance(node, ast.AnnAssign)}
    defined.add("_replace")  # of a named tuple
    foreign = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__")
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "np"))
        if not (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super")
        if node.attr not in defined
    ]
    assert not foreign


def test_a_package_offers_what_its_all_says_and_no_module():
    for package in sorted(PACKAGES):
        names = {}
        exec(f"from {package} import *", names)
        offered = {name: thing for name, thing in names.items() if name != "__builtins__"}
        assert offered
        assert not [name for name, thing in offered.items() if type(thing) is type(ast)]


def test_functions_stand_before_the_modules_of_their_names():
    import layers

    assert layers.softmax(np.zeros((1, 2))).tolist() == [[0.5, 0.5]]
