"""The IDX files in which MNIST and Fashion-MNIST come, read and checked.

An IDX file is a header and then the bytes of one array, the last axis fastest:

    bytes 0-3    magic number: 0, 0, 8 for unsigned bytes, then the number of axes
    4 for each   the length of each axis, big-endian
    the rest     the elements
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

from layers.contract import Array

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def mnist(directory: str | os.PathLike[str]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Read MNIST or Fashion-MNIST from its four files: ((x_train, y_train), (x_test, y_test)).

    x (N, 784) float32 in [0, 1], rows of 28 x 28 pixels; y (N,) of 0 .. 9, N 60,000 and 10,000.
    `x.reshape(-1, 28, 28, 1)` has them as images. Nothing is downloaded: the directory must hold
    train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each as it
    is or gzipped, with the ending .gz.

    Parameters
    ----------
    directory : path
        Where the four files are.

    Raises
    ------
    FileNotFoundError
        If one is missing; it says which four are wanted.
    ValueError
        If one is damaged: a wrong magic number, size, or count of labels.

    References
    ----------
    LeCun, Cortes, Burges (1998), "The MNIST database of handwritten digits". Xiao, Rasul, Vollgraf (2017),
    "Fashion-MNIST", arXiv:1708.07747.

    Examples
    --------
    >>> mnist("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: mnist: the directory nowhere must hold train-images-idx3-ubyte, train-labels-idx1-ubyte, \
t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each as it is or as .gz, but there is no train-images-idx3-ubyte
    """
    folder = _path("mnist", "directory", directory)
    paths = [_found(folder, name) for name in FILES]
    arrays = [read_idx(path) for path in paths]
    for images, labels, path, labels_path in zip(arrays[::2], arrays[1::2], paths[::2], paths[1::2], strict=True):
        if images.ndim != 3 or images.shape[1:] != (28, 28):
            raise ValueError(f"mnist: {path} must hold images (N, 28, 28), got {images.shape}")
        if labels.shape != images.shape[:1]:
            raise ValueError(f"mnist: {labels_path} must hold {len(images)} labels, one an image, got {labels.shape}")
        if labels.size and labels.max() > 9:
            raise ValueError(f"mnist: {labels_path} must hold labels 0 .. 9, got {labels.max()}")
    x_train, y_train, x_test, y_test = arrays
    return (_rows(x_train), y_train.astype(np.int64)), (_rows(x_test), y_test.astype(np.int64))


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Return the array of unsigned bytes in an IDX file, gzipped or not.

    Parameters
    ----------
    path : path

    Raises
    ------
    ValueError
        If the file is not an IDX file of unsigned bytes, or has another size than its header says.

    Examples
    --------
    >>> import pathlib
    >>> file = pathlib.Path("two-labels-idx1-ubyte")
    >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]))
    >>> read_idx(file)
    array([7, 3], dtype=uint8)
    """
    path = _path("read_idx", "path", path)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"read_idx: {path} must be a whole gzip file, got a damaged one ({error})") from None
    if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] == 0:
        raise ValueError(f"read_idx: {path} must begin with the bytes 0, 0, 8 and the axes, got {content[:4]!r}")
    start = 4 + 4 * content[3]
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4", count=len(content[4:start]) // 4))
    if len(shape) < content[3] or len(content) - start != math.prod(shape):
        raise ValueError(f"read_idx: {path} must hold {math.prod(shape)} elements {shape}, got {len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _path(who: str, name: str, value: str | os.PathLike[str]) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{who}: {name} must be a path, got {value!r}")
    text = os.fsdecode(value)
    if not text or "\0" in text:
        raise ValueError(f"{who}: {name} must be a path, got {value!r}")
    return Path(text)


def _found(directory: Path, name: str) -> Path:
    for path in (directory / name, directory / f"{name}.gz"):
        if path.is_file():
            return path
    wanted = f"{', '.join(FILES[:-1])} and {FILES[-1]}"
    raise FileNotFoundError(
        f"mnist: the directory {directory} must hold {wanted}, each as it is or as .gz, but there is no {name}"
    )


def _rows(images: Array) -> Array:
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows /= 255
    return rows
