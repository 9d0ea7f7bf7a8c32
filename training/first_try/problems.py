"""What a script trains on: a data set that comes with the package, or a table, as lines of Python and as sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .columns import MISSING, Columns
from .table import Table
from .wording import WIDTH, assigned, counted, plain, quoted


@dataclass(frozen=True)
class Problem:
    """The part of a script that depends on its data. It makes x and y, and what the names below say."""

    stem: str  # of the name of the script
    subject: str  # of its first line
    data: str  # as it is said in a comment
    n_examples: int
    shape: tuple[int, ...]  # of an example
    n_outputs: int  # classes, or numbers to predict
    classes: bool
    uses: tuple[str, ...]  # names of `training`
    loading: tuple[str, ...]
    constants: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    standardized: bool = False  # x, and a target that is a number
    target: str = ""  # a column
    test: bool = False  # there are x_test and y_test as well

    @property
    def steps(self) -> bool:
        """Whether an example is a sequence."""
        return len(self.shape) == 2


def _points(name: str, subject: str, n: int, n_classes: int, call: str) -> Problem:
    """Return the problem of a data set of points of the plane."""
    comment = f"# {counted(n, 'point')} of the plane, x ({n}, 2), and their classes, y ({n},)."
    return Problem(name, subject, "points", n, (2,), n_classes, True, (name,), (comment, f"x, y = {call}"))


KNOWN = {
    problem.stem: problem
    for problem in (
        Problem(
            "digits",
            "to read handwritten digits",
            "images",
            1797,
            (64,),
            10,
            True,
            ("digits",),
            (
                "# Images of 8 x 8 pixels as rows, x (1797, 64), and the digits that they show, y (1797,).",
                "x, y = digits()",
            ),
        ),
        _points("spirals", "to tell three spirals apart", 300, 3, "spirals(rng=SEED)"),
        _points("moons", "to tell two half moons apart", 400, 2, "moons(200, rng=SEED)"),
        _points("circles", "to tell a circle from the one around it", 400, 2, "circles(200, rng=SEED)"),
        _points("xor", "to find where the signs of two coordinates differ", 400, 2, "xor(400, rng=SEED)"),
        Problem(
            "sine",
            "to fit a noisy sine",
            "points",
            400,
            (1,),
            1,
            False,
            ("sine",),
            (
                "# Points of a sine, x (400, 1), and its values with some noise, y (400, 1).",
                "x, y = sine(400, rng=SEED)",
            ),
        ),
        Problem(
            "adding",
            "to add two numbers that are marked in a sequence",
            "sequences",
            2000,
            (20, 2),
            1,
            False,
            ("adding",),
            (
                "# Sequences of 20 steps, each a number and a mark, x (2000, 20, 2), and the sums of the two numbers",
                "# that are marked, y (2000, 1).",
                "x, y = adding(2000, 20, rng=SEED)",
            ),
        ),
        Problem(
            "mnist",
            "to read the digits of MNIST",
            "images",
            60000,
            (784,),
            10,
            True,
            ("mnist",),
            (
                "# Images of 28 x 28 pixels as rows, x (60000, 784), their digits, y (60000,), and 10,000 for the end.",
                "(x, y), (x_test, y_test) = mnist(DIRECTORY)",
            ),
            test=True,
        ),
    )
}


def of_table(table: Table, columns: Columns, decimal: str, folder: Path) -> Problem:
    """Return the problem of a table, for a script in this folder."""
    name = plain(table.path.name)
    what = "classes" if columns.classes else "numbers"
    constants = [f"FILE = {_located(table.path, folder)}", f"TARGET = {quoted(columns.target)}  # {what}"]
    if columns.numbers:
        constants += assigned("NUMBERS", map(quoted, columns.numbers), remark="columns that are given to the network")
    if columns.words:
        constants += _words(columns.words)
    if columns.left_out and (columns.numbers or not columns.classes):
        constants.append(f"MISSING = {{{', '.join(map(quoted, MISSING))}}}  # stand for numbers that are not known")
    return Problem(
        stem=stem_of(table.path),
        subject=f"on {name} to predict {plain(columns.target)}",
        data="rows",
        n_examples=columns.n_rows,
        shape=(columns.n_features,),
        n_outputs=len(columns.classes) or 1,
        classes=bool(columns.classes),
        uses=("Labels", "Standardizer") if columns.classes else ("Standardizer",),
        loading=tuple(_loading(table, columns, decimal)),
        constants=tuple(constants),
        modules=("csv",),
        standardized=True,
        target=columns.target,
    )


def stem_of(path: Path) -> str:
    """Return what the script of a table is called by.

    Examples
    --------
    >>> from pathlib import Path
    >>> from training.first_try.problems import stem_of
    >>> stem_of(Path("data/wine quality (red).csv"))
    'wine_quality_red'
    """
    return re.sub(r"\W+", "_", path.stem).strip("_") or "table"


def _located(path: Path, folder: Path) -> str:
    """Return the path of the table as code: from the script's folder, if it is in there, else as it is."""
    path = path.resolve()
    try:
        parts = path.relative_to(folder.resolve()).parts
    except ValueError:
        return f"Path({quoted(str(path))})"
    return " / ".join(["SCRIPT.parent", *map(quoted, parts)])


