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

    def test_nothing_is_removed_by_such_a_name(self):
        target = self.path("there")
        self.run_cairn("restore", self.good, "--target", target)
        newer = os.path.join(target, self.source.lstrip("/"), "newer")
        with open(newer, "w"):
            pass
        self.is_told(self.run_cairn("restore", "latest", "--target", target, "--delete", code=1))
        self.assertTrue(os.path.exists(newer))
        self.run_cairn("restore", self.good, "--target", target, "--delete")
        self.assertFalse(os.path.exists(newer))

    def test_what_comes_after_is_told_that_it_is_not_certain(self):
        result = self.path("result")
        self.run_cairn("restore", "latest", "--target", self.path("out"), "--after", f"echo $CAIRN_RESULT > {result}", code=3)
        with open(result) as file:
            self.assertNotEqual(file.read().strip(), "success")

    def test_a_repair_of_such_a_name_or_of_another_leaves_it_alone(self):
        self.assertIn("is not certain", self.run_cairn("repair", "snapshots", "latest", code=1).stderr.decode())
        self.run_cairn("repair", "snapshots", self.good)

    def is_told_of_any(self, done):
        self.assertIn(f'is not certain: snapshots/{self.bad} cannot be read', done.stderr.decode())

    def test_a_repair_says_what_it_leaves_and_how_it_goes(self):
        done = self.run_cairn("repair", "snapshots", code=3)
        self.assertIn("1 objects that cannot be read", done.stdout.decode())
        self.assertIn("cairn repair snapshots --forget", done.stdout.decode())
        self.assertEqual(self.json("repair", "snapshots", code=3)["unreadable_left"], 1)
        self.run_cairn("repair", "snapshots", "--forget")
        self.run_cairn("check")
        self.run_cairn("restore", "latest", "--target", self.path("out"))


class LostOpeners(CairnTest):
    """config/ and keys/: without them no command gets in."""

    def setUp(self):
        super().setUp()
        self.init()
        self.write("a", b"x")
        self.backup()
        self.copy = self.repo + ".copy"
        shutil.copytree(self.repo, self.copy)

    def lose(self, folder):
        shutil.rmtree(os.path.join(self.repo, folder))
        os.mkdir(os.path.join(self.repo, folder))
        shutil.rmtree(self.cache, ignore_errors=True)

    def put_back(self, folder):
        shutil.rmtree(os.path.join(self.repo, folder))
        shutil.copytree(os.path.join(self.copy, folder), os.path.join(self.repo, folder))

    def test_a_lost_config_is_no_empty_folder(self):
        self.lose("config")
        for args in (("check",), ("snapshots",), ("backup", self.source)):
            text = self.run_cairn(*args, code=1).stderr.decode()
            self.assertIn("what was under config/ is lost", text)
            self.assertIn("put it back from a copy of the repository", text)
            self.assertNotIn("cairn init", text)
        self.run_cairn("init", code=1)
        self.put_back("config")
        self.run_cairn("check", "--read-data")

    def test_a_config_that_is_damaged_is_not_for_check_to_look_at(self):
        with open(self.path("cairn.toml"), "w") as file:
            os.chmod(file.name, 0o600)
            file.write(f'[repository.main]\naddress = "{self.repo}"\npassword-command = "echo secret"\n'
                       f'[job.one]\nto = "main"\npaths = ["{self.source}"]\n')
        damage(os.path.join(self.repo, "config", max(os.listdir(os.path.join(self.repo, "config")))))
        shutil.rmtree(self.cache, ignore_errors=True)
        for args in (("check",), ("--config", self.path("cairn.toml"), "run", "one")):
            with self.subTest(args):
                text = self.run_cairn(*args, code=1).stderr.decode()
                self.assertIn("put it back from a copy of the repository", text)
                self.assertNotIn("run cairn check", text)

    def test_a_folder_of_another_program_is_no_lost_repository(self):
        for name in ("index/index.html", "snapshots/" + "ab" * 32):
            os.makedirs(os.path.dirname(self.path("other/" + name)), exist_ok=True)
            with open(self.path("other/" + name), "w"):
                pass
        self.assertIn("there is no repository at", self.run_cairn("-r", self.path("other"), "check", code=10).stderr.decode())

    def test_an_empty_folder_may_be_what_is_not_mounted(self):
        os.mkdir(self.path("empty"))
        self.assertIn("is it mounted?", self.run_cairn("-r", self.path("empty"), "check", code=10).stderr.decode())

    def test_lost_keys_are_not_for_check_to_look_at(self):
        self.lose("keys")
        text = self.run_cairn("check", code=1).stderr.decode()
        self.assertIn("put it back from a copy of the repository", text)
        self.assertNotIn("run cairn check", text)
        self.put_back("keys")
        self.run_cairn("check")

    def test_a_key_that_is_damaged_is_mended_by_no_repair(self):
        self.run_cairn("key", "add", CAIRN_NEW_PASSWORD="other")
        first = os.listdir(os.path.join(self.copy, "keys"))[0]
        with open(os.path.join(self.repo, "keys", first), "wb"):
            pass
        told = self.run_cairn("check", password="other", code=1).stdout.decode()
        self.assertIn("put these objects back from a copy", told)
        self.assertNotIn("cairn repair packs", told)


