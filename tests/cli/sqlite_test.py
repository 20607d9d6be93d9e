"""SQLite databases: one state of them, whatever is written meanwhile, and back as files that SQLite opens."""
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cairn_testing import BIN, can_mount
from sqlite_testing import CRASHED, WRITER, SqliteTest, content, fill


class States(SqliteTest):
    def test_every_page_size_comes_back(self):
        for size in (512, 1024, 4096, 8192, 65536):
            with self.subTest(page_size=size):
                self.file = self.path(f"app{size}.db")
                fill(self.file, size, "wal" if size == 8192 else "delete").close()
                os.chmod(self.file, 0o640)
                self.backup()
                back = self.restored(os.path.basename(self.file))
                self.assertEqual(content(back), content(self.file))
                self.assertEqual(os.path.getsize(back), os.path.getsize(self.file))
                self.assertEqual(os.stat(back).st_mode & 0o7777, 0o640)
                self.assertEqual(sqlite3.connect(back).execute("PRAGMA page_size").fetchone(), (size,))

    def test_few_pages_and_none(self):
        sqlite3.connect(self.file).execute("CREATE TABLE one (x)").connection.close()
        self.backup()
        self.assertEqual(content(self.restored()), content(self.file))
        self.file = self.path("small.db")
        small = sqlite3.connect(self.file)
        small.execute("PRAGMA page_size = 512")
        small.execute("CREATE TABLE one (x)")
        small.close()
        self.backup()
        self.assertEqual(content(self.restored("small.db")), content(self.file))
        self.file = self.path("none.db")
        open(self.file, "w").close()
        self.assertEqual(self.backup()["bytes"], 0)
        self.assertEqual(os.path.getsize(self.restored("none.db")), 0)

    def test_a_writer_goes_on_and_one_state_is_kept(self):
        fill(self.file, mode="wal", rows=200_000).close()
        writer = subprocess.Popen([sys.executable, "-c", WRITER, self.file], stdout=subprocess.PIPE, text=True)
        try:
            first = writer.stdout.readline().split()
            for _ in range(3):
                self.backup()
                back = sqlite3.connect(self.restored())
                self.assertEqual(back.execute("SELECT sum(balance) FROM account").fetchone(), (100_000,))
                self.assertEqual(back.execute("PRAGMA integrity_check").fetchone(), ("ok",))
                rounds = back.execute("SELECT max(round), count(*) FROM log WHERE round >= 0").fetchone()
                self.assertEqual(rounds[0] + 1, rounds[1], "no transaction is there in half, and none is missing")
                self.assertEqual(back.execute("PRAGMA journal_mode").fetchone(), ("wal",))
                back.close()
        finally:
            writer.kill()
            last = writer.stdout.read().splitlines()[-2].split()
            writer.stdout.close()
            writer.wait()
        self.assertGreater(int(last[0]), int(first[0]) + 20, "the writer stood still")
        self.assertLess(float(last[1]), 5, "the writer waited")

    def test_a_writer_without_wal_waits_and_is_told_of(self):
        fill(self.file, rows=20_000).close()
        writer = subprocess.Popen([sys.executable, "-c", WRITER, self.file], stdout=subprocess.PIPE, text=True)
        try:
            writer.stdout.readline()
            said = self.run_cairn("backup", "--sqlite", self.file).stderr.decode()
            self.assertIn("not in WAL mode", said)
            back = sqlite3.connect(self.restored())
            self.assertEqual(back.execute("SELECT sum(balance) FROM account").fetchone(), (100_000,))
            back.close()
        finally:
            writer.kill()
            writer.stdout.close()
            writer.wait()

    def leave_a_log(self):
        """As a program that crashed does: 50 transactions that are in the log alone."""
        fill(self.file, mode="wal").close()
        script = WRITER.replace("10**9", "50").replace("time.sleep(0.002)", "pass") + \
            "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
        subprocess.run([sys.executable, "-c", script, self.file], capture_output=True)
        self.assertGreater(os.path.getsize(self.file + "-wal"), 0)

    def test_what_a_crash_left_in_the_log_is_in_the_backup(self):
        self.leave_a_log()
        self.backup()
        back = self.restored()
        self.assertFalse(os.path.exists(back + "-wal"))
        self.assertEqual(sqlite3.connect(back).execute("SELECT max(round) FROM log").fetchone(), (49,))
        self.assertEqual(sqlite3.connect(self.file).execute("SELECT max(round) FROM log").fetchone(), (49,))

    def test_through_a_link_the_log_is_found(self):
        self.leave_a_log()
        os.mkdir(self.path("elsewhere"))
        link = self.path("elsewhere", "link.db")
        os.symlink(self.file, link)
        self.run_cairn("backup", "--sqlite", link)
        self.assertEqual(sqlite3.connect(self.restored()).execute("SELECT max(round) FROM log").fetchone(), (49,))

    def test_a_path_through_a_linked_folder_is_what_the_system_makes_of_it(self):
        os.makedirs(self.path("real", "below"))
        os.symlink(self.path("real", "below"), self.path("link"))
        fill(self.file).close()
        there = self.path("real", "app.db")
        fill(there, page_size=1024).close()
        self.run_cairn("backup", "--sqlite", self.path("link", "..", "app.db"))
        self.assertEqual(content(self.restored()), content(there))

    def test_a_schema_of_a_newer_sqlite(self):
        database = fill(self.file)
        database.execute("PRAGMA writable_schema = ON")
        database.execute("INSERT INTO sqlite_schema VALUES ('view', 'v', 'v', 0, "
                         "'CREATE VIEW v AS SELECT words of a later day')")
        database.close()
        with self.assertRaises(sqlite3.DatabaseError):
            sqlite3.connect(self.file).execute("SELECT * FROM account").fetchall()
        self.backup()
        with open(self.restored(), "rb") as back, open(self.file, "rb") as file:
            self.assertEqual(back.read()[4096:], file.read()[4096:])

    def test_what_a_crash_left_half_done_is_not_in_the_backup(self):
        fill(self.file, rows=20_000).close()
        before = content(self.file)
        subprocess.run([sys.executable, "-c", CRASHED, self.file])
        self.assertTrue(os.path.exists(self.file + "-journal"))
        self.backup()
        self.assertEqual(content(self.restored()), before)

    def test_nothing_is_left_beside_a_database_that_nobody_has_open(self):
        fill(self.file, mode="wal").close()
        before = hashlib.sha256(open(self.file, "rb").read()).digest()
        self.backup()
        self.assertFalse([name for name in os.listdir(self.dir) if name.startswith("app.db-")])
        self.assertEqual(hashlib.sha256(open(self.file, "rb").read()).digest(), before)

    def test_beyond_the_page_that_sqlite_never_writes(self):
        database = sqlite3.connect(self.file, isolation_level=None)
        database.execute("CREATE TABLE big (x BLOB)")
        for _ in range(3):
            database.execute("INSERT INTO big VALUES (zeroblob(370000000))")
        database.execute("INSERT INTO big VALUES ('behind')")
        database.close()
        self.assertGreater(os.path.getsize(self.file), 1 << 30)
        self.backup()
        back = self.restored()
        self.assertEqual(os.path.getsize(back), os.path.getsize(self.file))
        database = sqlite3.connect(back)
        self.assertEqual(database.execute("PRAGMA quick_check").fetchone(), ("ok",))
        self.assertEqual(database.execute("SELECT x FROM big WHERE rowid = 4").fetchone(), ("behind",))
        database.close()


