#!/usr/bin/env python3
"""cairn and Azure Blob Storage: Azurite, Microsoft's emulator."""
import base64
import hashlib
import hmac
import unittest
import urllib.request
from urllib.parse import quote

from azure_testing import ACCOUNT, KEY, Azurite
from web_testing import StoreTest


def setUpModule():
    global SERVER
    SERVER = Azurite()


def tearDownModule():
    SERVER.close()


def shared_access_signature(permissions):
    """Of the account: the documented string, signed with its key."""
    fields = [ACCOUNT, permissions, "b", "sco", "", "2099-01-01T00:00:00Z", "", "https,http", "2021-06-08", ""]
    digest = hmac.new(base64.b64decode(KEY), "".join(field + "\n" for field in fields).encode(), hashlib.sha256)
    signature = quote(base64.b64encode(digest.digest()).decode(), safe="")
    return (f"sv=2021-06-08&ss=b&srt=sco&sp={permissions}&se=2099-01-01T00%3A00%3A00Z&spr=https,http&sig={signature}")


class AzureTest(StoreTest):
    store_env = {"AZURE_ACCOUNT_NAME": ACCOUNT, "AZURE_ACCOUNT_KEY": KEY}

    @property
    def address(self):
        return SERVER.address(self._testMethodName.replace("_", "-"))

    def properties(self, container):
        """Of each blob: name and tier, as the server lists them."""
        sas = shared_access_signature("rl")
        url = f"http://127.0.0.1:{SERVER.port}/{ACCOUNT}/{container}?restype=container&comp=list&{sas}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        text = opener.open(url, timeout=30).read().decode()
        blobs = text.split("<Blob>")[1:]
        return {blob.split("<Name>")[1].split("<")[0]: blob.split("<AccessTier>")[1].split("<")[0] for blob in blobs}


class Contract(AzureTest):

    def test_plain(self):
        self.check_contract(SERVER.address("contract"))

    def test_odd_prefix(self):
        self.check_contract(SERVER.address("contract", "a%20b+%26=%C3%A9~(*'\"!@,:;$)%25/x"))

    def test_more_than_a_page_of_the_server(self):
        self.check_contract(SERVER.address("contract"), "*ListsMoreThanAPage*", many=5_100)


class Repository(AzureTest):

    def test_backup_check_restore(self):
        self.check_repository(SERVER.address("days", "of/mine"))

    def test_by_a_shared_access_signature(self):
        self.store_env = {"AZURE_ACCOUNT_SAS": "?" + shared_access_signature("rwdlc")}
        self.check_repository(SERVER.address("signed"))

    def test_tier_of_data_packs(self):
        self.settings = ("azure.access-tier=Cool",)
        self.make_source(files=5)
        self.repo = SERVER.address("tiered")
        self.init()
        self.backup()
        tiers = self.properties("tiered")
        data = {name: tier for name, tier in tiers.items() if name.startswith("data/")}
        self.assertTrue(data)
        self.assertEqual(set(data.values()), {"Cool"})
        self.assertEqual({tier for name, tier in tiers.items() if name not in data}, {"Hot"})


class Refusals(AzureTest):

    def refused(self, *args, **more):
        done = self.run_cairn(*args, code=None, **more)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.decode()

    def test_wrong_key(self):
        wrong = base64.b64encode(b"x" * 64).decode()
        self.store_env = dict(self.store_env, AZURE_ACCOUNT_KEY=wrong)
        said = self.refused("init")
        self.assertIn("the key is another", said)
        self.assertNotIn(wrong, said)

    def test_a_signature_that_may_only_read(self):
        self.init()
        signature = shared_access_signature("rl")
        self.store_env = {"AZURE_ACCOUNT_SAS": signature}
        self.run_cairn("snapshots")
        self.make_source(files=1)
        said = self.refused("backup", self.source)
        self.assertIn("403", said)
        self.assertNotIn("sig=", said)

    def test_no_key(self):
        self.store_env = {}
        self.assertIn("set AZURE_ACCOUNT_KEY", self.refused("init"))

    def test_no_container(self):
        self.assertIn("ContainerNotFound", self.refused("snapshots"))

    def test_what_is_not_a_repository(self):
        self.repo = SERVER.address("others")
        self.init()
        # Seen from above, the repository's names begin with another folder.
        self.repo = SERVER.address("others2", "below")
        self.init()
        self.repo = SERVER.address("others2")
        self.assertIn("is no repository", self.refused("init"))

    def test_tiers_and_priorities_that_there_are_not(self):
        self.settings = ("azure.access-tier=Frozen",)
        self.assertIn("Hot, Cool, Cold or Archive", self.refused("init"))
        self.settings = ("azure.rehydrate-priority=Low",)
        self.assertIn("Standard or High", self.refused("init"))


if __name__ == "__main__":
    unittest.main()
