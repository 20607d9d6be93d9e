"""SQLite databases back into their files: new ones, and ones that programs read and write meanwhile."""
import fcntl
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, can_mount
from sqlite_testing import CRASHED, WRITER, SqliteTest, content, fill

# A row now and then, until it is killed; says each that is committed.
SLOW_WRITER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for round in range(10**9):
    database.execute("INSERT INTO late VALUES (?)", (round,))
    print(round, flush=True)
    time.sleep(float(sys.argv[2]))
"""

LOOK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
check, = database.execute("PRAGMA integrity_check").fetchone()
print("state:", check, *database.execute("SELECT sum(balance) FROM account").fetchone())
"""


def inode(path):
    status = os.stat(path)
    return status.st_ino, status.st_uid, status.st_gid, status.st_mode


class RestoreTest(SqliteTest):
    def restore(self, snapshot="latest", *args, **kwargs):
        return self.json("restore", snapshot, "--sqlite", self.file, *args, **kwargs)

    def fails(self, word, *args, code=1, snapshot="latest", **kwargs):
        """What it says; and no copy is left beside the database."""
        done = self.run_cairn("restore", *([snapshot] if snapshot else []), "--sqlite", self.file, *args, code=None,
                              **kwargs)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, code, said + done.stdout.decode())
        self.assertIn(word, said)
        self.assertEqual(self.stages(), [])
        return said

    def stages(self, folder=None):
        return [name for name in os.listdir(folder or self.dir) if name.startswith(".cairn-restore-")]

    def snapshots(self, kind="safety"):
        return [one for one in self.json("snapshots")["snapshots"] if one["class"] == kind]

    def make(self, mode="delete", **how):
        """A database, in a snapshot; then another state of it. The snapshot's id, and its content."""
        fill(self.file, mode=mode, **how).close()
        first = self.backup()["id"]
        kept = content(self.file)
        database = sqlite3.connect(self.file)
        database.execute("UPDATE account SET balance = 7")
        database.commit()
        database.close()
        return first, kept

    def balances(self):
        return sqlite3.connect(self.file).execute("SELECT sum(balance) FROM account").fetchone()[0]


