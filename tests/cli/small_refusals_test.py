"""Commands that cannot do what was asked, and say so: with which code, and before anything is changed."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest


class SmallRefusals(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.write("a", b"x")
        self.backup()

    def test_a_copy_to_where_no_repository_is(self):
        os.mkdir(self.path("empty"))
        for target in ("nowhere", "empty"):
            told = self.run_cairn("copy", "--to", self.path(target), code=10, CAIRN_TO_PASSWORD="x").stderr.decode()
            self.assertIn("there is no repository at", told)
        self.run_cairn("-r", self.path("new"), "init", "--same-keys-as", self.path("nowhere"), code=10, CAIRN_FROM_PASSWORD="x")

    def test_the_cost_of_backups_of_which_none_is_on_record(self):
        told = self.run_cairn("cost", "--runs-a-day", "3", code=1).stderr.decode()
        self.assertIn("there is none of the last 30 days", told)
        self.run_cairn("cost")


if __name__ == "__main__":
    unittest.main()
