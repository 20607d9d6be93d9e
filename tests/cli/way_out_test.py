"""What is said where something is damaged, or cannot be told, leads a person out of it: no success that is none, no advice in vain."""
import os
import shutil
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest


def damage(path):
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


class LatestInDoubt(CairnTest):
    """The newest snapshot cannot be read: the one before it is the latest of those that can."""

    def setUp(self):
        super().setUp()
        self.init()
        self.file = self.write("a", b"old")
        self.good = self.backup()["id"]
        self.write("a", b"new!")
        self.bad = self.backup()["id"]
        damage(os.path.join(self.repo, "snapshots", self.bad))

    def is_told(self, done):
        text = done.stderr.decode()
        self.assertIn(f'is not certain: snapshots/{self.bad} cannot be read', text)
        self.assertIn(self.good[:8], text)

    def test_what_is_restored_is_told_to_be_perhaps_another(self):
        self.is_told(self.run_cairn("restore", "latest", "--target", self.path("out"), "-q", code=3))
        with open(self.path("out") + self.file, "rb") as file:
            self.assertEqual(file.read(), b"old")
        self.run_cairn("restore", self.good, "--target", self.path("by-id"))

    def test_what_is_read_is_told_to_be_perhaps_another(self):
        for args in (("dump", "latest:" + self.file), ("ls", "latest"), ("diff", "latest", "--live"), ("stats", "latest"),
                     ("find", "a", "--snapshot", "latest"), ("export", "latest", "--output", "-")):
            with self.subTest(args):
                self.is_told(self.run_cairn(*args, code=3))
        self.assertEqual(self.run_cairn("dump", self.good + ":" + self.file).stdout, b"old")

    def test_an_older_one_that_cannot_be_read_may_be_it_too(self):
        self.write("a", b"newest")
        self.backup()
        self.run_cairn("dump", "latest:" + self.file, code=3)

    def test_nothing_is_changed_by_such_a_name(self):
        for args in (("tag", "latest", "--protect"), ("rewrite", "latest", "--exclude", "a"), ("forget", "latest")):
            with self.subTest(args):
                before = self.objects("snapshots", "notes", "forgotten")
                text = self.run_cairn(*args, code=1).stderr.decode()
                self.assertIn("snapshots/" + self.bad, text)
                self.assertEqual(self.objects("snapshots", "notes", "forgotten"), before)
        self.is_told(self.run_cairn("tag", "latest", "--protect", code=1))

    def test_a_database_in_use_is_not_replaced_by_such_a_name(self):
        database = self.path("app.db")
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE t(a)")
        self.run_cairn("backup", "--sqlite", database)
        with sqlite3.connect(database) as connection:
            connection.execute("INSERT INTO t VALUES (1)")
        self.run_cairn("backup", "--sqlite", database)
        for way in (("--sqlite", database), ("--sqlite", database, "--table", "t"), ("--set", f"app.db=sqlite:{database}")):
            with self.subTest(way):
                before = self.objects("snapshots")
                self.is_told_of_any(self.run_cairn("restore", "latest", *way, code=1))
                self.assertEqual(self.objects("snapshots"), before)
        with sqlite3.connect(database) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM t").fetchone(), (1,))

    def is_told_of_any(self, done):
        self.assertIn(f'is not certain: snapshots/{self.bad} cannot be read', done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
