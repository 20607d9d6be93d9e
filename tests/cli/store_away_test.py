"""A store that goes away in the middle of a command: told once, as that, and never as damage."""
import json
import os
import random
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest


class StoreAway(CairnTest):
    """A folder that is another's name from the first bytes on, as a disk that is taken out."""

    def setUp(self):
        super().setUp()
        self.init()
        rng = random.Random(4)
        for i in range(400):
            self.write(f"d{i % 9}/f{i}", rng.randbytes(200_000))
        self.backup()

    def cut_off(self, *command, progress):
        """What a command says and ends with whose repository goes when `progress` says that it has begun."""
        process = subprocess.Popen([BIN, *command, "--limit-download", "40M"], env=self.env(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while not progress() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        self.assertIsNone(process.poll(), "it had ended before the store went")
        away = self.path("away")
        os.rename(self.repo, away)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            os.rename(away, self.repo)
        return process.returncode, out.decode(), err.decode()

    def test_a_restore_ends_and_the_next_one_goes_on(self):
        target = self.path("out")
        code, out, err = self.cut_off("restore", "latest", "--target", target, progress=lambda: os.path.exists(target))
        self.assertEqual(code, 1, err)
        self.assertEqual(err.count("the store is away"), 1, err)
        self.assertIn("see that it can be reached, and run it again", err)
        for word in ("damage", "could not be restored", "incomplete"):
            self.assertNotIn(word, out + err)
        for root, _, names in os.walk(target):
            for name in names:
                restored = os.path.join(root, name)
                with open(restored, "rb") as there, open(restored[len(target):], "rb") as source:
                    self.assertEqual(there.read(), source.read(), restored)
        self.run_cairn("restore", "latest", "--target", target)
        done = subprocess.run(["diff", "-r", self.source, target + self.source], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_check_says_neither_damage_nor_none(self):
        begin = time.monotonic()
        code, out, err = self.cut_off("check", "--read-data", progress=lambda: time.monotonic() - begin > 1)
        self.assertEqual(code, 1, err)
        self.assertIn("the store is away", err)
        self.assertRegex(err, r"the check ended while reading packs, \d+ of \d+: of what comes after that it says nothing")
        for word in ("damage", "DAMAGE"):
            self.assertNotIn(word, out + err)
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)

    def test_json_names_it(self):
        begin = time.monotonic()
        code, out, _ = self.cut_off("check", "--read-data", "--json", progress=lambda: time.monotonic() - begin > 1)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line for line in lines if line["message_type"] in ("finding", "summary")], [])
        self.assertEqual((code, lines[-1]["message_type"], lines[-1]["code"], lines[-1]["exit_code"]),
                         (1, "error", "store away", 1))


if __name__ == "__main__":
    unittest.main()
