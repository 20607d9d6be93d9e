"""What a store is asked and what that costs: the counts are those of the server, and a month of daily dumps costs less than plain files.

CAIRN_COST=full makes the month of 60 dumps of 100 MB (three minutes); else it is 8 of 20 MB."""
import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty_proxy import FaultyProxy
from s3_testing import S3Test, make_tree

HERE = os.path.dirname(os.path.abspath(__file__))
PRICES = os.path.join(HERE, "..", "..", "tools", "prices", "amazon.json")
IS_FULL = os.environ.get("CAIRN_COST") == "full"
DUMPS, DUMP_BYTES = (60, 100_000_000) if IS_FULL else (8, 20_000_000)
KINDS = {"PUT": "puts", "GET": "gets", "LIST": "lists", "HEAD": "heads", "DELETE": "removes"}


class Counts(S3Test):
    def setUp(self):
        super().setUp()
        make_tree(self.source, seed=1, files=20)
        self.init()

    def asked(self, *command):
        """What the program says that it asked for, and what the server was asked."""
        bucket = self.repo
        with FaultyProxy(self.ceph.port) as proxy:
            self.repo = self.address(proxy.url)
            report = self.json(*command)
            server = {name: proxy.requests[kind] for kind, name in KINDS.items()}
        self.repo = bucket
        return report, server

    def test_what_is_told_is_what_the_server_was_asked(self):
        for command in (["backup", self.source], ["backup", self.source], ["check", "--read-data"],
                        ["forget", "--keep-last", "1", "--keep-deleted", "1d"], ["prune"]):
            with self.subTest(command=command):
                report, server = self.asked(*command)
                told = report["requests"]
                self.assertEqual({name: told[name] for name in server}, server)
                self.assertGreater(told["bytes_up"] + told["bytes_down"], 0)

    def test_a_run_is_told_with_verbose_and_kept(self):
        told = self.run_cairn("-v", "backup", self.source).stderr.decode()
        self.assertRegex(told, r"the store was asked \d+ puts, \d+ gets, \d+ lists, \d+ heads, \d+ removes; .* up, .* down")
        self.assertNotIn("the store was asked", self.run_cairn("backup", self.source).stderr.decode())
        cost = self.json("cost")
        self.assertEqual((cost["commands"]["backup"]["runs"], cost["days_on_record"]), (2, 1))
        self.assertEqual(cost["month"]["puts"], 30 * sum(one["requests"]["puts"] for one in cost["commands"].values()))
        self.assertIn(b"a month", self.run_cairn("cost", "--prices", PRICES).stdout)

    def test_nothing_is_kept_without_a_cache(self):
        self.run_cairn("--no-cache", "backup", self.source)
        self.assertEqual(self.json("cost")["commands"], {})

    def test_a_near_store_is_asked_nothing(self):
        self.repo = self.path("folder")
        self.run_cairn("init")
        self.assertNotIn("requests", self.json("backup", self.source))
        cost = self.json("cost")
        self.assertEqual(cost["commands"], {})
        self.assertGreater(cost["data_packs"]["bytes"], 0)

    def test_price_lists(self):
        for text, told in (("", "no JSON object"), ("{}", "gb_bytes"), ('{"gb_bytes": 1e9}', "no classes"),
                           ('{"gb_bytes": 1e9, "classes": {"A": {}}}', "A: "),
                           ('{"gb_bytes": 1e9, "classes": {"A": {"gb_month": -1}}}', "gb_month is -1")):
            with self.subTest(text=text):
                with open(self.path("prices"), "w", encoding="utf-8") as file:
                    file.write(text)
                self.says(1, [told, "tools/prices"], "cost", "--prices", self.path("prices"))
        self.says(1, ["NONE", "STANDARD_IA"], "cost", "--prices", PRICES, "--storage-class", "NONE")
        for name in os.listdir(os.path.dirname(PRICES)):
            self.run_cairn("cost", "--prices", os.path.join(os.path.dirname(PRICES), name))


class Month(S3Test):
    """A dump of a database, twice a day, of which little has changed, kept for a month."""

    def setUp(self):
        super().setUp()
        self.dice = random.Random(5)
        self.rows = [self.row(number) for number in range(DUMP_BYTES // 100)]

    def row(self, number):
        text = f"{number}\tcustomer {self.dice.randrange(10**9)}\t{self.dice.randbytes(24).hex()}\t"
        return text + "x" * (99 - len(text)) + "\n"

    def change(self):
        for _ in range(len(self.rows) // 2_000):
            number = self.dice.randrange(len(self.rows))
            self.rows[number] = self.row(number)

    def test_costs_less_than_plain_files(self):
        self.init()
        total = {}
        sizes = []
        for _ in range(DUMPS):
            data = ("COPY t (a, b, c, d) FROM stdin;\n" + "".join(self.rows) + "\\.\n").encode()
            self.write("dump.sql", data)
            sizes.append(len(data))
            report = self.json("backup", self.source)
            for name, count in report["requests"].items():
                total[name] = total.get(name, 0) + count
            self.change()
        cost = self.json("cost", "--prices", PRICES, "--storage-class", "STANDARD_IA", "--runs-a-day", "2")
        with open(PRICES, encoding="utf-8") as file:
            prices = json.load(file)
        ia = prices["classes"]["STANDARD_IA"]
        # As many plain files as there were dumps, each put once and listed once.
        plain = sum(sizes) / prices["gb_bytes"] * ia["gb_month"] + DUMPS * (ia["puts_1000"] + ia["lists_1000"]) / 1000
        # The month's requests are counted for 60 runs: here for as many as there were.
        requests = cost["cost"]["requests"] * DUMPS / 60
        ours = cost["cost"]["storage"] + requests + cost["cost"]["reading"] * DUMPS / 60
        runs = {name: round(count / DUMPS, 1) for name, count in total.items()}
        print(f"{DUMPS} dumps of {sizes[0] / 1e6:.0f} MB: {cost['data_packs']} {cost['other_objects']}; a run: {runs}; "
              f"{ours:.5f} USD a month in STANDARD_IA, plain files {plain:.5f}")
        self.assertLess(ours, plain)
        # Each run reads the snapshots that there are, which is cheap, and little else; the rest is a round trip each.
        self.assertLess((total["puts"] + total["lists"] + total["heads"] + total["removes"]) / DUMPS, 20)
        self.assertLess(total["gets"] / DUMPS, DUMPS / 2 + 6)


if __name__ == "__main__":
    unittest.main()
