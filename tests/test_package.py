"""The metadata of the distribution, and the rules of the house that concern whole files and everything public."""

import ast
import configparser
import importlib
import pkgutil
import re
import subprocess
import types
from pathlib import Path
from types import ModuleType

import pytest
from test_gradients import ABSTRACT
from test_loss import EVERY_LOSS
from test_trajectories import AGAINST_PAPER, CASES

import layers
import losses
import optimizers
import pictures
import training
from layers import Layer
from losses import Loss
from optimizers import Optimizer, Schedule

ROOT = Path(__file__).parent.parent
PACKAGES = ["layers", "losses", "optimizers", "pictures", "training"]
SOURCES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.fixture
def setup():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def requirements(text):
    """Return name -> versions of requirements, one on a line."""
    lines = [re.fullmatch(r"([\w-]+(?:\[\w+\])?) *(.*)", line.strip()) for line in text.strip().splitlines()]
    return {match[1]: match[2].replace(" ", "") for match in lines}


# ---- metadata --------------------------------------------------------------------------------------------------------


def test_name_and_version(setup):
    assert setup["metadata"]["name"] == "handgrad"
    assert re.fullmatch(r"\d+\.\d+\.\d+", setup["metadata"]["version"])


def test_the_description_is_the_readme(setup):
    assert setup["metadata"]["description"]
    assert setup["metadata"]["long_description"] == "file: README.md"
    assert (ROOT / "README.md").read_text(encoding="utf-8").startswith("# handgrad\n")


def test_the_licence(setup):
    assert setup["metadata"]["license"] == "MIT"
    assert (ROOT / setup["metadata"]["license_files"]).read_text(encoding="utf-8").startswith("MIT License\n")


def test_the_packages_are_the_folders_that_hold_one(setup):
    assert setup["options"]["packages"] == "find:"
    assert setup["options.packages.find"]["include"].split(", ") == [f"{package}*" for package in PACKAGES]
    assert sorted(path.parent.name for path in ROOT.glob("*/__init__.py")) == PACKAGES


def test_python_3_10_and_newer(setup):
    assert setup["options"]["python_requires"] == ">=3.10"
    versions = re.findall(r"Python :: 3\.(\d+)", setup["metadata"]["classifiers"])
    assert versions == [str(minor) for minor in range(10, 10 + len(versions))]
    assert len(versions) >= 4  # 3.10 to 3.13


def test_numpy_and_matplotlib_are_all_that_is_required(setup):
    required = requirements(setup["options"]["install_requires"])
    assert required["numpy"] == ">=2.0,<3"
    assert re.fullmatch(r">=3\.\d+", required["matplotlib"])
    assert required.keys() == {"numpy", "matplotlib"}


def test_the_extras(setup):
    extras = {name: requirements(text) for name, text in setup["options.extras_require"].items()}
    assert extras["test"].keys() == {"pytest", "threadpoolctl"}
    assert extras["dev"].keys() >= {"handgrad[test]", "build", "mypy", "ruff"}
    assert extras["bench"] == {"torch": "==2.13.0", "scikit-learn": extras["bench"]["scikit-learn"]}
    assert all(versions for extra in extras.values() for name, versions in extra.items() if name != "handgrad[test]")


def test_the_data_of_the_packages_are_there(setup):
    for package, patterns in setup["options.package_data"].items():
        for pattern in patterns.split(", "):
            assert list((ROOT / package.replace(".", "/")).glob(pattern)), f"{package} has no {pattern}"
    assert setup["options.package_data"].keys() == {*PACKAGES, "training.data"}


def test_the_data_say_their_source_and_licence():
    text = (ROOT / "training" / "data" / "digits.txt").read_text(encoding="utf-8")
    for said in ("Alpaydin", "UCI Machine Learning Repository", "10.24432/C50P49", "CC BY 4.0", "scikit-learn"):
        assert said in text


