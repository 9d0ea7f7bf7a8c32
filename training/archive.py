"""A file for a tree of numbers, strings and arrays, that is never half written and never half believed.

The tree is what a `state_dict` is made of: dicts, lists, numbers, strings, None and arrays. The file is a `.npz`, a zip
of arrays without pickle, which `numpy.load` opens too:

    handgrad.npy          the tree in JSON as bytes (uint8), {"__array__": name} in the place of each array
    model/0.weights.npy   the arrays, each named by its way through the tree
    ...
    end of the zip        with the announcement of a comment of 71 bytes
    sha256:...            that comment, the seal: the checksum of all bytes before it

How a tree is taken apart is in `trees`.

Why a seal, where a zip has a checksum for each entry: those say nothing about the names, the sizes and the directory at
the end, and a wrong bit there gives other arrays or none. With the seal every byte is checked before one is
believed, and a file that was cut off anywhere has no seal. It finds accidents; it is no signature against an enemy, who
can seal a file too. Against him stand `entries`, which finds in a file what is there and no more than is there, and
`schema`, which knows what must be in it; only then are arrays read, by `Archive.filled`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from .entries import BEGINNING, Damage, Entry, entries, file_size, read_entry, read_exactly
from .replacement import AT_ONCE, SAFELY, Path, as_text, check_path, check_regular, replaced, told
from .trees import HEAD, LIST, memory, names, packed, parsed, unpacked

VERSION = 4  # of the format; a file of a later one is refused, not guessed at
SEAL = b"sha256:"
SEAL_SIZE = len(SEAL) + 64  # a digest in hexadecimal
SPARE = 32 << 20  # bytes that the tree may need in memory beyond twice its file
DAMAGED = "it is damaged or truncated"


def write(who: str, path: Path, tree: Any) -> None:
    """Write the tree: whatever happens, there is the old file or the new one, whole; see `replacement`.

    Parameters
    ----------
    who : str
        Who writes, for the errors: "save".
    path : path of a file
        Of a link, what it points to is replaced and the link stays.
    tree : dict, list, number, str, bool, None or array
        Keys are str; of NumPy's numbers Python's are kept, of tuples lists.

    Raises
    ------
    OSError
        If the file cannot be written, with the `errno` of the system; the old one is as it was.
    TypeError, ValueError
        If something else is in the tree, or it is nested too deeply. Nothing has been written then.

    Examples
    --------
    >>> write("save", "tree.npz", {"steps": 3, "velocity": np.ones(2)})
    >>> read("load", "tree.npz")
    {'steps': 3, 'velocity': array([1., 1.])}
    """
    name = check_path(f"{who}: path", path)
    arrays: dict[str, Any] = {}
    content = {"version": VERSION, "numpy": np.__version__, "tree": packed(who, tree, arrays)}
    text = json.dumps(content).encode()
    try:
        with replaced(name) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for entry, array in {HEAD: np.frombuffer(text, np.uint8), **arrays}.items():
                    with archive.open(f"{entry}.npy", "w", force_zip64=True) as place:
                        np.lib.format.write_array(place, array, (1, 0), allow_pickle=False)
            _seal(file)
    except OSError as error:
        raise told(error, f"{who}: {name!r} could not be written, what was there before still is") from error


def read(who: str, path: Path) -> Any:
    """Return the tree of a file that `write` has written, every byte of it checked.

    Raises
    ------
    ValueError
        If the file is foreign, damaged or truncated, or of a newer version.
    OSError
        If there is no such file, or it is a directory, a pipe or a device.
    """
    with opened(who, path) as archive:
        return archive.filled(archive.tree)


class Archive:
    """An open file whose structure has been checked: the tree, with an `Entry` in the place of each array.

    Attributes
    ----------
    tree : dict, list, number, str, bool, None or Entry
    version : int
        Of the format.
    """

    def __init__(self, where: str, file: BinaryIO, found: dict[str, Entry]) -> None:
        self._where, self._file, self._left = where, file, found
        content = self._content(found.pop(HEAD))
        self.version: int = content["version"]
        self.tree = unpacked(content["tree"], self._found)
        if self._left:
            raise ValueError(f"must hold the arrays of its tree and no others, got {next(iter(self._left))!r}")

    def filled(self, tree: Any) -> Any:
        """Return this part of the tree with its arrays in their places, read now."""
        if isinstance(tree, Entry):
            try:
                array = read_entry(self._file, tree)
            except ValueError as error:
                raise ValueError(f"{self._where}: {_with_cause(error)}") from None
            return array.tolist() if tree.listed else array
        if isinstance(tree, dict):
            return {key: self.filled(value) for key, value in tree.items()}
        return [self.filled(value) for value in tree] if isinstance(tree, list) else tree

    def _content(self, head: Entry) -> dict[str, Any]:
        """Return the JSON at the beginning of the file, of bounded size."""
        if head.dtype != np.uint8 or head.ndim != 1:
            raise ValueError(f"must begin with text, got {head.dtype} in shape {head.shape}")
        text, most = read_entry(self._file, head).tobytes(), 2 * file_size(self._file) + SPARE
        if (needed := memory(text)) > most:
            raise ValueError(f"must have a tree of at most {most:,} bytes in memory, got about {needed:,}")
        content = parsed(text)
        version = content.get("version") if isinstance(content, dict) else None
        if type(version) is not int or version < 1:
            raise ValueError(f"must have a format that is a whole number, got {str(version)[:40]}")
        if version > VERSION:
            raise ValueError(
                f"must have a format up to {VERSION}, got {version}: it was saved by a newer version of handgrad"
            )
        if content.keys() != {"version", "numpy", "tree"}:
            raise ValueError(f"must have the fields version, numpy and tree, got {names(content)}")
        if not isinstance(content["numpy"], str) or len(content["numpy"]) > 80:
            raise ValueError("must name the version of NumPy in a few letters, got something else")
        return content

    def _found(self, kind: str, name: Any) -> Entry:
        """Return the entry that stands for an array or a list, each once."""
        entry = self._left.pop(name, None) if isinstance(name, str) else None
        if entry is None:
            raise ValueError(f"must hold each array of its tree, once, but not {str(name)[:80]!r}")
        if kind == LIST and (entry.ndim != 1 or entry.dtype not in (np.float64, np.int64) or self.version == 1):
            raise ValueError(f"must have a list of numbers in {name!r}, got {entry.dtype} in shape {entry.shape}")
        # What version 1 kept of a callback may lie in columns; all else is written in rows.
        if entry.fortran and not (self.version == 1 and entry.name.startswith("callbacks/")):
            raise ValueError(f"must have the numbers of {name!r} row by row, got them by columns")
        return entry._replace(listed=kind == LIST)


@contextlib.contextmanager
def opened(who: str, path: Path, largest: int | None = None) -> Iterator[Archive]:
    """Give the archive in a file, to be looked at before anything of it is read.

    From the cheapest question on: is it a file, is it ours (its first entry), of a size that can be, built as we do,
    whole (its seal), of a version that we know? Each refusal begins with `who: path`.

    Parameters
    ----------
    who : str
    path : path of a file
    largest : int, optional
        How many bytes the file may have.

    Examples
    --------
    >>> write("save", "tree.npz", {"steps": 3, "velocity": np.ones(2)})
    >>> with opened("load", "tree.npz") as archive:
    ...     archive.tree["velocity"].shape
    (2,)
    """
    name = as_text(f"{who}: path", path)
    where = f"{who}: {name!r}"
    with _opened(where, name) as file:
        try:
            archive = Archive(where, file, _entries(file, largest))
        except ValueError as error:
            raise ValueError(f"{where}: {_with_cause(error)}") from None
        yield archive


def _opened(where: str, name: str) -> BinaryIO:
    """Open a file to read it: a pipe would wait for somebody who writes into it, a device may never end."""
    try:
        check_regular(f"{where}: path", name, os.stat(name))
        handle = os.open(name, os.O_RDONLY | AT_ONCE | (SAFELY & ~getattr(os, "O_NOFOLLOW", 0)))
    except FileNotFoundError:
        raise FileNotFoundError(f"{where}: path must be a file, but there is none at that path") from None
    except OSError as error:
        if error.errno is None:
            raise
        raise told(error, f"{where}: must be a file that can be read") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{where}: path must be a file, got something else")
    return os.fdopen(handle, "rb")


def _entries(file: BinaryIO, largest: int | None) -> dict[str, Entry]:
    size, first = file_size(file), f"{HEAD}.npy".encode()
    beginning = file.read(30 + len(first))
    if not (beginning.startswith(BEGINNING) and beginning.endswith(first)):
        raise ValueError("must be a file that handgrad saved, but it is something else")
    if largest is not None and size > largest:
        raise ValueError(f"must have at most {largest:,} bytes for what is to be loaded, got {size:,}")
    if size < SEAL_SIZE or not re.fullmatch(SEAL + rb"[0-9a-f]{64}", read_exactly(file, size - SEAL_SIZE, SEAL_SIZE)):
        raise Damage("must end with its SHA-256")
    try:
        found = entries(file, size, SEAL_SIZE)
    except ValueError as error:
        if _is_sealed(file, size):
            raise
        raise Damage(str(error)) from None  # whatever it looks like, the cause is that bits are not as they were
    if not _is_sealed(file, size):
        raise Damage("must have the SHA-256 that it was saved with, got another one")
    if HEAD not in found:
        raise ValueError(f"must hold {HEAD!r}, got {list(found)[:5]}")
    return found


def _with_cause(error: ValueError) -> str:
    return f"{error}: {DAMAGED}" if isinstance(error, Damage) else str(error)


def _seal(file: BinaryIO) -> None:
    """End the file with the checksum of all its bytes, as the comment that a zip may have at its end.

    The length of the comment is announced first, so that the seal covers it too: any reader of zip files then skips the
    seal as a comment.
    """
    file.seek(-2, os.SEEK_END)  # the last field of a zip without a comment: the length of the comment, 0 so far
    file.write(SEAL_SIZE.to_bytes(2, "little"))
    seal = SEAL + _digest(file, file.tell())
    file.seek(0, os.SEEK_END)
    file.write(seal)


def _is_sealed(file: BinaryIO, size: int) -> bool:
    """Return whether the file ends with the checksum of what comes before it."""
    digest = _digest(file, size - SEAL_SIZE)
    return read_exactly(file, size - SEAL_SIZE, SEAL_SIZE) == SEAL + digest


def _digest(file: BinaryIO, size: int) -> bytes:
    """Return the SHA-256 of the first `size` bytes in hexadecimal, a mebibyte at a time: the file may be large."""
    digest = hashlib.sha256()
    file.seek(0)
    while size:
        block = file.read(min(size, 1 << 20))
        if not block:
            break
        digest.update(block)
        size -= len(block)
    return digest.hexdigest().encode()
