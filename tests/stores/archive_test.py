#!/usr/bin/env python3
"""Data packs in a store's archive: what a restore needs of it is brought back first, and nothing else is. S3 (Ceph) and Azure (Azurite),
each behind a proxy that has an archive as the vendor's documentation has it."""
import json
import os
import sys
import threading
import time
import unittest
import urllib.request
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from archive_proxies import GlacierProxy, RehydrationProxy
from azure_test import shared_access_signature
from azure_testing import ACCOUNT, KEY, Azurite
from s3_testing import S3Test
from web_testing import StoreTest

FOLDERS = ("one", "two", "three")


class Archive:
    """What both have in common: `proxy`, and three folders, each in a pack of its own."""

    def back_up_three(self):
        self.init()
        for name in FOLDERS:
            self.write(f"{name}/file", os.urandom(300_000))
            self.last = self.backup()["id"]

    def place(self, name):
        return "latest:" + os.path.join(os.path.abspath(self.source), name)

    def warm_up(self, *args, code=0, target=None):
        """What is told of the archive, and where it was restored to."""
        out = target or self.path("out-" + uuid.uuid4().hex[:8])
        told = self.json("restore", *args, "--warm-up", *(["--target", out] if target is None or target else []), code=code)
        return told, out

    def json(self, *args, code=0):
        """The first object, which is what is told before the summary of what comes then."""
        lines = self.run_cairn(*args, "--json", code=code).stdout.splitlines()
        found = [json.loads(line) for line in lines]
        found = [one for one in found if one.get("message_type") != "status"]
        return next((one for one in found if one.get("message_type") == "warm_up"), found[-1])

    def same(self, out, name):
        with open(os.path.join(self.source, name, "file"), "rb") as source, open(os.path.join(out, "file"), "rb") as restored:
            self.assertEqual(restored.read(), source.read())

    def test_exactly_what_is_needed_is_asked_for_once(self):
        self.back_up_three()
        out = self.path("out")
        done = self.run_cairn("restore", "latest", "--target", out, code=1)
        told = (done.stdout + done.stderr).decode()
        self.assertIn("3 of the 3 packs that are needed", told)
        self.assertIn("--warm-up", told)
        self.assertNotIn("trying again", told)
        self.assertNotIn("could not be restored", told)
        self.assertEqual([names for _, _, names in os.walk(out) if names], [])
        told, out = self.warm_up(self.place("two"), "--dry-run")
        self.assertEqual((told["packs"], told["asked"], told["cold"]), (1, 1, 1))
        self.assertGreater(told["bytes_asked"], 300_000)
        self.assertEqual(self.proxy.asked, [])
        told, out = self.warm_up(self.place("two"), code=3)
        self.assertEqual((told["asked"], told["cold"], len(self.proxy.asked)), (1, 1, 1))
        self.assertFalse(os.path.exists(out))
        told, out = self.warm_up(self.place("two"), code=3)
        self.assertEqual((told["asked"], told["cold"], len(self.proxy.asked)), (0, 1, 1))
        self.proxy.finish()
        told, out = self.warm_up(self.place("two"))
        self.assertEqual((told["asked"], told["cold"], len(self.proxy.asked)), (0, 0, 1))
        self.same(out, "two")
        self.assertIn(b"2 of the 3 packs", self.run_cairn("restore", "latest", "--target", self.path("all"), code=1).stderr)
        told, _ = self.warm_up("latest", "--include", "three", code=3)
        self.assertEqual((told["packs"], len(self.proxy.asked)), (1, 2))
        told, _ = self.warm_up("latest", code=3, target="")  # without a target it is only asked for
        self.assertEqual((told["packs"], told["asked"], told["cold"]), (3, 1, 2))
        self.proxy.finish()
        self.warm_up("latest", target="")
        self.restore_equals_source()
        self.assertEqual(len(self.proxy.asked), 3)

    def test_waits_so_long_at_most(self):
        self.back_up_three()
        begin = time.monotonic()
        told, _ = self.warm_up("latest", "--wait", "2s", code=3)
        self.assertEqual(told["cold"], 3)
        self.assertGreater(time.monotonic() - begin, 2)
        later = threading.Timer(3, self.proxy.finish)
        later.start()
        told, out = self.warm_up(self.place("one"), "--wait", "60s")
        later.join()
        self.assertEqual(told["cold"], 0)
        self.same(out, "one")

    def test_a_check_passes_by_what_it_cannot_read(self):
        self.back_up_three()
        report = self.json("check", "--read-data")
        self.assertEqual((report["damages"], report["warnings"], report["packs_archived"]), (0, 0, 3))
        self.assertIn(b"3 packs", self.run_cairn("check", "--read-data").stdout)
        self.warm_up(self.place("one"), code=3)
        self.proxy.finish()
        self.assertEqual(self.json("check", "--read-data")["packs_archived"], 2)

    def dead_and_half_dead(self):
        """A pack of which half is needed, and one of which nothing is."""
        self.init()
        self.write("half/kept", os.urandom(300_000))
        self.write("half/gone", os.urandom(300_000))
        first = self.backup()["id"]
        self.write("dead", os.urandom(300_000))
        second = self.backup()["id"]
        os.remove(os.path.join(self.source, "half/gone"))
        os.remove(os.path.join(self.source, "dead"))
        self.backup()
        self.run_cairn("forget", first, second)

    def test_a_prune_leaves_what_it_cannot_look_into(self):
        self.dead_and_half_dead()
        report = self.json("prune", "--max-unused", "0")
        self.assertEqual((report["plan"]["packs_archived"], report["plan"]["bytes_repacked"]), (1, 0))
        self.assertGreater(report["plan"]["bytes_archived_partly"], 300_000)
        self.assertEqual(self.names("tombstones/"), [])
        self.assertEqual(len(self.names("data/")), 2)
        self.assertEqual(self.proxy.asked, [])
        out = self.run_cairn("prune", "--max-unused", "0", "--warm-up").stdout
        self.assertIn(b"1 were asked for", out)
        self.assertEqual(len(self.proxy.asked), 1)
        self.proxy.finish()
        self.assertEqual(self.json("prune", "--max-unused", "0")["packs_removed"], 1)
        self.assertEqual(len(self.names("data/")), 1)
        self.run_cairn("check")

    def test_a_prune_that_does_not_know_of_the_archive_goes_on(self):
        self.dead_and_half_dead()
        self.settings = [one for one in self.settings if "class" not in one and "tier" not in one]
        report = self.json("prune", "--max-unused", "0")
        self.assertEqual((report["packs_archived"], report["packs_damaged"]), (1, 0))
        self.assertEqual(len(self.names("data/")), 2)
        told = self.run_cairn("check", "--read-data").stdout
        self.assertIn(b"no damage found", told)
        self.assertEqual(self.proxy.asked, [])


    def test_the_prune_of_a_job_leaves_it_too(self):
        self.init()
        config = self.path("cairn.toml")
        store = ", ".join('"{}" = "{}"'.format(*setting.split("=", 1)) for setting in self.settings)
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[repository.cold]\naddress = "{self.repo}"\nstore = {{ {store} }}\n'
                       f'[job.one]\nto = "cold"\npaths = ["{os.path.abspath(self.source)}"]\nretention = {{ keep-last = 1 }}\n')
        os.chmod(config, 0o600)
        self.settings = []
        for _ in range(2):
            self.write("file", os.urandom(300_000))
            self.run_cairn("--config", config, "run", "one", XDG_STATE_HOME=self.path("state"))
        self.assertEqual(len(self.names("data/")), 2)
        self.assertEqual(self.names("tombstones/"), [])


