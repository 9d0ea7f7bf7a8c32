"""Forged checkpoints: files that are sealed and say something else than a run could have written.

`Forger` takes a checkpoint apart by `zipfile` alone, without the code that it is to test, and puts it together again
with one thing changed. `HANDGRAD_FORGERIES=all` lets `test_hostile_files` try all of them and not one in twenty.
"""

import copy
import hashlib
import io
import json
import zipfile
from functools import partial
from struct import pack_into

import numpy as np

SEAL = b"sha256:"
KINDS = [None, True, 3, -1, 0.5, 1e300, float("nan"), float("inf"), -float("inf"), 10**30, 10**200, "text", "", [], {},
         [1, 2], [[[[]]]], {"a": 1}, {"__array__": "nothing"}, {"__array__": 3}, {"__list__": "nothing"}]  # fmt: skip


def sealed(content, size=None):
    """Return a zip with its seal."""
    content = bytearray(content)
    pack_into("<H", content, len(content) - 2, len(SEAL) + 64)
    return bytes(content) + SEAL + hashlib.sha256(content).hexdigest().encode()


def npy(array, **header):
    """Return an array as the content of an .npy, with this header and not its own."""
    file = io.BytesIO()
    if not header:
        np.lib.format.write_array(file, array, (1, 0), allow_pickle=True)
        return file.getvalue()
    true = np.lib.format.header_data_from_array_1_0(array)
    text = repr({**true, **header}) if "raw" not in header else header["raw"]
    text = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array.tobytes()


class Forger:
    """A checkpoint in parts: its tree, and its arrays by name."""

    def __init__(self, content):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            self.parts = {info.filename[:-4]: archive.read(info) for info in archive.infolist()}
        self.head = json.loads(np.lib.format.read_array(io.BytesIO(self.parts.pop("handgrad"))).tobytes())
        self.arrays = {name: np.lib.format.read_array(io.BytesIO(part)) for name, part in self.parts.items()}

    def file(self, head=None, parts=None, method=zipfile.ZIP_STORED, first=None):
        """Return the whole file."""
        text = json.dumps(self.head if head is None else head).encode() if first is None else first
        entries = [("handgrad", npy(np.frombuffer(text, np.uint8)))]
        found = self.parts if parts is None else parts
        entries += found.items() if isinstance(found, dict) else found
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for i, (name, part) in enumerate(entries):
                info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
                info.compress_type = method if i else zipfile.ZIP_STORED
                with archive.open(info, "w", force_zip64=True) as place:
                    place.write(part)
        return sealed(file.getvalue())

    def walk(self, tree=None, way=()):
        """Yield the way to everything in the tree."""
        tree = self.head if not way else tree
        yield way
        inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
        for key, value in inside:
            yield from self.walk(value, (*way, key))

    def changed(self, way, change):
        """Return the file with the tree changed at one place: change(holder, key)."""
        head = copy.deepcopy(self.head)
        holder = head
        for key in way[:-1]:
            holder = holder[key]
        change(holder, way[-1])
        return self.file(head)


def may_be(way, value):
    """Whether a run could have written this value there, as far as anybody can know."""
    name, path = str(way[-1]), "/".join(map(str, way))
    real = type(value) in (int, float)
    if way[:1] == ("numpy",):
        return isinstance(value, str)
    if "history" in way:
        if name == "history":
            return value is None
        if name == "unit":
            return isinstance(value, str)
        if name == "columns":
            return value == {}
        if way[-2] == "columns" and value == []:
            return False
        if "epoch" in way:
            return type(value) is int and 0 <= value < 2**53 and isinstance(way[-1], int)
        return real if isinstance(way[-1], int) else False
    if path.startswith("tree/optimizer/learning_rate"):
        return value is None or (real and 0 <= value < float("inf"))
    if path.startswith("tree/weights"):
        return value is None or type(value) is int
    if name == "best":
        return real and value != -float("inf")
    if name == "best_state":
        return value is None
    if name in ("best_epoch", "waited", "steps", "has_uint32", "uinteger", "state", "inc", "version"):
        return type(value) is int and value >= 0
    return False


