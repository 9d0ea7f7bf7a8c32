"""Text as numbers: the characters of a vocabulary, and windows of a long row of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array, Rng, checks, native

from .arrays import real_array


class Vocabulary:
    """The different characters of a text, numbered in the order of their code points: encode, and back, decode.

    A vocabulary of its own characters is the same again, so that they are all that has to be kept of it.

    Parameters
    ----------
    text : str, or list of them
        Whatever holds every character that is to have a number.

    Raises
    ------
    ValueError, TypeError
        If there is no character, or what is to be encoded or decoded holds one that is not in it.

    Examples
    --------
    >>> vocabulary = Vocabulary("to be or not to be")
    >>> vocabulary
    Vocabulary(' benort')
    >>> len(vocabulary), vocabulary.encode("not"), vocabulary.decode([1, 5, 2])
    (7, array([3, 4, 6]), 'bre')
    >>> vocabulary.encode("note!")
    Traceback (most recent call last):
        ...
    ValueError: Vocabulary: text must be of its 7 characters ' benort', got '!' at 4
    """

    def __init__(self, text: str | Sequence[str]) -> None:
        if not (isinstance(text, str) or (isinstance(text, list | tuple) and all(isinstance(s, str) for s in text))):
            raise TypeError(f"Vocabulary: text must be a str, or a list of them, got {type(text).__name__}")
        self.characters = "".join(sorted(set("".join(text))))
        if not self.characters:
            raise ValueError("Vocabulary: text must hold at least one character, got none")
        self._codes = _codes_of(self.characters)

    def encode(self, text: str) -> Array:
        """Return the numbers (T,) of the characters of a text."""
        if not isinstance(text, str):
            raise TypeError(f"Vocabulary: text must be a str, got {type(text).__name__}")
        codes = _codes_of(text)
        numbers = np.searchsorted(self._codes, codes)
        unknown = self._codes[np.minimum(numbers, len(self) - 1)] != codes
        if unknown.any():
            place = int(np.argmax(unknown))
            own = repr(self.characters) if len(self) <= 100 else f"{self.characters[:99]!r} ..."
            raise ValueError(
                f"Vocabulary: text must be of its {len(self)} characters {own}, got {text[place]!r} at {place}"
            )
        return numbers

    def decode(self, numbers: ArrayLike) -> str:
        """Return the text of which these are the numbers (T,)."""
        numbers = real_array("Vocabulary", "numbers", numbers, empty=True)
        if numbers.size and numbers.dtype.kind not in "iu":
            raise TypeError(f"Vocabulary: numbers must be whole numbers, got dtype {numbers.dtype}")
        if numbers.ndim != 1:
            raise ValueError(f"Vocabulary: numbers must have shape (T,), got {numbers.shape}")
        outside = (numbers < 0) | (numbers >= len(self))
        if outside.any():
            place = int(np.argmax(outside))
            raise ValueError(f"Vocabulary: numbers must be from 0 to {len(self) - 1}, got {numbers[place]} at {place}")
        return self._codes[numbers.astype(np.intp)].tobytes().decode("utf-32-le", "surrogatepass")

    def __len__(self) -> int:
        return len(self.characters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and other.characters == self.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"Vocabulary({self.characters!r})"


def _codes_of(text: str) -> Array:
    """Return the code points of the characters."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def windows(
    tokens: ArrayLike, n_steps: int, batch_size: int, n_batches: int, *, rng: Rng = None
) -> Iterator[tuple[Array, Array]]:
    """Yield n_batches of windows of a long row of tokens: (x, y), where y[:, t] is the token after x[:, t].

    Each window begins at random, wherever n_steps + 1 tokens follow. Of a memory-mapped array, as of
    `np.load("tokens.npy", mmap_mode="r")`, nothing but the windows is read. To train by `fit`, give it a function,
    `lambda: windows(tokens, 64, 12, 100, rng=rng)`: with a Generator, every epoch has other windows.

    Parameters
    ----------
    tokens : array of int (L,)
    n_steps, batch_size : int
        T and N.
    n_batches : int
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x and y (N, T), of int64

    Raises
    ------
    ValueError, TypeError
        If the tokens are no whole numbers in one row, or fewer than n_steps + 1.

    Examples
    --------
    >>> for x, y in windows(np.arange(100), n_steps=4, batch_size=2, n_batches=1, rng=0):
    ...     print(x, y, sep="\\n")
    [[81 82 83 84]
     [61 62 63 64]]
    [[82 83 84 85]
     [62 63 64 65]]
    """
    array = real_array("windows", "tokens", tokens)
    if array.dtype.kind not in "iu":
        raise TypeError(f"windows: tokens must be whole numbers, got dtype {array.dtype}")
    n_steps, batch_size = checks.whole("windows", "n_steps", n_steps), checks.whole("windows", "batch_size", batch_size)
    n_batches = checks.whole("windows", "n_batches", n_batches)
    if array.ndim != 1 or len(array) <= n_steps:
        raise ValueError(
            f"windows: tokens must have shape (L,) with L of at least n_steps + 1 = {n_steps + 1}, got {array.shape}"
        )
    return _windows(array, n_steps, batch_size, n_batches, checks.generator("windows", rng))


def _windows(
    tokens: Array, n_steps: int, batch_size: int, n_batches: int, rng: np.random.Generator
) -> Iterator[tuple[Array, Array]]:
    steps = np.arange(n_steps + 1)
    for _ in range(n_batches):
        starts = rng.integers(len(tokens) - n_steps, size=batch_size)
        chosen = native(np.asarray(tokens[starts[:, np.newaxis] + steps])).astype(np.int64)
        yield chosen[:, :-1], chosen[:, 1:]
