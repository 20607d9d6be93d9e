#!/usr/bin/env python3
"""cairn diff of PostgreSQL databases: which rows differ, as the server's own SQL says it."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, is_sanitized
from postgres_test import PostgresTest

TABLES = r'''
CREATE SCHEMA "Odd ""s"" ☃";
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, note bytea, at timestamptz, price numeric(10, 2));
CREATE TABLE pairs (a int, b text, v float8, PRIMARY KEY (b, a));
CREATE TABLE uniques (a int NOT NULL, "B" text NOT NULL, v text, CONSTRAINT "u ☃" UNIQUE (a, "B"));
CREATE TABLE by_index (a int NOT NULL, v text); CREATE UNIQUE INDEX ON by_index (a);
CREATE TABLE may_be (a int UNIQUE, v text);
CREATE TABLE half (a int NOT NULL, v text); CREATE UNIQUE INDEX ON half (a) WHERE a > 0; CREATE UNIQUE INDEX ON half (abs(a), a);
CREATE TABLE "Odd ""s"" ☃"."t, ""x""" ("k k" text PRIMARY KEY, "v'" text, twice text GENERATED ALWAYS AS ("v'" || "v'") STORED);
CREATE TABLE bag (a int, b text);
CREATE TABLE same (id int PRIMARY KEY, v text);
CREATE TABLE parts (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (9000);
CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one;
INSERT INTO orders SELECT i, 'c' || i % 100, decode(md5(i::text), 'hex'), now() + i * interval '1 s', i / 7.0
  FROM generate_series(1, 5000) i;
INSERT INTO pairs SELECT i % 50, E'b\t' || i / 50, i / 3.0 FROM generate_series(1, 3000) i;
INSERT INTO uniques SELECT i % 30, 'u' || i / 30, E'back\\slash\nline' || i FROM generate_series(1, 2000) i;
INSERT INTO by_index SELECT i, NULL FROM generate_series(1, 1000) i;
INSERT INTO may_be SELECT NULLIF(i % 300, 0), i::text FROM generate_series(1, 299) i; INSERT INTO may_be VALUES (NULL, 'n'), (NULL, 'n');
INSERT INTO half SELECT i, i::text FROM generate_series(1, 100) i;
INSERT INTO "Odd ""s"" ☃"."t, ""x""" SELECT 'k' || i, '\N' FROM generate_series(1, 500) i;
INSERT INTO bag SELECT i % 10, NULL FROM generate_series(1, 100) i;
INSERT INTO same SELECT i, md5(i::text) FROM generate_series(1, 1000) i;
INSERT INTO parts SELECT i, 'p' FROM generate_series(1, 2000) i;
'''

CHANGES = r'''
UPDATE orders SET price = price + 1 WHERE id % 111 = 0; UPDATE orders SET note = NULL WHERE id % 97 = 0;
DELETE FROM orders WHERE id BETWEEN 40 AND 52; INSERT INTO orders SELECT i, 'new', NULL, now(), 0 FROM generate_series(6001, 6120) i;
UPDATE pairs SET v = 'NaN' WHERE a = 3; DELETE FROM pairs WHERE a = 4 AND b < E'b\t2'; INSERT INTO pairs VALUES (900, '', 1), (901, '', 2);
UPDATE uniques SET v = '' WHERE a = 5; UPDATE uniques SET "B" = "B" || '!' WHERE a = 6;
UPDATE by_index SET v = 'x' WHERE a < 10; DELETE FROM by_index WHERE a = 500;
UPDATE may_be SET v = 'y' WHERE a < 10; DELETE FROM may_be WHERE a IS NULL AND ctid = (SELECT max(ctid) FROM may_be);
UPDATE half SET v = 'z' WHERE a < 4;
UPDATE "Odd ""s"" ☃"."t, ""x""" SET "v'" = NULL WHERE "k k" LIKE '%7'; DELETE FROM "Odd ""s"" ☃"."t, ""x""" WHERE "k k" = 'k1';
DELETE FROM bag WHERE ctid IN (SELECT ctid FROM bag WHERE a = 3 LIMIT 4); INSERT INTO bag VALUES (3, 'x'), (77, NULL);
UPDATE parts SET v = 'q' WHERE id IN (5, 6, 7, 1500); DELETE FROM parts WHERE id = 1700;
'''

KEYS = {"public.orders": ["id"], "public.pairs": ["b", "a"], "public.uniques": ["a", "B"], "public.by_index": ["a"],
        "public.parts_1": ["id"], "public.parts_2": ["id"], 'Odd "s" ☃.t, "x"': ["k k"], "public.bag": [], "public.may_be": [],
        "public.half": []}
SQL_NAMES = {name: f"public.{name[7:]}" for name in KEYS if name.startswith("public.")} | {
    'Odd "s" ☃.t, "x"': '"Odd ""s"" ☃"."t, ""x"""'}


def damage_middle(path):
    """Of a file, the second third."""
    os.chmod(path, 0o600)
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.seek(size // 3)
        file.write(os.urandom(size // 3))


class DiffTest(PostgresTest):
    def make_shop(self, sql=TABLES):
        self.server.drop("shop")
        self.server.create("shop")
        self.server.sql("shop", sql)
        self.addCleanup(self.drop_all, "shop")

    def diff(self, *args, before="latest~1", after=("latest",), **kwargs):
        self.told = [json.loads(line) for line in
                     self.run_cairn("diff", before, *after, "--json", *args, **kwargs).stdout.decode().splitlines()]
        return {line["table"]: line for line in self.told if line["message_type"] == "table"}

    def shown(self, *args, before="latest~1", after=("latest",), **kwargs):
        return self.run_cairn("diff", before, *after, *args, **kwargs).stdout.decode().splitlines()

    def counts(self, told):
        return tuple(told[f"rows_{word}"] for word in ("added", "removed", "changed"))

    def expected(self, name, key):
        """By SQL on the server, against the copy that is in the schema `was`."""
        table, was = SQL_NAMES[name], f'was."{list(SQL_NAMES).index(name)}"'

        def count(sql):
            return int(self.server.sql("shop", f"SELECT count(*) FROM ({sql}) AS x"))
        if not key:
            return (count(f"SELECT * FROM {table} EXCEPT ALL SELECT * FROM {was}"),
                    count(f"SELECT * FROM {was} EXCEPT ALL SELECT * FROM {table}"), 0)
        on = " AND ".join('a."{0}" = b."{0}"'.format(column) for column in key)
        return (count(f"SELECT 1 FROM {table} b WHERE NOT EXISTS (SELECT FROM {was} a WHERE {on})"),
                count(f"SELECT 1 FROM {was} a WHERE NOT EXISTS (SELECT FROM {table} b WHERE {on})"),
                count(f"SELECT 1 FROM (SELECT * FROM {was} EXCEPT SELECT * FROM {table}) a JOIN {table} b ON {on}"))

    def keep(self):
        self.server.sql("shop", "CREATE SCHEMA was; " + "".join(
            f'CREATE TABLE was."{i}" AS SELECT * FROM {table};' for i, table in enumerate(SQL_NAMES.values())))

    def check_counts(self, tables):
        self.assertEqual(set(tables), set(KEYS))
        for name, key in KEYS.items():
            with self.subTest(name):
                self.assertEqual(tables[name]["key"], key)
                self.assertEqual(self.counts(tables[name]), self.expected(name, key))
                self.assertGreater(sum(self.counts(tables[name])), 0)


class Snapshots(DiffTest):
    def test_counts_are_those_of_sql_between_snapshots_and_live(self):
        self.make_shop()
        options = ("--exclude-table", "was.*")
        self.backup_of("shop", *options)
        self.keep()
        self.server.sql("shop", CHANGES)
        live = ("--postgres", self.address("shop"))
        of_live = self.diff(*live, before="latest", after=())
        self.backup_of("shop", *options)
        tables = self.diff()
        self.check_counts(tables)
        for name, told in tables.items():
            self.assertEqual(self.counts(of_live[name]), self.counts(told), name)
            self.assertEqual(of_live[name]["rows_after"], told["rows_after"], name)
        self.assertEqual(set(of_live), set(tables))
        self.assertEqual(self.told[-1]["tables"]["same"], 1)
        self.assertEqual(self.diff(*live, before="latest", after=()), {})
        self.assertEqual(self.diff("--rows", *live, before="latest~1", after=(), timeout=300).keys(), tables.keys())
        line = [line for line in self.shown() if line.startswith("M public.orders")][0]
        self.assertIn("of 5,107 rows", line)

    def test_equal_streams_are_not_read(self):
        self.make_shop("CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big SELECT i, md5(i::text) FROM "
                       "generate_series(1, 100000) i; CREATE TABLE small (id int)")
        self.backup_of("shop")
        damage_middle(max(self.objects("data"), key=os.path.getsize))
        self.server.sql("shop", "INSERT INTO small VALUES (1)")
        self.backup_of("shop")
        self.assertEqual(set(self.diff()), {"public.small"})
        self.server.sql("shop", "INSERT INTO big VALUES (0)")
        self.backup_of("shop")
        self.assertEqual(set(self.diff(code=3)), set())
        self.assertIn("public.big", [line["object"] for line in self.told if line["message_type"] == "finding"])

    def test_tables_and_columns_that_came_and_went(self):
        self.make_shop("""
            CREATE TABLE gone (id int); INSERT INTO gone VALUES (1), (2);
            CREATE TABLE grown (id int PRIMARY KEY, a text, b int, c int); INSERT INTO grown VALUES (1, 'x', 1, 1), (2, 'y', 2, 2);
            CREATE TABLE keyed (id int PRIMARY KEY, a text NOT NULL); INSERT INTO keyed VALUES (1, 'x');""")
        self.backup_of("shop")
        self.server.sql("shop", """
            DROP TABLE gone; CREATE TABLE "new one" (x int); INSERT INTO "new one" VALUES (1);
            ALTER TABLE grown ADD note text DEFAULT 'n', DROP b, ALTER c TYPE bigint; UPDATE grown SET a = 'z' WHERE id = 2;
            ALTER TABLE keyed DROP CONSTRAINT keyed_pkey, ADD PRIMARY KEY (a);""")
        for live in (False, True):
            if not live:
                self.backup_of("shop")
            more = ("--postgres", self.address("shop")) if live else ()
            lines = self.shown(*more, **({"before": "latest~1", "after": ()} if live else {}))
            self.assertEqual([" ".join(line.split()) for line in lines[:-1]], [
                "- public.gone 2 rows",
                "M public.grown +0 -0 ~1 of 2 rows; new columns: note; columns gone: b; c is bigint, was integer",
                "M public.keyed +0 -0 of 1 row; another primary key", "+ public.new one 1 row"])
            self.assertEqual(lines[-1], "tables: 1 added, 1 removed, 2 with other rows or columns, 0 the same; rows: +0 -0 ~1")

    def test_rows_are_shown_by_their_keys(self):
        self.make_shop("CREATE TABLE t (a int, b text, v text, PRIMARY KEY (a, b)); INSERT INTO t SELECT i, 'b c', 'v' "
                       "FROM generate_series(1, 300) i; CREATE TABLE bag (a int, b text); INSERT INTO bag VALUES (1, NULL), (2, E'x\\ny')")
        self.backup_of("shop")
        self.server.sql("shop", "DELETE FROM t WHERE a IN (3, 4); UPDATE t SET v = 'w' WHERE a = 7; INSERT INTO t VALUES (900, '', 1); "
                                "DELETE FROM bag; INSERT INTO bag VALUES (NULL, 'z')")
        self.backup_of("shop")
        self.assertEqual(self.shown("--rows")[:-1], [
            "M public.bag  +1  -2  of 1 row; no key: whole rows", "    - a=1 b=NULL", "    - a=2 b='x\\ny'", "    + a=NULL b=z",
            "M public.t  +1  -2  ~1  of 299 rows", "    - a=3 b='b c'", "    - a=4 b='b c'", "    ~ a=7 b='b c'", "    + a=900 b=''"])
        self.assertEqual(self.shown("--rows", "--limit", "1", "--table", "public.t")[1:3],
                         ["    - a=3 b='b c'", "    ... and 3 more (--limit)"])
        self.assertEqual(self.shown("--table", "t", "--key", "t=a")[0], "M public.t  +1  -2  ~1  of 299 rows")
        self.assertIn("no table is called", self.error("diff", "latest~1", "latest", "--table", "x"))
        self.assertIn("M /data/tables/public/t.copy", self.shown("--files"))

    def test_what_is_no_pair(self):
        self.make_shop("CREATE TABLE t (a int)")
        self.backup_of("shop")
        self.assertIn("--postgres ADDRESS", self.error("diff", "latest", "--live"))
        self.assertIn("--postgres says", self.error("diff", "latest", "--postgres", self.address("shop"), "--live"))
        self.write("file", b"1")
        self.backup()
        self.assertIn("of no database", self.error("diff", "latest", "--postgres", self.address("shop")))
        self.assertIn("nosuch", self.error("diff", "latest~1", "--postgres", self.address("nosuch")))

    def test_a_choice_of_tables(self):
        self.make_shop("CREATE TABLE a (x int); CREATE TABLE b (x int)")
        self.backup_of("shop", "--table", "a")
        self.server.sql("shop", "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)")
        self.assertEqual(set(self.diff("--postgres", self.address("shop"), before="latest", after=())), {"public.a"})
        self.backup_of("shop")
        self.assertEqual(set(self.diff()), {"public.a"})
        self.server.sql("shop", "DROP TABLE a")
        self.assertEqual(self.diff("--postgres", self.address("shop"), "--table", "a", before="latest~1",
                                   after=())["public.a"]["change"], "removed")
        tables = self.diff("--postgres", self.address("shop"), before="latest~1", after=())
        self.assertEqual({name: told["change"] for name, told in tables.items()}, {"public.a": "removed"})

    def test_a_table_that_is_locked_is_told(self):
        self.make_shop("CREATE TABLE a (x int); CREATE TABLE b (x int)")
        self.backup_of("shop")
        self.server.sql("shop", "INSERT INTO b VALUES (1)")
        holder = subprocess.Popen(["psql", "-X", "-q", self.address("shop")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        holder.stdin.write("BEGIN; LOCK TABLE a; SELECT 'held';\n")
        holder.stdin.flush()
        while "held" not in holder.stdout.readline():
            pass
        self.assertIn("locked", self.error("diff", "latest", "--postgres", self.address("shop"), "--lock-wait", "1"))
        for choice in (("--table", "b"), ("--exclude-table", "a")):
            tables = self.diff("--postgres", self.address("shop"), *choice, before="latest", after=())
            self.assertEqual(self.counts(tables["public.b"]), (1, 0, 0))
        holder.communicate("ROLLBACK;\n")


@unittest.skipIf(is_sanitized(), "a sanitizer's memory is its own")
class Bounds(DiffTest):
    ROWS = 200_000

    def test_memory_is_bounded(self):
        self.make_shop("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, md5(i::text) FROM "
                       f"generate_series(1, {self.ROWS}) i")
        self.backup_of("shop")
        self.server.sql("shop", "UPDATE t SET v = v || 'x'")
        self.backup_of("shop")
        done = subprocess.run(["/usr/bin/time", "-f", "%M", BIN, "diff", "latest~1", "latest"], env=self.env(), capture_output=True,
                              timeout=300, check=True)
        self.assertIn(f"~{self.ROWS:,}", done.stdout.decode())
        self.assertLess(int(done.stderr.split()[-1]), 170_000, "KiB")


if __name__ == "__main__":
    unittest.main()
