"""The README is true: what it says holds, and what it points at is there. Its code runs in `test_pages`."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pages import blocks

from layers import GradientError

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def scale():
    """Return the code of the layer of one's own."""
    (code,) = (code for _, code, _ in blocks(README) if "class Scale(Layer)" in code)
    assert code.count("np.sum(dout * x, axis=0)") == 1
    return code


def test_a_layer_without_the_factor_x_is_told_that_dfactor_is_wrong():
    assert "Leave out the factor `x` and it says so: *dfactor is wrong*" in TEXT
    code, names = scale(), {"np": np, "rng": np.random.default_rng(0)}
    with pytest.raises(GradientError, match=r"dfactor is wrong; at \[\d\] backward says .*, finite differences say "):
        exec(code.replace("np.sum(dout * x, axis=0)", "np.sum(dout, axis=0)"), names)


# what the README says that it says, and the mistake: of Scale, or of a layer with a square of weights
PATTERNS = {
    "opposite sign": ("np.sum(dout * x, axis=0)", "-np.sum(dout * x, axis=0)", "opposite sign"),
    "a factor N": ("np.sum(dout * x, axis=0)", "np.mean(dout * x, axis=0)", r"the constant factor 0\.2, which is 1/N"),
    "transposed": ("x.T @ dout", "dout.T @ x", "transposed"),
    "zero where it should not be": ("np.sum(dout * x, axis=0)", "np.zeros(3)", "zero.* where it should not be"),
}
SQUARE = (
    ("factor=(n_features,)", "factor=(3, 3)"),
    ("np.ones(n_features)", "np.random.default_rng(0).normal(size=(3, 3))"),
    ("return x * self.factor", "return x @ self.factor"),
    ("np.sum(dout * x, axis=0)", "x.T @ dout"),
    ("return dout * self.factor", "return dout @ self.factor.T"),
)


@pytest.mark.parametrize("said", PATTERNS)
def test_a_pattern_that_the_readme_names_is_found(said):
    right, wrong, pattern = PATTERNS[said]
    assert re.search(rf"the pattern, if there is one:[\w\s,]*{said}".replace(" ", r"\s"), TEXT)
    code, names = scale(), {"np": np, "rng": np.random.default_rng(0)}
    for before, after in SQUARE if said == "transposed" else ():
        code = code.replace(before, after)
    exec(code, names)  # right as it is
    with pytest.raises(GradientError, match=f"dfactor is wrong.*{pattern}"):
        exec(code.replace(right, wrong), names)


def test_a_layer_without_the_sum_is_told_the_shape_of_dfactor():
    assert "Leave out the sum, and it says that dfactor must have shape (3,)" in TEXT
    code, names = scale(), {"np": np, "rng": np.random.default_rng(0)}
    with pytest.raises(ValueError, match=r"dfactor must have shape \(3,\), got \(5, 3\)"):
        exec(code.replace("np.sum(dout * x, axis=0)", "dout * x"), names)


@pytest.mark.parametrize("name", ["training", "losses"])
def test_a_file_or_folder_of_ones_own_stands_before_a_package(tmp_path, name):
    assert "`training.py`, `from training import fit` ends in *cannot import name 'fit'*" in TEXT
    wanted = {"training": "fit", "losses": "MeanSquaredError"}[name]
    if name == "training":
        (tmp_path / "training.py").write_text("from training import fit\n")
        script = tmp_path / "training.py"
    else:
        (tmp_path / "losses").mkdir()
        (tmp_path / "losses" / "__init__.py").touch()
        script = tmp_path / "mine.py"
        script.write_text("from losses import MeanSquaredError\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert f"cannot import name '{wanted}' from" in run.stderr


def test_there_is_no_import_of_the_distribution():
    assert "there is no `import handgrad`" in TEXT
    with pytest.raises(ModuleNotFoundError):
        exec("import handgrad")


def test_the_readme_stays_short():
    section = TEXT[TEXT.index("## What there is") : TEXT.index("## Names of its own")]
    assert len([line for line in section.splitlines() if line.startswith("| `")]) <= 24
    assert section.index("convolutions") < section.index("`Dense`")


def test_the_network_of_the_readme_is_short():
    lines = [
        line for line in blocks(README)[0][1].splitlines() if line.strip() and not re.match(r"(import|from) ", line)
    ]
    assert len(lines) <= 15


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b(?:examples|benchmarks)/\w+\.py\b", TEXT))))
def test_a_script_that_is_named_is_there(name):
    assert (ROOT / name).is_file()


def test_every_example_is_named():
    for path in (ROOT / "examples").glob("*.py"):
        assert f"examples/{path.name}" in TEXT


def table():
    """Return (package, name) of all that the table "What there is" lists."""
    section = TEXT[TEXT.index("## What there is") : TEXT.index("| in Keras")]
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
