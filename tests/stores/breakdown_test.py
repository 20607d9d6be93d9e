"""Jobs on an S3 store whose server dies, comes back or not, or is busy."""
import os
import random
import shutil
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty_proxy import FaultyProxy
from s3_testing import S3Test, make_tree, picture

SECONDS_MAX = 60  # of one command


class Breakdown(S3Test):
    """The server's gateway dies in the middle."""

    def setUp(self):
        super().setUp()
        self.settings = ["retry.first=50ms", "retry.time=1m"]
        self.server = self.repo
        make_tree(self.source, seed=5, files=40)
        self.write("big", random.Random(5).randbytes(40_000_000))

    def die(self, seconds):
        """Kills the gateway, which another thread starts again after a while."""
        self.ceph.kill_gateway()
        self.restart = threading.Timer(seconds, self.ceph.start_gateway)
        self.restart.start()

    def through(self, *command, kind, number):
        """What a command says while whose nth request of a kind the gateway dies for a second."""
        with FaultyProxy(self.ceph.port, latency=0.002) as proxy:
            self.repo = self.address(proxy.url)
            proxy.when(kind, number, lambda: self.die(1))
            told = self.run_cairn(*command, timeout=SECONDS_MAX).stderr.decode()
            self.restart.join()
            self.assertGreater(proxy.requests[kind], number)
        self.repo = self.server
        self.assertIn("trying again", told)

    def test_a_restart_during_a_backup(self):
        self.init()
        self.through("backup", self.source, kind="PUT", number=3)
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def test_a_restart_during_a_restore(self):
        self.init()
        self.backup()
        target = self.path("out")
        self.through("restore", "latest", "--target", target, kind="GET", number=6)
        self.assertEqual(picture(target + os.path.abspath(self.source)), picture(self.source))

    def test_a_restart_during_a_prune(self):
        self.init()
        self.backup()
        shutil.rmtree(self.path("source", "d3"))
        self.write("big", b"now small")
        self.backup()
        self.run_cairn("forget", "--keep-last", "1")
        self.through("prune", "--max-unused", "0", kind="DELETE", number=2)
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def test_gone_for_good(self):
        self.init()
        self.backup()
        self.settings = ["retry.first=50ms", "retry.time=3s"]
        self.write("more", random.Random(6).randbytes(60_000_000))
        commands = {"backup": ("PUT", 3, ["backup", self.source]),
                    "restore": ("LIST", 4, ["restore", "latest", "--target", self.path("out")]),
                    "check": ("GET", 3, ["check", "--read-data"])}
        for name, (kind, number, command) in commands.items():
            with self.subTest(command=name), FaultyProxy(self.ceph.port) as proxy:
                self.repo = self.address(proxy.url)
                proxy.when(kind, number, proxy.close)
                begin = time.monotonic()
                told = self.says(1, ["given up after", "is the address right, and the server up?"], *command, timeout=SECONDS_MAX)
                self.assertLess(time.monotonic() - begin, 30)
                self.assertLess(len(told), 50_000)
                if name != "backup":
                    self.assertIn("the store is away", told)
                    self.assertNotIn("damage", told)
        self.repo = self.server
        self.backup()
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def test_never_there(self):
        with FaultyProxy(self.ceph.port) as proxy:
            self.repo = self.address(proxy.url)
        self.settings = ["retry.first=10ms"]  # the time is a quarter of an hour, which nobody waits for a wrong address
        begin = time.monotonic()
        for command in (["init"], ["snapshots"]):
            self.says(1, ["given up after 8 tries", "is the address right, and the server up?"], *command)
        self.assertLess(time.monotonic() - begin, 20)

    def test_a_server_that_is_busy_is_not_asked_before_it_wants(self):
        with FaultyProxy(self.ceph.port, shares={"503": 0.2}) as proxy:
            self.repo = self.address(proxy.url)
            self.settings = ["retry.first=1ms"]
            told = [line for line in self.run_cairn("init").stderr.decode().splitlines() if "503" in line]
            while proxy.faults["503"] == 0:
                told += self.run_cairn("snapshots").stderr.decode().splitlines()
            self.assertTrue(told)
            for line in told:
                self.assertIn("SlowDown", line)
                self.assertRegex(line, r"trying again in (0\.[5-9]|1\.0) s$")  # its own pause is a millisecond

    def test_an_interrupt_ends_the_waiting(self):
        self.init()
        with FaultyProxy(self.ceph.port, shares={"503": 1.0}) as proxy:
            self.repo = self.address(proxy.url)
            process = self.start_cairn("snapshots")
            self.wait_until(lambda: proxy.requests["LIST"])
            process.terminate()
            begin = time.monotonic()
            out, err = process.communicate(timeout=10)
            self.assertEqual(process.returncode, 130)
            self.assertLess(time.monotonic() - begin, 5)
            self.holds_no_secret(out + err)


if __name__ == "__main__":
    unittest.main()
