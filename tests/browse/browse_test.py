#!/usr/bin/env python3
"""cairn browse, driven in tmux as a person would, and what is seen and restored."""
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (HERE, os.path.join(HERE, "..", "cli"), os.path.join(HERE, "..", "stores")):
    sys.path.insert(0, folder)
from cairn_testing import BIN, CairnTest, is_sanitized
from postgres_testing import Server
from sqlite_testing import make_large
from tmux_testing import Screen
from webdav_testing import PASSWORD, USER, Nginx


class BrowseTest(CairnTest):
    def browse(self, *args, columns=80, rows=24, term=None, **more):
        return Screen(self, [BIN, "browse", *args], self.env(**more), columns, rows, term)

    def enter_source(self, screen):
        """From the list of snapshots down to the folder that was backed up."""
        screen.keys("Enter")
        for name in os.path.abspath(self.source).strip("/").split("/"):
            screen.until("\n " + name + "/")
            screen.type("/" + name)
            screen.keys("Enter", "Enter")
        return screen.until("/" + os.path.basename(self.source) + "\n")

    def go_to(self, screen, name):
        screen.type("/" + name)
        screen.until("filter: " + name)
        screen.keys("Enter", "g")

    def clear_filter(self, screen):
        screen.keys("Escape")
        screen.until("by name", without=("of them called",))

    def same(self, one, other):
        done = subprocess.run(["rsync", "-aHAXnci", "--delete", one, other], capture_output=True, timeout=60)
        differences = [line for line in done.stdout.splitlines() if not line.endswith(b" ./")]
        self.assertEqual((done.returncode, differences), (0, []))

    def restore_into(self, screen, target):
        screen.keys("r")
        screen.until("into folder")
        screen.type(target)
        screen.until(target[-20:])
        screen.keys("Enter")
        return screen.until("took")


