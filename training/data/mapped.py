"""Data sets that give one example at a time, by its number: `__len__` and `__getitem__`, as those of PyTorch do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import plain_array

NAMES = ("x", "y", "sample_weight")  # of what an example is made


class Mapped:
    """Batches of the examples that a data set gives by their numbers, 0 to len - 1, each asked for when it is needed.

    Parameters
    ----------
    who : str
        Who asks, for the errors.
    dataset : object
        `dataset[i]` is (x, y) or (x, y, sample_weight) of one example, alike in shape; x may be a dict by name.

    Examples
    --------
    >>> class Squares:
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, i):
    ...         return [float(i)], [float(i) ** 2]
    >>> Mapped("fit", Squares()).batch([3, 5])
    (array([[3.],
           [5.]]), array([[ 9.],
           [25.]]))
    """

    def __init__(self, who: str, dataset: Any) -> None:
        self.who, self.dataset = who, dataset
        if not len(self):
            raise ValueError(f"{who}: x must hold at least one example, got a {type(dataset).__name__} of length 0")

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, indices: Iterable[int]) -> tuple[Any, ...]:
        """Return (x, y) or (x, y, sample_weights) of these examples."""
        indices = [int(i) for i in indices]
        examples = [self._example(i) for i in indices]
        for i, example in zip(indices, examples, strict=True):
            if len(example) != len(examples[0]):
                raise ValueError(
                    f"{self.who}: all examples must have a weight, or none, got {len(examples[0])} things at "
                    f"{indices[0]} and {len(example)} at {i}"
                )
        columns = zip(*examples, strict=True)
        return tuple(self._stacked(name, column, indices) for name, column in zip(NAMES, columns, strict=False))

    def _example(self, i: int) -> Sequence[Any]:
        example = self.dataset[i]
        if not isinstance(example, tuple | list) or len(example) not in (2, 3):
            got = f"{len(example)} things" if isinstance(example, tuple | list) else type(example).__name__
            raise TypeError(f"{self.who}: example {i} must be (x, y) or (x, y, sample_weight), got {got}")
        return example

    def _stacked(self, name: str, values: Sequence[Any], indices: Sequence[int]) -> Any:
        """Return the same part of all examples as one array, or as a dict of them."""
        if isinstance(values[0], Mapping):
            for i, value in zip(indices, values, strict=True):
                if not isinstance(value, Mapping) or value.keys() != values[0].keys():
                    got = list(value) if isinstance(value, Mapping) else type(value).__name__
                    raise ValueError(f"{self.who}: {name} of example {i} must have {list(values[0])}, got {got}")
            return {
                part: self._stacked(f"{name}[{part!r}]", [value[part] for value in values], indices)
                for part in values[0]
            }
        arrays = [plain_array(self.who, f"{name} of example {i}", v) for i, v in zip(indices, values, strict=True)]
        for i, array in zip(indices, arrays, strict=True):
            if array.shape != arrays[0].shape:
                got = f"{arrays[0].shape} at {indices[0]} and {array.shape} at {i}"
                raise ValueError(f"{self.who}: {name} of all examples must have one shape, got {got}")
        return np.stack(arrays)
