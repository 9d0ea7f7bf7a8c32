import gzip
import struct

import numpy as np
import pytest

from training import mnist, read_idx

TRAIN = np.arange(3 * 784).reshape(3, 28, 28).astype(np.uint8)
TEST = 255 - TRAIN[:2]


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def directory(tmp_path):
    """Two images of each part gzipped, labels not: what a person may well have lying around."""
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(TRAIN)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.array([7, 0, 9])))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(TEST)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.array([1, 2])))
    return tmp_path


def test_images_come_as_rows_between_0_and_1(directory):
    (x_train, y_train), (x_test, y_test) = mnist(directory)
    assert x_train.dtype == x_test.dtype == np.float32
    np.testing.assert_array_equal(np.round(x_train * 255), TRAIN.reshape(3, 784))
    np.testing.assert_array_equal(np.round(x_test * 255), TEST.reshape(2, 784))
    assert (y_train.tolist(), y_test.tolist()) == ([7, 0, 9], [1, 2])


def test_a_missing_file_is_named_with_all_four(directory):
    (directory / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-images.*train-labels.*t10k-images.*no t10k-labels-idx1-ubyte"):
        mnist(directory)


def test_a_missing_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere must hold .* there is no train-images-idx3-ubyte"):
        mnist(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-labels-idx1-ubyte", idx(np.array([7, 0])), "must hold 3 labels, one an image, got"),
        ("train-labels-idx1-ubyte", idx(np.array([7, 0, 10])), r"labels 0 \.\. 9, got 10"),
        ("train-labels-idx1-ubyte", idx(np.array([7, 0, 9]))[:-1], r"must hold 3 elements \(3,\), got 2"),
        ("train-labels-idx1-ubyte", idx(np.array([7, 0, 9])) + b"x", r"must hold 3 elements \(3,\), got 4"),
        ("train-labels-idx1-ubyte", b"\0\0\x0d\1" + bytes(8), r"must begin with the bytes 0, 0, 8"),
        ("train-labels-idx1-ubyte", b"", r"must begin with the bytes 0, 0, 8"),
        ("train-labels-idx1-ubyte", b"\0\0\x08\3\0\0", "must hold .* elements"),
        ("train-images-idx3-ubyte", idx(TRAIN[:, :27]), r"images \(N, 28, 28\), got \(3, 27, 28\)"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx(TRAIN))[:-20], "must be a whole gzip file"),
        ("train-images-idx3-ubyte.gz", b"not gzip", "must be a whole gzip file"),
    ],
)
def test_a_damaged_file_is_named(directory, name, content, message):
    (directory / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}.*{message}"):
        mnist(directory)


def test_any_array_of_bytes_can_be_read(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)
