#!/usr/bin/env python3
"""cairn diff of SQLite databases: which rows differ, as SQLite's own EXCEPT says it."""
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, is_sanitized
from sqlite_testing import SqliteTest, make_large

ODD_NAME = 'odd "name" ☃, with; all'


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def expected(before, after, table, key):
    """Rows of a table that were added, removed and changed, by SQL."""
    both = sqlite3.connect("file::memory:", uri=True)
    both.execute("ATTACH ? AS a", (f"file:{before}?mode=ro",))
    both.execute("ATTACH ? AS b", (f"file:{after}?mode=ro",))
    name = quoted(table)
    on = " AND ".join(f"a.{quoted(column)} = b.{quoted(column)}" for column in key)

    def count(sql):
        return both.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]
    changed = count(f"SELECT 1 FROM (SELECT * FROM a.{name} EXCEPT SELECT * FROM b.{name}) AS a JOIN b.{name} AS b ON {on}")
    added = count(f"SELECT 1 FROM b.{name} AS b WHERE NOT EXISTS (SELECT 1 FROM a.{name} AS a WHERE {on})")
    removed = count(f"SELECT 1 FROM a.{name} AS a WHERE NOT EXISTS (SELECT 1 FROM b.{name} AS b WHERE {on})")
    both.close()
    return added, removed, changed


class DiffTest(SqliteTest):
    def diff(self, *args, before="latest~1", after=("latest",), **kwargs):
        """By table, and the summary."""
        lines = [json.loads(line) for line in
                 self.run_cairn("diff", before, *after, "--json", *args, **kwargs).stdout.decode().splitlines()]
        self.told = lines
        tables = {line["table"]: line for line in lines if line["message_type"] == "table"}
        return tables, lines[-1]

    def shown(self, *args, before="latest~1", after=("latest",), **kwargs):
        return self.run_cairn("diff", before, *after, *args, **kwargs).stdout.decode().splitlines()

    def counts(self, told):
        return tuple(told[f"rows_{word}"] for word in ("added", "removed", "changed"))

    def keep(self):
        """A copy of the database, as it is in the snapshot that is made of it."""
        self.backup()
        self.copies = getattr(self, "copies", 0) + 1
        target = self.path(f"copy{self.copies}.db")
        source = sqlite3.connect(self.file)
        copy = sqlite3.connect(target)
        source.backup(copy)
        copy.close()
        source.close()
        return target

    def make(self, sql):
        self.database = sqlite3.connect(self.file, isolation_level=None)
        self.addCleanup(self.database.close)
        self.database.executescript(sql)