class Walking(BrowseTest):
    def setUp(self):
        super().setUp()
        self.write("letters/a.txt", b"first line\nsecond line\tand a tab\n")
        self.write("letters/b.txt", b"b" * 5000)
        self.write("letters/sub/deep", b"deep")
        self.write("photos/one.jpg", os.urandom(300_000))
        self.write("photos/two.jpg", os.urandom(20_000))
        self.write("notes.txt", b"notes\n")
        self.write("script", b"#!/bin/sh\n")
        os.chmod(os.path.join(self.source, "script"), 0o755)
        os.symlink("notes.txt", os.path.join(self.source, "link"))
        os.setxattr(os.path.join(self.source, "notes.txt"), "user.color", b"blue")
        self.init()
        self.backup("--tag", "first")
        self.write("notes.txt", b"notes, and more\n")
        self.backup("--tag", "second")
        self.backup("--tag", "third")

    def test_from_the_snapshots_to_a_restore_of_what_is_marked(self):
        screen = self.browse()
        text = screen.until("first", "second", "third", "3 snapshots")
        order = [text.index(tag) for tag in ("third", "second", "first")]
        self.assertEqual(order, sorted(order), "newest first")
        self.enter_source(screen)
        screen.until("letters/", "photos/", "notes.txt", "link -> notes.txt", "5 entries")
        self.go_to(screen, "photos")
        screen.keys("Space")
        screen.until("1 marked")
        self.clear_filter(screen)
        self.go_to(screen, "letters")
        screen.keys("Enter")
        screen.until("a.txt", "b.txt", "sub/")
        self.go_to(screen, "b.txt")
        screen.keys("Space")
        screen.until("2 marked")
        target = self.path("out")
        os.makedirs(target + "/letters")
        with open(target + "/letters/b.txt", "w") as file:
            file.write("mine")
        text = self.restore_into(screen, target)
        self.assertIn("2 files", text)
        self.assertIn("1 were there already", text)
        self.assertIn("2 read back, and right", text)
        self.same(self.source + "/photos/", target + "/photos/")
        with open(target + "/letters/b.txt") as file:
            self.assertEqual(file.read(), "mine")
        self.assertEqual(sorted(os.listdir(target + "/letters")), ["b.txt"])
        # And now over what is there.
        screen.keys("Escape")
        screen.until("2 marked")
        screen.keys("r")
        screen.until("into folder")
        screen.type(target)
        screen.keys("Down", "Space")
        screen.until("[x] replace")
        screen.keys("Enter")
        screen.until("took", "3 read back, and right")
        self.same(self.source + "/letters/b.txt", target + "/letters/b.txt")
        screen.keys("q")
        self.assertEqual(screen.end_code(), 0)

    def test_a_whole_snapshot(self):
        screen = self.browse()
        screen.until("3 snapshots")
        target = self.path("out")
        text = self.restore_into(screen, target)
        self.assertIn("files, ", text)
        self.same(self.source + "/", target + os.path.abspath(self.source) + "/")

    def test_versions_details_and_preview(self):
        screen = self.browse()
        screen.until("3 snapshots")
        self.enter_source(screen)
        screen.until("5 entries")
        self.go_to(screen, "notes.txt")
        screen.keys("v")
        screen.until("2 versions in 3 of 3 snapshots", "this one", "the same", "differs")
        screen.keys("G", "p")
        screen.until("notes", "all", without=("and more",))
        screen.keys("Escape")
        screen.until("2 versions")
        text = self.restore_into(screen, self.path("old"))
        self.assertIn("1 read back", text)
        with open(self.path("old", "notes.txt")) as file:
            self.assertEqual(file.read(), "notes\n")
        screen.keys("Escape")
        screen.until("2 versions")
        screen.keys("Escape", "i")
        text = screen.until("extended attributes", "user.color", '"blue"')
        status = os.stat(os.path.join(self.source, "notes.txt"))
        self.assertIn(f"({status.st_size} bytes)", text)
        self.assertIn(f"{status.st_mtime_ns % 10**9:09}", text)
        screen.keys("Escape")
        self.clear_filter(screen)
        self.go_to(screen, "letters")
        screen.keys("Enter")
        screen.until("a.txt")
        self.go_to(screen, "a.txt")
        screen.keys("Enter")
        screen.until("first line", "second line     and a tab")
        screen.keys("Left")
        screen.until("by name")

    def test_sorting_and_filtering(self):
        screen = self.browse()
        screen.until("3 snapshots")
        self.enter_source(screen)
        screen.until("5 entries")
        self.go_to(screen, "photos")
        screen.keys("Enter")
        text = screen.until("one.jpg", "two.jpg")
        self.assertLess(text.index("one.jpg"), text.index("two.jpg"))
        screen.keys("s")
        text = screen.until("by size")
        self.assertLess(text.index("one.jpg"), text.index("two.jpg"))
        screen.keys("S")
        text = screen.until("by size, reversed")
        self.assertLess(text.index("two.jpg"), text.index("one.jpg"))
        screen.type("/TWO")
        screen.until("1 of them called", "two.jpg", without=("one.jpg",))
        screen.keys("Escape")
        screen.until("one.jpg", "two.jpg")
        screen.type("/nothing")
        screen.until("nothing is called so")
        screen.keys("Escape", "?")
        screen.until("the tables of a database")
        screen.keys("Escape")
        screen.until("one.jpg", "two.jpg")

    def test_sizes_of_the_window(self):
        screen = self.browse()
        screen.until("3 snapshots")
        self.enter_source(screen)
        screen.until("5 entries")
        for columns, rows in ((120, 40), (200, 10), (40, 12), (20, 5), (10, 3), (1, 1), (80, 24)):
            screen.resize(columns, rows)
            if rows >= 12:
                screen.until("letters/", "notes.txt")
            time.sleep(0.3)
            screen.keys("Down", "i")
            time.sleep(0.2)
            screen.keys("Escape", "Up")
            lines = screen.lines()
            self.assertLessEqual(max(len(line) for line in lines), columns)
        text = screen.until("letters/", "5 entries", "? help")
        self.assertEqual(len(text.rstrip("\n").split("\n")), 24)
        # Columns stand below each other.
        ends = {line.rindex("iB") for line in text.split("\n") if re.search(r"\.txt .* [KM]?iB", line)}
        self.assertLessEqual(len(ends), 1)

    def test_new_snapshots_come_by_themselves(self):
        screen = self.browse()
        screen.until("3 snapshots")
        self.backup("--tag", "fourth")
        screen.until("4 snapshots", "fourth")

    def test_only_some_snapshots(self):
        screen = self.browse("--tag", "second")
        screen.until("1 snapshot", "second", without=("first",))

    def test_colours_only_where_they_are_wanted(self):
        colored = self.browse()
        colored.until("3 snapshots")
        self.enter_source(colored)
        colored.until("5 entries")
        self.assertIn("\x1b[34m", re.sub(r"\x1b\[1m", "", colored.text(styled=True)).replace("\x1b[1;34m", "\x1b[34m"))
        plain = self.browse(NO_COLOR="1")
        plain.until("3 snapshots")
        self.enter_source(plain)
        plain.until("5 entries")
        self.assertNotRegex(plain.text(styled=True), r"\x1b\[[0-9;]*3[1-7]m")


