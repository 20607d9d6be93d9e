#!/usr/bin/env python3
"""cairn query of SQLite databases: what it answers, what it refuses, and how much of the database it fetches for that."""
import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "stores"))
from cairn_testing import BIN, is_sanitized
from sqlite_testing import CRASHED, SqliteTest, fill, make_large
from webdav_testing import PASSWORD, USER, Nginx

VALUES = r"""
CREATE TABLE v (id INTEGER PRIMARY KEY, value);
INSERT INTO v (value) VALUES (NULL), (''), (0), (-9223372036854775808), (9223372036854775807), (0.1), (1e300), (-9e999), (5.0),
  ('text'), ('comma, "quote"'), (x'00ff80'), (x''), ('line' || char(13, 10) || 'break'), ('☃'), (char(27) || '[2J'), ('NULL');
"""

ODD = """
CREATE TABLE plain (a TEXT COLLATE NOCASE, b REAL, c AS (b * 2));
INSERT INTO plain VALUES ('One', 1), ('TWO', 2);
CREATE TABLE "without rowid" (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO "without rowid" VALUES ('b', 2), ('a', 1);
CREATE VIEW seen AS SELECT a, c FROM plain;
CREATE VIEW broken AS SELECT * FROM gone;
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words VALUES ('the quick brown fox'), ('jumps over');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
INSERT INTO boxes VALUES (1, 0, 10), (2, 20, 30);
CREATE VIRTUAL TABLE old_words USING fts4(body);
INSERT INTO old_words VALUES ('sphinx of black quartz');
"""

CHANGES = ["INSERT INTO plain VALUES ('x', 1)", "UPDATE plain SET a = 1", "DELETE FROM plain", "CREATE TABLE t (a)",
           "CREATE TEMP TABLE t (a)", "CREATE TEMP VIEW t AS SELECT 1", "DROP TABLE plain", "ALTER TABLE plain RENAME TO p",
           "BEGIN", "SAVEPOINT s", "ATTACH ':memory:' AS other", "DETACH main", "VACUUM", "REINDEX", "ANALYZE",
           "PRAGMA journal_mode = WAL", "PRAGMA user_version = 7", "PRAGMA writable_schema = ON", "PRAGMA temp_store_directory = '/'",
           "PRAGMA wal_checkpoint", "SELECT load_extension('libm.so.6')", "INSERT INTO words(words) VALUES ('optimize')",
           "WITH x AS (SELECT 1) INSERT INTO plain SELECT 1, 2", "PRAGMA mmap_size = 1000000"]


class QueryTest(SqliteTest):
    def query(self, sql, *args, snapshot="latest", **kwargs):
        return self.run_cairn("query", snapshot, sql, *args, **kwargs).stdout.decode()

    def rows(self, sql, **kwargs):
        """As Python's own SQLite gives them, but for blobs."""
        def value(json_value):
            return bytes.fromhex(json_value["hex"]) if isinstance(json_value, dict) else json_value
        return [tuple(map(value, json.loads(line).values()))
                for line in self.query(sql, "--json", **kwargs).splitlines()]

    def refuse_query(self, sql, word, *args, snapshot="latest"):
        done = self.run_cairn("query", snapshot, sql, *args, code=1)
        self.assertEqual(done.stdout, b"")
        self.assertIn(word, done.stderr.decode())


