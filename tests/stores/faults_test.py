"""Jobs on an S3 store through a network that fails: they end right, and nothing is lost."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty_proxy import FAULTS, FaultyProxy
from s3_testing import S3Test, make_tree

ROUNDS = 20
SECONDS_MAX = 60  # of one command


class Rounds(S3Test):
    """A repository that lives through rounds of changes, each by another seed; every command must end with success."""

    # 503 makes everybody wait for a second.
    SHARES = {name: 0.02 for name in FAULTS} | {"torn-listing": 0.04, "cut-request": 0.1, "503": 0.003}

    def test_nothing_is_lost(self):
        self.settings = ["retry.first=5ms", "retry.time=1m"]
        make_tree(self.source, seed=0, files=20)
        server = self.repo
        faults = {name: 0 for name in FAULTS}
        commands = 0
        for seed in range(ROUNDS):
            with self.subTest(seed=seed), FaultyProxy(self.ceph.port, seed, self.SHARES, latency=0.0005) as proxy:
                self.repo = self.address(proxy.url)
                commands += self.one_round(seed)
                for name, count in proxy.faults.items():
                    faults[name] += count
        print(f"{commands} commands, faults: {faults}")
        self.assertTrue(all(faults.values()), faults)
        self.assertGreater(sum(faults.values()), 10 * ROUNDS)
        self.repo = server
        self.cache = self.path("another cache")
        self.run_cairn("check", "--read-data")
        self.same_as_source()

    def one_round(self, seed):
        dice = random.Random(seed)
        commands = [["backup", self.source]]
        if seed == 0:
            commands.insert(0, ["init"])
        else:
            self.change(dice)
        commands += dice.choice(([["check"]], [["check", "--read-data"]], [["forget", "--keep-last", "2"]],
                                 [["forget", "--keep-last", "2"], ["prune", "--max-unused", "0"]]))
        for command in commands:
            self.run_cairn(*command, timeout=SECONDS_MAX)
        self.same_as_source(seconds=SECONDS_MAX)
        return len(commands) + 1

    def change(self, dice):
        for _ in range(6):
            self.write(f"d{dice.randrange(7)}/f{dice.randrange(20)}", dice.randbytes(dice.randrange(200_000)))
        self.write("big", dice.randbytes(1_000_000))


if __name__ == "__main__":
    unittest.main()
