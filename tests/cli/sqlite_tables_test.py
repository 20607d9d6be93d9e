"""Tables of SQLite databases back into ones that programs read and write meanwhile."""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, can_mount, is_sanitized
from sqlite_testing import SqliteTest, content

# A row of another table now and then, until it is killed; says each that is committed.
OTHER_WRITER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for round in range(10**9):
    database.execute("INSERT INTO late VALUES (?)", (round,))
    print(round, flush=True)
    time.sleep(float(sys.argv[2]))
"""


class TablesTest(SqliteTest):
    def sql(self, *statements, file=None):
        """Runs them, each committed; the rows of the last."""
        database = sqlite3.connect(file or self.file, isolation_level=None)
        try:
            for statement in statements:
                rows = database.execute(statement).fetchall()
            return rows
        finally:
            database.close()

    def script(self, text, file=None):
        database = sqlite3.connect(file or self.file)
        database.executescript(text)
        database.close()

    def restore(self, *args, **kwargs):
        report = self.json("restore", "latest", "--sqlite", self.file, *args, **kwargs)
        self.assertEqual(self.stages(), [])
        report["by_name"] = {one["name"]: one for one in report["tables"]}
        return report

    def stages(self):
        return [name for name in os.listdir(self.dir) if name.startswith(".cairn-restore-")]

    def fails(self, word, *args, code=1, **kwargs):
        """What it says; the database is what it was, and no copy is left beside it."""
        before = content(self.file)
        done = self.run_cairn("restore", "latest", "--sqlite", self.file, *args, code=None, **kwargs)
        said = done.stderr.decode() + done.stdout.decode()
        self.assertEqual(done.returncode, code, said)
        self.assertIn(word, said)
        self.assertEqual(self.stages(), [])
        self.assertEqual(content(self.file), before)
        return said

    def schema(self):
        return self.sql("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2")

    def kept(self, *args):
        """The database as the latest snapshot has it, in a file of its own."""
        file = self.path(f"kept-{random.randrange(10**9)}.db")
        self.run_cairn("restore", "latest", "--sqlite", file)
        return file


SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT);
CREATE TABLE basket (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, note TEXT);
CREATE TABLE log (line TEXT);
CREATE INDEX basket_note ON basket (note);
CREATE TRIGGER basket_log AFTER INSERT ON basket BEGIN INSERT INTO log VALUES ('came ' || new.id); END;
CREATE TRIGGER /* odd   one */ basket_gone AFTER DELETE ON basket
BEGIN INSERT INTO log VALUES ('went ' || old.id); END;
INSERT INTO customer VALUES (1, 'a@x', 'Ann'), (2, 'b@x', 'Ben'), (3, 'c@x', 'Cy');
INSERT INTO basket VALUES (10, 1, 'apples'), (11, 2, 'bread'), (12, 2, NULL);
DELETE FROM log;
"""


