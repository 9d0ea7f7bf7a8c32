"""The arrays in a `.npz`, found by a reader who trusts nobody: what can be read, where, and how large it is.

A `.npz` is a zip, and a zip is a list at the end of the file which says what stands before it, twice over: sizes,
names, ways of packing, all of which a file can lie about. This reader takes what `numpy.savez` writes and nothing else:

    PK 3 4   | name | .NPY header | numbers       one entry right behind the other, from the first byte on,
    PK 3 4   | name | .NPY header | numbers       stored and not compressed, not encrypted, each name once
    ...
    PK 1 2   | name, sizes, place                 a line of the list for each, in the same order
    ...
    PK 5 6   | how many, from where on | comment  the end, perhaps with its larger form (PK 6 6, PK 6 7) before it

So the sizes of all entries add up to the size of the file, and nothing is unpacked: no entry can be larger in memory
than on the disk. Nothing of an array is read before its place, dtype and shape are known.
"""

from __future__ import annotations

import math
import os
import re
import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

BEGINNING = b"PK\x03\x04"  # of a zip, and of every entry
LOCAL = Struct("<4s5H3I2H")  # before an entry
LISTED = Struct("<4s6H3I5H2I")  # the line of the list
END = Struct("<4s4H2IH")
LARGE_END = Struct("<4sQ2H2I4Q")
LARGE_PLACE = Struct("<4sIQI")
LARGE = 0xFFFFFFFF  # says that the number stands in a longer field
UTF8 = 1 << 11  # the one flag that an entry may have
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    rb"\{'descr': '([<>|=][fiub]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*\d{0,18})\), \} *\n"
)
MOST_AXES = 64  # that an array of NumPy can have
BLOCK = 1 << 20


class Entry(NamedTuple):
    """An array in a file, not read yet."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    listed: bool  # it stands for a list of numbers
    begins: int  # where in the file, its header included
    starts: int  # its numbers
    crc: int  # of header and numbers

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)


class Damage(ValueError):
    """The file is not one that was written whole."""


def read_exactly(file: BinaryIO, start: int, size: int) -> bytes:
    """Return these bytes of the file; raise if it ends before."""
    file.seek(start)
    found = file.read(size)
    if len(found) < size:
        raise Damage("must not end in the middle of an entry")
    return found


def entries(file: BinaryIO, size: int, comment: int) -> dict[str, Entry]:
    """Return the entries of a zip of this size, which ends with a comment of that many bytes.

    Raises ValueError where it is not what `numpy.savez` writes; the text says what must hold.
    """
    count, length, start, stop = _end(file, size, comment)
    if start + length != stop:
        raise Damage("must have its list of entries just before its end")
    found: dict[str, Entry] = {}
    line, place = start, 0  # in the list, and among the entries
    for _ in range(count):
        name, crc, n_bytes, says, line = _listed(file, line, stop)
        if says != place:
            raise Damage(f"must have {name!r} right behind the entry before it")
        if name in found:
            raise ValueError(f"must hold each name once, got {name!r} twice")
        begins = _local(file, place, name)
        place = begins + n_bytes
        if place > start:
            raise Damage(f"must be as large as its entries say, got {n_bytes:,} bytes for {name!r}")
        found[name] = _entry(file, name, begins, n_bytes, crc)
    if (line, place) != (stop, start):
        raise Damage("must hold its entries and nothing else")
    return found


def _end(file: BinaryIO, size: int, comment: int) -> tuple[int, int, int, int]:
    """Return the number of entries, the length of their list, where it starts, and where it must stop."""
    stop = size - comment - END.size
    if stop < 0:
        raise Damage("must end as a zip does")
    mark, disk, other, here, count, length, start, said = END.unpack(read_exactly(file, stop, END.size))
    if mark != b"PK\x05\x06" or said != comment or disk or other or here != count:
        raise Damage("must end as a zip does")
    place = read_exactly(file, max(stop - LARGE_PLACE.size, 0), LARGE_PLACE.size)
    if place.startswith(b"PK\x06\x07"):
        _, disk, says, disks = LARGE_PLACE.unpack(place)
        stop -= LARGE_PLACE.size + LARGE_END.size
        if disk or disks != 1 or says != stop or stop < 0:
            raise Damage("must end as a large zip does")
        mark, more, *_, here, count, length, start = LARGE_END.unpack(read_exactly(file, stop, LARGE_END.size))
        if mark != b"PK\x06\x06" or more != LARGE_END.size - 12 or here != count:
            raise Damage("must end as a large zip does")
    return count, length, start, stop


def _listed(file: BinaryIO, line: int, stop: int) -> tuple[str, int, int, int, int]:
    """Return name, checksum, size and place of the entry on this line of the list, and where the next line is."""
    if line + LISTED.size > stop:
        raise Damage("must have a line in its list for each entry")
    fields = LISTED.unpack(read_exactly(file, line, LISTED.size))
    mark, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, note, disk, _, _, place = fields
    if mark != b"PK\x01\x02":
        raise Damage("must have a line in its list for each entry")
    line += LISTED.size
    after = line + name_length + extra_length
    if after > stop:
        raise Damage("must have a list of entries that ends where it says")
    raw = read_exactly(file, line, name_length + extra_length)
    name = _name(raw[:name_length])
    if flags & ~UTF8:
        raise ValueError(f"must not be encrypted, got flags {flags:#x} of {name!r}")
    if method:
        raise ValueError(f"must be stored without compression, got method {method} of {name!r}")
    if note or disk:
        raise ValueError(f"must have no remarks and one part, got others of {name!r}")
    numbers = _long_fields(raw[name_length:])
    size, packed, place = (next(numbers, -1) if n == LARGE else n for n in (size, packed, place))
    if size != packed or min(size, place) < 0:
        raise ValueError(f"must be stored without compression, got {packed} bytes for {size} of {name!r}")
    return name, crc, size, place, after


def _long_fields(extra: bytes) -> Iterator[int]:
    """Yield the numbers of the field that a zip has for sizes beyond 4 GB."""
    kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
    if kind == 1 and length == len(extra) - 4:
        for i in range(4, len(extra) - 7, 8):
            yield int.from_bytes(extra[i : i + 8], "little")


def _name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = ""
    if not name.endswith(".npy"):
        raise ValueError(f"must hold arrays, which end in .npy, got {raw[:80]!r}")
    return name.removesuffix(".npy")


def _local(file: BinaryIO, place: int, name: str) -> int:
    """Return where the content of the entry at this place begins; what stands before it must be the entry's."""
    mark, _, flags, method, *_, name_length, extra_length = LOCAL.unpack(read_exactly(file, place, LOCAL.size))
    found = read_exactly(file, place + LOCAL.size, name_length)
    if mark != BEGINNING or found != f"{name}.npy".encode():
        raise Damage(f"must have {name!r} where its list says")
    if flags & ~UTF8 or method:
        raise ValueError(f"must be stored, neither compressed nor encrypted, got {method} and {flags:#x} of {name!r}")
    return int(place + LOCAL.size + name_length + extra_length)