def _words(words: dict[str, list[str]]) -> list[str]:
    """Return the lines of the words of each column."""
    remark = "columns of words, each word a feature"
    entries = {name: f"{quoted(name)}: [{', '.join(map(quoted, each))}]" for name, each in words.items()}
    lines = assigned("WORDS", entries.values(), "{}", remark)
    if max(map(len, lines)) <= WIDTH:
        return lines
    lines = [f"WORDS = {{  # {remark}"]
    for name, each in words.items():
        broken = [f"    {quoted(name)}: [", *(f"        {quoted(word)}," for word in each), "    ],"]
        lines += [f"    {entries[name]},"] if len(entries[name]) + 5 <= WIDTH else broken
    return [*lines, "}"]


def _loading(table: Table, columns: Columns, decimal: str) -> list[str]:
    """Return the lines that read a table and make x and y of it."""
    delimiter = "" if table.separator == "," else f"delimiter={quoted(table.separator)}, "
    lines = [
        "# The table: each row a dict of its cells by the names of the columns.",
        f'with open(FILE, newline="", encoding={quoted(table.encoding)}) as file:',
        f"    lines = csv.reader(file, {delimiter}skipinitialspace=True)",
        "    names = [name.strip() for name in next(line for line in lines if line)]",
        "    rows = [dict(zip(names, map(str.strip, line), strict=True)) for line in lines if line]",
    ]
    if columns.left_out:
        lines += ["", "# Rows in which nothing is missing.", *_complete(columns)]
    value = 'float(row[{}].replace(",", "."))' if decimal == "comma" else "float(row[{}])"
    features = [f"({value.format('name')} for name in NUMBERS)"] if columns.numbers else []
    features += (
        ["(float(row[name] == word) for name, words in WORDS.items() for word in words)"] if columns.words else []
    )
    lines += [
        "",
        f"# x ({columns.n_rows}, {columns.n_features}): the numbers of each row"
        + (", and a 1 for each of its words, 0 for all others." if columns.words else "."),
    ]
    if len(features) == 1:
        lines.append(f"x = np.array([[{features[0][1:-1]}] for row in rows])")
    else:
        lines += ["x = np.array(", "    [", "        ["]
        lines += [f"            *{each}," for each in features] + ["        ]", "        for row in rows", "    ]", ")"]
    if columns.classes:
        lines += [
            "",
            f"# y ({columns.n_rows},): the class of each row, a number; labels.names has their names.",
            "answers = [row[TARGET] for row in rows]",
            "labels = Labels(answers)",
            "y = labels.encode(answers)",
        ]
    else:
        lines.append(f"y = np.array([[{value.format('TARGET')}] for row in rows])  # ({columns.n_rows}, 1)")
    return lines


def _complete(columns: Columns) -> list[str]:
    """Return the lines that leave out rows with a missing cell."""
    numbers = "(*NUMBERS, TARGET)" if columns.numbers else "[TARGET]"
    words = "(*WORDS, TARGET)" if columns.words else "[TARGET]"
    if columns.classes:
        numbers = "NUMBERS" if columns.numbers else ""
    else:
        words = "WORDS" if columns.words else ""
    lines = []
    if numbers:
        lines.append(f"rows = [row for row in rows if all(row[name].lower() not in MISSING for name in {numbers})]")
    if words:
        lines.append(f"rows = [row for row in rows if all(row[name] for name in {words})]")
    return lines
