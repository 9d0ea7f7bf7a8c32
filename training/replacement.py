"""A file put in the place of another one: whatever happens, there is the old one or the new one, whole.

In this order, of which no step can be left out: write beside it, bring the content to the disk, rename, bring the name
to the disk. A file renamed before its content is there could be empty after a power cut. Renaming happens at once or
not at all, so that a reader, or a second writer, never meets half a file.

The file beside it is `run.npz.<16 hexadecimal digits>.partial`. Nobody can foresee the digits, and it is only opened if
nothing has that name, not even a link: else somebody who may write into the folder could have put there a link to a
file of yours. As long as its writer lives, it is locked (`flock`). One that is not has lost its writer, and the next
`replaced` of the same file removes it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias

fcntl: Any
try:
    import fcntl
except ImportError:  # where there are no locks, a file that is open cannot be removed anyway
    fcntl = None

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

LONGEST = 200  # bytes of a name that the partial file can still carry; of a longer one it carries a digest
EXCLUSIVE = os.O_RDWR | os.O_CREAT | os.O_EXCL
SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # a pipe is opened without waiting for who writes into it
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def as_text(who: str, path: Any) -> str:
    """Return a path as text, also one of bytes."""
    if not isinstance(path, str | bytes | os.PathLike):
        hint = "; the path comes first, then the model" if hasattr(path, "forward") else ""
        raise TypeError(f"{who} must be a path, got {type(path).__name__}{hint}")
    text = os.fsdecode(path)
    if not text or "\0" in text:
        raise ValueError(f"{who} must be a path, got {text!r}")
    return text


def check_regular(who: str, name: str, found: os.stat_result) -> None:
    """Raise unless this is a file: neither a directory nor a pipe, a device or a socket."""
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(f"{who} must be a file, got the directory {name!r}")
    if kind != stat.S_IFREG:
        raise OSError(f"{who} must be a file, got {KINDS.get(kind, 'something else')} at {name!r}")


def check_path(who: str, path: Path) -> str:
    """Return the path as text; raise unless a file can be written there: `fit` asks before it trains for hours.

    `who` names the argument: "fit: checkpoint". To see that the folder takes a file, one is made in it, and removed.
    """
    name = as_text(who, path)
    target = os.path.realpath(name)
    folder = os.path.dirname(target)
    try:
        with contextlib.suppress(FileNotFoundError):
            check_regular(who, name, os.stat(target))
    except OSError as error:
        text = f"{who} must be a file that can be written, got {name!r}"
        raise (told(error, text) if error.errno else error) from None
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{who} must be in a directory that exists, got {name!r}")
    try:
        handle, partial = _opened_beside(target, 0o600)
    except OSError as error:
        raise told(error, f"{who} must be in a directory that can be written, got {name!r}") from None
    os.close(handle)
    with contextlib.suppress(OSError):
        os.remove(partial)
    return name


@contextlib.contextmanager
def replaced(path: str) -> Iterator[BinaryIO]:
    """Give an empty file to write and, if no error comes, put it in the place of the one at this path.

    Of a link, what it points to is replaced and the link stays. The new file has the permissions of the old one; where
    there was none, those that files get here.

    Examples
    --------
    >>> with replaced("numbers.bin") as file:
    ...     _ = file.write(bytes([1, 2, 3]))
    >>> np.fromfile("numbers.bin", np.uint8)
    array([1, 2, 3], dtype=uint8)
    """
    target = os.path.realpath(path)
    _remove_leftovers(target)
    try:
        mode: int | None = stat.S_IMODE(os.stat(target).st_mode) & 0o777
    except FileNotFoundError:
        mode = None
    handle, partial = _opened_beside(target, 0o666 if mode is None else mode & 0o700)
    renamed = False
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            if os.name == "posix":
                os.replace(partial, target)  # while it is locked: nobody takes it for a leftover
                renamed = True
        if not renamed:
            os.replace(partial, target)  # elsewhere an open file cannot be renamed
            renamed = True
    finally:
        if not renamed:
            with contextlib.suppress(OSError):
                os.remove(partial)
    _sync_folder(os.path.dirname(target))


def told(error: OSError, text: str) -> OSError:
    """Return the same error with another text: as OSError(errno, text) it would begin with "[Errno 28]"."""
    other = type(error)(f"{text}: {error.strerror or error}")
    other.errno = error.errno
    return other


def _stem(target: str) -> str:
    """Return what the names of the partial files of this target begin with."""
    name = os.path.basename(target)
    raw = os.fsencode(name)
    return name if len(raw) <= LONGEST else hashlib.sha256(raw).hexdigest()


def _opened_beside(target: str, mode: int) -> tuple[int, str]:
    """Make a new file beside the target, locked, and return its handle and name."""
    while True:
        partial = os.path.join(os.path.dirname(target), f"{_stem(target)}.{secrets.token_hex(8)}.partial")
        try:
            handle = os.open(partial, EXCLUSIVE | SAFELY, mode)
        except FileExistsError:
            continue
        if _lock(handle) is not False and os.fstat(handle).st_nlink:
            return handle, partial
        os.close(handle)  # another writer took it for a leftover before it was locked
        with contextlib.suppress(OSError):
            os.remove(partial)


def _lock(handle: int) -> bool | None:
    """Lock an open file; return whether that was possible, None if nobody can know."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES) else None
    return True


def _remove_leftovers(target: str) -> None:
    """Remove the partial files of this target whose writers were killed: they are there and nobody has locked them."""
    ours = re.compile(re.escape(_stem(target)) + r"\.[0-9a-f]{16}\.partial")
    with contextlib.suppress(OSError), os.scandir(os.path.dirname(target)) as found:
        for name in [entry.path for entry in found if ours.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                _remove_unlocked(name)


def _remove_unlocked(name: str) -> None:
    if fcntl is None:
        os.remove(name)  # fails where its writer has it open
        return
    handle = os.open(name, os.O_RDONLY | AT_ONCE | SAFELY)
    try:
        regular = stat.S_ISREG(os.fstat(handle).st_mode)
        if regular and _lock(handle):
            os.remove(name)
    finally:
        os.close(handle)


def _sync_folder(folder: str) -> None:
    """Bring the new name of a file to the disk: it is an entry of its folder, which is synchronized on its own."""
    if os.name == "posix":  # elsewhere a directory cannot be opened
        handle: Any = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
