"""Repositories in buckets of an S3 server: all that is done with one, TLS, tokens, rights, and what is told when it fails."""
import json
import os
import re
import sys
import time
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ceph_testing import TOKEN_SECONDS_MIN
from s3_client import Credentials
from s3_testing import ODD_PREFIX, S3Test, make_tree, picture
from strict_proxy import StrictProxy


class Use(S3Test):
    """What a repository is for."""

    def setUp(self):
        super().setUp()
        make_tree(self.source, seed=1)

    def test_backup_and_restore_of_odd_files(self):
        for prefix in ("", "a/prefix", ODD_PREFIX):
            with self.subTest(prefix=prefix):
                self.repo = self.address(prefix=prefix, bucket=self.bucket if prefix else self.bucket + "-alone")
                self.init()
                self.assertEqual(self.json("backup", self.source)["files_new"], self.files())
                again = self.json("backup", self.source)
                self.assertEqual((again["files_new"], again["files_changed"]), (0, 0))
                self.same_as_source()
                self.run_cairn("check", "--read-data")

    def files(self):
        return sum("bytes" in what for what in picture(self.source).values())

    def test_another_machine_sees_it_all(self):
        self.init()
        self.backup()
        self.cache = self.path("another cache")
        self.assertEqual(len(self.json("snapshots")["snapshots"]), 1)
        self.assertIn(b"/d0/f0", self.run_cairn("ls", "-R", "latest").stdout)
        self.same_as_source()
        again = self.json("backup", self.source)
        self.assertEqual((again["files_new"], again["files_changed"]), (0, 0))
        self.run_cairn("check", "--read-data")

    def test_forget_and_prune_free_the_bucket(self):
        self.init()
        self.backup()
        self.write("more", os.urandom(9_000_000))
        gone = self.backup()["id"]
        os.remove(self.path("source", "more"))
        self.backup()
        before = self.bytes_kept()
        self.run_cairn("forget", gone)
        self.run_cairn("prune", "--max-unused", "0")
        self.assertLess(self.bytes_kept(), before - 8_000_000)
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def bytes_kept(self):
        return sum(int(part.split("<")[0]) for part in
                   self.ceph.client(self.owner).request("GET", self.bucket, {"list-type": "2"}).decode().split("<Size>")[1:])

    def test_copy_from_a_folder_and_back(self):
        bucket, folder, third = self.repo, self.path("local"), self.path("third")
        for repo in (folder, bucket, third):
            self.run_cairn("-r", repo, "init")
        self.run_cairn("-r", folder, "backup", self.source)
        for source, target in ((folder, bucket), (bucket, third)):
            report = self.json("-r", source, "copy", "--to", target, CAIRN_TO_PASSWORD="secret")
            self.assertEqual(report["snapshots_copied"], 1)
            self.run_cairn("-r", target, "check", "--read-data")
        self.repo = third
        self.same_as_source()

    def test_export(self):
        self.init()
        out = self.path("out.zip")
        os.remove(self.path("source", "fifo"))  # which a zip does not take
        self.backup()
        self.run_cairn("export", "latest", "--format", "zip", "--output", out)
        with zipfile.ZipFile(out) as file:
            self.assertIsNone(file.testzip())
            self.assertTrue(any(name.endswith("/d1/f1") for name in file.namelist()))

    def test_a_bucket_of_somebody_else_is_not_taken_for_a_repository(self):
        client = self.ceph.client(self.owner)
        client.request("PUT", self.bucket)
        client.request("PUT", f"{self.bucket}/a/prefix/letter.txt", body=b"dear")
        self.says(1, ["letter.txt", "give another prefix"], "init")
        self.says(10, "cairn init", "snapshots")
        self.repo = self.address(prefix="a")  # what is deeper counts too
        self.says(1, "give another prefix", "init")
        self.assertEqual(self.keys(), ["a/prefix/letter.txt"])


class Tls(S3Test):
    def setUp(self):
        super().setUp()
        self.repo = self.address(self.ceph.tls_url)

    def test_by_an_authority_of_ones_own(self):
        make_tree(self.source, seed=2, files=9)
        self.settings = [f"tls.ca-file={self.ceph.ca}"]
        self.init()
        self.backup()
        self.same_as_source()

    def test_who_is_not_trusted_is_refused_at_once(self):
        for settings in ([], [f"tls.ca-file={self.ceph.other_ca}"]):
            self.settings = settings
            told = self.says(1, ["certificate", "-o tls.ca-file=FILE"], "init")
            self.assertNotIn("again", told)
        self.settings = [f"tls.ca-file={self.path('none')}"]
        self.says(1, "-o tls.ca-file", "init")

    def test_plain_http_to_the_port_of_tls(self):
        self.repo = self.address(self.ceph.tls_url.replace("https:", "http:"))
        self.settings = ["retry.first=1ms"]
        self.says(1, "does the server speak https?", "init")