class Replace(TablesTest):
    def test_rows_of_a_table_are_as_they_were_and_all_else_stays(self):
        for mode in ("wal", "delete", "truncate", "persist"):
            with self.subTest(mode=mode):
                self.file = self.path(f"{mode}.db")
                application = sqlite3.connect(self.file, isolation_level=None)
                application.execute(f"PRAGMA journal_mode = {mode}")
                application.executescript(SHOP)
                self.backup()
                schema = self.schema()
                application.execute("DELETE FROM basket WHERE id = 10")
                application.execute("UPDATE basket SET note = 'changed'")
                application.execute("INSERT INTO basket VALUES (99, 1, 'new')")
                application.execute("UPDATE customer SET name = 'stays'")
                application.execute("INSERT INTO log VALUES ('stays')")
                log = application.execute("SELECT * FROM log").fetchall()
                report = self.restore("--table", "basket")
                self.assertEqual(report["by_name"]["basket"]["inserted"], 3)
                self.assertTrue(report["verified"])
                self.assertEqual(application.execute("SELECT * FROM basket ORDER BY id").fetchall(),
                                 [(10, 1, "apples"), (11, 2, "bread"), (12, 2, None)])
                self.assertEqual(application.execute("SELECT DISTINCT name FROM customer").fetchall(), [("stays",)])
                self.assertEqual(application.execute("SELECT * FROM log").fetchall(), log, "a trigger fired")
                self.assertEqual(self.schema(), schema)
                self.assertIn("basket_log, basket_gone", report["notes"][0])
                # It goes on in the same file, with its triggers.
                application.execute("INSERT INTO basket VALUES (50, 3, 'later')")
                self.assertEqual(application.execute("SELECT * FROM log WHERE line = 'came 50'").fetchall(), [("came 50",)])
                application.close()
                content(self.file)

    def test_undo_puts_all_of_it_back(self):
        self.script(SHOP)
        self.backup()
        self.sql("UPDATE basket SET note = 'changed'", "INSERT INTO log VALUES ('stays')")
        before = content(self.file)
        report = self.restore("--table", "basket")
        self.assertNotEqual(content(self.file), before)
        self.json("restore", "--sqlite", self.file, "--undo", report["run"])
        self.assertEqual(content(self.file), before)
        again = self.run_cairn("restore", "latest", "--sqlite", self.file, "--table", "basket").stdout.decode()
        self.assertIn("takes away what is written to any table until then", again)
        safety = [one for one in self.json("snapshots")["snapshots"] if one["class"] == "safety"][-1]
        self.json("restore", safety["id"], "--sqlite", self.file, "--table", "basket")
        self.assertEqual(content(self.file), before)
        said = self.run_cairn("restore", "--sqlite", self.file, "--undo", report["run"], "--table", "basket",
                              code=1).stderr.decode()
        self.assertIn("whole database", said)

    def test_every_value_comes_back_with_its_type(self):
        for encoding in ("UTF-8", "UTF-16be"):
            with self.subTest(encoding=encoding):
                self.file = self.path(f"{encoding}.db")
                self.every_value(encoding)

    def every_value(self, encoding):
        self.script(f"PRAGMA encoding = '{encoding}';" """
            CREATE TABLE plain (a, b TEXT, c INTEGER, d REAL, e BLOB, f NUMERIC);
            CREATE TABLE hidden (v);
            CREATE TABLE pair (a TEXT COLLATE NOCASE, b INTEGER, v, PRIMARY KEY (b, a)) WITHOUT ROWID;
            CREATE TABLE strict_one (id INTEGER PRIMARY KEY, a ANY, b TEXT, c BLOB) STRICT;
            CREATE TABLE computed (a INTEGER, b AS (a * 2), c INTEGER GENERATED ALWAYS AS (a + 1) STORED, d TEXT);
            CREATE TABLE down (id INTEGER PRIMARY KEY DESC, v);
            CREATE TABLE fussy (id INTEGER PRIMARY KEY, v TEXT UNIQUE ON CONFLICT REPLACE, w NOT NULL ON CONFLICT IGNORE);
        """)
        database = sqlite3.connect(self.file)
        values = [None, 0, 1, -1, 2**63 - 1, -2**63, 0.1, 1.0, -0.0, 1e308, 5e-324, "", "1", "1.0", "a\0b", "ü\U0001f600", b"",
                  b"\0\xff", "x" * 100_000, b"y" * 100_000]
        for value in values:
            database.execute("INSERT INTO plain VALUES (?, ?, ?, ?, ?, ?)", (value,) * 6)
            database.execute("INSERT INTO hidden VALUES (?)", (value,))
            database.execute("INSERT INTO strict_one (a) VALUES (?)", (value,))
        database.execute("DELETE FROM hidden WHERE rowid % 3 = 0")
        database.execute("INSERT INTO hidden (rowid, v) VALUES (-5, 'minus'), (9223372036854775807, 'last')")
        database.executemany("INSERT INTO pair VALUES (?, ?, ?)", [(f"k{i}", i % 7, i) for i in range(500)])
        database.executemany("INSERT INTO computed (a, d) VALUES (?, ?)", [(i, str(i)) for i in range(500)])
        database.executemany("INSERT INTO down VALUES (?, ?)", [(i, i) for i in range(5)])
        database.executemany("INSERT INTO fussy VALUES (?, ?, 1)", [(i, str(i)) for i in range(5)])
        database.commit()
        database.close()
        tables = ["plain", "hidden", "pair", "strict_one", "computed", "down", "fussy"]
        look = {name: f"SELECT {'' if name == 'pair' else 'rowid, '}*, "
                      + ", ".join(f"typeof({column}), hex({column})" for (column,) in
                                  self.sql(f"SELECT name FROM pragma_table_xinfo('{name}')"))
                      + f" FROM {name} ORDER BY 1, 2" for name in tables}
        before = {name: self.sql(query) for name, query in look.items()}
        whole = content(self.file)
        self.backup()
        for name in tables:
            self.sql(f"DELETE FROM {name}")
        self.sql("INSERT INTO plain VALUES (1, 2, 3, 4, 5, 6)", "INSERT INTO hidden VALUES ('else')")
        self.restore("--data-only")
        for name, query in look.items():
            self.assertEqual(self.sql(query), before[name], name)
        self.assertEqual(content(self.file), whole)

    def test_odd_names(self):
        names = ['or"der', "Gro\u00dfe Tabelle", "select", "a'b", "x]y", "rowid", "UPPER", "a.b", "staged", "main", "temp",
                 "100%", "a;b", "new\nline", "cairn_broken"]
        database = sqlite3.connect(self.file)
        quoted = {name: '"' + name.replace('"', '""') + '"' for name in names}
        for name, q in quoted.items():
            database.execute(f"CREATE TABLE {q} ({q} TEXT, rowid TEXT, oid INTEGER, PRIMARY KEY ({q}))" if name != "rowid"
                             else "CREATE TABLE \"rowid\" (\"rowid\" TEXT PRIMARY KEY, _rowid_, oid)")
            database.execute(f"INSERT INTO {q} VALUES ('k', 'v', 7)")
        database.commit()
        database.close()
        state = lambda: (sorted(self.schema()), [self.sql(f"SELECT * FROM {q}") for q in quoted.values()])
        whole = state()
        self.backup()
        for q in quoted.values():
            self.sql(f"UPDATE {q} SET oid = 8", f"INSERT INTO {q} VALUES ('here', 'v', 7)")
        report = self.restore("--data-only")
        self.assertEqual({one["name"] for one in report["tables"]}, set(names))
        self.assertEqual(state(), whole)
        for q in quoted.values():
            self.sql(f"DELETE FROM {q}")
        report = self.restore("--strategy", "merge")
        self.assertEqual({one["inserted"] for one in report["tables"]}, {1})
        self.assertEqual(state(), whole)
        self.sql("DROP TABLE \"select\"", "UPDATE \"upper\" SET oid = 1")
        report = self.restore("--table", "SELECT", "--table", "upPer")
        self.assertEqual(set(report["by_name"]), {"select", "UPPER"})
        self.assertEqual(state(), whole)

    def test_patterns(self):
        self.script("CREATE TABLE a1 (x); CREATE TABLE a2 (x); CREATE TABLE b1 (x); CREATE VIEW a3 AS SELECT 1")
        self.backup()
        names = lambda *args: [one["name"] for one in self.restore(*args, "-n")["tables"]]
        self.assertEqual(names("--table", "A*"), ["a1", "a2"])
        self.assertEqual(names("--table", "?1"), ["a1", "b1"])
        self.assertEqual(names("--table", "*", "--exclude-table", "a?"), ["b1"])
        self.assertEqual(names("--data-only"), ["a1", "a2", "b1"])
        self.assertIn("the snapshot: no table is called nix", self.fails("nix", "--table", "nix"))
        self.fails("which is a view", "--table", "a3")
        self.fails("none of the tables chosen", "--table", "a*", "--exclude-table", "*")

    def test_columns_that_only_one_side_has(self):
        self.script("CREATE TABLE t (id INTEGER PRIMARY KEY, old TEXT, both TEXT); INSERT INTO t VALUES (1, 'o', 'b'), (2, 'o', 'c')")
        self.backup()
        self.script("DROP TABLE t; CREATE TABLE t (Both TEXT, id INTEGER PRIMARY KEY, new INTEGER DEFAULT 7, sum AS (new + 1))")
        report = self.restore("--table", "t")
        self.assertEqual(self.sql("SELECT * FROM t"), [("b", 1, 7, 8), ("c", 2, 7, 8)])
        told = " ".join(report["notes"])
        self.assertIn("the columns old of the snapshot are not here any more", told)
        self.assertIn("the columns new are not in the snapshot, and get their defaults", told)
        plan = self.restore("--table", "t", "--dry-run")["by_name"]["t"]
        self.assertEqual((plan["only_in_dump"], plan["only_here"]), (["old"], ["new"]))
        self.script("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, must TEXT NOT NULL)")
        self.fails("the column must is not in the snapshot, has no default, and must have a value", "--table", "t")
        self.script("DROP TABLE t; CREATE TABLE t (other TEXT)")
        self.fails("no column in common", "--table", "t")

    def test_a_constraint_that_is_new_here_refuses_all_of_it(self):
        self.script("""
            CREATE TABLE a (x); INSERT INTO a VALUES (1);
            CREATE TABLE t (x); INSERT INTO t VALUES (1), (1), (-1), ('one');
        """)
        self.backup()
        for definition, word in (("x UNIQUE", "UNIQUE constraint failed"), ("x CHECK (x > 0)", "CHECK constraint failed"),
                                 ("x UNIQUE ON CONFLICT IGNORE", "UNIQUE constraint failed"),
                                 ("x INTEGER PRIMARY KEY", "UNIQUE constraint failed")):
            self.script(f"DROP TABLE t; CREATE TABLE t ({definition}); DELETE FROM a")
            self.fails(word, "--data-only")
        self.script("DROP TABLE t; CREATE TABLE t (x INTEGER) STRICT")
        self.fails("cannot store TEXT value in INTEGER column", "--data-only")

    def test_a_column_of_another_type(self):
        self.script("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, '5'), (2, 'five')")
        self.backup()
        self.script("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER)")
        self.restore("--table", "t")
        self.assertEqual(self.sql("SELECT x FROM t"), [(5,), ("five",)])

    def test_numbers_that_were_given_out_are_not_given_again(self):
        self.script("""
            CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
            INSERT INTO t VALUES (50, 1), (3, 2); DELETE FROM t WHERE id = 50;
        """)
        self.backup()
        self.script("DELETE FROM t; DELETE FROM sqlite_sequence")
        self.restore("--table", "t")
        self.assertEqual(self.sql("SELECT seq FROM sqlite_sequence"), [(50,)])
        self.script("INSERT INTO t (x) VALUES (9); UPDATE sqlite_sequence SET seq = 70")
        self.restore("--table", "t")
        self.assertEqual(self.sql("SELECT name, seq FROM sqlite_sequence"), [("t", 70)])
        self.sql("DROP TABLE t")
        self.restore("--table", "t")
        self.assertEqual(self.sql("SELECT name, seq FROM sqlite_sequence"), [("t", 50)])

    def test_a_reference_that_would_be_broken_refuses_all_of_it(self):
        self.script(SHOP)
        self.backup()
        self.sql("INSERT INTO customer VALUES (4, 'd@x', 'Di')", "INSERT INTO basket VALUES (40, 4, 'of Di')")
        said = self.fails("1 rows of basket would refer to rows of customer that are not there (the first is its row 40)",
                          "--table", "customer")
        self.assertIn("restore those tables too", said)
        self.restore("--table", "customer", "--table", "basket")
        self.assertEqual(self.sql("SELECT count(*) FROM basket"), [(3,)])
        # The other way: what basket refers to is not there any more.
        self.sql("DELETE FROM basket WHERE customer_id = 1", "DELETE FROM customer WHERE id = 1")
        self.fails("1 rows of basket would refer to rows of customer", "--table", "basket")

    def test_a_reference_that_was_broken_before_stays_so(self):
        self.script(SHOP)
        self.sql("INSERT INTO basket VALUES (13, 77, 'nobody''s')")
        self.backup()
        before = self.sql("SELECT * FROM basket")
        self.sql("DELETE FROM basket")
        self.restore("--table", "basket")
        self.assertEqual(self.sql("SELECT * FROM basket"), before)
        self.sql("INSERT INTO basket VALUES (14, 78, 'nor this')")
        self.restore("--table", "customer")
        self.script("CREATE TABLE pair (a REFERENCES customer, b, PRIMARY KEY (b)) WITHOUT ROWID; INSERT INTO pair VALUES (78, 1), (79, 2)")
        self.restore("--table", "customer")
        self.sql("INSERT INTO customer VALUES (4, 'd@x', 'Di')", "INSERT INTO pair VALUES (4, 3)")
        self.fails("1 rows of pair would refer", "--table", "customer")

    def test_a_table_that_refers_to_itself(self):
        self.script("CREATE TABLE t (id INTEGER PRIMARY KEY, up REFERENCES t); INSERT INTO t VALUES (1, 9), (9, 1), (5, NULL)")
        whole = content(self.file)
        self.backup()
        self.sql("DELETE FROM t")
        self.restore("--table", "t")
        self.assertEqual(content(self.file), whole)

    def test_full_text_indexes_follow(self):
        self.script("""
            CREATE TABLE doc (id INTEGER PRIMARY KEY, body TEXT);
            CREATE VIRTUAL TABLE doc_text USING fts5(body, content='doc', content_rowid='id');
            CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN INSERT INTO doc_text (rowid, body) VALUES (new.id, new.body); END;
            CREATE VIRTUAL TABLE own USING fts5(title, body);
            CREATE VIRTUAL TABLE old USING fts4(title, body);
            INSERT INTO doc VALUES (1, 'apple tree'), (2, 'bread');
            INSERT INTO own (rowid, title, body) VALUES (5, 't', 'apple pie'), (9, 'u', 'salt');
            INSERT INTO old (rowid, title, body) VALUES (5, 't', 'apple pie'), (9, 'u', 'salt');
        """)
        self.backup()
        look = ["SELECT rowid FROM doc_text WHERE doc_text MATCH 'apple'", "SELECT rowid FROM own WHERE own MATCH 'apple'",
                "SELECT rowid FROM old WHERE old MATCH 'apple'", "SELECT * FROM own", "SELECT * FROM old"]
        before = [self.sql(query) for query in look]
        change = ["DELETE FROM doc", "INSERT INTO doc_text(doc_text) VALUES ('delete-all')", "DELETE FROM own", "DELETE FROM old",
                  "INSERT INTO own VALUES ('apple', 'apple')", "INSERT INTO doc VALUES (7, 'apple')"]
        self.sql(*change)
        report = self.restore("--table", "doc", "--dry-run")
        self.assertEqual({one["name"]: one["action"] for one in report["tables"]}, {"doc": "replace", "doc_text": "rebuild"})
        self.restore("--table", "doc", "--table", "own", "--table", "old")
        self.assertEqual([self.sql(query) for query in look], before)
        self.sql(*change)
        self.restore("--data-only")
        self.assertEqual([self.sql(query) for query in look], before)
        self.sql("INSERT INTO doc_text(doc_text) VALUES ('integrity-check')", "INSERT INTO own(own) VALUES ('integrity-check')")
        # All of it again where it was dropped.
        self.sql("DROP TABLE doc_text", "DROP TABLE doc", "DROP TABLE own", "DROP TABLE old")
        self.restore("--table", "*")
        self.assertEqual([self.sql(query) for query in look], before)
        self.sql("INSERT INTO doc VALUES (3, 'apple again')")
        self.assertEqual(self.sql(look[0]), [(1,), (3,)])
        self.fails("can be replaced, but not merged", "--strategy", "merge", "--table", "own")
        self.sql("DELETE FROM doc WHERE id = 1")
        self.restore("--strategy", "merge", "--table", "doc")
        self.assertEqual(self.sql(look[0]), [(1,), (3,)])

    def test_virtual_tables_that_cannot_be_brought_over_are_named(self):
        self.script("CREATE VIRTUAL TABLE box USING rtree(id, x0, x1); INSERT INTO box VALUES (1, 0, 1); CREATE TABLE t (x)")
        self.script("CREATE VIRTUAL TABLE bare USING fts5(x, content='')")
        self.backup()
        said = self.fails("box is a virtual table", "--data-only")
        self.assertIn("bare is a full text index without the text", said)
        self.restore("--data-only", "--exclude-table", "b*")

    def test_what_only_the_application_has(self):
        database = sqlite3.connect(self.file)
        database.create_collation("ours", lambda a, b: (a > b) - (a < b))
        database.create_function("twice", 1, lambda x: x * 2, deterministic=True)
        database.execute("CREATE TABLE t (x TEXT COLLATE ours UNIQUE)")
        database.execute("CREATE TABLE f (x, y AS (twice(x)))")
        database.execute("CREATE TABLE plain (x)")
        database.execute("INSERT INTO t VALUES ('b'), ('a')")
        database.execute("INSERT INTO f VALUES (1)")
        database.execute("INSERT INTO plain VALUES (1)")
        database.commit()
        database.close()
        self.backup()
        self.sql("DELETE FROM plain")
        for table, word in (("t", "ours"), ("f", "twice")):
            done = self.run_cairn("restore", "latest", "--sqlite", self.file, "--table", table, code=1)
            self.assertIn(word, done.stderr.decode())
            self.assertIn("is as it was", done.stderr.decode())
        self.restore("--table", "plain")
        self.assertEqual(self.sql("SELECT x FROM plain"), [(1,)])


