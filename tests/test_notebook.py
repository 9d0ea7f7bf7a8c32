"""A notebook is run, and what its cells show is looked at: each picture once, and tables for what is a table."""

import base64
from pathlib import Path

import pytest

needed = 'is not installed: python -m pip install -e ".[notebook,progress]"'
nbclient = pytest.importorskip("nbclient", reason=f"nbclient {needed}")
nbformat = pytest.importorskip("nbformat", reason=f"nbformat {needed}")
pytest.importorskip("ipykernel", reason=f"ipykernel {needed}")
pytest.importorskip("tqdm", reason=f"tqdm {needed}")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PNG = b"\x89PNG\r\n\x1a\n"

SETUP = """
import sys
sys.path.insert(0, {root!r})
import numpy as np
from layers import *
from losses import *
from optimizers import *
from training import *
x, y = digits()
x, y = x[:300], y[:300]
model = Sequential([Dense(64, 16), ReLU(), Dense(16, 10)], rng=0)
diagnostics = Diagnostics(verbose=False)
history = fit(model, SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=3, validation=(x, y), metrics=accuracy, rng=0,
              callbacks=[diagnostics], verbose=False)
matrix = confusion_matrix(model.predict(x), y)
found = learning_rate_range_test(model, SoftmaxCrossEntropy(), SGD(0.1), x, y, steps=50, rng=0)
"""
PICTURES = {
    "history": "history.plot()",
    "histories": "plot_histories({'one': history, 'other': history})",
    "schedule": "plot_schedule(CosineDecay(0.1, steps=100), 100)",
    "rates": "found.plot()",
    "diagnostics": "diagnostics.plot()",
    "confusion": "plot_confusion_matrix(matrix)",
    "circuit": "formula('(x + y) * z').plot(x=-2, y=5, z=-4)",
}
TABLES = {
    "summary": ("model.summary((64,))", "Dense(64, 16)", "1,040"),
    "a history": ("history", "validation_accuracy", "History of 4 rows"),
    "an empty history": ("History()", "History()"),
    "gradients": ("check_gradients(Dense(3, 2), np.ones((4, 3)))", "dweights", "derivatives checked"),
    "a look inside": ("diagnostics", "update ratio", "Dense(64, 16)"),
    "a confusion matrix": ("matrix", "predicted"),
}
OTHERS = {
    "a picture that is kept": "figure = history.plot()",
    "a part of a matrix": "matrix[0]",
    "a table in text": "print(model.summary((64,)))",
}


def executed(cells):
    """Return the outputs of the last lines, by the names of the cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells.values()])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return {name: cell["outputs"] for name, cell in zip(cells, notebook.cells, strict=True)}


@pytest.fixture(scope="module", params=["bare", "pyplot"])
def outputs(request, tmp_path_factory):
    """Return what the cells show; in another notebook pyplot is imported too, as nearly everybody does."""
    patch = pytest.MonkeyPatch()
    patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    patch.delenv("MPLBACKEND", raising=False)  # that of a notebook
    more = {"bare": "", "pyplot": "%matplotlib inline\nimport matplotlib.pyplot as plt\n"}
    cells = {
        "setup": more[request.param] + SETUP.format(root=str(ROOT)),
        **PICTURES,
        **{name: source for name, (source, *_) in TABLES.items()},
        **OTHERS,
        "many": "figures = [history.plot() for _ in range(25)]",
        "bar": "history = fit(model, SoftmaxCrossEntropy(), Adam(0.01), x, y, epochs=1, progress=True, verbose=False)",
    }
    yield executed(cells)
    patch.undo()


def shown(outputs):
    """Return the data of all that a cell shows, but what it prints."""
    return [dict(output["data"]) for output in outputs if output["output_type"] in ("display_data", "execute_result")]


def test_nothing_failed_or_warned(outputs):
    for name, found in outputs.items():
        errors = [output for output in found if output["output_type"] == "error" or output.get("name") == "stderr"]
        assert errors == [] or name == "bar", name
    assert shown(outputs["setup"]) == []


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_appears_once(outputs, name):
    (data,) = shown(outputs[name])
    assert base64.b64decode(data["image/png"]).startswith(PNG)
    assert not {"text/html", "image/svg+xml", "image/jpeg"} & data.keys()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_shown_as_one(outputs, name):
    _, *texts = TABLES[name]
    (data,) = shown(outputs[name])
    assert data["text/html"].count("<table") == 1
    assert all(text in data["text/html"] for text in texts)
    assert "image/png" not in data
    assert "\\n" not in data["text/plain"]  # no line that is escaped


def test_what_is_not_the_last_line_is_not_shown(outputs):
    assert shown(outputs["a picture that is kept"]) == []
    assert shown(outputs["many"]) == []
    (data,) = shown(outputs["a part of a matrix"])
    assert set(data) == {"text/plain"}
    assert shown(outputs["a table in text"]) == []


def test_the_bar_is_that_of_a_notebook_or_says_what_it_lacks(outputs):
    text = "".join(output.get("text", "") for output in outputs["bar"])
    widgets = any("application/vnd.jupyter.widget-view+json" in data for data in shown(outputs["bar"]))
    assert widgets or "IProgress not found" in text
    assert "epoch 1/1" in text or widgets
