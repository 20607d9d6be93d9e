"""A copy that is killed goes on where it was, whether frames travel as they are or are sealed anew."""
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


if __name__ == "__main__":
    unittest.main()
