"""A computation as a circuit: parts joined by wires, the value above each wire and its gradient below it.

A part is drawn from a record, a plain dict; `Container.records` says what it holds. Nothing of the house is known here.

    x  -2  \\
       -4   (+)  3  \\
    y   5  /    -4   (*)  -12
       -4           /       1
    z  -4 ---------'
        3
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .layered import Layout, layered
from .shown import empty_figure
from .style import COLORS, check_flag, check_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Record = Mapping[str, Any]

GREEN, RED = COLORS["green"], COLORS["vermillion"]
SIZE = 10.0  # of the signs, in points; the numbers are a little smaller
SMALL = 8.5
MARGIN = 14.0
FULL = 4  # an array of up to so many numbers is written in full
LONG = 36  # letters of a layer's name
DRAWN = ("name", "kind", "sign", "sources", "value", "gradient", "parameters", "inside")  # what a record has
MANY = 40  # parts from which on no numbers are written


def plot_circuit(records: Sequence[Record], *, opened: bool = False, title: str = "") -> Figure:
    """Draw parts and wires, with the values above and the gradients below, as far as the records have them.

    Gates are circles with their sign, layers boxes with what they are and how many parameters they have. A number is
    written as it is, a small array in full, a larger one by its shape and its norm.

    Parameters
    ----------
    records : sequence of dict
        Each part behind those it reads, as `Container.records()` gives them.
    opened : bool, default False
        Draw what is inside of containers in their place.
    title : str, optional

    Raises
    ------
    ValueError
        If there is nothing to draw.

    Examples
    --------
    >>> circuit = formula("(x + y) * z")
    >>> figure = plot_circuit(circuit.trace(x=-2, y=5, z=-4).records())
    >>> sorted(text.get_text() for text in figure.texts if text.get_gid() == "value")
    ['-12', '-2', '-4', '3', '5']
    """
    from matplotlib.patches import Circle, FancyBboxPatch, PathPatch
    from matplotlib.path import Path

    opened, title = check_flag("plot_circuit", "opened", opened), check_text("plot_circuit", "title", title)
    drawn = Drawing(checked("plot_circuit", records), opened)
    width, height = drawn.width + 2 * MARGIN, drawn.height + 2 * MARGIN + (2 * SIZE if title else 0)
    figure = empty_figure(figsize=(width / 72, height / 72))
    figure.add_axes((0, 0, 1, 1)).set_axis_off()  # a notebook takes a figure without axes for an empty one
    shift = np.array([MARGIN, MARGIN - drawn.bottom])

    def put(artist: Any) -> None:
        artist.set_transform(figure.dpi_scale_trans)
        figure.add_artist(artist)

    def write(x: float, y: float, text: str, gid: str, **options: Any) -> None:
        at_x, at_y = (np.array([x, y]) + shift) / 72
        options = {"ha": "center", "va": "center", "fontsize": SMALL, **options}
        shown = text.replace("$", r"\$")  # no formula of TeX
        figure.text(float(at_x), float(at_y), shown, transform=figure.dpi_scale_trans, gid=gid, **options)

    for points in drawn.wires():
        codes = [Path.MOVETO, *[Path.CURVE4 if len(part) == 3 else Path.LINETO for part in points[1:] for _ in part]]
        flat = np.array([point for part in points for point in part]) + shift
        put(PathPatch(Path(flat / 72, codes), fill=False, color="0.45", linewidth=1, gid="wire", zorder=1))
    for part in drawn.parts.values():
        x, y = np.array([part.x, part.y]) + shift
        if part.kind in ("input", "constant"):
            style = "italic" if part.kind == "input" else "normal"
            write(part.x, part.y, part.sign, "sign", fontsize=SIZE, style=style)
        elif part.round:
            put(Circle((x / 72, y / 72), part.radius / 72, facecolor="white", edgecolor="black", gid="gate", zorder=2))
            write(part.x, part.y, part.sign, "sign", fontsize=SIZE)
        else:
            corner = (x - part.body / 2) / 72, (y - part.tall / 2) / 72
            shape = "round,pad=0,rounding_size=0.05"
            box = FancyBboxPatch(corner, part.body / 72, part.tall / 72, shape, facecolor="0.96", edgecolor="black",
                                 gid="gate", zorder=2)  # fmt: skip
            put(box)
            for i, line in enumerate(part.lines):
                write(part.x, part.y + (len(part.lines) / 2 - i - 0.5) * 1.25 * SIZE, line, "sign", fontsize=SMALL)
        for text, gid, color, above in ((part.value, "value", GREEN, 1), (part.gradient, "gradient", RED, -1)):
            if text:
                write(part.stub, part.y + above * 0.75 * SMALL, text, gid, color=color, ha="left")
    if title:
        write(drawn.width / 2, drawn.bottom + drawn.height + 1.5 * SIZE, title, "title", fontsize=SIZE)
    return figure


class Part:
    """One part: what is written, how large that is, and where it stands."""

    def __init__(self, record: Record, numbers: bool) -> None:
        self.name, self.kind, self.sources = record["name"], record["kind"], tuple(record["sources"])
        self.sign = str(record["sign"])
        self.value = in_words(record["value"]) if numbers else ""
        self.gradient = in_words(record["gradient"]) if numbers else ""
        self.round = self.kind == "gate" and width_of(self.sign, SIZE) <= 2.6 * SIZE
        first = self.sign.splitlines()[0]
        self.lines = [first if len(first) <= LONG else f"{first[: LONG - 1]}…"]
        if record["parameters"]:
            self.lines.append(f"{record['parameters']:,} parameters")
        self.radius = max(0.95 * SIZE, width_of(self.sign, SIZE) / 2 + 0.45 * SIZE)
        if self.kind in ("input", "constant"):
            self.body, self.tall = width_of(self.sign, SIZE), 1.3 * SIZE
        elif self.round:
            self.body = self.tall = 2 * self.radius
        else:
            self.body = max(width_of(line, SMALL) for line in self.lines) + SIZE
            self.tall = 1.25 * SIZE * len(self.lines) + 0.8 * SIZE
        self.labels = max((width_of(text, SMALL) for text in (self.value, self.gradient) if text), default=0.0)
        self.size = max(self.tall, 3.4 * SMALL if self.labels else 0.0)
        self.x = self.y = self.stub = self.end = 0.0


class Drawing:
    """All the parts in their places, in points, and the ways of the wires."""

    def __init__(self, records: Sequence[Record], opened: bool) -> None:
        records = [*flattened(records)] if opened else [*records]
        if not records:
            raise ValueError("plot_circuit: records must hold a part, got none")
        numbers = len(records) <= MANY
        self.parts = {record["name"]: Part(record, numbers) for record in records}
        sources = {part.name: part.sources for part in self.parts.values()}
        late = [part.name for part in self.parts.values() if part.kind == "constant"]
        sizes = {part.name: part.size for part in self.parts.values()}
        self.layout: Layout = layered(sources, sizes, gap=0.9 * SIZE, thin=0.4 * SIZE, late=late)
        self.lefts, left = [], 0.0
        for column in self.layout.columns:
            own = [self.parts[name] for name in column if name in self.parts]
            body = max((part.body for part in own), default=0.0)
            labels = max((part.labels for part in own), default=0.0)
            for part in own:
                part.x, part.y = left + body / 2, self.layout.heights[part.name]
                part.stub = left + body + 0.4 * SIZE
                part.end = left + body + labels + (0.8 * SIZE if labels else 0.0)
            self.lefts.append((left, left + body + labels + (0.8 * SIZE if labels else 0.0)))
            left = self.lefts[-1][1] + 3.2 * SIZE
        self.width = self.lefts[-1][1]
        tops = [part.y + part.size / 2 for part in self.parts.values()]
        bottoms = [part.y - part.size / 2 for part in self.parts.values()]
        passing = [y for place, y in self.layout.heights.items() if place not in self.parts]
        self.bottom = min([*bottoms, *passing])
        self.height = max([*tops, *passing]) - self.bottom

    def wires(self) -> Iterable[list[list[tuple[float, float]]]]:
        """Yield the points of each wire: a start, then lines of one point and curves of three."""
        for part in self.parts.values():
            if part.end > part.x + part.body / 2:  # the stretch on which its numbers stand
                yield [[(part.x + part.body / 2, part.y)], [(part.end, part.y)]]
        for (source, target, i), way in self.layout.ways.items():
            first, last = self.parts[source], self.parts[target]
            x, y = first.end, first.y
            points: list[list[tuple[float, float]]] = [[(x, y)]]
            for place in way[1:-1]:
                left, right = self.lefts[self._column(place)]
                height = self.layout.heights[place]
                points += [_bend(x, y, left, height), [(right, height)]]
                x, y = right, height
            to_x, to_y = self._entry(last, i)
            left, _ = self.lefts[self._column(target)]
            yield [*points, _bend(x, y, left, to_y), [(to_x, to_y)]]  # bends are between the columns, where no part is

    def _column(self, place: str) -> int:
        return next(k for k, column in enumerate(self.layout.columns) if place in column)

    def _entry(self, part: Part, i: int) -> tuple[float, float]:
        """Return where the i-th input of a part comes in, on its left, those from above above."""
        ways = [self.layout.ways[source, part.name, k] for k, source in enumerate(part.sources)]
        from_above = sorted(range(len(ways)), key=lambda k: (-self.layout.heights[ways[k][-2]], k))
        n, place = len(ways), from_above.index(i)
        share = 0.0 if n == 1 else 1 - 2 * place / (n - 1)  # 1 above, -1 below
        if part.round:
            angle = share * math.pi / 4
            return part.x - part.radius * math.cos(angle), part.y + part.radius * math.sin(angle)
        return part.x - part.body / 2, part.y + share * part.tall * 0.3


def _bend(x: float, y: float, to_x: float, to_y: float) -> list[tuple[float, float]]:
    middle = (x + to_x) / 2
    return [(middle, y), (middle, to_y), (to_x, to_y)]


def in_words(value: Any) -> str:
    """Return a value as it is written at its wire.

    Examples
    --------
    >>> from pictures.circuit import in_words
    >>> in_words(-12.0), in_words(0.7311), in_words(np.ones((5, 4))), in_words(np.array([1.0, 0.25])), in_words(None)
    ('-12', '0.73', '(5, 4), norm 4.47', '[1, 0.25]', '')
    """
    if value is None:
        return ""
    array = np.asarray(value)
    if not array.ndim:
        return _number(array.item())
    if array.size <= FULL and array.ndim <= 2:
        return _listed(array.tolist())
    norm = float(np.linalg.norm(array.astype(float)))
    return f"({', '.join(map(str, array.shape))}), norm {_number(norm)}"


def _number(value: Any) -> str:
    if isinstance(value, bool | np.bool_ | int):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 0.005 <= abs(value) < 1e5:
        text = f"{value:.2f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    return f"{value:.1e}"


def _listed(values: Any) -> str:
    return f"[{', '.join(_listed(each) for each in values)}]" if isinstance(values, list) else _number(values)


@functools.cache
def width_of(text: str, size: float) -> float:
    """Return how wide a text is in points, whatever it is drawn on."""
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    return float(TextPath((0, 0), text.replace("$", r"\$"), size=size).get_extents().x1)


def checked(who: str, records: Any) -> Sequence[Record]:
    """Return records; raise unless they are a sequence of dicts that say what is drawn."""
    if isinstance(records, str | bytes | Mapping) or not isinstance(records, Sequence):
        raise TypeError(f"{who}: records must be a list of dicts, got {records!r:.80}")
    for record in records:
        missing = [*DRAWN] if not isinstance(record, Mapping) else [name for name in DRAWN if name not in record]
        if missing:
            raise TypeError(f"{who}: a record must be a dict with {', '.join(DRAWN)}, got {record!r:.80}")
    return records


def flattened(
    records: Sequence[Record], prefix: str = "", entering: Mapping[str, str] | None = None
) -> Iterable[Record]:
    """Yield the records with those inside of containers in their place, named from the outside in: "2.0".

    Examples
    --------
    >>> from pictures.circuit import flattened
    >>> model = Sequential([Dense(2, 2), Residual([Tanh()])])
    >>> [(record["name"], record["sources"]) for record in flattened(model.records())]
    [('x', ()), ('0', ('x',)), ('1.0', ('0',)), ('1.+', ('0', '1.0'))]
    """
    names = dict(entering or {})  # what a name in here is called outside
    for record in records:
        name = record["name"]
        if name in names and record["kind"] == "input":
            continue
        sources = tuple(names.get(source, f"{prefix}{source}") for source in record["sources"])
        inside = record["inside"]
        if not inside or not _is_wired(inside):
            names.setdefault(name, f"{prefix}{name}")
            yield {**record, "name": f"{prefix}{name}", "sources": sources}
            continue
        entries = [each["name"] for each in inside if each["kind"] == "input"]
        found = [*flattened(inside, f"{prefix}{name}.", dict(zip(entries, sources, strict=False)))]
        yield from found
        names[name] = next(each["name"] for each in reversed(found) if each["output"])


def _is_wired(inside: Sequence[Record]) -> bool:
    """Whether it is known which part reads which, and there is one output."""
    apart = [each for each in inside if each["kind"] != "input" and each["kind"] != "constant" and not each["sources"]]
    return not apart and sum(bool(each["output"]) for each in inside) == 1
