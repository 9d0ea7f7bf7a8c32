"""Figures that belong to who asked for them, and show themselves in a notebook: once, as the last line of a cell.

A figure of pyplot is also in pyplot's own list, which a notebook draws below the cell, so that it comes twice. The list
never forgets, and warns of the twenty-first.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def empty_figure(**options: Any) -> Figure:
    """Return a new figure, which pyplot does not know; the options are those of `matplotlib.figure.Figure`.

    Examples
    --------
    >>> figure = empty_figure(figsize=(7, 4), layout="constrained")
    >>> figure._repr_png_()[1:4]
    b'PNG'
    """
    from matplotlib.figure import Figure

    figure = Figure(**options)
    vars(figure)["_repr_png_"] = partial(png_of, figure)  # what a notebook asks an object for
    return figure


def png_of(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