class Snapshots(DiffTest):
    def test_counts_are_those_of_sql(self):
        self.make(f"""
            CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, note BLOB);
            CREATE TABLE pairs (a INT NOT NULL, b TEXT NOT NULL, v REAL, PRIMARY KEY (b, a));
            CREATE TABLE without (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
            CREATE TABLE uniques (a INT NOT NULL, b TEXT, UNIQUE (a));
            CREATE TABLE {quoted(ODD_NAME)} ("a b" INT PRIMARY KEY, "x""y" TEXT);
            CREATE TABLE same (id INTEGER PRIMARY KEY, v);
            INSERT INTO same VALUES (1, 'x'), (2, NULL);""")
        dice = random.Random(3)
        for table in ("orders", "pairs", "without", "uniques", ODD_NAME):
            columns = {"orders": 3, "pairs": 3}.get(table, 2)
            rows = []
            for i in range(5000):
                row = [i, f"t{i}", dice.random()]
                if table == "orders":
                    row[2] = dice.randbytes(dice.choice((3, 30, 9000))) if i % 50 == 0 else None
                if table == "without":
                    row = [f"k{i}", dice.choice((None, 1, 1.5, "1", b"1"))]
                rows.append(row[:columns])
            self.database.executemany(f"INSERT INTO {quoted(table)} VALUES ({','.join('?' * columns)})", rows)
        before = self.keep()
        key = {"orders": ["id"], "pairs": ["b", "a"], "without": ["k"], "uniques": ["a"], ODD_NAME: ["a b"]}
        value = {"orders": "note", "pairs": "v", "without": "v", "uniques": "b", ODD_NAME: 'x"y'}
        for table, columns in key.items():
            name, first = quoted(table), quoted(columns[-1] if table == "pairs" else columns[0])
            self.database.execute(f"UPDATE {name} SET {quoted(value[table])} = x'00ff' WHERE rowid % 97 = 3"
                                  if table != "without" else "UPDATE without SET v = x'00ff' WHERE k LIKE '%37'")
            self.database.execute(f"DELETE FROM {name} WHERE {first} IN (SELECT {first} FROM {name} LIMIT 7 OFFSET 40)")
        self.database.execute("INSERT INTO orders SELECT id + 100000, customer, note FROM orders WHERE id % 40 = 0")
        self.database.execute("INSERT INTO pairs SELECT a + 100000, b, v FROM pairs WHERE a % 30 = 0")
        self.database.execute("INSERT INTO without SELECT 'new ' || k, v FROM without LIMIT 11")
        after = self.keep()
        tables, summary = self.diff()
        self.assertEqual(set(tables), set(key))
        for table, columns in key.items():
            with self.subTest(table):
                self.assertEqual(tables[table]["key"], columns)
                self.assertEqual(self.counts(tables[table]), expected(before, after, table, columns))
                self.assertGreater(min(self.counts(tables[table])[1:]), 0)
        self.assertEqual(summary["tables"]["same"], 1)
        self.assertEqual(summary["tables"]["content"], len(key))
        back, _ = self.diff(before="latest", after=("latest~1",))
        for table in key:
            added, removed, changed = self.counts(tables[table])
            self.assertEqual(self.counts(back[table]), (removed, added, changed))
        self.assertEqual(self.diff(before="latest", after=("latest",))[0], {})

    def test_without_a_key_rows_are_a_multiset(self):
        self.make("""
            CREATE TABLE bag (a, b);
            INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (2, 'y');
            CREATE TABLE maybe (k TEXT PRIMARY KEY, v);
            INSERT INTO maybe VALUES ('a', 1), (NULL, 1), (NULL, 1), (NULL, 2);
            CREATE TABLE may_be (k INT UNIQUE, v);
            INSERT INTO may_be VALUES (NULL, 1), (NULL, 2), (1, 1);""")
        self.keep()
        self.database.executescript("""
            DELETE FROM bag WHERE rowid IN (1, 4); UPDATE bag SET b = 'z' WHERE a = 2;
            INSERT INTO bag VALUES (1, 'x'), (NULL, NULL), (NULL, NULL);
            UPDATE maybe SET v = 3 WHERE k = 'a'; UPDATE maybe SET v = 4 WHERE v = 2; DELETE FROM maybe WHERE rowid = 2;
            UPDATE may_be SET v = 9;""")
        self.keep()
        tables, _ = self.diff()
        self.assertEqual((tables["bag"]["key"], self.counts(tables["bag"])), ([], (2, 1, 0)))
        self.assertEqual((tables["maybe"]["key"], self.counts(tables["maybe"])), (["k"], (1, 2, 1)))
        self.assertEqual((tables["may_be"]["key"], self.counts(tables["may_be"])), ([], (3, 3, 0)))
        self.assertEqual([line for line in self.shown("--table", "bag")][0], "M bag  +2  -1  of 7 rows; no key: whole rows")

    def test_types_of_values_count(self):
        self.make("CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, '2'), (3, 3.5), (4, 0.0), ('a', x'61')")
        self.keep()
        self.database.executescript("""
            UPDATE t SET v = 1.0 WHERE k = 1; UPDATE t SET v = 2 WHERE k = 2; UPDATE t SET v = -0.0 WHERE k = 4;
            UPDATE t SET v = 'a' WHERE k = 'a'; UPDATE t SET k = 3.0 WHERE k = 3;""")
        self.keep()
        self.assertEqual(self.counts(self.diff()[0]["t"]), (0, 0, 3))

    def test_tables_and_columns_that_came_and_went(self):
        self.make("""
            CREATE TABLE gone (id INTEGER PRIMARY KEY); INSERT INTO gone VALUES (1), (2), (3);
            CREATE TABLE grown (id INTEGER PRIMARY KEY, a TEXT, b INT); INSERT INTO grown VALUES (1, 'x', 1), (2, 'y', 2);
            CREATE TABLE other (id INTEGER PRIMARY KEY, a INT, c AS (a * 2));
            INSERT INTO other VALUES (1, 1), (2, 2);
            CREATE VIEW v AS SELECT 1;
            CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('one');""")
        self.keep()
        self.database.executescript("""
            DROP TABLE gone; CREATE TABLE "new one" (x); INSERT INTO "new one" VALUES (1);
            ALTER TABLE grown ADD COLUMN note TEXT DEFAULT 'n'; ALTER TABLE grown DROP COLUMN b; UPDATE grown SET a = 'z' WHERE id = 2;
            DROP TABLE other; CREATE TABLE other (id INT, a TEXT, PRIMARY KEY (a)); INSERT INTO other VALUES (1, '1'), (2, '2');
            INSERT INTO words VALUES ('two');""")
        self.keep()
        lines = self.shown()
        self.assertEqual(lines[:3], ["- gone" + lines[0][6:], "M grown" + lines[1][7:], "+ new one" + lines[2][9:]])
        self.assertTrue(lines[0].endswith("  3 rows"), lines[0])
        self.assertTrue(lines[1].endswith("+0  -0  ~1  of 2 rows; new columns: note; columns gone: b"), lines[1])
        self.assertTrue(lines[2].endswith("  1 row"), lines[2])
        self.assertIn("columns gone: c; id is INT, was INTEGER; a is TEXT, was INT; another primary key; no key: whole rows", lines[3])
        tables, summary = self.diff()
        self.assertEqual(tables["grown"]["columns_added"], ["note"])
        self.assertEqual(tables["grown"]["columns_removed"], ["b"])
        self.assertTrue(tables["other"]["primary_key_changed"])
        self.assertEqual(tables["gone"], {"message_type": "table", "change": "removed", "table": "gone", "rows_before": 3})
        self.assertEqual(self.counts(tables["words_content"]), (1, 0, 0))
        self.assertEqual((summary["tables"]["added"], summary["tables"]["removed"]), (1, 1))
        self.assertNotIn("v", tables)

    def test_rows_are_shown_by_their_keys(self):
        self.make("""
            CREATE TABLE t (a INT, b TEXT, v, PRIMARY KEY (a, b));
            WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 500) INSERT INTO t SELECT n, 'b c', n FROM i;
            CREATE TABLE bag (a, b); INSERT INTO bag VALUES (1, x'00'), (2, 'x
y');""")
        self.keep()
        self.database.executescript("""
            DELETE FROM t WHERE a IN (3, 4); UPDATE t SET v = 0 WHERE a = 7; INSERT INTO t VALUES (900, char(27), 1);
            DELETE FROM bag; INSERT INTO bag VALUES (NULL, 1.5);""")
        self.keep()
        lines = self.shown("--rows")
        self.assertEqual(lines[:4], ["M bag  +1  -2  of 1 row; no key: whole rows", "    - a=1 b=X'00'", "    - a=2 b='x\\ny'",
                                     "    + a=NULL b=1.5"])
        self.assertEqual(lines[4:9], ["M t  +1  -2  ~1  of 499 rows", "    - a=3 b='b c'", "    - a=4 b='b c'", "    ~ a=7 b='b c'",
                                      "    + a=900 b='\\x1b'"])
        limited = self.shown("--rows", "--table", "t", "--limit", "2")
        self.assertEqual(limited[1:4], ["    - a=3 b='b c'", "    - a=4 b='b c'", "    ... and 2 more (--limit)"])
        self.diff("--rows", "--table", "t")
        self.assertEqual([(line["change"], line["values"]) for line in self.told if line["message_type"] == "row"],
                         [("removed", {"a": 3, "b": "b c"}), ("removed", {"a": 4, "b": "b c"}),
                          ("changed", {"a": 7, "b": "b c"}), ("added", {"a": 900, "b": "\x1b"})])
        self.database.execute("UPDATE t SET v = -1")
        self.keep()
        self.assertEqual(len(self.shown("--rows", "--limit", "100", "--table", "t")), 1 + 100 + 1 + 1)

    def test_a_key_that_is_given(self):
        self.make("CREATE TABLE t (id INTEGER PRIMARY KEY, mail TEXT, v); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'b', 3)")
        self.keep()
        self.database.executescript("DELETE FROM t; INSERT INTO t VALUES (7, 'a', 1), (8, 'b', 3), (9, 'b', 4), (10, 'c', 1)")
        self.keep()
        self.assertEqual(self.counts(self.diff("--key", "t=mail")[0]["t"]), (1, 0, 3))
        self.assertEqual(self.counts(self.diff("--key", "t=mail,v")[0]["t"]), (2, 1, 2))
        for key, word in (("x=mail", "table x"), ("t=x", "column x of t"), ("t", "no key")):
            self.assertIn(word, self.run_cairn("diff", "latest~1", "latest", "--key", key, code=1).stderr.decode())

    def test_choice_of_tables_and_what_does_not_go_together(self):
        self.make("CREATE TABLE a (x); CREATE TABLE ab (x); CREATE TABLE b (x)")
        self.keep()
        for table in ("a", "ab", "b"):
            self.database.execute(f"INSERT INTO {table} VALUES (1)")
        self.keep()
        self.assertEqual(set(self.diff("--table", "A*")[0]), {"a", "ab"})
        self.assertEqual(set(self.diff("--table", "a*", "--exclude-table", "ab")[0]), {"a"})
        self.assertIn("no table is called c", self.run_cairn("diff", "latest~1", "latest", "--table", "c", code=1).stderr.decode())
        self.assertEqual(self.shown("--files")[0], "M /app.db")
        self.assertIn("--files", self.run_cairn("diff", "latest~1", "latest", "--files", "--rows", code=1).stderr.decode())
        self.write("file", b"1")
        self.run_cairn("backup", self.source)
        self.assertIn("no database", self.run_cairn("diff", "latest", "latest", "--table", "c", code=1).stderr.decode())

    def test_a_part_says_nothing_of_what_it_has_not(self):
        self.make("CREATE TABLE a (x); INSERT INTO a VALUES (1); CREATE TABLE b (x); INSERT INTO b VALUES (1)")
        self.backup()
        self.run_cairn("backup", "--sqlite", self.file, "--table", "a")
        self.assertEqual(self.diff()[0], {})
        self.run_cairn("backup", "--sqlite", self.file, "--schema-only")
        done = self.run_cairn("diff", "latest~2", "latest")
        self.assertIn("tables: 0 added, 0 removed, 0 with other rows or columns, 0 the same", done.stdout.decode())
        self.assertIn("rows of 2 tables are not compared: its rows were not backed up", done.stderr.decode())

    def test_a_key_that_may_not_read_rows_gets_the_files(self):
        self.make("CREATE TABLE a (x INTEGER PRIMARY KEY)")
        self.backup()
        self.database.execute("INSERT INTO a VALUES (1)")
        self.backup()
        self.run_cairn("key", "add", "--role", "lister", CAIRN_NEW_PASSWORD="lists")
        done = self.run_cairn("diff", "latest~1", "latest", password="lists")
        self.assertEqual(done.stdout.decode().splitlines()[0], "M /app.db")
        self.assertIn("the files that it is kept as are compared", done.stderr.decode())
        self.assertIn("reader", self.run_cairn("diff", "latest~1", "latest", "--rows", password="lists", code=1).stderr.decode())

    def test_a_file_of_an_ordinary_backup_and_items(self):
        self.make("CREATE TABLE a (x INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)")
        self.write("file", b"1")
        self.run_cairn("backup", self.file, self.source)
        self.run_cairn("backup", self.source, "--sqlite", self.file)
        self.database.execute("INSERT INTO a VALUES (2)")
        self.write("file", b"22")
        self.run_cairn("backup", self.file, self.source)
        self.run_cairn("backup", self.source, "--sqlite", self.file)
        for pair in ((f"latest~3:{self.file}", f"latest~1:{self.file}"), (f"latest~3:{self.file}", "latest:app.db"),
                     ("latest~2:app.db", "latest:app.db")):
            self.assertEqual(self.shown(before=pair[0], after=(pair[1],))[0], "M a  +1  -0  ~0  of 2 rows", pair)
        self.database.execute("DELETE FROM a")
        for before in ("latest~1", f"latest~1:{self.file}", "latest:app.db"):
            self.assertEqual(self.shown(before=before, after=(self.file,))[0], "M a  +0  -2  ~0  of 0 rows", before)
        lines = self.shown(before="latest~2")
        self.assertEqual(sorted(lines[:2]), [f"M /files{self.source}/file", "M app.db: a  +1  -0  ~0  of 2 rows"])
        self.assertIn("1 with other content (2 B), 0 of another type; tables: 0 added", lines[2])
        self.assertEqual(self.diff(before="latest~2")[0]["a"]["item"], "app.db")

    def test_damage_of_one_table_is_told_and_the_others_are_compared(self):
        self.make("CREATE TABLE a (x INTEGER PRIMARY KEY, y BLOB); CREATE TABLE b (x INTEGER PRIMARY KEY)")
        self.database.execute("INSERT INTO b VALUES (1)")
        self.backup()
        small = set(self.objects("data"))
        self.database.execute("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 700) "
                              "INSERT INTO a SELECT n, randomblob(1000) FROM i")
        self.backup()
        large = max(set(self.objects("data")) - small, key=os.path.getsize)
        self.database.execute("DELETE FROM a WHERE x = 7")
        self.database.execute("INSERT INTO b VALUES (2)")
        self.backup()
        os.chmod(large, 0o600)
        with open(large, "r+b") as file:
            file.seek(os.path.getsize(large) // 2)
            file.write(bytes(200_000))
        done = self.run_cairn("diff", "latest~1", "latest", code=3)
        self.assertIn("M b  +1  -0  ~0  of 2 rows", done.stdout.decode())
        self.assertIn("1 could not be compared", done.stdout.decode())


class Pages(DiffTest):
    """Pages that both have are not read, and that changes no count."""

    def narrowed(self, *args, **kwargs):
        done = self.run_cairn("diff", "latest~1", "latest", "-v", *args, **kwargs)
        return re.findall(r"of (\S+) (\d+) of (\d+) leaf pages are read", done.stderr.decode())

    def test_of_a_large_table_only_what_changed_is_read(self):
        make_large(self.file, 60_000).close()
        self.make("CREATE TABLE small (x INTEGER PRIMARY KEY)")
        before = self.keep()
        packs = sorted(self.objects("data"), key=os.path.getsize)
        self.database.executescript("""
            UPDATE orders SET note = x'00' WHERE id IN (5, 30000); DELETE FROM orders WHERE id = 59000;
            INSERT INTO orders VALUES (70000, 'new', NULL); INSERT INTO small VALUES (1)""")
        after = self.keep()
        for rows in ((), ("--rows",)):
            tables = self.diff(*rows)[0]
            self.assertEqual(self.counts(tables["orders"]), expected(before, after, "orders", ["id"]))
            self.assertEqual(self.counts(tables["small"]), (1, 0, 0))
            self.assertNotIn("rows_after", tables["orders"])
        self.assertEqual([list(line["values"].values()) for line in self.told if line["message_type"] == "row"],
                         [[59000], [5], [30000], [70000], [1]])
        (name, read, leaves), = self.narrowed()
        self.assertEqual(name, "orders")
        self.assertLess(int(read), 20)
        self.assertGreater(int(leaves), 10_000)
        self.assertTrue(any(self.compares_beside_damage(packs[-1], spot) for spot in range(1, 6)), "what is not read need not be whole")

    def compares_beside_damage(self, pack, spot):
        """Where the damage is in no page that has to be read."""
        os.chmod(pack, 0o600)
        with open(pack, "r+b") as file:
            file.seek(os.path.getsize(pack) * spot // 7)
            was = file.read(100)
            file.seek(-100, os.SEEK_CUR)
            file.write(bytes(100))
            file.flush()
            self.run_cairn("query", "latest~1", "SELECT sum(length(note)) FROM orders", code=1)
            told = self.run_cairn("diff", "latest~1", "latest", code=None)
            file.seek(-100, os.SEEK_CUR)
            file.write(was)
        return told.returncode == 0 and b"M orders  +1  -1  ~2" in told.stdout

    def test_whatever_is_done_counts_are_those_of_sql(self):
        seed = int(os.environ.get("CAIRN_SEED") or random.randrange(10**6))
        print(f"CAIRN_SEED={seed}", file=sys.stderr)
        narrowed = 0
        for vacuum in (0, 1, 2):
            dice = random.Random(seed + vacuum)
            self.file = self.path(f"app{vacuum}.db")
            self.make(f"""
                PRAGMA page_size = 512; PRAGMA auto_vacuum = {vacuum};
                CREATE TABLE t (id INTEGER PRIMARY KEY, v, w); CREATE INDEX i ON t (v);
                CREATE TABLE named (k TEXT PRIMARY KEY, rowid, oid, v); CREATE TABLE no (k TEXT PRIMARY KEY, v) WITHOUT ROWID;""")
            self.database.execute("BEGIN")
            for i in range(8000):
                self.database.execute("INSERT INTO t VALUES (?, ?, ?)", (i * 3, f"v{i}", dice.randbytes(30)))
                self.database.execute("INSERT INTO named VALUES (?, ?, ?, ?)", (f"key {i}", i, -i, dice.random()))
                self.database.execute("INSERT INTO no VALUES (?, ?)", (f"key {i}", i))
            self.database.execute("INSERT INTO t VALUES (-9223372036854775808, 1, 2), (9223372036854775807, 1, 2)")
            self.database.execute("COMMIT")
            before = self.keep()
            for _ in range(8):
                for _ in range(dice.choice((1, 3, 30))):
                    self.change(dice)
                after = self.keep()
                tables, _ = self.diff()
                for table, key in (("t", ["id"]), ("named", ["k"]), ("no", ["k"])):
                    counts = expected(before, after, table, key)
                    told = self.counts(tables[table]) if table in tables else (0, 0, 0)
                    self.assertEqual(told, counts, (seed, vacuum, table))
                narrowed += len(self.narrowed())
                before = after
        self.assertGreater(narrowed, 3, "pages were told apart")

    def change(self, dice):
        number, long = dice.randrange(24000), dice.randbytes(dice.choice((3, 3, 3, 2000)))
        self.database.execute(*dice.choice((
            ("UPDATE t SET w = ? WHERE id = (SELECT id FROM t WHERE id >= ? LIMIT 1)", (long, number)),
            ("UPDATE t SET w = ? WHERE length(w) > 1000", (dice.randbytes(2000),)),
            ("DELETE FROM t WHERE id BETWEEN ? AND ?", (number, number + dice.choice((0, 100)))),
            ("INSERT OR REPLACE INTO t VALUES (?, ?, ?)", (dice.choice((number, 10**15 + number, -number)), "new", long)),
            ("UPDATE named SET v = ? WHERE k = ?", (long, f"key {number // 3}")),
            ("DELETE FROM named WHERE oid = ?", (-number // 3,)),
            ("UPDATE no SET v = ? WHERE k = ?", (long, f"key {number // 3}")),
            ("UPDATE t SET id = id + 1 WHERE id = ?", (number // 3 * 3,)),
            ("PRAGMA incremental_vacuum", ()))))

    def test_columns_that_only_change_names(self):
        """Bytes of rows are the same then."""
        make_large(self.file, 20_000).close()
        self.make("SELECT 1")
        self.keep()
        self.database.executescript("ALTER TABLE orders RENAME customer TO x; ALTER TABLE orders RENAME note TO customer; "
                                    "ALTER TABLE orders RENAME x TO note")
        self.keep()
        self.assertEqual(self.counts(self.diff()[0]["orders"]), (0, 0, 20_000))

    def test_a_vacuum_changes_no_row(self):
        make_large(self.file, 5_000).close()
        self.make("DELETE FROM orders WHERE id % 7 = 0")
        self.keep()
        self.database.execute("VACUUM")
        self.database.execute("UPDATE orders SET customer = 'x' WHERE id = 1")
        self.keep()
        self.assertEqual(self.counts(self.diff()[0]["orders"]), (0, 0, 1))


class Live(DiffTest):
    def live(self, *args, **kwargs):
        return self.diff(*args, before="latest", after=(), **kwargs)[0]

    def test_with_the_file_as_it_is(self):
        self.make("PRAGMA journal_mode = WAL; CREATE TABLE a (x INTEGER PRIMARY KEY, y); INSERT INTO a VALUES (1, 1), (2, 2)")
        self.backup()
        self.assertEqual(self.live("--live"), {})
        self.database.executescript("INSERT INTO a VALUES (3, 3); DELETE FROM a WHERE x = 1; UPDATE a SET y = 'y' WHERE x = 2")
        self.database.execute("BEGIN IMMEDIATE")
        self.database.execute("INSERT INTO a VALUES (4, 4)")
        self.assertEqual(self.counts(self.live("--live")["a"]), (1, 1, 1))
        self.assertEqual(self.counts(self.live("--live", "--rows")["a"]), (1, 1, 1))
        self.database.execute("COMMIT")
        self.assertEqual(self.counts(self.live("--live")["a"]), (2, 1, 1))
        self.assertEqual(self.database.execute("SELECT count(*) FROM a").fetchone()[0], 3)
        other = self.path("other.db")
        sqlite3.connect(other).executescript("CREATE TABLE a (x INTEGER PRIMARY KEY, y); INSERT INTO a VALUES (1, 1)")
        self.assertEqual(self.counts(self.diff(before="latest", after=(other,))[0]["a"]), (0, 1, 0))
        self.assertEqual(self.counts(self.diff(before="latest:app.db", after=(other,))[0]["a"]), (0, 1, 0))

    def test_a_file_that_is_locked_or_none(self):
        self.make("CREATE TABLE a (x)")
        self.backup()
        self.database.execute("BEGIN EXCLUSIVE")
        self.assertIn("locked", self.run_cairn("diff", "latest", "--live", "--lock-wait", "1", code=1).stderr.decode())
        self.database.execute("COMMIT")
        self.database.close()
        os.rename(self.file, self.file + "x")
        self.assertIn("no such file", self.run_cairn("diff", "latest", "--live", code=1).stderr.decode().lower())
        with open(self.file, "wb") as file:
            file.write(b"no database" * 1000)
        self.assertIn("no SQLite database", self.run_cairn("diff", "latest", "--live", code=1).stderr.decode())

    def test_of_several_items_each(self):
        self.make("CREATE TABLE a (x)")
        self.write("file", b"1")
        self.run_cairn("backup", self.source, "--sqlite", self.file)
        self.write("file", b"22")
        self.database.execute("INSERT INTO a VALUES (1)")
        lines = self.shown("--live", before="latest", after=())
        self.assertEqual(sorted(lines[:-1]), [f"M /files{self.source}/file", "M app.db: a  +1  -0  of 1 row; no key: whole rows"])


@unittest.skipIf(is_sanitized(), "a sanitizer's memory is its own")
class Bounds(DiffTest):
    ROWS = 200_000

    def test_memory_is_bounded(self):
        self.make("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        self.database.execute("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ?) "
                              "INSERT INTO t SELECT n, hex(randomblob(20)) FROM i", (self.ROWS,))
        self.backup()
        self.database.execute("UPDATE t SET v = v || 'x'")
        self.backup()
        done = subprocess.run(["/usr/bin/time", "-f", "%M", BIN, "diff", "latest~1", "latest"], env=self.env(), capture_output=True,
                              timeout=300, check=True)
        self.assertIn(f"~{self.ROWS:,}", done.stdout.decode())
        self.assertLess(int(done.stderr.split()[-1]), 170_000, "KiB")


if __name__ == "__main__":
    unittest.main()