class Answers(QueryTest):
    def setUp(self):
        super().setUp()
        self.database = sqlite3.connect(self.file, isolation_level=None)
        self.database.executescript(VALUES + ODD)
        self.backup()

    def test_values_in_each_form(self):
        self.assertEqual(self.rows("SELECT id, value FROM v"), self.database.execute("SELECT id, value FROM v").fetchall())
        lines = list(csv.reader(io.StringIO(self.query("SELECT value FROM v", "--csv"), newline="")))
        self.assertEqual(lines[0], ["value"])
        self.assertEqual([line[0] if line else None for line in lines[1:]],
                         [None, "", "0", "-9223372036854775808", "9223372036854775807", "0.1", "1e+300", "-Inf", "5.0", "text",
                          'comma, "quote"', "X'00ff80'", "X''", "line\r\nbreak", "☃", "\x1b[2J", "NULL"])
        self.assertIn('id,value\n1,\n2,""\n', self.query("SELECT * FROM v", "--csv"))
        table = self.query("SELECT id, value FROM v").splitlines()
        self.assertEqual(table[:3], ["id  value", " 1  NULL", " 2"])
        self.assertEqual(table[14], " 14  line\\x0d\\nbreak".replace(" 14", "14"))
        self.assertEqual(len(table), 18)
        self.assertNotIn("\x1b", "".join(table))

    def test_columns_of_one_name_are_told_apart_in_json(self):
        self.assertEqual(json.loads(self.query("SELECT 1 AS a, 2 AS a, 3 AS a", "--json")), {"a": 1, "a:1": 2, "a:2": 3})
        self.assertEqual(self.query("SELECT 1 AS a, 2 AS a", "--csv"), "a,a\n1,2\n")

    def test_everything_that_a_database_holds(self):
        for sql in ("SELECT * FROM plain WHERE a = 'one'", 'SELECT * FROM "without rowid"', "SELECT * FROM seen",
                    "SELECT body FROM words WHERE words MATCH 'quick'", "SELECT id FROM boxes WHERE x0 > 15",
                    "SELECT body FROM old_words WHERE old_words MATCH 'black'", "SELECT name FROM sqlite_schema ORDER BY 1",
                    "PRAGMA user_version", "PRAGMA table_info(plain)", "PRAGMA integrity_check",
                    "SELECT name FROM pragma_table_info('plain')", "WITH RECURSIVE i(n) AS (VALUES(1) UNION ALL SELECT n+1 FROM i "
                    "WHERE n < 3) SELECT n FROM i", "VALUES (1, 2)", "SELECT json_extract('{\"a\": 5}', '$.a')"):
            with self.subTest(sql):
                self.assertEqual(self.rows(sql), self.database.execute(sql).fetchall())
        self.assertIn("SCAN plain", self.query("EXPLAIN QUERY PLAN SELECT * FROM plain"))

    def test_statements_run_one_after_another(self):
        self.assertEqual(self.query("SELECT 1 AS a; -- a comment\n; SELECT 2 AS b;  ", "--csv"), "a\n1\nb\n2\n")
        self.assertEqual(self.query("SELECT 1 AS a; SELECT 2 AS b"), "a\n1\n\nb\n2\n")
        self.assertEqual(self.query("SELECT id FROM v WHERE id < 0"), "id\n")

    def test_nothing_is_changed(self):
        for sql in CHANGES:
            with self.subTest(sql):
                self.refuse_query(sql, "refused")
        self.refuse_query("VACUUM INTO '" + self.path("copy.db") + "'", "refused")
        self.assertFalse(os.path.exists(self.path("copy.db")))
        self.refuse_query("SELECT * FROM gone", "no such table: gone")
        self.refuse_query("SELEC 1", "syntax error")
        self.refuse_query("SELECT * FROM broken", "no such table")
        self.run_cairn("query", "latest", "SELECT 1", "--csv", "--json", code=1)
        self.assertEqual(self.query("SELECT count(*) AS n FROM plain"), "n\n2\n")

    def test_tables(self):
        tables = {table["name"]: table for table in self.json("query", "latest", "--tables")["tables"]}
        self.assertEqual(tables["plain"]["columns"], ["a TEXT", "b REAL", "c"])
        self.assertEqual([tables[name]["kind"] for name in ("v", "seen", "words")], ["table", "view", "virtual table"])
        self.assertEqual(tables["broken"]["columns"], [])
        self.assertIn("without rowid", self.run_cairn("query", "latest", "--tables").stdout.decode())
        self.run_cairn("query", "latest", code=1)
        self.run_cairn("query", "latest", "SELECT 1", "--tables", code=1)

    def test_former_snapshots(self):
        self.database.execute("DELETE FROM plain")
        self.backup()
        self.assertEqual(self.rows("SELECT count(*) FROM plain"), [(0,)])
        self.assertEqual(self.rows("SELECT count(*) FROM plain", snapshot="latest~1"), [(2,)])
        self.assertEqual(self.rows("SELECT count(*) FROM plain", snapshot="latest:app.db"), [(0,)])

    def test_it_ends_when_it_is_asked_to(self):
        process = subprocess.Popen([BIN, "query", "latest", "WITH RECURSIVE i(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM i) "
                                    "SELECT count(*) FROM i"], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(3)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)

    def test_memory_is_bounded(self):
        self.refuse_query("SELECT length(zeroblob(900000000) || 'x')", "--memory", "--memory", "128M")
        # 200 MB to be sorted, which does not fit.
        sorted_rows = ("SELECT count(*), max(length(b)) FROM (WITH RECURSIVE i(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM i "
                       "WHERE n < 200000) SELECT n, hex(zeroblob(500)) AS b FROM i ORDER BY n * 7919 % 100003 LIMIT 200000)")
        self.assertEqual(self.rows(sorted_rows), [(200_000, 1000)])


