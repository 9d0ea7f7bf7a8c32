"""What is said to who typed the command, and texts of others made safe to stand inside of code."""

from __future__ import annotations

from collections.abc import Iterable

WIDTH = 120  # of a line of the script
SHOWN = 40  # characters of a cell, in an error


class Refusal(Exception):
    """What cannot be done, in words for who typed the command: no traceback follows."""


def quoted(text: str) -> str:
    r"""Return a text as Python writes it, in double quotes where it can be.

    Examples
    --------
    >>> from training.first_try.wording import quoted
    >>> print(quoted("plain"), quoted("it's"), quoted('a "word"'), quoted("two\nlines"))
    "plain" "it's" 'a "word"' "two\nlines"
    """
    written = repr(text)
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in text else written


def shown(cell: str) -> str:
    """Return a cell for an error: as Python writes it, the end of a long one left out.

    Examples
    --------
    >>> from training.first_try.wording import shown
    >>> print(shown("abc"), len(shown("a" * 1000)))
    'abc' 45
    """
    return repr(cell) if len(cell) <= SHOWN else f"{cell[:SHOWN]!r}..."


def plain(text: str) -> str:
    r"""Return a text that can stand in a comment or a docstring: nothing in it ends one, or begins a line.

    Examples
    --------
    >>> from training.first_try.wording import plain
    >>> plain("x\nimport os  # '\"' \\"), plain("größe in cm")
    ("x_import os  # '_' _", 'größe in cm')
    """
    safe = "".join(c if c.isprintable() and c not in '"\\`' else "_" for c in text)
    return safe if len(safe) <= SHOWN else f"{safe[:SHOWN]}..."


def assigned(name: str, items: Iterable[str], brackets: str = "[]", remark: str = "") -> list[str]:
    """Return the lines of `name = [items]`: one where it fits, else one for each item.

    Examples
    --------
    >>> from training.first_try.wording import assigned
    >>> assigned("SIZES", ["64", "10"]), len(assigned("SIZES", ["64"] * 50))
    (['SIZES = [64, 10]'], 52)
    """
    items = list(items)
    remark = f"  # {remark}" if remark else ""
    line = f"{name} = {brackets[0]}{', '.join(items)}{brackets[1]}{remark}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{name} = {brackets[0]}{remark}", *(f"    {item}," for item in items), brackets[1]]


def counted(n: int, thing: str, things: str = "") -> str:
    """Return how many there are of a thing.

    Examples
    --------
    >>> from training.first_try.wording import counted
    >>> counted(1, "row"), counted(1200, "row"), counted(2, "class", "classes")
    ('1 row', '1,200 rows', '2 classes')
    """
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"
