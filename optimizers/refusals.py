"""Why a step is refused: options that a dtype cannot hold, names of no array, numbers that are not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import checks
from .blocks import Array
from .names import fits
from .options import Option
from .ranges import magnitude


def check_dtype(who: str, thing: Any, dtype: np.dtype[Any], least_epsilon: float) -> None:
    """Raise unless the options of this thing mean in this dtype what they mean on paper."""
    if dtype.kind != "f" or dtype.itemsize < 4:
        raise TypeError(f"{who}: parameters must be float32 or wider, got {dtype}")
    tiny = float(np.finfo(dtype).tiny)
    least = {"clip_norm": tiny, "clip_value": tiny, "epsilon": least_epsilon}
    options = [each for base in type(thing).__mro__ for each in vars(base).values() if isinstance(each, Option)]
    for option in options:
        name, value = option.name, getattr(thing, option.name)
        if option.check is checks.fraction and not dtype.type(value) < 1:
            raise ValueError(f"{who}: {name} must be below 1 in {dtype} too, got {value!r}")
        if name in least and value is not None and value < least[name]:
            raise ValueError(f"{who}: {name} must be at least {least[name]:.2g} in {dtype}, got {value}")


def check_names(who: str, layout: Mapping[str, slice], **wanted: Sequence[str]) -> None:
    """Raise unless each of the wanted names is that of an array."""
    for option, those in wanted.items():
        for each in those:
            if not any(fits(name, (each,)) for name in layout):
                raise ValueError(f"{who}: {option} must name arrays among {list(layout)}, got {each!r}")


def check_frozen(who: str, model: Any, frozen: Sequence[str]) -> None:
    """Raise if a layer is to be frozen that changes in another way than by its parameters."""
    state = [full for full, layer, name in model.arrays() if name in layer.buffers] if hasattr(model, "arrays") else []
    noise = [name for name, _ in model.noises()] if hasattr(model, "noises") else []
    for each in frozen:
        moving = next((name for name in (*state, *noise) if name.startswith(f"{each}.")), None)
        if moving is not None:
            raise ValueError(
                f"{who}: frozen must name what forward does not change, got {each!r}, which has {moving}: "
                "put that layer to rest, layer.rest()"
            )


def infinite(
    what: str, vector: Array, learned: Sequence[slice], layout: Mapping[str, slice] | None, frozen: Sequence[str]
) -> str:
    """Say where numbers are not finite, or nothing if all of them are.

    Examples
    --------
    >>> layout = {"0.weights": slice(0, 2), "0.bias": slice(2, 3)}
    >>> infinite("gradients", np.array([1.0, 2.0, np.inf]), [slice(0, 3)], layout, ())
    "gradients must be finite, got inf in ['0.bias']"
    """
    largest = magnitude(vector, learned)
    if math.isfinite(largest):
        return ""
    named = {} if layout is None else {name: here for name, here in layout.items() if not fits(name, frozen)}
    where = [name for name, here in named.items() if not np.isfinite(vector[here]).all()]
    return f"{what} must be finite, got {largest}{f' in {where}' if where else ''}"


def why_refused(
    gradients: Array,
    parameters: Array,
    rate: float,
    learned: Sequence[slice],
    layout: Mapping[str, slice] | None,
    frozen: Sequence[str],
) -> str:
    """Say why a step came to a result that is not finite."""
    return (
        infinite("gradients", gradients, learned, layout, frozen)
        or infinite("parameters", parameters, learned, layout, frozen)
        or f"a step must not overflow {parameters.dtype}, got gradients of up to {magnitude(gradients, learned):.3g}, "
        f"parameters of up to {magnitude(parameters, learned):.3g} and a rate of {rate:g}; "
        "clip_norm would bound the gradients"
    )
