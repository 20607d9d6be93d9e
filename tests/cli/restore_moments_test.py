"""A restore into a database in use, and what can befall it at any moment: killed, its server or one session of it killed,
the network gone, a disk full. Then the database is the old one or the new one, whole.

CAIRN_MOMENTS sets how many moments of each kind of database (default 6), CAIRN_SEED which ones; with 30 and more, both
ends must have been seen."""
import collections
import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest, can_mount
from postgres_testing import Proxy, Refused, Server, children
from sqlite_testing import WRITER, SqliteTest, fill

MOMENTS = int(os.environ.get("CAIRN_MOMENTS", "6"))
SEED = int(os.environ.get("CAIRN_SEED") or random.randrange(1 << 30))
BOTH_ENDS_FROM = 30  # moments
BEYOND = 1.25  # runs take not equally long, and the end is a moment too: of five one
END_SECONDS_MAX = 90

ROWS = 20_000
MAKE = f"""
CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL);
CREATE TABLE log (id bigserial PRIMARY KEY, who int REFERENCES account, note text);
CREATE INDEX ON log (note);
INSERT INTO account SELECT i, 100 FROM generate_series(1, {ROWS}) i;
INSERT INTO log (who, note) SELECT i, md5(i::text) || md5((-i)::text) FROM generate_series(1, {ROWS}) i;"""
CHANGE = "UPDATE account SET balance = 1; DELETE FROM log WHERE id % 3 = 0; UPDATE log SET note = md5(note) WHERE id % 5 = 0;"
# Of all rows, and of what comes behind the rows.
DIGEST = """
SELECT md5(string_agg(line, '/' ORDER BY line COLLATE "C")) FROM (
  SELECT 'account ' || account::text AS line FROM account UNION ALL SELECT 'log ' || log::text FROM log
  UNION ALL SELECT 'sequence ' || last_value FROM log_id_seq
  UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT 'constraint ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace) all_of_it"""


class Ends:
    """How the moments ended, for the output and for who asks whether both were met."""

    def __init__(self, test, what):
        self.test, self.what, self.seen = test, what, collections.Counter()

    def note(self, kind, end):
        self.seen[(kind, end)] += 1

    def judge(self):
        both = collections.Counter()
        for (kind, end), count in sorted(self.seen.items()):
            print(f"{self.what}, {kind}: {count} {end}")
            both[end] += count
        print(f"{self.what}: {both['old']} ended old, {both['new']} new; CAIRN_SEED={SEED}")
        if both["old"] and both["new"]:
            return
        print(f"{self.what}: all ended the same way: the other end was not met")
        self.test.assertLess(sum(both.values()), BOTH_ENDS_FROM, "all ended the same way")


class Span:
    """How long a whole run takes now: the machine has other work too."""

    def __init__(self, seconds):
        self.seconds = seconds

    def moment(self, dice):
        return dice.uniform(0, BEYOND * self.seconds)

    def wait(self, running, moment):
        """Until that moment, or the end, which is one too: what was said to be done must outlast what comes next."""
        start = time.monotonic()
        try:
            running.wait(timeout=moment)
            self.seconds = time.monotonic() - start
        except subprocess.TimeoutExpired:
            self.seconds = max(self.seconds, moment)


def fill_disk(folder):
    """All of it; the file to remove."""
    filler = os.path.join(folder, "filler")
    with open(filler, "wb") as file:
        for _ in range(100):  # others free and take meanwhile
            free = shutil.disk_usage(folder).free
            if free == 0:
                break
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free)
    return filler


