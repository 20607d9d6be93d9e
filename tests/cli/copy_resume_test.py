"""Copies that go on from earlier ones: after a kill, whether frames travel as they are or are sealed anew, and from snapshot to
snapshot."""
import os
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest


class CopyResume(CairnTest):
    def bytes_in(self, repository):
        """Of everything that was sent, also of what a kill has left half written."""
        return sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(repository) for name in names)

    def packs_in(self, repository):
        return [name for root, _, names in os.walk(os.path.join(repository, "data")) for name in names if len(name) > 64]

    def make_target(self, name, same_keys):
        target = self.path(name)
        more = ("--same-keys-as", self.repo) if same_keys else ()
        self.run_cairn("-r", target, "init", *more, CAIRN_FROM_PASSWORD="secret")
        return target

    def kill_in_the_middle(self, target, packs):
        process = subprocess.Popen([BIN, "copy", "--to", target], env=self.env(CAIRN_TO_PASSWORD="secret"),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(self.packs_in(target)) < packs and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        process.wait()
        self.assertEqual(process.returncode, -9, "it had ended before it was killed")

    def test_what_both_runs_send_is_little_more_than_one(self):
        self.init()
        rng = random.Random(3)
        for number in range(30):
            self.write(f"large{number}", rng.randbytes(10_000_000))
        self.make_source(files=20)
        self.backup()
        for same_keys in (True, False):
            with self.subTest(same_keys=same_keys):
                whole = self.make_target(f"whole-{same_keys}", same_keys)
                once = self.json("copy", "--to", whole, CAIRN_TO_PASSWORD="secret")
                self.assertEqual(once["frames_verbatim"] > 0, same_keys)
                killed = self.make_target(f"killed-{same_keys}", same_keys)
                self.kill_in_the_middle(killed, 8)
                again = self.json("copy", "--to", killed, CAIRN_TO_PASSWORD="secret")
                self.assertLess(again["bytes_copied"], once["bytes_copied"] * 0.7)
                self.assertLess(self.bytes_in(killed), self.bytes_in(whole) * 1.1)
                self.assertEqual(self.json("-r", killed, "check", "--read-data")["damages"], 0)
                # What the killed one left is nobody's garbage.
                pruned = self.json("-r", killed, "prune")
                self.assertLess(pruned["bytes_removed"], 40_000_000)
                self.assertEqual(self.json("-r", killed, "check", "--read-data")["damages"], 0)

    def test_a_prune_beside_it_leaves_its_packs(self):
        """A copy's packs whose frames are of other sessions are known as those of a session that runs."""
        self.init()
        rng = random.Random(4)
        for number in range(10):
            self.write(f"large{number}", rng.randbytes(10_000_000))
        self.backup()
        target = self.make_target("target", True)
        process = subprocess.Popen([BIN, "copy", "--to", target, "--limit-download", "20M"],
                                   env=self.env(CAIRN_TO_PASSWORD="secret"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(self.packs_in(target)) < 2 and process.poll() is None:
            time.sleep(0.01)
        self.assertIsNone(process.poll(), "it had ended before the prune began")
        report = self.json("-r", target, "prune")
        self.assertEqual((report["packs_removed"], report["packs_waiting"]), (0, 0))
        self.assertGreater(report["packs_young"], 0)
        self.assertEqual(process.wait(timeout=120), 0)
        self.assertEqual(self.json("-r", target, "check", "--read-data")["damages"], 0)


class NextCopy(CairnTest):
    """Between repositories with keys of their own a blob has another id, which only who reads it can tell."""

    def setUp(self):
        super().setUp()
        self.init()
        self.other = self.path("other")
        self.run_cairn("-r", self.other, "init")
        self.make_source(files=30)
        self.write("empty folder/x", b"x")
        os.setxattr(self.write("noted", b"noted" * 100), "user.note", b"v" * 300)
        self.write("list", random.Random(1).randbytes(30_000_000))
        self.backup()
        self.copy()

    def copy(self, **kwargs):
        return self.json("copy", "--to", self.other, CAIRN_TO_PASSWORD="secret", **kwargs)

    def expect_whole(self):
        self.assertEqual(self.json("-r", self.other, "check", "--read-data")["damages"], 0)
        target = self.path(f"out-{time.monotonic_ns()}")
        self.run_cairn("-r", self.other, "restore", "latest", "--target", target)
        done = subprocess.run(["diff", "-r", self.source, target + self.source], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(os.getxattr(target + self.source + "/noted", "user.note"), b"v" * 300)

    def test_files_that_have_not_changed_are_not_read_again(self):
        os.rename(os.path.join(self.source, "d1", "f1"), os.path.join(self.source, "d1", "moved"))
        os.utime(os.path.join(self.source, "d2", "f2"))
        os.remove(os.path.join(self.source, "empty folder", "x"))
        os.makedirs(os.path.join(self.source, "d3", "deeper"))
        files = self.backup()["files"]
        # Their data is not even there.
        data, away = os.path.join(self.repo, "data"), self.path("away")
        os.rename(data, away)
        self.copy(code=1)
        os.rename(away, data)
        report = self.copy()
        self.assertEqual((report["snapshots_copied"], report["files_unchanged"]), (1, files - 1))
        self.expect_whole()
        self.write("new", b"new")
        self.backup()
        report = self.copy()
        self.assertEqual(report["files_unchanged"], files)
        self.expect_whole()

    def test_where_nothing_has_changed_no_data_is_needed(self):
        os.makedirs(os.path.join(self.source, "another folder"))
        files = self.backup()["files"]
        os.rename(os.path.join(self.repo, "data"), self.path("away"))
        self.assertEqual(self.copy()["files_unchanged"], files)
        self.expect_whole()

    def test_what_the_target_has_lost_is_sent_again(self):
        packs = [path for path in (os.path.join(root, name) for root, _, names in os.walk(os.path.join(self.other, "data"))
                                   for name in names)]
        os.remove(max(packs, key=os.path.getsize))
        self.run_cairn("-r", self.other, "repair", "index", "--drop-missing", code=None)
        self.write("new", b"new")
        files = self.backup()["files"]
        self.assertLess(self.copy(code=None)["files_unchanged"], files - 1)
        self.copy()
        self.expect_whole()


if __name__ == "__main__":
    unittest.main()