class OddNames(BrowseTest):
    NAMES = (b"\xff\xfe-invalid", b"new\nline", b"esc\x1b[2J\x1b]0;owned\x07", "日本語の名前".encode(), "e\u0301 combined".encode(),
             "right\u202eleft".encode(), b"-rf", b" ", b"back\\slash", b"x" * 255)

    def setUp(self):
        super().setUp()
        os.makedirs(self.source)
        for name in self.NAMES:
            with open(os.path.join(os.fsencode(self.source), name), "wb") as file:
                file.write(b"content of " + name)
        self.init()
        self.backup()

    def test_they_are_shown_marked_and_restored(self):
        screen = self.browse()
        screen.until("1 snapshot")
        self.enter_source(screen)
        text = screen.until("10 entries")
        for wanted in ("\\xff\\xfe-invalid", "new\\x0aline", "esc\\x1b[2J", "日本語の名前", "right\\xe2\\x80\\xaeleft", "back\\\\slash", "xxx…"):
            self.assertIn(wanted, text)
        # Sizes stand in one column, whatever the width of the names.
        def width(line):
            return sum(2 if ord(c) >= 0x2e80 else 0 if ord(c) == 0x301 else 1 for c in line)
        ends = {width(line[:line.index(" B ") + 2]) for line in text.split("\n") if " B " in line}
        self.assertEqual(len(ends), 1, text)
        screen.keys("g", *["Space"] * len(self.NAMES))
        screen.until("10 marked")
        target = self.path("out")
        self.assertIn("10 read back, and right", self.restore_into(screen, target))
        self.same(self.source + "/", target + "/")
        screen.keys("Escape", "G", "p")
        time.sleep(0.5)
        screen.keys("Escape")
        screen.until("10 entries")

    def test_a_terminal_of_ascii(self):
        screen = self.browse(LANG="en_US.ISO-8859-1", LC_ALL="C")
        screen.until("1 snapshot")
        self.enter_source(screen)
        screen.until("10 entries", "new\\x0aline")

    def test_binary_and_control_characters_are_no_commands(self):
        self.write("binary", bytes(range(256)) * 8)
        self.write("colors", b"\x1b[31mred\x1b[0m and \x1b]0;title\x07\x9b2J text\n" * 3)
        self.backup()
        screen = self.browse()
        screen.until("2 snapshots")
        self.enter_source(screen)
        screen.until("12 entries")
        self.go_to(screen, "binary")
        screen.keys("p")
        screen.until("00000000  00 01 02 03 04 05 06 07  08")
        screen.keys("Escape")
        self.clear_filter(screen)
        self.go_to(screen, "colors")
        screen.keys("p")
        screen.until("\\x1b[31mred\\x1b[0m and", "\\x07\\x9b2J text")


