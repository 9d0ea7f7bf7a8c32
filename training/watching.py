"""What a callback watches: the name of a number in the history, and which way it is better."""

from __future__ import annotations

from typing import Any

from .callbacks import Callback
from .direction import better


class Watching(Callback):
    """A callback with a `monitor` and a `mode`, both checked whenever they are assigned.

    Without a monitor it is left to the history what is best. The mode is the one that was given, or else what the name
    of the monitor says, so that another monitor has its own.

    Examples
    --------
    >>> early = EarlyStopping("loss")
    >>> early.monitor = "accuracy"
    >>> early.mode
    'max'
    >>> early.monitor = "speed"
    Traceback (most recent call last):
    ValueError: EarlyStopping: mode must be 'min' or 'max' for 'speed', whose name does not say which is better
    """

    _monitor: str | None = None
    _mode: str | None = None

    def _watch(self, monitor: str | None, mode: str | None) -> None:
        """Take both at once, the one judged by the other."""
        self._check(monitor, mode)
        self._monitor, self._mode = monitor, mode

    def _check(self, monitor: str | None, mode: str | None) -> None:
        better("loss" if monitor is None else monitor, mode, type(self).__name__)

    @property
    def monitor(self) -> Any:
        """The name of the number; None leaves it to the history."""
        return self._monitor

    @monitor.setter
    def monitor(self, monitor: str | None) -> None:
        self._watch(monitor, self._mode)

    @property
    def mode(self) -> str | None:
        """Which way is better: "min" or "max"."""
        return self._mode if self._monitor is None else better(self._monitor, self._mode)

    @mode.setter
    def mode(self, mode: str | None) -> None:
        self._watch(self._monitor, mode)
