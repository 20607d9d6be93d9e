"""What a prune does where a store bills objects for a time at least, or as if they were larger: -o store.least-age, store.least-size."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest

DAY = 86_400


class StorageTerms(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()

    def make_packs_older(self, days):
        for path in self.objects("data"):
            then = os.stat(path).st_mtime - days * DAY
            os.utime(path, (then, then))

    def prune(self, *settings):
        return self.json("prune", "--max-unused", "0", *(word for one in settings for word in ("-o", one)))

    def half_forgotten(self):
        """A pack of which half is needed."""
        self.make_source(files=30)
        gone = self.backup()["id"]
        os.remove(os.path.join(self.source, "big"))
        self.backup()
        self.run_cairn("forget", gone)

    def test_a_young_pack_that_is_half_dead_waits(self):
        self.half_forgotten()
        before = self.objects("data")
        report = self.prune("store.least-age=30d")
        self.assertGreater(report["plan"]["bytes_billed_anyway"], 5_000_000)
        self.assertEqual(self.objects("data"), before)
        out = self.run_cairn("prune", "--max-unused", "0", "-o", "store.least-age=30d").stdout
        self.assertIn(b"stay in packs that the store bills for a while yet", out)
        self.make_packs_older(29)
        self.assertGreater(self.prune("store.least-age=30d")["plan"]["bytes_billed_anyway"], 0)
        self.make_packs_older(2)
        report = self.prune("store.least-age=30d")
        self.assertEqual(report["plan"]["bytes_billed_anyway"], 0)
        self.assertGreater(report["bytes_removed"], 5_000_000)
        self.assertTrue(set(before).isdisjoint(self.objects("data")))
        self.restore_equals_source()
        self.run_cairn("check", "--read-data")

    def test_a_class_is_known_by_its_name(self):
        self.half_forgotten()
        self.assertGreater(self.prune("s3.storage-class=STANDARD_IA")["plan"]["bytes_billed_anyway"], 0)
        self.make_packs_older(31)
        self.assertGreater(self.prune("azure.access-tier=Cold")["plan"]["bytes_billed_anyway"], 0)
        self.assertEqual(self.prune("azure.access-tier=Cool")["plan"]["bytes_billed_anyway"], 0)

    def test_a_price_is_of_the_class_that_the_configuration_names(self):
        """It was that of the list's own class, whatever the file said."""
        prices = os.path.join(os.environ["CAIRN_SOURCE_DIR"], "tools", "prices", "amazon.json")
        config = self.path("cairn.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'[repository.cold]\naddress = "{self.repo}"\nstore = {{ "s3.storage-class" = "STANDARD_IA" }}\n')
        os.chmod(config, 0o600)
        cost = self.json("-r", "@cold", "--config", config, "cost", "--prices", prices)["cost"]
        self.assertEqual(cost["storage_class"], "STANDARD_IA")

    def test_one_that_is_wholly_dead_goes_at_once(self):
        self.make_source(files=5)
        self.backup()
        self.run_cairn("forget", "latest")
        self.assertGreater(self.prune("store.least-age=30d")["bytes_removed"], 5_000_000)
        self.assertEqual(self.objects("data"), [])

    def test_small_packs_are_joined(self):
        for number in range(4):
            self.write(f"file{number}", os.urandom(20_000))
            self.backup()
        self.write("large", os.urandom(900_000))
        self.backup()
        large = max(self.objects("data"), key=os.path.getsize)
        self.assertEqual(self.prune()["plan"]["packs_joined"], 0)
        self.assertEqual(self.prune("store.least-size=128K", "store.least-age=1d")["plan"]["packs_joined"], 0)
        self.make_packs_older(2)
        report = self.prune("store.least-size=128K", "store.least-age=1d")
        self.assertEqual((report["plan"]["packs_joined"], report["packs_removed"]), (4, 4))
        self.assertEqual(len(self.objects("data")), 2)
        self.assertIn(large, self.objects("data"))
        self.restore_equals_source()
        self.run_cairn("check", "--read-data")
        self.assertEqual(self.prune("store.least-size=128K")["plan"]["packs_joined"], 0)

    def test_what_is_no_time_is_refused(self):
        self.assertIn(b"30d", self.run_cairn("prune", "-o", "store.least-age=month", code=1).stderr)
        self.assertIn(b"128K", self.run_cairn("prune", "-o", "store.least-size=small", code=1).stderr)


if __name__ == "__main__":
    unittest.main()
