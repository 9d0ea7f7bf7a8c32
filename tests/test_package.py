"""The metadata of the distribution, and the rules of the house that concern whole files."""

import ast
import configparser
import re
import subprocess
from pathlib import Path

import pytest

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
    assert extras["test"].keys() == {"pytest"}
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


# ---- house rules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_library_code_does_not_assert(source):
    # python -O leaves asserts out: what must hold is checked by an error that says so
    tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_a_file_is_named_for_what_it_holds(source):
    assert source.stem not in {"utils", "util", "helpers", "common", "misc"}
