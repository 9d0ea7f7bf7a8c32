"""A file for a tree of numbers, strings and arrays, that is never half written and never half believed.

The tree is what a `state_dict` is made of: dicts, lists, numbers, strings, None and arrays. The file is a `.npz`, a zip
of arrays without pickle, which `numpy.load` opens too:

    handgrad.npy          the tree in JSON as bytes (uint8), {"__array__": name} in the place of each array
    model/0.weights.npy   the arrays, each named by its way through the tree
    ...
    end of the zip        with the announcement of a comment of 71 bytes
    sha256:...            that comment, the seal: the checksum of all bytes before it

Why a seal, where a zip has a checksum for each entry: those say nothing about the names, the sizes and the directory at
the end, and a wrong bit there gives other arrays or none. With the seal every byte is checked before one is
believed, and a file that was cut off anywhere has no seal. It finds accidents; it is no signature against an enemy.

What a crash leaves behind: everything is written to `path.partial`, and the old file stays untouched until the new one
is whole and on the disk; then it changes its name, which the file system does at once or not at all. Killed before,
there is the old file, and a `.partial` that the next `write` overwrites; killed after, the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO, TypeAlias

import numpy as np

Path: TypeAlias = str | os.PathLike[str]

VERSION = 1  # of the format; a file of a later one is refused, not guessed at
BEGINNING = b"PK\x03\x04"  # of a zip; the name of its first entry comes at byte 30
FIRST_ENTRY = b"handgrad.npy"  # so that a foreign file is told from a damaged one
SEAL = b"sha256:"
SEAL_SIZE = len(SEAL) + 64  # a digest in hexadecimal


def check_path(who: str, path: Path) -> None:
    """Raise unless a file could be written there: `fit` asks before it trains for hours.

    `who` names the argument: "fit: checkpoint".
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f"{who} must be a file, got the directory {os.fspath(path)!r}")
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{who} must be in a directory that exists, got {os.fspath(path)!r}")


def write(who: str, path: Path, tree: Any) -> None:
    """Write the tree: whatever happens, there is the old file or the new one, whole.

    In this order, of which no step can be left out: write, seal, bring the content to the disk, rename, bring the name
    to the disk. A file renamed before its content is there could be empty after a power cut. What fails, a full disk or
    Ctrl-C, takes the partial file with it.

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
    TypeError
        If something else is in the tree. Nothing has been written then.

    Examples
    --------
    >>> write("save", "tree.npz", {"steps": 3, "velocity": np.ones(2)})
    >>> read("load", "tree.npz")
    {'steps': 3, 'velocity': array([1., 1.])}
    """
    check_path(f"{who}: path", path)
    arrays: dict[str, Any] = {}
    text = json.dumps({"version": VERSION, "numpy": np.__version__, "tree": _pack(who, tree, "", arrays)})
    target = os.path.realpath(path)  # of a link, what it points to
    partial = f"{target}.partial"
    try:
        with open(partial, "w+b") as file:
            np.savez(file, handgrad=np.frombuffer(text.encode(), np.uint8), **arrays)
            _seal(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
        _sync_folder(os.path.dirname(target))
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(partial)
        if isinstance(error, OSError):
            what = f"{who}: {os.fspath(path)!r} could not be written, what was there before still is"
            raise OSError(error.errno, f"{what}: {error.strerror or error}") from error
        raise


def read(who: str, path: Path) -> Any:
    """Return the tree of a file that `write` has written, every byte of it checked.

    Three questions, from the cheapest on: is it ours at all (its first entry), is it whole (its seal), can we read it
    (its version)? Only then is anything in it unpacked.

    Raises
    ------
    ValueError
        If the file is foreign, damaged or truncated, or of a newer version.
    OSError
        If there is no such file, or it is a directory.
    """
    name = repr(os.fspath(path))
    if os.path.isdir(path):
        raise IsADirectoryError(f"{who}: path must be a file, got the directory {name}")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{who}: path must be a file, but there is none at {name}")
    with open(path, "rb") as file:
        beginning = file.read(30 + len(FIRST_ENTRY))
        if not (beginning.startswith(BEGINNING) and beginning.endswith(FIRST_ENTRY)):
            raise ValueError(f"{who}: path must be a file that handgrad saved, but {name} is something else")
        file.seek(0)
        if not _is_sealed(file):
            raise ValueError(f"{who}: {name} is damaged or truncated: its SHA-256 is not the one it was saved with")
        file.seek(0)
        with np.load(file, allow_pickle=False) as data:
            arrays = {entry: data[entry] for entry in data.files}
    content = json.loads(arrays.pop("handgrad").tobytes())
    if content["version"] > VERSION:
        raise ValueError(
            f"{who}: {name} must have a format up to {VERSION}, got {content['version']}: "
            "it was saved by a newer version of handgrad"
        )
    return _unpack(content["tree"], arrays)


def _seal(file: BinaryIO) -> None:
    """End the file with the checksum of all its bytes, as the comment that a zip may have at its end.

    The length of the comment is announced first, so that the seal covers it too: any reader of zip files then skips the
    seal as a comment.
    """
    file.seek(-2, os.SEEK_END)  # the last field of a zip without a comment: the length of the comment, 0 so far
    file.write(SEAL_SIZE.to_bytes(2, "little"))
    size = file.tell()
    file.seek(0)
    seal = SEAL + _digest(file, size)
    file.seek(0, os.SEEK_END)
    file.write(seal)


def _is_sealed(file: BinaryIO) -> bool:
    """Return whether the file ends with the checksum of what comes before it."""
    size = file.seek(0, os.SEEK_END) - SEAL_SIZE
    if size < 0:
        return False
    file.seek(0)
    digest = _digest(file, size)
    return file.read() == SEAL + digest


def _digest(file: BinaryIO, size: int) -> bytes:
    """Return the SHA-256 of the next `size` bytes in hexadecimal, a mebibyte at a time: the file may be large."""
    digest = hashlib.sha256()
    while size:
        block = file.read(min(size, 1 << 20))
        if not block:
            break
        digest.update(block)
        size -= len(block)
    return digest.hexdigest().encode()


def _sync_folder(folder: str) -> None:
    """Bring the new name of a file to the disk: it is an entry of its folder, which is synchronized on its own."""
    if os.name == "posix":  # elsewhere a directory cannot be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _pack(who: str, value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Return the value as JSON knows it, its arrays put aside under their names.

    `name` is the way from the root, "optimizer/state/velocity". Arrays of objects or strings are refused: they would
    need pickle. NaN and infinity pass, since Python's JSON reads back what it wrote.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        arrays[name] = value
        return {"__array__": name}
    if isinstance(value, np.generic):
        return _pack(who, value.item(), name, arrays)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _pack(who, item, f"{name}/{key}".lstrip("/"), arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(who, item, f"{name}/{i}".lstrip("/"), arrays) for i, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise TypeError(f"{who}: {name} must be made of numbers, strings, arrays, lists and dicts of them, got {kind}")


def _unpack(value: Any, arrays: Mapping[str, Any]) -> Any:
    """Return the value with its arrays back in their places."""
    if isinstance(value, dict):
        if "__array__" in value:
            return arrays[value["__array__"]]
        return {key: _unpack(item, arrays) for key, item in value.items()}
    return [_unpack(item, arrays) for item in value] if isinstance(value, list) else value
