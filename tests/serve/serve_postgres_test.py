#!/usr/bin/env python3
"""PostgreSQL databases in cairn serve."""
import contextlib
import http.client
import os
import signal
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli"), os.path.join(HERE, "..", "stores")]
from cairn_testing import is_sanitized
from postgres_testing import Server
from serve_testing import ServeTest

ROWS = 1_000_000 if is_sanitized() else 8_000_000
CSV = "/by-time/latest/csv/public.orders.csv"


class Database(ServeTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)

    def env(self, password="secret", **more):
        return super().env(password, **dict({"CAIRN_PG_BIN": self.server.bin}, **more))

    def test_it_ends_while_a_table_is_read(self):
        """The first look at a table's CSV reads all of it, to know its size."""
        self.init()
        self.server.create("shop")
        self.addCleanup(self.server.drop, "shop")
        self.server.sql("shop", f"CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, {ROWS}) i")
        self.json("backup", "--postgres", self.server.uri("shop", user="postgres", local=True), timeout=600)
        self.serve()
        began = time.monotonic()
        status, headers, _ = self.ask("HEAD", CSV)
        whole = time.monotonic() - began
        self.assertEqual(status, 200)
        self.assertGreater(int(headers["Content-Length"]), 38 * ROWS)
        self.end()

        self.serve()

        def look():
            with contextlib.suppress(OSError, http.client.HTTPException):  # the answer may not come any more
                self.ask("HEAD", CSV)

        reader = threading.Thread(target=look)
        reader.start()
        time.sleep(0.2 * whole)
        began = time.monotonic()
        self.program.send_signal(signal.SIGINT)
        self.program.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, 0.3 + 0.5 * whole)
        self.assertEqual(self.program.returncode, 0)
        reader.join(10)


if __name__ == "__main__":
    unittest.main()
