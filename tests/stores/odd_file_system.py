#!/usr/bin/env python3
"""A file system for tests that shows a folder, and can less than a disk.

    odd_file_system.py FOLDER MOUNTPOINT [link] [fold]

In the foreground, until it is unmounted. It has no exclusive rename (FUSE 2 has none), and says that everything is synced
without doing so. Without `link` it refuses hard links; with `fold` names of upper and lower case are one.
"""
import errno
import os
import sys

import fuse

fuse.fuse_python_api = (0, 2)
FOLDER, MOUNTPOINT, *CAN = sys.argv[1:]


def place(path):
    name = path.lower() if "fold" in CAN else path
    return FOLDER + name


class OpenFile:
    def __init__(self, path, flags, *mode):
        self._descriptor = os.open(place(path), flags & ~os.O_NOFOLLOW, *mode)
        self.keep_cache = self.direct_io = False

    def read(self, size, offset):
        return os.pread(self._descriptor, size, offset)

    def write(self, data, offset):
        return os.pwrite(self._descriptor, data, offset)

    def release(self, _):
        os.close(self._descriptor)

    def fsync(self, _):
        pass

    def flush(self):
        pass

    def fgetattr(self):
        return os.fstat(self._descriptor)

    def ftruncate(self, size):
        os.ftruncate(self._descriptor, size)


class OddFileSystem(fuse.Fuse):
    file_class = OpenFile

    def getattr(self, path):
        return os.lstat(place(path))

    def readdir(self, path, _):
        for name in (".", "..", *os.listdir(place(path))):
            yield fuse.Direntry(name)

    def mkdir(self, path, mode):
        os.mkdir(place(path), mode)

    def rmdir(self, path):
        os.rmdir(place(path))

    def unlink(self, path):
        os.unlink(place(path))

    def rename(self, source, target):
        os.rename(place(source), place(target))

    def link(self, source, target):
        if "link" not in CAN:
            return -errno.EPERM
        return os.link(place(source), place(target))

    def utime(self, path, times):
        os.utime(place(path), times)

    def chmod(self, path, mode):
        os.chmod(place(path), mode)

    def truncate(self, path, size):
        os.truncate(place(path), size)

    def statfs(self):
        return os.statvfs(FOLDER)


server = OddFileSystem()
# hard_remove: else libfuse takes the name from a file that is open before another is renamed onto it, and for a moment there
# is none.
server.parse(["-f", "-o", "attr_timeout=0,entry_timeout=0,hard_remove", MOUNTPOINT])
server.main()
