"""Whether a picture can be read: what is wrong with the texts and panels of a figure, from the boxes of its renderer.

    python tests/legible.py FOUND.json SCRIPT ...

runs a script as Python would, and writes into FOUND.json what is wrong with each figure that it saves, by file.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection, PathCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from pictures import COLORS

SLACK = 1.0  # pixels: what boxes may share, or stand out, without being seen; a glyph does not fill its box
GAP = 0.25  # of the size of the letters: what two tick labels side by side must leave between them


class Drawn(NamedTuple):
    """A text as it was drawn."""

    text: Text
    box: Bbox
    corners: np.ndarray  # (4, 2), of its rectangle, which may be turned

    def __str__(self) -> str:
        return repr(self.text.get_text())


def drawn_texts(figure: Figure) -> list[Drawn]:
    """Draw a figure, and return the texts that were put on it: none that is empty, hidden, or out of view."""
    found: list[Drawn] = []
    draw = Text.draw

    def watched(text, renderer, *args, **options):
        draw(text, renderer, *args, **options)
        if text.get_visible() and text.get_text().strip():
            found.append(Drawn(text, text.get_window_extent(renderer), corners_of(text, renderer)))

    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    Text.draw = watched
    try:
        canvas.draw()
    finally:
        Text.draw = draw
    return found


def corners_of(text: Text, renderer) -> np.ndarray:
    """Return the corners of a text's rectangle, one after the other around it."""
    box, degrees = text.get_window_extent(renderer), text.get_rotation()
    text.set_rotation(0)
    level = text.get_window_extent(renderer)
    text.set_rotation(degrees)
    turn = np.exp(1j * np.deg2rad(degrees))
    half = np.array([complex(x * level.width, y * level.height) / 2 for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    points = half * turn
    return np.stack([points.real, points.imag], axis=1) + (box.p0 + box.p1) / 2


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return how deep two rectangles lie in one another, in pixels; below 0 there is a line between them."""
    depths = []
    for corners in (first, second):
        for edge in (corners[1] - corners[0], corners[2] - corners[1]):
            length = np.hypot(*edge)
            if not length:
                return -np.inf
            a, b = first @ edge / length, second @ edge / length
            depths.append(min(a.max(), b.max()) - max(a.min(), b.min()))
    return min(depths)


def faults(figure: Figure) -> list[str]:
    """Return what is wrong with a figure, in words: nothing, where it can be read."""
    texts = drawn_texts(figure)
    found = [f"{text} leaves the figure" for text in texts if not inside(text.box, figure.bbox)]
    for text in texts:
        clip = text.text.get_clip_box() if text.text.get_clip_on() else None
        if clip is not None and not inside(text.box, clip):
            found.append(f"{text} is clipped")
    for one, other in itertools.combinations(texts, 2):
        if overlap(one.corners, other.corners) > SLACK:
            found.append(f"{one} and {other} overlap")
    for axes in figure.axes:
        if not axes.get_visible():
            continue
        for axis in (axes.xaxis, axes.yaxis):
            found += touching(axis, texts)
        drawn_on_the_figure = not axes.axison and (figure.artists or figure.texts)  # by its own measures, as a circuit
        if not drawn_on_the_figure and not shows_something(axes):
            found.append(f"the panel {axes.get_title() or axes.get_ylabel() or axes.get_xlabel()!r} is empty")
        found += hidden(axes)
    return found + [f"the color {color} is not one of the house" for color in strange_colors(figure)]


def strange_colors(figure: Figure) -> list[str]:
    """Return the colors of lines, dots, patches and texts that are not of the house, nor gray, nor of a color map."""
    own = {to_hex(color) for color in COLORS.values()}
    found = set()
    for artist in figure.findobj():
        if isinstance(artist, Collection) and artist.get_array() is None:
            colors = [*artist.get_facecolor(), *artist.get_edgecolor()]
        elif isinstance(artist, Patch):
            colors = [artist.get_facecolor(), artist.get_edgecolor()]
        elif isinstance(artist, Line2D):
            colors = [artist.get_color(), artist.get_markerfacecolor(), artist.get_markeredgecolor()]
        else:
            colors = [artist.get_color()] if isinstance(artist, Text) else []
        for color in colors:
            red, green, blue, seen = (0, 0, 0, 0) if isinstance(color, str) and color == "none" else to_rgba(color)
            if seen and not red == green == blue:
                found.add(to_hex((red, green, blue)))
    return sorted(found - own)


def inside(box: Bbox, outer: Bbox) -> bool:
    left, bottom, right, top = box.extents - outer.extents
    return bool(min(left, bottom) >= -SLACK and max(right, top) <= SLACK)


def touching(axis: Axis, texts: list[Drawn]) -> list[str]:
    """Return which tick labels of an axis have no room between them."""
    labels = {id(label) for minor in (False, True) for label in axis.get_ticklabels(minor=minor)}
    own = [text for text in texts if id(text.text) in labels]
    found = []
    across = axis.axis_name == "x"
    for one, other in itertools.combinations(own, 2):
        first, second = sorted((one.box, other.box), key=lambda box: box.x0 if across else box.y0)
        upright = across and one.text.get_rotation() in (0, 180)
        room = GAP * one.text.get_size() * axis.figure.dpi / 72 if upright else -SLACK
        between = second.x0 - first.x1 if across else second.y0 - first.y1
        if between < room and (upright or overlap(one.corners, other.corners) > -SLACK):
            found.append(f"the tick labels {one} and {other} touch")
    return found


def shows_something(axes) -> bool:
    """Whether a panel has a point in view, an image, a patch, or a text of its own."""
    if axes.images or axes.patches or axes.texts or axes.tables or (axes.get_legend() and not axes.axison):
        return True
    view = axes.bbox.padded(SLACK)
    for artist in (*axes.lines, *axes.collections):
        if not artist.get_visible():
            continue
        if artist in axes.lines:
            points = artist.get_transform().transform(artist.get_xydata())
        elif isinstance(artist, PathCollection):  # of a scatter
            points = artist.get_offset_transform().transform(artist.get_offsets())
        else:
            paths = [path.vertices for path in artist.get_paths()]
            points = artist.get_transform().transform(np.concatenate([np.zeros((0, 2)), *paths]))
        points = np.ma.filled(np.ma.asarray(points, float), np.nan)
        if any(view.contains(*point) for point in points if np.isfinite(point).all()):
            return True
    return False


def hidden(axes) -> list[str]:
    """Return what the legend of a panel lies on; lines of two points are there to be crossed."""
    legend = axes.get_legend()
    if legend is None or not legend.get_visible():
        return []
    box, found = legend.get_window_extent(), []
    for line in axes.lines:
        path = line.get_path()
        if len(path.vertices) <= 2 or not line.get_visible():
            continue
        path = path.transformed(line.get_transform())
        apart = line.get_linestyle() in ("None", "", " ")
        points = [box.contains(*point) for point in path.vertices]
        if any(points) if apart else path.intersects_bbox(box, filled=False):
            found.append(f"the legend lies on {line.get_label()!r}")
    if any(patch.get_visible() and patch.get_window_extent().overlaps(box) for patch in axes.patches):
        found.append("the legend lies on a bar")
    for dots in axes.collections:
        if isinstance(dots, PathCollection):
            points = dots.get_offset_transform().transform(dots.get_offsets())
            if any(box.contains(*point) for point in points):
                found.append("the legend lies on dots")
    return found


@contextlib.contextmanager
def watched() -> Iterator[dict[str, list[str]]]:
    """Look at every figure that is saved from here on: what is wrong with it, by the name of the file."""
    found: dict[str, list[str]] = {}
    savefig = Figure.savefig

    def saved(figure, fname, *args, **options):
        savefig(figure, fname, *args, **options)
        name = Path(fname).name if isinstance(fname, str | Path) else f"figure {len(found)}"
        found[name] = faults(figure)

    Figure.savefig = saved
    try:
        yield found
    finally:
        Figure.savefig = savefig


if __name__ == "__main__":
    destination, script, *rest = sys.argv[1:]
    sys.argv = [script, *rest]
    sys.path[0] = str(Path(script).parent)
    with watched() as saved_figures:
        try:
            runpy.run_path(script, run_name="__main__")
        finally:
            Path(destination).write_text(json.dumps(saved_figures))
