"""The text of a formula: read by Python's own grammar, with the place of what is refused marked in it."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any, NoReturn

LONGEST, DEEPEST = 10_000, 500  # characters of a text; gates one inside the other, as in x + y + ... too
TOO_LARGE = "must be at most 1.8e+308, the largest float64, got more"
BREAK = re.compile("\r\n|\r|\n")  # what ends a line for Python


class Text:
    """The text of a formula, and the places in it.

    Examples
    --------
    >>> tree = Text("x + yy").parsed()
    >>> Text("x + yy").refuse("names must be short, got a long one", tree.right)
    Traceback (most recent call last):
        ...
    ValueError: formula: names must be short, got a long one
        x + yy
            ^^
    """

    def __init__(self, text: Any) -> None:
        if not isinstance(text, str):
            raise TypeError(f"formula: text must be a str, got {type(text).__name__}")
        if len(text) > LONGEST:
            raise ValueError(f"formula: text must have at most {LONGEST:,} characters, got {len(text):,}")
        self.text = text.strip()
        self.lines = BREAK.split(self.text)

    def parsed(self) -> ast.expr:
        """Return the tree of the text, as Python reads it."""
        if not self.text:
            raise ValueError("formula: text must hold a formula, got none")
        start = "text must be a formula as Python writes them, got"
        strange = re.search("[\0\ud800-\udfff]", self.text)  # which no file of Python may hold
        if strange:
            before = BREAK.split(self.text[: strange.start()])
            self._refuse(f"{start} the character {strange[0]!r}", len(before), len(before[-1]), 0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of the tokenizer, of "1if x"
                return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            if "integer string conversion" in str(error):
                self._refuse(f"numbers {TOO_LARGE}", error.lineno or 1, (error.offset or 1) - 1, 0)
            end = error.end_offset if error.end_lineno == error.lineno else None
            message = (error.msg or "invalid syntax").split(". Perhaps")[0]
            self._refuse(f"{start} {message}", error.lineno or 1, (error.offset or 10**9) - 1, (end or 1) - 1)
        except (RecursionError, MemoryError):
            raise ValueError(
                f"formula: text must have at most {DEEPEST} gates one inside the other, got more"
            ) from None

    def of(self, node: ast.expr) -> str:
        """Return the text of a node, on one line."""
        if node.lineno == node.end_lineno:
            return self.lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode()
        return " ".join((ast.get_source_segment(self.text, node) or "").split())

    def refuse(self, what: str, node: Any) -> NoReturn:
        """Raise, with the place of a node marked."""
        line = self.lines[node.lineno - 1].encode()  # ast counts bytes
        end = line[: node.end_col_offset] if node.end_lineno == node.lineno else line
        self._refuse(what, node.lineno, len(line[: node.col_offset].decode()), len(end.decode()))

    def _refuse(self, what: str, line: int, start: int, end: int) -> NoReturn:
        """Raise, with the characters from start to end of a line marked."""
        shown = self.lines[min(line, len(self.lines)) - 1]
        start = min(start, len(shown))
        first = max(0, start - 60)  # of a long line, what is around
        shown = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in shown[first : start + 60])
        marks = "^" * max(1, min(end - first, len(shown)) - (start - first))
        raise ValueError(f"formula: {what}\n    {shown}\n    {' ' * (start - first)}{marks}") from None
