"""The record of a training: plain lists of numbers, an entry for each epoch."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from layers.contract import RIGHT, Table, checks, html_of
from layers.contract.meant import did_you_mean

from .direction import better as better
from .replacement import Path, as_text, check_path, replaced

MOST_ROWS = 12  # of a history that is printed; of a longer one the middle is left out


class History:
    """The numbers of every epoch, as plain lists by name: `history.loss` is `history["loss"]`.

    From `fit` there are

    - `epoch`: 0, 1, 2, ... Epoch 0 is before training, and left out by `measure_first=False`;
    - `loss`, and each metric by its name: over all examples of the epoch, each at the moment when it was trained on;
    - `validation_loss`, `validation_...`: over the validation data, after the epoch;
    - `learning_rate`: of the first step of the epoch;
    - `gradient_norm`: where the optimizer clips, the mean of the norms that it found;
    - `seconds`: by the clock on the wall, for the epoch and its validation.

    A callback adds numbers of its own: `run.record["mine"] = 1.0` in `on_epoch_end`. What is not known is NaN: a column
    that appears later, or not in every epoch, is NaN in the other rows. Two histories are equal if everything but
    `seconds` is: the clock never repeats itself.

    `dict(history)` has the columns by name; iteration gives the rows, each a dict; so `pandas.DataFrame(history)` is
    the table, and `history.to_csv(path)` writes it.

    Parameters
    ----------
    columns : dict of str to list of numbers, optional
        All of the same length.
    unit : str, default "nats"
        Of the loss.

    Examples
    --------
    >>> history = History({"epoch": [0, 1, 2], "loss": [2.3, 0.9, 0.4], "validation_loss": [2.3, 1.0, 1.1]})
    >>> history.loss, len(history), history.best()["epoch"]
    ([2.3, 0.9, 0.4], 3, 1)
    >>> history
    History of 3 rows, best validation_loss 1 at epoch 1
    epoch  loss  validation_loss
        0   2.3              2.3
        1   0.9                1
        2   0.4              1.1
    """

    def __init__(self, columns: Mapping[str, Iterable[float]] | None = None, unit: str = "nats") -> None:
        if not isinstance(unit, str):
            raise TypeError(f"History: unit must be text, got {unit!r}")
        given = {} if columns is None else columns
        if not isinstance(given, Mapping):
            raise TypeError(f"History: columns must be a dict of lists of numbers, got {type(given).__name__}")
        self._columns = {_name(name): _column(name, values) for name, values in given.items()}
        self.unit = unit
        lengths = {name: len(values) for name, values in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"History: columns must all have the same length, got {lengths}")

    @property
    def names(self) -> tuple[str, ...]:
        """What there is, in the order of the columns."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> list[float]:
        if not isinstance(name, str):
            raise KeyError(
                f"History: a column must be asked for by its name, and a row by history.row(0), got {name!r}"
            )
        if name not in self._columns:
            raise KeyError(f"History: there is no {name!r} among {list(self._columns)}{_meant(name, self._columns)}")
        return self._columns[name]

    def __iter__(self) -> Iterator[dict[str, float]]:
        """Yield the rows, each a dict by name, as `len` counts them; pandas makes its table of them."""
        return map(self.row, range(len(self)))

    def keys(self) -> tuple[str, ...]:
        """Return the names: `dict(history)` has the columns by name, as lists."""
        return self.names

    def items(self) -> Iterator[tuple[str, list[float]]]:
        """Yield (name, column)."""
        yield from self._columns.items()

    def __getattr__(self, name: str) -> list[float]:
        columns = self.__dict__.get("_columns", {})
        if name not in columns:
            raise AttributeError(f"History: there is no {name!r} among {list(columns)}{_meant(name, columns)}")
        return columns[name]

    def append(self, record: Mapping[str, float]) -> None:
        """Add a row. A number that is new, or is missing, is NaN in the other rows."""
        if not isinstance(record, Mapping):
            raise TypeError(f"History: a row must be a dict of numbers by name, got {type(record).__name__}")
        record = {_name(name): _entry(name, value) for name, value in record.items()}
        n_rows = len(self)
        for name in record:
            self._columns.setdefault(name, [math.nan] * n_rows)
        for name, values in self._columns.items():
            values.append(record.get(name, math.nan))

    def put(self, name: str, value: float) -> None:
        """Set a number of the last row. One that is new is NaN in the other rows.

        Examples
        --------
        >>> history = History({"epoch": [0, 1]})
        >>> history.put("mine", 0.5)
        >>> history.mine
        [nan, 0.5]
        """
        name = _name(name)
        value = _entry(name, value)
        if not len(self):
            raise IndexError(f"History: there must be a row to put {name} into, got none")
        self._columns.setdefault(name, [math.nan] * len(self))[-1] = value

    def row(self, index: int) -> dict[str, float]:
        """Return a row by name; -1 is the last one."""
        n = len(self)
        index = checks.whole("History", "index", index, least=-n)
        if index >= n:
            raise IndexError(f"History: index must be below {n}, the number of rows, got {index}")
        return {name: values[index] for name, values in self._columns.items()}

    def best(self, name: str | None = None, mode: str | None = None) -> dict[str, float]:
        """Return the row in which a number is best, the first of equal ones.

        Parameters
        ----------
        name : str, default "validation_loss", or "loss" where there is no validation
        mode : "min" or "max", optional
            Which way is better, where the name does not say it, or says the opposite. These endings speak for
            themselves: loss, error, perplexity (min); accuracy, precision, recall, f1, auc, matthews, r_squared, score
            (max).

        Raises
        ------
        KeyError, ValueError
            If there is no such number, it was never measured, or nobody says which way is better.

        Examples
        --------
        >>> History({"epoch": [0, 1, 2], "loss": [2.0, 1.0, 1.5], "kappa": [0.1, 0.2, 0.3]}).best("kappa", mode="max")
        {'epoch': 2, 'loss': 1.5, 'kappa': 0.3}
        """
        name = ("validation_loss" if "validation_loss" in self else "loss") if name is None else name
        values, sign = self[name], 1 if better(name, mode, "History") == "min" else -1
        known = [(sign * value, i) for i, value in enumerate(values) if not math.isnan(value)]
        if not known:
            raise ValueError(f"History: {name} must have been measured to have a best row, got {values[:3]}")
        return self.row(min(known)[1])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        mine, theirs = ({n: c for n, c in h._columns.items() if n != "seconds"} for h in (self, other))
        return list(mine) == list(theirs) and all(_same(mine[name], theirs[name]) for name in mine)

    __hash__ = None  # type: ignore[assignment]  # rows are added

    def to_csv(self, path: Path) -> None:
        """Write one line of names and one line for each row; every number comes back exactly.

        A file that is there is replaced at once: whoever reads it meets the old one or the new one, whole.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if self._columns:
            writer.writerow(self._columns)
        writer.writerows(zip(*self._columns.values(), strict=True))
        with replaced(check_path("History: path", path)) as file:
            file.write(text.getvalue().encode())

    @classmethod
    def from_csv(cls, path: Path, *, unit: str = "nats") -> History:
        """Read what `to_csv` wrote."""
        with open(as_text("History: path", path), newline="", encoding="utf-8") as file:
            names, *rows = list(csv.reader(file)) or [[]]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"History: the first line of {os.fspath(path)!r} must hold different names, got {names}")
        history = cls({name: [] for name in names}, unit=unit)
        for line, row in enumerate(rows, start=2):
            try:
                history.append(dict(zip(names, map(_number, row), strict=True)))
            except ValueError:
                where = f"line {line} of {os.fspath(path)!r}"
                raise ValueError(f"History: {where} must hold {len(names)} numbers, got {row}") from None
        return history

    def __repr__(self) -> str:
        return f"{self._head()}\n{Table(self._rows(), [RIGHT] * len(self.names))}" if self._columns else "History()"

    def _repr_html_(self) -> str:
        if not self._columns:
            return html_of([["History()"]], ["left"])
        return html_of(self._rows(), ["right"] * len(self.names), title=self._head())

    def _head(self) -> str:
        return f"History of {len(self)} rows{self._best_in_words()}"

    def _best_in_words(self) -> str:
        try:
            best = self.best()
        except (KeyError, ValueError):
            return ""
        name = "validation_loss" if "validation_loss" in best else "loss"
        return f", best {name} {best[name]:.4g} at epoch {best['epoch']}" if "epoch" in best else ""

    def _rows(self) -> list[Sequence[str]]:
        """Return names and numbers in words, of many rows without the middle."""
        rows = [[f"{value:.4g}" for value in row] for row in zip(*self._columns.values(), strict=True)]
        if len(rows) > MOST_ROWS:
            rows[MOST_ROWS // 2 : -MOST_ROWS // 2] = [["..."] * len(self.names)]
        return [self.names, *rows]

    def plot(self, *, log: bool = False) -> Any:
        """Draw loss, metrics and learning rate against the epochs, the best epoch marked; return the figure.

        Pyplot does not know it: `figure.savefig(path)` writes it, and a notebook shows it at the end of a cell.

        Parameters
        ----------
        log : bool, default False
            Loss and learning rate on a logarithmic scale.
        """
        from pictures import plot_history

        return plot_history(self, log=log)


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"History: names must be text, got {name!r}")
    return name


def _column(name: str, values: Any) -> list[float]:
    """Return a column as a list of Python's own numbers."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"History: {name} must be a list of numbers, got {values!r}")
    return [_entry(name, value) for value in values]


def _entry(name: str, value: Any) -> float:
    """Return a number as Python's own: whole ones remain whole."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"History: {name} must hold real numbers, got {value!r}")
    if isinstance(value, np.integer):
        return int(value)
    return value if type(value) is int else float(value)


def _meant(name: str, names: Iterable[str]) -> str:
    """Return the question what was meant: Keras has a validation_loss as val_loss."""
    full = f"validation_{name.removeprefix('val_')}" if name.startswith("val_") else name
    return f": did you mean {full}?" if full != name and full in names else did_you_mean(name, names)


def _same(a: list[float], b: list[float]) -> bool:
    return len(a) == len(b) and all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))


def _number(text: str) -> float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
