#!/usr/bin/env python3
"""A network that answers for the server: by a page to log in, with status 200."""
import unittest

from azure_testing import ACCOUNT, KEY, Azurite
from faulty_proxy import Answer, FaultyProxy
from s3_testing import S3Test
from web_testing import StoreTest


class Portal(FaultyProxy):
    """Answers the next `pages` requests about objects, of this kind, by a page."""

    pages, of_kind = 0, ""

    def instead(self, request):
        is_listing = "list-type=2" in request.target or "comp=list" in request.target
        if is_listing or request.kind != self.of_kind:
            return None
        with self._lock:
            if self.pages == 0:
                return None
            self.pages -= 1
        return Answer(200, [("Content-Type", "text/html")], b"<html>Welcome! Please log in.</html>")


class ThroughAPortal:
    """The same of both: what it answers is taken neither for an object, nor for one that is put."""

    def shut(self, kind, pages):
        self.portal.of_kind, self.portal.pages = kind, pages

    def test_what_is_put_is_put(self):
        self.make_source(files=5)
        self.init()
        for pages in (1, 2, 4):
            self.write(f"new{pages}", b"new %d" % pages * 1000)
            self.shut("PUT", pages)
            told = self.run_cairn("backup", self.source).stderr
            self.assertEqual(self.portal.pages, 0)
            self.assertIn(b"is not that of a store", told)
            self.run_cairn("check", "--read-data")
        self.restore_equals_source()

    def test_what_is_read_is_the_objects(self):
        self.make_source(files=5)
        self.init()
        self.backup()
        self.shut("GET", 3)
        told = self.run_cairn("check", "--read-data", "--no-cache").stderr
        self.assertEqual(self.portal.pages, 0)
        self.assertIn(b"is not that of a store", told)
        self.assertNotIn(b"damage", told)

    def test_what_is_there_is_there(self):
        self.shut("HEAD", 1)
        self.init()  # which looks for config/1
        self.assertEqual(self.portal.pages, 0)


class OfS3(ThroughAPortal, S3Test):
    def setUp(self):
        super().setUp()
        self.portal = Portal(self.ceph.port)
        self.addCleanup(self.portal.close)
        self.repo = self.address(self.portal.url)
        self.settings = ["retry.first=5ms"]


class OfAzure(ThroughAPortal, StoreTest):
    store_env = {"AZURE_ACCOUNT_NAME": ACCOUNT, "AZURE_ACCOUNT_KEY": KEY}
    settings = ("retry.first=5ms",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Azurite()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        self.portal = Portal(self.server.port)
        self.addCleanup(self.portal.close)
        self.repo = f"azure:{self.portal.url}/{ACCOUNT}/{self._testMethodName.replace('_', '-')}/prefix"


if __name__ == "__main__":
    unittest.main()
