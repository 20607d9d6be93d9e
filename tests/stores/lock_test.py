"""Objects that nobody can remove for a time: object lock of S3, with Ceph's gateway.

That of Ceph 16 does not heed If-None-Match in a bucket with versions, and cairn refuses it. So a proxy stands before it that does, by one
request after the other."""
import datetime
import os
import re
import sys
import threading
import unittest
from urllib.parse import unquote

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ceph_testing import Refused
from faulty_proxy import Answer, FaultyProxy
from s3_testing import S3Test, make_tree

LOCKED = ("data", "meta", "index", "snapshots", "config", "keys")


class HeedsIfNoneMatch(FaultyProxy):
    def __init__(self, port, client):
        self._turn, self._client = threading.Lock(), client
        super().__init__(port)

    def _forward(self, request, server, fault):
        with self._turn:
            if request.header("If-None-Match") and self._is_there(unquote(request.target)[1:]):
                return Answer.failure(412, "PreconditionFailed", {})
            return super()._forward(request, server, fault)

    def _is_there(self, key):
        try:
            self._client.request("HEAD", key)
            return True
        except Refused as refused:
            if " 404 " not in str(refused):
                raise
            return False


class RefusesRemovals(HeedsIfNoneMatch):
    """Of what is held or locked: some servers do not hide it either."""
    refuses = False

    def _forward(self, request, server, fault):
        if self.refuses and request.method == "DELETE" and "versionId" not in request.target:
            key = unquote(request.target)[1:]
            for query, found in (("legal-hold", b"<Status>ON"), ("retention", b"<RetainUntilDate>")):
                try:
                    if found in self._client.request("GET", key, {query: ""}):
                        return Answer.failure(403, "AccessDenied", {})
                except Refused:
                    pass
        return super()._forward(request, server, fault)


class KnowsNoLocks(HeedsIfNoneMatch):
    """What a query asks of an object beside its bytes it does not see: it gives the object, and takes what is sent for it."""

    def _forward(self, request, server, fault):
        key, _, query = request.target.partition("?")
        if query in ("retention=", "legal-hold=", "retention", "legal-hold"):
            key = unquote(key)[1:]
            if request.method == "GET" and not self._is_there(key):
                return Answer.failure(404, "NoSuchKey", {})
            if request.method == "GET":
                return Answer(200, [], self._client.request("GET", key))
            self._client.request("PUT", key, body=request.body)
            return Answer(200, [], b"")
        return super()._forward(request, server, fault)

    def changed(self, request, answer):
        headers = [(name, value) for name, value in answer.headers if "object-lock" not in name.lower()]
        return Answer(answer.status, headers, answer.body)


