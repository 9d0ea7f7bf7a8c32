"""What the columns of a table are: numbers, words of which each becomes a column of 0 and 1, and the target."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from layers.contract.meant import did_you_mean

from .table import NUMBER, Table
from .wording import Refusal, counted, shown

MISSING = ("", "na", "n/a", "nan", "null", "none", "?")  # what stands for a number that is not known, in small letters
MOST_WORDS = 20  # different words of a column
MOST_CLASSES = 100  # of a target, unless it is said to hold classes
FEW_CLASSES = 20  # whole numbers that are taken for classes
ROWS_A_CLASS = 5  # that they need, on average
FEWEST = 10  # rows
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Choice:
    """What was said about the columns on the command line."""

    target: str | None = None
    task: str = "auto"
    decimal: str = "point"
    missing: str = "error"
    most_words: int = MOST_WORDS
    words: Sequence[str] = ()
    leave_out: Sequence[str] = ()


@dataclass
class Columns:
    """What the script makes of a table."""

    target: str
    classes: list[str]  # empty where the target is a number
    numbers: list[str]
    words: dict[str, list[str]]
    n_rows: int
    left_out: int = 0  # rows with a missing cell
    notes: list[str] = field(default_factory=list)  # what was decided, to be printed

    @property
    def n_features(self) -> int:
        """How many numbers a row gives the network."""
        return len(self.numbers) + sum(len(words) for words in self.words.values())


def number(cell: str, decimal: str = "point") -> float | None:
    """Return a cell as a number, or None if it is not one, or too large for one.

    Examples
    --------
    >>> from training.first_try.columns import number
    >>> number("-1.5e3"), number("1,5", "comma"), number("1,5"), number("1e999"), number("nan")
    (-1500.0, 1.5, None, None, None)
    """
    if decimal == "comma":
        cell = cell.replace(".", " ").replace(",", ".")  # a point beside a decimal comma would be for thousands
    value = float(cell) if NUMBER.fullmatch(cell) else math.nan
    return value if math.isfinite(value) else None


def read_columns(table: Table, choice: Choice) -> Columns:
    """Decide what each column is; raise a `Refusal` that says line and column where it cannot be told."""
    target = _target(table, choice)
    for name in (*choice.leave_out, *choice.words):
        _find(table, name, "--leave-out" if name in choice.leave_out else "--words")
    if target in choice.leave_out:
        raise Refusal(f"the target {shown(target)} must not be left out")
    used = [name for name in table.names if name not in choice.leave_out]
    if len(used) < 2:
        raise Refusal(f"there must be a column beside the target {shown(target)}, got none")
    for name in used:
        if name in table.nameless:
            cure = f"--leave-out {shlex.quote(name)}"
            raise Refusal(f"{table.path}: {name} must have a name: give it one, or leave it out, {cure}")
    kinds = {name: _kind(table, name, choice) for name in used}
    if choice.task == "numbers" and kinds[target] == "words":
        _refuse_words(table, target, choice, "--task numbers asks for numbers")
    rows = _complete_rows(table, kinds, choice)
    numbers = [name for name in used if name != target and kinds[name] == "numbers"]
    words = {name: _words(table, name, rows, choice) for name in used if name != target and kinds[name] == "words"}
    cells = [table.column(target)[i] for i in rows]
    classes, said = _classes(table, target, cells, kinds[target], choice)
    columns = Columns(target, classes, numbers, words, len(rows), len(table.rows) - len(rows))
    columns.notes = [said, _features(columns)]
    if table.folded:
        folded = counted(len(table.folded), "row")
        columns.notes.append(f"{folded} with line breaks in a quoted cell, the first at line {table.folded[0]}")
    if columns.left_out:
        columns.notes.append(f"{counted(columns.left_out, 'row')} left out, of which a cell is missing")
    return columns


# ---- names -----------------------------------------------------------------------------------------------------------


def _target(table: Table, choice: Choice) -> str:
    if choice.target is None:
        raise Refusal(f"say which column is to be predicted, --target COLUMN: {_listed(table.names)}")
    return _find(table, choice.target, "--target")


def _find(table: Table, name: str, option: str) -> str:
    if name in table.names:
        return name
    alike = [other for other in table.names if other.casefold() == name.strip().casefold()]
    hint = f": did you mean {alike[0]}?" if alike else did_you_mean(name, table.names)
    raise Refusal(f"{option} must be a column, {_listed(table.names)}, got {shown(name)}{hint}")


def _listed(names: Sequence[str]) -> str:
    """Return the names of columns for an error, of many of them the first."""
    few = [shown(name) for name in names[:12]]
    return "one of " + ", ".join(few) + (f" and {len(names) - 12} others" if len(names) > 12 else "")


# ---- kinds -----------------------------------------------------------------------------------------------------------


def _kind(table: Table, name: str, choice: Choice) -> str:
    """Return "numbers" or "words"; raise where a column is empty, or is one of numbers but for some cells."""
    cells = table.column(name)
    if name in choice.words or (name == choice.target and choice.task == "classes"):
        return "words"
    present = [cell for cell in cells if cell.lower() not in MISSING]
    if not present:
        raise Refusal(f"{table.path}: column {shown(name)} is empty: --leave-out {shlex.quote(name)}")
    n_numbers = sum(number(cell, choice.decimal) is not None for cell in present)
    if n_numbers == len(present):
        return "numbers"
    others = [cell for cell in present if number(cell, choice.decimal) is None]
    with_comma = choice.decimal == "point" and all(DECIMAL_COMMA.fullmatch(cell) for cell in others)
    if with_comma or 2 * n_numbers > len(present):
        _refuse_words(table, name, choice, "as the column holds numbers")
    return "words"


def _refuse_words(table: Table, name: str, choice: Choice, why: str) -> None:
    """Raise for the first cell of a column that is no number."""
    for line, cell in zip(table.lines, table.column(name), strict=True):
        if cell.lower() not in MISSING and number(cell, choice.decimal) is None:
            hint = _cure(cell, name, choice)
            raise Refusal(f"{_where(table, line, name)}: must be a finite number, {why}, got {shown(cell)}{hint}")


def _cure(cell: str, name: str, choice: Choice) -> str:
    """Return what to do about a cell that was to be a number."""
    if choice.decimal == "point" and DECIMAL_COMMA.fullmatch(cell):
        return ": where the comma is for decimals, --decimal comma"
    if NUMBER.fullmatch(cell.replace(",", "").replace(".", "").replace(" ", "").replace("'", "")):
        return ": digits are not grouped"
    if name == choice.target:
        return ": or --task classes"
    return f": or --words {shlex.quote(name)}, of which each different one becomes a column"


def _complete_rows(table: Table, kinds: dict[str, str], choice: Choice) -> list[int]:
    """Return the numbers of the rows in which nothing is missing; raise at the first of others, unless they may go."""
    places = [(name, table.names.index(name), kind) for name, kind in kinds.items()]
    complete = []
    for i, row in enumerate(table.rows):
        missing = [name for name, place, kind in places if _is_missing(row[place], kind)]
        if missing and choice.missing == "error":
            name = missing[0]
            n = sum(_is_missing(cell, kinds[name]) for cell in table.column(name))
            raise Refusal(
                f"{_where(table, table.lines[i], name)}: is missing, got {row[table.names.index(name)]!r}; that column "
                f"lacks {counted(n, 'cell')} of {len(table.rows):,}: --missing drop leaves such rows out, "
                f"--leave-out {shlex.quote(name)} the column"
            )
        if not missing:
            complete.append(i)
    if len(complete) < FEWEST:
        of = "" if len(complete) == len(table.rows) else f", of {len(table.rows):,}, in which nothing is missing"
        raise Refusal(f"{table.path}: there must be at least {FEWEST} rows to learn from, got {len(complete)}{of}")
    return complete


def _is_missing(cell: str, kind: str) -> bool:
    return cell.lower() in MISSING if kind == "numbers" else not cell


def _words(table: Table, name: str, rows: Iterable[int], choice: Choice) -> list[str]:
    """Return the different words of a column, in the order of the alphabet."""
    cells = table.column(name)
    words = sorted({cells[i] for i in rows})
    if len(words) > choice.most_words:
        raise Refusal(
            f"{table.path}: column {shown(name)} holds {len(words):,} different words, such as {shown(words[0])}, and "
            f"each would be a column of 0 and 1: leave it out, --leave-out {shlex.quote(name)}, or allow it, "
            f"--most-words {len(words)}"
        )
    return words


# ---- the target ------------------------------------------------------------------------------------------------------


def _classes(table: Table, name: str, cells: list[str], kind: str, choice: Choice) -> tuple[list[str], str]:
    """Return the classes of a target, none if it is a number, and what to say of it."""
    counts = Counter(cells)
    values = [number(cell, choice.decimal) for cell in counts]
    whole = all(value is not None and value.is_integer() for value in values)
    if len(counts) < 2 or (None not in values and len(set(values)) < 2):
        raise Refusal(
            f"{table.path}: the target {shown(name)} must differ from row to row, got {shown(cells[0])} in all"
        )
    few = len(counts) <= FEW_CLASSES and len(cells) >= ROWS_A_CLASS * len(counts)
    if kind == "numbers" and not (choice.task == "auto" and whole and few):
        found = [value for value in values if value is not None]
        other = "; --task classes would take them for classes" if len(counts) <= FEW_CLASSES else ""
        return [], f"target {shown(name)}: numbers from {min(found):g} to {max(found):g}, standardized{other}"
    if None not in values and len(set(values)) < len(counts):
        raise Refusal(f"{table.path}: the target {shown(name)} must write equal classes alike, got {_alike(counts)}")
    if len(counts) > (MOST_CLASSES if choice.task == "auto" else len(cells) // 2):
        hint = "" if choice.task == "classes" else "; if it is right, --task classes"
        hint = "; are they numbers? --task numbers" if None not in values else hint
        raise Refusal(
            f"{table.path}: the target {shown(name)} has {len(counts):,} classes in {len(cells):,} rows, such as "
            f"{shown(cells[0])}: too few rows of each to learn from{hint}"
        )
    said = ", ".join(f"{shown(cell)} ({n})" for cell, n in counts.most_common(6)) + (", ..." if len(counts) > 6 else "")
    other = "; --task numbers would take them for numbers" if whole and choice.task == "auto" else ""
    return sorted(counts), f"target {shown(name)}: {len(counts)} classes, with their rows: {said}{other}"


def _alike(counts: Counter[str]) -> str:
    """Return two classes that are the same number."""
    seen: dict[float, str] = {}
    for cell in counts:
        other = seen.setdefault(float(cell.replace(",", ".")), cell)
        if other != cell:
            return f"{shown(other)} and {shown(cell)}"
    return "others"


def _features(columns: Columns) -> str:
    """Return what the network is given of each row."""
    said = counted(len(columns.numbers), "column") + " of numbers" if columns.numbers else ""
    if columns.words:
        of_words = sum(len(words) for words in columns.words.values())
        said += " and " * bool(said) + counted(len(columns.words), "column") + f" of words, {of_words} of 0 and 1"
    return f"features: {said}"


def _where(table: Table, line: int, name: str) -> str:
    return f"{table.path}, line {line}, column {shown(name)}"
