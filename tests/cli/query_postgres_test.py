#!/usr/bin/env python3
"""cairn query of PostgreSQL databases: the rows that statements read, in a private SQLite, without a server."""
import csv
import io
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest
from postgres_testing import Server, odd_data, ODD_EXTENSIONS

SHOP = r"""
CREATE SCHEMA audit; CREATE SCHEMA "Odd ""schema"; CREATE SCHEMA temp; CREATE SCHEMA main;
CREATE TABLE orders (id int PRIMARY KEY, customer text, price numeric(12,2), exact numeric, weight double precision, paid boolean,
  placed timestamp, photo bytea, tags text[], extra jsonb, twice int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO orders SELECT i, 'customer ' || i % 100, i * 1.25, i, i / 8.0, i % 2 = 0, timestamp '2026-01-01' + i * interval '1 hour',
  int4send(i), ARRAY['a', i::text], jsonb_build_object('n', i) FROM generate_series(1, 5000) i;
INSERT INTO orders (id, customer, exact) VALUES (5001, NULL, 12345678901234567890.123), (5002, E'line\nbreak\ttab\\', 'NaN'),
  (5003, '', 9223372036854775807);
CREATE TABLE audit.log (id bigint, note text);
INSERT INTO audit.log SELECT i, 'note ' || i FROM generate_series(1, 300) i;
CREATE TABLE "Odd ""schema"."Odd table" ("Select" int, "select" int, "a""b" text);
INSERT INTO "Odd ""schema"."Odd table" VALUES (1, 2, 'three');
CREATE TABLE temp.one (a int); INSERT INTO temp.one VALUES (41);
CREATE TABLE main.two (a int); INSERT INTO main.two VALUES (42);
CREATE TABLE same (a int); CREATE TABLE "Same" (a int);
CREATE TABLE few (a int); INSERT INTO few VALUES (7); CREATE TABLE also (a int); INSERT INTO also VALUES (7);
CREATE TABLE no_columns (); INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
INSERT INTO parted SELECT generate_series(1, 50);
CREATE VIEW shown AS SELECT 1;
"""