class Lock(S3Test):
    def setUp(self):
        super().setUp()
        make_tree(self.source, seed=6, files=9)
        self.settings = ["s3.object-lock=governance", "s3.lock-for=10d"]
        self.client = self.ceph.client(self.owner)
        proxy = HeedsIfNoneMatch(self.ceph.port, self.client)
        self.addCleanup(proxy.close)
        self.direct, self.repo = self.repo, self.address(proxy.url)

    def versions(self):
        """(key, version, is a delete marker) of all that the bucket holds, hidden or not."""
        text = self.client.request("GET", self.bucket, {"versions": ""}).decode()
        found = []
        for kind, body in re.findall(r"<(Version|DeleteMarker)>(.*?)</\1>", text, re.DOTALL):
            key, version = (re.search(f"<{name}>([^<]*)</{name}>", body)[1] for name in ("Key", "VersionId"))
            found.append((key, version, kind == "DeleteMarker"))
        return found

    def of(self, key):
        return key.removeprefix("a/prefix/").split("/")[0]

    def days_left(self, key):
        text = self.client.request("GET", f"{self.bucket}/{key}", {"retention": ""}).decode()
        end = re.search("<RetainUntilDate>([^<]*)", text)[1][:19]
        return (datetime.datetime.fromisoformat(end) - datetime.datetime.utcnow()).total_seconds() / 86_400

    def test_nobody_removes_what_is_locked(self):
        self.init()
        gone = self.backup()["id"]
        self.write("more", os.urandom(200_000))
        self.backup()
        tried = set()
        for key, version, _ in self.versions():
            if self.of(key) in LOCKED:
                tried.add(self.of(key))
                with self.assertRaises(Refused):
                    self.client.request("DELETE", f"{self.bucket}/{key}", {"versionId": version})
        self.assertEqual(tried, set(LOCKED))
        self.run_cairn("forget", gone)
        before = {(key, version) for key, version, is_marker in self.versions() if not is_marker and self.of(key) in LOCKED}
        self.run_cairn("prune", "--max-unused", "0")
        after = {(key, version) for key, version, is_marker in self.versions() if not is_marker}
        self.assertLessEqual(before, after)
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def test_what_a_thief_has_hidden_comes_back(self):
        self.init()
        self.backup()
        for key in self.keys():
            self.client.request("DELETE", f"{self.bucket}/{key}")
        self.assertEqual(self.keys(), [])
        for key, version, is_marker in self.versions():
            if is_marker:
                self.client.request("DELETE", f"{self.bucket}/{key}", {"versionId": version})
        self.cache = self.path("another cache")
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def test_locks_are_made_longer_when_half_is_over(self):
        self.settings[1] = "s3.lock-for=2d"
        self.init()
        self.backup()
        self.assertEqual(self.json("check", "--extend-lock")["locks_extended"], 0)
        (config,) = [key for key in self.keys() if self.of(key) == "config"]
        self.assertAlmostEqual(self.days_left(config), 2, delta=0.1)
        self.settings[1] = "s3.lock-for=30d"
        report = self.json("check", "--extend-lock")
        self.assertGreater(report["locks_extended"], 5)
        self.assertEqual(report["locks_looked_at"], report["locks_extended"])
        for key in self.keys():
            if self.of(key) in LOCKED:
                self.assertAlmostEqual(self.days_left(key), 30, delta=0.1)
        self.assertEqual(self.json("check", "--extend-lock")["locks_extended"], 0)

    def held(self):
        found = set()
        for key, version, is_marker in self.versions():
            if not is_marker:
                try:
                    text = self.client.request("GET", f"{self.bucket}/{key}", {"legal-hold": "", "versionId": version})
                except Refused as refused:
                    # AWS's word for an object without a hold, and Ceph's.
                    self.assertRegex(str(refused), "NoSuchObjectLockConfiguration|ObjectLockConfigurationNotFoundError")
                    continue
                if b"<Status>ON</Status>" in text:
                    found.add((key, version))
        return found

    def test_what_is_held_nobody_removes_until_it_is_released(self):
        self.settings = ["s3.legal-hold=yes"]
        self.init()
        first = self.backup()["id"]
        self.write("more", os.urandom(200_000))
        second = self.backup()["id"]
        self.assertEqual(self.held(), set())
        report = self.json("tag", first, "--legal-hold")
        held = self.held()
        self.assertEqual(report["objects_held"], len(held))
        self.assertEqual({self.of(key) for key, _ in held}, {"data", "meta", "index", "snapshots", "config", "keys", "notes"})
        for key, version in held:
            with self.assertRaises(Refused):
                self.client.request("DELETE", f"{self.bucket}/{key}", {"versionId": version})
        self.says(1, "is protected", "forget", first)
        # Whoever has all keys hides all of it, and removes what is not held.
        for key, version, _ in self.versions():
            if (key, version) not in held:
                self.client.request("DELETE", f"{self.bucket}/{key}", {"versionId": version})
        self.assertEqual(self.held(), held)
        self.cache = self.path("another cache")
        self.run_cairn("restore", first, "--target", self.path("held"))
        self.assertNotIn(second, self.run_cairn("snapshots", "--json", code=None).stdout.decode())
        report = self.json("tag", first, "--release-hold")
        self.assertEqual((report["objects_released"], self.held()), (len(held), set()))
        self.says(1, "is not held", "tag", first, "--release-hold")

    def test_what_is_hidden_stays_held_until_it_is_named(self):
        self.settings = ["s3.legal-hold=yes"]
        self.init()
        first = self.backup()["id"]
        self.write("more", os.urandom(200_000))
        second = self.backup()["id"]
        for one in (first, second):
            self.json("tag", one, "--legal-hold")
        self.run_cairn("tag", first, "--unprotect")
        self.run_cairn("forget", first)
        self.run_cairn("prune", "--max-unused", "0")
        held = self.held()
        self.assertIn(first, "".join(key for key, _ in held))
        self.says(1, [first, "is held too", "nothing is released"], "tag", second, "--release-hold")
        self.assertEqual(self.held(), held)
        self.json("tag", first, "--release-hold")
        self.assertNotIn(first, "".join(key for key, _ in self.held()))
        for key, version, _ in self.versions():
            if (key, version) not in self.held():
                self.client.request("DELETE", f"{self.bucket}/{key}", {"versionId": version})
        self.cache = self.path("another cache")
        self.same_as_source(second)
        self.json("tag", second, "--release-hold")
        self.assertEqual(self.held(), set())

    def test_what_a_prune_moves_is_held_before_others_are_released(self):
        self.settings = ["s3.legal-hold=yes"]
        self.init()
        self.write("going", os.urandom(300_000))
        going = self.backup()["id"]
        os.remove(os.path.join(self.source, "going"))
        kept = self.backup()["id"]
        self.write("other", os.urandom(100_000))
        other = self.backup()["id"]
        for one in (kept, other):
            self.json("tag", one, "--legal-hold")
        self.run_cairn("forget", going)
        self.assertGreater(self.json("prune", "--max-unused", "0")["packs_removed"], 0)
        self.json("tag", other, "--release-hold")
        held = self.held()
        for key, version, _ in self.versions():
            if (key, version) not in held:
                self.client.request("DELETE", f"{self.bucket}/{key}", {"versionId": version})
        os.remove(os.path.join(self.source, "other"))
        self.cache = self.path("another cache")
        self.same_as_source(kept)

    def test_a_server_that_knows_no_locks_loses_nothing_by_them(self):
        """It took what was to lock an object for the object, and there was nothing else any more."""
        proxy = KnowsNoLocks(self.ceph.port, self.client)
        self.addCleanup(proxy.close)
        self.repo = self.address(proxy.url)
        self.init()
        self.backup()
        self.says(1, ["looking for the retention of", "it does not know that"], "check", "--extend-lock")
        self.says(1, ["looking for the legal-hold of", "it does not know that"], "tag", "latest", "--legal-hold")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.same_as_source()

    def test_a_bucket_that_holds_nothing_says_so(self):
        self.settings = []
        self.init()
        self.backup()
        self.says(1, "was made with object lock", "tag", "latest", "--legal-hold")
        self.run_cairn("check")

    def test_a_server_that_refuses_a_removal_says_why_by_name(self):
        proxy = RefusesRemovals(self.ceph.port, self.client)
        self.addCleanup(proxy.close)
        self.repo = self.address(proxy.url)
        cases = ((["s3.legal-hold=yes"], "under a legal hold"),
                 (["s3.object-lock=governance", "s3.lock-for=3d"], "is locked until"))
        for setting, told in cases:
            with self.subTest(told):
                self.repo += "x"
                self.settings = setting
                self.init()
                gone = self.backup()["id"]
                self.write("more", os.urandom(200_000))
                self.backup()
                if "hold" in told:
                    self.json("tag", gone, "--legal-hold")
                    self.run_cairn("tag", gone, "--unprotect")
                proxy.refuses = True
                text = self.says(1, [told, gone, "it is whole"], "forget", gone)
                self.assertNotIn("damage", text)
                proxy.refuses = False
                self.assertEqual(self.json("check", "--read-data")["damages"], 0)

    def test_the_settings_of_a_named_repository_count_and_so_do_the_requests(self):
        self.init()
        self.backup()
        config = self.path("cairn.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[repository.locked]\naddress = "{self.repo}"\n'
                       'store = { "s3.object-lock" = "governance", "s3.lock-for" = "30d" }\n')
        os.chmod(config, 0o600)
        self.settings = []
        report = self.json("-r", "@locked", "--config", config, "check", "--extend-lock")
        self.assertGreater(report["locks_extended"], 5)
        self.assertGreaterEqual(report["requests"]["heads"], report["locks_looked_at"])
        self.assertGreaterEqual(report["requests"]["puts"], report["locks_extended"])

    def test_settings_and_buckets_that_do_not_fit(self):
        for settings, told in ((["s3.object-lock=other", "s3.lock-for=1d"], "governance or compliance"),
                               (["s3.lock-for=1d"], "governance or compliance"),
                               (["s3.object-lock=governance"], "30d"),
                               (["s3.object-lock=governance", "s3.lock-for=1"], "30d"),
                               (["s3.object-lock=governance", "s3.lock-for=0d"], "30d")):
            self.settings = settings
            self.says(1, told, "init")
        self.settings = []
        self.init()
        self.says(1, "locks no objects", "check", "--extend-lock")
        self.settings = ["s3.object-lock=governance", "s3.lock-for=1d"]
        self.says(1, "the server answered 4", "backup", self.source)

    def test_a_server_that_lets_two_put_is_refused(self):
        self.repo = self.direct
        self.says(1, "overwrites an object though it is told not to", "init")


if __name__ == "__main__":
    unittest.main()
