"""Figures that pyplot does not know, and that a notebook shows once; `test_notebook` runs one."""

import ast
import copy
import io
import pickle
import warnings
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest

from layers import Dense, ReLU, Sequential, formula
from losses import SoftmaxCrossEntropy
from optimizers import SGD, CosineDecay
from pictures.shown import empty_figure, png_of
from training import (
    Diagnostics,
    History,
    fit,
    learning_rate_range_test,
    plot_confusion_matrix,
    plot_diagnostics,
    plot_histories,
    plot_rate_range,
    plot_schedule,
)

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3
HISTORY = History({"epoch": [0, 1, 2], "loss": [2.0, 1.0, 0.5], "validation_loss": [2.0, 1.1, 0.9]})


def looked():
    diagnostics = Diagnostics(verbose=False)
    model = Sequential([Dense(4, 8), ReLU(), Dense(8, 3)], rng=0)
    fit(model, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=2, callbacks=[diagnostics], verbose=False)
    return diagnostics


def tried():
    model = Sequential([Dense(4, 3)], rng=0)
    return learning_rate_range_test(model, SoftmaxCrossEntropy(), SGD(0.1), X, Y, steps=50, rng=0)


PICTURES = {
    "history": HISTORY.plot,
    "histories": lambda: plot_histories({"one": HISTORY}),
    "schedule": lambda: plot_schedule(CosineDecay(0.1, steps=10), 10),
    "rates": lambda: plot_rate_range(tried()),
    "diagnostics": lambda: plot_diagnostics(looked()),
    "confusion": lambda: plot_confusion_matrix([[3, 1], [0, 2]]),
    "circuit": lambda: formula("(x + y) * z").plot(x=-2, y=5, z=-4),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pyplot_does_not_know_a_figure_and_a_notebook_gets_its_picture(name):
    before = plt.get_fignums()
    figure = PICTURES[name]()
    assert plt.get_fignums() == before
    picture = matplotlib.image.imread(io.BytesIO(figure._repr_png_()))
    height, width = picture.shape[:2]
    assert np.abs(figure.get_size_inches() * figure.dpi - (width, height)).max() <= 1  # of which the part is cut off
    assert np.ptp(picture[..., :3]) > 0.5  # something is drawn
    assert figure.axes or figure.lines  # without, a notebook of matplotlib's own would show nothing


def test_no_package_knows_pyplot():
    root = Path(__file__).parent.parent
    files = [file for package in ("layers", "losses", "optimizers", "pictures", "training")
             for file in (root / package).rglob("*.py")]  # fmt: skip
    assert len(files) > 100
    names = {"pyplot", "matplotlib.pyplot"}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not found & names, file


def test_any_number_of_figures_is_made_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = [HISTORY.plot() for _ in range(30)]
    assert len({id(figure) for figure in figures}) == 30


def test_a_figure_is_saved_as_any_other(tmp_path):
    figure = HISTORY.plot()
    for ending in ("png", "svg", "pdf"):
        figure.savefig(tmp_path / f"loss.{ending}", dpi=50)
        assert (tmp_path / f"loss.{ending}").stat().st_size > 1000
    assert figure._repr_png_() == png_of(figure)  # and is as it was


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda figure: pickle.loads(pickle.dumps(figure))])
def test_a_copy_shows_itself_and_not_the_first_one(copied):
    figure = empty_figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1])
    other = copied(figure)
    assert other._repr_png_() == figure._repr_png_()
    other.axes[0].plot([0, 1], [1, 0])
    assert other._repr_png_() != figure._repr_png_()