class Make(TablesTest):
    def test_a_table_that_was_dropped_comes_back_with_all_that_belongs_to_it(self):
        self.script(SHOP)
        self.backup()
        schema, rows = self.schema(), self.sql("SELECT * FROM basket")
        self.sql("DROP TABLE basket")
        plan = self.restore("--table", "basket", "-n")["by_name"]["basket"]
        self.assertEqual((plan["action"], plan["rows"]), ("make", 3))
        self.assertEqual(plan["made"], ["basket_note", "basket_log", "basket_gone"])
        report = self.restore("--table", "basket")
        self.assertTrue(report["by_name"]["basket"]["made"])
        self.assertEqual(self.schema(), schema)
        self.assertEqual(self.sql("SELECT * FROM basket"), rows)
        self.assertEqual(self.sql("SELECT * FROM log"), [], "a trigger fired")

    def test_what_is_in_the_way_is_named(self):
        self.script(SHOP)
        self.backup()
        self.script("DROP TABLE basket; CREATE VIEW basket AS SELECT 1")
        self.fails("basket is a view here", "--table", "basket")
        self.script("DROP VIEW basket; CREATE INDEX basket_note ON log (line)")
        self.fails("basket of the snapshot has the index basket_note, and here that is another index of log", "--table", "basket")
        self.script("DROP INDEX basket_note")
        self.fails("there is no table basket", "--table", "basket", "--data-only")
        self.sql("DELETE FROM customer WHERE id = 2")
        self.fails("would refer to rows of customer", "--table", "basket")

    def test_definitions_alone(self):
        self.script(SHOP + "CREATE VIEW v AS SELECT * FROM basket; CREATE TRIGGER vt INSTEAD OF INSERT ON v BEGIN SELECT 1; END;")
        self.backup()
        schema = self.schema()
        self.script("DROP TABLE basket; DROP VIEW v; DELETE FROM customer; CREATE TABLE mine (x)")
        self.restore("--schema-only")
        self.assertEqual([row for row in self.schema() if row[1] != "mine"], schema)
        self.assertEqual(self.sql("SELECT (SELECT count(*) FROM basket), (SELECT count(*) FROM customer)"), [(0, 0)])
        self.script("DROP INDEX basket_note; DROP TRIGGER basket_log")
        plan = self.restore("--schema-only", "--table", "basket", "-n")["by_name"]["basket"]
        self.assertEqual((plan["action"], plan["made"]), ("nothing", ["basket_note", "basket_log"]))
        told = self.run_cairn("restore", "latest", "--sqlite", self.file, "--schema-only", "--table", "basket")
        self.assertIn("made: basket_note, basket_log", told.stdout.decode())
        self.assertEqual([row for row in self.schema() if row[1] != "mine"], schema)
        self.sql("ALTER TABLE basket ADD COLUMN more")
        self.fails("basket has another definition here", "--schema-only")
        self.restore("--schema-only", "--exclude-table", "basket")

    def test_into_an_empty_database(self):
        self.script(SHOP)
        self.backup()
        whole = content(self.file)
        os.unlink(self.file)
        done = self.run_cairn("restore", "latest", "--sqlite", self.file, "--table", "basket", code=1)
        self.assertIn("make an empty file of that name first", done.stderr.decode())
        open(self.file, "w").close()
        self.restore("--table", "*")
        self.assertEqual(sorted(content(self.file).splitlines()), sorted(whole.splitlines()))