class Postgres(CairnTest):
    @classmethod
    def setUpClass(cls):
        cls.disks = {}
        if can_mount():
            for name, size in (("server", "500m"), ("repository", "100m")):
                disk = tempfile.mkdtemp(prefix=f"cairn-disk-{name}-")
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", disk], check=True)
                cls.addClassCleanup(os.rmdir, disk)
                cls.addClassCleanup(subprocess.run, ["umount", "-l", disk], check=True)
                cls.disks[name] = disk
        cls.server = Server(folder=cls.disks.get("server"), options={"max_wal_size": "64MB", "min_wal_size": "32MB"})
        cls.addClassCleanup(cls.server.close)
        cls.proxy = Proxy(cls.server.port)
        cls.addClassCleanup(cls.proxy.close)

    def setUp(self):
        super().setUp()
        if self.disks:
            self.repo = os.path.join(self.disks["repository"], "repo")
        self.init()
        self.dice = random.Random(SEED)
        self.kinds = [self.cairn_killed, self.session_killed, self.server_killed, self.network_gone]
        if self.disks:
            self.kinds += [self.server_disk_full, self.repository_disk_full]

    # --- what befalls it: each leaves the world as it found it, but for the restore ---

    def cairn_killed(self, running):
        running.kill()

    def session_killed(self, _):
        """The server ends all its others, and recovers."""
        sessions = []
        for pid in children(self.server.pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                if re.search(r"\[local\]|127\.0\.0\.1", file.read()):
                    sessions.append(pid)
        if sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.dice.choice(sessions), signal.SIGKILL)

    def server_killed(self, running):
        self.server.kill()
        self.wait_for_end(running)
        self.server.start()

    def network_gone(self, running):
        self.proxy.drop(refuse=True)
        self.wait_for_end(running)
        self.proxy.resume()

    def server_disk_full(self, running):
        filler = fill_disk(self.disks["server"])
        try:
            self.wait_for_end(running)
        finally:
            os.unlink(filler)
            self.server.stop()  # it may have ended itself, for want of room for its log
            self.server.start()

    def repository_disk_full(self, running):
        filler = fill_disk(self.disks["repository"])
        try:
            self.wait_for_end(running)
        finally:
            os.unlink(filler)

    # --- the restore ---

    def wait_for_end(self, running):
        if running.said is None:
            running.said = running.communicate(timeout=END_SECONDS_MAX)[1].decode()

    def begin(self, address):
        running = subprocess.Popen([BIN, "restore", self.snapshot, "-q", "--disconnect", "--postgres", address], env=self.env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        running.said = None
        return running

    def address_for(self, kind):
        if kind == self.network_gone:
            return self.proxy.uri(self.server, "shop", user="postgres")
        return self.server.uri("shop", user="postgres", local=True)

    def of_shop(self):
        return [name for name in self.server.databases() if name.startswith("shop_")]

    def make_old_again(self):
        for name in ["shop", *self.of_shop()]:
            self.server.drop(name)
        self.server.create("shop", more="TEMPLATE old")

    def wait_for_server(self):
        """Until it lets somebody in, and nobody of the restore is left: what it was asked for it does to its end."""
        end = time.monotonic() + END_SECONDS_MAX
        while True:
            with contextlib.suppress(Refused):
                if self.server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                                               "AND pid <> pg_backend_pid()") == "0":
                    return
            self.assertLess(time.monotonic(), end, "sessions of a restore that is over do not end")
            time.sleep(0.05)

    def judge(self, running):
        """Old or new; and that it is whole, that the former one is kept, and that nothing else stays."""
        digest = self.server.sql("shop", DIGEST)
        self.assertIn(digest, (self.old, self.new))
        is_new = digest == self.new
        if running.returncode == 0:
            self.assertTrue(is_new, "it says that it was restored")
        if "shop is as it was" in running.said:
            self.assertFalse(is_new, running.said)
        if "in its place all the same" in running.said:
            self.assertTrue(is_new, running.said)
        self.run_cairn("restore", "--postgres", self.server.uri("", user="postgres", local=True), "--clean-up")
        left = self.of_shop()
        if not is_new:
            self.assertEqual(left, [], running.said)
            return "old"
        self.assertEqual(len(left), 1, left)
        run = re.fullmatch("shop_before_([0-9a-f]{8})", left[0])
        self.assertTrue(run, left)
        self.assertEqual(self.server.sql(left[0], DIGEST), self.old)
        self.run_cairn("restore", "--postgres", self.address_for(None), "--undo", run[1])
        self.assertEqual(self.server.sql("shop", DIGEST), self.old)
        return "new"

    def test_old_or_new_whatever_happens(self):
        self.server.create("old")
        self.addCleanup(self.server.drop, "old")
        self.server.sql("old", MAKE, user="app")
        self.new = self.server.sql("old", DIGEST)
        local = self.server.uri("shop", user="postgres", local=True)
        self.snapshot = self.json("backup", "--postgres", local.replace("/shop?", "/old?"))["id"]
        self.server.sql("old", CHANGE, user="app")
        self.old = self.server.sql("old", DIGEST)
        self.assertNotEqual(self.old, self.new)
        self.addCleanup(lambda: [self.server.drop(name) for name in ["shop", *self.of_shop()]])
        spans = {}
        for kind in (None, self.network_gone):
            self.make_old_again()
            start = time.monotonic()
            running = self.begin(self.address_for(kind))
            self.wait_for_end(running)
            spans[kind] = Span(time.monotonic() - start)
            self.assertEqual(running.returncode, 0, running.said)
        ends = Ends(self, "PostgreSQL")
        for number in range(MOMENTS):
            kind = self.kinds[number % len(self.kinds)]
            span = spans.get(kind, spans[None])
            moment = span.moment(self.dice)
            with self.subTest(kind=kind.__name__, moment=moment, number=number, seed=SEED):
                self.make_old_again()
                running = self.begin(self.address_for(kind))
                span.wait(running, moment)
                kind(running)
                self.wait_for_end(running)
                self.wait_for_server()
                ends.note(kind.__name__, self.judge(running))
        ends.judge()
        self.assertEqual(self.json("check")["damages"], 0)