class Damage(BrowseTest):
    def setUp(self):
        super().setUp()
        self.make_source(files=40)
        self.init()
        self.backup()

    def spoil(self, pack, place):
        os.chmod(pack, 0o600)
        with open(pack, "r+b") as file:
            file.seek(place)
            byte = file.read(1)
            file.seek(place)
            file.write(bytes([byte[0] ^ 1]))

    def test_what_cannot_be_restored_is_named_and_the_rest_is_there(self):
        pack = min(self.objects("data"), key=os.path.getsize)
        self.spoil(pack, os.path.getsize(pack) // 2)
        screen = self.browse()
        screen.until("1 snapshot")
        text = self.restore_into(screen, self.path("out"))
        self.assertRegex(text, r"\d+ could not be restored whole")
        self.assertIn("damage", text)
        screen.keys("m")
        screen.until("damage: ")
        screen.keys("q")
        self.assertEqual(screen.end_code(), 0)
        self.assertIn("damage: ", screen.text(), "what was told stays to be read")

    def test_a_folder_that_is_damaged_says_so(self):
        for pack in self.objects("meta"):
            for place in range(200, os.path.getsize(pack) - 200, 64):
                self.spoil(pack, place)
        shutil.rmtree(self.cache, ignore_errors=True)
        screen = self.browse()
        screen.until("1 snapshot")
        screen.keys("Enter")
        screen.until("this folder")
        self.assertRegex(screen.text(), "damaged|cannot be read")
        screen.keys("Escape")
        screen.until("1 snapshot")


class Databases(BrowseTest):
    def test_tables_of_sqlite(self):
        os.makedirs(self.source)
        database = os.path.join(self.source, "app.db")
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)")
            connection.executemany("INSERT INTO orders (what) VALUES (?)", [("x" * 50,)] * 1234)
            connection.execute("""CREATE TABLE "it's [odd]" (id INTEGER PRIMARY KEY)""")
            connection.execute("CREATE VIEW large AS SELECT id FROM orders WHERE id > 1000")
        connection.close()
        self.init()
        self.run_cairn("backup", "--sqlite", database)
        scratch = self.path("scratch")
        os.mkdir(scratch)
        screen = self.browse(columns=200, TMPDIR=scratch)
        screen.until("SQLite")
        screen.keys("Enter")
        screen.until("app.db", "t lists its tables")
        screen.keys("p")
        screen.until("SQLite format 3")
        screen.keys("Escape")
        screen.until("1 entry")
        screen.keys("Enter")
        screen.until("orders", "1,234", "it's [odd]", "3 tables")
        self.go_to(screen, "large")
        screen.keys("r")
        text = screen.until("with the whole database alone (view)", f"--sqlite {database} --dry-run")
        self.assertNotIn("--table", text)
        screen.keys("Escape")
        screen.until("1 of them called")
        screen.keys("Escape", "Escape")
        screen.until("1 entry")
        screen.keys("Escape")
        screen.until("1 snapshot")
        screen.keys("t")
        screen.until("3 tables")
        self.go_to(screen, "orders")
        screen.keys("Enter")
        text = screen.until("id  what", "200 rows so far")
        self.assertIn("\n   1  " + "x" * 39, text)
        screen.keys("G")
        screen.until("400 rows so far")
        for _ in range(4):
            screen.keys("G")
            time.sleep(0.5)
        screen.until("1,234 rows", "\n 1234  x", without=("so far",))
        screen.keys("Enter")
        screen.until("row 1,234 of orders", "what  " + "x" * 50)
        self.assertEqual(os.listdir(scratch), [])
        screen.keys("Escape", "Escape", "Escape", "Escape")
        screen.until("snapshots")
        target = self.path("out")
        self.restore_into(screen, target)
        with sqlite3.connect(os.path.join(target, "app.db")) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM orders").fetchone(), (1234,))
        screen.keys("Escape")
        screen.until("1 snapshot")
        screen.keys("t")
        screen.until("3 tables")
        for table in ("orders", "odd"):
            self.go_to(screen, table)
            screen.keys("r")
            text = screen.until("what it would do", table)
            lines = re.findall(r"cairn( restore [0-9a-f]+ --sqlite .* --table .*)", text)
            self.assertEqual(len(lines), 3, text)
            with sqlite3.connect(database) as connection:
                connection.execute('DROP TABLE IF EXISTS orders')
                connection.execute("""DROP TABLE IF EXISTS "it's [odd]" """)
            connection.close()
            for line in lines:  # as somebody takes them over into a shell
                done = subprocess.run(["sh", "-c", BIN + line], env=self.env(), capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
            with sqlite3.connect(database) as connection:
                self.assertEqual([name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
                                  if table in name], ["orders" if table == "orders" else "it's [odd]"])
            connection.close()
            screen.keys("Escape")
            screen.until("1 of them called")
            screen.keys("Escape")
            screen.until("3 tables", without=("of them called",))

    def test_tables_of_a_file_of_a_folder(self):
        self.write("notes.txt", b"no database\n")
        with sqlite3.connect(os.path.join(self.source, "its own.db")) as connection:
            connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
            connection.execute("INSERT INTO things (name) VALUES ('spade')")
        connection.close()
        self.init()
        self.backup()
        screen = self.browse(columns=160)
        screen.until("1 snapshot")
        screen.keys("t")
        screen.until("there is no database here")
        self.enter_source(screen)
        self.go_to(screen, "notes")
        screen.keys("t")
        screen.until("the tables cannot be shown", "it is no SQLite database")
        screen.keys("Escape")
        screen.until("1 of them called")
        screen.keys("Escape")
        self.go_to(screen, "own")
        screen.keys("t")
        screen.until("things", "1 table", "its own.db")
        screen.keys("r")
        text = screen.until("--target FOLDER")
        line = re.search(r"cairn( restore .*) --target FOLDER", text)[1]
        target = self.path("out")
        done = subprocess.run(["sh", "-c", f"{BIN}{line} --target {target}"], env=self.env(), capture_output=True, timeout=60)
        self.assertEqual((done.returncode, os.listdir(target)), (0, ["its own.db"]), done.stderr)
        screen.keys("Escape")
        screen.until("1 table")
        screen.keys("Enter")
        screen.until("1  spade", "1 row")

    def test_tables_of_postgresql(self):
        with Server() as server:
            server.create("shop")
            server.sql("shop", """CREATE TABLE orders (id int PRIMARY KEY, what text);
                INSERT INTO orders SELECT i, md5(i::text) FROM generate_series(1, 2345) i;
                CREATE TABLE log (at int) PARTITION BY RANGE (at);""", user="app")
            self.init()
            address = server.uri("shop", user="postgres", local=True)
            self.run_cairn("backup", "--postgres", address, LC_ALL="C.UTF-8")
        screen = self.browse(columns=160)
        screen.until("PostgreSQL")
        screen.keys("Enter")
        screen.until("t lists its tables", "database.json")
        screen.keys("t")
        text = screen.until("public.orders", "2,345", "2 tables")
        self.assertRegex(text, r"public\.log +partitioned")
        self.go_to(screen, "orders")
        screen.keys("Enter")
        screen.until("id  what", "1  c4ca4238a0b923820dcc509a6f75849b", "200 rows so far")
        screen.keys("Escape")
        screen.until("1 of them called")
        screen.keys("r")
        screen.until("--postgres 'postgresql:///shop?host=", "--table public.orders --dry-run")
        screen.keys("Escape")
        screen.until("1 of them called")
        screen.keys("Escape")
        self.go_to(screen, "log")
        screen.keys("Enter")
        screen.until("the rows cannot be shown", "partitioned")

    def test_several_items(self):
        self.make_source(files=3)
        self.write("plain", b"plain")
        self.init()
        self.run_cairn("backup", self.source, "--set", "more=" + os.path.join(self.source, "plain"))
        screen = self.browse()
        screen.until("2 items")
        screen.keys("Enter")
        screen.until("files/", "more/", "2 entries")
        target = self.path("out")
        self.go_to(screen, "more")
        screen.keys("Enter")
        screen.until("1 entry")
        self.restore_into(screen, target)
        found = subprocess.run(["find", target, "-name", "plain"], capture_output=True).stdout.decode().split()
        self.assertEqual(len(found), 1)


class FarDatabase(BrowseTest):
    """A database behind a web server, which counts what is fetched of it."""

    def setUp(self):
        super().setUp()
        self.log = self.path("requests")
        server = Nginx(f"access_log {self.log} combined;")
        self.addCleanup(server.close)
        self.repo = server.address("repo")

    def env(self, password="secret", **more):
        return super().env(password, CAIRN_WEBDAV_USER=USER, CAIRN_WEBDAV_PASSWORD=PASSWORD, **more)

    def test_rows_fetch_what_is_looked_at(self):
        database = self.path("app.db")
        make_large(database, 100_000).close()
        size = os.path.getsize(database)
        self.init()
        self.run_cairn("backup", "--sqlite", database, timeout=600)
        self.cache = self.path("new cache")  # of a machine that has never seen it
        os.truncate(self.log, 0)
        screen = self.browse(columns=120)
        screen.until("SQLite")
        screen.keys("t")
        screen.until("orders")
        self.go_to(screen, "orders")
        screen.keys("Enter")
        screen.until("200 rows so far", "customer")
        with open(self.log, encoding="utf-8") as file:
            fetched = sum(int(re.search(r'" \d+ (\d+) ', line)[1]) for line in file)
        print(f"{fetched:,} of {size:,} bytes, {100 * fetched / size:.2f} %")
        self.assertLess(fetched, size / 10)


class Ending(BrowseTest):
    def setUp(self):
        super().setUp()
        self.make_source(files=5)
        self.init()
        self.backup()

    def check_modes(self, screen):
        for mode in ("icanon", "echo", "isig", "icrnl"):
            self.assertRegex(screen.modes(), rf"(?m)(?:^|\s){mode}(?:\s|$)")

    def test_keys_and_signals_leave_the_terminal_right(self):
        for how, code in (("q", 0), ("C-c", 0), (signal.SIGTERM, 130), (signal.SIGHUP, 130)):
            with self.subTest(how=how):
                screen = self.browse()
                screen.until("1 snapshot")
                if isinstance(how, str):
                    screen.keys(how)
                else:
                    os.kill(screen.process(), how)
                self.assertEqual(screen.end_code(), code)
                self.check_modes(screen)
                self.assertNotIn("1 snapshot", screen.text())
                screen.close()

    def test_a_crash_leaves_the_terminal_right(self):
        screen = self.browse()
        screen.until("1 snapshot")
        os.kill(screen.process(), signal.SIGSEGV)
        code = screen.end_code()
        if not is_sanitized():  # which reports it, and ends as it likes
            self.assertEqual(code, 128 + signal.SIGSEGV)
        self.check_modes(screen)
        self.assertNotIn("1 snapshot", screen.text())

    def test_no_terminal_is_refused_with_a_word(self):
        done = self.run_cairn("browse", code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"browse needs a terminal", done.stderr)
        for term in ("dumb", "no-such-terminal"):
            screen = Screen(self, ["env", "TERM=" + term, BIN, "browse"], self.env())
            self.assertNotEqual(screen.end_code(), 0)
            self.assertIn(f"TERM={term}", screen.text())
        self.run_cairn("browse", "--json", code=1)

    def test_a_restore_is_not_left_by_chance_and_can_be_stopped(self):
        self.write("slow", os.urandom(8_000_000))
        self.backup()
        screen = self.browse("--limit-download", "500K")
        screen.until("2 snapshots")
        target = self.path("out")
        screen.keys("r")
        screen.until("into folder")
        screen.type(target)
        screen.keys("Enter")
        screen.until("restoring", " of ", "#")
        screen.keys("q")
        screen.until("the restore is under way: c stops it")
        screen.keys("Escape")
        screen.until("the restore is under way: c stops it")
        screen.keys("c")
        screen.until("stopped: files that were done stay", "took")
        left = subprocess.run(["find", target, "-name", ".cairn-*"], capture_output=True).stdout
        self.assertEqual(left, b"")
        screen.keys("q")
        self.assertEqual(screen.end_code(), 0)

    def test_a_signal_ends_a_restore(self):
        self.write("slow", os.urandom(8_000_000))
        self.backup()
        screen = self.browse("--limit-download", "500K")
        screen.until("2 snapshots")
        target = self.path("out")
        screen.keys("r")
        screen.until("into folder")
        screen.type(target)
        screen.keys("Enter")
        screen.until("#")
        os.kill(screen.process(), signal.SIGTERM)
        self.assertEqual(screen.end_code(), 130)
        self.check_modes(screen)
        self.assertEqual(subprocess.run(["find", target, "-name", ".cairn-*"], capture_output=True).stdout, b"")

    def test_nothing_into_the_repository(self):
        screen = self.browse()
        screen.until("1 snapshot")
        text = self.restore_into(screen, os.path.join(self.repo, "out"))
        self.assertIn("not restored", text)
        self.assertIn("is inside the repository", re.sub(r"\n *", "", text))
        self.assertFalse(os.path.exists(os.path.join(self.repo, "out")))

    def test_a_store_that_is_gone_is_told_and_left(self):
        screen = self.browse()
        screen.until("1 snapshot")
        os.rename(self.repo, self.repo + "-away")
        screen.keys("Enter")
        time.sleep(1)
        screen.keys("Escape")
        screen.until("What", "Paths")
        screen.keys("q")
        self.assertEqual(screen.end_code(), 0)


class FarStore(BrowseTest):
    """A store that does not answer any more: nothing hangs, and it is said."""

    def setUp(self):
        super().setUp()
        self.server = Nginx()
        self.addCleanup(self.server.close)
        os.mkdir(os.path.join(self.server.root, "repo"))
        self.more = {"CAIRN_WEBDAV_USER": USER, "CAIRN_WEBDAV_PASSWORD": PASSWORD}
        self.repo = self.server.address("repo")
        self.write("file", os.urandom(3_000_000))
        self.run_cairn("init", **self.more)
        self.run_cairn("backup", self.source, **self.more)

    def open_source(self, *args):
        screen = self.browse(*args, **self.more)
        screen.until("1 snapshot")
        self.enter_source(screen)
        screen.until("file ", "1 entry")
        return screen

    def test_what_waits_can_be_left_and_ended(self):
        screen = self.open_source()
        group = self.server._process.pid
        os.killpg(group, signal.SIGSTOP)
        self.addCleanup(os.killpg, group, signal.SIGCONT)
        screen.keys("p")
        screen.until("reading; Esc leaves it")
        screen.keys("Escape")
        screen.until("file ", "1 entry")
        screen.keys("q")
        screen.until("waiting for what is under way")
        screen.keys("C-c")
        self.assertEqual(screen.end_code(), 130)

    def test_a_server_that_is_gone_is_told(self):
        screen = self.open_source("-o", "retry.time=2s")
        self.server.close()
        screen.keys("p")
        screen.until("it cannot be read")
        screen.keys("m")
        screen.until("trying again in")
        screen.keys("Escape", "Escape")
        screen.until("1 entry")
        self.assertIn("not restored: the store is away", self.restore_into(screen, self.path("out")))
        screen.keys("q")
        self.assertEqual(screen.end_code(), 0)


if __name__ == "__main__":
    unittest.main()