class Forms(QueryTest):
    """Of databases, and of snapshots that hold them."""

    def test_every_form_of_a_database(self):
        for page_size in (512, 1024, 4096, 65536):
            for mode in ("delete", "wal"):
                with self.subTest(page_size=page_size, mode=mode):
                    self.file = self.path(f"{page_size}-{mode}.db")
                    database = fill(self.file, page_size, mode)
                    self.backup()
                    for sql in ("SELECT sum(balance) FROM account", "SELECT count(*), max(text) FROM log",
                                "SELECT text FROM log WHERE id = 1234", "PRAGMA integrity_check"):
                        self.assertEqual(self.rows(sql), database.execute(sql).fetchall())
                    database.close()

    def test_an_empty_one_and_one_in_utf_16(self):
        open(self.file, "wb").close()
        self.backup()
        self.assertEqual(self.rows("SELECT count(*) FROM sqlite_schema"), [(0,)])
        self.file = self.path("wide.db")
        database = sqlite3.connect(self.file)
        database.executescript("PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (a); INSERT INTO t VALUES ('grün')")
        self.backup()
        self.assertEqual(self.rows("SELECT a, length(a) FROM t"), [("grün", 4)])

    def test_items(self):
        fill(self.file).close()
        fill(self.path("other.db"), rows=10).close()
        self.write("notes/readme", b"no database")
        self.json("backup", self.source, "--sqlite", self.file)
        self.assertEqual(self.rows("SELECT count(*) FROM log"), [(2_000,)])  # the only database of it
        self.assertEqual(self.rows("SELECT count(*) FROM log", snapshot="latest:app.db"), [(2_000,)])
        self.assertEqual(self.rows("SELECT count(*) FROM log", snapshot="latest:app.db/app.db"), [(2_000,)])
        self.refuse_query("SELECT 1", "no SQLite database", snapshot=f"latest:files{self.source}/notes/readme")
        self.refuse_query("SELECT 1", "is no file", snapshot=f"latest:files{self.source}/notes")
        self.json("backup", "--sqlite", self.file, "--set", f"second=sqlite:{self.path('other.db')}")
        self.refuse_query("SELECT 1", "several databases (app.db, second)")
        self.assertEqual(self.rows("SELECT count(*) FROM log", snapshot="latest:second"), [(10,)])
        self.json("backup", self.source)
        self.refuse_query("SELECT 1", "of no database")

    def test_files_of_a_folder(self):
        os.mkdir(self.source)
        path = os.path.join(self.source, "app.db")
        fill(path).close()
        self.json("backup", self.source)
        self.assertEqual(self.rows("SELECT count(*) FROM log", snapshot=f"latest:{path}"), [(2_000,)])
        done = self.run_cairn("query", f"latest:{path}", "SELECT 1")
        self.assertNotIn(b"warning", done.stderr)

    def test_a_log_beside_a_file_is_told(self):
        os.mkdir(self.source)
        path = os.path.join(self.source, "app.db")
        database = fill(path, mode="wal")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("DELETE FROM log")
        self.json("backup", self.source)
        done = self.run_cairn("query", f"latest:{path}", "SELECT count(*) AS n FROM log")
        self.assertEqual(done.stdout.split(), [b"n", b"2000"])
        self.assertIn(b"-wal", done.stderr)

    def test_a_file_that_was_caught_half_written_is_refused(self):
        os.mkdir(self.source)
        path = os.path.join(self.source, "app.db")
        fill(path).close()
        subprocess.run([sys.executable, "-c", CRASHED, path], timeout=60)
        self.assertGreater(os.path.getsize(path + "-journal"), 0)
        self.json("backup", self.source)
        self.refuse_query("SELECT count(*) FROM log", "-journal", snapshot=f"latest:{path}")

    def test_damage_is_of_the_rows_that_it_is_in(self):
        make_large(self.file, 20_000).close()
        self.backup()
        pack = max(self.objects("data"), key=os.path.getsize)
        with open(pack, "r+b") as file:
            file.seek(os.path.getsize(pack) // 2)
            file.write(b"damaged")
        self.assertEqual(self.rows("SELECT id FROM orders WHERE id IN (1, 20000)"), [(1,), (20_000,)])
        done = self.run_cairn("query", "latest", "SELECT count(note), max(length(note)) FROM orders NOT INDEXED", code=1)
        self.assertIn("bytes ", done.stderr.decode())


class Fetched(QueryTest):
    """What is asked of a server that is far, counted by the server."""

    def setUp(self):
        super().setUp()
        self.log = self.path("requests")
        self.server = Nginx(f"access_log {self.log} combined;")
        self.addCleanup(self.server.close)
        self.repo = self.server.address("repo")
        self.init()

    def env(self, password="secret", **more):
        return super().env(password, CAIRN_WEBDAV_USER=USER, CAIRN_WEBDAV_PASSWORD=PASSWORD, **more)

    def fetched(self):
        """Bytes of all answers since the last call."""
        with open(self.log, encoding="utf-8") as file:
            sizes = [int(re.search(r'" \d+ (\d+) ', line)[1]) for line in file]
        os.truncate(self.log, 0)
        return sum(sizes)

    def test_an_indexed_query_fetches_less_than_a_twentieth(self):
        rows = 50_000 if is_sanitized() else 500_000
        database = make_large(self.file, rows)
        size = os.path.getsize(self.file)
        if not is_sanitized():
            self.assertGreater(size, 200_000_000)
        self.backup(timeout=600)
        for cache in ("cache", "new cache"):  # with the index in hand, and on a machine that has never seen it
            self.cache = self.path(cache)
            for sql in ("SELECT id, length(note) FROM orders WHERE customer = 'customer 0004711'",
                        f"SELECT note FROM orders WHERE id = {rows // 3}",
                        "SELECT count(*) FROM orders WHERE customer BETWEEN 'customer 0001000' AND 'customer 0001050'"):
                self.fetched()
                self.assertEqual(self.rows(sql), database.execute(sql).fetchall())
                fetched = self.fetched()
                print(f"{sql[:40]}...: {fetched:,} of {size:,} bytes, {100 * fetched / size:.2f} %")
                self.assertLess(fetched, size / 20)


if __name__ == "__main__":
    unittest.main()
