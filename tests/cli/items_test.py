"""Snapshots of several items: made, told apart, looked into, given back, whole and in part."""
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cairn_testing import BIN, CairnTest, can_mount


def make_database(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (x)")
    database.executemany("INSERT INTO t VALUES (?)", [(f"row {row} of {path}",) for row in range(rows)])
    database.commit()
    database.close()


def rows(path):
    database = sqlite3.connect(path)
    try:
        return database.execute("SELECT x FROM t ORDER BY rowid").fetchall()
    finally:
        database.close()


class ItemsTest(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.site = self.path("site")
        self.db, self.shop = self.path("srv", "app.db"), self.path("shop", "data.db")

    def put(self, *names, data=b"some bytes"):
        path = self.path(*names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def fill(self):
        self.write("a/one", b"one")
        self.write("two.txt", b"two")
        self.put("site", "index.html", data=b"<p>")
        self.put("site", "img", "x.png", data=bytes(100_000))
        make_database(self.db, 300)
        make_database(self.shop, 500)

    def several(self, *args, **kwargs):
        return self.json("backup", self.source, "--sqlite", self.db, "--stdin", "--stdin-filename", "dump.sql",
                         "--set", f"site={self.site}", "--set", f"shop=sqlite:{self.shop}", *args,
                         **{"stdin": b"select 1;", **kwargs})

    NAMES = ["files", "stream", "app.db", "site", "shop"]

    def two(self, *args):
        """Two items of files."""
        return self.json("backup", self.source, "--set", f"site={self.site}", *args)

    def ls(self, what, *args):
        return self.run_cairn("ls", what, *args).stdout.decode().splitlines()

    def items(self, which="latest"):
        return self.json("snapshots", which)["snapshots"][0]["items"]

    def fails(self, *args, code=1, **kwargs):
        return self.run_cairn(*args, code=code, **kwargs).stderr.decode()

    def out(self, *args, code=0):
        """Restores, and names the target."""
        target = self.path(f"out-{len(os.listdir(self.dir))}")
        self.run_cairn("restore", *args, "--target", target, code=code)
        return target

    def archive(self, what):
        file = self.path(f"archive-{len(os.listdir(self.dir))}")
        self.run_cairn("dump", what, "--target", file)
        archive = tarfile.open(file)
        self.addCleanup(archive.close)
        return archive

    def same_tree(self, one, other):
        done = subprocess.run(["diff", "-r", "--no-dereference", one, other], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[:2000])

    def files_below(self, folder):
        return {os.path.relpath(os.path.join(root, name), folder) for root, _, names in os.walk(folder) for name in names}


class WholeSnapshots(ItemsTest):
    def test_all_kinds_come_back_each_in_a_folder_of_its_name(self):
        self.fill()
        self.several()
        self.assertEqual([(item["name"], item["kind"]) for item in self.items()],
                         list(zip(self.NAMES, ["files", "stream", "sqlite", "files", "sqlite"])))
        target = self.out("latest", "--verify")
        self.assertEqual(sorted(os.listdir(target)), sorted(self.NAMES))
        self.same_tree(self.source, target + "/files" + self.source)
        self.same_tree(self.site, target + "/site" + self.site)
        self.assertEqual(rows(target + "/app.db/app.db"), rows(self.db))
        self.assertEqual(rows(target + "/shop/data.db"), rows(self.shop))
        with open(target + "/stream/dump.sql", "rb") as file:
            self.assertEqual(file.read(), b"select 1;")
        self.run_cairn("check", "--read-data")
        again = self.json("restore", "latest", "--target", target, "--overwrite", "if-changed", code=3)  # databases stay
        self.assertEqual((again["bytes_written"], again["failed"]), (0, 2))

    def test_the_second_reader_agrees(self):
        self.fill()
        last = self.several()["id"]
        reader = [sys.executable, os.path.join(HERE, "..", "..", "tools", "reader"), self.repo]
        done = subprocess.run(reader + ["verify"], env=self.env(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = subprocess.run(reader + ["restore", last, self.path("theirs")], env=self.env(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.same_tree(self.path("theirs"), self.out("latest"))

    def test_ls_dump_cat_and_find_see_a_folder_an_item(self):
        self.fill()
        self.several()
        self.assertEqual(self.ls("latest"), ["/" + name for name in self.NAMES])
        everything = self.ls("latest", "-R")
        for path in ("/files", "/files" + self.source + "/a/one", "/stream/dump.sql", "/shop/data.db", "/app.db/app.db"):
            self.assertIn(path, everything)
        long = self.run_cairn("ls", "-l", "latest").stdout.decode().splitlines()
        self.assertRegex(long[0], r"^drwx------ .* /files$")
        archive = self.archive("latest")
        self.assertEqual(["/" + name for name in archive.getnames()], everything)
        self.assertEqual(archive.extractfile("stream/dump.sql").read(), b"select 1;")
        tree = self.json("cat", "tree", "latest")
        self.assertEqual([node["name"] for node in tree["nodes"]], self.NAMES)
        found = self.run_cairn("find", "*.db", "--type", "f").stdout.decode().splitlines()[1:]
        self.assertEqual(found, ["/app.db/app.db", "/shop/data.db"])
        found = self.run_cairn("find", "/site/*.png").stdout.decode().splitlines()[1:]
        self.assertEqual(found, ["/site" + self.site + "/img/x.png"])

    def test_snapshots_names_the_items_with_their_paths(self):
        self.fill()
        self.several()
        shown = self.run_cairn("snapshots").stdout.decode()
        self.assertIn(f"files: {self.source}; stream: dump.sql; app.db: {self.db}; site: {self.site}; shop: {self.shop}", shown)
        self.run_cairn("backup", self.source, self.site)
        self.assertIn(f"  {self.site} {self.source}", self.run_cairn("snapshots", "latest").stdout.decode())

    def test_what_one_item_lacks_does_not_hold_up_the_others(self):
        """A database is never put over another: that is told by its path, and the rest is given back."""
        self.fill()
        self.several()
        target = self.path("target")
        os.makedirs(target + "/app.db")
        shutil.copy(self.shop, target + "/app.db/app.db")
        done = self.run_cairn("restore", "latest", "--target", target, code=3)
        self.assertIn("app.db/app.db: a file stands there", done.stderr.decode())
        self.assertEqual(rows(target + "/app.db/app.db"), rows(self.shop))
        self.same_tree(self.site, target + "/site" + self.site)
        self.assertEqual(rows(target + "/shop/data.db"), rows(self.shop))

    @unittest.skipUnless(can_mount(), "needs to mount")
    def test_a_full_disk_ends_it_and_the_items_that_are_not_there_are_named(self):
        self.fill()
        self.put("big", "noise", data=os.urandom(3_000_000))
        self.json("backup", self.source, "--set", f"big={self.path('big')}", "--set", f"site={self.site}")
        target = self.path("target")
        os.mkdir(target)
        script = 'mount -t tmpfs -o size=1m none "$2" && "$1" restore latest --target "$2"'
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", BIN, target], env=self.env(), capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertNotIn("files: it is not restored", done.stderr)
        for part in ("big: it is not restored whole\n", "site: it is not restored\n", "item big: "):
            self.assertIn(part, done.stderr)

    def test_names_of_one_file_do_not_join_items(self):
        """Two names of one file, in two items, are one file in each."""
        self.put("site", "x", data=b"x" * 10_000)
        os.link(self.site + "/x", self.site + "/y")
        self.json("backup", "--set", f"a={self.site}", "--set", f"b={self.site}")
        target = self.out("latest")
        inodes = [os.stat(f"{target}/{item}{self.site}/{name}").st_ino for item in "ab" for name in "xy"]
        self.assertEqual(inodes[0], inodes[1])
        self.assertEqual(inodes[2], inodes[3])
        self.assertNotEqual(inodes[0], inodes[2])
        archive = self.archive("latest")
        links = {member.name: member.linkname for member in archive if member.islnk()}
        self.assertEqual(links, {f"{item}{self.site}/y": f"{item}{self.site}/x" for item in "ab"})


class Parts(ItemsTest):
    def test_an_item_and_what_is_in_it_by_path(self):
        self.fill()
        self.several()
        for path in ("site", "/site", "site/", "//site//"):
            self.assertEqual(self.ls("latest:" + path), ["/site/" + self.site.split("/")[1]])
            self.same_tree(self.site, self.out("latest:" + path) + self.site)
        for path in ("site", "/site"):
            target = self.out(f"latest:{path}{self.site}")
            self.same_tree(self.site, target)
        target = self.out(f"latest:site{self.site}/img/x.png")
        self.assertEqual(os.listdir(target), ["x.png"])
        self.assertEqual(rows(self.out("latest:shop") + "/data.db"), rows(self.shop))
        for path in ("stream/dump.sql", "/stream/dump.sql"):
            self.assertEqual(self.run_cairn("dump", "latest:" + path).stdout, b"select 1;")
        archive = self.archive("latest:shop")
        self.assertEqual(archive.getnames(), ["shop/data.db"])
        self.assertEqual(self.json("cat", "tree", "latest:stream/dump.sql")["size"], 9)

    def test_a_moment_before_an_item(self):
        self.fill()
        self.several("--time", "2026-01-02T03:04:05")
        for moment in ("2026-01-02T03:04:05", "2026-01-02T03:05:00Z", "2026-01-03"):
            for path in ("stream", "/stream"):
                self.assertEqual(self.ls(f"latest@{moment}:{path}"), ["/stream/dump.sql"])

    def test_a_path_that_begins_with_no_item_is_refused_with_their_names(self):
        self.fill()
        self.several()
        for args in (["ls"], ["dump"], ["restore", "--target", self.path("out")], ["cat", "tree"]):
            told = self.fails(*args, f"latest:{self.source}/two.txt")
            self.assertIn("it has the items files, stream, app.db, site, shop", told)
            self.assertIn('has no path "/site/none"', self.fails(*args, "latest:site/none"))
            self.assertIn('has no path "/app.db/files"', self.fails(*args, "latest:app.db/files"))

    def test_one_item_is_seen_without_its_name(self):
        self.fill()
        for args in (["--set", f"site={self.site}"], [self.site]):
            self.json("backup", *args)
            self.assertEqual(self.ls(f"latest:{self.site}"), [f"{self.site}/{name}" for name in ("img", "index.html")])
            self.same_tree(self.site, self.out("latest") + self.site)


class Names(ItemsTest):
    def test_the_only_item_is_called_what_it_always_was(self):
        self.fill()
        for args, name in (([self.source], "files"), (["--sqlite", self.db], "sqlite"), (["--stdin"], "stream"),
                           (["--set", f"mine=sqlite:{self.db}"], "mine")):
            self.json("backup", *args, stdin=b"x")
            self.assertEqual([item["name"] for item in self.items()], [name])

    def test_two_of_one_name_are_refused_with_the_way_out(self):
        self.fill()
        other = self.path("other", "app.db")
        make_database(other, 5)
        told = self.fails("backup", "--sqlite", self.db, "--sqlite", other)
        for part in (self.db, other, '"app.db"', "--set NAME=sqlite:FILE"):
            self.assertIn(part, told)
        told = self.fails("backup", self.source, "--set", f"files={self.site}")
        for part in (self.source, self.site, '"files"', "--set NAME=PATH"):
            self.assertIn(part, told)
        self.assertEqual(self.json("snapshots")["snapshots"], [])
        self.json("backup", "--sqlite", self.db, "--set", f"other=sqlite:{other}")
        self.assertEqual(self.ls("latest", "-R"), ["/app.db", "/app.db/app.db", "/other", "/other/app.db"])

    def test_names_that_no_item_can_have(self):
        self.fill()
        for name in ("", ".", "..", "a/b", "x" * 256, os.fsdecode(b"\xff")):
            told = self.fails("backup", "--set", f"{name}={self.site}", code=2)
            self.assertIn("is no name for an item", told)
        for text in ("site", "site=", "site=sqlite:"):
            self.fails("backup", "--set", text, code=2)
        self.json("backup", self.source, "--set", f"{'x' * 255}={self.site}", "--set", f"b\u00fccher={self.site}")
        self.assertEqual(self.ls("latest"), ["/files", "/" + "x" * 255, "/b\u00fccher"])

    def test_a_database_whose_file_has_no_name_that_an_item_can_have(self):
        odd = os.path.join(os.fsencode(self.dir), b"\xff.db")
        make_database(self.db, 5)
        os.rename(self.db, odd)
        self.put("site", "x")
        told = self.fails("backup", self.site, "--sqlite", os.fsdecode(odd))
        self.assertIn("--set NAME=sqlite:FILE", told)
        self.json("backup", self.site, "--set", "odd=sqlite:" + os.fsdecode(odd))
        self.assertIn("/odd/\\xff.db", self.ls("latest", "-R"))

    def test_a_path_that_begins_like_a_kind(self):
        self.put("sqlite:x", data=b"of files")
        done = subprocess.run([BIN, "backup", "--set", "a=./sqlite:x"], cwd=self.dir, env=self.env(),
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.items()[0]["kind"], "files")

    def test_a_stream_needs_its_option(self):
        self.fill()
        self.assertIn("--stdin-filename names a stream", self.fails("backup", "--sqlite", self.db, "--stdin-filename", "x"))
        self.assertIn("nothing to back up", self.fails("backup"))


class Again(ItemsTest):
    def test_each_item_has_its_own_parent(self):
        """With the cache of this machine, and without it, by the trees of the snapshot before."""
        self.fill()
        for number in range(20):
            self.put("site", "many", str(number), data=b"%d" % number)
            self.write(f"many/{number}", b"of files %d" % number)
        for path in (self.source, self.site):  # marks of what is this new would not be trusted
            for root, folders, names in os.walk(path):
                for name in names:
                    os.utime(os.path.join(root, name), ns=(1, 1))
        subprocess.run(["sleep", "0.2"], check=True)
        first = self.two()
        for forget_cache in (False, True):
            if forget_cache:
                shutil.rmtree(self.cache)
            again = self.two()
            self.assertEqual((again["files_new"], again["files_changed"], again["files_unchanged"]), (0, 0, first["files"]))
            self.assertEqual(again["bytes_read"], 0)
            self.assertIsNotNone(again["parent"])
        shutil.rmtree(self.cache)
        swapped = self.json("backup", "--set", f"www={self.site}", "--set", f"mine={self.source}")  # other names and order
        self.assertEqual((swapped["files_unchanged"], swapped["bytes_read"]), (first["files"], 0))
        self.assertIsNotNone(swapped["parent"])
        self.same_tree(self.source, self.out("latest:mine") + self.source)
        self.same_tree(self.site, self.out("latest:www") + self.site)

    def test_other_items_are_no_parent(self):
        self.fill()
        self.json("backup", self.source)
        self.assertIsNone(self.two()["parent"])
        self.json("backup", self.source, "--set", f"app=sqlite:{self.db}")
        self.assertIsNotNone(self.two()["parent"])

    def test_two_items_of_one_path(self):
        self.fill()
        args = ("--set", f"a={self.site}", "--set", f"b={self.site}")
        subprocess.run(["sleep", "0.2"], check=True)
        first = self.json("backup", *args)
        again = self.json("backup", *args)
        self.assertEqual((again["files_unchanged"], again["bytes_read"]), (first["files"], 0))
        self.assertEqual(len([name for name in self.cached() if name.startswith("files-")]), 2)

    def cached(self):
        return [name for _, folders, names in os.walk(self.cache) for name in folders + names]

    def test_a_command_that_fails_ends_the_backup_at_once(self):
        self.fill()
        told = self.fails("backup", "--from-command", "--sqlite", self.db, "--set", f"site={self.site}", "--", "false")
        self.assertIn("item stream: ", told)
        self.assertEqual(self.json("snapshots")["snapshots"], [])
        told = self.fails("backup", "--from-command", "--set", f"none={self.path('none')}", "--", "touch", self.path("run"))
        self.assertIn("there is no such file or folder", told)
        self.assertFalse(os.path.exists(self.path("run")), "the first item was read in vain")
        os.remove(self.shop)
        self.assertIn(self.shop, self.fails("backup", self.source, "--set", f"shop=sqlite:{self.shop}"))

    def test_what_is_told_of_an_item_begins_with_its_name(self):
        self.fill()
        with socket.socket(socket.AF_UNIX) as one:
            path = os.path.join(self.site, "sock")
            one.bind(path)
            done = self.run_cairn("backup", self.source, "--set", f"site={self.site}", "-v")
            told = (done.stdout + done.stderr).decode()
            self.assertIn(f"/site{path}: sockets are not kept", told)
            alone = self.run_cairn("backup", self.site, "-v", "--force").stderr.decode()
            self.assertIn(f" {path}: sockets are not kept", alone)
        self.assertIn(f"/files{self.source}/two.txt", told)


class Differences(ItemsTest):
    def diff(self, *args):
        return self.run_cairn("diff", *args).stdout.decode().splitlines()[:-1]

    def test_items_belong_together_by_kind_and_name(self):
        self.fill()
        first = self.two()["id"]
        self.write("two.txt", b"twice")
        os.remove(self.site + "/img/x.png")
        self.put("site", "new", data=b"n")
        second = self.json("backup", "--set", f"site={self.site}", self.source, "--sqlite", self.db)["id"]
        self.assertEqual(self.diff(first, second), [
            f"M /files{self.source}/two.txt", f"- /site{self.site}/img/x.png", f"+ /site{self.site}/new",
            "+ /app.db", "+ /app.db/app.db"])
        back = self.diff(second, first)
        self.assertEqual((back[1:3], len(back)), (["- /app.db", "- /app.db/app.db"], 5))
        summary = self.json("diff", first, second)
        self.assertEqual((summary["added"], summary["removed"], summary["content"]), (3, 1, 1))

    def test_a_name_of_another_kind_is_another_item(self):
        self.fill()
        first = self.json("backup", self.source, "--set", f"x={self.site}/index.html")["id"]
        second = self.json("backup", self.source, "--set", f"x=sqlite:{self.db}")["id"]
        self.assertEqual([line for line in self.diff(first, second) if line.count("/") < 3],
                         ["- /x", "- /x/" + self.site.split("/")[1], "+ /x", "+ /x/app.db"])

    def test_an_item_that_came_to_the_only_one(self):
        self.fill()
        first = self.json("backup", self.source)["id"]
        self.write("three", b"3")
        second = self.json("backup", self.source, "--sqlite", self.db)["id"]
        self.assertEqual(self.diff(first, second), [f"+ /files{self.source}/three", "+ /app.db", "+ /app.db/app.db"])

    def test_by_paths(self):
        self.fill()
        first = self.json("backup", self.site)["id"]
        self.put("site", "new")
        second = self.two()["id"]
        self.assertEqual(self.diff(f"{first}:{self.site}", f"{second}:site{self.site}"), ["+ /new"])
        self.assertEqual(self.diff(first, f"{second}:site"), [f"+ {self.site}/new"])
        self.assertIn("give a path there too", self.fails("diff", f"{first}:{self.site}", second))


class Choices(ItemsTest):
    def test_includes_and_excludes_count_from_the_snapshot_or_the_path(self):
        self.fill()
        self.several()
        self.assertEqual(os.listdir(self.out("latest", "--include", "*.html")), ["site"])
        self.assertEqual(self.files_below(self.out("latest", "--include", "shop")), {"shop/data.db"})
        self.assertEqual(self.files_below(self.out("latest", "--include", f"/site{self.site}/img")),
                         {f"site{self.site}/img/x.png"})
        self.fails("restore", "latest", "--target", self.path("none"), "--include", f"{self.site}/img")
        self.assertFalse(os.path.exists(self.path("none", "site")), "a folder of an item of which nothing was taken")
        target = self.out("latest", "--exclude", "/files", "--exclude", "*.db", "--exclude", f"/site{self.site}/img")
        self.assertEqual(self.files_below(target), {"stream/dump.sql", f"site{self.site}/index.html"})
        self.assertFalse(os.path.exists(target + "/app.db"), "its folder is called as what is left out")
        target = self.out("latest:site", "--exclude", self.site[1:] + "/img")
        self.assertEqual(self.files_below(target), {self.site[1:] + "/index.html"})

    def test_delete_spares_what_the_backup_left_out_of_an_item(self):
        self.fill()
        self.put("site", "a.tmp")
        self.write("b.tmp", b"b")
        self.write("cache/c", b"c")
        self.json("backup", self.source, "--sqlite", self.db, "--set", f"site={self.site}", "--exclude", "*.tmp",
                  "--exclude", self.source + "/cache")
        target = self.out("latest:files")
        shutil.rmtree(target)
        target = self.out("latest", "--exclude", "app.db")
        for name in ("extra", "x.tmp", "cache/c"):
            self.put(*f"{os.path.basename(target)}/files{self.source}/{name}".split("/"))
            self.put(*f"{os.path.basename(target)}/site{self.site}/{name}".split("/"))
        self.put(os.path.basename(target), "foreign", "file")
        self.put(os.path.basename(target), "site", "foreign")
        self.put(os.path.basename(target), "app.db", "foreign")
        self.run_cairn("restore", "latest", "--target", target, "--delete")
        left = self.files_below(target)
        for gone in (f"files{self.source}/extra", f"site{self.site}/extra", f"site{self.site}/cache/c"):
            self.assertNotIn(gone, left)
        for spared in (f"files{self.source}/x.tmp", f"files{self.source}/cache/c", f"site{self.site}/x.tmp", "foreign/file",
                       "site/foreign", "app.db/foreign", "app.db/app.db"):
            self.assertIn(spared, left)

    def test_delete_in_the_place_where_it_was(self):
        self.fill()
        self.put("site", "a.tmp")
        self.two("--exclude", "*.tmp")
        self.put("site", "img", "more")
        os.remove(self.site + "/index.html")
        report = self.json("restore", "latest:site" + self.site, "--target", self.site, "--delete")
        self.assertEqual(report["removed"], 1)
        self.assertEqual(self.files_below(self.site), {"a.tmp", "index.html", "img/x.png"})
        self.put("site", "img", "more")
        self.put("site", "img", "spared.x")
        report = self.json("restore", f"latest:site{self.site}/img", "--target", self.site + "/img", "--delete", "--exclude",
                           f"/site{self.site}/img/spared.x")
        self.assertEqual((report["removed"], sorted(os.listdir(self.site + "/img"))), (1, ["spared.x", "x.png"]))

    def test_nothing_is_written_into_the_repository(self):
        self.fill()
        os.rename(self.repo, self.path("site-repo"))
        self.repo = self.path("site-repo")
        self.json("backup", self.source, "--set", f"site-repo={self.site}")
        before = self.objects("")
        for delete in ([], ["--delete"]):
            told = self.fails("restore", "latest", "--target", self.dir, *delete, code=3)
            self.assertIn("site-repo: it is the repository: nothing is restored into it", told)
        self.assertEqual(self.objects(""), before)


class Upkeep(ItemsTest):
    def test_a_rewrite_leaves_out_by_paths_of_the_snapshot(self):
        self.fill()
        self.several()
        self.run_cairn("rewrite", "latest", "--exclude", f"/site{self.site}/img", "--exclude", "shop", "--exclude",
                       f"/files{self.site}", "--forget")
        self.assertEqual(self.ls("latest"), ["/files", "/stream", "/app.db", "/site"])
        self.assertEqual(self.ls(f"latest:site{self.site}"), [f"/site{self.site}/index.html"])
        self.run_cairn("check", "--read-data")
        os.makedirs(self.site + "/extra")
        self.run_cairn("restore", "latest:site" + self.site, "--target", self.site, "--delete")
        self.assertEqual(self.files_below(self.site), {"img/x.png", "index.html"}, "what the rewrite left out is spared")
        self.assertFalse(os.path.exists(self.site + "/extra"))
        before = len(self.json("snapshots")["snapshots"])
        self.assertIn("none of its 4 items", self.fails("rewrite", "latest", "--exclude", "*"))
        self.assertEqual(len(self.json("snapshots")["snapshots"]), before)

    def test_copies_have_all_items(self):
        self.fill()
        self.several()
        own, first = self.repo, self.out("latest")
        for name, args in (("one", ["--same-keys-as", own]), ("other", [])):
            self.repo = self.path(name)
            self.run_cairn("init", *args, CAIRN_FROM_PASSWORD="secret")
            self.repo = own
            for copies in (1, 0):
                self.assertEqual(self.json("copy", "--to", self.path(name), CAIRN_TO_PASSWORD="secret")["snapshots_copied"], copies)
            self.repo = self.path(name)
            self.assertEqual([item["name"] for item in self.items()], self.NAMES)
            self.same_tree(first, self.out("latest"))
            self.repo = own

    def test_groups_by_paths_are_of_all_items(self):
        self.fill()
        for _ in range(2):
            self.two()
            self.json("backup", "--set", f"site={self.site}", "--set", f"files={self.source}")  # the same, another order
            self.json("backup", self.source)
        report = self.run_cairn("forget", "--keep-last", "1", "--group-by", "host,paths", "--dry-run").stdout.decode()
        self.assertEqual(report.count("\nkeep "), 2, report)

    def test_damage_is_named_by_paths_of_the_snapshot(self):
        self.fill()
        self.put("site", "noise", data=os.urandom(2_000_000))
        self.two()
        largest = max(self.objects("data"), key=os.path.getsize)
        os.chmod(largest, 0o600)
        with open(largest, "r+b") as file:
            file.seek(os.path.getsize(largest) // 2)
            file.write(bytes(1000))
        path = f"/site{self.site}/noise"
        told = self.run_cairn("check", "--read-data", code=1)
        self.assertIn(f":{path}", (told.stdout + told.stderr).decode())
        told = self.run_cairn("restore", "latest", "--target", self.path("out"), code=3).stderr.decode()
        self.assertIn(f" {path}: ", told)
        self.run_cairn("repair", "packs", code=None)
        told = self.run_cairn("repair", "snapshots", code=None)
        self.assertIn(f":{path}", (told.stdout + told.stderr).decode())
        repaired, = [one["id"] for one in self.json("snapshots")["snapshots"] if one["original"]]  # it has the time of the other
        self.run_cairn("check", "--read-data", repaired)
        self.assertEqual(self.ls(repaired), ["/files", "/site"])
        self.assertNotIn(path, self.ls(repaired, "-R"))

    def test_stats_count_all_items(self):
        self.fill()
        made = self.several()
        self.assertEqual(self.json("stats", "latest")["restore_files"], made["files"])


if __name__ == "__main__":
    unittest.main()