class Merge(TablesTest):
    def test_what_is_missing_comes_back_and_what_is_there_stays(self):
        self.script(SHOP)
        self.backup()
        self.sql("DELETE FROM basket WHERE id = 10", "UPDATE basket SET note = 'here' WHERE id = 11",
                 "INSERT INTO basket VALUES (50, 3, 'new')", "DELETE FROM log")
        schema = self.schema()
        report = self.restore("--strategy", "merge", "--table", "basket")
        self.assertEqual({key: report["by_name"]["basket"][key] for key in ("rows", "inserted", "present", "orphans", "conflicts")},
                         {"rows": 3, "inserted": 1, "present": 2, "orphans": 0, "conflicts": 0})
        self.assertEqual(self.sql("SELECT * FROM basket ORDER BY id"),
                         [(10, 1, "apples"), (11, 2, "here"), (12, 2, None), (50, 3, "new")])
        self.assertEqual((self.sql("SELECT * FROM log"), self.schema()), ([], schema))

    def test_by_e_mail_across_two_versions_of_a_schema(self):
        self.script(SHOP)
        self.backup()
        # The same people under other numbers, in a later version; Ann's number is another's now.
        self.script("""
            DROP TABLE basket; DROP TABLE customer;
            CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL COLLATE NOCASE, name TEXT,
                                   since TEXT DEFAULT 'unknown');
            CREATE TABLE basket (note TEXT, id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer (id));
            INSERT INTO customer VALUES (1, 'z@x', 'Zoe', '2020'), (3, 'y@x', 'Yan', '2021'), (7, 'B@X', 'Ben here', '2022');
            INSERT INTO basket VALUES ('Zoe''s', 11, 1);
        """)
        schema = self.schema()
        report = self.restore("--strategy", "merge", "--table", "customer", "--table", "basket", "--key", "Customer=Email")
        customer, basket = report["by_name"]["customer"], report["by_name"]["basket"]
        self.assertEqual((customer["inserted"], customer["present"], customer["renumbered"]), (2, 1, 2))
        self.assertEqual((basket["inserted"], basket["present"]), (2, 1))
        people = {email: (number, since) for number, email, _, since in self.sql("SELECT * FROM customer")}
        self.assertEqual(people["B@X"], (7, "2022"))
        self.assertEqual(people["a@x"][1], "unknown")
        self.assertEqual({people["a@x"][0], people["c@x"][0]}, {8, 9})
        self.assertEqual(self.sql("SELECT id, note, customer_id FROM basket ORDER BY id"),
                         [(10, "apples", people["a@x"][0]), (11, "Zoe's", 1), (12, None, 7)])
        self.assertEqual(self.schema(), schema, "the index that the merge uses stays")
        again = self.restore("--strategy", "merge", "--table", "customer", "--table", "basket", "--key", "customer=email")
        self.assertEqual([one["inserted"] for one in again["tables"]], [0, 0])

    def test_what_is_left_out_is_counted_and_named(self):
        self.script("""
            CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT);
            CREATE TABLE basket (id TEXT PRIMARY KEY, customer_id REFERENCES customer, code TEXT);
            INSERT INTO customer VALUES (1, 'a'), (2, NULL), (3, 'c');
            INSERT INTO basket VALUES ('one', 1, 'A'), ('two', 3, 'B'), ('three', 9, 'C'), (NULL, 1, 'D'), ('four', NULL, 'E'),
                                      ('five', 1, 'bad'), ('six', 1, NULL), ('seven', 1, 'A');
        """)
        self.backup()
        self.script("""
            DROP TABLE basket; DELETE FROM customer;
            CREATE TABLE basket (id TEXT PRIMARY KEY, customer_id REFERENCES customer, code TEXT NOT NULL UNIQUE CHECK (code <> 'bad'));
            INSERT INTO basket VALUES ('two', NULL, 'here'), ('hundred', NULL, 'E');
        """)
        report = self.restore("--strategy", "merge", "--key", "customer=email")
        self.assertEqual({key: report["by_name"]["customer"][key] for key in ("rows", "inserted", "without_key")},
                         {"rows": 3, "inserted": 2, "without_key": 1})
        basket = report["by_name"]["basket"]
        self.assertEqual({key: basket[key] for key in ("rows", "inserted", "present", "without_key", "orphans", "conflicts")},
                         {"rows": 8, "inserted": 1, "present": 1, "without_key": 1, "orphans": 1, "conflicts": 4})
        self.assertEqual(set(basket["left_out"]), {"three", "four", "five", "six", "seven"})
        self.assertEqual(self.sql("SELECT id FROM basket ORDER BY id"), [("hundred",), ("one",), ("two",)])

    def test_keys_that_cannot_be(self):
        self.script(SHOP + "INSERT INTO log VALUES ('x'), ('x')")
        self.backup()
        merge = ("--strategy", "merge")
        self.fails("log has no primary key: say which rows are the same by --key log=", *merge)
        self.fails("several rows of the snapshot have the key x", *merge, "--table", "log", "--key", "log=line")
        self.sql("DELETE FROM log", "INSERT INTO log VALUES ('y'), ('Y'), ('y')")
        self.fails("none of the tables chosen is called so", *merge, "--table", "customer", "--key", "costumer=email")
        self.fails("the key's column mail is not in both", *merge, "--table", "customer", "--key", "customer=mail")
        self.fails("is no key", *merge, "--table", "customer", "--key", "customer")
        self.fails("--key is for --strategy merge", "--table", "customer", "--key", "customer=email")

    def test_rows_that_refer_to_rows_deep_down(self):
        self.script("CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT UNIQUE, up INTEGER REFERENCES t)")
        database = sqlite3.connect(self.file)
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", [(100 - i, f"c{i}", 101 - i if i else None) for i in range(60)])
        database.commit()
        database.close()
        self.backup()
        chain = "SELECT t.code, p.code FROM t LEFT JOIN t AS p ON p.id = t.up WHERE t.code LIKE 'c%' ORDER BY 1"
        before = self.sql(chain)
        self.sql("DELETE FROM t", "INSERT INTO t VALUES (100, 'mine', NULL), (60, 'too', 100)")
        report = self.restore("--strategy", "merge", "--key", "t=code")
        self.assertEqual(report["by_name"]["t"]["inserted"], 60)
        self.assertEqual(self.sql(chain), before)

    def test_a_table_that_was_dropped_is_made(self):
        self.script(SHOP + "INSERT INTO log VALUES ('one'), ('two')")
        self.backup()
        schema = self.schema()
        self.script("DROP TABLE basket; DROP TABLE log; DELETE FROM customer; INSERT INTO customer VALUES (8, 'b@x', 'Ben')")
        self.restore("--strategy", "merge", "--key", "customer=email")
        self.assertEqual(self.schema(), schema)
        self.assertEqual(self.sql("SELECT id, customer_id FROM basket ORDER BY id"), [(10, 1), (11, 8), (12, 8)])
        self.assertEqual(self.sql("SELECT rowid, line FROM log"), [(1, "one"), (2, "two")])

    def test_many_rows_by_a_key_without_an_index(self):
        self.script("CREATE TABLE c (id INTEGER PRIMARY KEY, mail TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, c_id REFERENCES c)")
        database = sqlite3.connect(self.file)
        database.executemany("INSERT INTO c VALUES (?, ?)", [(i, f"m{i}") for i in range(30_000)])
        database.executemany("INSERT INTO b VALUES (?, ?)", [(i, i * 7 % 30_000) for i in range(60_000)])
        database.commit()
        self.backup()
        database.executescript("UPDATE c SET id = id + 1000000; DELETE FROM b; DELETE FROM c WHERE id % 2")
        database.close()
        self.restore("--strategy", "merge", "--key", "c=mail", timeout=100)
        self.assertEqual(self.sql("SELECT count(*) FROM b JOIN c ON c.id = b.c_id WHERE c.mail = 'm' || (b.id * 7 % 30000)"),
                         [(60_000,)])


