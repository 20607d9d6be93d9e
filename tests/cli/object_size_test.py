"""Stores that take objects up to a size (-o store.object-size): whatever a command puts is cut so that it fits."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest

LIMIT = 16 * 1024 * 1024


class ObjectSize(CairnTest):
    def largest(self, repository=None):
        return max(os.path.getsize(os.path.join(root, name))
                   for root, _, names in os.walk(repository or self.repo) for name in names)

    def test_nothing_is_larger_than_the_store_takes(self):
        setting = ("-o", "store.object-size=16M")
        self.init()
        rng = random.Random(8)
        self.write("big", rng.randbytes(120_000_000))
        for i in range(3_000):
            self.write(f"d{i % 31}/f{i}", rng.randbytes(rng.randrange(9_000)))
        self.backup()
        self.assertGreater(self.largest(), LIMIT, "without the setting packs are larger: this test tests something")
        # What a copy, and a prune, move from there is cut anew.
        other = self.path("other")
        self.run_cairn("-r", other, "init", "--same-keys-as", self.repo, *setting, CAIRN_FROM_PASSWORD="secret")
        self.run_cairn("copy", "--to", other, *setting, CAIRN_TO_PASSWORD="secret")
        self.assertLessEqual(self.largest(other), LIMIT)
        self.repo = other
        os.remove(self.path("source", "d0", "f0"))
        self.write("big", rng.randbytes(60_000_000))
        self.backup(*setting)
        self.run_cairn("forget", "--keep-last", "1", *setting)
        self.run_cairn("prune", "--max-unused", "0", *setting)
        self.assertLessEqual(self.largest(), LIMIT)
        self.run_cairn("check", "--read-data")
        self.restore_equals_source()

    def test_what_is_too_little_is_refused(self):
        self.init()
        self.write("file", b"x")
        for command in (("-r", self.path("new"), "init"), ("backup", self.source), ("snapshots",), ("prune",)):
            for size in ("8M", "16777215", "0", "-1", "16M5", "many"):
                told = self.run_cairn(*command, "-o", f"store.object-size={size}", code=1).stderr.decode()
                self.assertIn("16M at least", told)
        self.assertFalse(os.path.exists(self.path("new")))


if __name__ == "__main__":
    unittest.main()
