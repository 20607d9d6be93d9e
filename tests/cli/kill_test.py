"""kill -9 at random moments of backup, forget and prune: each followed by a check and a restore. No damage, no stale lock, no
hand needed. CAIRN_KILLS sets how often (default 30)."""
import os
import random
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest

KILLS = int(os.environ.get("CAIRN_KILLS", "30"))


class Kill(CairnTest):
    def kill_during(self, rng, *args, longest=0.6):
        process = subprocess.Popen([BIN, *args], env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, longest))
        process.kill()
        process.wait()

    def test_no_damage_whenever_it_is_killed(self):
        seed = random.randrange(1 << 30)
        print("seed", seed)
        rng = random.Random(seed)
        self.init()
        self.make_source(files=40)
        keep = self.backup("--tag", "keep")["id"]
        original = self.path("original")
        shutil.copytree(self.source, original, symlinks=True)
        for number in range(KILLS):
            self.write(f"new/{number}", rng.randbytes(rng.randrange(2_000_000)))
            kind = rng.randrange(4)
            if kind <= 1:
                self.kill_during(rng, "backup", self.source)
            elif kind == 2:
                self.run_cairn("backup", self.source)
                self.kill_during(rng, "forget", "--keep-last", "2", "--keep-tag", "keep", longest=0.3)
            else:
                self.run_cairn("forget", "--keep-last", "1", "--keep-tag", "keep")
                self.kill_during(rng, "prune", "--max-unused", "0%")
            report = self.json("check", *(["--read-data"] if number % 5 == 0 else []))
            self.assertEqual(report["damages"], 0, f"after kill {number} (kind {kind})")
            if number % 5 == 0:
                self.restore_equals_source(keep, original)
        # And in the end everything that is not needed goes, without a hand: the next backup takes up what killed ones left.
        self.backup()
        self.run_cairn("forget", "--keep-last", "1")
        self.run_cairn("prune", "--max-unused", "0%")
        self.run_cairn("prune", "--max-unused", "0%")
        self.assertEqual(self.objects("sessions", "tombstones"), [])
        report = self.json("check", "--read-data")
        self.assertEqual((report["damages"], report["unused_packs"]), (0, 0))

    def test_interrupted_backup_goes_on(self):
        self.init()
        self.make_source(files=40)
        rng = random.Random(5)
        for number in range(6):
            self.write(f"large{number}", rng.randbytes(20_000_000))
        process = subprocess.Popen([BIN, "backup", self.source], env=self.env(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        deadline = time.time() + 30
        while time.time() < deadline and len(self.objects("data")) < 2 and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        process.wait()
        stored = sum(os.path.getsize(p) for p in self.objects("data"))
        self.assertGreater(stored, 0, "it was killed before anything was stored, or had ended")
        self.assertEqual(self.json("snapshots")["snapshots"], [])
        report = self.backup()
        self.assertGreaterEqual(report["resumed_bytes"], stored)
        self.assertLess(report["bytes_stored"], 127_000_000 - stored // 2)
        self.restore_equals_source()


if __name__ == "__main__":
    unittest.main()