def forged_trees(forger):
    """Yield (what was done, how to make the file, whether it must be refused) for every key and every value."""
    for way in forger.walk():
        if not way:
            continue
        for value in KINDS:
            mine = forger.head
            for key in way:
                mine = mine[key]
            if value == mine and type(value) is type(mine):
                continue
            content = partial(forger.changed, way, lambda holder, key, value=value: holder.__setitem__(key, value))
            yield f"{'/'.join(map(str, way))} = {value!r:.30}", content, not may_be(way, value)
        if isinstance(way[-1], str):
            content = partial(forger.changed, way, lambda holder, key: holder.pop(key))
            column = "columns" in way[:-1] and way[-1] != "epoch"  # of which nobody knows how many there were
            yield f"{'/'.join(map(str, way))} dropped", content, not column
            content = partial(forger.changed, way, lambda holder, key: holder.__setitem__(f"{key}_", holder.pop(key)))
            yield f"{'/'.join(map(str, way))} renamed", content, not column
            content = partial(forger.changed, way, lambda holder, key: holder.__setitem__("more", 1))
            yield f"more beside {'/'.join(map(str, way))}", content, True


def forged_arrays(forger):
    """Yield (what was done, how to make the file, whether it must be refused) for every array."""
    for name, array in forger.arrays.items():
        history = name.startswith("history")
        floats = array.dtype.kind == "f"
        parts = {
            "as float16": npy(array.astype(np.float16)),
            "as int32": npy(array.astype(np.int32)),
            "as complex": npy(array.astype(complex)),
            "as booleans": npy(array.astype(bool)),
            "as objects": npy(array.astype(object)),
            "as text": npy(array.astype("U4")),
            "big-endian": npy(array.astype(array.dtype.newbyteorder(">"))),
            "one more": npy(np.append(array, array.reshape(-1)[:1])),
            "one fewer": npy(array.reshape(-1)[1:]),
            "0-d": npy(array.reshape(-1)[0].reshape(())),
            "one more axis": npy(array[np.newaxis]),
            "empty": npy(array[:0]),
            "cut off": npy(array)[:-3],
            "appended": npy(array) + b"more",
            "no header": array.tobytes(),
            "a header alone": npy(array)[:64],
            "shape of terabytes": npy(array, shape=(10**12,)),
            "shape of 10**40": npy(array, shape=(10**40,)),
            "negative shape": npy(array, shape=(-1,)),
            "shape of words": npy(array, shape=("a",)),
            "half a shape": npy(array, shape=(0.5,)),
            "70 axes": npy(array, shape=(1,) * 70),
            "more in the header": npy(array, more=1),
            "descr of a structure": npy(array, descr=[("a", "<f4")]),
            "descr of nothing": npy(array, descr="<f3"),
            "descr of objects": npy(array, descr="|O"),
            "by columns": npy(array, fortran_order=True),
            "deep header": npy(array, raw="(" * 5000),
            "header of code": npy(array, raw="__import__('os').getpid()"),
            "another version": npy(array).replace(b"NUMPY\x01", b"NUMPY\x03", 1),
        }
        for what, part in parts.items():
            yield f"{name}: {what}", partial(forger.file, parts={**forger.parts, name: part}), True
        for value in (np.nan, np.inf, -np.inf, -1e30, -1.0) if floats else (-1, 2**62):
            other = array.copy()
            other.reshape(-1)[-1:] = value
            signed = "square" in name or "variance" in name
            must = not history and (not np.isfinite(value) or (signed and value < 0))
            if not floats:
                must = not history or value < 0 or value > 2**53
            yield f"{name}: with {value}", partial(forger.file, parts={**forger.parts, name: npy(other)}), must


