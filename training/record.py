"""The last row of the history, as callbacks see it: what they add to it stands in the history too."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, NoReturn

from .history import History


class Record(dict[str, float]):
    """The numbers of an epoch by name, to which a callback may add its own: `run.record["mine"] = 1.0`.

    The row is open in `on_epoch_end`, and the row before training in `on_train_begin`. At any other time it is that of
    an epoch that is over and saved, and a number is refused. One that is there may be replaced, all but the `epoch`.

    Parameters
    ----------
    row : dict of str to float
    history : History, optional
        Whose last row this is, as long as it is open.

    Examples
    --------
    >>> history = History({"epoch": [0, 1], "loss": [2.0, 1.0]})
    >>> record = Record(history.row(-1), history)
    >>> record["mine"] = 0.5
    >>> record, history.mine
    ({'epoch': 1, 'loss': 1.0, 'mine': 0.5}, [nan, 0.5])
    """

    def __init__(self, row: Mapping[str, float], history: History | None = None) -> None:
        super().__init__(row)
        self._history = history

    def close(self) -> None:
        """Take no more numbers."""
        self._history = None

    def __setitem__(self, name: str, value: Any) -> None:
        if self._history is None:
            raise RuntimeError(
                "run.record: numbers must be added in on_epoch_end, or before the first epoch in on_train_begin, got "
                f"{name!r} when no row was open"
            )
        if name == "epoch":
            raise ValueError(f"run.record: epoch must stay {self.get('epoch')}, got {value!r}")
        self._history.put(name, value)
        super().__setitem__(name, self._history[name][-1])

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(f"run.record: a number must stay, once it is there, got del of {name!r}")

    # dict has all of these in C, past __setitem__ and __delitem__
    update = MutableMapping.update
    setdefault = MutableMapping.setdefault
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    clear = MutableMapping.clear

    def __ior__(self, other: Any) -> Record:  # type: ignore[override, misc]
        self.update(other)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # a copy is of numbers, and changes no history
