"""What makes a picture unreadable is found in figures that have it, and in no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from legible import faults, watched
from matplotlib.figure import Figure

from pictures import COLORS

ROOT = Path(__file__).parent.parent


def panel(**options):
    figure = Figure(figsize=(4, 3), layout="constrained", **options)
    axes = figure.subplots()
    axes.plot([0, 1, 2], [1.0, 0.5, 0.2], color=COLORS["blue"], label="a curve")
    axes.set(xlabel="step", ylabel="loss", title="a title")
    return figure, axes


def test_a_good_figure_has_no_faults():
    figure, axes = panel()
    axes.legend()
    axes.annotate("here", (1, 0.5), xytext=(5, 5), textcoords="offset points")
    assert faults(figure) == []


def test_texts_that_overlap():
    figure, axes = panel()
    axes.text(1, 0.8, "one text")
    axes.text(1.1, 0.8, "another")
    assert faults(figure) == ["'one text' and 'another' overlap"]


def test_turned_texts_are_judged_by_their_rectangles_and_not_by_the_boxes_around_these():
    figure, axes = panel()
    axes.text(0.5, 0.5, "a long slope", rotation=45)
    axes.text(0.5, 0.8, "above it")  # inside of the upright box of the first
    assert faults(figure) == []
    axes.text(0.6, 0.56, "across")
    assert faults(figure) == ["'a long slope' and 'across' overlap"]


def test_a_text_that_leaves_the_figure():
    figure, _ = panel()
    figure.text(0.9, 0.5, "beyond the edge")
    assert faults(figure) == ["'beyond the edge' leaves the figure"]


def test_a_legend_that_leaves_the_figure():
    figure, axes = panel()
    figure.legend([axes.lines[0]], ["a name that is as long as the figure is wide, and longer"], loc="lower center")
    (fault,) = (fault for fault in faults(figure) if "leaves" in fault)
    assert fault == "'a name that is as long as the figure is wide, and longer' leaves the figure"


def test_a_text_that_is_clipped():
    figure, axes = panel()
    axes.text(1.9, 0.5, "cut off", clip_on=True)
    assert "'cut off' is clipped" in faults(figure)


def test_tick_labels_that_touch():
    figure, axes = panel()
    axes.set_xticks([0, 1, 1.15, 2], ["none", "one", "more", "two"])
    assert faults(figure) in (
        ["the tick labels 'one' and 'more' touch"],
        ["'one' and 'more' overlap", "the tick labels 'one' and 'more' touch"],
    )


def test_the_small_ticks_of_a_log_axis_that_touch():
    figure = Figure(figsize=(3, 1.2), layout="constrained")
    axes = figure.subplots()
    axes.semilogy([0, 1], [0.21, 0.99])
    axes.tick_params(axis="y", which="minor", labelsize=16)
    assert any("touch" in fault for fault in faults(figure))


def test_a_panel_of_nothing():
    figure = Figure(figsize=(6, 3), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    left.plot([0, 1], color="black")
    right.plot([0, 1], [np.nan, np.nan], color="black")
    right.set_title("the right one")
    assert faults(figure) == ["the panel 'the right one' is empty"]
    right.set_visible(False)
    assert faults(figure) == []


@pytest.mark.parametrize(
    "draw",
    [
        lambda axes: axes.scatter([0, 1], [0, 1], c=COLORS["green"]),
        lambda axes: axes.imshow(np.eye(3)),
        lambda axes: axes.fill_between([0, 1], [0, 1], [1, 2], color="0.5"),
        lambda axes: axes.bar([0, 1], [1, 2], color=COLORS["black"]),
        lambda axes: axes.vlines([0, 1], 0, [1, 2], color="gray"),
        lambda axes: axes.contourf(np.eye(4)),
    ],
    ids=["dots", "image", "band", "bars", "lines", "regions"],
)
def test_what_is_drawn_is_not_nothing(draw):
    figure = Figure()
    draw(figure.subplots())
    assert faults(figure) == []


def test_curves_out_of_view_are_a_panel_of_nothing():
    figure, axes = panel()
    axes.set_ylim(5, 6)
    assert faults(figure) == ["the panel 'a title' is empty"]


def test_a_legend_on_a_curve():
    figure, axes = panel()
    axes.legend(loc="upper left")
    assert faults(figure) == ["the legend lies on 'a curve'"]


def test_a_legend_on_bars_and_dots():
    figure, axes = panel()
    axes.bar([2], [1], color="0.5")
    axes.scatter([1.95, 1.8], [0.9, 0.95], color="black")
    axes.legend(loc="upper right")
    assert faults(figure) == ["the legend lies on a bar", "the legend lies on dots"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda axes: axes.plot([0, 1], color="tab:blue"),
        lambda axes: axes.plot([0, 1], color="black", markerfacecolor="tab:blue", marker="o"),
        lambda axes: axes.scatter([0, 1], [0, 1], c="tab:blue"),
        lambda axes: axes.bar([0, 1], [1, 2]),
        lambda axes: axes.set_xlabel("x", color="tab:blue") and axes.plot([0, 1], color="black"),
    ],
    ids=["line", "marker", "dots", "bars", "text"],
)
def test_a_color_that_is_not_of_the_house(draw):
    figure = Figure()
    draw(figure.subplots())
    assert faults(figure) == ["the color #1f77b4 is not one of the house"]


def test_figures_are_watched_as_they_are_saved(tmp_path):
    savefig = Figure.savefig
    with watched() as found:
        panel()[0].savefig(tmp_path / "good.png")
        figure, _ = panel()
        figure.text(0.9, 0.5, "beyond the edge")
        figure.savefig(str(tmp_path / "bad.png"), dpi=200)
    assert found == {"good.png": [], "bad.png": ["'beyond the edge' leaves the figure"]}
    assert Figure.savefig is savefig
    assert (tmp_path / "bad.png").is_file()


def test_a_script_is_run_as_python_would(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nimport matplotlib.pyplot as plt\nplt.figtext(0.99, 0.5, 'cut')\nplt.savefig('a.png')\n"
        "print(__name__, sys.argv[1:], sys.path[0])\nsys.exit(3)\n"
    )
    command = [sys.executable, str(ROOT / "tests" / "legible.py"), "found.json", "script.py", "--data", "x"]
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith("__main__ ['--data', 'x']")
    assert json.loads((tmp_path / "found.json").read_text()) == {"a.png": ["'cut' leaves the figure"]}