class SaidAsItIs(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.file = self.write("a", b"x" * 100)
        self.one = self.backup()["id"]

    def test_a_writer_s_check_says_that_it_has_not_looked_at_all(self):
        self.run_cairn("key", "add", "--role", "writer", CAIRN_NEW_PASSWORD="w")
        told = self.run_cairn("check", password="w", code=3).stdout.decode()
        self.assertIn("no damage found, but what the snapshots need was not followed", told)
        self.assertIs(self.json("check", password="w", code=3)["trees_followed"], False)
        self.assertIs(self.json("check")["trees_followed"], True)

    def test_a_dry_run_of_a_restore_says_what_would_be(self):
        told = self.run_cairn("restore", "latest", "--target", self.path("out"), "--dry-run", "-v").stdout.decode()
        self.assertIn("to restore ", told)
        self.assertNotIn("restored", told)
        self.assertNotIn("written", told)

    def test_a_dry_run_of_a_copy_says_no_size_that_it_does_not_know(self):
        self.run_cairn("-r", self.path("second"), "init")
        told = self.run_cairn("copy", "--to", self.path("second"), "--dry-run", CAIRN_TO_PASSWORD="secret").stdout.decode()
        self.assertIn("1 snapshots would be copied\n", told)

    def test_a_snapshot_that_is_gone_may_be_the_latest(self):
        self.write("a", b"y")
        two = self.backup()["id"]
        self.run_cairn("snapshots")
        os.remove(os.path.join(self.repo, "snapshots", two))
        done = self.run_cairn("dump", "latest:" + self.file, code=3)
        self.assertIn(f'"latest" is not certain: snapshot {two} was there', done.stderr.decode())
        self.assertEqual(done.stdout, b"x" * 100)

    def test_a_forget_by_name_says_which(self):
        self.assertIn(self.one[:8], self.run_cairn("forget", "latest", "--dry-run").stdout.decode())
        self.assertIn(self.one[:8], self.run_cairn("forget", "latest").stdout.decode())

    def test_a_forget_that_nothing_matches_says_so(self):
        done = self.run_cairn("forget", "--host", "no-such", "--keep-last", "1")
        self.assertIn("none of 1 snapshots is of the hosts, paths and tags", done.stderr.decode())
        self.assertNotIn("none of", self.run_cairn("forget", "--keep-last", "1").stderr.decode())

    def test_a_target_that_is_a_file_is_named(self):
        target = self.write("file", b"mine")
        for more in ((), ("--dry-run",)):
            done = self.run_cairn("restore", "latest", "--target", target, *more, code=1)
            self.assertIn(f"the target {target} is no folder", done.stderr.decode())
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"mine")


if __name__ == "__main__":
    unittest.main()