class Who(S3Test):
    """Keys, tokens and clocks."""

    def setUp(self):
        super().setUp()
        make_tree(self.source, seed=3, files=9)

    def test_a_session_token(self):
        self.credentials = self.known(self.ceph.session("owner", self.owner))
        self.init()
        self.backup()
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def test_a_wrong_or_missing_token(self):
        good = self.known(self.ceph.session("owner", self.owner))
        for token in ("", "A" * len(good.session_token), good.session_token[:-8] + "AAAAAAA="):
            self.credentials = self.known(Credentials(good.access_key, good.secret_key, token))
            self.says(1, "the server answered 4", "init")

    def test_a_token_that_has_run_out(self):
        self.credentials = self.known(self.ceph.session("owner", self.owner, seconds=TOKEN_SECONDS_MIN))
        time.sleep(TOKEN_SECONDS_MIN + 1)
        self.says(1, "AWS_SESSION_TOKEN", "init")

    def test_a_wrong_secret(self):
        self.credentials = self.known(Credentials(self.owner.access_key, "wrong" * 8))
        self.says(1, ["SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"], "init")

    def test_an_unknown_key(self):
        self.credentials = self.known(Credentials("UNKNOWNUNKNOWN123456", "wrong" * 8))
        self.says(1, ["InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"], "init")

    def test_no_key_at_all(self):
        self.credentials = Credentials("", "")
        self.says(1, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "/.aws/credentials"], "init")

    def test_keys_of_a_file(self):
        os.mkdir(self.path(".aws"))
        with open(self.path(".aws", "credentials"), "w", encoding="utf-8") as file:
            file.write(f"[default]\naws_access_key_id = none\naws_secret_access_key = none\n[backup]\naws_access_key_id = "
                       f"{self.owner.access_key}\naws_secret_access_key = {self.owner.secret_key}\n")
        self.credentials = Credentials("", "")
        self.says(1, "InvalidAccessKeyId", "init")
        self.settings = ["s3.profile=backup"]
        self.init()
        self.backup()

    def test_clocks_that_differ_by_an_hour(self):
        for ahead in (3_600, -3_600):
            with self.subTest(ahead=ahead), StrictProxy(self.ceph.port, self.owner, ahead=ahead) as proxy:
                self.repo = self.address(proxy.url, prefix=f"ahead{ahead}")
                for command in (["init"], ["backup", self.source], ["check", "--read-data"]):
                    refused = proxy.refused
                    told = self.run_cairn(*command).stderr
                    self.assertNotIn(b"again", told)
                    self.assertGreater(proxy.refused, refused)
                    self.assertLess(proxy.refused, refused + 20)  # once for each request that was under way
                self.same_as_source()

    def test_a_bucket_in_another_region(self):
        with StrictProxy(self.ceph.port, self.owner, region="eu-elsewhere-1") as proxy:
            self.repo = self.address(proxy.url)
            for command in (["init"], ["backup", self.source], ["check", "--read-data"]):
                refused = proxy.refused
                told = self.run_cairn(*command).stderr
                self.assertNotIn(b"again", told)
                self.assertGreater(proxy.refused, refused)
                self.assertLess(proxy.refused, refused + 20)
            refused = proxy.refused
            self.settings = ["s3.region=eu-elsewhere-1"]
            self.same_as_source()
            self.settings = []
            self.run_cairn("snapshots", AWS_REGION="eu-elsewhere-1")
            self.assertEqual(proxy.refused, refused)


