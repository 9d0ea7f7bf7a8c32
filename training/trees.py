"""A tree of numbers, strings and arrays as text and arrays: JSON, of bounded depth, digits and size.

    {"steps": 3, "velocity": array}   becomes   {"steps": 3, "velocity": {"__array__": "velocity"}}

and the array is put aside under that name. Long lists of numbers, such as the columns of a history, are arrays in the
file too, {"__list__": name}: as text they would take ten times as long, at every save.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

HEAD = "handgrad"  # the name of the entry with the text, which no array has
ARRAY, LIST = "__array__", "__list__"
FEWEST = 16  # numbers of a list that is worth an array
DEEPEST = 32  # levels of a tree
LARGEST = 10**64  # no whole number is as large: a stream of random numbers has some of 39 digits


def packed(who: str, tree: Any, arrays: dict[str, Any]) -> Any:
    """Return the tree as JSON knows it, its arrays put aside under their names.

    Arrays of objects or strings are refused: they would need pickle. NaN and infinity pass, since Python's JSON reads
    back what it wrote.

    Examples
    --------
    >>> arrays = {}
    >>> packed("save", {"steps": 3, "velocity": np.ones(2)}, arrays)
    {'steps': 3, 'velocity': {'__array__': 'velocity'}}
    >>> arrays
    {'velocity': array([1., 1.])}
    """
    return _packed(who, tree, "", arrays)


def unpacked(tree: Any, found: Callable[[str, Any], Any], depth: int = 0) -> Any:
    """Return the tree with found("__array__" or "__list__", name) for each array."""
    if depth > DEEPEST:
        raise ValueError(f"its tree must have at most {DEEPEST} levels, got more")
    if isinstance(tree, list):
        return [unpacked(item, found, depth + 1) for item in tree]
    if not isinstance(tree, dict):
        return tree
    for kind in (ARRAY, LIST):
        if kind in tree and len(tree) > 1:
            raise ValueError(f"its tree must have nothing beside {kind}, got {names(tree)}")
        if kind in tree:
            return found(kind, tree[kind])
    return {key: unpacked(item, found, depth + 1) for key, item in tree.items()}


def names(keys: Iterable[str]) -> list[str]:
    """Return the first of these names, for an error: however many there are, and however long."""
    return [key[:40] for key in itertools.islice(keys, 8)]


def memory(text: bytes) -> int:
    """Return about how many bytes this JSON needs when it is parsed, and hardly ever less than that."""
    counts = {b",": 33, b"[": 64, b"{": 232, b'"': 30}  # a number and its place, a list, a dict, half a string
    return 3 * len(text) + sum(size * text.count(mark) for mark, size in counts.items())


def parsed(text: bytes) -> Any:
    """Return what this JSON says, if it is bounded; raise ValueError if not, or if it is no JSON."""
    try:
        return json.loads(text.decode(), parse_int=_whole, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError(f"its tree must have at most {DEEPEST} levels, got more") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"must begin with JSON, got {type(error).__name__}") from None


def _whole(digits: str) -> int:
    if len(digits) > len(str(LARGEST)):
        raise ValueError(f"its whole numbers must be below {float(LARGEST):g}, got one of {len(digits):,} digits")
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"its tree must hold each name once, got {names(key for key, _ in pairs)}")
    return found


def _packed(who: str, value: Any, name: str, arrays: dict[str, Any], depth: int = 0) -> Any:
    """Return the value as JSON knows it; `name` is the way from the root, "optimizer/state/velocity"."""
    if depth > DEEPEST:
        raise ValueError(f"{who}: {name[:80]} must have at most {DEEPEST} levels, got more")
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return {ARRAY: _put(arrays, name, value.astype(value.dtype.newbyteorder("="), order="C", copy=False))}
    if isinstance(value, np.generic):
        return _packed(who, value.item(), name, arrays, depth)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        if ARRAY in value or LIST in value:
            raise ValueError(f"{who}: {name} must not have the keys {ARRAY} and {LIST}, which say where arrays are")
        return {key: _packed(who, item, f"{name}/{key}".lstrip("/"), arrays, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        if any(issubclass(kind, np.generic) for kind in kinds):
            value = [item.item() if isinstance(item, np.generic) else item for item in value]
        if (column := _column(value)) is not None:
            return {LIST: _put(arrays, name, column)}
        return [_packed(who, item, f"{name}/{i}".lstrip("/"), arrays, depth + 1) for i, item in enumerate(value)]
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise ValueError(f"{who}: {name} must be below {float(LARGEST):g}, got a number of more digits")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(f"{who}: {name} must be made of numbers, strings, arrays, lists and dicts of them, got {kind}")


def _put(arrays: dict[str, Any], name: str, array: Any) -> str:
    """Put an array aside under its name, or a number where that is taken, or is none for a file."""
    if name in arrays or name == HEAD or not (name.isascii() and name.isprintable()):
        name = f"array {len(arrays)}"
    arrays[name] = array
    return name


def _column(values: Sequence[Any]) -> Any:
    """Return a long list of numbers as an array that gives back the same list; None if there is none."""
    kinds = set(map(type, values)) if len(values) >= FEWEST else set()
    if kinds == {float}:
        return np.array(values, np.float64)
    if kinds == {int} and min(values) >= -(2**63) and max(values) < 2**63:
        return np.array(values, np.int64)
    return None