class QueryTest(CairnTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(extensions=ODD_EXTENSIONS)
        cls.addClassCleanup(cls.server.close)
        cls.server.create("shop")
        cls.server.sql("shop", SHOP)

    def setUp(self):
        super().setUp()
        self.init()

    def env(self, password="secret", **more):
        return super().env(password, **dict({"CAIRN_PG_BIN": self.server.bin}, **more))

    def backup_of(self, database, *args):
        return self.json("backup", "--postgres", self.server.uri(database, user="postgres", local=True), *args)

    def rows(self, sql, snapshot="latest"):
        done = self.run_cairn("query", snapshot, sql, "--json")
        self.said = done.stderr.decode()
        return [tuple(json.loads(line).values()) for line in done.stdout.decode().splitlines()]

    def refuse(self, sql, word):
        done = self.run_cairn("query", "latest", sql, code=1)
        self.assertIn(word, done.stderr.decode())
        self.assertEqual(done.stdout, b"")


class Shop(QueryTest):
    def setUp(self):
        super().setUp()
        self.backup_of("shop")

    def test_rows_are_those_of_the_table(self):
        self.assertEqual(self.rows("SELECT count(*), sum(id), sum(price), sum(weight), sum(paid) FROM orders WHERE id <= 5000"),
                         [(5000, 12502500, 15628125, 1562812.5, 2500)])
        self.assertIn("loading 5003 rows of public.orders into a private SQLite", self.said)
        self.assertIn("1 numbers of public.orders have more than 15 digits", self.said)
        self.assertNotIn("audit.log", self.said)
        self.assertEqual(self.rows("SELECT customer, price, exact, paid, placed, photo, tags, extra->>'n' FROM orders WHERE id = 17"),
                         [("customer 17", 21.25, 17, 0, "2026-01-01 17:00:00", {"hex": "00000011"}, "{a,17}", 17)])
        self.assertEqual(self.rows("SELECT customer, exact FROM orders WHERE id > 5000 ORDER BY id"),
                         [(None, 1.2345678901234567e19), ("line\nbreak\ttab\\", "NaN"), ("", 9223372036854775807)])
        self.assertEqual(self.rows("SELECT id FROM orders WHERE price > 6249 AND price < 6251"), [(5000,)])
        self.assertEqual(self.rows("SELECT count(*) FROM public.orders o JOIN audit.log l ON l.id = o.id"), [(300,)])
        self.assertIn("public.orders", self.said)
        self.assertIn("audit.log", self.said)

    def test_names(self):
        self.assertEqual(self.rows("SELECT note FROM log WHERE id = 7"), [("note 7",)])  # of the only schema that has one
        self.assertEqual(self.rows('SELECT * FROM "Odd ""schema"."odd TABLE"'), [(1, 2, "three")])
        self.assertEqual(self.rows("SELECT one.a, two.a FROM temp.one, main.two"), [(41, 42)])
        self.assertEqual(self.rows("SELECT count(*) FROM no_columns"), [(1,)])
        self.assertEqual(self.rows("SELECT count(*) FROM same; SELECT 1"), [(0,), (1,)])
        self.assertRegex(self.said, "table public.[sS]ame is left out")
        for sql in ("SELECT 1 FROM few", "SELECT 1 FROM public.few", "SELECT 1 FROM FEW AS x", "SELECT 1 WHERE 7 IN few",
                    "WITH x AS (SELECT 1 FROM few) SELECT * FROM x", "SELECT 1 WHERE EXISTS (SELECT 1 FROM few)",
                    "SELECT 1 FROM (VALUES (1)) LEFT JOIN few", "SELECT (SELECT 1 FROM few LIMIT 1)", "SELECT rowid FROM few",
                    "SELECT count(*) FROM few UNION SELECT count(*) FROM public.few", "SELECT count(*) FROM few JOIN also USING (a)",
                    "SELECT count(*) FROM few NATURAL JOIN also", "SELECT count(*) FROM also NATURAL LEFT JOIN few WHERE few.a"):
            self.assertEqual(self.rows(sql), [(1,)], sql)  # though no column is asked for, its rows are there

    def test_what_is_not_there_is_told(self):
        self.refuse("SELECT * FROM parted", "its rows are in its partitions")
        self.assertEqual(self.rows("SELECT count(*) FROM part_1"), [(50,)])
        self.refuse("SELECT * FROM shown", "--tables")
        self.refuse("DELETE FROM orders", "refused")
        self.refuse("ATTACH ':memory:' AS x", "refused")
        self.refuse("CREATE TABLE x (a)", "refused")
        self.assertEqual(self.run_cairn("query", "latest", "SELECT count(*) AS n FROM orders", "-q").stderr, b"")

    def test_tables(self):
        tables = {table["name"]: table for table in self.json("query", "latest", "--tables")["tables"]}
        self.assertEqual(tables["public.orders"]["rows"], 5003)
        self.assertIn("price numeric(12,2)", tables["public.orders"]["columns"])
        self.assertEqual(tables["public.parted"]["kind"], "partitioned")
        self.assertEqual(tables["audit.log"]["columns"], ["id bigint", "note text"])

    def test_an_item_of_several(self):
        self.write("file", b"")
        self.json("backup", self.source, "--set", "db=" + self.server.uri("shop", user="postgres", local=True))
        self.assertEqual(self.rows("SELECT count(*) FROM orders"), [(5003,)])
        self.assertEqual(self.rows("SELECT count(*) FROM orders", "latest:db"), [(5003,)])


class Many(QueryTest):
    def test_more_rows_than_memory_from_several_schemas(self):
        self.server.create("many")
        self.addCleanup(self.server.drop, "many")
        for i in range(8):  # 16 MB each
            self.server.sql("many", f"CREATE SCHEMA s{i}; CREATE TABLE s{i}.t (id int, x text); INSERT INTO s{i}.t SELECT i, "
                                    f"repeat(md5((i * {i + 1})::text), 6) FROM generate_series(1, 80000) i")
        self.backup_of("many")
        done = self.run_cairn("query", "latest", "SELECT count(*) AS n, sum(length(a.x) + length(b.x)) AS bytes FROM s0.t a JOIN s1.t b "
                              "USING (id) " + " ".join(f"JOIN s{i}.t USING (id)" for i in range(2, 8)), "--csv", "--memory", "128M")
        self.assertEqual(done.stdout, b"n,bytes\n80000,30720000\n")


class Odd(QueryTest):
    def test_every_odd_row_is_there(self):
        csv.field_size_limit(2**30)
        odd_data(self.server, "odd")
        self.addCleanup(self.server.drop, "odd")
        self.backup_of("odd")
        count = 0
        for table in self.json("query", "latest", "--tables")["tables"]:
            schema, name = next((one[0], one[1]) for one in self.names() if f"{one[0]}.{one[1]}" == table["name"])
            if table["kind"] != "table":
                continue
            quoted = '"' + schema.replace('"', '""') + '"."' + name.replace('"', '""') + '"'
            done = self.run_cairn("query", "latest", f"SELECT * FROM {quoted}", "--csv", code=None)
            if b"no such table" in done.stderr and b"left out" in done.stderr:
                continue
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))[1:]
            self.assertEqual(len(rows), table["rows"], table["name"])
            count += 1
        self.assertGreater(count, 30)
        values = self.rows("SELECT value FROM odd_text WHERE value IS NOT NULL ORDER BY id LIMIT 20")
        kept = self.server.sql("odd", "SELECT json_agg(value ORDER BY id) FROM (SELECT * FROM odd_text WHERE value IS NOT NULL "
                                      "ORDER BY id LIMIT 20) t")
        self.assertEqual([value for value, in values], json.loads(kept))

    def names(self):
        text = self.server.sql("odd", "SELECT json_agg(json_build_array(nspname, relname)) FROM pg_class c JOIN pg_namespace n "
                                      "ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'f', 'm')")
        return json.loads(text)


if __name__ == "__main__":
    unittest.main()