class WhileOthersUseIt(TablesTest):
    def fill(self, mode, rows=20_000):
        dice = random.Random(7)
        database = sqlite3.connect(self.file, isolation_level=None)
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, y BLOB); CREATE INDEX t_x ON t (x); CREATE TABLE late (x)")
        database.execute("BEGIN")
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, dice.randbytes(20).hex(), dice.randbytes(50)) for i in range(rows)])
        database.execute("COMMIT")
        database.close()

    def test_what_others_write_to_other_tables_stays(self):
        pause = "2" if is_sanitized() else "0.2"  # in which a safety snapshot is made
        for mode in ("wal", "delete"):
            self.file = self.path(f"{mode}.db")
            self.fill(mode)
            self.backup()
            rows = self.sql("SELECT * FROM t")
            writer = subprocess.Popen([sys.executable, "-c", OTHER_WRITER, self.file, pause], stdout=subprocess.PIPE)
            writer.stdout.readline()
            for _ in range(3):
                self.sql("DELETE FROM t WHERE id % 2")
                self.restore("--table", "t")
            time.sleep(0.5)
            writer.kill()
            said = int(writer.communicate()[0].decode().split()[-1])
            found = [x for x, in self.sql("SELECT x FROM late ORDER BY x")]
            self.assertEqual(found[:said + 1], list(range(said + 1)), "a committed row is lost")
            self.assertEqual(self.sql("SELECT * FROM t"), rows)
            content(self.file)

    def test_a_reader_that_holds_on(self):
        self.fill("wal", rows=100)
        self.backup()
        self.sql("DELETE FROM t")
        reader = sqlite3.connect(self.file, isolation_level=None)
        reader.execute("BEGIN")
        self.assertEqual(reader.execute("SELECT count(*) FROM t").fetchone(), (0,))
        self.restore("--table", "t")
        self.assertEqual(reader.execute("SELECT count(*) FROM t").fetchone(), (0,))
        reader.execute("COMMIT")
        self.assertEqual(reader.execute("SELECT count(*) FROM t").fetchone(), (100,))
        reader.close()
        self.sql("PRAGMA journal_mode = delete", "DELETE FROM t")
        reader = sqlite3.connect(self.file, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        begin = time.monotonic()
        said = self.fails("another program has it locked", "--table", "t", "--lock-wait", "1")
        self.assertLess(time.monotonic() - begin, 15)
        self.assertIn("is as it was", said)
        reader.execute("COMMIT")
        reader.close()
        self.restore("--table", "t")

    def test_a_writer_that_holds_on(self):
        self.fill("wal", rows=100)
        self.backup()
        writer = sqlite3.connect(self.file, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        self.fails("another program has it locked", "--table", "t", "--lock-wait", "1")
        writer.execute("COMMIT")
        writer.close()

    def test_one_who_writes_all_the_time_is_not_run_over(self):
        self.fill("wal", rows=100)
        self.backup()
        self.sql("DELETE FROM t")
        writer = subprocess.Popen([sys.executable, "-c", OTHER_WRITER, self.file, "0"], stdout=subprocess.PIPE)
        writer.stdout.readline()
        done = self.run_cairn("restore", "latest", "--sqlite", self.file, "--table", "t", code=None)
        writer.kill()
        said = int(writer.communicate()[0].decode().split()[-1])
        if done.returncode != 0:
            self.assertIn("is written to all the time", done.stderr.decode())
        self.assertEqual(self.sql("SELECT count(*) FROM t"), [(0 if done.returncode else 100,)])
        self.assertEqual([x for x, in self.sql("SELECT x FROM late ORDER BY x")][:said + 1], list(range(said + 1)))
        self.restore("--table", "t")

    def test_killed_at_any_moment_it_is_old_or_new(self):
        dice = random.Random(11)
        for mode in ("wal", "delete"):
            self.file = self.path(f"{mode}.db")
            self.fill(mode)
            self.backup()
            new = self.sql("SELECT count(*), sum(length(y)), min(x) FROM t")
            old = new_seen = old_seen = 0
            begin = time.monotonic()
            self.restore("--table", "t", "--no-safety-snapshot")
            whole = time.monotonic() - begin
            for _ in range(14):
                self.sql("UPDATE t SET x = 'old' || id, y = x'00'")
                old = self.sql("SELECT count(*), sum(length(y)), min(x) FROM t")
                running = subprocess.Popen([BIN, "restore", "latest", "--sqlite", self.file, "--table", "t", "--no-safety-snapshot"],
                                           env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(dice.uniform(0.2, 1.1) * whole)
                running.send_signal(signal.SIGKILL)
                running.wait()
                self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])
                found = self.sql("SELECT count(*), sum(length(y)), min(x) FROM t")
                self.assertIn(found, (old, new))
                new_seen += found == new
                old_seen += found == old
            self.assertGreater(old_seen, 0)
            self.restore("--table", "t")
            self.assertEqual(self.sql("SELECT count(*), sum(length(y)), min(x) FROM t"), new)

    def test_interrupted_it_is_as_it_was(self):
        self.fill("wal", rows=60_000)
        self.backup()
        self.sql("UPDATE t SET y = x'00'")
        before = content(self.file)
        for wait in (0.3, 0.5, 0.7):
            running = subprocess.Popen([BIN, "restore", "latest", "--sqlite", self.file, "--table", "t"], env=self.env(),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(wait)
            running.send_signal(signal.SIGINT)
            said = b"".join(running.communicate(timeout=30)).decode()
            if running.returncode == 0:
                self.sql("UPDATE t SET y = x'00'")
                continue
            self.assertEqual(content(self.file), before, said)
            self.assertEqual(self.stages(), [])

    @unittest.skipUnless(can_mount(), "needs a mount of its own")
    def test_a_full_disk(self):
        self.fill("delete", rows=3000)
        self.backup()
        script = f"""
            set -e
            mkdir {self.dir}/small
            mount -t tmpfs -o size=$1k tmpfs {self.dir}/small
            python3 - <<END
import sqlite3
database = sqlite3.connect("{self.dir}/small/app.db")
database.executescript("PRAGMA journal_mode = $2; CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, y BLOB)")
database.execute("INSERT INTO t VALUES (1, 'old', 'o')")
database.commit()
database.close()
END
            status=0
            {BIN} restore latest --sqlite {self.dir}/small/app.db --table t || status=$?
            echo "status $status"
            python3 - <<END
import sqlite3
database = sqlite3.connect("{self.dir}/small/app.db")
print("rows", database.execute("SELECT count(*) FROM t").fetchone()[0], database.execute("PRAGMA integrity_check").fetchone()[0])
END
            ls -A {self.dir}/small
            umount {self.dir}/small
            rmdir {self.dir}/small
        """
        full = 0
        for mode in ("delete", "wal"):
            for kib in (400, 600, 700, 800, 2000):
                done = subprocess.run(["unshare", "-m", "bash", "-c", script, "bash", str(kib), mode], env=self.env(),
                                      capture_output=True, timeout=120)
                said = done.stdout.decode() + done.stderr.decode()
                if "status 0" in said:
                    self.assertIn("rows 3000 ok", said)
                    continue
                full += 1
                self.assertIn("rows 1 ok", said)
                self.assertIn("is as it was", said)
                self.assertNotIn(".cairn-restore", said.split("status ")[1])
        self.assertGreater(full, 0)


class Plan(TablesTest):
    def test_it_changes_nothing_and_says_all(self):
        self.script(SHOP)
        self.backup()
        self.sql("DROP TABLE basket")
        before = content(self.file)
        told = self.run_cairn("restore", "latest", "--sqlite", self.file, "--table", "basket", "--table", "customer", "-n").stdout.decode()
        for line in ("  make      basket with basket_note, basket_log, basket_gone, and its 3 rows\n",
                     "  replace   the rows of customer by 3\n", "as a safety snapshot"):
            self.assertIn(line, told)
        told = self.run_cairn("restore", "latest", "--sqlite", self.file, "--table", "customer", "-n", "--strategy", "merge",
                              "--key", "customer=email").stdout.decode()
        self.assertIn("  merge     3 rows into customer, the same by email\n", told)
        self.assertEqual(content(self.file), before)
        self.assertEqual(len(self.json("snapshots")["snapshots"]), 1)
        report = self.json("restore", "latest", "--sqlite", self.file, "--table", "basket", "-n", "--data-only", code=1)
        self.assertIn("there is no table basket", report["problems"][0])

    def test_options_that_do_not_go_together(self):
        self.script(SHOP)
        self.backup()
        self.fails("--strategy refuse is for a whole database", "--table", "t", "--strategy", "refuse")
        self.fails("--exclude-table is for rows", "--exclude-table", "t")
        self.fails("brings no rows", "--schema-only", "--strategy", "merge")
        self.fails("--strategy refuse was given", "--strategy", "refuse")

    def test_commands_round_it(self):
        self.script(SHOP)
        self.backup()
        told = self.path("told")
        hooks = ("--before", f"echo before >> {told}", "--after", f"echo after $CAIRN_RESULT >> {told}")
        self.restore("--table", "customer", "--dry-run", *hooks)
        self.fails("none of the tables chosen is called so", "--strategy", "merge", "--key", "nix=id", "--exclude-table", "log", *hooks)
        self.assertFalse(os.path.exists(told), "nothing was to be changed")
        self.restore("--table", "customer", *hooks)
        with open(told) as file:
            self.assertEqual(file.read(), "before\nafter success\n")
        before = content(self.file)
        self.fails("ended with status 3", "--table", "customer", "--before", "exit 3")
        self.assertEqual(content(self.file), before)
        done = self.run_cairn("restore", "latest", "--set", f"app.db=sqlite:{self.file}", "--table", "customer", code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--table", done.stderr.decode())
        with open(told, "w") as file:
            file.write("SELECT 1")
        self.fails("restored whole", "--table", "customer", "--after-sql", told)

    def test_another_text_encoding(self):
        self.script("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('a')")
        self.backup()
        os.unlink(self.file)
        self.script("CREATE TABLE t (x TEXT)")
        self.fails("the text encoding of", "--table", "t")


if __name__ == "__main__":
    unittest.main()