def forged_zips(forger):
    """Yield (what was done, how to make the file, True) for the zip around them."""
    parts, name = forger.parts, next(iter(forger.parts))
    whole, entry = forger.file(), f"{name}.npy".encode()
    yield "compressed", partial(forger.file, method=zipfile.ZIP_DEFLATED), True
    yield "in bzip2", partial(forger.file, method=zipfile.ZIP_BZIP2), True
    yield "one entry too few", partial(forger.file, parts=dict(list(parts.items())[1:])), True
    yield "one entry too many", partial(forger.file, parts={**parts, "more": npy(np.ones(3))}), True
    yield (
        "a bomb beside",
        partial(forger.file, parts={**parts, "more": npy(np.zeros(10**7))}, method=zipfile.ZIP_DEFLATED),
        True,
    )
    yield "one renamed", partial(forger.file, parts=[("other", parts[name]), *list(parts.items())[1:]]), True
    yield "no array", partial(forger.file, parts={"text": b"hello"}), True
    yield "a path upwards", partial(forger.file, parts={**parts, "../../up": npy(np.ones(3))}), True
    for where in (whole.find(entry) - 24, whole.rfind(entry) - 38):  # the flags, and the method after them
        for offset, value in ((0, 1), (0, 8), (0, 0x41), (2, 8), (2, 14), (2, 99)):
            content = bytearray(whole[: -len(SEAL) - 64])
            content[where + offset] = value
            yield f"flag {value} at {where + offset}", partial(sealed, content), True
    listed = whole.rfind(entry) - 46  # the line of the list
    for offset in (16, 20, 24, 28, 30, 32, 42):
        for value in (0, 1, 77, 2**31, 2**32 - 1):
            content = bytearray(whole[: -len(SEAL) - 64])
            before = bytes(content)
            pack_into("<I" if offset in (16, 20, 24, 42) else "<H", content, listed + offset, value & (2**32 - 1)
                      if offset in (16, 20, 24, 42) else value & 0xFFFF)  # fmt: skip
            if bytes(content) != before:
                yield f"list: {value} at {offset}", partial(sealed, content), True
    for offset in (4, 6, 8, 10, 12, 16):
        for value in (0, 1, 9, 0xFFFF):
            content = bytearray(whole[: -len(SEAL) - 64])
            before = bytes(content)
            pack_into("<H", content, len(content) - 22 + offset, value)
            if bytes(content) != before:
                yield f"end: {value} at {offset}", partial(sealed, content), True
    twice = bytes(whole[: -len(SEAL) - 64])
    other = twice.replace(entry, f"{list(parts)[1]}.npy".encode()[: len(entry)].ljust(len(entry), b"_"))
    yield "a name twice, or another", partial(sealed, other), True
    for at in (0, 4, 30, 42, 60):
        yield f"a byte more at {at}", partial(sealed, whole[:at] + b"x" + whole[at : -len(SEAL) - 64]), True
        yield f"a byte less at {at}", partial(sealed, whole[:at] + whole[at + 1 : -len(SEAL) - 64]), True
    for text in (b"", b"{}", b"[]", b"3", b"null", b"\xff\xfe", b"{" * 10, b"[" * 100_000, b'{"version":' * 1000,
                 b'{"version": 1e400, "numpy": "", "tree": {}}', b'{"version": 2, "version": 2}', b"9" * 100_000,
                 b'{"version": ' + b"9" * 5000 + b"}", b'{"version": true}', b'{"version": 99}', b'{"version": 0}',
                 b'{"version": 2, "numpy": "", "tree": ' + b'{"a":' * 500 + b"1" + b"}" * 501):  # fmt: skip
        yield f"begins with {text[:30]!r}", partial(forger.file, first=text), True


def damaged(forger, rng, n):
    """Yield (what was done, how to make the file, True): n accidents, which the seal finds."""
    whole = forger.file()
    for _ in range(n):
        content, at = bytearray(whole), int(rng.integers(len(whole)))
        kind = int(rng.integers(4))
        if kind == 0:
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del content[at:]
        elif kind == 2:
            content += rng.bytes(1 + at % 100)
        else:
            content[at : at + 8] = bytes(b ^ 0xA5 for b in content[at : at + 8])
        yield f"damage {kind} at {at}", partial(bytes, content), True


def forgeries(content, seed=0, n_damaged=300):
    """Yield all of them, of one checkpoint."""
    forger = Forger(content)
    yield from forged_trees(forger)
    yield from forged_arrays(forger)
    yield from forged_zips(forger)
    yield from damaged(forger, np.random.default_rng(seed), n_damaged)
