"""A SQLite database that changes from round to round, and what is done with it after each."""
import os
import random
import sqlite3

from peering.figures import measure

# 171 MB with 300,000 users: rows by number with an index of a random key, and a log that grows.
TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT, mail TEXT, about TEXT);
CREATE TABLE events (id INTEGER PRIMARY KEY, user INTEGER, at INTEGER, kind TEXT, body TEXT);
CREATE INDEX events_user ON events (user);
"""


def uuid(dice):
    text = dice.randbytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class SqliteRounds:
    def __init__(self, bench, folder, users):
        self.bench, self.users = bench, users
        self.events = users * 4 // 3
        self.made = os.path.join(folder, f"made-{users}.db")
        self.file = os.path.join(bench.scratch, "database", "app.db")
        self.rounds = [("first", None), ("idle", None), ("1 % events appended", self.append), ("100 random rows", self.few),
                       ("1 % random rows", self.scattered), ("1 % contiguous rows", self.contiguous), ("1 % uuids changed", self.keys),
                       ("5 % random deletes", self.delete), ("VACUUM", lambda database, _: database.execute("VACUUM"))]

    def make(self):
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        if not os.path.exists(self.made):
            unfinished = self.made + ".unfinished"
            if os.path.exists(unfinished):
                os.remove(unfinished)
            self._fill(unfinished)
            os.rename(unfinished, self.made)
        measure(["cp", self.made, self.file])

    def _fill(self, path):
        dice = random.Random(7)
        database = sqlite3.connect(path, isolation_level=None)
        database.executescript("PRAGMA page_size = 4096; PRAGMA synchronous = off;" + TABLES + "BEGIN;")
        database.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)",
                             ((i, uuid(dice), f"user {i}", f"{i * 7919}@example.org", dice.randbytes(40 + i % 25).hex())
                              for i in range(self.users)))
        self._put_events(database, dice, 0, self.events)
        database.execute("COMMIT")
        database.close()

    def _put_events(self, database, dice, first, count):
        database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)",
                             ((i, dice.randrange(self.users), 1_700_000_000 + i, ("login", "order", "view")[i % 3],
                               dice.randbytes(85 + i % 35).hex()) for i in range(first, first + count)))

    def append(self, database, dice):
        self._put_events(database, dice, self.events, self.events // 100)

    def _touch(self, database, ids):
        database.executemany("UPDATE users SET name = name || '.' WHERE id = ?", ((i,) for i in ids))

    def few(self, database, dice):
        self._touch(database, dice.sample(range(self.users), min(100, self.users)))

    def scattered(self, database, dice):
        self._touch(database, dice.sample(range(self.users), self.users // 100))

    def contiguous(self, database, _):
        self._touch(database, range(self.users // 2, self.users // 2 + self.users // 100))

    def keys(self, database, dice):
        database.executemany("UPDATE users SET uuid = ? WHERE id = ?",
                             [(uuid(dice), i) for i in dice.sample(range(self.users), self.users // 100)])

    def delete(self, database, dice):
        database.executemany("DELETE FROM users WHERE id = ?", ((i,) for i in dice.sample(range(self.users), self.users // 20)))

    def _change(self, how, number):
        database = sqlite3.connect(self.file, isolation_level=None)
        vacuums = how is self.rounds[-1][1]
        if not vacuums:
            database.execute("BEGIN")
        how(database, random.Random(number))
        if not vacuums:
            database.execute("COMMIT")
        database.close()

    def run(self):
        self.make()
        self.bench.begin()
        for number, (name, how) in enumerate(self.rounds):
            if how:
                self._change(how, number)
            self._back_up(f"sqlite, {name}")
        self.bench.target()
        self.bench.limit("sqlite, restore", f"cp '{self.file}' '{self.bench.scratch}/restored/copy'")
        self.bench.do("sqlite, restore", lambda engine: engine.restore(engine.snapshots()[-1], self.bench.target()),
                      after=self.bench.drop_target)

    def _back_up(self, name):
        self.bench.target()
        self.bench.limit(name, f"cp '{self.file}' '{self.bench.scratch}/restored/copy'")
        self.bench.drop_target()
        for engine in self.bench.each():
            before = engine.stored()
            steps = [["backup", "--sqlite", self.file]] if engine.name == "cairn" else engine.backup([self.file])
            run = engine.run(*steps)
            stored = engine.stored() - before
            self.bench.note(name, engine.name, run, stored)
            self.bench.say(f"{name:44} {engine.name:8} {run.wall:8.2f} s {run.cpu:8.2f} s CPU {run.peak:6.0f} MiB {stored / 1e6:8.2f} MB")
