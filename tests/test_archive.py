"""A tree comes back from a file as it was, or is not written."""

import os
import zipfile

import numpy as np
import pytest

from training.archive import opened, read, write

TREES = {
    "numbers": {"a": 1, "b": -2.5, "c": True, "d": None, "e": "text ü \ud800", "f": 2**127, "g": float("inf")},
    "lists": {"short": [1, 2.0, None], "long": list(range(100)), "floats": [0.1 * i for i in range(50)],
              "mixed": [1, 2.0] * 20, "large": [2**70] * 20, "bools": [True] * 20, "nested": [[1.5] * 20, [2] * 30]},
    "arrays": {"0-d": np.array(3.5), "empty": np.zeros((0, 3)), "columns": np.asfortranarray(np.ones((2, 3))),
               "reversed": np.arange(5)[::-1], "big-endian": np.arange(3, dtype=">i4"), "bool": np.array([True, False]),
               "half": np.ones(2, np.float16), "unsigned": np.array([255], np.uint8), "list": [np.ones(2)] * 20},
    "names": {"a/b": np.ones(1), "a": {"b": np.zeros(1)}, "handgrad": np.ones(2), "file": np.ones(3), "": np.ones(4),
              "x\0y": np.ones(5), "ü": np.ones(6), "../up": np.ones(7), "/": {"": np.ones(8)}, "n" * 300: np.ones(9)},
    "top": [np.arange(3), "text"],
    "list alone": [1.0] * 30,
}  # fmt: skip


def same(one, other):
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.shape == other.shape and (one == other).all()
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return all(map(same, one, other)) and len(one) == len(other) if isinstance(one, list) else one == other


@pytest.mark.parametrize("name", TREES)
def test_a_tree_comes_back(tmp_path, name):
    write("save", tmp_path / "tree.npz", TREES[name])
    assert same(TREES[name], read("load", tmp_path / "tree.npz"))
    with np.load(tmp_path / "tree.npz") as data:
        assert all(data[entry].dtype.kind in "fiub" for entry in data.files)


def nested(depth):
    return {"a": nested(depth - 1)} if depth else 1


endless = []
endless.append(endless)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": {"__array__": "b"}}, "a must not have the keys __array__ and __list__"),
        ({"a": [{"__list__": 3}]}, "a/0 must not have the keys __array__ and __list__"),
        (nested(40), "must have at most 32 levels"),
        (endless, "must have at most 32 levels"),
        ({"a": 10**70}, "a must be below 1e\\+64"),
        ({"a": object()}, "a must be made of numbers, strings, arrays, lists and dicts of them, got object"),
        ({"a": np.array(["x"])}, "got an array of <U1"),
        ({"a": np.ones(2, complex)}, "got an array of complex128"),
        ({1: 2}, "must be made of .*, got dict"),
    ],
)
def test_what_could_not_come_back_is_not_written(tmp_path, tree, message):
    with pytest.raises((TypeError, ValueError), match=f"save: .*{message}"):
        write("save", tmp_path / "tree.npz", tree)
    assert os.listdir(tmp_path) == []


def test_the_deepest_tree_comes_back(tmp_path):
    write("save", tmp_path / "tree.npz", nested(32))
    assert read("load", tmp_path / "tree.npz") == nested(32)


def test_the_tree_is_seen_before_an_array_is_read(tmp_path):
    write("save", tmp_path / "tree.npz", {"a": np.ones((2, 3), np.float32), "b": [1] * 20})
    with opened("load", tmp_path / "tree.npz") as archive:
        a, b = archive.tree["a"], archive.tree["b"]
        assert (a.name, a.shape, a.dtype, a.listed) == ("a", (2, 3), np.float32, False)
        assert (b.shape, b.dtype, b.listed) == ((20,), np.int64, True)
        assert archive.filled(b) == [1] * 20


@pytest.mark.parametrize(("files", "size"), [(3, 2**31 - 1), (65535, 100), (65535, 3000), (3, 0)])
def test_the_larger_form_of_a_zip(tmp_path, monkeypatch, files, size):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", files)  # as with 65,536 entries
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", size)  # as beyond 2 GiB
    tree = {f"{i}": np.full(100, i) for i in range(10)}
    write("save", tmp_path / "tree.npz", tree)
    monkeypatch.undo()
    assert b"PK\x06\x07" in (tmp_path / "tree.npz").read_bytes()
    assert same(tree, read("load", tmp_path / "tree.npz"))
