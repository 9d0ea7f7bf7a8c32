"""Objects as one would type them: the `repr` of everything that is made with arguments.

The same file stands in each package that may not import another one, and a test says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np


def typed(thing: Any, hidden: Collection[str] = (), **defaults: Any) -> str:
    """Return a thing as one would type it: `Dense(2, 64, use_bias=False)`.

    Required arguments come by position, the others by keyword where they differ from their default; each is read from
    the attribute of its name. `...` stands for a required one that has none, or is hidden, and at the end for options
    and `*things` that are not known. An `rng` is never shown. `defaults` are those that the signature cannot tell.
    """
    arguments, all_known = [], True
    for name, parameter in _parameters(type(thing)):  # type: ignore[arg-type]  # a type is hashable
        value = ... if name in hidden else getattr(thing, name, ...)
        default = defaults.get(name, parameter.default)
        if parameter.kind == parameter.VAR_POSITIONAL or (value is ... and default is not parameter.empty):
            all_known = False
        elif default is parameter.empty:
            keyword = f"{name}=" if parameter.kind == parameter.KEYWORD_ONLY else ""
            arguments.append(keyword + in_words(value))
        elif not _equal(value, default):
            arguments.append(f"{name}={in_words(value)}")
    return f"{type(thing).__name__}({', '.join(arguments if all_known else [*arguments, '...'])})"


@cache
def _parameters(kind: type) -> list[tuple[str, inspect.Parameter]]:
    parameters = inspect.signature(kind).parameters.items()
    return [(name, p) for name, p in parameters if name != "rng" and p.kind != inspect.Parameter.VAR_KEYWORD]


def in_words(value: Any) -> str:
    """Return a value as one would type it: 1 for 1.0, 0.5 for np.float32(0.5), he_normal for the function."""
    if value is ...:
        return "..."
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return in_words(value.tolist()) if value.size <= 16 else f"<array of shape {value.shape}>"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(in_words, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(in_words, value))}{',' if len(value) == 1 else ''})"
    return getattr(value, "__name__", None) or repr(value)


def _equal(value: Any, default: Any) -> bool:
    try:
        return value is default or bool(value == default)
    except ValueError:  # an array
        return False
