#!/usr/bin/env python3
"""S3 servers that have words of their own: as Alibaba's and Google's are documented to be, before the Ceph gateway."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dialect_proxies import AlibabaProxy, GoogleProxy
from s3_testing import S3Test, make_tree


class Alibaba(S3Test):
    def setUp(self):
        super().setUp()
        self.proxy = self.enter(AlibabaProxy(self.ceph.port, self.owner))
        self.repo = self.address(f"http://{self.proxy.host}")
        self.settings = ["s3.addressing=host", "s3.create=forbid-overwrite", "retry.first=10ms", "retry.time=2s"]

    def enter(self, proxy):
        self.addCleanup(proxy.close)
        return proxy

    def test_contract(self):
        self.run_contract()
        self.assertGreater(self.proxy.creations, 100)

    def test_backup_and_restore(self):
        make_tree(self.source, seed=1)
        self.init()
        self.backup()
        self.run_cairn("check", "--read-data")
        self.same_as_source()

    def test_the_header_of_amazon_is_refused(self):
        self.settings[1] = "s3.create=if-none-match"
        self.says(1, ["501 NotImplemented", "-o s3.create="], "init")

    def test_a_bucket_in_the_path_is_refused(self):
        self.settings[0] = "s3.addressing=path"
        self.says(1, "SecondLevelDomainForbidden", "init")

    def test_a_bucket_that_keeps_versions_is_refused(self):
        self.proxy.has_versions = True
        self.says(1, "the bucket keeps versions", "init")

    def test_a_bucket_that_keeps_versions_from_now_on(self):
        make_tree(self.source, seed=1)
        self.init()
        self.backup()
        self.proxy.has_versions = True
        self.says(1, "the bucket keeps versions", "backup", self.source)


class Google(S3Test):
    def setUp(self):
        super().setUp()
        self.proxy = GoogleProxy(self.ceph.port, self.owner)
        self.addCleanup(self.proxy.close)
        self.repo = self.address(self.proxy.url)
        self.settings = ["s3.create=generation-match", "s3.region=auto", "retry.first=10ms", "retry.time=2s"]

    def test_contract(self):
        self.run_contract()
        self.assertGreater(self.proxy.creations, 100)

    def test_backup_and_restore(self):
        make_tree(self.source, seed=2)
        self.settings.append("s3.storage-class=STANDARD")
        self.init()
        self.backup()
        self.run_cairn("check", "--read-data")
        self.same_as_source()

    def test_the_header_of_amazon_is_ignored_and_found_out(self):
        self.settings[0] = "s3.create=if-none-match"
        self.says(1, "overwrites an object though it is told not to", "init")

    def test_the_header_of_alibaba_is_ignored_and_found_out(self):
        self.settings[0] = "s3.create=forbid-overwrite"
        self.says(1, "overwrites an object though it is told not to", "init")

    def test_encryption_is_googles_own(self):
        self.settings.append("s3.encryption=AES256")
        self.says(1, "s3.encryption", "init")


class Words(S3Test):
    def test_no_way_to_create(self):
        self.settings = ["s3.create=luck"]
        self.says(1, "if-none-match, forbid-overwrite or generation-match", "init")


if __name__ == "__main__":
    unittest.main()
