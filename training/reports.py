"""What a look inside a network has found, as a table of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from layers import Layer
from layers.contract import html_of


class Looked(Protocol):
    """What is shown, such as `Diagnostics`."""

    warnings: list[str]
    steps: dict[str, list[int]]
    layers: dict[str, Layer]

    def __getitem__(self, quantity: str, /) -> dict[str, list[float]]: ...


def table_of(found: Looked, quantities: Sequence[str]) -> str:
    """Return the last numbers of every layer as HTML, with the warnings below.

    Examples
    --------
    >>> from training.reports import table_of
    >>> table_of(Diagnostics(), [])
    '<div><p>Diagnostics: no step seen</p><table><tr></tr></table></div>'
    """
    shown = [quantity for quantity in quantities if found[quantity]]
    names = [name for name in found.layers if any(name in found[quantity] for quantity in shown)]
    head = ["layer", "", *(quantity.replace("_", " ") for quantity in shown)] if shown else []
    rows = [[name, repr(found.layers[name]), *(_last(found[quantity], name) for quantity in shown)] for name in names]
    step = max((found.steps[quantity][-1] for quantity in shown if found.steps[quantity]), default=None)
    title = "Diagnostics: no step seen" if step is None else f"Diagnostics, last looked at step {step}"
    return html_of(
        [head, *rows], ["right", "left", *["right"] * len(shown)][: len(head)], title=title, notes=found.warnings
    )


def _last(values: Mapping[str, Sequence[float]], name: str) -> str:
    return f"{values[name][-1]:.3g}" if values.get(name) else ""
