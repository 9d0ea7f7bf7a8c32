"""A circuit as SVG, and as a page of its own on which its run goes step by step: one file, nothing from a network.

The drawing is that of `circuit`: the same parts in the same places. The page is `page.html`, a template; without
scripts it shows everything at once, and says every step in a list, which is also what a screen reader reads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from .circuit import MARGIN, SIZE, SMALL, Drawing, Part, Record, checked, flattened, width_of
from .steps import Step, steps_of
from .style import check_flag, check_text

TEMPLATE = Path(__file__).with_name("page.html")
LEAST, MOST = 0.9, 2.2  # how much smaller or larger than in print a drawing may become on a screen
POINT = 4 / 3  # pixels


def svg_of(records: Sequence[Record], *, opened: bool = False, title: str = "circuit") -> str:
    """Return the drawing of `plot_circuit` as SVG, with a text alternative and classes for a style sheet.

    Parameters
    ----------
    records : sequence of dict
        As `plot_circuit` takes them.
    opened : bool, default False
        Draw what is inside of containers in their place.
    title : str, default "circuit"
        For those who cannot see it.

    Examples
    --------
    >>> text = svg_of(formula("x * y").trace(x=2, y=3).records())
    >>> text.count('class="value"'), text.count("<circle")
    (3, 1)
    """
    opened, title = check_flag("svg_of", "opened", opened), check_text("svg_of", "title", title)
    records = [*flattened(checked("svg_of", records))] if opened else [*checked("svg_of", records)]
    drawn = Drawing(records, False)
    width, height = drawn.width + 2 * MARGIN, drawn.height + 2 * MARGIN
    lines = [
        f'<svg viewBox="0 0 {width:.1f} {height:.1f}" width="{width * POINT:.0f}" height="{height * POINT:.0f}" '
        'role="img" aria-labelledby="circuit-title circuit-text" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="circuit-title">{escape(title)}</title>',
        f'<desc id="circuit-text">{escape(_in_words(records))}</desc>',
    ]

    def at(x: float, y: float) -> tuple[float, float]:
        return MARGIN + x, height - MARGIN - (y - drawn.bottom)

    for points in drawn.wires():
        (first,), *rest = points
        path = "M{:.1f} {:.1f}".format(*at(*first))
        for way in rest:
            path += ("C" if len(way) == 3 else "L") + " ".join("{:.1f} {:.1f}".format(*at(*point)) for point in way)
        lines.append(f'<path class="wire" fill="none" stroke="#767676" d="{path}"/>')
    for i, part in enumerate(drawn.parts.values()):
        lines += _part(i, part, *at(part.x, part.y), at(part.stub, part.y)[0])
    return "\n".join([*lines, "</svg>"])


def _part(i: int, part: Part, x: float, y: float, stub: float) -> Iterable[str]:
    """Yield the lines of a part: its shape, its sign, and its two numbers."""
    named = part.kind in ("input", "constant")
    yield f'<g id="part{i}" class="part {part.kind}{"" if part.round or named else " box"}">'
    yield f"<title>{escape(part.name)}</title>"
    if part.round:
        yield f'<circle class="shape" cx="{x:.1f}" cy="{y:.1f}" r="{part.radius:.1f}" fill="#fff" stroke="#1a1a1a"/>'
    elif not named:
        left, top = x - part.body / 2, y - part.tall / 2
        yield (
            f'<rect class="shape" x="{left:.1f}" y="{top:.1f}" width="{part.body:.1f}" height="{part.tall:.1f}" '
            'rx="3.6" fill="#f4f4f4" stroke="#1a1a1a"/>'
        )
    size = SIZE if part.round or named else SMALL
    for k, line in enumerate([part.sign] if part.round or named else part.lines):
        rows = 1 if part.round or named else len(part.lines)
        place = y - (rows / 2 - k - 0.5) * 1.25 * SIZE
        yield _text(
            x, place, line, size, "sign", anchor="middle", style=' font-style="italic"' * (part.kind == "input")
        )
    for text, kind, color, below in ((part.value, "value", "#00684b", -1), (part.gradient, "gradient", "#a83c00", 1)):
        if text:
            yield _text(stub, y + below * 0.75 * SMALL, text, SMALL, kind, f' id="{kind}{i}" fill="{color}"')
    yield "</g>"


def _text(
    x: float, y: float, text: str, size: float, kind: str, more: str = "", *, anchor: str = "start", style: str = ""
) -> str:
    # As wide as it was measured, whatever the font of the reader: so no text runs into another one.
    width = f' textLength="{width_of(text, size):.1f}" lengthAdjust="spacingAndGlyphs"' if len(text) > 1 else ""
    return (
        f'<text class="{kind}"{more} x="{x:.1f}" y="{y:.1f}" dy="0.35em" font-size="{size}" '
        f'text-anchor="{anchor}"{style}{width}>{escape(text)}</text>'
    )


def _in_words(records: Sequence[Record]) -> str:
    """Return what is drawn as sentences."""
    said = []
    for record in records:
        name, sources = str(record["name"]), ", ".join(map(str, record["sources"]))
        said.append(f"{name}: {str(record['sign']).splitlines()[0]} of {sources}" if sources else name)
    return "; ".join(said) + "."


def page_of(records: Sequence[Record], *, opened: bool = False, title: str = "") -> str:
    """Return a page on which the run of a circuit goes step by step, by buttons and arrow keys.

    Parameters
    ----------
    records : sequence of dict
        As `plot_circuit` takes them. Without values there is the drawing, and the formulas without numbers.
    opened : bool, default False
        Draw what is inside of containers in their place.
    title : str, optional
        Left out, the text of the formula, or the names of the outputs.

    Examples
    --------
    >>> text = page_of(formula("(x + y) * z").trace(x=-2, y=5, z=-4).records())
    >>> "dz = dout · (x + y) = 1.00 · 3.00 = 3.00" in text, "<script src" in text
    (True, False)
    """
    opened, title = check_flag("page_of", "opened", opened), check_text("page_of", "title", title)
    records = [*flattened(checked("page_of", records))] if opened else [*checked("page_of", records)]
    outputs = [record for record in records if record["output"]] or records[-1:]
    title = title or ", ".join(str(record.get("label") or record["name"]) for record in outputs)
    svg, steps = svg_of(records, title=title), steps_of(records)
    number = {record["name"]: i for i, record in enumerate(records)}
    data = json.dumps([_as_data(step, number) for step in steps]).replace("<", "\\u003c")
    width = float(svg.split('viewBox="0 0 ')[1].split()[0]) * POINT
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        svg=svg,
        items="\n".join(f"<li>{escape(step.text)}</li>" for step in steps),
        data=data,
        least=round(LEAST * width),
        most=round(MOST * width),
    )


def _as_data(step: Step, number: dict[str, int]) -> dict[str, Any]:
    shown = [f"value{number[name]}" for name in step.values] + [f"gradient{number[name]}" for name in step.gradients]
    return {"phase": step.phase, "text": step.text, "lit": [f"part{number[n]}" for n in step.parts], "shown": shown}


def write_page(path: Any, records: Sequence[Record], *, opened: bool = False, title: str = "") -> None:
    """Write the page of `page_of` to a file.

    Parameters
    ----------
    path : path of a file
    records, opened, title
        As in `page_of`.

    Examples
    --------
    >>> write_page("circuit.html", formula("x * y").trace(x=2, y=3).records())
    """
    named = isinstance(path, str | bytes | os.PathLike) and bool(os.fspath(path))
    if not named or "\0" in os.fsdecode(path):
        raise TypeError(f"write_page: path must be the name of a file, got {path!r:.80}")
    text = page_of(records, opened=opened, title=title)
    Path(os.fsdecode(path)).write_text(text, encoding="utf-8")
