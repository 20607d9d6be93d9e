#!/usr/bin/env python3
"""How fast a mounted file is read, beside cairn dump of the same file."""
import os
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from cairn_testing import BIN
from mount_testing import MountTest


class Speed(MountTest):
    def test_a_large_file_is_read_half_as_fast_as_it_is_dumped(self):
        size = 300_000_000
        with open(self.write("huge", b""), "wb") as file:
            for _ in range(size // 1_000_000):
                file.write(os.urandom(500_000) * 2)
        self.write("empty", b"")
        self.init()
        self.backup()
        self.mount()
        rates = []

        def dump(name):
            begin = time.monotonic()
            with open(os.devnull, "wb") as nowhere:
                subprocess.run([BIN, "dump", f"latest:{os.path.abspath(self.source)}/{name}"], env=self.env(), stdout=nowhere,
                               check=True)
            return time.monotonic() - begin
        for _ in range(8):  # on a busy machine, the best of several
            dumped = max(dump("huge") - dump("empty"), 0.001)
            begin = time.monotonic()
            with open(os.path.join(self.shown_source(), "huge"), "rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                while file.read(1 << 20):
                    pass
            read = time.monotonic() - begin
            rates.append(dumped / read)
            print(f"dump {size / dumped / 1e6:.0f} MB/s, mount {size / read / 1e6:.0f} MB/s")
            if rates[-1] > 0.5:
                break
        self.assertGreater(max(rates), 0.5)
        self.unmount()


if __name__ == "__main__":
    unittest.main()
