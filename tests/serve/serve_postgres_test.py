#!/usr/bin/env python3
"""Files that are made of a PostgreSQL database, by WebDAV."""
import http.client
import os
import signal
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from postgres_testing import Server
from serve_testing import ServeTest


class MadeFiles(ServeTest):
    @classmethod
    def setUpClass(cls):
        cls.server_of_postgres = Server()
        cls.addClassCleanup(cls.server_of_postgres.close)

    def setUp(self):
        super().setUp()
        self.init()
        self.server_of_postgres.create("shop")
        self.addCleanup(self.server_of_postgres.drop, "shop")
        self.server_of_postgres.sql("shop", """CREATE TABLE few (id int PRIMARY KEY);
            INSERT INTO few VALUES (1), (2); CREATE TABLE orders (id int PRIMARY KEY, what text, more text);
            INSERT INTO orders SELECT i, md5(i::text), md5((i + 1)::text) FROM generate_series(1, 2000000) i;""")
        self.json("backup", "--postgres", self.server_of_postgres.uri("shop", user="postgres", local=True), timeout=600)

    def env(self, password="secret", **more):
        return super().env(password, **dict({"CAIRN_PG_BIN": self.server_of_postgres.bin}, **more))

    def test_it_ends_while_a_table_is_read(self):
        self.serve()
        begin = time.monotonic()
        self.assertEqual(self.ask("HEAD", "/by-time/latest/csv/public.orders.csv")[0], 200)
        whole = time.monotonic() - begin
        self.end()
        self.serve()

        def ask():
            try:
                self.ask("HEAD", "/by-time/latest/csv/public.orders.csv")
            except (OSError, http.client.HTTPException):
                pass
        reader = threading.Thread(target=ask)
        reader.start()
        time.sleep(whole / 4)
        begin = time.monotonic()
        self.program.send_signal(signal.SIGTERM)
        self.program.communicate(timeout=60)
        took = time.monotonic() - begin
        reader.join()
        print(f"the table is read in {whole:.2f} s, left in {took:.2f} s")
        self.assertLess(took, whole / 2)

    def test_what_cannot_be_made_has_no_size(self):
        pack = max(self.objects("data"), key=os.path.getsize)
        with open(pack, "r+b") as file:
            file.seek(os.path.getsize(pack) // 2)
            file.write(b"damaged")
        self.serve()
        listed = self.propfind("/by-time/latest/csv/")
        sizes = {name: self.property(one, "getcontentlength") for name, one in listed.items() if not name.endswith(b"/")}
        self.assertEqual(sizes, {b"/by-time/latest/csv/public.few.csv": "7", b"/by-time/latest/csv/public.orders.csv": None})
        self.assertEqual(self.ask("GET", "/by-time/latest/csv/public.orders.csv")[0], 500)


if __name__ == "__main__":
    unittest.main()