def test_pyproject_holds_the_build_system_and_the_linter_alone():
    sections = re.findall(r"^\[([\w.-]+)\]$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sections[0] == "build-system"
    assert all(section.startswith("tool.ruff") for section in sections[1:])


def test_ci_runs_the_test_command_of_the_readme():
    command = 'python -m pip install -e ".[test]" && python -m pytest'
    assert f"\n    {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\nbash -c '{command}'\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_ci_is_a_script_that_bash_understands():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


# ---- version ---------------------------------------------------------------------------------------------------------


def test_the_version_stands_in_setup_cfg_alone(setup):
    version = re.compile(rf"(?<![\d.]){re.escape(setup['metadata']['version'])}(?![\d.])")
    folders = [*PACKAGES, "tests", "examples", "benchmarks", ".ci"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in {"", ".py", ".txt"}]
    files += [path for path in ROOT.iterdir() if path.suffix in {".md", ".toml", ".cfg", ".cff", ".yaml"}]
    found = [path.name for path in files if path.is_file() and version.search(path.read_text(encoding="utf-8"))]
    assert sorted(found) in (["setup.cfg"], ["CHANGELOG.md", "setup.cfg"])  # the history of versions is not the version


def test_the_version_is_in_the_changelog_once_it_is_out(setup):
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert setup["metadata"]["version"] == headings[1] or headings == ["Unreleased"]


@pytest.mark.parametrize("package", [layers, losses, optimizers, pictures, training], ids=lambda p: p.__name__)
def test_no_package_has_a_version_of_its_own(package):
    assert not hasattr(package, "__version__")  # importlib.metadata.version("handgrad") knows it


# ---- what runs before a commit ---------------------------------------------------------------------------------------


def test_the_hooks_are_ruff_as_ci_runs_it():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    entries = re.findall(r"^ +entry: (ruff \w+)", hooks, flags=re.MULTILINE)
    assert entries == re.findall(r"python -m (ruff \w+)", ci)
    assert re.findall(r"^ +- repo: (.*)$", hooks, flags=re.MULTILINE) == ["local"]  # nothing is fetched
    assert re.findall(r"^ +language: (.*)$", hooks, flags=re.MULTILINE) == ["system"] * len(entries)


# ---- everything public -----------------------------------------------------------------------------------------------

GENERAL = {"test_gradients", "test_layer", "test_loss", "test_storage", "test_package"}  # whole tables of classes
SHARED = {"LIMITS"}  # a table of all activations: that a class stands there is demanded anyway
ENDS = {layers: (Layer,), losses: (Loss,), optimizers: (Optimizer, Schedule)}


def offered(package):
    """Return the names that a package offers: `__all__`, or, where there is none, all that are no modules."""
    found = [name for name, it in vars(package).items() if name[0] != "_" and not isinstance(it, ModuleType)]
    return list(getattr(package, "__all__", found))


def classes(package):
    """Yield the classes of a package without an underscore on which no other class of it is built."""
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for name, kind in vars(module).items():
            if not isinstance(kind, type) or isinstance(kind, types.GenericAlias):  # which Python 3.10 calls a type
                continue
            if issubclass(kind, ENDS[package]) and kind.__module__ == module.__name__:
                built_on = [other for other in kind.__subclasses__() if other.__module__.startswith(package.__name__)]
                if name[0] != "_" and not built_on:
                    yield name


@pytest.mark.parametrize("package", ENDS, ids=lambda package: package.__name__)
def test_every_class_is_offered(package):
    missing = sorted(set(classes(package)) - set(offered(package)))
    assert missing == [], f"import them in {package.__name__}/__init__.py and add them to its __all__"


@pytest.mark.parametrize("package", [layers, losses, optimizers, pictures, training], ids=lambda p: p.__name__)
def test_what_is_offered_is_there_and_once(package):
    assert len(set(offered(package))) == len(offered(package))
    assert [name for name in offered(package) if not hasattr(package, name)] == []


def names_in(*nodes):
    return {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def names_beside_numbers(table):
    """Yield the names that are called in a row of a table which holds a list or a float as well."""
    for row in ast.walk(table):
        cells = row.elts if isinstance(row, ast.Tuple) else row.args if isinstance(row, ast.Call) else []
        for cell in cells:
            others = [node for other in cells if other is not cell for node in ast.walk(other)]
            numbers = [n for n in others if isinstance(n, ast.List) or isinstance(getattr(n, "value", None), float)]
            if isinstance(cell, ast.Call) and numbers:
                yield from names_in(cell)


def names_looked_at(code):
    """Yield the names in the bodies of tests, and those in tables and decorators that stand beside numbers."""
    for node in ast.parse(code).body:
        tables = []
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield from names_in(*node.body)
            tables = node.decorator_list
        elif isinstance(node, ast.Assign) and not names_in(*node.targets) & SHARED:
            tables = [node.value]
        for table in tables:
            yield from names_beside_numbers(table)


def kinds_of(package, base):
    """Return the names of the classes that a package offers, the base left out."""
    things = {name: getattr(package, name) for name in offered(package)}
    return {name for name, it in things.items() if isinstance(it, type) and issubclass(it, base) and it is not base}


def test_every_layer_and_loss_has_a_test_of_its_own():
    # No test can see whether a number is independent, but one can see that the class is looked at by itself.
    files = [path for path in (ROOT / "tests").glob("test_*.py") if path.stem not in GENERAL]
    looked_at = {name for path in files for name in names_looked_at(path.read_text(encoding="utf-8"))}
    kinds = kinds_of(layers, Layer) | kinds_of(losses, Loss)
    assert sorted(kinds - ABSTRACT - looked_at) == [], (
        "compare forward of each with an independent number, in tests/test_<its chapter>.py: a test that makes one, "
        "or a row of numbers beside one; a list of classes does not count"
    )


def test_a_list_of_classes_is_no_test_of_its_own():
    assert set(names_looked_at("ALL = [A, B]\nROWS = [(A(1), (2, 3)), B()]\nLIMITS = [(A(), [0, 1])]")) == set()
    assert set(names_looked_at("@mark([A, B(0.5)])\ndef test_it(kind):\n    kind()")) == {"kind"}
    assert set(names_looked_at("ROWS = [(A(1), [2]), (B(), 0.5)]\n@mark('x', [(C(), [1])])\ndef test_it(x): D()")) == {
        *"ABCD"
    }


def test_every_loss_is_held_to_the_contract():
    assert sorted(kinds_of(losses, Loss) - {kind.__name__ for kind in EVERY_LOSS}) == [], (
        "write each into the family of its targets in tests/test_loss.py: OF_REAL_TARGETS, OF_CLASSES or OF_CHANCES"
    )


def test_every_rule_has_a_trajectory():
    compared = {type(rule).__name__ for rule, *_ in [*CASES.values(), *AGAINST_PAPER.values()]}
    assert sorted(kinds_of(optimizers, Optimizer) - compared) == [], (
        "write fifty steps of each in tests/test_trajectories.py: against PyTorch in CASES, npz remade, "
        "or against a reference of your own in AGAINST_PAPER, as lion has one"
    )


# ---- house rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_library_code_does_not_assert(source):
    # python -O leaves asserts out: what must hold is checked by an error that says so
    tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_a_file_is_named_for_what_it_holds(source):
    assert source.stem not in {"utils", "util", "helpers", "common", "misc"}
