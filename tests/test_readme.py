"""The README is true: its code runs, and what it points at is there."""

import re
import socket
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from legible import watched

import layers
import losses
import optimizers
import pictures
import training
from layers import GradientError

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


def blocks():
    """Yield (line of the README, code) of each block."""
    for match in FENCE.finditer(TEXT):
        yield TEXT.count("\n", 0, match.start(1)) + 1, match[1]


def test_every_block_runs_one_after_the_other(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("the README must run without a network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    names = {"__name__": "__main__"}
    with watched() as faults:
        for line, code in blocks():
            # empty lines in front, so that an error names the line of the README
            exec(compile("\n" * (line - 1) + code, str(ROOT / "README.md"), "exec"), names)
    assert {name: found for name, found in faults.items() if found} == {}  # the pictures can be read
    assert {name for name in faults if name.endswith(".png")} <= {path.name for path in (ROOT / "docs").glob("*.png")}
    if "plt" in names:
        names["plt"].close("all")


def test_there_are_blocks_to_run():
    assert len(list(blocks())) >= 3  # a network, the 1/N, a layer of one's own
    assert len(re.findall(r"^```", TEXT, flags=re.MULTILINE)) % 2 == 0


def test_a_layer_without_the_factor_x_is_told_that_dfactor_is_wrong():
    assert "Leave out the factor `x` and it says so: *dfactor is wrong*" in TEXT
    (code,) = (code for _, code in blocks() if "class Scale(Layer)" in code)
    assert code.count("np.sum(dout * x, axis=0)") == 1
    names = {"np": np, "rng": np.random.default_rng(0)}
    with pytest.raises(GradientError, match=r"dfactor is wrong; at \[\d\] backward says .*, finite differences say "):
        exec(code.replace("np.sum(dout * x, axis=0)", "np.sum(dout, axis=0)"), names)


def test_the_network_of_the_readme_is_short():
    lines = [line for line in next(blocks())[1].splitlines() if line.strip() and not re.match(r"(import|from) ", line)]
    assert len(lines) <= 15


@pytest.mark.parametrize("target", sorted(set(LINK.findall(TEXT))))
def test_a_link_leads_somewhere(target):
    assert target.startswith("https://") or (ROOT / target).is_file()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b(?:examples|benchmarks)/\w+\.py\b", TEXT))))
def test_a_script_that_is_named_is_there(name):
    assert (ROOT / name).is_file()


def test_every_example_is_named():
    for path in (ROOT / "examples").glob("*.py"):
        assert f"examples/{path.name}" in TEXT


def table():
    """Return (package, name) of all that the table "What there is" lists."""
    section = TEXT[TEXT.index("## What there is") : TEXT.index("## Examples")]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {(package.strip(" `"), name) for package, _, cell in rows for name in re.findall(r"`([A-Za-z_]\w*)`", cell)}


def test_the_table_names_packages():
    assert {package for package, _ in table()} == {"layers", "losses", "optimizers", "pictures", "training"}
    assert ("layers", "Dense") in table()


@pytest.mark.parametrize(("package", "name"), sorted(table()))
def test_what_the_table_lists_can_be_imported_from_there(package, name):
    names = {"__name__": "__main__"}
    exec(f"from {package} import {name}", names)
    assert not isinstance(names[name], ModuleType)


@pytest.mark.parametrize("package", [layers, losses, optimizers, pictures, training], ids=lambda p: p.__name__)
def test_every_public_name_stands_in_the_tables(package):
    public = [name for name, it in vars(package).items() if name[0] != "_" and not isinstance(it, ModuleType)]
    missing = set(getattr(package, "__all__", public)) - {name for _, name in table()}
    assert sorted(missing) == [], "name each in the table What there is of the README, in a row of its package"
