"""Several items of a snapshot into their places: all are replaced, or all are as before."""
import glob
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cairn_testing import BIN, CairnTest, can_mount
from postgres_testing import Server


def tree(path):
    """Names, types, modes, owners, times, attributes and content of a folder, or of a file."""
    found = {}

    def look(name, full):
        status = os.lstat(full)
        content = None
        if os.path.islink(full):
            content = os.readlink(full)
        elif os.path.isfile(full):
            with open(full, "rb") as file:
                content = file.read()
        attributes = {} if os.path.islink(full) else {one: os.getxattr(full, one) for one in os.listxattr(full)}
        found[name] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, attributes, content)
        if os.path.isdir(full) and not os.path.islink(full):
            for one in sorted(os.listdir(full)):
                look(name + "/" + one, full + "/" + one)
    look("", path)
    return found


def without_root(found):
    return {name: one for name, one in found.items() if name}


class SetsTest(CairnTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        self.init()
        self.covers, self.config, self.db = self.path("srv", "covers"), self.path("srv", "app.conf"), self.path("srv", "app.db")
        self.drop()
        self.addCleanup(self.drop)

    def env(self, password="secret", **more):
        env = super().env(password, **more)
        return dict({k: v for k, v in env.items() if not k.startswith("PG") or k in more}, LC_ALL="C.UTF-8")

    def drop(self):
        for name in self.server.databases():
            if name.startswith("shop"):
                self.server.drop(name)

    def write(self, *names, data):
        path = self.path("srv", *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def fill(self, word):
        """The state `word` of the three: database, covers, config; and of a SQLite database."""
        self.write("covers", "a", "one.jpg", data=word.encode() * 1000)
        self.write("covers", word + ".jpg", data=b"only of " + word.encode())
        os.chmod(self.path("srv", "covers", "a"), 0o750)
        link = self.path("srv", "covers", "link")
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(word + ".jpg", link)
        os.setxattr(self.write("covers", "b.jpg", data=b"b"), "user.word", word.encode())
        self.write("app.conf", data=b"word = " + word.encode())
        database = sqlite3.connect(self.db)
        database.executescript(f"CREATE TABLE IF NOT EXISTS t (x); DELETE FROM t; INSERT INTO t VALUES ('{word}')")
        database.close()
        if "shop" not in self.server.databases():
            self.server.create("shop")
            self.server.sql("shop", "CREATE TABLE t (x text)")
        self.server.sql("shop", f"DELETE FROM t; INSERT INTO t VALUES ('{word}')")

    def shop(self):
        return self.server.uri("shop", user="postgres", local=True)

    def sets(self):
        return ["--set", f"database={self.shop()}", "--set", f"covers={self.covers}", "--set", f"config={self.config}",
                "--set", f"lite=sqlite:{self.db}"]

    def state(self):
        database = sqlite3.connect(self.db)
        rows = database.execute("SELECT x FROM t").fetchall()
        database.close()
        return {"shop": self.server.sql("shop", "SELECT x FROM t"), "lite": rows, "covers": tree(self.covers),
                "config": tree(self.config)}

    def words(self):
        """What each place has: the word of its state."""
        database = sqlite3.connect(self.db)
        lite = database.execute("SELECT x FROM t").fetchone()[0]
        database.close()
        with open(self.config, encoding="utf-8") as file:
            config = file.read().removeprefix("word = ")
        covers = {one.removesuffix(".jpg") for one in os.listdir(self.covers)} & {"old", "new"}
        return [self.server.sql("shop", "SELECT x FROM t"), lite, config, "+".join(sorted(covers))]

    def make(self):
        """Backed up as old, and now new."""
        self.fill("old")
        self.run_cairn("backup", *self.sets())
        old = self.state()
        os.unlink(self.path("srv", "covers", "old.jpg"))
        self.fill("new")
        return old, self.state()

    def error(self, *args, code=1, **more):
        done = self.run_cairn(*args, code=code, **more)
        return " ".join((done.stdout + done.stderr).decode().split())

    def session(self):
        """Somebody who uses the database, and stays."""
        program = os.path.join(self.server.bin, "psql")
        session = subprocess.Popen([program, "-X", "-c", "SELECT pg_sleep(60)", self.shop()], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=self.server.env("shop"))
        self.addCleanup(session.wait)
        self.addCleanup(session.kill)
        count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND datname = 'shop'"
        while self.server.sql("postgres", count) != "1":
            time.sleep(0.01)
        return session

    def no_leftovers(self):
        self.assertEqual([one for one in self.server.databases() if one.startswith("shop_restore")], [])
        for folder, folders, _ in os.walk(self.path("srv")):
            self.assertEqual([one for one in folders if one.startswith(".cairn")], [], folder)


class AllOrNone(SetsTest):
    def test_all_are_replaced_and_put_back_by_one_undo(self):
        old, new = self.make()
        inode = os.stat(self.covers).st_ino
        done = self.run_cairn("restore", "latest", *self.sets())
        now = self.state()
        self.assertEqual(without_root(now["covers"]), without_root(old["covers"]))
        self.assertEqual({**now, "covers": 0}, {**old, "covers": 0})
        self.assertEqual(os.stat(self.covers).st_ino, inode)
        self.no_leftovers()
        run = done.stdout.decode().split("--undo ")[-1].split()[0]
        self.run_cairn("restore", "--undo", run, *self.sets())
        now = self.state()
        self.assertEqual(without_root(now["covers"]), without_root(new["covers"]))
        self.assertEqual({**now, "covers": 0}, {**new, "covers": 0})
        self.no_leftovers()

    def test_the_last_fails_and_all_are_as_before(self):
        _, new = self.make()
        self.session()
        said = self.error("restore", "latest", *self.sets(), "--session-wait", "1")
        self.assertIn("shop is as it was", said)
        self.assertEqual(self.state(), new)
        self.no_leftovers()

    def test_the_one_in_the_middle_fails_and_all_are_as_before(self):
        _, new = self.make()
        # It is free when it is looked at, and locked when its turn comes.
        locker = self.path("lock.py")
        with open(locker, "w", encoding="utf-8") as file:
            file.write(f"import sqlite3, time\nd = sqlite3.connect({self.db!r}, isolation_level=None)\n"
                       "d.execute('BEGIN IMMEDIATE')\nopen('locked', 'w').close()\ntime.sleep(20)\n")
        hook = (f"cd {self.dir} && (/usr/bin/python3 {locker} </dev/null >/dev/null 2>&1 & echo $! > pid); "
                "while [ ! -e locked ]; do sleep 0.02; done")
        said = self.error("restore", "latest", *self.sets(), "--lock-wait", "1", "--before", hook)
        with open(self.path("pid"), encoding="utf-8") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        self.assertIn("app.db", said)
        self.assertEqual(self.state(), new)
        self.no_leftovers()

    def test_nothing_is_touched_where_one_cannot_be_made_ready(self):
        _, new = self.make()
        for folder, _, names in os.walk(os.path.join(self.repo, "data")):
            for name in names:
                with open(os.path.join(folder, name), "r+b") as file:
                    size = os.path.getsize(file.name)
                    file.seek(size // 3)
                    file.write(bytes(size // 3))
        self.error("restore", "latest", *self.sets(), code=1)
        self.assertEqual(self.state(), new)
        self.no_leftovers()

    def test_a_database_that_was_not_there_is_taken_away_again_and_kept(self):
        """The other one, whose turn comes later, has a session that does not end."""
        self.make()
        self.run_cairn("backup", "--set", f"database={self.shop()}", "--set", f"second={self.shop()}")
        fresh = self.server.uri("shop_fresh", user="postgres", local=True)
        session = self.session()
        said = self.error("restore", "latest", "--set", f"database={self.shop()}", "--set", f"second={fresh}", "--session-wait", "1")
        session.kill()
        self.assertIn("shop is as it was", said)
        kept = [one for one in self.server.databases() if one.startswith("shop_fresh")]
        self.assertEqual(len(kept), 1)
        self.assertIn("_undone_", kept[0])
        self.assertEqual(self.server.sql(kept[0], "SELECT x FROM t"), "new")

    def test_interrupted_when_some_are_replaced(self):
        _, new = self.make()
        session = self.session()
        running = subprocess.Popen([BIN, "restore", "latest", *self.sets(), "--session-wait", "60"], env=self.env(),
                                   stderr=subprocess.PIPE)
        while self.words()[1] != "old":  # the database comes last, and waits for the session
            self.assertIsNone(running.poll())
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1].decode()
        self.assertEqual(running.returncode, 130, said)
        session.kill()
        self.assertEqual(self.state(), new)
        self.no_leftovers()

    def test_killed_at_any_moment(self):
        self.make()
        begin = time.monotonic()
        self.run_cairn("restore", "latest", *self.sets(), "-n")
        self.run_cairn("restore", "latest", *self.sets())
        whole = time.monotonic() - begin
        seed = int(os.environ.get("CAIRN_SEED", random.randrange(1 << 30)))
        dice = random.Random(seed)
        for i in range(int(os.environ.get("CAIRN_MOMENTS", "8"))):
            self.drop()
            shutil.rmtree(self.path("srv"))
            self.fill("new")
            running = subprocess.Popen([BIN, "restore", "latest", *self.sets()], env=self.env(), stderr=subprocess.PIPE)
            time.sleep(dice.uniform(0, whole))
            running.kill()
            running.communicate()
            # Of the folder a mixture is possible, which the undo knows; all else is the one or the other, whole.
            for word in self.words()[:3]:
                self.assertIn(word, ("old", "new"), (seed, i))
            runs = {one.split("-replace-")[1][:8] for one in os.listdir(self.covers) + os.listdir(self.path("srv"))
                    if "-replace-" in one}
            runs |= {one.rsplit("_", 1)[1] for one in self.server.databases() if one.startswith("shop_before_")}
            described = [one["description"] for one in json.loads(self.run_cairn("snapshots", "--json").stdout)["snapshots"]]
            runs |= {one.split()[-1] for one in described if one.startswith("before restore")} if not runs else set()
            said = ""
            if self.words() != ["new"] * 4:
                said = self.run_cairn("restore", "--undo", runs.pop(), *self.sets(), "--disconnect", code=None).stderr.decode()
            self.assertEqual(self.words(), ["new"] * 4, (seed, i, said))
            self.run_cairn("restore", "--postgres", self.shop(), "--clean-up")
            for one in json.loads(self.run_cairn("snapshots", "--json").stdout)["snapshots"]:
                if one["description"].startswith("before restore"):
                    self.run_cairn("forget", one["id"])


class Places(SetsTest):
    def make_covers(self, *args):
        self.fill("old")
        self.run_cairn("backup", "--set", f"covers={self.covers}", *args)
        os.unlink(self.path("srv", "covers", "old.jpg"))
        self.fill("new")

    def test_what_the_backup_left_out_stays(self):
        self.write("covers", "cache", "x.tmp", data=b"x")
        self.write("covers", "a", "y.tmp", data=b"y")
        self.make_covers("--exclude", "*.tmp", "--exclude", "thumbs/")
        self.write("covers", "thumbs", "1", data=b"1")
        here = os.getcwd()
        os.chdir(self.covers)
        sock = socket.socket(socket.AF_UNIX)
        sock.bind("s.sock")
        os.chdir(here)
        self.addCleanup(sock.close)
        self.run_cairn("restore", "latest", "--set", f"covers={self.covers}")
        for name in ("cache/x.tmp", "a/y.tmp", "thumbs/1", "s.sock", "old.jpg"):
            self.assertTrue(os.path.exists(os.path.join(self.covers, name)), name)
        self.assertFalse(os.path.exists(os.path.join(self.covers, "new.jpg")))
        self.no_leftovers()

    def test_a_place_that_is_not_there_yet(self):
        self.make_covers()
        place = self.path("fresh")
        self.run_cairn("restore", "latest", "--set", f"covers={place}")
        self.assertEqual(without_root(tree(place)).keys(), {"/a", "/a/one.jpg", "/old.jpg", "/link", "/b.jpg"})
        self.assertEqual([one for one in os.listdir(self.dir) if one.startswith(".cairn")], [])

    def test_a_file_under_another_name(self):
        self.fill("old")
        self.run_cairn("backup", "--set", f"config={self.config}")
        place = self.write("other.conf", data=b"mine")
        self.run_cairn("restore", "latest", "--set", f"config={place}")
        with open(place, "rb") as file:
            self.assertEqual(file.read(), b"word = old")
        with open(self.config, "rb") as file:
            self.assertEqual(file.read(), b"word = old")

    def test_what_is_written_after_the_safety_snapshot_is_kept(self):
        self.make_covers()
        done = self.run_cairn("restore", "latest", "--set", f"covers={self.covers}", "--before",
                              f"echo late > {self.covers}/late.txt")
        said = done.stderr.decode()
        self.assertIn("was written to after its safety snapshot", said)
        kept = [one for one in os.listdir(self.covers) if one.startswith(".cairn-replace-")]
        self.assertEqual(len(kept), 1)
        with open(os.path.join(self.covers, kept[0], "former", "late.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "late\n")
        said = self.error("restore", "latest", "--set", f"covers={self.covers}")
        self.assertIn("--undo " + kept[0][-8:], said)
        self.run_cairn("restore", "--undo", kept[0][-8:], "--set", f"covers={self.covers}")
        self.assertTrue(os.path.exists(os.path.join(self.covers, "late.txt")))
        self.assertTrue(os.path.exists(os.path.join(self.covers, "new.jpg")))
        self.assertIn(kept[0], self.error("restore", "latest", "--set", f"covers={self.covers}"))  # it may have something
        shutil.rmtree(os.path.join(self.covers, kept[0]))
        self.run_cairn("restore", "latest", "--set", f"covers={self.covers}")

    def test_what_an_open_file_brings_afterwards_is_kept(self):
        """A program goes on writing to what was moved away."""
        self.make_covers()
        with open(os.path.join(self.covers, "new.jpg"), "ab") as open_file:
            running = subprocess.Popen([BIN, "restore", "latest", "--set", f"covers={self.covers}", "--before", "sleep 0.1"],
                                       env=self.env(), stderr=subprocess.PIPE)
            while running.poll() is None:
                open_file.write(b"more")
                open_file.flush()
            said = running.communicate()[1].decode()
        kept = [one for one in os.listdir(self.covers) if one.startswith(".cairn-replace-")]
        self.assertEqual(len(kept), 1, said)
        self.assertIn("was written to after its safety snapshot", said)
        self.assertTrue(os.path.exists(os.path.join(self.covers, kept[0], "former", "new.jpg")))

    def test_a_put_back_that_fails_loses_nothing(self):
        """All that was there is there, or in the folder that the message names."""
        if os.geteuid() != 0 or shutil.which("chattr") is None:
            self.skipTest("needs root and chattr")
        self.make_covers()
        before = {name: one for name, one in tree(self.covers).items() if one[-1] is not None}
        work = os.path.join(self.covers, ".cairn-replace-*", "former")
        self.fill("new")
        self.run_cairn("backup", *self.sets())
        session = self.session()
        running = subprocess.Popen([BIN, "restore", "latest", *self.sets(), "--session-wait", "3"], env=self.env(), stderr=subprocess.PIPE)
        while not glob.glob(work + "/a"):
            self.assertIsNone(running.poll())
        if subprocess.run(["chattr", "+i", *glob.glob(work + "/a/one.jpg"), *glob.glob(work + "/b.jpg")]).returncode != 0:
            running.kill()
            self.skipTest("this file system has no such flag")
        said = running.communicate()[1].decode()
        self.addCleanup(subprocess.run, f"chattr -R -i {self.covers}", shell=True)
        session.kill()
        self.assertEqual(running.returncode, 1, said)
        there = tree(self.covers)
        for name, one in before.items():
            at = [other for other in there if other.endswith(name) and there[other][-1] == one[-1]]
            self.assertTrue(at, (name, said))
        if ".cairn-replace-" in "".join(there):
            self.assertIn(".cairn-replace-", said)

    def test_an_undo_twice_keeps_what_the_first_has_kept(self):
        self.make_covers()
        done = self.run_cairn("restore", "latest", "--set", f"covers={self.covers}", "--before", f"echo late > {self.covers}/late.txt")
        run = done.stdout.decode().split("--undo ")[-1].split()[0]
        self.write("covers", "work.txt", data=b"a day's work")
        for code in (0, None, None):
            self.run_cairn("restore", "--undo", run, "--set", f"covers={self.covers}", code=code)
        found = [names for _, _, names in os.walk(self.covers)]
        self.assertIn("work.txt", sum(found, []))

    def test_what_came_where_nothing_was_is_left(self):
        self.make_covers()
        place = self.path("fresh")
        said = self.error("restore", "latest", "--set", f"covers={place}", "--before", f"mkdir {place}; echo 1 > {place}/precious")
        self.assertIn("somebody has made", said)
        self.assertEqual(os.listdir(place), ["precious"])
        os.symlink("/nothing/there", self.path("dangling"))
        self.assertIn("a link to what is not there", self.error("restore", "latest", "--set", f"covers={self.path('dangling')}"))
        self.assertIn("/ is not replaced", self.error("restore", "latest", "--set", "covers=/"))
        said = self.error("restore", "latest", "--set", "covers=mysql://u:s3cret@h/db")
        self.assertNotIn("s3cret", said)
        self.assertIn("mysql://... is no place", said)

    def test_a_folder_with_a_group_of_its_own(self):
        self.make_covers()
        os.chmod(self.covers, 0o2775)
        self.run_cairn("restore", "latest", "--set", f"covers={self.covers}")
        self.assertTrue(os.path.exists(os.path.join(self.covers, "old.jpg")))
        self.no_leftovers()

    def test_names_of_what_cannot_be(self):
        self.fill("old")
        self.run_cairn("backup", *self.sets())
        sets = self.sets()
        self.assertIn("has no item nothing", self.error("restore", "latest", "--set", "nothing=/tmp"))
        self.assertIn("is no SQLite database", self.error("restore", "latest", "--set", f"covers=sqlite:{self.db}"))
        self.assertIn("is a PostgreSQL database", self.error("restore", "latest", "--set", f"database={self.covers}"))
        self.assertIn("has the place of another", self.error("restore", "latest", *sets, "--set", f"config={self.covers}"))
        self.assertIn("lie in each other", self.error("restore", "latest", *sets[2:4], "--set", f"config={self.covers}/x"))
        self.assertIn("a place of the same kind", self.error("restore", "latest", "--set", f"covers={self.config}"))
        self.assertIn("the repository lies in", self.error("restore", "latest", "--set", f"covers={self.dir}"))
        self.assertIn("give one of", self.error("restore", "latest", *sets, "--target", self.dir))
        self.assertIn("--set", self.error("restore", "latest", *sets, "--table", "t", code=2))
        self.run_cairn("backup", self.covers, self.config)
        self.assertIn("has 2 paths", self.error("restore", "latest", "--set", f"files={self.covers}"))
        self.run_cairn("restore", "latest", "--set", f"files{self.covers}={self.covers}")

    @unittest.skipUnless(can_mount(), "cannot mount here")
    def test_a_mounted_file_system_inside(self):
        self.make_covers()
        os.makedirs(os.path.join(self.covers, "disk"))
        done = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$1/disk" && exec "$2" restore latest --set '
                               '"covers=$1"', "sh", self.covers, BIN], env=self.env(), capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"another file system is mounted", done.stderr)

    def test_plan(self):
        _, new = self.make()
        said = self.run_cairn("restore", "latest", *self.sets(), "-n").stdout.decode()
        for text in ("into the server", "what is in " + self.covers, "as a safety snapshot", "in one transaction"):
            self.assertIn(text, said)
        self.assertEqual(self.state(), new)


class Hooks(SetsTest):
    def test_what_fails_before_changes_nothing_and_after_runs_all_the_same(self):
        _, new = self.make()
        log = self.path("log")
        note = f"echo $CAIRN_RESTORE $CAIRN_RESULT >> {log}"
        said = self.error("restore", "latest", *self.sets(), "--before", f"{note}; exit 3", "--after", note)
        self.assertIn("ended with status 3", said)
        self.assertEqual(self.state(), new)
        self.no_leftovers()
        self.run_cairn("restore", "latest", *self.sets(), "--before", note, "--after", note)
        with open(log, encoding="utf-8") as file:
            self.assertEqual(file.read().split("\n"), ["before", "after failure", "before", "after success", ""])
        self.assertEqual(self.words(), ["old"] * 4)

    def test_of_every_kind_of_restore(self):
        self.make()
        log = self.path("log")
        hooks = ["--before", f"echo b >> {log}", "--after", f"echo a >> {log}"]
        self.run_cairn("restore", "latest:lite", "--sqlite", self.db, *hooks)
        self.run_cairn("restore", "latest:database", "--postgres", self.shop(), *hooks)
        self.run_cairn("restore", "latest:database", "--postgres", self.shop(), "--data-only", *hooks)
        self.run_cairn("restore", "latest:covers", "--target", self.path("out"), *hooks)
        self.run_cairn("restore", "latest:covers", "--target", self.path("out"), "-n", *hooks)
        with open(log, encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["b", "a"] * 4)

    def test_one_that_does_not_end(self):
        _, new = self.make()
        begin = time.monotonic()
        said = self.error("restore", "latest", *self.sets(), "--before", "sleep 100", "--hook-wait", "1")
        self.assertLess(time.monotonic() - begin, 30)
        self.assertIn("had not ended after 1 s", said)
        self.assertEqual(self.state(), new)

    def test_one_that_leaves_a_service_behind(self):
        self.make()
        begin = time.monotonic()
        self.run_cairn("restore", "latest", "--set", f"covers={self.covers}", "--after", "sleep 20 >/dev/null 2>&1 &")
        self.assertLess(time.monotonic() - begin, 15)

    def test_what_after_ends_with_is_told(self):
        self.make()
        said = self.error("restore", "latest", *self.sets(), "--after", "exit 4")
        self.assertIn("the restore itself went well", said)
        self.assertEqual(self.words(), ["old"] * 4)


class Scripts(SetsTest):
    """--after-sql: a copy for tests is masked before anybody is let in."""

    def script(self, text):
        path = self.path("mask.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_postgres(self):
        self.make()
        script = self.script("UPDATE t SET x = 'masked'; CREATE TABLE seen AS SELECT has_database_privilege('app', "
                             "current_database(), 'CONNECT') AS let_in;")
        self.run_cairn("restore", "latest:database", "--postgres", self.shop(), "--as", "shop_test", "--after-sql", script)
        self.assertEqual(self.server.sql("shop_test", "SELECT x FROM t"), "masked")
        self.assertEqual(self.server.sql("shop_test", "SELECT let_in FROM seen"), "f")
        app = "SELECT has_database_privilege('app', '{}', 'CONNECT')"
        self.assertEqual(self.server.sql("shop_test", app.format("shop_test")), self.server.sql("shop", app.format("shop")))
        self.assertEqual(self.server.sql("shop", "SELECT x FROM t"), "new")
        plan = self.run_cairn("restore", "latest:database", "--postgres", self.shop(), "--after-sql", script, "-n").stdout.decode()
        self.assertIn("run " + script, " ".join(plan.split()))

    def test_one_that_fails_restores_nothing(self):
        _, new = self.make()
        for text, why in (("UPDATE t SET x = 1; SELECT nothing", "nothing"), ("UPDATE t SET x = '1'; ROLLBACK", "leave BEGIN"),
                          ("COMMIT; BEGIN; UPDATE t SET x = '1'", "leave BEGIN"),
                          ("UPDATE t SET x = '1'; COMMIT", "leave BEGIN"),
                          ("\\set x 1", "command of psql"), (" ", "no statements")):
            script = self.script(text)
            for place in (["latest:database", "--postgres", self.shop()], ["latest:lite", "--sqlite", self.db]):
                said = self.error("restore", *place, "--after-sql", script)
                self.assertIn(why, said)
                self.assertIn("mask.sql", said)
                self.assertEqual(self.state(), new)
                self.no_leftovers()

    def test_a_copy_from_nowhere_is_not_taken_for_done(self):
        _, new = self.make()
        said = self.error("restore", "latest:database", "--postgres", self.shop(), "--after-sql",
                          self.script("UPDATE t SET x = 'masked'; COPY t FROM STDIN; UPDATE t SET x = 'masked'"))
        self.assertIn("COPY", said)
        self.assertEqual(self.state(), new)

    def test_sqlite(self):
        self.make()
        copy = self.path("copy.db")
        self.run_cairn("restore", "latest:lite", "--sqlite", copy, "--after-sql", self.script("\ufeffUPDATE t SET x = 'masked'"))
        database = sqlite3.connect(copy)
        self.assertEqual(database.execute("SELECT x FROM t").fetchall(), [("masked",)])
        database.close()
        os.unlink(copy)
        said = self.error("restore", "latest:lite", "--sqlite", copy, "--after-sql", self.script(f"ATTACH '{self.db}' AS other"))
        self.assertIn("not authorized", said)
        self.assertFalse(os.path.exists(copy))

    def test_only_where_it_can_be(self):
        self.make()
        script = self.script("SELECT 1")
        for args in (["latest", "--target", self.path("out")], ["latest", *self.sets()],
                     ["latest:database", "--postgres", self.shop(), "--data-only"]):
            self.assertIn("--after-sql is for", self.error("restore", *args, "--after-sql", script))


if __name__ == "__main__":
    unittest.main()
