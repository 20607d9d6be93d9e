"""Options as people write them."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest


class Options(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.make_source(files=4)

    def test_repeatable_options_take_one_value_each(self):
        """What stands behind a value is a path or a snapshot again, not a second value."""
        self.json("backup", "--exclude", "f1", "--tag", "a", self.source)
        self.json("backup", "--tag", "a", "--exclude", "f1", "--exclude", "f2", "--tag", "b", self.source)
        one, two = self.json("snapshots", "--tag", "a")["snapshots"]
        self.assertEqual((one["tags"], two["tags"]), (["a"], ["a", "b"]))
        host = one["host"]
        target = self.path("out")
        self.run_cairn("restore", "--target", target, "--include", "f3", "--exclude", "f2", "--host", host, "latest")
        self.assertTrue(os.path.exists(target + self.source + "/d3/f3"))
        self.run_cairn("find", "--tag", "a", "f3")
        self.run_cairn("ls", "--tag", "b", "latest:" + self.source)
        self.run_cairn("stats", "--host", host)
        self.run_cairn("tag", "--add", "c", two["id"])
        self.run_cairn("rewrite", "--exclude", "f3", "latest")
        self.run_cairn("check", "--tag", "a", "latest")
        self.run_cairn("forget", "-n", "--tag", "a", "--keep-tag", "c")
        self.run_cairn("forget", "--tag", "a", one["id"])


if __name__ == "__main__":
    unittest.main()
