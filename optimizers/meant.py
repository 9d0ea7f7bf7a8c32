"""Calls and names that do not fit, told in the words of who typed them: `Adam(lr=0.1)`, `layer.weigths = ...`.

The same file stands in each package that may not import another one, and a test says so.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from .typed import in_words

# What the same thing is called elsewhere.
ELSEWHERE = {
    "lr": "learning_rate",
    "eta": "learning_rate",
    "rate": "learning_rate",
    "betas": "beta1",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "eps": "epsilon",
    "decay": "weight_decay",
    "wd": "weight_decay",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "in_features": "n_inputs",
    "in_channels": "n_inputs",
    "input_size": "n_inputs",
    "out_features": "n_outputs",
    "out_channels": "n_outputs",
    "units": "n_outputs",
    "filters": "n_outputs",
    "bias": "use_bias",
    "kernel_initializer": "initializer",
    "init": "initializer",
    "strides": "stride",
    "p": "rate",
    "prob": "rate",
    "dim": "axis",
    "seed": "rng",
    "random_state": "rng",
    "weight": "weights",
    "kernel": "weights",
    "W": "weights",
    "w": "weights",
    "b": "bias",
    "grad": "gradients",
    "grads": "gradients",
    "params": "parameters",
    "gamma": "gain",
    "beta": "bias",
    "biases": "bias",
}


def meant(name: str, names: Iterable[str]) -> str:
    """Return which of these names was meant by one that is not among them, or "".

    Examples
    --------
    >>> from layers.contract.meant import meant
    >>> meant("lr", ["learning_rate", "momentum"]), meant("on_epoch_ends", ["on_epoch_end"]), meant("x", ["layers"])
    ('learning_rate', 'on_epoch_end', '')
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
    >>> did_you_mean("biases", ["weights", "bias"])
    ': did you mean bias?'
    """
    found = meant(name, names)
    return f": did you mean {found}?" if found else ""


class _OfInit:
    """The signature of a class: that of its `__init__`, where Python might take `__new__` for it."""

    def __get__(self, thing: Any, kind: type) -> inspect.Signature:
        return _signature(kind.__init__)  # type: ignore[misc]


@cache
def _signature(init: Any) -> inspect.Signature:
    signature = inspect.signature(init)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


class Called:
    """What is made by a call: one that does not fit is refused by the name that was typed, before anything is done.

    Examples
    --------
    >>> Dense(2, 3, bias=False)
    Traceback (most recent call last):
        ...
    TypeError: Dense: there is no argument bias: did you mean use_bias?
    >>> Conv2D(32, 3)
    Traceback (most recent call last):
        ...
    TypeError: Conv2D: kernel_size must be given, got only (32, 3) for (n_inputs, n_outputs, kernel_size)
    """

    __signature__: Any = _OfInit()

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        if arguments or options:  # a copy is made without
            check_call(cls, arguments, options)
        return super().__new__(cls)


def check_call(kind: type, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Raise TypeError unless a class can be called so."""
    signature = inspect.signature(kind)
    try:
        signature.bind(*arguments, **options)
        return
    except TypeError:
        taken = signature.parameters
    who = kind.__name__
    unknown = [name for name in options if name not in taken]
    open_ended = any(p.kind == p.VAR_KEYWORD for p in inspect.signature(kind.__init__).parameters.values())  # type: ignore[misc]
    if unknown and open_ended and kind.__module__.partition(".")[0] != __name__.partition(".")[0]:
        return  # what somebody's own class does with its **options is up to it
    by_position = [name for name, p in taken.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if unknown and not any(p.kind == p.VAR_KEYWORD for p in taken.values()):
        names = [name for name in taken if name not in options]
        hint = did_you_mean(unknown[0], names) or f", only {', '.join(taken) or 'none at all'}"
        raise TypeError(f"{who}: there is no argument {unknown[0]}{hint}")
    given = f"({', '.join(_short(value) for value in arguments)})"
    if len(arguments) > len(by_position):
        if not by_position:
            raise TypeError(f"{who}() takes no arguments, got {given[1:-1]}")
        rest = [name for name, p in taken.items() if p.kind == p.KEYWORD_ONLY]
        more = f"; by keyword {', '.join(rest)}" if rest else ""
        raise TypeError(f"{who}: at most ({', '.join(by_position)}) must be given by position, got {given}{more}")
    twice = [name for name in by_position[: len(arguments)] if name in options]
    if twice:
        raise TypeError(f"{who}: {twice[0]} must be given once, got it by position, {given}, and by keyword")
    needed = [name for name in by_position if taken[name].default is inspect.Parameter.empty]
    missing = [n for n in needed[len(arguments) :] if n not in options]
    if missing:
        got = f"{given} for ({', '.join(needed)})" if arguments else ", ".join(options)
        raise TypeError(f"{who}: {' and '.join(missing)} must be given, got only {got}")


def _short(value: Any) -> str:
    words = in_words(value)
    return words if len(words) <= 60 else f"{words[:57]}..."
