"""Each cell of the role table: what a key of a role can do, and what it cannot."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest

ROLES = ("writer", "lister", "maintainer", "reader")


class Roles(CairnTest):
    made = None  # a repository with a key of each role: once, for each key costs what a guess costs

    def setUp(self):
        super().setUp()
        self.make_source(files=10)
        if Roles.made is None:
            self.init()
            self.backup()
            for role in ROLES:
                self.run_cairn("key", "add", "--role", role, "--label", role, CAIRN_NEW_PASSWORD=role)
            Roles.made = tempfile.mkdtemp(prefix="cairn-roles-")
            unittest.addModuleCleanup(shutil.rmtree, Roles.made)
            shutil.copytree(self.repo, Roles.made, dirs_exist_ok=True)
        else:
            shutil.copytree(Roles.made, self.repo)

    def can(self, role, *args):
        # Another machine of this role: a cache of its own, so that nothing is known from the owner's.
        cache, self.cache = self.cache, self.path("cache-" + role)
        try:
            return self.run_cairn(*args, password=role)
        finally:
            self.cache = cache

    def cannot(self, role, *args):
        cache, self.cache = self.cache, self.path("cache-" + role)
        try:
            done = self.run_cairn(*args, password=role, code=1)
        finally:
            self.cache = cache
        self.assertIn("role", done.stderr.decode(), args)
        return done

    def test_writer_backs_up_and_deduplicates_but_opens_nothing(self):
        import json
        out = self.can("writer", "backup", self.source, "--json").stdout.decode()
        report = json.loads(out.strip().splitlines()[-1])
        self.assertEqual(report["data_blobs_new"], 0)
        self.can("writer", "backup", self.source)
        for args in (("ls", "latest"), ("find", "*"), ("dump", "latest:" + self.source + "/big"),
                     ("restore", "latest", "--target", self.path("x")), ("prune",), ("forget", "--keep-last", "1"),
                     ("tag", "latest", "--add", "t"), ("key", "add", "--role", "owner")):
            self.cannot("writer", *args)
        self.restore_equals_source()

    def test_dates_of_a_writer_displace_nothing(self):
        good = self.backup()["id"]
        done = self.can("writer", "backup", self.source, "--time", "2046-01-01T00:00:00Z", "--host", "this")
        self.assertIn("saved", done.stdout.decode())
        done = self.run_cairn("forget", "--group-by", "", "--keep-last", "1")
        self.assertIn("2046-01-01", done.stderr.decode())
        left = self.json("snapshots")["snapshots"]
        self.assertEqual(len(left), 2)
        self.assertIn(good, [one["id"] for one in left])

    def test_a_key_for_one_host_puts_no_snapshot_of_another(self):
        self.run_cairn("key", "add", "--role", "writer", "--host", "web*", CAIRN_NEW_PASSWORD="web")
        for host, code in (("web1", 0), ("db1", 1)):
            done = self.run_cairn("backup", self.source, "--host", host, password="web", code=code)
        self.assertIn('"web*"', done.stderr.decode())
        self.assertIn('"db1"', done.stderr.decode())
        self.assertEqual({one["host"] for one in self.json("snapshots")["snapshots"]} & {"web1", "db1"}, {"web1"})
        self.run_cairn("forget", "--keep-last", "1", "--prune")  # nothing stands in its way
        self.assertEqual(self.json("check")["damages"], 0)

    def test_lister_sees_names_but_no_data(self):
        self.can("lister", "ls", "-R", "latest")
        self.can("lister", "find", "big")
        self.can("lister", "snapshots")
        self.can("lister", "check")
        for args in (("dump", "latest:" + self.source + "/big"), ("restore", "latest", "--target", self.path("x")),
                     ("backup", self.source), ("prune",), ("forget", "latest"), ("tag", "latest", "--add", "t")):
            self.cannot("lister", *args)

    def test_maintainer_forgets_and_prunes_but_reads_no_data(self):
        os.remove(self.path("source", "big"))
        self.backup()
        self.can("maintainer", "tag", "latest", "--add", "t")
        self.can("maintainer", "ls", "latest")
        self.can("maintainer", "check", "--read-data")
        self.can("maintainer", "forget", "--keep-last", "1", "--prune")
        for args in (("dump", "latest:" + self.source + "/empty"), ("restore", "latest", "--target", self.path("x")),
                     ("backup", self.source), ("key", "add", "--role", "owner")):
            self.cannot("maintainer", *args)
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_reader_reads_everything_and_writes_nothing(self):
        self.can("reader", "check", "--read-data")
        self.can("reader", "restore", "latest", "--target", self.path("out"))
        self.can("reader", "ls", "latest")
        before = self.objects("")
        for args in (("backup", self.source), ("prune",), ("forget", "latest"), ("tag", "latest", "--add", "t"),
                     ("key", "add", "--role", "owner"), ("repair", "index")):
            self.cannot("reader", *args)
        self.assertEqual(before, self.objects(""))

    def test_removed_key_opens_nothing(self):
        keys = self.json("key", "list")["keys"]
        reader = next(k["id"] for k in keys if k["label"] == "reader")
        self.run_cairn("key", "remove", reader)
        done = self.run_cairn("ls", "latest", password="reader", code=1)
        self.assertIn("removed", done.stderr.decode())

    def test_a_later_key_may_have_the_password_of_a_removed_one(self):
        # The old key object stays behind and opens with it too; which of the two is tried first is chance.
        for _ in range(4):
            reader = next(k["id"] for k in self.json("key", "list")["keys"]
                          if k["label"] == "reader" and not k["removed"])
            self.run_cairn("key", "remove", reader)
            self.run_cairn("key", "add", "--role", "reader", "--label", "reader", CAIRN_NEW_PASSWORD="reader")
            self.can("reader", "ls", "latest")

    def test_a_password_stands_for_one_key(self):
        before = self.objects("")
        for args, taken in ((("key", "add", "--role", "writer"), "reader"), (("key", "passwd"), "lister")):
            done = self.run_cairn(*args, CAIRN_NEW_PASSWORD=taken, code=1)
            self.assertIn("has this password already", done.stderr.decode())
        self.assertEqual(before, self.objects(""))
        self.run_cairn("key", "passwd", CAIRN_NEW_PASSWORD="secret")  # its own is no other's

    def test_changed_password(self):
        self.run_cairn("key", "passwd", CAIRN_NEW_PASSWORD="another")
        self.run_cairn("snapshots", code=12)
        self.run_cairn("snapshots", password="another")

    def test_last_owner_stays(self):
        owner = next(k["id"] for k in self.json("key", "list")["keys"] if k["role"] == "owner")
        self.run_cairn("key", "remove", owner, code=1)


if __name__ == "__main__":
    unittest.main()
