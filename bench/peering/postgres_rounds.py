"""A PostgreSQL database that changes from round to round, and what is done with it after each."""
import os
import shlex
import shutil

from peering.figures import Run, measure

DATABASE, BACK = "bench", "bench_back"

# 379 MB as text with two million accounts: pgbench's large table with a filler that does not compress away, rows found by
# a random key, documents, and bytes. Each number is made by one of its own, so that every run has the same.
FILL = """
SET synchronous_commit = off;
CREATE FUNCTION noise(seed bigint, length int) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT left(string_agg(encode(sha256((seed || '/' || part)::bytea), 'base64'), ''), length)
     FROM generate_series(0, length / 44) part $$;
CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84)) WITH (fillfactor = 100);
INSERT INTO pgbench_accounts SELECT i, (i - 1) / 100000 + 1, 0,
  encode(sha256(i::text::bytea), 'hex') || left(md5(i::text), 20)
  FROM generate_series(1, {accounts}) i;
CREATE TABLE users (id uuid PRIMARY KEY, name text, mail text, about text, made timestamptz);
INSERT INTO users SELECT md5('u' || i)::uuid, 'user ' || i, md5(i::text) || '@example.org', noise(i, 60 + i % 50),
  '2024-01-01'::timestamptz + i * interval '1 minute' FROM generate_series(1, {users}) i;
CREATE TABLE orders (id bigint PRIMARY KEY, buyer int, state text, made timestamptz, body jsonb);
CREATE FUNCTION put_orders(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO orders SELECT i, i % {users}, CASE i % 3 WHEN 0 THEN 'paid' WHEN 1 THEN 'sent' ELSE 'open' END,
    '2024-01-01'::timestamptz + i * interval '10 seconds',
    jsonb_build_object('item', md5('i' || i), 'count', i % 7, 'price', i % 1000 / 7.0, 'note', noise(-i, 60))
  FROM generate_series(first, last) i $$;
SELECT put_orders(1, {orders});
CREATE TABLE blobs (id int PRIMARY KEY, data bytea);
ALTER TABLE blobs ALTER data SET STORAGE EXTERNAL;
INSERT INTO blobs SELECT i, (SELECT string_agg(sha256((i || '.' || part)::bytea), '') FROM generate_series(1, 1024) part)
  FROM generate_series(1, {blobs}) i;
CREATE INDEX ON orders (buyer);
VACUUM ANALYZE;
"""

# What changes before a backup.
ROUNDS = [
    ("first", ""),
    ("idle", ""),
    ("2 % appended, 1000 recent updated",
     "SELECT put_orders({orders} + 1, {orders} + {orders} / 50);"
     "UPDATE orders SET state = 'seen', body = body || '{{\"seen\": true}}' WHERE id > {orders} + {orders} / 50 - 1000;"),
    ("0.05 % scattered", "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid IN "
                         "(SELECT 1 + abs(hashint4(i)::bigint) % {accounts} FROM generate_series(1, {accounts} / 2000) i);"),
    ("1 % scattered", "UPDATE pgbench_accounts SET abalance = abalance + 2 WHERE aid IN "
                      "(SELECT 1 + abs(hashint4(-i)::bigint) % {accounts} FROM generate_series(1, {accounts} / 100) i);"),
    ("1 % contiguous", "UPDATE pgbench_accounts SET abalance = 7 WHERE aid BETWEEN {accounts} / 2 AND {accounts} / 2 + {accounts} / 100;"),
    ("VACUUM FULL", "VACUUM FULL pgbench_accounts;"),
]


class PostgresRounds:
    """`accounts` is the number of rows of the largest table, in proportion to which the others are."""

    def __init__(self, bench, server, accounts):
        self.bench, self.server = bench, server
        self.sizes = {"accounts": accounts, "users": accounts // 10, "orders": accounts * 3 // 10, "blobs": max(1, accounts * 3 // 16000)}
        self.dump = os.path.join(bench.scratch, "dump")
        self.uri = server.uri(DATABASE, user="postgres", local=True)

    def make(self):
        """The first state, which every round begins with."""
        if "made" not in self.server.databases():
            self.server.create("made", owner="postgres")
            self.server.sql("made", FILL.format(**self.sizes))
        self.server.drop(DATABASE)
        self.server.create(DATABASE, owner="postgres", more="TEMPLATE made")

    def run(self):
        self.make()
        self.bench.begin()
        for name, change in ROUNDS:
            if change:
                self.server.sql(DATABASE, change.format(**self.sizes))
            self.server.sql(DATABASE, "CHECKPOINT")
            self._back_up(f"postgres, {name}")
        self._restore()

    def _program(self, name, *args):
        return [os.path.join(self.server.bin, name), *args]

    def _back_up(self, name):
        shutil.rmtree(self.dump, ignore_errors=True)
        self._beside(name, measure(self._program("pg_dump", "-Fd", "-Z0", "-j2", "-f", self.dump, "-d", self.uri)))
        for engine in self.bench.each():
            before = engine.stored()
            if engine.name == "cairn":
                run = engine.run(["backup", "--postgres", self.uri])
            else:
                run = engine.run(*engine.backup_stream("dump.sql"), feed=self._program("pg_dump", "-d", self.uri))
            self._note(name, engine, run, engine.stored() - before)

    def _restore(self):
        name = "postgres, restore"
        back = self.server.uri(BACK, user="postgres", local=True)
        self.server.create(BACK, owner="postgres")
        self._beside(name, measure(self._program("pg_restore", "-j2", "-d", back, self.dump)))
        for engine in self.bench.each():
            self.server.drop(BACK)
            if engine.name == "cairn":
                run = engine.run(["restore", "latest", "--postgres", self.uri, "--as", BACK])
            else:
                self.server.create(BACK, owner="postgres")
                run = self._restore_stream(engine, back)
            self._note(name, engine, run, None)
        self.server.drop(BACK)

    def _restore_stream(self, engine, back):
        newest = engine.snapshots()[-1]
        out = shlex.join(engine.command(engine.dump(newest, "dump.sql")))
        into = shlex.join(self._program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", back))
        run = measure(["bash", "-c", f"set -o pipefail; {out} | {into}"], env=engine.env())
        return Run(run.wall, run.cpu, run.peak)

    def _beside(self, name, run):
        self.bench.note(name, "machine", run, None)
        self.bench.say(f"{name:44} {'beside':8} {run.wall:8.2f} s {run.cpu:8.2f} s CPU")

    def _note(self, name, engine, run, stored):
        self.bench.note(name, engine.name, run, stored)
        self.bench.say(f"{name:44} {engine.name:8} {run.wall:8.2f} s {run.cpu:8.2f} s CPU {run.peak:6.0f} MiB"
                       + ("" if stored is None else f" {stored / 1e6:8.2f} MB"))