class Rights(S3Test):
    """Users who may do less than all."""

    def setUp(self):
        super().setUp()
        make_tree(self.source, seed=4, files=9)

    def other(self, *actions):
        """Another user, who may do only this in a bucket that is there."""
        name = self.bucket + "-other"
        other = self.known(self.ceph.user(name, "--max-buckets=-1"))
        self.ceph.client(self.owner).request("PUT", self.bucket)
        self.ceph.allow(("owner", self.owner), self.bucket, name, *actions)
        return other

    def test_no_bucket_and_no_right_to_make_one(self):
        self.credentials = self.known(self.ceph.user(self.bucket, "--max-buckets=-1"))
        self.says(1, ["bucket", "403"], "init")
        self.says(10, ["NoSuchBucket", "cairn init"], "snapshots")

    def test_a_bucket_of_another(self):
        self.ceph.client(self.owner).request("PUT", self.bucket)
        self.credentials = self.known(self.ceph.user(self.bucket))
        self.says(1, ["AccessDenied", "has no right"], "init")

    def test_who_may_not_remove(self):
        self.credentials = self.other("PutObject", "GetObject", "ListBucket")
        self.assertIn(b"may not remove objects there: backups work", self.run_cairn("init").stdout)
        self.backup()
        self.write("more", b"more")
        self.backup()
        self.same_as_source()
        self.run_cairn("check", "--read-data")
        before = self.keys("a/prefix/data") + self.keys("a/prefix/snapshots")
        self.says(1, ["has no right", "s3:DeleteObject"], "forget", "--keep-last", "1")
        self.says(1, "has no right", "prune", "--max-unused", "0")
        self.assertEqual(self.keys("a/prefix/data") + self.keys("a/prefix/snapshots"), before)
        self.credentials = self.owner
        self.run_cairn("forget", "--keep-last", "1")
        self.run_cairn("prune", "--max-unused", "0")
        self.same_as_source()
        self.run_cairn("check", "--read-data")

    def test_who_may_not_read_is_told_so(self):
        self.init()
        self.credentials = self.other("PutObject", "ListBucket")
        self.says(1, ["AccessDenied", "has no right", "s3:GetObject"], "backup", self.source)

    def test_put_get_list_and_delete_is_enough_for_all(self):
        self.credentials = self.other("PutObject", "GetObject", "ListBucket", "DeleteObject")
        self.assertNotIn(b"may not remove", self.run_cairn("init").stdout)
        gone = self.backup()["id"]
        self.write("more", os.urandom(300_000))
        self.backup()
        self.run_cairn("tag", "latest", "--add", "kept")
        self.run_cairn("forget", gone, "--keep-deleted", "1d", "--prune")
        self.run_cairn("undelete", gone)
        self.run_cairn("forget", "--keep-last", "1", "--prune")
        self.run_cairn("key", "add", "--role", "writer", CAIRN_NEW_PASSWORD="another")
        self.run_cairn("backup", self.source, password="another")
        self.run_cairn("repair", "index")
        self.run_cairn("check", "--read-data")
        self.same_as_source()

    def test_get_and_list_is_enough_to_restore_and_check(self):
        self.init()
        self.backup()
        self.credentials = self.other("GetObject", "ListBucket")
        before = self.keys()
        self.cache = self.path("new cache")
        self.assertEqual(len(self.json("snapshots")["snapshots"]), 1)
        self.run_cairn("check", "--read-data")
        self.same_as_source()
        self.run_cairn("drill", "latest", "--scratch", self.dir)
        self.run_cairn("export", "latest:" + self.source + "/d1", "--format", "tar.zst", "--output", self.path("out.tar.zst"))
        self.says(1, ["AccessDenied", "s3:PutObject"], "backup", self.source)
        self.says(1, ["has no right", "s3:DeleteObject"], "forget", "latest")
        self.assertEqual(self.keys(), before)

    def test_the_policies_of_the_manual(self):
        """As they stand in STORES.md, for a prefix of the bucket, and nothing outside it."""
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "STORES.md"), encoding="utf-8") as file:
            policies = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", file.read(), re.DOTALL)]
        self.assertEqual(len(policies), 1)
        client = self.ceph.client(self.owner)
        client.request("PUT", self.bucket)
        client.request("PUT", f"{self.bucket}/else/letter", body=b"dear")
        name = self.bucket + "-other"
        self.credentials = self.known(self.ceph.user(name, "--max-buckets=-1"))
        text = json.dumps(policies[0]).replace("arn:aws:s3:::backups", f"arn:aws:s3:::{self.bucket}")
        policy = json.loads(text.replace("laptop", "a/prefix"))
        for statement in policy["Statement"]:
            statement["Principal"] = {"AWS": [f"arn:aws:iam:::user/{name}"]}  # which the policy of a user has not
        policy["Statement"].append({"Effect": "Allow", "Action": ["s3:*"], "Principal": {"AWS": ["arn:aws:iam:::user/owner"]},
                                    "Resource": [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]})
        client.request("PUT", self.bucket, {"policy": ""}, json.dumps(policy).encode())
        self.init()
        self.backup()
        self.run_cairn("forget", "latest", "--prune")
        self.backup()
        self.run_cairn("check", "--read-data")
        self.same_as_source()
        self.repo = self.address(prefix="elsewhere")
        self.says(1, ["AccessDenied", "s3:PutObject"], "init")

    def test_a_full_bucket(self):
        user = self.known(self.ceph.user(self.bucket))
        self.credentials = user
        self.init()
        self.backup()
        self.ceph.admin("quota", "set", "--quota-scope=bucket", "--uid", self.bucket, "--max-size=8M")
        self.ceph.admin("quota", "enable", "--quota-scope=bucket", "--uid", self.bucket)
        self.write("more", os.urandom(20_000_000))
        self.says(1, "QuotaExceeded", "backup", self.source)
        os.remove(self.path("source", "more"))
        self.same_as_source()
        self.ceph.admin("quota", "disable", "--quota-scope=bucket", "--uid", self.bucket)
        self.backup()
        self.same_as_source()
        self.run_cairn("check", "--read-data")


if __name__ == "__main__":
    unittest.main()
