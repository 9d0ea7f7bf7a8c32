"""Which name was meant by one that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# What other libraries and papers call the arrays of a layer.
ELSEWHERE = {
    "weight": "weights",
    "kernel": "weights",
    "W": "weights",
    "w": "weights",
    "biases": "bias",
    "b": "bias",
    "gamma": "gain",
    "beta": "bias",
    "grad": "gradients",
    "grads": "gradients",
    "params": "parameters",
}


def meant(name: str, names: Iterable[str]) -> str:
    """Return which of these names was meant by one that is not among them, or "".

    Examples
    --------
    >>> from layers.contract.meant import meant
    >>> meant("W", ["weights", "bias"]), meant("on_epoch_ends", ["on_epoch_end"]), meant("x", ["layers"])
    ('weights', 'on_epoch_end', '')
    """
    names = list(names)
    if ELSEWHERE.get(name) in names:
        return ELSEWHERE[name]
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.75)), "")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the question, to be put behind an error, or "".

    Examples
    --------
    >>> from layers.contract.meant import did_you_mean
    >>> did_you_mean("weigths", ["weights", "bias"])
    ': did you mean weights?'
    """
    found = meant(name, names)
    return f": did you mean {found}?" if found else ""
