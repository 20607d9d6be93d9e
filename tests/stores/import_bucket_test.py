#!/usr/bin/env python3
"""Backups that other programs have put into a bucket, brought in from there."""
import datetime
import gzip
import json
import os
import random
import time
import unittest

from faulty_proxy import FaultyProxy
from s3_testing import S3Test

PG_END = b"--\n-- PostgreSQL database dump complete\n--\n\n"


def dump(day):
    """Of one database on one day."""
    lines = [b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n\nCREATE TABLE t (a int, b text);\n\n"
             b"COPY t (a, b) FROM stdin;\n"]
    dice = random.Random(1)
    rows = [dice.randbytes(40).hex().encode() for _ in range(2_000)]
    rows[day] = b"changed"
    lines += [b"%d\t%s\n" % (number, row) for number, row in enumerate(rows)]
    return b"".join(lines) + b"\\.\n\n" + PG_END


def renamed(answer):
    """A listing of another folder."""
    answer.body = answer.body.replace(b"<Key>nightly", b"<Key>someone's")
    return answer


class ImportFromABucket(S3Test):
    def setUp(self):
        super().setUp()
        self.repo = self.path("repo")
        self.client = self.ceph.client(self.owner)
        self.put("")
        self.proxy = FaultyProxy(self.ceph.port)
        self.addCleanup(self.proxy.close)
        self.old = f"s3:{self.proxy.url}/{self.bucket}/nightly backups"
        self.init()

    def put(self, key, body=b""):
        self.client.request("PUT", f"{self.bucket}/{key}" if key else self.bucket, body=body)

    def put_days(self, count):
        first = datetime.date(2026, 1, 1)
        for day in range(count):
            when = first + datetime.timedelta(days=day)
            self.put(f"nightly backups/shop_{when:%Y%m%d}_020000.sql.gz", gzip.compress(dump(day), mtime=0))
        time.sleep(4.5)  # an object that is younger might be put again without its time's changing

    def bring(self, *args, code=0):
        done = self.run_cairn("import", *args, "--json", code=code)
        lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
        return [one for one in lines if one["message_type"] == "backup"], lines[-1]

    def test_sixty_nights(self):
        self.put_days(60)
        self.put("nightly backups/")
        self.put("nightly backups/README", b"not a backup\n")
        self.put("nightly backups of another/shop_20260301_020000.sql.gz", gzip.compress(dump(70)))
        backups, summary = self.bring("--zone", "UTC", self.old)
        self.assertEqual((summary["imported"], summary["refused"], summary["not_recognised"]), (60, 0, 1))
        times = [one["time"] for one in backups if one["state"] == "imported"]
        self.assertEqual(times, sorted(times))
        self.assertTrue(times[0].startswith("2026-01-01T02:00:00") and times[59].startswith("2026-03-01T02:00:00"), times)
        for day in (0, 31, 59):
            snapshot = next(one["id"] for one in backups if one["state"] == "imported" and one["time"] == times[day])
            self.assertEqual(self.run_cairn("dump", f"{snapshot}:/shop.sql").stdout, dump(day))
        # Again: what is there is known by its name, size and time, and not fetched.
        read = self.proxy.requests["GET"]
        backups, summary = self.bring("--zone", "UTC", self.old)
        self.assertEqual((summary["imported"], summary["known"]), (0, 60))
        self.assertEqual(self.proxy.requests["GET"] - read, 1)  # the README
        # One more night is one more.
        self.put("nightly backups/shop_20260302_020000.sql.gz", gzip.compress(dump(60), mtime=0))
        self.assertEqual(self.bring("--zone", "UTC", self.old)[1]["imported"], 1)
        self.run_cairn("check", "--read-data")

    def test_read_again_what_may_have_changed(self):
        self.put_days(2)
        self.bring(self.old)
        self.assertEqual(self.bring("--rehash", self.old)[1]["known"], 2)

    def test_one_object(self):
        self.put_days(2)
        backups, _ = self.bring(f"{self.old}/shop_20260102_020000.sql.gz")
        self.assertEqual([os.path.basename(one["path"]) for one in backups], ["shop_20260102_020000.sql.gz"])

    def test_a_damaged_one_is_told_and_the_others_are_brought_in(self):
        self.put_days(2)
        self.put("nightly backups/shop_20260105_020000.sql.gz", gzip.compress(dump(5))[:-20])
        backups, summary = self.bring(self.old, code=3)
        self.assertEqual((summary["imported"], summary["refused"]), (2, 1))

    def test_a_database_with_its_log(self):
        self.put("nightly backups/live.db", b"SQLite format 3\0" + bytes(4080))
        self.put("nightly backups/live.db-wal", b"x" * 100)
        done = self.run_cairn("import", self.old, code=None)
        self.assertIn(b"bring both into a folder", done.stderr)

    def test_through_faults(self):
        self.put_days(8)
        self.settings = ["retry.first=5ms"]
        with FaultyProxy(self.ceph.port, seed=3, shares={"500": 0.1, "cut-answer": 0.1, "torn-listing": 0.1, "lost": 0.1}) as proxy:
            address = f"s3:{proxy.url}/{self.bucket}/nightly backups"
            self.assertEqual(self.bring(address)[1]["imported"], 8)
            self.assertEqual(self.bring("--verify-only", address)[1]["verified"], 8)

    def test_nothing_there(self):
        self.says(1, "holds nothing", "import", self.old)
        self.says(1, "NoSuchBucket", "import", f"s3:{self.proxy.url}/nobodys-{self.bucket}/x")

    def test_a_server_that_tells_other_keys(self):
        """Than those that begin as asked: some know no prefixes, and all would be taken in."""
        self.put_days(1)
        self.settings = ["retry.first=5ms", "retry.time=20ms"]
        changed = self.proxy.changed
        self.proxy.changed = lambda request, answer: renamed(changed(request, answer))
        self.says(1, "does not begin as asked", "import", self.old)

    def test_more_than_a_page(self):
        for number in range(1_050):
            self.put(f"many/{number}", b"nothing")
        done = self.run_cairn("import", f"s3:{self.proxy.url}/{self.bucket}/many", "--json")
        self.assertEqual(json.loads(done.stdout.decode().splitlines()[-1])["not_recognised"], 1_050)


if __name__ == "__main__":
    unittest.main()
