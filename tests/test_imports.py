"""What imports what: the packages know little of each other."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"layers", "losses", "optimizers", "pictures", "training"}
MAY_IMPORT = {"layers": set(), "losses": set(), "optimizers": set(), "pictures": set(), "training": PACKAGES}
# What is imported besides NumPy, and by functions only: pictures know matplotlib, the bar of `fit` knows tqdm.
GUESTS = {"layers": set(), "losses": set(), "optimizers": set(), "pictures": {"matplotlib"}, "training": {"tqdm"}}
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
    allowed = {package, "numpy", *MAY_IMPORT[package], *sys.stdlib_module_names}
    assert names - allowed <= GUESTS[package]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_what_not_everybody_needs_is_imported_by_functions_only(module):
    body = ast.parse((ROOT / module).read_text(encoding="utf-8")).body
    assert not {"matplotlib", "tqdm"} & set(imported(body))


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


def test_star_gives_what_is_public_and_no_module():
    names = {}
    for package in ("pictures", "training"):
        names.clear()
        exec(f"from {package} import *", names)
        del names["__builtins__"]
        assert len(names) > 1
        assert names.keys() == set(sys.modules[package].__all__)
        assert not [name for name, thing in names.items() if isinstance(thing, ModuleType)]


def test_tests_are_flat():
    # a folder tests/layers would shadow the package layers
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders <= {"__pycache__"}
    assert not (ROOT / "tests" / "__init__.py").exists()
