"""Where batches come from: arrays, or whatever gives batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .data.arrays import is_mapped, rows_of
from .data.examples import Examples, by_rows, paired, rows
from .data.mapped import Mapped

Batch: TypeAlias = tuple[Any, ...]  # (x, y) or (x, y, sample_weights)
Batches: TypeAlias = Iterable[Any] | Callable[[], Iterable[Any]]


class Source:
    """The batches of a pass over the data, as tuples (x, y) or (x, y, sample_weights), pass after pass.

    Parameters
    ----------
    who : str
        Who asks, for the errors.
    x : array, dict of arrays, data set of examples, or iterable of batches, or callable that returns one
        Arrays, memory-mapped ones and Padded too, are read a batch at a time; x may be a dict of them, by the names of
        a Graph's inputs. A data set gives (x, y) by number, see `Mapped`. An iterator, such as a generator, gives its
        batches once.
    y, sample_weights : array (N, ...), optional
        With an array x.
    batch_size : int, default 256
        Examples in a batch that is cut from arrays, or from a data set.

    Examples
    --------
    >>> source = Source("fit", np.zeros((10, 2)), np.zeros(10), batch_size=4)
    >>> [len(x) for x, y in source.batches()]
    [4, 4, 2]
    """

    def __init__(
        self,
        who: str,
        x: ArrayLike | Mapping[str, ArrayLike] | Batches,
        y: ArrayLike | None = None,
        sample_weights: ArrayLike | None = None,
        *,
        batch_size: int = 256,
    ) -> None:
        self.who, self.batch_size = who, batch_size
        self.arrays: tuple[Examples, ...] = ()  # arrays, or Padded
        self.mapped: Mapped | None = None
        self.n_examples = 0  # of the arrays, or of the data set
        self._iterable: Any = x
        if is_mapped(x):
            for name, value in (("y", y), ("sample_weights", sample_weights)):
                if value is not None:
                    kind = type(x).__name__
                    raise TypeError(f"{who}: {name} must be in the examples of the {kind}, (x, y), got them apart")
            self.mapped = Mapped(who, x)
            self.n_examples = len(self.mapped)
        elif y is not None:
            given: Batch = (x, y) if sample_weights is None else (x, y, sample_weights)
            names = ("x", "y", "sample_weights")
            pairs = zip(names, given, strict=False)
            self.arrays = tuple(
                by_rows(array, partial(rows_of, who, name)) if name == "x" else rows_of(who, name, array)
                for name, array in pairs
            )
            self._check_arrays()
        elif isinstance(x, type):
            raise TypeError(
                f"{who}: x must come with y, or be an iterable of batches (x, y), got the class {x.__name__}"
            )
        elif (
            isinstance(x, np.ndarray | Mapping)
            or hasattr(x, "__array__")
            or not (callable(x) or isinstance(x, Iterable))
        ):
            kind = repr(x) if isinstance(x, int | float | str) else type(x).__name__
            raise TypeError(f"{who}: x must come with y, or be an iterable of batches (x, y), got {kind} alone")
        elif sample_weights is not None:
            raise TypeError(f"{who}: sample_weights must be inside the batches, (x, y, sample_weights), got them apart")

    def _check_arrays(self) -> None:
        x, y, *weights = self.arrays
        n = self.n_examples = paired(self.who, x, y)
        for w in weights:
            if w.ndim == 0 or len(w) != n:
                raise ValueError(f"{self.who}: sample_weights must have length {n}, as x, got shape {w.shape}")
            if w.dtype.kind not in "fiub":
                raise TypeError(f"{self.who}: sample_weights must hold real numbers, got dtype {w.dtype}")
            if not (np.isfinite(w).all() and w.min() >= 0 and w.any()):
                odd = ~np.isfinite(w) | (w < 0)
                at = tuple(int(i) for i in np.argwhere(odd)[0]) if odd.any() else None
                got = "zeros alone" if at is None else f"{w[at]} at {list(at)}"
                raise ValueError(f"{self.who}: sample_weights must be finite, not negative and not all zero, got {got}")

    @property
    def once(self) -> bool:
        """Whether there is one pass only: an iterator cannot start again."""
        return not self.cuts and isinstance(self._iterable, Iterator)

    @property
    def cuts(self) -> bool:
        """Whether the batches are cut here, in any order: from arrays, or from a data set of examples."""
        return bool(self.arrays) or self.mapped is not None

    @property
    def n_batches(self) -> int | None:
        """Of a pass, if that is known."""
        if self.cuts:
            return -(-self.n_examples // self.batch_size)
        return len(self._iterable) if hasattr(self._iterable, "__len__") else None

    def sizes(self, drop_last: bool = False) -> list[int]:
        """Return the sizes of the batches that are cut here, each once."""
        whole, rest = divmod(self.n_examples, self.batch_size)
        return [self.batch_size] * (whole > 0) + [rest] * (rest > 0 and not drop_last)

    def first(self, n: int) -> Iterator[Batch]:
        """Yield one batch of the first n examples, where batches are cut here."""
        yield self._some(slice(n))

    def batches(self, rng: np.random.Generator | None = None, *, drop_last: bool = False) -> Iterator[Batch]:
        """Yield a pass of batches; examples in random order, if there is an rng. A batch without weight is left out.

        With drop_last the last batch of examples is left out too, if it is smaller than the others.
        """
        found = False
        for batch in self._cut(rng, drop_last) if self.cuts else self._given():
            found = True
            if len(batch) < 3 or np.any(batch[2]):
                yield batch
        if not found:
            raise ValueError(
                f"{self.who}: x must give at least one batch, got none; a generator is exhausted after one pass: "
                "give a list, or a function that makes a new generator"
            )

    def _cut(self, rng: np.random.Generator | None, drop_last: bool) -> Iterator[Batch]:
        order = None if rng is None else rng.permutation(self.n_examples)
        stop = self.n_examples - self.n_examples % self.batch_size * drop_last
        for start in range(0, stop, self.batch_size):
            here = slice(start, start + self.batch_size)
            yield self._some(here if order is None else order[here])

    def _some(self, chosen: Any) -> Batch:
        """Return a batch of the examples that a slice, or an array of numbers, chooses."""
        if self.mapped is not None:
            return self.mapped.batch(range(self.n_examples)[chosen] if isinstance(chosen, slice) else chosen)
        return tuple([rows(array, chosen) for array in self.arrays])

    def _given(self) -> Iterator[Batch]:
        for batch in self._iterable() if callable(self._iterable) else self._iterable:
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                got = f"{len(batch)} things" if isinstance(batch, tuple | list) else type(batch).__name__
                if isinstance(self._iterable, list | tuple) and all(isinstance(b, np.ndarray) for b in self._iterable):
                    got = f"{got}: write x, y and not a {type(self._iterable).__name__} of them"
                raise TypeError(f"{self.who}: a batch must be (x, y) or (x, y, sample_weights), got {got}")
            yield tuple(batch)
