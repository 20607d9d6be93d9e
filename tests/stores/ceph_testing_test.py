"""The server and the proxies that the other tests rest on."""
import os
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from ceph_testing import CephServer
from faulty_proxy import FAULTS, FaultyProxy
from s3_client import Credentials, Refused, S3Client

HOLDER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from ceph_testing import CephServer
server = CephServer()
print(server.path(), flush=True)
time.sleep(60)
"""


class Server(unittest.TestCase):
    def test_two_at_once_know_nothing_of_each_other(self):
        with CephServer() as one, CephServer() as other:
            ann = one.user("ann")
            one.client(ann).request("PUT", "bucket")
            with self.assertRaisesRegex(Refused, "InvalidAccessKeyId"):
                other.client(ann).request("GET", "bucket")
            folders = one.path(), other.path()
        for folder in folders:
            self.assertFalse(os.path.exists(folder))

    def test_nothing_outlives_a_process_that_is_killed(self):
        process = subprocess.Popen([sys.executable, "-c", HOLDER, HERE], stdout=subprocess.PIPE, text=True)
        folder = process.stdout.readline().strip()
        pids = []
        for name in os.listdir(os.path.join(folder, "pids")):
            with open(os.path.join(folder, "pids", name), encoding="utf-8") as file:
                pids.append(int(file.read()))
        self.assertEqual(len(pids), 3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        end = time.monotonic() + 10
        while os.path.exists(folder) or any(_runs(pid) for pid in pids):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_what_was_stored_is_there_after_the_gateway_was_killed(self):
        with CephServer() as ceph:
            client = ceph.client(ceph.user("ann"))
            client.request("PUT", "bucket")
            client.request("PUT", "bucket/key", body=b"text")
            ceph.kill_gateway()
            with self.assertRaises(OSError):
                client.request("GET", "bucket/key")
            ceph.start_gateway()
            self.assertEqual(client.request("GET", "bucket/key"), b"text")

    def test_rights_are_what_was_allowed(self):
        with CephServer() as ceph:
            ann, bob = ceph.user("ann"), ceph.user("bob")
            ceph.client(ann).request("PUT", "bucket")
            ceph.allow(("ann", ann), "bucket", "bob", "PutObject")
            ceph.client(ann).request("PUT", "bucket/key", body=b"text")
            client = ceph.client(bob)
            client.request("PUT", "bucket/new", body=b"text")
            for method in ("GET", "DELETE"):
                with self.assertRaisesRegex(Refused, "AccessDenied"):
                    client.request(method, "bucket/key")
            self.assertEqual(ceph.client(ann).request("GET", "bucket/key"), b"text")
            session = ceph.session("ann", ann)
            self.assertEqual(ceph.client(session).request("GET", "bucket/key"), b"text")
            with self.assertRaises(Refused):
                ceph.client(Credentials(session.access_key, session.secret_key)).request("GET", "bucket/key")


class Proxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ceph = CephServer()
        cls.addClassCleanup(cls.ceph.close)
        cls.user = cls.ceph.user("ann")
        cls.direct = cls.ceph.client(cls.user)
        cls.direct.request("PUT", "bucket")
        cls.direct.request("PUT", "bucket/key", body=b"old")

    def through(self, fault, method, key="bucket/key", query=None, body=b""):
        """What a request comes to that has a fault for sure, and what stands there then."""
        with FaultyProxy(self.ceph.port, shares={fault: 1} if fault else {}) as proxy:
            try:
                answer = S3Client(proxy.url, self.user, time.time).request(method, key, query, body)
            except Exception as error:  # the server's answer, the socket's, or one of http.client
                answer = error
            self.assertEqual(proxy.faults.total(), 1 if fault else 0)
        return answer, self.direct.request("GET", "bucket/key")

    def test_each_fault_is_what_it_says(self):
        for fault, arrives in (("refused", False), ("lost", True), ("cut-request", False), ("500", False), ("503", False),
                               ("skewed", False)):
            body = fault.encode() * 100
            with self.subTest(fault=fault):
                self.direct.request("PUT", "bucket/key", body=b"old")
                answer, stands = self.through(fault, "PUT", body=body)
                self.assertIsInstance(answer, Exception)
                self.assertEqual(stands, body if arrives else b"old")
        answer, _ = self.through("cut-answer", "GET")
        self.assertIsInstance(answer, Exception)
        torn, _ = self.through("torn-listing", "GET", "bucket", {"list-type": "2"})
        whole, _ = self.through(None, "GET", "bucket", {"list-type": "2"})
        self.assertEqual(torn, whole[:len(torn)])
        self.assertEqual(len(torn), len(whole) // 2)

    def test_it_passes_on_what_it_leaves_alone(self):
        body = os.urandom(3_000_000)
        self.assertEqual(self.through(None, "PUT", body=body), (b"", body))
        with FaultyProxy(self.ceph.port) as proxy:
            client = S3Client(proxy.url, self.user, time.time)
            self.assertEqual(client.request("GET", "bucket/key"), body)
            self.assertEqual(client.request("HEAD", "bucket/key"), b"")
            client.request("DELETE", "bucket/none")
            self.assertEqual(dict(proxy.requests), {"GET": 1, "HEAD": 1, "DELETE": 1})
            self.assertEqual(proxy.bytes_down, len(body))

    def test_a_seed_repeats_its_faults(self):
        def faults(seed):
            with FaultyProxy(self.ceph.port, seed, {name: 0.1 for name in FAULTS}) as proxy:
                client = S3Client(proxy.url, self.user, time.time)
                for _ in range(40):
                    try:
                        client.request("GET", "bucket/key")
                    except Exception:  # whatever it is
                        pass
                return dict(proxy.faults)
        self.assertEqual(faults(1), faults(1))
        self.assertNotEqual(faults(1), faults(2))


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"  # who reaps orphans may take its time
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
