"""Objects by name in a local folder: section 4."""

import os
import re
import stat

from errors import Corrupt, Gone

ID = "[0-9a-f]{32}"
PACK = "[0-9a-f]{64}-[0-9a-f]{16}"
NUMBER = "[1-9][0-9]{0,18}"
SHAPES = [re.compile(shape + r"\Z") for shape in (
    f"config/{NUMBER}", f"keys/{ID}", f"(data|meta)/[0-9a-f]{{2}}/{PACK}", f"index/{ID}",
    rf"sessions/{ID}(\.end|\.{NUMBER})?", f"snapshots/{ID}", f"tombstones/{PACK}", rf"tombstones/{ID}\.seen",
    f"notes/{ID}/{ID}", f"forgotten/{ID}", f"deleted/{ID}")]
NAME = re.compile(r"[0-9a-z./-]{1,120}\Z")


class Folder:
    def __init__(self, path):
        self.path = os.fsencode(path)
        if not os.path.isdir(self.path):
            raise Corrupt(f"{path}: not a folder")

    def names(self, prefix=""):
        """The names of all objects, or of those below a prefix that ends in a slash, sorted."""
        found = []
        top = os.path.join(self.path, prefix.encode()) if prefix else self.path
        for folder, folders, files in os.walk(top):
            base = os.path.relpath(folder, self.path)
            for name in files:
                path = name if base == b"." else os.path.join(base, name)
                found.append(path.decode("ascii", "backslashreplace"))
        return sorted(found)

    def open(self, name, most):
        """A descriptor and the size of an object; the caller closes it."""
        path = os.path.join(self.path, name.encode())
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise Gone(f"{name}: is not there") from None
        except OSError as problem:
            raise Corrupt(f"{name}: {problem.strerror}") from None
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            os.close(fd)
            raise Corrupt(f"{name}: not a regular file, or {status.st_size} bytes where at most {most} are allowed")
        return fd, status.st_size

    def get(self, name, most):
        fd, size = self.open(name, most)
        try:
            return read_at(fd, 0, size, name)
        finally:
            os.close(fd)

    def get_range(self, name, place, length, most):
        fd, size = self.open(name, most)
        try:
            if place + length > size:
                raise Corrupt(f"{name}: {size} bytes, too short")
            return read_at(fd, place, length, name)
        finally:
            os.close(fd)


def read_at(fd, place, length, name):
    data = bytearray()
    while len(data) < length:
        more = os.pread(fd, min(length - len(data), 1 << 24), place + len(data))
        if not more:
            raise Corrupt(f"{name}: became shorter while it was read")
        data += more
    return bytes(data)


def is_known(name):
    return any(shape.match(name) for shape in SHAPES)


def pack_path(pack, kind):
    """The name of an object from a pack's 40 bytes."""
    text = pack[:32].hex()
    return f"{('data', 'meta')[kind - 1]}/{text[:2]}/{text}-{pack[32:].hex()}"


def pack_bytes(name):
    text = name.rsplit("/", 1)[1]
    return bytes.fromhex(text[:64]) + bytes.fromhex(text[65:])
