"""What is forgotten can be brought back for a while: forget --keep-deleted, snapshots --deleted, undelete, config --keep-deleted."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest

DAY = 86_400


class Undelete(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.make_source(files=20)

    def make_older(self, seconds):
        """As if the store had got what is under deleted/ so long ago."""
        paths = self.objects("deleted")
        self.assertTrue(paths)
        for path in paths:
            then = os.stat(path).st_mtime - seconds
            os.utime(path, (then, then))

    def packs(self):
        return [os.path.basename(path) for path in self.objects("data")]

    def test_there_and_back(self):
        gone = self.backup("--tag", "old")["id"]
        before = self.packs()
        out = self.run_cairn("forget", gone, "--keep-deleted", "14d", "--prune").stdout
        self.assertIn(b"cairn undelete brings back what was forgotten, for 14d", out)
        self.assertIn(b"what 1 forgotten snapshot needs stays", out)
        self.assertEqual(self.packs(), before)
        self.assertEqual(self.json("snapshots")["snapshots"], [])
        self.run_cairn("ls", gone, code=1)
        (deleted,) = self.json("snapshots", "--deleted")["snapshots"]
        self.assertEqual((deleted["id"], deleted["tags"], deleted["deleted"]["keep_seconds"]), (gone, ["old"], 14 * DAY))
        self.assertIn(gone[:8].encode(), self.run_cairn("snapshots", "--deleted").stdout)
        self.assertEqual(self.json("check", "--read-data")["deleted"], 1)
        self.make_older(13 * DAY)
        self.run_cairn("prune", "--max-unused", "0")
        back = self.run_cairn("undelete", gone[:6]).stdout
        self.assertIn(gone[:8].encode(), back)
        (snapshot,) = self.json("snapshots")["snapshots"]
        self.assertEqual((snapshot["tags"], snapshot["original"]), (["old"], gone))
        self.assertEqual(snapshot["time"], deleted["time"])
        self.restore_equals_source()
        self.run_cairn("undelete", gone, code=1)
        self.make_older(2 * DAY)
        self.run_cairn("prune", "--max-unused", "0")
        self.assertEqual(self.objects("deleted"), [])
        self.restore_equals_source()
        self.run_cairn("check", "--read-data")

    def test_a_prune_after_its_time_frees_it(self):
        self.backup()
        self.run_cairn("forget", "latest", "--keep-deleted", "36h")
        self.make_older(DAY)
        self.assertEqual(self.json("prune")["deleted_kept"], 1)
        self.assertTrue(self.packs())
        self.make_older(DAY)
        self.assertEqual(self.json("prune", "--dry-run")["packs_removed"], 0)
        self.assertTrue(self.objects("deleted"))
        report = self.json("prune")
        self.assertEqual((report["deleted_kept"], report["deleted_over"]), (0, 1))
        self.assertEqual(self.packs(), [])
        self.run_cairn("undelete", "latest", code=1)

    def test_the_repository_keeps_for_every_client(self):
        self.run_cairn("config", "--keep-deleted", "30d")
        self.assertEqual(self.json("config")["keep_deleted_seconds"], 30 * DAY)
        self.backup()
        told = self.run_cairn("forget", "latest", "--keep-deleted", "0", code=1).stderr
        self.assertIn(b"30d", told)
        self.run_cairn("key", "add", "--role", "maintainer", CAIRN_NEW_PASSWORD="other")
        self.run_cairn("forget", "latest", "--prune", password="other")
        self.make_older(29 * DAY)
        self.run_cairn("prune", password="other")
        self.assertIn(b"role", self.run_cairn("forget", "--deleted", "latest", password="other", code=None).stderr)
        self.assertTrue(self.objects("deleted"))
        self.run_cairn("undelete", "latest", password="other", code=None)
        self.assertEqual(self.json("snapshots")["snapshots"], [])
        self.run_cairn("undelete", "latest")
        self.restore_equals_source()
        self.run_cairn("forget", "--deleted", "latest")
        self.assertEqual(self.objects("deleted"), [])
        self.run_cairn("config", "--keep-deleted", "0")
        self.run_cairn("forget", "latest", "--prune")
        self.assertEqual(self.packs(), [])

    def test_what_is_lost_of_it_is_named(self):
        self.backup()
        self.run_cairn("forget", "latest", "--keep-deleted", "1d")
        for path in self.objects("data"):
            os.remove(path)
        self.run_cairn("prune", code=None)
        self.run_cairn("repair", "index", "--drop-missing")
        told = self.run_cairn("undelete", "latest", code=None)
        self.assertNotEqual(told.returncode, 0)
        self.assertIn(b"/d0/f0", told.stderr)
        self.assertIn(b"is not brought back", told.stderr)
        self.assertIn(b"cairn forget --deleted", self.run_cairn("check", code=1).stdout)
        self.run_cairn("prune", code=None)
        self.run_cairn("forget", "--deleted", "latest")
        self.run_cairn("prune")
        self.run_cairn("check")

    def test_for_good_and_a_prune_in_one_go(self):
        """--prune was passed over, and so was a policy."""
        self.backup()
        self.run_cairn("forget", "latest", "--keep-deleted", "1d")
        told = self.run_cairn("forget", "--deleted", "latest", "--keep-last", "1", code=1).stderr
        self.assertIn(b"--deleted takes names", told)
        self.assertEqual(self.json("forget", "--deleted", "latest", "--prune", "--dry-run")["dry_run"], True)
        self.assertTrue(self.objects("deleted"))
        self.assertTrue(self.packs())
        self.run_cairn("forget", "--deleted", "latest", "--prune")
        self.assertEqual((self.objects("deleted"), self.packs()), ([], []))

    def test_one_that_cannot_be_read_stops_a_prune_and_is_set_aside(self):
        self.backup()
        self.run_cairn("forget", "latest", "--keep-deleted", "1d")
        (path,) = self.objects("deleted")
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            file.seek(200)
            file.write(b"XXXX")
        self.run_cairn("prune", code=1)
        self.assertTrue(self.packs())
        self.run_cairn("repair", "snapshots", "--forget")
        self.assertEqual(self.objects("deleted"), [])
        self.assertEqual(len(self.objects("trash")), 1)
        self.run_cairn("prune")
        self.assertEqual(self.packs(), [])

    def test_a_copy_and_a_rewrite(self):
        """A copy takes none along; what a rewrite forgets is kept as the repository says."""
        self.run_cairn("config", "--keep-deleted", "1d")
        first = self.backup()["id"]
        self.run_cairn("rewrite", first, "--exclude", "big", "--forget")
        self.assertEqual([one["id"] for one in self.json("snapshots", "--deleted")["snapshots"]], [first])
        target = self.path("target")
        self.run_cairn("-r", target, "init")
        self.assertEqual(self.json("copy", "--to", target, CAIRN_TO_PASSWORD="secret")["snapshots_copied"], 1)
        self.assertEqual(self.json("-r", target, "snapshots", "--deleted")["snapshots"], [])

    def test_ages(self):
        for text in ("14", "d", "-1d", "1m", "99999999999d", "1.5d", "1d "):
            self.run_cairn("forget", "latest", f"--keep-deleted={text}", code=2)
        for text in ("0", "90s", "36h", "2w"):
            self.run_cairn("forget", "--keep-last", "1", "--keep-deleted", text)

    def test_the_independent_reader_passes_it_by(self):
        self.backup()
        self.run_cairn("forget", "latest", "--keep-deleted", "1d")
        reader = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "reader")
        done = subprocess.run(["/usr/bin/python3", reader, self.repo, "verify"], env=self.env(), capture_output=True, text=True,
                              timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)


if __name__ == "__main__":
    unittest.main()
