"""After a loss: a backup stores again what is lost, and takes nothing for stored that was taken out."""
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest


class AfterALoss(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()

    def remove_data_packs(self):
        shutil.move(os.path.join(self.repo, "data"), self.path("data.gone"))

    def test_the_next_backup_stores_again_what_is_lost(self):
        self.make_source()
        self.backup()
        self.assertEqual(self.backup()["data_blobs_new"], 0)
        self.remove_data_packs()
        self.run_cairn("check", code=1)
        self.run_cairn("repair", "index", "--drop-missing")
        # Nothing in the source has changed, and this machine remembers all of it.
        self.assertGreater(self.backup()["data_blobs_new"], 0)
        self.restore_equals_source()
        self.assertEqual(self.run_cairn("check", "--read-data", code=None).returncode, 0, "the same blobs heal all")
        again = self.backup()
        self.assertEqual((again["data_blobs_new"], again["bytes_read"]), (0, 0), "and then it is quick again")

    def test_the_same_from_the_tree_of_the_parent(self):
        self.make_source()
        time.sleep(0.1)
        self.backup("--no-cache")
        self.remove_data_packs()
        self.run_cairn("repair", "index", "--drop-missing")
        self.backup("--no-cache")
        self.restore_equals_source()

    def test_a_pack_that_was_taken_out_is_no_orphan_of_a_killed_backup(self):
        self.write("big", random.Random(5).randbytes(100_000_000))
        with subprocess.Popen([BIN, "--limit-upload", "60M", "backup", self.source], env=self.env(),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
            deadline = time.monotonic() + 60
            while len(self.objects("data")) < 4 and time.monotonic() < deadline:
                time.sleep(0.01)
            killed.send_signal(signal.SIGKILL)
        self.run_cairn("repair", "index")
        victim = max(self.objects("data"), key=os.path.getsize)
        with open(victim, "r+b") as file:
            file.seek(500_000)
            file.write(b"damaged!")
        self.run_cairn("repair", "packs")
        self.backup()
        self.run_cairn("check", "--read-data")
        self.restore_equals_source()

    def test_damage_of_this_machines_index_is_no_damage_of_the_repository(self):
        self.make_source()
        self.backup()
        good = self.path("good-cache")
        shutil.copytree(self.cache, good)
        tables = glob.glob(os.path.join(good, "**", "*.sst"), recursive=True)
        self.assertGreater(len(tables), 2)
        for table in tables:
            for command in (("repair", "snapshots", "--dry-run"), ("restore", "latest", "--target", self.path("out"))):
                with self.subTest(f"{os.path.basename(table)} {command[0]}"):
                    shutil.rmtree(self.cache)
                    shutil.copytree(good, self.cache)
                    with open(os.path.join(self.cache, os.path.relpath(table, good)), "r+b") as file:
                        data = file.read()
                        file.seek(0)
                        file.write(bytes(b ^ (0x55 if i % 100 == 20 and i < len(data) // 2 else 0)
                                         for i, b in enumerate(data)))
                    done = self.run_cairn(*command)
                    self.assertNotIn(b"damage:", done.stderr)
                    if command[0] == "repair":
                        self.assertIn(b"0 would be rewritten", done.stdout)
        self.restore_equals_source()


if __name__ == "__main__":
    unittest.main()
