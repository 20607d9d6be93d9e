#!/usr/bin/env python3
"""cairn and rclone: its local disk, its memory, and servers that it goes to, as they are."""
import json
import os
import signal
import subprocess
import time
import unittest

from ceph_testing import CephServer
from rclone_testing import SftpOfRclone, kill, obscured, rclone_children
from web_testing import BIN, HERE, StoreTest
from webdav_testing import need


class RcloneTest(StoreTest):
    """`remote` is a section of the configuration file, `config` that file's text."""

    config = ""
    settings = ("retry.first=20ms",)

    def setUp(self):
        need("rclone")
        super().setUp()
        with open(self.path("rclone.conf"), "w", encoding="utf-8") as file:
            file.write(self.config)
        self.repo = f"rclone:{self.path('far', 'repo')}"

    def env(self, password="secret", **more):
        # What a user may have set for other uses; this machine's own ways are no part of it.
        own = {"RCLONE_CONFIG": self.path("rclone.conf"), "RCLONE_DRY_RUN": "true", "RCLONE_LOG_FILE": "/nowhere/log",
               "RCLONE_EXCLUDE": "*", "RCLONE_CACHE_DIR": self.path("rclone-cache"), "HOME": self.dir}
        env = {k: v for k, v in super().env(password).items() if not k.startswith("AWS_") and not k.lower().endswith("_proxy")}
        return {**env, **own, **more}

    def refused(self, *args, **more):
        done = self.run_cairn(*args, code=None, **more)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.decode()

    def children(self):
        return rclone_children(self.path("rclone.conf"))

    def start_cairn(self, *args, **more):
        given = [word for setting in self.settings for word in ("-o", setting)]
        process = subprocess.Popen([BIN, *args, *given], env=self.env(**more), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def wait_until(self, true, seconds=30):
        end = time.monotonic() + seconds
        while not true():
            self.assertLess(time.monotonic(), end, "it has not come about")
            time.sleep(0.01)


class EachRemote:
    """The same of all of them."""

    def test_contract(self):
        self.check_contract(self.address, many=self.many)

    def test_backup_check_restore(self):
        self.check_repository(self.address + "/of/mine")
        self.wait_until(lambda: not self.children())


class OnADisk(EachRemote, RcloneTest):
    many = 300

    @property
    def address(self):
        return f"rclone:{self.path('a far & odd [folder')}"


class InMemory(RcloneTest):
    def test_contract(self):
        self.check_contract("rclone::memory:bucket/a/prefix", many=300)


class OnSftp(EachRemote, RcloneTest):
    address = "rclone:far:a/folder"
    many = 150

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = SftpOfRclone()
        cls.addClassCleanup(cls.server.close)
        cls.config = cls.server.section("far")


class OnS3(EachRemote, RcloneTest):
    address = "rclone:far:bucket/a/prefix"
    many = 1_100  # more than a page

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ceph = CephServer()
        cls.addClassCleanup(cls.ceph.close)
        owner = cls.ceph.user("owner")
        cls.config = (f"[far]\ntype = s3\nprovider = Ceph\nendpoint = {cls.ceph.url}\naccess_key_id = {owner.access_key}\n"
                      f"secret_access_key = {owner.secret_key}\nforce_path_style = true\n")


class TheChild(RcloneTest):
    def test_one_that_is_killed_is_started_again(self):
        self.make_source(files=10)
        for i in range(30):
            self.write(f"more{i}", os.urandom(3_000_000))
        self.init()
        backup = self.start_cairn("backup", self.source)
        killed = set()
        while backup.poll() is None and len(killed) < 4:
            time.sleep(0.15)
            for one in self.children():
                kill(one)
                killed.add(one)
        _, errors = backup.communicate(timeout=120)
        self.assertEqual(backup.returncode, 0, errors.decode())
        self.assertGreater(len(killed), 1)
        # Whoever asks it in the moment of its end learns no more than that it does not answer.
        self.assertRegex(errors, b"rclone (has ended|does not answer)")
        self.run_cairn("check", "--read-data")
        self.restore_equals_source()

    def test_it_ends_with_cairn(self):
        """However that ends."""
        self.init()
        self.wait_until(lambda: not self.children())
        process = self.start_cairn("backup", "--stdin")
        self.wait_until(lambda: len(self.children()) == 1)
        process.kill()
        self.wait_until(lambda: not self.children(), seconds=5)

    def test_one_behind_a_script_ends_with_cairn(self):
        script = self.path("my-rclone")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\n{need("rclone")} "$@"\nexit $?\n')
        os.chmod(script, 0o755)
        self.settings = (f"rclone.program={script}",)
        self.init()
        self.wait_until(lambda: not self.children(), seconds=5)
        process = self.start_cairn("backup", "--stdin")
        self.wait_until(lambda: len(self.children()) == 1)
        process.kill()
        self.wait_until(lambda: not self.children(), seconds=5)

    def test_its_password_is_in_no_argument(self):
        self.init()
        process = self.start_cairn("backup", "--stdin")
        self.wait_until(lambda: len(self.children()) == 1)
        child = self.children()[0]
        with open(f"/proc/{child}/environ", "rb") as file:
            variables = dict(one.split(b"=", 1) for one in file.read().split(b"\0") if b"=" in one)
        password = variables[b"RCLONE_RC_PASS"]
        self.assertGreaterEqual(len(password), 32)
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    self.assertNotIn(password, file.read())
            except OSError:
                continue
        process.kill()

    def test_settings(self):
        self.init()
        self.settings = (f"rclone.program={need('rclone')}", "rclone.args=--bwlimit 100M  --log-level INFO")
        self.run_cairn("snapshots")
        self.settings = ("rclone.args=--no-such-flag",)
        self.assertIn("does not take its arguments", self.refused("snapshots"))
        self.settings = ("rclone.program=/no/such/rclone",)
        self.assertIn("rclone.program=FILE", self.refused("snapshots"))


class BehindFaults(RcloneTest):
    """Between cairn and rclone: half answers, none, and words that are not what was asked for."""

    settings = ("retry.first=5ms", f"rclone.program={os.path.join(HERE, 'faulty_rclone.py')}")

    def env(self, password="secret", **more):
        return super().env(password, **{"CAIRN_FAULTY_RCLONE": json.dumps(self.how), **more})

    def test_nothing_is_lost(self):
        shares = {"500": 0.03, "lost": 0.04, "cut-answer": 0.03, "torn-listing": 0.1, "cut-request": 0.04, "refused": 0.03}
        self.how = {"seed": 1, "shares": shares}
        self.make_source(files=30)
        self.init()
        kept = None
        for day in range(4):
            self.how["seed"] += 1
            self.write(f"new{day}", os.urandom(200_000))
            kept, gone = self.backup()["id"], kept
            if gone:
                self.run_cairn("forget", gone, "--prune")
        self.run_cairn("check", "--read-data")
        self.restore_equals_source()
        self.assertEqual(len(self.run_cairn("snapshots", "--json").stdout.split(b'"id"')), 2)

    def test_a_service_without_empty_files(self):
        self.how = {"refuses": ["empty"]}
        self.make_source(files=3)
        self.init()
        left = self.path("far", "repo", "tmp", "half an upload")
        with open(left, "wb"):
            pass
        os.utime(left, (1, 1))
        self.run_cairn("prune")
        self.assertFalse(os.path.exists(left))

    def test_why_a_part_cannot_be_read_is_told_at_once(self):
        self.how = {"refuses": []}
        self.make_source(files=3)
        self.init()
        self.backup()
        self.how = {"refuses": ["ranges"]}
        self.assertIn("open: permission denied", self.refused("restore", "latest", "--target", self.path("out"), "--no-cache"))


class OneWriter(RcloneTest):
    def test_a_second_one_is_refused(self):
        self.make_source(files=3)
        self.init()
        first = self.start_cairn("backup", "--stdin")
        sessions = self.path("far", "repo", "sessions")
        self.wait_until(lambda: os.path.isdir(sessions) and os.listdir(sessions))
        time.sleep(0.5)
        said = self.refused("backup", self.source, XDG_CACHE_HOME=self.path("other-cache"))
        self.assertIn("takes one writer at a time", said)
        self.assertIn(str(first.pid), said)
        self.assertIn("takes one writer at a time", self.refused("prune"))
        self.run_cairn("snapshots")  # readers may come
        first.communicate(b"hello", timeout=60)
        self.assertEqual(first.returncode, 0)
        self.run_cairn("backup", self.source, XDG_CACHE_HOME=self.path("other-cache"))
        self.assertEqual(len(os.listdir(sessions)), 0)

    def test_a_dead_one_does_not_count_on_its_own_machine(self):
        self.make_source(files=3)
        self.init()
        first = self.start_cairn("backup", "--stdin")
        sessions = self.path("far", "repo", "sessions")
        self.wait_until(lambda: os.path.isdir(sessions) and os.listdir(sessions))
        first.send_signal(signal.SIGKILL)
        first.communicate()
        self.assertIn("an hour after", self.refused("backup", self.source, XDG_CACHE_HOME=self.path("other-cache")))
        self.backup()
        self.run_cairn("check", "--read-data")
        self.run_cairn("backup", self.source, XDG_CACHE_HOME=self.path("other-cache"))


class Refusals(RcloneTest):
    def test_a_remote_that_is_not_configured(self):
        self.repo = "rclone:nobody:x"
        said = self.refused("init")
        self.assertIn("didn't find section in config file", said)
        self.assertIn("see rclone config", said)

    def test_a_server_that_is_down(self):
        with open(self.path("rclone.conf"), "a", encoding="utf-8") as file:
            file.write(f"[down]\ntype = sftp\nhost = 127.0.0.1\nport = 1\nuser = x\npass = {obscured('x')}\nshell_type = none\n")
        self.repo = "rclone:down:x"
        self.settings = ("retry.first=5ms", "rclone.args=--low-level-retries 1")
        said = self.refused("init")
        self.assertIn("connection refused", said)
        self.assertIn("given up after", said)

    def test_addresses(self):
        for address, why in (("rclone:", "the remote is missing"), ("rclone::sftp,host=x,pass=hunter2:y", "holds a secret"),
                             ("rclone:far:a//b", "rclone config"), ("rclone:far:a]b", "rclone config")):
            self.repo = address
            said = self.refused("init")
            self.assertIn(why, said)
            self.assertNotIn("hunter2", said)

    def test_what_is_not_a_repository(self):
        os.makedirs(self.path("far", "repo"))
        with open(self.path("far", "repo", "letter.txt"), "w", encoding="utf-8"):
            pass
        self.assertIn("holds letter.txt and is no repository", self.refused("init"))

    def test_no_repository(self):
        self.assertIn("no repository", self.refused("snapshots"))

    def test_a_place_that_is_gone_is_no_empty_repository(self):
        """Its disk is taken out while a backup runs."""
        self.make_source(files=3)
        self.init()
        first = self.start_cairn("backup", "--stdin")
        sessions = self.path("far", "repo", "sessions")
        self.wait_until(lambda: os.path.isdir(sessions) and os.listdir(sessions))
        time.sleep(0.5)
        os.rename(self.path("far", "repo"), self.path("far", "elsewhere"))
        os.mkdir(self.path("far", "repo"))
        _, errors = first.communicate(b"hello", timeout=60)
        self.assertNotEqual(first.returncode, 0)
        self.assertIn(b"is its disk still mounted", errors)


if __name__ == "__main__":
    unittest.main()
