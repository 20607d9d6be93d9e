#!/usr/bin/env python3
"""Repositories in folders that are mounts which can less than a disk, or go away."""
import os
import subprocess
import time
import unittest

from web_testing import BIN, HERE, StoreTest

PYTHON = "/usr/bin/python3"  # for which Debian has the module


class MountTest(StoreTest):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            self.skipTest("only root mounts, where there is FUSE")
        if subprocess.run([PYTHON, "-c", "import fuse"], capture_output=True).returncode != 0:
            self.skipTest("python3-fuse is not installed")
        for name in ("disk", "mount"):
            os.mkdir(self.path(name))
        self.repo = self.path("mount", "repo")

    def mount(self, *can):
        self.server = subprocess.Popen([PYTHON, os.path.join(HERE, "odd_file_system.py"), self.path("disk"), self.path("mount"),
                                        *can], stderr=subprocess.PIPE)
        self.addCleanup(self.unmount)
        end = time.monotonic() + 20
        while not os.path.ismount(self.path("mount")):
            self.assertIsNone(self.server.poll(), "it has ended")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def unmount(self):
        if self.server.poll() is None:
            subprocess.run(["umount", "-l", self.path("mount")], capture_output=True)
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.server.stderr.close()

    def refused(self, *args):
        done = self.run_cairn(*args, code=None)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.decode()


class OddFileSystems(MountTest):
    def test_contract(self):
        self.mount("link", "fold")
        self.check_contract(self.path("mount", "contract"), many=300)

    def test_backup_check_restore(self):
        self.mount("link", "fold")
        self.check_repository(self.repo)

    def test_one_that_cannot_name_a_file_once(self):
        self.mount("fold")
        said = self.refused("init")
        self.assertIn("can neither rename a file onto a free name only nor link it", said)
        self.assertEqual(os.listdir(self.path("disk", "repo")), ["tmp"])
        self.assertEqual(os.listdir(self.path("disk", "repo", "tmp")), [])
        self.assertIn("can neither", self.refused("init"))


class WhatGoesAway(MountTest):
    def test_an_empty_mount_point_is_no_repository(self):
        self.mount("link")
        self.repo = self.path("mount")
        self.make_source(files=3)
        self.init()
        self.backup()
        self.unmount()
        self.assertEqual(os.listdir(self.repo), [])
        self.assertIn("no repository", self.refused("backup", self.source))
        self.assertIn("no repository", self.refused("snapshots"))
        self.assertEqual(os.listdir(self.repo), [])

    def test_a_mount_that_goes_while_a_backup_runs(self):
        self.mount("link")
        self.repo = self.path("mount")
        self.init()
        process = subprocess.Popen([BIN, "backup", "--stdin"], env=self.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        end = time.monotonic() + 30
        while not os.path.isdir(self.path("disk", "sessions")) or not os.listdir(self.path("disk", "sessions")):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        time.sleep(0.3)
        self.unmount()
        _, errors = process.communicate(os.urandom(1_000_000), timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(b"is its disk still mounted", errors)
        self.assertEqual(os.listdir(self.repo), [])


if __name__ == "__main__":
    unittest.main()
