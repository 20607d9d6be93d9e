#!/usr/bin/env python3
"""cairn and WebDAV: nginx, Apache and rclone, as they are."""
import os
import subprocess
import unittest

from web_testing import CONTRACT, StoreTest
from webdav_testing import PASSWORD, USER, Apache, Nginx, Rclone


class WebdavTest(StoreTest):
    store_env = {"CAIRN_WEBDAV_USER": USER, "CAIRN_WEBDAV_PASSWORD": PASSWORD}

    def refused(self, *args, **more):
        done = self.run_cairn(*args, code=None, **more)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.decode()


class EachServer:
    """The same of all of them."""

    server_class = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.server_class()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        super().tearDownClass()

    @property
    def address(self):
        return self.server.address(self._testMethodName)

    def test_contract(self):
        self.check_contract(self.address)

    def test_contract_in_an_odd_folder(self):
        self.check_contract(self.server.address("a%20b+%26=%C3%A9~(*'\"!@,:;$)%25%23%3F/x"))

    def test_many_at_one_name(self):
        """400 names, each of which six want."""
        env = self.env(CAIRN_STORE_ADDRESS=self.address)
        done = subprocess.run([CONTRACT, "--gtest_filter=*PutIfAbsentHasOneWinner*", "--gtest_repeat=20",
                               "--gtest_break_on_failure"], env=env, capture_output=True, timeout=600)
        out = done.stdout.decode()
        self.assertEqual(done.returncode, 0, out[-3000:] + done.stderr.decode()[-1000:])
        self.assertEqual(out.count("[  PASSED  ] 1 test"), 20)

    def test_backup_check_restore(self):
        self.check_repository(self.server.address("of/mine"))
        # Outside its own folder it leaves nothing, and in it nothing that is unfinished.
        self.assertEqual(os.listdir(os.path.join(self.server.root, "of")), ["mine"])
        self.assertEqual(os.listdir(os.path.join(self.server.root, "of/mine/tmp")), [])

    def test_wrong_password(self):
        said = self.refused("init", CAIRN_WEBDAV_PASSWORD="wrong one")
        self.assertIn("CAIRN_WEBDAV_USER or its password is wrong", said)
        self.assertNotIn("wrong one", said)

    def test_no_password(self):
        self.store_env = {}
        self.assertIn("set CAIRN_WEBDAV_USER", self.refused("init"))

    def test_password_of_a_file(self):
        with open(self.path("password"), "w", encoding="utf-8") as file:
            file.write(PASSWORD + "\nnot this\n")
        self.store_env = {"CAIRN_WEBDAV_USER": USER}
        self.settings = (f"webdav.password-file={self.path('password')}",)
        self.init()

    def test_no_repository(self):
        self.assertIn("the folder is missing", self.refused("snapshots"))

    def test_what_is_not_a_repository(self):
        os.makedirs(os.path.join(self.server.root, self._testMethodName))
        with open(os.path.join(self.server.root, self._testMethodName, "letter.txt"), "w", encoding="utf-8"):
            pass
        self.assertIn("holds letter.txt and is no repository", self.refused("init"))


class OnNginx(EachServer, WebdavTest):
    server_class = Nginx


class OnApache(EachServer, WebdavTest):
    server_class = Apache


class OnRclone(EachServer, WebdavTest):
    server_class = Rclone


class Refusals(WebdavTest):

    def test_a_server_that_ignores_ranges(self):
        for server_class, option in ((Nginx, "max_ranges 0;"), (Apache, "MaxRanges none")):
            with self.subTest(server=server_class.__name__), server_class(option) as server:
                self.repo = server.address("here")
                self.assertIn("does not give a range", self.refused("init"))

    def test_a_server_that_ignores_ranges_from_now_on(self):
        with Nginx() as server:
            self.repo = server.address("here")
            self.make_source(files=3)
            self.init()
            self.backup()
            with Nginx("max_ranges 0;") as other:
                os.rmdir(other.root)
                os.rename(server.root, other.root)
                self.repo = other.address("here")
                self.assertIn("range", self.refused("restore", "latest", "--target", self.path("out")))

    def test_a_server_that_overwrites_though_told_not_to(self):
        """A proxy that spoils the header stands before one that would mind it."""
        with Rclone() as behind:
            spoil = (f"dav_methods off; dav_ext_methods off; proxy_set_header Overwrite T; proxy_set_header Host $http_host;"
                     f"proxy_pass http://127.0.0.1:{behind.port};")
            with Nginx(spoil) as server:
                self.repo = server.address("here")
                self.assertIn("two backups at once could take each other's place", self.refused("init"))

    def test_no_webdav_at_this_address(self):
        with Nginx("location /plain/ { dav_methods off; dav_ext_methods off; }") as server:
            self.repo = server.address("plain/here")
            self.assertIn("is there WebDAV at this address?", self.refused("init"))

    def test_a_password_over_http(self):
        self.repo = "webdav:http://dav.example/backup"
        said = self.refused("init")
        self.assertIn("give an address with https", said)
        self.assertNotIn(PASSWORD, said)

    def test_a_password_in_the_address(self):
        self.repo = f"webdav:https://{USER}:hunter2@dav.example/backup"
        said = self.refused("init")
        self.assertIn("give them in the environment", said)
        self.assertNotIn("hunter2", said)

    def test_a_place_that_is_gone_is_no_empty_repository(self):
        with Nginx() as server:
            self.repo = server.address("here")
            self.init()
            os.rename(os.path.join(server.root, "here"), os.path.join(server.root, "elsewhere"))
            self.assertIn("the folder is missing", self.refused("snapshots"))


if __name__ == "__main__":
    unittest.main()