def _entry(file: BinaryIO, name: str, begins: int, n_bytes: int, crc: int) -> Entry:
    """Return the entry, its header read and compared with its size."""
    beginning = read_exactly(file, begins, min(n_bytes, len(MAGIC) + 2))
    if not beginning.startswith(MAGIC) or len(beginning) < len(MAGIC) + 2:
        raise ValueError(f"must hold arrays in the .npy format 1.0, got something else in {name!r}")
    length = int.from_bytes(beginning[-2:], "little")
    starts = begins + len(beginning) + length
    if starts > begins + n_bytes:
        raise Damage(f"must have the header of {name!r} in its entry")
    match = HEADER.fullmatch(read_exactly(file, begins + len(beginning), length))
    if match is None:
        raise ValueError(f"must hold arrays of numbers, got another header in {name!r}")
    try:
        dtype = np.dtype(match[1].decode())
    except TypeError:
        raise ValueError(f"must hold arrays of numbers, got {match[1].decode()} in {name!r}") from None
    shape = tuple(int(n) for n in match[3].decode().split(",") if n.strip())
    size = math.prod(shape) * dtype.itemsize
    if len(shape) > MOST_AXES or (len(shape) == 1) != (match[3].endswith(b",")):
        raise ValueError(f"must hold arrays of at most {MOST_AXES} axes, got {len(shape)} in {name!r}")
    if starts + size != begins + n_bytes:
        got = f"{n_bytes - (starts - begins):,}"
        raise ValueError(f"must have {size:,} bytes of {name!r}, by its dtype {dtype} and shape {shape}, got {got}")
    return Entry(name, dtype, shape, match[2] == b"True", False, begins, starts, crc)


def read_entry(file: BinaryIO, entry: Entry) -> Array:
    """Return the array, in memory of its own."""
    crc = zlib.crc32(read_exactly(file, entry.begins, entry.starts - entry.begins))
    array: Any = np.empty(entry.shape[::-1] if entry.fortran else entry.shape, entry.dtype)
    rest = memoryview(array.reshape(-1).view(np.uint8)) if array.size else memoryview(b"")
    while rest:
        n = file.readinto(rest[:BLOCK])  # type: ignore[attr-defined]  # BinaryIO does not tell, files have it
        if not n:
            raise Damage(f"must not end in the middle of {entry.name!r}")
        crc = zlib.crc32(rest[:n], crc)
        rest = rest[n:]
    if crc != entry.crc:
        raise Damage(f"must have the checksum of {entry.name!r} that its list says")
    if entry.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"must hold True and False in {entry.name!r}, got other bytes")
    return array.T if entry.fortran else array


def file_size(file: BinaryIO) -> int:
    """Return the number of bytes of an open file."""
    return os.fstat(file.fileno()).st_size
