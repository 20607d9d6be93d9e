#!/usr/bin/env python3
"""cairn mount, through the kernel: what is shown, with the tools that people look with, and what goes wrong."""
import os
import random
import re
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli"), os.path.join(HERE, "..", "stores")]
from cairn_testing import BIN, is_sanitized
from mount_testing import FACTOR, MountTest, make_odd_tree, run
from sqlite_testing import make_large
from webdav_testing import PASSWORD, USER, Nginx


def limit_threads(rooms):
    stack = 2 * 2**30
    resource.setrlimit(resource.RLIMIT_STACK, (stack, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (rooms * stack, rooms * stack))


class WhatIsShown(MountTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.source)
        make_odd_tree(self.write, self.source)
        self.init()
        self.backup("--tag", "odd")

    def same_status(self, one, other):
        a, b = os.lstat(one), os.lstat(other)
        for field in ("st_mode", "st_uid", "st_gid", "st_mtime_ns"):
            self.assertEqual(getattr(a, field), getattr(b, field), f"{field} of {one}")
        if not stat.S_ISDIR(a.st_mode):
            self.assertEqual((a.st_size, a.st_nlink), (b.st_size, b.st_nlink), one)
        if stat.S_ISCHR(a.st_mode) or stat.S_ISBLK(a.st_mode):
            self.assertEqual(a.st_rdev, b.st_rdev)

    def test_the_tools_find_no_difference(self):
        self.mount()
        shown = self.shown_source()
        count = 0
        for folder, folders, files in os.walk(os.fsencode(self.source)):
            for name in folders + files:
                path = os.path.join(folder, name)
                self.same_status(path, os.fsencode(shown) + path[len(os.fsencode(self.source)):])
                count += 1
        self.assertGreater(count, 25)
        self.assertEqual(os.lstat(os.path.join(shown, "hard1")).st_ino, os.lstat(os.path.join(shown, "deep/er/hard3")).st_ino)
        listed = [sorted(run("rsync", "-aHAXnc", "--delete", "-i", a + "/", b + "/").stdout.splitlines())
                  for a, b in ((self.source, shown), (shown, self.source))]
        self.assertEqual(listed, [[], []])
        # diff reads no fifos.
        run("diff", "-r", "--no-dereference", "-x", "fifo", "-x", "character", "-x", "block", self.source, shown)
        attributes = [run("getfattr", "-Rhd", "-m", "-", "--absolute-names", ".", cwd=folder).stdout for folder in (self.source, shown)]
        self.assertIn(b"user.folder", attributes[0])
        self.assertIn(b"system.posix_acl_default", attributes[0])
        self.assertEqual(*map(lambda text: sorted(text.split(b"\n\n")), attributes))
        acls = [run("getfacl", "-Rn", ".", cwd=folder).stdout for folder in (self.source, shown)]
        self.assertEqual(*map(lambda text: sorted(text.split(b"\n\n")), acls))
        self.unmount()

    def test_holes_are_holes(self):
        self.mount()
        places = []
        for path in (os.path.join(self.source, "sparse"), os.path.join(self.shown_source(), "sparse")):
            with open(path, "rb") as file:
                found, at = [], 0
                while True:
                    try:
                        begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
                    except OSError:
                        break
                    at = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
                    found.append((begin, at))
                places.append(found)
        self.assertEqual(len(places[0]), 3)
        self.assertEqual(places[0], places[1])
        blocks = [os.stat(os.path.join(folder, "sparse")).st_blocks for folder in (self.source, self.shown_source())]
        self.assertAlmostEqual(blocks[0], blocks[1], delta=64)
        self.assertEqual(os.stat(os.path.join(self.shown_source(), "large")).st_blocks, (9_000_000 + 511) // 512)

    def test_tar_gives_the_tree(self):
        self.mount()
        out = self.path("out")
        os.mkdir(out)
        archive = run("tar", "cSf", "-", "--xattrs", "--acls", "--numeric-owner", "-C", self.shown_source(), ".").stdout
        self.assertLess(len(archive), 15_000_000)  # the sparse file is not 64 MB of it, and each link is there once
        run("tar", "xSf", "-", "--xattrs", "--acls", "--numeric-owner", "-C", out, input=archive)
        listed = run("rsync", "-aHXnc", "--delete", "-i", self.source + "/", out + "/").stdout
        self.assertEqual([line for line in listed.splitlines() if b"trusted" not in line and not line.startswith(b".f")], [])

    def test_nothing_can_be_changed(self):
        self.mount()
        for change in (lambda: open(os.path.join(self.shown_source(), "new"), "w"),
                       lambda: open(os.path.join(self.shown_source(), "plain"), "r+"),
                       lambda: os.unlink(os.path.join(self.shown_source(), "plain")),
                       lambda: os.mkdir(os.path.join(self.point, "new")),
                       lambda: os.chmod(os.path.join(self.shown_source(), "plain"), 0o777)):
            with self.assertRaises(OSError) as caught:
                change()
            self.assertEqual(caught.exception.errno, 30)  # EROFS

    def test_folders_and_filters(self):
        self.write("plain", b"changed")
        self.backup("--tag", "second", "--host", "other")
        self.mount()
        self.assertEqual(sorted(os.listdir(self.point)), ["by-host", "by-id", "by-path", "by-tag", "by-time"])
        names = sorted(os.listdir(os.path.join(self.point, "by-time")))
        self.assertEqual(names[-1], "latest")
        self.assertEqual(len(names), 3)
        self.assertEqual(os.listdir(os.path.join(self.point, "by-host", "other")), [self.snapshot_name(), "latest"])
        self.assertEqual(sorted(os.listdir(os.path.join(self.point, "by-tag"))), ["odd", "second"])
        ids = self.run_cairn("snapshots").stdout.decode()
        for name in os.listdir(os.path.join(self.point, "by-id")):
            self.assertIn(name, ids)
        self.assertEqual(len(os.listdir(os.path.join(self.point, "by-path") + os.path.abspath(self.source))), 3)
        with open(os.path.join(self.shown_source(), "plain"), "rb") as file:
            self.assertEqual(file.read(), b"changed")
        age = time.time() - os.stat(self.shown()).st_mtime
        self.assertTrue(-5 < age < 600, age)
        self.unmount()
        self.mount("--tag", "odd")
        self.assertEqual(len(os.listdir(os.path.join(self.point, "by-id"))), 1)
        self.unmount()

    def test_owners(self):
        self.mount("--owner-root")
        self.assertEqual(os.stat(os.path.join(self.shown_source(), "owned")).st_uid, 0)
        self.unmount()
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.mount()
        self.assertNotEqual(run(*nobody, "ls", self.point, code=None).returncode, 0)
        self.unmount()
        os.chmod(self.dir, 0o755)
        os.chmod(os.path.join(self.source, "plain"), 0o644)
        os.chmod(os.path.join(self.source, "empty"), 0o600)
        run("setfacl", "-m", "u:65534:r", os.path.join(self.source, "owned"))
        os.chmod(self.source, 0o755)
        self.backup("--force")
        self.mount("--allow-other")
        run(*nobody, "cat", os.path.join(self.shown_source(), "plain"))
        run(*nobody, "cat", os.path.join(self.shown_source(), "owned"))  # the ACL says so
        self.assertNotEqual(run(*nobody, "cat", os.path.join(self.shown_source(), "empty"), code=None).returncode, 0)


class WhileItIsMounted(MountTest):
    def setUp(self):
        super().setUp()
        self.make_source()
        self.init()
        self.backup()

    def test_new_snapshots_come_and_forgotten_ones_go(self):
        self.mount()
        first = self.snapshot_name()
        self.assertEqual(len(os.listdir(os.path.join(self.point, "by-id"))), 1)
        time.sleep(1.1)  # another second, another name
        self.write("new", b"new bytes" * 10_000)
        self.backup()
        self.wait_for(lambda: len(os.listdir(os.path.join(self.point, "by-id"))) == 2)
        self.wait_for(lambda: self.snapshot_name() != first)
        with open(os.path.join(self.shown_source(), "new"), "rb") as file:
            self.assertEqual(file.read(), b"new bytes" * 10_000)
        self.run_cairn("tag", "latest", "--add", "seen", code=None)
        old = os.path.join(self.point, "by-time", first)
        kept = open(os.path.join(old + os.path.abspath(self.source), "big"), "rb")
        ids = [one["id"] for one in self.json("snapshots")["snapshots"]]
        self.run_cairn("forget", ids[0])
        self.wait_for(lambda: not os.path.exists(old))
        self.assertNotIn(first, os.listdir(os.path.join(self.point, "by-time")))
        self.assertEqual(len(kept.read(1000)), 1000)  # still there, until a prune
        kept.close()
        self.unmount()

    def test_what_was_forgotten_and_pruned_is_stale_and_never_wrong(self):
        with open(self.write("only-old", b""), "wb") as file:
            file.write(os.urandom(8_000_000))
        self.backup()
        old = {one["id"] for one in self.json("snapshots")["snapshots"]}
        os.unlink(os.path.join(self.source, "only-old"))
        self.backup()
        self.mount()
        shown = {name: os.path.join(self.point, "by-id", name) + os.path.abspath(self.source)
                 for name in os.listdir(os.path.join(self.point, "by-id"))}
        files = [open(os.path.join(path, "only-old"), "rb") for path in shown.values()
                 if os.path.exists(os.path.join(path, "only-old"))]
        self.assertEqual(len(files), 1)
        self.run_cairn("forget", *old)
        for _ in range(3):
            self.run_cairn("prune", "--max-unused", "0")
        gone = False
        with files[0] as file:
            try:
                file.seek(5_000_000)
                self.assertEqual(len(file.read(10)), 10)  # where the prune has left the pack for a while
            except OSError as error:
                gone = True
                self.assertIn(error.errno, (5, 116))  # ESTALE, of which the kernel makes EIO when it reads for its cache
        with open(os.path.join(self.shown_source(), "big"), "rb") as file:
            self.assertEqual(len(file.read()), 6_000_000)
        said = self.unmount()
        self.assertNotIn("damage", said)
        self.assertEqual("was forgotten meanwhile" in said, gone)

    def test_eight_readers(self):
        self.mount()
        wrong = []

        def read(number):
            for folder, folders, names in os.walk(self.source):
                folders.sort(reverse=number % 2 == 0)
                for name in sorted(names, reverse=number % 3 == 0):
                    path = os.path.join(folder, name)
                    with open(path, "rb") as a, open(self.shown() + path, "rb") as b:
                        if a.read() != b.read():
                            wrong.append(path)
        threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.unmount()

    def test_a_database_is_opened_in_place(self):
        path = self.path("app.db")
        database = sqlite3.connect(path)
        database.execute("pragma journal_mode=wal")
        database.execute("create table t (id integer primary key, text)")
        database.executemany("insert into t (text) values (?)", ((f"row {i} " * 20,) for i in range(20_000)))
        database.commit()
        self.run_cairn("backup", "--sqlite", path)
        self.mount()
        shown = sqlite3.connect(f"file:{self.shown('app.db')}?immutable=1", uri=True)
        self.assertEqual(shown.execute("select count(*) from t").fetchone(), (20_000,))
        self.assertEqual(shown.execute("select text from t where id = 12345").fetchone(), ("row 12344 " * 20,))
        self.assertEqual(shown.execute("pragma integrity_check").fetchone(), ("ok",))
        shown.close()
        database.close()
        text = run("sqlite3", f"file:{self.shown('app.db')}?immutable=1", "select count(*) from t where id > 19000")
        self.assertEqual(text.stdout.strip(), b"1000")
        self.unmount()


class WhatGoesWrong(MountTest):
    def setUp(self):
        super().setUp()
        self.make_source()
        self.init()
        self.backup()

    def test_damage_is_of_its_range_alone(self):
        self.mount()
        big = os.path.join(self.shown_source(), "big")
        packs = [path for path in self.objects("data") if os.path.getsize(path) > 3_000_000]
        self.assertTrue(packs)
        for pack in packs:
            with open(pack, "r+b") as file:
                for part in (1, 2, 3):
                    file.seek(os.path.getsize(pack) * part // 4)
                    file.write(b"damage" * 10)
        good = bad = 0
        with open(os.path.join(self.source, "big"), "rb") as original, open(big, "rb", buffering=0) as file:
            for at in range(0, 6_000_000, 100_000):
                try:
                    got = b""
                    while len(got) < 100_000:  # a read that meets damage gives what is before it
                        got += os.pread(file.fileno(), 100_000 - len(got), at + len(got))
                    self.assertEqual(got, os.pread(original.fileno(), 100_000, at))
                    good += 1
                except OSError as error:
                    self.assertEqual(error.errno, 5)
                    bad += 1
        said = self.unmount()
        self.assertGreater(bad, 0)
        self.assertGreater(good, 10)
        self.assertIn("/big: ", said)
        self.assertIn("damage", said)
        self.assertRegex(said, "data blob [0-9a-f]{64}")
        self.assertLess(said.count("\n"), 20)

    def test_a_folder_that_is_damaged_is_no_shorter_folder(self):
        """What can be read of it comes, and then an error: nobody takes half of a folder for all of it."""
        before = set(self.objects("meta"))
        os.mkdir(os.path.join(self.source, "many"))
        for _ in range(6_000):
            os.mknod(os.path.join(self.source, "many", os.urandom(60).hex()))
        self.backup()
        self.mount()
        packs = set(self.objects("meta")) - before
        self.assertGreater(max(os.path.getsize(pack) for pack in packs), 200_000)
        for pack in packs:
            with open(pack, "r+b") as file:
                for part in (2, 3):  # the folders above it come last
                    file.seek(os.path.getsize(pack) * part // 8)
                    file.write(b"damage" * 10)
        many = os.path.join(self.shown_source(), "many")
        for _ in range(2):
            names = []
            with self.assertRaises(OSError) as caught:
                with os.scandir(many) as entries:
                    for entry in entries:
                        names.append(entry.name)
            self.assertEqual(caught.exception.errno, 5)
            self.assertTrue(1_000 < len(set(names)) < 6_000, len(set(names)))
        self.assertNotEqual(run("ls", many, code=None).returncode, 0)
        self.assertEqual(len(os.listdir(os.path.join(self.shown_source(), "d0"))), 9)
        self.assertIn("damage", self.unmount())

    def test_latest_is_told_to_be_perhaps_another(self):
        with open(os.path.join(self.source, "newer"), "wb"):
            pass
        newest = os.path.join(self.repo, "snapshots", self.backup()["id"])
        os.truncate(newest, os.path.getsize(newest) - 1)
        self.mount()
        self.assertNotIn("newer", os.listdir(self.shown_source()))
        self.backup("--force")
        by_id = os.path.join(self.point, "by-id")
        self.wait_for(lambda: len(os.listdir(by_id)) == 2)
        said = self.unmount()
        self.assertIn(f'latest: "latest" is not certain: snapshots/{os.path.basename(newest)} cannot be read', said)
        self.assertEqual(said.count("is not certain"), 1)

    def test_a_program_that_was_killed(self):
        self.mount()
        self.program.send_signal(signal.SIGKILL)
        self.program.wait(20)
        with self.assertRaises(OSError) as caught:
            os.listdir(self.point)
        self.assertEqual(caught.exception.errno, 107)  # ENOTCONN
        again = self.run_cairn("mount", self.point, code=None)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("whose program has died", again.stderr.decode())
        self.assertIn("fusermount3 -u", again.stderr.decode())
        run("fusermount3", "-u", self.point)
        self.mount()
        self.unmount()

    def test_signals_unmount(self):
        for one in (signal.SIGINT, signal.SIGTERM):
            self.mount()
            os.listdir(self.shown_source())
            self.program.send_signal(one)
            said = self.program.communicate(timeout=30)[1].decode()
            self.assertEqual(self.program.returncode, 0, said)
            self.assertFalse(os.path.ismount(self.point))
            self.assertNotIn("still in use", said)

    def test_one_that_is_in_use_is_told_and_goes(self):
        self.mount()
        with open(os.path.join(self.shown_source(), "big"), "rb", buffering=0) as file:
            self.assertEqual(len(file.read(10)), 10)
            self.program.send_signal(signal.SIGTERM)
            said = self.program.communicate(timeout=30)[1].decode()
            self.assertEqual(self.program.returncode, 0, said)
            self.assertIn("still in use", said)
            self.assertFalse(os.path.ismount(self.point))
            self.assertEqual(os.listdir(self.point), [])
            with self.assertRaises(OSError):
                file.seek(4_000_000)
                file.read(10)

    def test_places_that_are_no_mount_point(self):
        for place, says in ((self.path("none"), "there is no folder"), (self.write("file", b""), "is no folder"),
                            (self.source, "not empty")):
            self.assertIn(says, self.run_cairn("mount", place, code=None).stderr.decode())
        inside = os.path.join(self.repo, "inside")
        os.mkdir(inside)
        self.assertIn("inside the repository", self.run_cairn("mount", inside, code=None).stderr.decode())

    def test_a_store_that_fails_is_an_error_and_no_hang(self):
        self.mount("--memory", "128M")
        os.listdir(os.path.join(self.shown_source(), "d0"))
        away = self.path("away")
        os.rename(self.repo, away)
        begin = time.monotonic()
        with self.assertRaises(OSError) as caught:
            with open(os.path.join(self.shown_source(), "big"), "rb") as file:
                file.read()
        self.assertIn(caught.exception.errno, (5, 2, 116))
        self.assertLess(time.monotonic() - begin, 60)
        os.rename(away, self.repo)
        time.sleep(3.5)

        def is_back():
            try:
                with open(os.path.join(self.shown_source(), "big"), "rb") as file:
                    return len(file.read()) == 6_000_000
            except OSError:
                return False
        self.wait_for(is_back, 60)
        self.unmount()

    def test_the_program_does_not_grow_with_what_was_looked_at(self):
        """What is shown is forgotten again, whatever room the kernel has for it."""
        for folder in range(7):
            os.mkdir(os.path.join(self.source, f"many{folder}"))
            for number in range(10_000):
                os.mknod(os.path.join(self.source, f"many{folder}", f"file-{number}"))
        self.backup()
        self.mount("--memory", "128M", "-v")
        listed = run("find", self.shown_source(), "-name", "file-*", "-size", "0", "-links", "1", "-ls").stdout
        self.assertEqual(listed.count(b"\n"), 70_000)
        time.sleep(4)
        with open(f"/proc/{self.program.pid}/status", encoding="ascii") as status:
            memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        if FACTOR == 1:
            self.assertLess(memory, 128_000)
        said = self.unmount()
        known = int(re.search("([0-9]+) entries were known", said).group(1))
        self.assertLess(known, 60_000)  # an eighth of the memory, 300 bytes each
        self.assertGreater(known, 1_000)

    def test_the_program_does_not_grow_with_the_folders_that_were_looked_at(self):
        """Those in which nobody is are forgotten; who is in one stays there."""
        for folder in range(80_000):
            os.makedirs(os.path.join(self.source, f"many{folder // 1000}", f"folder-{folder}"))
        self.backup()
        self.mount("--memory", "128M", "-v")
        inside = os.path.join(self.shown_source(), "many3", "folder-3456")
        standing = os.open(os.path.join(self.shown_source(), "many3"), os.O_RDONLY | os.O_DIRECTORY)
        listed = run("find", self.shown_source(), "-name", "folder-*", "-type", "d").stdout
        self.assertEqual(listed.count(b"\n"), 80_000)
        time.sleep(15)
        self.assertEqual(os.listdir(inside), [])
        self.assertEqual(len(os.listdir(standing)), 1000)
        os.close(os.open("folder-3999", os.O_RDONLY, dir_fd=standing))
        listed = run("find", self.shown_source(), "-name", "folder-*", "-type", "d").stdout
        self.assertEqual(listed.count(b"\n"), 80_000)
        os.close(standing)
        time.sleep(15)
        said = self.unmount()
        known = int(re.search("([0-9]+) entries were known", said).group(1))
        self.assertLess(known, 65_000)

    def test_eight_tars_keep_to_their_memory(self):
        """What is held is bounded by --memory, whatever the size of the tree."""
        generator = random.Random(7)
        for number in range(4):
            with open(self.write(f"large{number}", b""), "wb") as file:
                for _ in range(40):
                    file.write(generator.randbytes(1_000_000))
        for number in range(20_000):
            self.write(f"small{number % 200}/{number}", generator.randbytes(generator.randrange(20_000)))
        self.backup()
        sizes = {run("sh", "-c", f"tar cf - -C {self.source} . | wc -c").stdout}
        self.mount("--memory", "128M")
        tars = [subprocess.Popen(f"tar cf - -C {self.shown_source()} . | wc -c", shell=True, stdout=subprocess.PIPE)
                for _ in range(8)]
        sizes |= {tar.communicate(timeout=300)[0] for tar in tars}
        self.assertEqual(len(sizes), 1)
        with open(f"/proc/{self.program.pid}/status", encoding="ascii") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        print(f"eight tars: {peak // 1024} MiB")
        if FACTOR == 1:
            self.assertLess(peak, 128 * 1024)
        self.unmount()

    @unittest.skipIf(is_sanitized(), "a sanitizer takes more addresses than are given")
    def test_few_threads_are_enough(self):
        """As many threads as the system gives: each takes 2 GiB of addresses here, of which there are few."""
        with open("/dev/null") as nothing:
            for rooms in range(24, 8, -2):
                program = subprocess.Popen([BIN, "mount", self.point], env=self.env(), stdout=subprocess.PIPE, stdin=nothing,
                                           stderr=subprocess.PIPE, preexec_fn=lambda: limit_threads(rooms))
                self.addCleanup(self.clear, program)
                if b"mounted at" not in program.stdout.readline():
                    self.fail(program.stderr.read().decode())
                with open(os.path.join(self.shown_source(), "big"), "rb") as file:
                    self.assertEqual(len(file.read()), 6_000_000)
                run("fusermount3", "-u", self.point)
                said = program.communicate(timeout=30)[1].decode()
                self.assertEqual(program.returncode, 0, said)
                if "threads answer the kernel, and not 12" in said:
                    return
        self.fail("there were always enough threads")


class FarAway(MountTest):
    """A repository behind a web server."""

    def setUp(self):
        super().setUp()
        self.server = Nginx()
        self.addCleanup(self.server.close)
        self.repo = self.server.address("repo")
        self.make_source()
        self.init()
        self.backup()

    def env(self, password="secret", **more):
        return super().env(password, CAIRN_WEBDAV_USER=USER, CAIRN_WEBDAV_PASSWORD=PASSWORD, **more)

    def read_big(self):
        with open(os.path.join(self.shown_source(), "big"), "rb") as file:
            return len(file.read())

    def test_all_of_it_is_read(self):
        self.mount()
        run("diff", "-r", self.source, self.shown_source())
        self.unmount()

    def test_a_server_that_dies_is_an_error_soon_and_comes_back(self):
        self.mount("-o", "retry.first=100ms", "-o", "retry.time=2s")
        self.assertEqual(len(os.listdir(self.shown_source())), 9)
        os.killpg(self.server._process.pid, signal.SIGKILL)
        self.server._process.wait()
        begin = time.monotonic()
        with self.assertRaises(OSError) as caught:
            self.read_big()
        self.assertEqual(caught.exception.errno, 5)
        self.assertLess(time.monotonic() - begin, 30 * FACTOR)
        self.assertEqual(len(os.listdir(os.path.join(self.shown_source(), "d0"))), 9)  # what is known stays
        self.server._launch()

        def is_back():
            try:
                return self.read_big() == 6_000_000
            except OSError:
                return False
        self.wait_for(is_back, 30)
        self.unmount()

    def test_a_signal_ends_it_while_the_server_is_away(self):
        self.mount("-o", "retry.time=10m")
        os.listdir(self.shown_source())
        os.killpg(self.server._process.pid, signal.SIGKILL)
        self.server._process.wait()
        reader = subprocess.Popen(["cat", os.path.join(self.shown_source(), "big")], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(reader.kill)
        time.sleep(2)
        self.assertIsNone(reader.poll())
        begin = time.monotonic()
        self.program.send_signal(signal.SIGTERM)
        self.program.communicate(timeout=60)
        self.assertLess(time.monotonic() - begin, 30 * FACTOR)
        self.assertEqual(self.program.returncode, 0)
        self.assertNotEqual(reader.wait(20), 0)
        self.assertFalse(os.path.ismount(self.point))


class Fetched(MountTest):
    """What a program that looks into a mounted database has fetched from a server, counted by the server."""

    ROWS = 50_000 if FACTOR > 1 else 500_000  # 215 MB

    def setUp(self):
        super().setUp()
        self.log = self.path("requests")
        self.server = Nginx(f"access_log {self.log} combined;")
        self.addCleanup(self.server.close)
        self.repo = self.server.address("repo")
        self.init()

    def env(self, password="secret", **more):
        return super().env(password, CAIRN_WEBDAV_USER=USER, CAIRN_WEBDAV_PASSWORD=PASSWORD, **more)

    def fetched(self):
        """Bytes of all answers since the last call."""
        with open(self.log, encoding="utf-8") as file:
            sizes = [int(re.search(r'" \d+ (\d+) ', line)[1]) for line in file]
        os.truncate(self.log, 0)
        return sum(sizes)

    def test_an_indexed_query_of_a_database_fetches_less_than_a_twentieth(self):
        path = self.path("app.db")
        make_large(path, self.ROWS).close()
        size = os.path.getsize(path)
        self.run_cairn("backup", "--sqlite", path, timeout=600)
        self.cache = self.path("new cache")  # of a machine that has never seen it
        self.fetched()
        self.mount()
        for sql in ("SELECT id, length(note) FROM orders WHERE customer = 'customer 0004711'",
                    f"SELECT hex(note) FROM orders WHERE id = {self.ROWS // 3}",
                    "SELECT count(*) FROM orders WHERE customer BETWEEN 'customer 0001000' AND 'customer 0001050'"):
            begin = time.monotonic()
            shown = run("sqlite3", f"file:{self.shown('app.db')}?immutable=1", sql).stdout
            self.assertEqual(shown, run("sqlite3", path, sql).stdout)
            self.assertNotEqual(shown, b"")
            fetched = self.fetched()
            print(f"{sql[:40]}...: {fetched:,} of {size:,} bytes, {100 * fetched / size:.2f} %, {time.monotonic() - begin:.2f} s")
            self.assertLess(fetched, size / 20)
        self.unmount()


if __name__ == "__main__":
    unittest.main()
