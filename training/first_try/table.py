"""A CSV file, read and checked: every error says which line, and which column.

A row may go over several lines, where a quoted cell does; its line is the first of them. Empty lines are passed over.
Cells and names lose the spaces around them.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .wording import Refusal, counted, shown

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
LOOKED_AT = 20  # rows, to find the separator
KINDS = {  # by the first bytes
    b"PK\x03\x04": "a spreadsheet or another zip file: save its table as CSV",
    b"\x1f\x8b": "gzipped: unpack it first",
    b"\x89HDF": "an HDF5 file: write its table as CSV",
    b"PAR1": "a Parquet file: write its table as CSV",
    b"\x93NUMPY": "an array of NumPy: a table as CSV is wanted",
    b"{": "JSON: write its table as CSV",
}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file, all of the same length, and where each of them stands."""

    path: Path
    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str
    encoding: str
    nameless: tuple[str, ...] = ()  # columns without a name, which are called by their numbers
    folded: tuple[int, ...] = ()  # lines of the rows in which a quoted cell goes over several

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]


def read_table(path: Path, separator: str | None = None, encoding: str | None = None) -> Table:
    """Read a CSV file whose first line has the names of the columns; raise a `Refusal` where it is not one."""
    text, encoding = _text(path, encoding)
    if separator is None:
        separator = _separator(path, text)
    records = _records(path, text, separator)
    line, names = next(records)
    nameless = tuple(f"column {i}" for i, name in enumerate(names, start=1) if not name)
    names = _names(path, line, names, separator)
    rows, lines = [], []
    for line, cells in records:
        if len(cells) != len(names):
            raise Refusal(f"{path}, line {line}: {_ragged(len(names), cells, separator)}")
        rows.append(cells)
        lines.append(line)
    folded = tuple(
        line for line, row in zip(lines, rows, strict=True) if any("\n" in cell or "\r" in cell for cell in row)
    )
    if not rows:
        raise Refusal(f"{path}: there must be rows below the names of the columns, got none")
    return Table(path, names, rows, lines, separator, encoding, nameless, folded)


# ---- bytes to text ---------------------------------------------------------------------------------------------------


def _text(path: Path, encoding: str | None) -> tuple[str, str]:
    """Return the text of a file, and the encoding to open it with."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refusal(f"{path} must be a file that can be read: {error.strerror or error}") from None
    for start, kind in KINDS.items():
        if data.startswith(start):
            raise Refusal(f"{path} is {kind}")
    if encoding is None:
        encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
            encoding = "utf-8-sig"  # the same, and a mark at the beginning is none of the first name
        text = data.decode(encoding)
    except LookupError:
        raise Refusal(f"--encoding must be one that Python knows, such as latin-1, got {encoding!r}") from None
    except UnicodeError as error:
        line = data.count(b"\n", 0, getattr(error, "start", 0)) + 1
        hint = ": save it as UTF-8, or say --encoding cp1252, or what it is" if encoding == "utf-8-sig" else ""
        raise Refusal(f"{path}, line {line}: cannot be read as {encoding.removesuffix('-sig')}{hint}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Refusal(f"{path}, line {line}: there is a byte of 0, as no text has one; is it a CSV file?")
    if not text.strip():
        raise Refusal(f"{path} is empty")
    return text, encoding


# ---- text to rows ----------------------------------------------------------------------------------------------------


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each row begins, and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, [cell.strip() for cell in cells]
            start = reader.line_num + 1
    except csv.Error as error:
        where = f"line {start}" if reader.line_num <= start else f"lines {start} to {reader.line_num}"
        if "end of data" in str(error):
            said = "a quotation mark is opened, and nowhere closed"
        elif "limit" in str(error):
            said = f"a cell must have at most {csv.field_size_limit():,} characters; is a quotation mark not closed?"
        else:
            said = 'after a quoted cell there must be a separator; a quotation mark inside is written twice, ""'
        raise Refusal(f"{path}, {where}: {said}") from None


def _separator(path: Path, text: str) -> str:
    """Return what stands between the cells: what gives the most columns, of those that give each row as many."""
    found: dict[str, tuple[bool, int]] = {}
    for separator in (",", ";", "\t", "|"):
        try:
            lengths = [len(cells) for _, cells in itertools.islice(_records(path, text, separator), 1 + LOOKED_AT)]
        except Refusal:
            lengths = [len(text.split("\n", 1)[0].split(separator)), 0]
        if lengths[0] > 1:
            found[separator] = (len(set(lengths)) == 1, lengths[0])
    if not found:
        spaces = len(text.split("\n", 1)[0].split()) > 1
        hint = ": or are they separated by spaces? --separator space" if spaces else ""
        names = "commas, semicolons, tabs or bars"
        raise Refusal(f"{path}, line 1: there must be several columns, separated by {names}, got one{hint}")
    best = max(found.values())
    winners = [separator for separator, score in found.items() if score == best]
    if len(winners) > 1:
        names = " or ".join(SEPARATORS[each] for each in winners)
        raise Refusal(
            f"{path}: the cells could be separated by {names}: say --separator, comma or semicolon for example"
        )
    return winners[0]


def _names(path: Path, line: int, names: list[str], separator: str) -> list[str]:
    """Return the names of the columns; one without a name is called by its number."""
    names = [name or f"column {i}" for i, name in enumerate(names, start=1)]
    if len(names) < 2:
        by = SEPARATORS.get(separator, shown(separator))
        raise Refusal(f"{path}, line {line}: there must be several columns, separated by {by}, got one")
    if all(NUMBER.fullmatch(name) for name in names):
        got = ", ".join(names[:3])
        raise Refusal(
            f"{path}, line {line}: must hold the names of the columns, got numbers, {got}, ...: add such a line"
        )
    for i, name in enumerate(names):
        if name in names[:i]:
            first = names.index(name) + 1
            raise Refusal(
                f"{path}, line {line}: columns {first} and {i + 1} must have different names, got {shown(name)}"
            )
    return names


def _ragged(n: int, cells: list[str], separator: str) -> str:
    """Return what is wrong with a row of another length than that of the names."""
    hint = ""
    if cells[-1] == "" and len(cells) == n + 1:
        hint = ": a separator at the end makes one more"
    elif len(cells) > n and separator == ",":
        hint = ": a text with a comma in it must be in quotes, and numbers must not have decimal commas"
    return f"must have {counted(n, 'cell')}, as there are names of columns, got {len(cells)}{hint}"