class Deduplication(SqliteTest):
    def test_pages_that_stay_are_stored_once(self):
        database = fill(self.file, mode="wal", rows=150_000)
        first = self.backup()
        self.assertEqual(self.backup()["data_blobs_new"], 0)
        dice = random.Random(3)
        for _ in range(100):
            database.execute("UPDATE log SET round = 1 WHERE id = ?", (dice.randrange(150_000),))
        changed = self.backup()
        self.assertGreater(first["bytes_new"], 30_000_000)
        self.assertLess(changed["data_blobs_new"], 110, "a page each, and the first")
        self.assertLess(changed["bytes_new"], 110 * 4096 + 600_000)
        database.close()
        self.assertEqual(content(self.restored()), content(self.file))

    def test_the_reader_of_the_specification_reads_it(self):
        for size in (512, 4096, 65536):
            self.file = self.path(f"app{size}.db")
            fill(self.file, page_size=size, rows=40_000).close()
            last = self.backup()["id"]
        reader = [sys.executable, os.path.join(HERE, "..", "..", "tools", "reader"), self.repo]
        done = subprocess.run(reader + ["verify"], env=self.env(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = subprocess.run(reader + ["restore", last, self.path("out")], env=self.env(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(content(self.path("out", "app65536.db")), content(self.file))

    def test_a_database_beside_the_folder_that_it_is_in(self):
        """The folder's copy of it is read before, and its descriptors are closed: the locks of the other stay."""
        self.write("cover", b"of a book")
        self.file = os.path.join(self.source, "app.db")
        fill(self.file, mode="wal").close()
        self.backup(self.source)
        self.assertEqual(content(self.restored("app.db/app.db")), content(self.file))


class AsAFile(SqliteTest):
    """The cases in which a file that is right comes to nothing."""

    def test_the_journal_of_another_database_beside_it(self):
        fill(self.file).close()
        self.backup()
        for journal in ("-wal", "-journal"):
            target = self.path("out" + journal)
            os.mkdir(target)
            with open(os.path.join(target, "app.db" + journal), "wb") as file:
                file.write(b"of a program that crashed")
            done = self.run_cairn("restore", "latest", "--target", target, code=None)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(f"app.db{journal}", done.stderr.decode())
            self.assertFalse(os.path.exists(os.path.join(target, "app.db")))

    def test_a_part_of_a_database_is_left_out(self):
        fill(self.file, rows=20_000).close()
        self.backup()
        for pack in self.objects("data"):
            with open(pack, "r+b") as file:
                file.seek(os.path.getsize(pack) // 2)
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 1]))
        done = self.run_cairn("restore", "latest", "--target", self.path("out"), code=3)
        self.assertIn("left out", done.stderr.decode())
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_a_later_state_is_not_taken_for_the_same(self):
        database = fill(self.file, mode="wal")
        self.backup()
        target = self.path("out")
        self.run_cairn("restore", "latest", "--target", target)
        database.execute("UPDATE account SET balance = 7")
        self.backup()
        for rule in ("if-changed", "if-newer"):
            done = self.run_cairn("restore", "latest", "--target", target, "--overwrite", rule, code=3)
            self.assertIn("a file stands there", done.stderr.decode())
        database.close()

    def test_a_database_that_stands_there(self):
        fill(self.file).close()
        self.backup()
        application = sqlite3.connect(self.file)
        application.execute("UPDATE account SET balance = 7")
        application.commit()
        done = self.run_cairn("restore", "latest", "--target", self.dir, code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("a file stands there", done.stderr.decode())
        self.assertEqual(application.execute("SELECT sum(balance) FROM account").fetchone(), (7_000,))
        application.close()


class Tables(SqliteTest):
    def test_rows_and_sizes(self):
        database = fill(self.file, mode="wal", rows=5_000)
        database.execute('CREATE TABLE "odd "" name" (x)')
        database.execute("CREATE INDEX by_text ON log (text)")
        tables = {one["name"]: one for one in self.json("tables", self.file)["tables"]}
        self.assertEqual({name: one["rows"] for name, one in tables.items()},
                         {"account": 1000, "log": 5_000, 'odd " name': 0})
        self.assertGreater(tables["log"]["bytes"], 2 * 5_000 * 200, "with its index")
        self.assertIn("5,000", self.run_cairn("tables", self.file).stdout.decode())
        database.close()

    def test_what_is_no_database(self):
        with open(self.file, "wb") as file:
            file.write(b"hello")
        self.assertIn("no SQLite database", self.run_cairn("tables", self.file, code=1).stderr.decode())


class Refusals(SqliteTest):
    def test_what_is_no_database(self):
        for data in (random.Random(1).randbytes(40_000), b"hello", b"SQLite format 3\0" + bytes(4080)):
            with self.subTest(data=data[:16]):
                with open(self.file, "wb") as file:
                    file.write(data)
                self.refuse("no SQLite database, or it is encrypted")

    def test_what_is_not_there(self):
        self.refuse("No such file")
        os.mkdir(self.file)
        self.refuse("is no file")

    def test_one_that_has_another_name(self):
        fill(self.file).close()
        subprocess.run([sys.executable, "-c", CRASHED, self.file])
        whole = self.file
        self.file = self.path("another.db")
        os.link(whole, self.file)
        self.refuse("has another name (a hard link)")

    @unittest.skipUnless(can_mount(), "mounts")
    def test_one_that_is_mounted_as_a_file(self):
        fill(self.file, mode="wal").close()
        other = self.path("mounted.db")
        open(other, "w").close()
        script = f"mount --bind {self.file} {other} && {BIN} backup --sqlite {other}"
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], env=self.env(), capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("it is mounted as a file", done.stderr)

    def test_one_that_was_emptied_beside_its_journal(self):
        for journal in ("-wal", "-journal"):
            self.file = self.path(f"emptied{journal}.db")
            open(self.file, "w").close()
            with open(self.file + journal, "wb") as file:
                file.write(b"what is left of it")
            self.refuse("that may be all there is")
            self.refuse("that may be all there is", None, "--dry-run")
            self.assertEqual(os.path.getsize(self.file + journal), 18)

    def test_a_journal_that_names_another_file(self):
        """SQLite would delete that file, whosever it is, when it has undone what the journal says."""
        fill(self.file, rows=20_000).close()
        subprocess.run([sys.executable, "-c", CRASHED, self.file])
        victim = self.path("victim")
        with open(victim, "w") as file:
            file.write("somebody's")
        name = victim.encode()
        with open(self.file + "-journal", "ab") as file:
            file.write(bytes(-os.path.getsize(self.file + "-journal") % 512))
            file.write(struct.pack(">I", (1 << 30) // 4096 + 1) + name +
                       struct.pack(">II", len(name), sum(name)) + bytes.fromhex("d9d505f920a163d7"))
        self.run_cairn("backup", "--sqlite", self.file, code=None)
        self.run_cairn("tables", self.file, code=None)
        self.assertTrue(os.path.exists(victim))

    def test_one_that_is_cut_off(self):
        fill(self.file, rows=20_000).close()
        with open(self.file, "r+b") as file:
            file.truncate(os.path.getsize(self.file) // 2)
        self.refuse("malformed")

    def test_one_that_is_locked(self):
        database = fill(self.file)
        database.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        self.refuse("another program has it locked, for 1 s")
        self.assertLess(time.monotonic() - begin, 20)
        database.execute("ROLLBACK")
        self.backup()

    def test_a_stop_while_it_waits(self):
        database = fill(self.file)
        database.execute("BEGIN EXCLUSIVE")
        running = subprocess.Popen([BIN, "backup", "--sqlite", self.file], env=self.env(), stderr=subprocess.PIPE)
        time.sleep(1.5)
        running.send_signal(signal.SIGINT)
        begin = time.monotonic()
        running.communicate(timeout=30)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertNotEqual(running.returncode, 0)
        database.execute("ROLLBACK")

    @unittest.skipUnless(can_mount(), "mounts")
    def test_a_mount_for_reading_only(self):
        """Others may write to it where it lies: locks and journals count as everywhere."""
        fill(self.file, rows=20_000).close()
        subprocess.run([sys.executable, "-c", CRASHED, self.file])
        self.assertTrue(os.path.exists(self.file + "-journal"))
        os.mkdir(self.path("seen"))
        script = (f"mount --bind {self.dir} {self.path('seen')} && mount -o remount,ro,bind {self.path('seen')} && "
                  f"{BIN} backup --sqlite {self.path('seen', 'app.db')}")
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], env=self.env(), capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn("has to be recovered", done.stderr)
        self.assertEqual(self.json("snapshots")["snapshots"], [])

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_one_that_this_user_cannot_read_without_leaving_files(self):
        os.mkdir(self.path("theirs"))
        self.file = self.path("theirs", "app.db")
        fill(self.file, mode="wal").close()
        os.chmod(self.file, 0o644)
        for path in (self.dir, self.path("theirs")):
            os.chmod(path, 0o777)
        shutil.rmtree(self.repo)
        as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups", BIN]
        subprocess.run(as_nobody + ["init"], env=self.env(), check=True, capture_output=True)
        done = subprocess.run(as_nobody + ["backup", "--sqlite", self.file], env=self.env(), capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("run this as its owner", done.stderr)
        self.assertEqual(os.listdir(self.path("theirs")), ["app.db"])

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_one_of_another_user_that_this_one_may_write(self):
        os.mkdir(self.path("theirs"))
        self.file = self.path("theirs", "app.db")
        fill(self.file, mode="wal").close()
        os.chmod(self.file, 0o666)
        for path in (self.dir, self.path("theirs")):
            os.chmod(path, 0o777)
        as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups", BIN]
        done = subprocess.run(as_nobody + ["tables", self.file], env=self.env(), capture_output=True, text=True)
        self.assertIn("run this as its owner", done.stderr)
        self.assertEqual(os.listdir(self.path("theirs")), ["app.db"])
        application = sqlite3.connect(self.file)  # its programs have made the files
        application.execute("SELECT count(*) FROM account").fetchone()
        done = subprocess.run(as_nobody + ["tables", self.file], env=self.env(), capture_output=True, text=True)
        self.assertIn("account", done.stdout, done.stderr)
        application.close()

    @unittest.skipUnless(os.geteuid() == 0, "takes another user's rights away")
    def test_one_that_this_user_may_not_read(self):
        fill(self.file).close()
        for path in (self.dir, self.repo):
            os.chmod(path, 0o755)
        os.chmod(self.file, 0)
        shutil.rmtree(self.repo)
        subprocess.run(["chown", "-R", "nobody", self.dir], check=True)
        os.chown(self.file, 0, 0)
        as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups", BIN]
        subprocess.run(as_nobody + ["init"], env=self.env(), check=True, capture_output=True)
        done = subprocess.run(as_nobody + ["backup", "--sqlite", self.file], env=self.env(), capture_output=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("may not open it", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