class ANewFile(RestoreTest):
    def test_it_is_made_with_owner_and_mode(self):
        for mode in ("wal", "delete"):
            with self.subTest(mode=mode):
                self.file = self.path(f"{mode}.db")
                fill(self.file, mode=mode).close()
                os.chmod(self.file, 0o640)
                if os.geteuid() == 0:
                    os.chown(self.file, 1234, 2345)
                before, who = content(self.file), inode(self.file)[1:]
                self.backup()
                os.unlink(self.file)
                report = self.restore()
                self.assertEqual((report["existed"], report["safety_snapshot"]), (False, None))
                self.assertEqual(inode(self.file)[1:], who)
                self.assertEqual(sqlite3.connect(self.file).execute("PRAGMA journal_mode").fetchone(), (mode,))
                self.assertEqual(content(self.file), before)
                self.assertEqual(self.stages(), [])

    def test_an_empty_one(self):
        open(self.file, "w").close()
        self.backup()
        os.unlink(self.file)
        self.restore()
        self.assertEqual(os.path.getsize(self.file), 0)

    def test_what_another_database_left_beside_it(self):
        self.make()
        os.unlink(self.file)
        for suffix in ("-wal", "-shm", "-journal"):
            with open(self.file + suffix, "w") as file:
                file.write("of another")
            said = self.fails(self.file + suffix)
            self.assertIn("move it away", said)
            self.assertFalse(os.path.exists(self.file))
            os.unlink(self.file + suffix)
        self.restore()

    def test_what_another_database_leaves_beside_it_meanwhile(self):
        self.make(rows=60_000)
        os.unlink(self.file)
        running = subprocess.Popen([BIN, "restore", "latest", "--sqlite", self.file], env=self.env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not self.stages():
            time.sleep(0.001)
        with open(self.file + "-journal", "w") as file:
            file.write("of another")
        said = running.communicate(timeout=60)[1].decode()
        self.assertEqual(running.returncode, 1, said)
        self.assertIn("app.db-journal", said)
        self.assertFalse(os.path.exists(self.file))

    def test_what_somebody_makes_meanwhile_stays(self):
        self.make(rows=60_000)
        os.unlink(self.file)
        running = subprocess.Popen([BIN, "restore", "latest", "--sqlite", self.file], env=self.env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not self.stages():
            time.sleep(0.001)
        with open(self.file, "w") as file:
            file.write("somebody's")
        said = running.communicate(timeout=60)[1].decode()
        self.assertEqual(running.returncode, 1, said)
        self.assertIn("somebody has made", said)
        with open(self.file) as file:
            self.assertEqual(file.read(), "somebody's")
        self.assertEqual(self.stages(), [])

    def test_the_copy_is_for_nobody_elses_eyes(self):
        self.make(rows=60_000)
        os.unlink(self.file)
        running = subprocess.Popen([BIN, "restore", "latest", "--sqlite", self.file], env=self.env(),
                                   stdout=subprocess.DEVNULL)
        while not self.stages():
            time.sleep(0.001)
        self.assertEqual(os.stat(self.path(self.stages()[0])).st_mode & 0o7777, 0o700)
        self.assertEqual(running.wait(60), 0)

    def test_places_that_cannot_be(self):
        self.make()
        os.symlink(self.path("nowhere.db"), self.path("link.db"))
        for place, word in (("link.db", "No such file"), ("no/folder.db", "the folder of"), ("repo/x.db", "inside the repository"),
                            ("cache", "is no file")):
            self.file = self.path(place)
            self.fails(word)
        self.assertFalse(os.path.exists(self.path("nowhere.db")))


class IntoALiveDatabase(RestoreTest):
    def test_who_has_it_open_sees_the_restored_state_and_goes_on(self):
        for mode in ("wal", "delete", "truncate", "persist"):
            with self.subTest(mode=mode):
                self.file = self.path(f"{mode}.db")
                application = fill(self.file, mode=mode)
                os.chmod(self.file, 0o640)
                first = self.backup()["id"]
                application.execute("UPDATE account SET balance = 7")
                application.execute("INSERT INTO log VALUES (NULL, 1, 'later')")
                before, who = "\n".join(application.iterdump()), inode(self.file)
                report = self.restore(first)
                self.assertTrue(report["existed"])
                self.assertEqual(inode(self.file), who)
                self.assertEqual(application.execute("SELECT sum(balance) FROM account").fetchone(), (100_000,))
                application.execute("INSERT INTO account VALUES (5000, 1)")  # it goes on in the same file
                reader = sqlite3.connect(self.file)
                self.assertEqual(reader.execute("SELECT sum(balance) FROM account").fetchone(), (100_001,))
                expected = "wal" if mode == "wal" else "delete"
                self.assertEqual(reader.execute("PRAGMA journal_mode").fetchone(), (expected,))
                reader.close()
                # And back to what was there before.
                again = self.json("restore", "--undo", report["run"], "--sqlite", self.file)
                self.assertEqual(again["undone"], report["run"])
                self.assertEqual("\n".join(application.iterdump()), before)
                application.close()
                self.assertEqual(self.stages(), [])
                # What the first restore had made is in the second's safety snapshot.
                self.json("restore", "--undo", again["run"], "--sqlite", self.file)
                self.assertEqual(self.balances(), 100_001)

    def test_a_snapshot_in_the_other_mode(self):
        for kept, live in (("wal", "delete"), ("delete", "wal")):
            self.file = self.path(f"{kept}-{live}.db")
            first, before = self.make(mode=kept)
            sqlite3.connect(self.file).execute(f"PRAGMA journal_mode = {live}").connection.close()
            self.restore(first)
            self.assertEqual(sqlite3.connect(self.file).execute("PRAGMA journal_mode").fetchone(), (live,))
            self.assertEqual(content(self.file), before)

    def test_another_text_encoding_is_told(self):
        database = sqlite3.connect(self.file)
        database.execute("PRAGMA encoding = 'UTF-16le'")
        database.execute("CREATE TABLE t (x TEXT)")
        database.commit()
        database.close()
        first, before = self.backup()["id"], content(self.file)
        self.assertEqual(self.restore(first)["notes"], [])
        os.unlink(self.file)
        fill(self.file).close()
        word = "is UTF-8, and the snapshot's UTF-16le: programs that have it open must reopen it"
        self.assertIn(word, self.restore(first, "--dry-run")["notes"][0])
        told = self.run_cairn("restore", first, "--sqlite", self.file, "-n").stdout.decode()
        self.assertIn(word, told)
        done = self.run_cairn("restore", first, "--sqlite", self.file, "--json")
        self.assertIn(word, json.loads(done.stdout.decode().strip().splitlines()[-1])["notes"][0])
        self.assertEqual(content(self.file), before)
        fill(self.path("again.db")).close()
        os.rename(self.path("again.db"), self.file)
        done = self.run_cairn("restore", first, "--sqlite", self.file)
        self.assertIn(word, (done.stdout + done.stderr).decode())

    def test_a_reader_in_a_transaction_keeps_its_state(self):
        first, _ = self.make(mode="wal")
        reader = sqlite3.connect(self.file, isolation_level=None)
        reader.execute("BEGIN")
        self.assertEqual(reader.execute("SELECT sum(balance) FROM account").fetchone(), (7_000,))
        self.restore(first)
        self.assertEqual(reader.execute("SELECT sum(balance) FROM account").fetchone(), (7_000,))
        reader.execute("COMMIT")
        self.assertEqual(reader.execute("SELECT sum(balance) FROM account").fetchone(), (100_000,))
        reader.close()

    def test_the_safety_snapshot_outlives_retention_and_is_never_the_latest(self):
        first, kept = self.make()
        report = self.restore()
        self.assertEqual((report["id"], content(self.file)), (first, kept))
        self.backup()
        self.run_cairn("forget", "--keep-last", "1")
        safety, = self.snapshots()
        self.assertEqual((safety["id"], safety["description"]),
                         (report["safety_snapshot"], "before restore " + report["run"]))

    def test_another_size_of_pages(self):
        for here, there in ((1024, 4096), (8192, 1024), (4096, 65536)):
            self.file = self.path(f"{here}-{there}.db")
            fill(self.file, page_size=here).close()
            first, before = self.backup()["id"], content(self.file)
            os.unlink(self.file)
            application = fill(self.file, page_size=there, rows=5_000)
            report = self.restore(first)
            self.assertEqual(report["tries"], 1)
            self.assertEqual("\n".join(application.iterdump()), before)
            application.close()
            self.assertEqual(content(self.file), before)
            os.unlink(self.file)
            application = fill(self.file, page_size=there, mode="wal")
            stays, count = "\n".join(application.iterdump()), len(self.snapshots())
            for options in ([], ["--no-safety-snapshot", "--no-verify"], ["--dry-run"]):
                done = self.run_cairn("restore", first, "--sqlite", self.file, *options, code=1)
                said = (done.stdout + done.stderr).decode()
                self.assertIn(f"with pages of {there} bytes", said)
                self.assertIn("journal_mode = DELETE", said)
            self.assertEqual("\n".join(application.iterdump()), stays)
            self.assertEqual(len(self.snapshots()), count)
            application.close()

    def test_empty_ones(self):
        first, before = self.make()
        open(self.file, "w").close()
        application = sqlite3.connect(self.file)
        report = self.restore(first)
        self.assertEqual(report["tries"], 1)
        self.assertEqual("\n".join(application.iterdump()), before)
        application.close()
        for mode in ("delete", "wal"):
            sqlite3.connect(self.file).execute(f"PRAGMA journal_mode = {mode}").connection.close()
            application = sqlite3.connect(self.file)
            again = self.restore(report["safety_snapshot"])
            self.assertEqual(application.execute("SELECT count(*) FROM sqlite_schema").fetchone(), (0,))
            self.assertEqual(application.execute("PRAGMA journal_mode").fetchone(), (mode,))
            self.restore(again["safety_snapshot"])
            self.assertEqual("\n".join(application.iterdump()), before)
            application.close()

    def test_what_a_crash_left_is_undone_and_then_kept(self):
        first, kept = self.make(rows=20_000)
        before = content(self.file)
        subprocess.run([sys.executable, "-c", CRASHED, self.file])
        self.assertTrue(os.path.exists(self.file + "-journal"))
        report = self.restore(first)
        self.assertEqual(content(self.file), kept)
        self.json("restore", "--undo", report["run"], "--sqlite", self.file)
        self.assertEqual(content(self.file), before)

    def test_small_and_fast(self):
        database = sqlite3.connect(self.file)
        database.execute("CREATE TABLE t (x BLOB)")
        database.execute("INSERT INTO t VALUES (?)", (random.Random(1).randbytes(190_000),))
        database.commit()
        database.close()
        self.assertLess(abs(os.path.getsize(self.file) - 196 * 1024), 8192)
        times = []
        for work in (self.backup, self.restore):
            for _ in range(3):
                begin = time.monotonic()
                work()
                times.append(time.monotonic() - begin)
            self.assertLess(min(times[-3:]), 1, times)


class WhileOthersWrite(RestoreTest):
    def late_rows(self, path):
        return [row for row, in sqlite3.connect(path).execute("SELECT x FROM late ORDER BY x")]

    def test_no_committed_row_is_lost(self):
        """Each is in the safety snapshot, or came after the restored state."""
        for mode in ("wal", "delete"):
            self.file = self.path(f"{mode}.db")
            database = fill(self.file, mode=mode, rows=20_000)
            database.execute("CREATE TABLE late (x INTEGER)")
            database.close()
            first = self.backup()["id"]
            count = 0
            for i in range(10):
                writer = subprocess.Popen([sys.executable, "-c", SLOW_WRITER, self.file, "0.07"], stdout=subprocess.PIPE)
                writer.stdout.readline()
                time.sleep(0.007 * i)
                done = self.run_cairn("restore", first, "--sqlite", self.file, "--json", code=None)
                time.sleep(0.1)
                writer.kill()
                told = [0] + [int(line) for line in writer.communicate()[0].split()]
                report = json.loads(done.stdout.decode().strip().splitlines()[-1])
                if done.returncode != 0:
                    self.assertIn("written to all the time", report["message"])
                    self.assertEqual([row for row in told if row not in self.late_rows(self.file)], [])
                else:
                    count += 1
                    target = self.path(f"out-{mode}-{i}")
                    self.run_cairn("restore", report["safety_snapshot"], "--target", target)
                    before, after = self.late_rows(os.path.join(target, f"{mode}.db")), self.late_rows(self.file)
                    self.assertEqual([row for row in told if row not in before + after], [], (mode, before, after))
                    self.assertEqual([row for row in before if row in after], [])
                self.run_cairn("restore", first, "--sqlite", self.file, "--no-safety-snapshot")
            self.assertGreater(count, 0, "none was restored")

    def test_one_state_whatever_is_written(self):
        """With a writer that never rests, what is there is one state: the restored one, and what it does to that."""
        for mode in ("wal", "delete"):
            self.file = self.path(f"{mode}.db")
            fill(self.file, mode=mode, rows=10_000).close()
            first = self.backup()["id"]
            writer = subprocess.Popen([sys.executable, "-c", WRITER, self.file], stdout=subprocess.PIPE, text=True)
            try:
                writer.stdout.readline()
                for _ in range(3):
                    self.restore(first, "--no-safety-snapshot")
                    reader = sqlite3.connect(self.file, timeout=60)
                    self.assertEqual(reader.execute("SELECT sum(balance) FROM account").fetchone(), (100_000,))
                    reader.close()
                self.assertIsNone(writer.poll(), "it goes on")
            finally:
                writer.kill()
                last = writer.communicate()[0].splitlines()
            self.assertGreater(len(last), 3)
            self.assertEqual(self.balances(), 100_000)
            content(self.file)

    def test_one_that_is_written_all_the_time(self):
        first, _ = self.make(mode="wal", rows=60_000)
        database = sqlite3.connect(self.file)
        database.execute("CREATE TABLE late (x INTEGER)")
        database.close()
        writer = subprocess.Popen([sys.executable, "-c", SLOW_WRITER, self.file, "0.001"], stdout=subprocess.PIPE)
        try:
            writer.stdout.readline()
            said = self.fails("written to all the time", snapshot=first)
        finally:
            writer.kill()
            told = [int(line) for line in writer.communicate()[0].split()]
        self.assertIn("is as it was", said)
        self.assertEqual(self.snapshots(), [], "of tries that changed nothing")
        self.assertLessEqual({*told}, {*self.late_rows(self.file)})
        self.assertEqual(self.balances(), 7_000)


class Refusals(RestoreTest):
    def test_a_writer_that_does_not_let_go(self):
        for mode in ("delete", "wal"):
            self.file = self.path(f"{mode}.db")
            first, _ = self.make(mode=mode)
            application = sqlite3.connect(self.file, isolation_level=None)
            application.execute("BEGIN IMMEDIATE")
            begin = time.monotonic()
            self.fails("another program has it locked, for 1 s", "--lock-wait", "1", snapshot=first)
            self.assertLess(time.monotonic() - begin, 10)
            application.execute("ROLLBACK")
            application.close()
            self.assertEqual(self.balances(), 7_000)
            self.assertEqual(self.snapshots(), [])

    def test_a_lock_that_comes_later(self):
        """While the copy is made: what is kept then is nothing, for nothing is replaced."""
        first, _ = self.make(mode="wal", rows=60_000)
        running = subprocess.Popen([BIN, "restore", first, "--sqlite", self.file, "--lock-wait", "1"], env=self.env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not self.stages():
            time.sleep(0.001)
        application = sqlite3.connect(self.file, isolation_level=None)
        application.execute("BEGIN IMMEDIATE")
        said = running.communicate(timeout=60)[1].decode()
        application.execute("ROLLBACK")
        self.assertEqual(running.returncode, 1, said)
        self.assertIn("another program has it locked", said)
        self.assertIn("is as it was", said)
        self.assertEqual((self.balances(), self.snapshots()), (7_000, []))

    def test_a_file_that_is_put_in_its_place_meanwhile(self):
        for mode in ("delete", "wal"):
            self.file = self.path(f"{mode}.db")
            first, _ = self.make(mode=mode, rows=30_000)
            application = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
            running = subprocess.Popen([BIN, "restore", first, "--sqlite", self.file], env=self.env(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while not self.stages():
                time.sleep(0.001)
            application.execute("BEGIN EXCLUSIVE")
            time.sleep(1)  # it waits for that
            os.rename(self.file, self.file + ".old")
            with open(self.file, "w") as file:
                file.write("another")
            application.execute("ROLLBACK")
            said = running.communicate(timeout=60)[1].decode()
            self.assertEqual(running.returncode, 1, said)
            with open(self.file) as file:
                self.assertEqual(file.read(), "another", said)
            self.assertEqual(application.execute("SELECT sum(balance) FROM account").fetchone(), (7_000,))
            self.assertEqual(self.snapshots(), [])
            application.close()

    def start_and_swap(self, mode, is_time):
        """A restore, and another database in its file's place at a moment of the writing. What it says, the content then and before."""
        self.file = self.path(f"{mode}.db")
        first, _ = self.make(mode=mode, rows=60_000)
        old, other = content(self.file), self.path("other.db")
        fill(other, mode=mode, rows=3).close()
        strange = content(other)
        running = subprocess.Popen([BIN, "restore", first, "--sqlite", self.file, "--no-verify"], env=self.env(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while running.poll() is None and not is_time():
            pass
        self.assertIsNone(running.poll(), "it was over before")
        os.rename(self.file, self.path("old.db"))
        os.rename(other, self.file)
        said = running.communicate(timeout=60)[1].decode()
        self.assertEqual(running.returncode, 1, said)
        self.assertIn(f"{self.file} is another file now than the one that was written", said)
        self.assertIn(f"the file that was {self.file} and is {self.path('old.db')} now", said)
        self.assertIn(f"is also snapshot {self.snapshots()[-1]['id'][:8]}", said)
        wal = self.file + "-wal"
        self.assertEqual(os.path.getsize(wal) if os.path.exists(wal) else 0, 0, "beside a file that it is not of")
        self.assertFalse(os.path.exists(self.file + "-journal"))
        self.assertEqual(content(self.file), strange)
        return said, content(self.path("old.db")), old

    def size(self, suffix):
        try:
            return os.path.getsize(self.file + suffix)
        except OSError:
            return 0

    def test_a_file_that_is_put_in_its_place_while_it_is_written(self):
        """What was begun is undone."""
        for mode, journal in (("wal", "-wal"), ("delete", "-journal")):
            with self.subTest(mode=mode):
                for _ in range(10):  # it may have come to its end before this process came to the exchange
                    said, is_now, old = self.start_and_swap(mode, lambda: self.size(journal) > 2_000_000)
                    if "nothing was restored" in said:
                        break
                    os.unlink(self.path("old.db"))
                    os.unlink(self.file)
                self.assertIn("nothing was restored", said)
                self.assertEqual(is_now, old)
                os.unlink(self.path("old.db"))

    def test_a_lock_that_goes_in_time(self):
        first, kept = self.make()
        application = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        application.execute("BEGIN IMMEDIATE")
        threading.Timer(1.5, lambda: application.execute("ROLLBACK")).start()
        begin = time.monotonic()
        self.restore(first, "--lock-wait", "30")
        self.assertGreater(time.monotonic() - begin, 1)
        self.assertEqual(content(self.file), kept)

    def test_a_key_that_may_not_write(self):
        first, kept = self.make()
        self.run_cairn("key", "add", "--role", "reader", "--label", "r", CAIRN_NEW_PASSWORD="reader")
        before = open(self.file, "rb").read()
        self.fails("--no-safety-snapshot", password="reader")
        self.assertEqual(open(self.file, "rb").read(), before)
        done = self.run_cairn("restore", "latest", "--sqlite", self.file, "--dry-run", password="reader", code=1)
        self.assertIn("cannot be: ", done.stdout.decode())
        self.restore(first, "--no-safety-snapshot", password="reader")
        self.assertEqual(content(self.file), kept)

    def test_a_target_that_is_damaged(self):
        first, _ = self.make(rows=20_000)
        whole = open(self.file, "rb").read()
        damaged = {"cut": whole[:len(whole) // 2], "none": b"hello, this is no database" * 100,
                   "header": whole[:16] + b"\xff" * 84 + whole[100:]}
        for name, data in damaged.items():
            with self.subTest(damage=name):
                with open(self.file, "wb") as file:
                    file.write(data)
                for options in ([], ["--no-safety-snapshot"]):
                    said = self.fails("move it away", *options, snapshot=first)
                    self.assertIn(self.file, said)
                self.assertEqual(open(self.file, "rb").read(), data)
        self.assertEqual(self.snapshots(), [])
        os.unlink(self.file)
        self.restore(first)

    def test_no_database_with_a_journal_beside_it(self):
        """It is not opened: SQLite would delete the journal."""
        first, _ = self.make()
        whole = open(self.file, "rb").read()
        for data in (b"x" * 5000, whole[:16] + b"\xff" * 84 + whole[100:]):
            for suffix in ("-journal", "-wal"):
                for name, bytes_ in (("", data), (suffix, b"y" * 1000)):
                    with open(self.file + name, "wb") as file:
                        file.write(bytes_)
                before = sorted(os.listdir(self.dir))
                said = self.fails("move it away", "--no-safety-snapshot", snapshot=first)
                self.assertIn(self.file + suffix, said)
                plan = self.run_cairn("restore", first, "--sqlite", self.file, "-n", code=1).stdout.decode()
                self.assertIn(self.file + suffix, plan)
                self.assertNotIn("it is finished first", plan)
                self.assertEqual(sorted(os.listdir(self.dir)), before)
                self.assertEqual(open(self.file, "rb").read(), data)
                self.assertEqual(open(self.file + suffix, "rb").read(), b"y" * 1000)
                os.unlink(self.file + suffix)

    def test_a_target_of_which_a_page_is_damaged_is_kept_as_it_is_and_replaced(self):
        first, kept = self.make(rows=20_000)
        with open(self.file, "r+b") as file:
            file.seek(40 * 4096)
            file.write(b"\xff" * 4096)
        report = self.restore(first)
        self.assertEqual(content(self.file), kept)
        self.fails("damaged", snapshot=report["safety_snapshot"])
        self.restore(report["safety_snapshot"], "--no-verify")
        with open(self.file, "rb") as file:
            file.seek(40 * 4096)
            self.assertEqual(file.read(4096), b"\xff" * 4096)

    def test_a_database_that_was_damaged_when_it_was_backed_up(self):
        fill(self.file, rows=20_000).close()
        with open(self.file, "r+b") as file:
            file.seek(40 * 4096)
            file.write(b"\xff" * 4096)
        self.backup()
        os.unlink(self.file)
        said = self.fails("was when it was backed up")
        self.assertIn("--no-verify", said)
        self.assertFalse(os.path.exists(self.file))
        self.restore("latest", "--no-verify")
        self.assertTrue(os.path.exists(self.file))

    def test_a_damaged_blob_changes_nothing(self):
        fill(self.file, rows=20_000).close()
        self.backup()
        for pack in self.objects("data"):
            with open(pack, "r+b") as file:
                file.seek(os.path.getsize(pack) // 2)
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 1]))
        before = open(self.file, "rb").read()
        self.fails("is as it was")
        self.assertEqual(open(self.file, "rb").read(), before)
        self.assertEqual(self.snapshots(), [])

    def test_which_of_several(self):
        fill(self.file).close()
        other = self.path("other.db")
        fill(other, page_size=1024).close()
        self.write("file", b"x")
        self.backup("--sqlite", other, self.source)
        before = content(other)
        self.file = other
        self.fails("app.db, other.db")
        self.fails("no SQLite database", snapshot="latest:files")
        os.unlink(other)
        for name in ("latest:other.db", "latest:/other.db/other.db"):
            self.restore(name)
            self.assertEqual(content(other), before)

    def test_a_snapshot_without_a_database(self):
        self.write("file", b"x")
        self.json("backup", self.source)
        self.fails("has no SQLite database")

    def test_undo_names_the_run_and_the_file(self):
        first, _ = self.make()
        run = self.restore(first)["run"]
        said = self.fails("no safety snapshot", "--undo", "00000000", snapshot=None)
        self.assertIn(run, said)
        fill(self.path("another.db")).close()
        app, self.file = self.file, self.path("another.db")
        self.assertIn(app, self.fails(f"restore {run} replaced", "--undo", run, snapshot=None))

    def test_undo_on_another_host(self):
        first, _ = self.make()
        run = self.restore(first)["run"]
        if subprocess.run(["unshare", "-u", "hostname", "elsewhere"], capture_output=True).returncode != 0:
            self.skipTest("needs root")
        done = subprocess.run(["unshare", "-u", "sh", "-c", f"hostname elsewhere && {BIN} restore --undo {run} --sqlite "
                               f"{self.file}"], env=self.env(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"restore {run} replaced", done.stderr)

    def test_options_that_do_not_go_together(self):
        self.make()
        for options in (["--target", self.path("x")], ["--postgres", "postgresql://x"]):
            self.fails("give one of --target, --postgres, --sqlite and --set", *options)
        for options in (["--as", "x"], ["--include", "x"], ["--clean-up"], ["--jobs", "2"], ["--overwrite", "never"]):
            self.fails(f"--sqlite excludes {options[0]}", *options, code=2)
        self.fails("or --undo RUN alone", snapshot=None)
        self.fails("or --undo RUN alone", "--undo", "12345678")
        done = self.run_cairn("restore", "--undo", "12345678", code=1)
        self.assertIn("--sqlite FILE", done.stderr.decode())

    def test_the_plan_changes_nothing(self):
        for mode in ("delete", "wal"):
            with self.subTest(mode=mode):
                self.file = self.path(f"{mode}.db")
                self.make(mode=mode, rows=20_000)
                script = CRASHED if mode == "delete" else WRITER.replace("10**9", "50") + \
                    "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
                subprocess.run([sys.executable, "-c", script, self.file], capture_output=True)
                left = {name: open(self.path(name), "rb").read() for name in os.listdir(self.dir)
                        if os.path.isfile(self.path(name))}
                self.assertTrue({f"{mode}.db-journal", f"{mode}.db-wal"} & {*left})
                plan = self.restore("latest", "--dry-run")
                self.assertEqual((plan["message_type"], plan["target_mode"], plan["safety_snapshot"], plan["problems"]),
                                 ("plan", "wal" if mode == "wal" else "rollback", True, []))
                self.assertIn("it is finished first", plan["notes"][0])
                self.assertIn("as a safety snapshot", self.run_cairn("restore", "latest", "--sqlite", self.file,
                                                                     "-n").stdout.decode())
                self.assertEqual({name: open(self.path(name), "rb").read() for name in os.listdir(self.dir)
                                  if os.path.isfile(self.path(name))}, left)
        self.assertEqual(self.snapshots(), [])
        self.file = self.path("new.db")
        self.assertIn("rename", self.run_cairn("restore", "latest", "--sqlite", self.file, "-n").stdout.decode())
        self.assertFalse(os.path.exists(self.file))


class WhatOnlyItsApplicationHas(RestoreTest):
    def make_with(self, *statements):
        database = fill(self.file)
        database.create_function("app_fn", 1, lambda x: x, deterministic=True)
        database.create_collation("app_order", lambda a, b: (a < b) - (a > b))
        for statement in statements:
            database.execute(statement)
        database.close()
        self.backup()
        os.unlink(self.file)

    def damage(self):
        """In the snapshot's database, a page of the first table."""
        self.restore("latest", "--no-verify")
        with open(self.file, "r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 4096)
        self.backup()
        os.unlink(self.file)

    def test_it_is_checked_as_far_as_can_be(self):
        cases = {
            "collation": ["CREATE TABLE c (x TEXT COLLATE app_order PRIMARY KEY) WITHOUT ROWID",
                          "INSERT INTO c VALUES ('a'), ('b'), ('c')", "CREATE INDEX ci ON log (text COLLATE app_order)"],
            "function": ["CREATE INDEX fi ON log (app_fn(text))"],
            "generated": ["CREATE TABLE g (x, y AS (app_fn(x)) NOT NULL)", "INSERT INTO g VALUES (1)"],
        }
        for name, statements in cases.items():
            with self.subTest(name):
                self.file = self.path(name + ".db")
                self.make_with(*statements)
                report = self.restore()
                self.assertIn("only its application has", report["notes"][0])
                self.assertEqual(self.balances(), 100_000)
                os.unlink(self.file)
                self.damage()
                self.fails("was when it was backed up")

    def test_a_check_constraint_that_needs_a_function_or_is_broken(self):
        self.make_with("CREATE TABLE k (x CHECK (app_fn(x) > 0), y CHECK (y < 5))", "PRAGMA ignore_check_constraints = ON",
                       "INSERT INTO k VALUES (1, 9)")
        self.assertEqual(self.restore()["notes"], [])

    def test_foreign_keys_that_lead_nowhere(self):
        self.make_with("CREATE TABLE f (x REFERENCES account (id))", "INSERT INTO f VALUES (77777)")
        report = self.restore()
        self.assertEqual(report["foreign_keys_broken"], 1)
        self.assertIn("refer to others", report["notes"][0])

    def test_a_virtual_table_of_an_unknown_module(self):
        self.make_with("PRAGMA writable_schema = ON", "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, "
                       "'CREATE VIRTUAL TABLE v USING app_module(x)')")
        self.restore()
        self.assertEqual(self.balances(), 100_000)


class Interruptions(RestoreTest):
    def start(self, *args):
        return subprocess.Popen([BIN, "restore", *args, "--sqlite", self.file], env=self.env(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_killed_at_any_moment_it_is_the_old_state_or_the_new_one(self):
        for mode in ("delete", "wal"):
            with self.subTest(mode=mode):
                self.file = self.path(f"{mode}.db")
                first, new = self.make(mode=mode, rows=60_000)
                old = content(self.file)
                with open(self.file, "rb") as file:
                    old_bytes = file.read()
                begin = time.monotonic()
                self.restore(first, "--no-safety-snapshot")
                whole = time.monotonic() - begin
                dice = random.Random(5)
                seen = []
                for i in range(25):
                    with open(self.file, "wb") as file:  # nobody has it open, and its journal is gone
                        file.write(old_bytes)
                    running = self.start(first, *["--no-safety-snapshot"] * (i % 2))
                    time.sleep(dice.uniform(0.02, 1.1 * whole))
                    running.kill()
                    running.communicate()
                    now = content(self.file)
                    self.assertIn(now, (old, new))
                    seen.append(now == new)
                self.assertIn(False, seen)
                # What is left of them is nobody's, and goes.
                self.restore(first)
                self.assertEqual(self.stages(), [])

    def test_killed_where_there_was_none_it_is_there_whole_or_not_at_all(self):
        first, new = self.make(rows=60_000)
        os.unlink(self.file)
        begin = time.monotonic()
        self.restore(first)
        whole = time.monotonic() - begin
        dice = random.Random(6)
        for _ in range(12):
            if os.path.exists(self.file):
                os.unlink(self.file)
            running = self.start(first)
            time.sleep(dice.uniform(0.02, 1.2 * whole))
            running.kill()
            running.communicate()
            if os.path.exists(self.file):
                self.assertEqual(content(self.file), new)

    def test_only_what_is_provably_nobodys_is_removed(self):
        first, _ = self.make()
        stages = {"dead": "01234567-app.db", "alive": "11234567-app.db", "others": "21234567-other.db"}
        for name in stages.values():
            os.mkdir(self.path(".cairn-restore-" + name), 0o700)
            self.write(self.path(".cairn-restore-" + name, "app.db"), b"x")
        self.write(self.path(".cairn-restore-mine", "app.db"), b"x")
        victim = self.write(self.path("victim", "file"), b"x")
        os.symlink(self.path("victim"), self.path(".cairn-restore-31234567-app.db"))
        lock = os.open(self.path(".cairn-restore-" + stages["alive"]), os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.restore(first)
        self.assertEqual(sorted(self.stages()), sorted([".cairn-restore-" + stages[one] for one in ("alive", "others")] +
                                                       [".cairn-restore-mine", ".cairn-restore-31234567-app.db"]))
        self.assertTrue(os.path.exists(victim))
        os.close(lock)

    def test_stopped_in_the_check(self):
        database = fill(self.file)
        database.execute("CREATE TABLE big (x INTEGER PRIMARY KEY, y TEXT)")
        database.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) "
                         "INSERT INTO big SELECT i, 'row ' || (i * 7919) FROM n")
        database.execute("CREATE INDEX by_y ON big (y)")
        database.close()
        first = self.backup()["id"]
        seconds = {}
        for options in (("--no-verify",), ()):
            begin = time.monotonic()
            self.restore(first, "--no-safety-snapshot", *options)
            seconds[options] = time.monotonic() - begin
        database = sqlite3.connect(self.file)
        database.execute("UPDATE account SET balance = 7")
        database.commit()
        database.close()
        for times in (1, 2, 1, 2):
            running = self.start(first)
            while not self.stages():
                time.sleep(0.001)
            time.sleep((seconds[()] - seconds["--no-verify",]) / 3 + 0.1)
            for _ in range(times):
                running.send_signal(signal.SIGINT)
                time.sleep(0.02)
            begin = time.monotonic()
            said = running.communicate(timeout=60)[1].decode()
            self.assertEqual(running.returncode, 130, said)
            self.assertLess(time.monotonic() - begin, 2)
            self.assertEqual((self.balances(), self.stages(), self.snapshots()), (7_000, [], []))

    def test_stopped_in_the_copy(self):
        """Held up by a lock that is a reader's, or in the writing; the target is as it was."""
        first, new = self.make(rows=150_000)
        old = content(self.file)
        with open(self.file, "rb") as file:
            old_bytes = file.read()
        seen = set()
        for i in range(12):
            with open(self.file, "wb") as file:
                file.write(old_bytes)
            running = self.start(first, "--no-safety-snapshot", "--no-verify")
            time.sleep(0.1 + 0.05 * i)
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=60)[1].decode()
            self.assertIn(running.returncode, (0, 130), said)
            self.assertEqual(content(self.file), new if running.returncode == 0 else old, said)
            self.assertEqual(self.stages(), [])
            seen.add("opened again" if "opened again" in said else running.returncode)
        self.assertIn(130, seen)


@unittest.skipUnless(can_mount(), "mounts")
class AFullDisk(RestoreTest):
    def test_the_database_is_as_it_was(self):
        """No room for the copy, or for the journal of the replacement beside it."""
        for mode in ("delete", "wal"):
            self.file = self.path(f"{mode}.db")
            first, _ = self.make(mode=mode, rows=20_000)
            size = os.path.getsize(self.file) // 1024
            for times, word in ((1.5, ""), (2.5, "it was opened again and read")):
                with self.subTest(mode=mode, times=times):
                    mount = self.path("full")
                    os.makedirs(mount, exist_ok=True)
                    script = f"""
                        mount -t tmpfs -o size={int(size * times)}k none "{mount}" || exit 77
                        cp "{self.file}" "{mount}/app.db" || exit 78
                        "{BIN}" restore {first} --sqlite "{mount}/app.db" --lock-wait 5
                        code=$?
                        echo left: $(ls -A "{mount}")
                        {sys.executable} -c '{LOOK}' "{mount}/app.db"
                        exit $code
                    """
                    done = subprocess.run(["unshare", "-m", "sh", "-c", script], env=self.env(), capture_output=True,
                                          text=True)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertIn("state: ok 7000", done.stdout)
                    self.assertIn("left: app.db\n", done.stdout)
                    self.assertIn("is as it was", done.stderr)
                    self.assertIn(word, done.stderr)


if __name__ == "__main__":
    unittest.main()