class Sqlite(SqliteTest):
    def begin_writer(self):
        """It has the database open, and writes now and then; a restore comes between."""
        writer = subprocess.Popen([sys.executable, "-c", WRITER.replace("0.002", "0.5"), self.file], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        self.assertNotEqual(writer.stdout.readline(), b"")
        return writer

    def total(self):
        database = sqlite3.connect(self.file, timeout=60)
        try:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            return database.execute("SELECT sum(balance) FROM account").fetchone()[0]
        finally:
            database.close()

    def begin(self):
        return subprocess.Popen([BIN, "restore", self.snapshot, "-q", "--sqlite", self.file], env=self.env(),
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def put(self, old_bytes):
        for suffix in ("-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.file + suffix)
        with open(self.file, "wb") as file:
            file.write(old_bytes)

    def measure(self, old_bytes):
        """How long a whole restore takes."""
        self.put(old_bytes)
        writer = self.begin_writer()
        try:
            start = time.monotonic()
            running = self.begin()
            said = running.communicate(timeout=END_SECONDS_MAX)[1].decode()
            self.assertEqual(running.returncode, 0, said)
            return Span(time.monotonic() - start)
        finally:
            writer.kill()
            writer.communicate()

    def moments(self, mode, dice, ends, count):
        self.file = self.path(f"{mode}.db")
        fill(self.file, mode=mode, rows=60_000).close()
        self.snapshot = self.backup()["id"]
        self.assertEqual(self.total(), 100_000)
        database = sqlite3.connect(self.file)
        database.execute("UPDATE account SET balance = 7")
        database.commit()
        database.close()
        with open(self.file, "rb") as file:
            old_bytes = file.read()
        span = self.measure(old_bytes)
        for number in range(count):
            moment = span.moment(dice)
            with self.subTest(mode=mode, moment=moment, number=number, seed=SEED):
                self.put(old_bytes)
                writer = self.begin_writer()
                try:
                    running = self.begin()
                    span.wait(running, moment)
                    running.kill()
                    said = running.communicate(timeout=END_SECONDS_MAX)[1].decode()
                    total = self.total()
                    self.assertIsNone(writer.poll(), "the program that has it open could not go on")
                finally:
                    writer.kill()
                    writer.communicate()
                self.assertIn(total, (7_000, 100_000), said)
                if running.returncode == 0:
                    self.assertEqual(total, 100_000, said)
                # Also when nobody has it open any more. Where cairn was killed while all of its transaction was in the log and
                # nobody had been told, programs that have it open see the old state, and who recovers the log the new one:
                # SQLite's WAL format, "Recovery".
                last = self.total()
                self.assertIn(last, {total, 100_000} if mode == "wal" else {total}, said)
                ends.note(f"killed, {mode}", "new" if last == 100_000 else "old")
        # What is left of them is nobody's, and goes.
        self.run_cairn("restore", self.snapshot, "--sqlite", self.file)
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith(".cairn-restore-")], [])

    def test_old_or_new_whenever_it_is_killed(self):
        dice = random.Random(SEED)
        ends = Ends(self, "SQLite")
        for mode in ("wal", "delete"):
            self.moments(mode, dice, ends, (MOMENTS + 1) // 2)
        ends.judge()
        self.assertEqual(self.json("check")["damages"], 0)


if __name__ == "__main__":
    unittest.main()