class Amazon(Archive, S3Test):
    def setUp(self):
        super().setUp()
        self.proxy = GlacierProxy(self.ceph.port, self.owner)
        self.addCleanup(self.proxy.close)
        self.repo = self.address(self.proxy.url)
        self.settings = ["s3.storage-class=GLACIER", "retry.first=10ms", "retry.time=2s"]

    def names(self, prefix):
        return self.keys("a/prefix/" + prefix)

    def archived(self):
        return self.proxy.archived

    def test_contract(self):
        self.settings = self.settings[1:]
        self.run_contract()

    def test_data_packs_alone_are_archived_and_days_and_tier_are_as_asked(self):
        self.settings += ["s3.restore-days=3", "s3.restore-tier=Bulk"]
        self.back_up_three()
        self.assertEqual(len(self.archived()), 3)
        self.assertTrue(all("/data/" in path for path in self.archived()))
        out = self.run_cairn("restore", "latest", "--warm-up", code=3).stdout
        self.assertIn(b"5 to 12 hours", out)
        self.assertEqual({(days, tier) for _, days, tier in self.proxy.asked}, {(3, "Bulk")})
        self.settings[-1] = "s3.restore-tier=Soon"
        self.says(1, "Expedited, Standard or Bulk", "snapshots")

    def test_what_went_back_meanwhile_is_asked_for_again(self):
        self.back_up_three()
        self.warm_up("latest", code=3, target="")
        self.proxy.finish()
        self.proxy.expire()
        told, _ = self.warm_up("latest", code=3, target="")
        self.assertEqual((told["asked"], len(self.proxy.asked)), (3, 6))


class Azure(Archive, StoreTest):
    store_env = {"AZURE_ACCOUNT_NAME": ACCOUNT, "AZURE_ACCOUNT_KEY": KEY}

    @classmethod
    def setUpClass(cls):
        cls.server = Azurite()
        cls.addClassCleanup(cls.server.close)

    @property
    def address(self):
        return f"azure:http://127.0.0.1:{self.proxy.port}/{ACCOUNT}/{self.container}"

    def setUp(self):
        self.proxy = RehydrationProxy(self.server.port)
        self.addCleanup(self.proxy.close)
        self.container = "test-" + uuid.uuid4().hex[:12]
        super().setUp()
        self.settings = ["azure.access-tier=Archive", "retry.first=10ms", "retry.time=2s"]

    def names(self, prefix):
        url = (f"http://127.0.0.1:{self.server.port}/{ACCOUNT}/{self.container}?restype=container&comp=list&prefix={prefix}&"
               + shared_access_signature("rl"))
        text = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30).read().decode()
        return [part.split("</Name>")[0] for part in text.split("<Name>")[1:]]

    def archived(self):
        return self.names("data/")

    def test_a_put_whose_answer_was_lost(self):
        """What is archived cannot be replaced: it is compared by size and checksum."""
        self.init()
        self.write("file", os.urandom(300_000))
        self.proxy.loses = 1
        self.backup()
        self.assertEqual(self.proxy.loses, 0)
        self.run_cairn("check")


if __name__ == "__main__":
    unittest.main()
