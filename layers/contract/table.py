"""Tables in two forms: lines of text for a terminal, and HTML for a notebook, in which every character is escaped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

Cells = Sequence[str]
LEFT, RIGHT = str.ljust, str.rjust


class Table(str):
    """A table that is its own text, `print` or not, and shows itself as HTML in a notebook.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first one has the names of the columns.
    aligned : sequence of callables, one for each column
        `LEFT` or `RIGHT`.

    Examples
    --------
    >>> table = Table([("layer", "size"), ("Dense(2, 3)", "9"), ("ReLU()", "0")], [LEFT, RIGHT])
    >>> table
    layer        size
    Dense(2, 3)     9
    ReLU()          0
    >>> table._repr_html_().count("<td")
    4
    """

    rows: Sequence[Cells]
    aligned: Sequence[Callable[[str, int], str]]

    def __new__(cls, rows: Sequence[Cells], aligned: Sequence[Callable[[str, int], str]]) -> Table:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(align(cell, width) for align, cell, width in zip(aligned, row, widths, strict=True)).rstrip()
            for row in rows
        )
        table = super().__new__(cls, "\n".join(lines))
        table.rows, table.aligned = rows, aligned
        return table

    def __repr__(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (self.rows, self.aligned)

    def _repr_html_(self) -> str:
        return html_of(self.rows, ["left" if align is LEFT else "right" for align in self.aligned])


def html_of(rows: Sequence[Cells], sides: Sequence[str], *, title: str = "", notes: Sequence[str] = ()) -> str:
    """Return a table as HTML: a title, the names of the columns, the rows, and notes below, all of it escaped.

    Examples
    --------
    >>> html_of([("a",), ("<b>",)], ["left"], title="<i>")  # doctest: +ELLIPSIS
    '<div><p>&lt;i&gt;</p><table>...&lt;b&gt;...</table></div>'
    """
    head, *body = rows
    lines = [_line("th", head, sides), *(_line("td", row, sides) for row in body)]
    above = f"<p>{escape(title)}</p>" if title else ""
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<div>{above}<table>{''.join(lines)}</table>{below}</div>"


def _line(tag: str, row: Cells, sides: Sequence[str]) -> str:
    """Return a row; the spaces that indent a cell are kept."""
    cells = (
        f'<{tag} style="text-align: {side}; white-space: pre">{escape(cell)}</{tag}>'
        for cell, side in zip(row, sides, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"
