"""Parts of SQLite databases: some tables, definitions alone, rows alone."""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, can_mount
from sqlite_testing import SqliteTest, content

SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE, name TEXT);
CREATE TABLE basket (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, note TEXT, loud AS (upper(note)));
CREATE TABLE log (line TEXT);
CREATE TABLE pair (a, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
CREATE INDEX basket_note ON basket (note);
CREATE VIEW rich AS SELECT * FROM customer;
CREATE TRIGGER basket_log AFTER INSERT ON basket BEGIN INSERT INTO log VALUES ('came ' || new.id); END;
CREATE TRIGGER rich_in INSTEAD OF INSERT ON rich BEGIN SELECT 1; END;
CREATE VIRTUAL TABLE notes USING fts5(note, content='basket', content_rowid='id');
CREATE VIRTUAL TABLE own USING fts5(title);
INSERT INTO customer VALUES (1, 'a@x', 'Ann'), (2, 'b@x', 'Ben'), (90, 'c@x', 'Cy');
DELETE FROM customer WHERE id = 90;
INSERT INTO basket VALUES (10, 1, 'apples'), (11, 2, 'bread'), (12, 2, NULL);
INSERT INTO log (rowid, line) VALUES (77, 'far'), (-3, 'near');
INSERT INTO pair VALUES (1, 'x'), (1.0, 'y'), ('1', 'z'), (x'31', 'w');
INSERT INTO notes (notes) VALUES ('rebuild');
INSERT INTO own (rowid, title) VALUES (5, 'salt');
"""


class PartTest(SqliteTest):
    def sql(self, *statements, file=None):
        database = sqlite3.connect(file or self.file, isolation_level=None)
        try:
            for statement in statements:
                rows = database.execute(statement).fetchall()
            return rows
        finally:
            database.close()

    def script(self, text):
        database = sqlite3.connect(self.file)
        database.executescript(text)
        database.close()

    def part(self, *args):
        """What a backup of the part gives back as a file."""
        self.backup(*args)
        return self.restored()

    def names(self, file):
        return {name for name, in self.sql("SELECT name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
                                           "AND name NOT LIKE 'notes_%' AND name NOT LIKE 'own_%'", file=file)}

    def refused(self, word, *args):
        count = len(self.json("snapshots")["snapshots"])
        done = self.run_cairn("backup", "--sqlite", self.file, *args, code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(word, done.stderr.decode())
        self.assertEqual(len(self.json("snapshots")["snapshots"]), count)


class Backup(PartTest):
    def test_tables_that_are_chosen_with_all_that_belongs_to_them(self):
        for mode in ("wal", "delete"):
            for encoding in ("UTF-8", "UTF-16le"):
                with self.subTest(mode=mode, encoding=encoding):
                    self.file = self.path(f"{mode}-{encoding}.db")
                    self.script(f"PRAGMA encoding = '{encoding}'; PRAGMA page_size = 1024; PRAGMA journal_mode = {mode};" + SHOP)
                    self.backup("--table", "BASKET", "--table", "p*", "--table", "log")
                    out = self.restored(os.path.basename(self.file))
                    self.assertEqual(self.names(out), {"basket", "pair", "log", "basket_note", "basket_log"})
                    for query in ("SELECT * FROM basket", "SELECT rowid, * FROM log", "SELECT typeof(a), * FROM pair",
                                  "PRAGMA page_size", "PRAGMA encoding",
                                  "SELECT sql FROM sqlite_schema WHERE tbl_name IN ('basket', 'pair', 'log') ORDER BY name"):
                        self.assertEqual(self.sql(query, file=out), self.sql(query), query)
                    self.assertEqual(self.sql("PRAGMA integrity_check", file=out), [("ok",)])

    def test_tables_that_are_left_out(self):
        self.script(SHOP)
        out = self.part("--exclude-table", "log", "--exclude-table", "pair")
        self.assertEqual(self.names(out), self.names(self.file) - {"log", "pair"})
        self.assertEqual(self.sql("SELECT seq FROM sqlite_sequence", file=out), [(90,)])
        self.assertEqual(self.sql("SELECT rowid FROM notes WHERE notes MATCH 'bread'", file=out), [(11,)])
        self.assertEqual(self.sql("SELECT rowid FROM own WHERE own MATCH 'salt'", file=out), [(5,)])

    def test_definitions_alone_and_rows_alone(self):
        self.script(SHOP)
        out = self.part("--schema-only")
        schema = "SELECT name, sql FROM sqlite_schema ORDER BY 1"
        self.assertEqual(self.sql(schema, file=out), self.sql(schema))
        self.assertEqual(self.sql("SELECT count(*) FROM basket", file=out), [(0,)])
        out = self.part("--data-only", "--exclude-table", "notes")
        self.assertEqual(self.names(out), {"customer", "basket", "log", "pair", "own"})
        self.assertEqual(self.sql("SELECT * FROM basket", file=out), self.sql("SELECT * FROM basket"))

    def test_what_cannot_be_is_named_and_there_is_no_snapshot(self):
        self.script(SHOP + "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1);")
        self.refused("no table is called nix", "--table", "nix")
        self.refused("no table is called basket_note, which is an index", "--table", "basket_note")
        self.refused("none of its tables is chosen", "--exclude-table", "*")
        self.refused("box is a virtual table", "--exclude-table", "log")
        self.backup("--exclude-table", "box")
        database = sqlite3.connect(self.file)
        database.create_function("twice", 1, lambda x: x * 2, deterministic=True)
        database.execute("CREATE TABLE f (x, y AS (twice(x)))")
        database.execute("INSERT INTO f (x) VALUES (1)")
        database.commit()
        self.refused("twice", "--table", "f")

    def test_a_second_backup_stores_what_has_changed(self):
        dice = random.Random(3)
        database = sqlite3.connect(self.file)
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
        database.execute("CREATE TABLE noise (x BLOB)")
        database.executemany("INSERT INTO t (x) VALUES (?)", [(dice.randbytes(100).hex(),) for _ in range(20_000)])
        database.commit()
        first = self.backup("--table", "t")
        database.executemany("INSERT INTO t (x) VALUES (?)", [(dice.randbytes(100).hex(),) for _ in range(20)])
        database.executemany("INSERT INTO noise VALUES (?)", [(dice.randbytes(50_000),) for _ in range(50)])
        database.execute("UPDATE t SET x = hex(randomblob(100)) WHERE id = 777")
        database.commit()
        second = self.backup("--table", "t")
        self.assertGreater(first["bytes_stored"], 2_000_000)
        self.assertLess(second["bytes_stored"], first["bytes_stored"] / 20)
        self.assertEqual(self.backup("--table", "t")["bytes_new"], 0)

    def test_one_state_while_others_write(self):
        self.script("PRAGMA journal_mode = wal; CREATE TABLE a (x); CREATE TABLE b (x)")
        writer = subprocess.Popen([sys.executable, "-c", """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for i in range(10**9):
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO a VALUES (?)", (i,))
    database.execute("INSERT INTO b VALUES (?)", (i,))
    database.execute("COMMIT")
    print(i, flush=True)
""", self.file], stdout=subprocess.PIPE)
        writer.stdout.readline()
        files = [self.part("--exclude-table", "c*") for _ in range(5)]
        writer.kill()
        writer.communicate()
        for file in files:
            (a, b), = self.sql("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)", file=file)
            self.assertEqual(a, b)
            self.assertGreater(a, 0)

    def test_the_copy_has_no_name(self):
        temporary = self.path("tmp")
        os.mkdir(temporary)
        dice = random.Random(3)
        database = sqlite3.connect(self.file)
        database.execute("CREATE TABLE t (x BLOB)")
        database.executemany("INSERT INTO t VALUES (?)", [(dice.randbytes(100_000),) for _ in range(300)])
        database.commit()
        database.close()
        running = subprocess.Popen([BIN, "backup", "--sqlite", self.file, "--table", "t"],
                                   env=self.env(TMPDIR=temporary), stdout=subprocess.DEVNULL)
        nameless = False
        while running.poll() is None and not nameless:
            try:
                links = [os.readlink(f"/proc/{running.pid}/fd/{one}") for one in os.listdir(f"/proc/{running.pid}/fd")]
            except OSError:
                continue
            nameless = any(link.startswith(temporary) and link.endswith("(deleted)") for link in links)
        running.send_signal(signal.SIGKILL)
        running.wait()
        self.assertTrue(nameless, "it was never there, or it had a name")
        self.assertEqual([name for name in os.listdir(temporary) if not name.startswith("cairn")], [])

    @unittest.skipUnless(can_mount(), "needs a mount of its own")
    def test_a_folder_for_temporary_files_that_is_full(self):
        dice = random.Random(3)
        database = sqlite3.connect(self.file)
        database.execute("CREATE TABLE t (x BLOB)")
        database.executemany("INSERT INTO t VALUES (?)", [(dice.randbytes(100_000),) for _ in range(100)])
        database.commit()
        database.close()
        before = content(self.file)
        script = f"mkdir {self.dir}/small; mount -t tmpfs -o size=1m tmpfs {self.dir}/small; " \
                 f"TMPDIR={self.dir}/small {BIN} backup --sqlite {self.file} --table t"
        done = subprocess.run(["unshare", "-m", "bash", "-c", script], env=self.env(), capture_output=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("TMPDIR", done.stderr.decode())
        self.assertEqual((self.json("snapshots")["snapshots"], content(self.file)), ([], before))


class Restore(PartTest):
    def restore(self, *args, **kwargs):
        return self.json("restore", "latest", "--sqlite", self.file, *args, **kwargs)

    def fails(self, word, *args):
        before = content(self.file)
        done = self.run_cairn("restore", "latest", "--sqlite", self.file, *args, code=1)
        self.assertIn(word, (done.stderr + done.stdout).decode())
        self.assertEqual(content(self.file), before)

    def test_a_part_takes_the_place_of_its_tables_only(self):
        self.script(SHOP)
        self.backup("--table", "basket", "--table", "customer")
        rows = self.sql("SELECT * FROM basket")
        self.sql("UPDATE basket SET note = 'changed'", "UPDATE log SET line = 'stays'")
        for options in ([], ["--no-verify", "--no-safety-snapshot"], ["--dry-run"]):
            self.fails("the snapshot has a part of a database", *options)
        self.restore("--table", "basket")
        self.assertEqual(self.sql("SELECT * FROM basket"), rows)
        self.restore("--data-only")
        self.assertEqual(self.sql("SELECT DISTINCT line FROM log"), [("stays",)])
        # Where there is nothing it is a database.
        new = self.path("new.db")
        self.json("restore", "latest", "--sqlite", new)
        self.assertEqual(self.names(new), {"basket", "customer", "basket_note", "basket_log"})

    def test_definitions_alone_take_no_rows_away(self):
        self.script(SHOP)
        self.backup("--schema-only")
        self.fails("definitions alone", "--table", "basket")
        self.fails("definitions alone", "--data-only")
        self.sql("DROP INDEX basket_note")
        self.restore("--schema-only")
        self.assertEqual(self.sql("SELECT count(*) FROM sqlite_schema WHERE name = 'basket_note'"), [(1,)])
        self.assertEqual(self.sql("SELECT count(*) FROM basket"), [(3,)])

    def test_rows_alone(self):
        self.script(SHOP)
        self.backup("--data-only", "--table", "basket")
        schema = self.sql("SELECT name, sql FROM sqlite_schema ORDER BY 1")
        self.sql("DELETE FROM basket")
        self.restore("--data-only")
        self.assertEqual(self.sql("SELECT count(*) FROM basket"), [(3,)])
        self.assertEqual(self.sql("SELECT name, sql FROM sqlite_schema ORDER BY 1"), schema)
        self.sql("DROP TABLE notes", "DROP TABLE basket")
        report = self.restore("--table", "basket")
        self.assertIn("has no indexes and no triggers", report["notes"][0])

    def test_a_parent_that_the_part_lacks_must_be_there(self):
        self.script(SHOP)
        self.backup("--table", "basket")
        self.sql("DELETE FROM basket WHERE customer_id = 1", "DELETE FROM customer WHERE id = 1")
        self.fails("1 rows of basket would refer to rows of customer", "--table", "basket")
        self.restore("--table", "basket", "--strategy", "merge")

    def test_several_items(self):
        self.script(SHOP)
        self.run_cairn("backup", "--sqlite", self.file, "--set", f"more=sqlite:{self.file}", "--table", "basket")
        done = self.run_cairn("restore", "latest:more", "--sqlite", self.file, code=1)
        self.assertIn("a part of a database", done.stderr.decode())
        self.json("restore", "latest:more", "--sqlite", self.file, "--table", "basket")


if __name__ == "__main__":
    unittest.main()
