"""The contract of stores (contract.cc) against an S3 server."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty_proxy import FAULTS, FaultyProxy
from s3_testing import ODD_PREFIX, S3Test


class Contract(S3Test):
    def test_of_a_plain_prefix(self):
        self.run_contract()

    def test_of_an_odd_prefix(self):
        self.run_contract(address=self.address(prefix=ODD_PREFIX))

    def test_through_tls(self):
        self.settings = [f"tls.ca-file={self.ceph.ca}"]
        self.run_contract("IsEmptyAtFirst", "KeepsEveryNameApart", "PutsOfManyThreadsAllArrive",
                          address=self.address(self.ceph.tls_url))

    def test_through_faults(self):
        """What is asked for holds whatever the network does, given that it is tried again."""
        self.settings = ["retry.first=5ms"]
        with FaultyProxy(self.ceph.port, seed=1, shares={name: 0.03 for name in FAULTS if name != "503"}) as proxy:
            self.run_contract(address=self.address(proxy.url))
            self.assertGreater(sum(proxy.faults.values()), 100)


if __name__ == "__main__":
    unittest.main()
