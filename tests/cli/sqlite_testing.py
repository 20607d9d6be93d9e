"""What the tests of SQLite databases share: databases, and programs that write to them."""
import os
import random
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest

# Moves money between accounts, a transaction each, until it is killed; the sum stays.
WRITER = """
import random, sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
dice = random.Random(1)
slowest = 0
for round in range(10**9):
    begin = time.monotonic()
    database.execute("BEGIN IMMEDIATE")
    a, b = dice.randrange(1000), dice.randrange(1000)
    database.execute("UPDATE account SET balance = balance - 5 WHERE id = ?", (a,))
    database.execute("UPDATE account SET balance = balance + 5 WHERE id = ?", (b,))
    database.execute("INSERT INTO log VALUES (NULL, ?, ?)", (round, dice.randbytes(100).hex()))
    database.execute("COMMIT")
    slowest = max(slowest, time.monotonic() - begin)
    print(round, slowest, flush=True)
    time.sleep(0.002)
"""

# Dies in the middle of a transaction that has reached the file.
CRASHED = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 5")
database.execute("BEGIN IMMEDIATE")
database.execute("UPDATE account SET balance = 0")
database.execute("UPDATE log SET text = 'half of it'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def fill(path, page_size=4096, mode="delete", rows=2_000):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA page_size = {page_size}")
    database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)")
    database.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, round INTEGER, text TEXT)")
    dice = random.Random(page_size)
    database.execute("BEGIN")
    database.executemany("INSERT INTO account VALUES (?, 100)", [(i,) for i in range(1000)])
    database.executemany("INSERT INTO log VALUES (NULL, ?, ?)", [(-1 - i, dice.randbytes(100).hex()) for i in range(rows)])
    database.execute("COMMIT")
    return database


def make_large(path, rows):
    """Some 430 bytes a row that no compressor makes smaller, with an index."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, note BLOB)")
    database.execute("BEGIN")
    database.execute("INSERT INTO orders WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ?) "
                     "SELECT n, printf('customer %07d', n * 7919 % 100003), randomblob(400) FROM i", (rows,))
    database.execute("CREATE INDEX by_customer ON orders (customer)")
    database.execute("COMMIT")
    return database


def content(path):
    """All of a database as SQL, after SQLite itself has found nothing wrong with it."""
    database = sqlite3.connect(path)
    try:
        problems = database.execute("PRAGMA integrity_check").fetchall()
        if problems != [("ok",)]:
            raise AssertionError(f"{path}: {problems}")
        return "\n".join(database.iterdump())
    finally:
        database.close()


class SqliteTest(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.file = self.path("app.db")

    def backup(self, *args, **kwargs):
        return self.json("backup", "--sqlite", self.file, *args, **kwargs)

    def restored(self, name="app.db"):
        target = self.path(f"out-{len(os.listdir(self.dir))}")
        self.run_cairn("restore", "latest", "--target", target)
        return os.path.join(target, name)

    def refuse(self, word, code=None, *args):
        """No snapshot, and a message that says what is the matter."""
        done = self.run_cairn("backup", "--sqlite", self.file, "--lock-wait", "1", *args, code=None)
        self.assertNotEqual(done.returncode, 0)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr.decode())
        self.assertIn(word, done.stderr.decode())
        self.assertIn(os.path.basename(self.file), done.stderr.decode())
        self.assertEqual(self.json("snapshots")["snapshots"], [], "a snapshot of what could not be read")
