"""Backups of other programs: recognised by what is in them, verified, stored once, and back byte for byte."""
import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
import unittest
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cairn_testing import BIN, CairnTest
from postgres_testing import Missing, Server

PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
           "zst": lambda data: subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout}
PG_END = b"--\n-- PostgreSQL database dump complete\n--\n\n"


def pg_text(rows=200, seed=1):
    """What pg_dump would have written, without a server."""
    dice = random.Random(seed)
    lines = [b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n\nCREATE TABLE t (a int, b text);\n\n"
             b"COPY t (a, b) FROM stdin;\n"]
    lines += [b"%d\t%s\n" % (row, dice.randbytes(40).hex().encode()) for row in range(rows)]
    return b"".join(lines) + b"\\.\n\n" + PG_END


def mysql_text():
    return (b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: localhost    Database: shop\n\n"
            b"/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1),(2);\n"
            b"-- Dump completed on 2026-01-02  3:04:05\n")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def make_database(path, rows=500, page_size=4096):
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA page_size = {page_size}")
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
        dice = random.Random(rows)
        database.executemany("INSERT INTO t VALUES (NULL, ?)", [(dice.randbytes(50).hex(),) for _ in range(rows)])
        database.commit()
    return read(path)


def sqlite_text(path):
    return subprocess.run(["sqlite3", path, ".dump"], capture_output=True, check=True).stdout


def make_zip(path, database, covers, metadata=None, checksum="before"):
    """As the systems make them: all, then metadata.json at the end, whose MD5 is of the zip before."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("database/app.db", database)
        for name, data in covers.items():
            archive.writestr(f"covers/{name}", data)
        archive.writestr("config/settings.json", b'{"a": 1}')
    md5 = hashlib.md5(read(path)).hexdigest()
    metadata = dict({"backup_id": "b1", "created_at": "2026-02-03T04:05:06.789012", "description": "nightly",
                     "includes": ["database", "covers", "config"], "file_size": os.path.getsize(path),
                     "checksum": md5 if checksum == "before" else checksum, "version": "1.0"}, **(metadata or {}))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))


class ImportTest(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        os.makedirs(self.source)

    def env(self, password="secret", **more):
        return dict(super().env(password, **more), TZ=more.get("TZ", "UTC"), TMPDIR=self.dir)

    def bring(self, *args, code=0, **kwargs):
        """The objects of each backup by the name of its file, and the summary."""
        args = args or (self.source,)
        out = self.run_cairn("import", *args, "--json", code=code, **kwargs).stdout.decode()
        objects = [json.loads(line) for line in out.splitlines()]
        backups = [one for one in objects if one["message_type"] == "backup"]
        return {os.path.relpath(one["path"], self.source): one for one in backups}, objects[-1]

    def snapshots(self):
        return self.json("snapshots")["snapshots"]

    def dump(self, snapshot, path):
        done = self.run_cairn("dump", f"{snapshot}:{path}", code=None)
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))
        return done.stdout

    def refused(self, name, *words):
        """No snapshot, and why; the originals are as they were."""
        before = self.listing()
        backups, summary = self.bring(code=3)
        self.assertEqual(backups[name]["state"], "refused")
        for word in words:
            self.assertIn(word, backups[name]["error"])
        self.assertNotIn(name, [os.path.basename(one["description"].split()[-1]) for one in self.snapshots()])
        verified, _ = self.bring(self.source, "--verify-only", code=3)
        self.assertEqual(verified[name]["state"], "refused", "imported is refused what verified is not")
        self.assertEqual(self.listing(), before)
        return summary

    def listing(self):
        found = {}
        for root, _, names in os.walk(self.source):
            for name in names:
                path = os.path.join(root, name)
                found[path] = (hashlib.sha256(read(path)).hexdigest(), os.stat(path).st_mtime_ns)
        return found


class Kinds(ImportTest):
    def test_text_of_every_program_in_every_compression(self):
        make_database(self.path("for-dump.db"))
        texts = {"pg": pg_text(), "mysql": mysql_text(), "lite": sqlite_text(self.path("for-dump.db")),
                 "all": pg_text().replace(b"-- PostgreSQL database dump", b"-- PostgreSQL database cluster dump"),
                 "hand": b"-- the schema\nCREATE TABLE a (\n  x int\n);\n"}
        formats = {"pg": "pg_dump", "mysql": "mysqldump", "lite": "sqlite3 .dump", "all": "pg_dumpall", "hand": "SQL"}
        names = {"": "", "gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}
        for kind, text in texts.items():
            self.write(f"{kind}_20260102_030405.sql", text)
            for ending, pack in PACKERS.items():
                self.write(f"{kind}_20260102_030405.sql.{ending}", pack(text))
        before = self.listing()
        dry, summary = self.bring(self.source, "-n")
        self.assertEqual((summary["would_import"], len(self.snapshots())), (25, 0))
        backups, summary = self.bring()
        self.assertEqual((summary["imported"], summary["refused"]), (25, 0))
        self.assertEqual(self.listing(), before)
        for name, backup in backups.items():
            kind, ending = name.split("_")[0], name.split(".sql")[1].lstrip(".")
            self.assertEqual(backup["format"], ", ".join(filter(None, (formats[kind], names[ending]))))
            self.assertEqual(dry[name]["format"], backup["format"])
            self.assertEqual(self.dump(backup["id"], f"{kind}.sql"), texts[kind], name)
        for snapshot in self.snapshots():
            self.assertEqual(snapshot["time"], "2026-01-02T03:04:05.000000000Z")
            self.assertRegex(snapshot["description"], r"imported from \w+_20260102_030405\.sql")
            self.assertEqual(len(snapshot["paths"]), 1)
        self.assertEqual({one["paths"][0] for one in self.snapshots()}, {f"{self.source}/{kind}.sql" for kind in texts})

    def test_wrong_names_do_not_matter(self):
        data = make_database(self.path("a.db"))
        self.write("really-text.sql.gz", pg_text())
        self.write("really-gzip.sql", gzip.compress(pg_text()))
        self.write("database.txt", data)
        self.write("database.sql", gzip.compress(data))
        self.write("archive.db", self.tar({"x": b"y"}))
        make_zip(self.path("z"), data, {})
        self.write("zipped.bak", read(self.path("z")))
        formats = {name: backup["format"] for name, backup in self.bring()[0].items()}
        self.assertEqual(formats, {"really-text.sql.gz": "pg_dump", "really-gzip.sql": "pg_dump, gzip",
                                   "database.txt": "SQLite", "database.sql": "SQLite, gzip", "archive.db": "tar",
                                   "zipped.bak": "zip"})

    def test_what_is_no_backup_is_named_and_left_out(self):
        for number in range(25):
            self.write(f"notes{number:02}.txt", b"nothing of interest; really.\n")
        self.write("empty.sql", b"")
        self.write("image.png", b"\x89PNG\r\n" + bytes(500))
        self.write("packed.gz", gzip.compress(b"nothing of interest"))
        with zipfile.ZipFile(self.write("other.zip", b""), "w") as archive:
            archive.writestr("word/document.xml", b"<x/>")
        self.write("real.sql", pg_text())
        backups, summary = self.bring()
        self.assertEqual((summary["imported"], summary["not_recognised"], summary["refused"]), (1, 29, 0))
        self.assertEqual(len(backups), 21, "a note each up to a limit")
        self.bring(os.path.join(self.source, "notes00.txt"), code=3)  # what is named must be one

    @staticmethod
    def tar(files, mode="w", extra=()):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode = len(data), 1_700_000_000, 0o640
                archive.addfile(info, io.BytesIO(data))
            for info in extra:
                archive.addfile(info)
        return out.getvalue()

    def test_tar_archives(self):
        files = {"site/a.txt": b"one", "site/sub/é.bin": bytes(range(256)) * 5000, "top": b""}
        for name, mode in (("site_20260101.tar", "w"), ("site_20260102.tar.gz", "w:gz"), ("site_20260103.txz", "w:xz")):
            self.write(name, self.tar(files, mode))
        self.write("site_20260104.tar.zst", PACKERS["zst"](self.tar(files)))
        backups, summary = self.bring()
        self.assertEqual(summary["imported"], 4)
        self.assertEqual({one["series"] for one in backups.values()}, {f"{self.source}/site.tar"})
        for number, backup in enumerate(backups.values()):
            target = self.path(f"out{number}")
            self.run_cairn("restore", backup["id"], "--target", target)
            for name, data in files.items():
                self.assertEqual(read(os.path.join(target, name)), data)
            self.assertEqual(os.stat(os.path.join(target, "site/a.txt")).st_mode & 0o7777, 0o640)

    def test_names_in_archives_are_names_only(self):
        outside = self.path("outside")
        os.makedirs(outside)
        link = tarfile.TarInfo("in/link")
        link.type, link.linkname = tarfile.SYMTYPE, outside
        hard = tarfile.TarInfo("hard")
        hard.type, hard.linkname = tarfile.LNKTYPE, "in/real"
        device = tarfile.TarInfo("in/null")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
        through = tarfile.TarInfo("in/link/evil")
        files = {f"../../../..{outside}/a": b"1", f"{outside}/b": b"2", "in/real": b"3"}
        self.write("bad_20260101.tar", self.tar(files, extra=(link, hard, device, through)))
        backup = self.bring()[0]["bad_20260101.tar"]
        self.assertEqual(backup["state"], "imported")
        self.assertTrue(any("is kept at" in note for note in backup["notes"]), backup["notes"])
        self.assertEqual(os.listdir(outside), [])
        listed = self.run_cairn("ls", "-R", backup["id"]).stdout.decode().splitlines()
        self.assertIn("/" + outside.lstrip("/") + "/a", listed)
        self.assertIn("/" + outside.lstrip("/") + "/b", listed)
        self.assertEqual(self.dump(backup["id"], "hard"), b"3")
        self.run_cairn("restore", backup["id"], "--target", self.path("out"), code=None)
        self.assertEqual(os.listdir(outside), [], "restored through a link")

    def test_zips_with_metadata(self):
        data = make_database(self.path("a.db"))
        covers = {"1.jpg": random.Random(1).randbytes(30_000), "deep/2.jpg": b"x"}
        path = self.write("backup_20260101_000000.zip", b"")
        make_zip(path, data, covers)
        backup = self.bring()[0]["backup_20260101_000000.zip"]
        snapshot, = self.snapshots()
        self.assertEqual(snapshot["time"], "2026-02-03T04:05:06.000000000Z")
        self.assertEqual((snapshot["description"], backup["time_from"]), ("nightly", "metadata"))
        self.assertEqual({one["name"]: one["kind"] for one in snapshot["items"]},
                         {"database": "sqlite", "covers": "files", "config": "files", "metadata": "files"})
        self.assertEqual(snapshot["paths"], [f"{self.source}/backup.zip"])
        target = self.path("out")
        self.run_cairn("restore", "latest", "--target", target)
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                there = os.path.join(target, name if "/" in name else "metadata/" + name)
                self.assertEqual(read(there), archive.read(name), name)

    def test_zips_of_one_series_may_have_other_folders(self):
        data = make_database(self.path("a.db"))
        times = {"backup_1.zip": "2026-02-01T00:30:00.5+02:00", "backup_20260202.zip": "2026-02-02T03:04:05Z",
                 "backup_20260203.zip": 1770087845.25, "backup_20260204.zip": "when it was"}
        for number, (name, created_at) in enumerate(times.items()):
            covers = {"x": b"y"} if number % 2 else {}
            make_zip(self.write(name, b""), data, covers, {"created_at": created_at})
        backups = self.bring(self.source, "--zone", "Asia/Tokyo")[0]
        self.assertEqual({name: one["time"][:19] for name, one in backups.items()},
                         {"backup_1.zip": "2026-01-31T22:30:00", "backup_20260202.zip": "2026-02-02T03:04:05",
                          "backup_20260203.zip": "2026-02-03T03:04:05", "backup_20260204.zip": "2026-02-03T15:00:00"})
        self.assertIn("no time", backups["backup_20260204.zip"]["notes"][0])
        self.run_cairn("forget", "--keep-last", "1")
        self.assertEqual(sorted(path for one in self.snapshots() for path in one["paths"]),
                         [f"{self.source}/backup.zip", f"{self.source}/backup_1.zip"])

    def test_the_checksum_of_a_zip(self):
        data = make_database(self.path("a.db"))
        for name, checksum in (("before", "before"), ("none", ""), ("database", hashlib.md5(data).hexdigest())):
            make_zip(self.write(f"{name}.zip", b""), data, {"x": b"y"}, checksum=checksum)
        self.assertEqual(self.bring()[1]["imported"], 3)
        make_zip(self.write("wrong.zip", b""), data, {"x": b"y"}, checksum="0" * 32)
        self.refused("wrong.zip", "MD5")

    def test_sqlite_databases(self):
        for size in (512, 4096, 65536):
            data = make_database(self.path(f"{size}.db"), page_size=size)
            self.write(f"app{size}_20260101.db", data)
            self.write(f"app{size}_20260102.db.gz", gzip.compress(data))
        backups, summary = self.bring()
        self.assertEqual(summary["imported"], 6)
        for name, backup in backups.items():
            size = name[3:].split("_")[0]
            self.assertEqual(self.dump(backup["id"], f"app{size}.db"), read(self.path(f"{size}.db")))
        self.assertEqual({one["items"][0]["kind"] for one in self.snapshots()}, {"sqlite"})
        self.assertEqual(sorted(os.listdir(self.source)), sorted(backups), "something was made beside the originals")

    def test_a_log_beside_a_database_is_a_part_of_it(self):
        live = self.path("live.db")
        database = sqlite3.connect(live)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES ('in the log')")
        database.commit()
        folder = os.path.join(self.source, "20260105")
        os.makedirs(folder)
        for ending in ("", "-wal", "-shm"):
            shutil.copy(live + ending, folder + "/shop.db" + ending)
        database.close()
        before = self.listing()
        backups, summary = self.bring()
        self.assertEqual((summary["imported"], summary["not_recognised"]), (1, 0))
        self.assertEqual(self.listing(), before)
        with open(self.path("back.db"), "wb") as file:
            file.write(self.dump("latest", "shop.db"))
        with contextlib.closing(sqlite3.connect(self.path("back.db"))) as back:
            self.assertEqual(back.execute("SELECT x FROM t").fetchall(), [("in the log",)])
        self.assertEqual(self.bring()[1]["known"], 1)
        leftovers = [name for name in os.listdir(self.dir) if name.startswith("cairn-import")]
        self.assertEqual(leftovers, [])


class Times(ImportTest):
    def time_of(self, name, *args, **kwargs):
        for old in os.listdir(self.source):
            os.remove(os.path.join(self.source, old))
        path = self.write(name, pg_text(seed=name))
        os.utime(path, (1_600_000_000, 1_600_000_000))
        backup = self.bring(self.source, "-n", *args, **kwargs)[0][name]
        return backup["time"].removesuffix(".000000000Z"), os.path.basename(backup["series"])

    def test_names_tell_the_time(self):
        for name, expected in {
                "shop_20260102_030405.sql.gz": ("2026-01-02T03:04:05", "shop.sql"),
                "shop_2026-01-02T03-04-05.sql": ("2026-01-02T03:04:05", "shop.sql"),
                "shop-2026-01-02T03-04-05-123Z.sql": ("2026-01-02T03:04:05", "shop.sql"),
                "shop_2026-01-02T03:04:05.123456Z.sql": ("2026-01-02T03:04:05", "shop.sql"),
                "shop_2026-01-02T03:04:05.1Z.sql": ("2026-01-02T03:04:05", "shop.sql"),
                "shop_2026-01-02T03:04:05+02:00.sql": ("2026-01-02T01:04:05", "shop.sql"),
                "shop_2026-01-02T03-04-05-0800.sql": ("2026-01-02T11:04:05", "shop.sql"),
                "shop_2026-01-02T03:04:05.123456789+0530.sql": ("2026-01-01T21:34:05", "shop.sql"),
                "shop_20260102_030405_UTC.sql": ("2026-01-02T03:04:05", "shop.sql"),
                "shop_20260102_030405-2.sql": ("2026-01-02T03:04:05", "shop-2.sql"),
                "20260102.sql": ("2026-01-02T00:00:00", "backup.sql"),
                "20260102030405_shop.dump.zst": ("2026-01-02T03:04:05", "shop.dump"),
                "shop.2026-01-02.sql.xz": ("2026-01-02T00:00:00", "shop.sql"),
                "shop_20261399.sql": ("2020-09-13T12:26:40", "shop_20261399.sql"),
                "shop_1234567890.sql": ("2020-09-13T12:26:40", "shop_1234567890.sql"),
                "shop.sql": ("2020-09-13T12:26:40", "shop.sql")}.items():
            with self.subTest(name=name):
                self.assertEqual(self.time_of(name), expected)

    def test_zones(self):
        name = "shop_20260702_030405.sql"
        self.assertEqual(self.time_of(name, "--zone", "Europe/Berlin")[0], "2026-07-02T01:04:05")
        self.assertEqual(self.time_of("shop_20260102_030405.sql", "--zone", "Europe/Berlin")[0], "2026-01-02T02:04:05")
        self.assertEqual(self.time_of(name, "--zone", "+05:30")[0], "2026-07-01T21:34:05")
        self.assertEqual(self.time_of(name, TZ="Asia/Tokyo")[0], "2026-07-01T18:04:05")
        self.assertEqual(self.time_of("x_2026-07-02T03-04-05Z.sql", "--zone", "Asia/Tokyo")[0], "2026-07-02T03:04:05")
        self.assertEqual(self.time_of("x_20260702_030405_UTC.sql", "--zone", "Asia/Tokyo")[0], "2026-07-02T03:04:05")
        for zone in ("Mars/Base", "../etc/passwd", "+99", ""):
            self.run_cairn("import", self.source, "--zone", zone, code=2)

    def test_a_snapshot_keeps_the_offset_of_its_time(self):
        self.write("summer_20260702_030405.sql", pg_text(seed=1))
        self.write("winter_20260102_030405.sql", pg_text(seed=2))
        self.bring(self.source, "--zone", "Europe/Berlin")
        shown = self.run_cairn("forget", "--keep-last", "1", "-n").stdout.decode()
        self.assertIn("2026-01-02 03:04:05", shown)
        self.assertIn("2026-07-02 03:04:05", shown)

    def test_a_second_run_in_another_zone_imports_nothing(self):
        self.write("shop_20260702_030405.sql", pg_text())
        self.bring(self.source, "--zone", "UTC")
        self.assertEqual(self.bring(self.source, "--zone", "Asia/Tokyo", "--rehash")[1]["known"], 1)


class Damage(ImportTest):
    def test_truncated_text(self):
        texts = {"pg_dump": pg_text(), "mysql": mysql_text(), "hand": b"CREATE TABLE a (x int);\nINSERT INTO a VALUES\n",
                 "all": pg_text().replace(b"-- PostgreSQL database dump", b"-- PostgreSQL database cluster dump"),
                 "lite": b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (x);\nCOMMIT;\n"}
        for name, text in texts.items():
            with self.subTest(kind=name):
                cut = text[:-len(b"-- Dump completed on 2026-01-02  3:04:05\n")] if name == "mysql" else text[:-60]
                if name == "hand":
                    cut = text
                if name == "lite":
                    cut = text[:-9]
                path = self.write(f"{name}.sql", cut)
                self.write("good.sql", pg_text(seed=name))
                self.refused(f"{name}.sql", "cut short")
                os.remove(path)
        self.assertEqual(len(self.snapshots()), len(texts), "the others go on")

    def test_rolled_back(self):
        self.write("lite.sql", b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nROLLBACK; -- due to errors\n")
        self.refused("lite.sql", "errors")

    def test_truncated_and_changed_compression(self):
        text = pg_text(rows=20_000)
        for ending, pack in PACKERS.items():
            packed = pack(text)
            middle = len(packed) // 2
            for what, data in (("half", packed[:middle]), ("end", packed[:-6]), ("start", packed[:40]),
                               ("flip", packed[:middle] + bytes([packed[middle] ^ 0x55]) + packed[middle + 1:])):
                with self.subTest(packer=ending, what=what):
                    name = f"shop.sql.{ending}"
                    path = self.write(name, data)
                    self.refused(name)
                    os.remove(path)
        data = bytearray(gzip.compress(text))
        data[-5] ^= 1  # of its length
        self.write("shop.sql.gz", bytes(data))
        self.refused("shop.sql.gz", "gzip")
        data[-5] ^= 1
        data[-8] ^= 1  # of its checksum
        self.write("shop.sql.gz", bytes(data))
        self.refused("shop.sql.gz", "gzip")
        self.write("shop.sql.gz", gzip.compress(text) + b"more")
        self.refused("shop.sql.gz", "behind the end")
        self.write("shop.sql.gz", gzip.compress(text[:500]) + gzip.compress(text[500:]) + bytes(512))
        self.assertEqual(self.dump(self.bring()[0]["shop.sql.gz"]["id"], "shop.sql"), text)

    def test_databases(self):
        data = make_database(self.path("a.db"), rows=5000)
        page = data[4096 * 3:4096 * 4]
        for what, bad in (("cut", data[:len(data) // 2]), ("cut at a page", data[:4096 * 5]),
                          ("odd", data[:-100]), ("head", data[:60]),
                          ("page", data.replace(page, random.Random(1).randbytes(4096)))):
            for pack in (bytes, gzip.compress):
                with self.subTest(what=what):
                    path = self.write("app.db", pack(bad))
                    self.refused("app.db")
                    os.remove(path)

    def test_archives(self):
        whole = Kinds.tar({"a": bytes(3000), "b": random.Random(1).randbytes(100_000)})
        good = self.path("good.zip")
        make_zip(good, make_database(self.path("a.db")), {"x": random.Random(2).randbytes(9000)}, checksum="")
        zipped = read(good)
        place = zipped.index(b"covers/x") + 5000
        broken_db = self.path("broken.zip")
        make_zip(broken_db, make_database(self.path("b.db"), rows=3000)[:40_960], {}, checksum="")
        for name, bad in (("cut.tar", whole[:60_000]), ("end.tar", whole[:512 + 3072 + 512 + 100_352]),
                          ("cut.tar.gz", gzip.compress(whole)[:-500]), ("cut.zip", zipped[:-100]),
                          ("half.zip", zipped[:len(zipped) // 2]),
                          ("flip.zip", zipped[:place] + bytes([zipped[place] ^ 1]) + zipped[place + 1:]),
                          ("database.zip", read(broken_db))):
            with self.subTest(name=name):
                path = self.write(name, bad)
                self.refused(name)
                os.remove(path)

    def test_entries_that_no_snapshot_can_hold(self):
        def entry(kind=tarfile.PAX_FORMAT, **fields):
            info = tarfile.TarInfo("in/odd")
            for name, value in fields.items():
                setattr(info, name, value)
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
                archive.addfile(info)
            return out.getvalue()
        for name, data, word in (
                ("uid.tar", entry(uid=12_345_678_901), "uid"), ("gid.tar", entry(gid=1 << 32, kind=tarfile.GNU_FORMAT), "gid"),
                ("empty.tar", entry(type=tarfile.SYMTYPE, linkname=""), "target is empty"),
                ("long.tar", entry(type=tarfile.SYMTYPE, linkname="t" * 5000), "5000 bytes"),
                ("uname.tar", entry(uname="u" * 30_000), "30000 bytes")):
            with self.subTest(name=name):
                path = self.write(name, data)
                self.refused(name, "in/odd", word)
                os.remove(path)
        self.write("fits.tar", entry(uid=(1 << 32) - 1, type=tarfile.SYMTYPE, linkname="t" * 4096))
        self.assertEqual(self.bring()[1]["imported"], 1)
        self.run_cairn("ls", "-R", "latest")

    def test_what_follows_the_end_of_an_archive(self):
        """libarchive takes the first empty block for the end."""
        whole = Kinds.tar({f"f{i}": bytes([i]) * 5000 for i in range(5)})
        header = 2 * (512 + 5120)
        self.write("zeroed.tar", whole[:header] + bytes(512) + whole[header + 512:])
        self.refused("zeroed.tar", "follow the archive's end")

    def test_later_streams_of_bzip2(self):
        lines = [b"INSERT INTO t VALUES (%d, '%032x');\n" % (i, i * 7919) for i in range(3000)]
        parts = [bz2.compress(b"".join(lines[i:i + 1000])) for i in (0, 1000, 2000)]
        whole = b"".join(parts)
        first = len(parts[0])
        self.write("magic.sql.bz2", whole[:first] + bytes([whole[first] ^ 1]) + whole[first + 1:])
        self.write("cut.sql.bz2", whole[:first + 3])
        self.write("whole.sql.bz2", whole)
        self.refused("magic.sql.bz2")
        backups, _ = self.bring(code=3)
        self.assertEqual(backups["cut.sql.bz2"]["state"], "refused")
        self.assertEqual(self.dump("latest", "whole.sql"), b"".join(lines))

    def test_damaged_log_beside_a_database(self):
        live = sqlite3.connect(self.path("live.db"), isolation_level=None)
        live.execute("PRAGMA journal_mode = wal")
        live.execute("PRAGMA wal_autocheckpoint = 0")
        live.execute("CREATE TABLE t (x)")
        live.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for _ in range(200):
            live.execute("INSERT INTO t VALUES (?)", ("x" * 300,))
        database, log = read(self.path("live.db")), read(self.path("live.db-wal"))
        live.close()
        for name, damaged in (("header", log[:24] + bytes([log[24] ^ 1]) + log[25:]),
                              ("frame", log[:156] + bytes([log[156] ^ 1]) + log[157:]), ("cut", log[:len(log) // 2 + 100])):
            self.write(f"{name}.db", database)
            self.write(f"{name}.db-wal", damaged)
            self.refused(f"{name}.db", "-wal")
            for file in os.listdir(self.source):
                os.unlink(os.path.join(self.source, file))

    def test_two_entries_of_one_place_in_a_zip(self):
        for name, entries in (("twice.zip", ("database/a", "database/a")), ("moved.zip", ("d/../e", "e"))):
            with zipfile.ZipFile(os.path.join(self.source, name), "w") as archive:
                archive.writestr("metadata.json", json.dumps({"backup_id": "1", "created_at": "2026-01-02T03:04:05Z",
                                                              "includes": ["database"], "version": "1"}))
                for number, entry in enumerate(entries):
                    archive.writestr(entry, f"number {number}")
            self.refused(name)
            os.unlink(os.path.join(self.source, name))

    def test_a_bomb_is_refused_until_it_is_allowed(self):
        bomb = io.BytesIO()
        with gzip.open(bomb, "wb") as file:
            file.write(b"CREATE TABLE t (x);\n")
            for _ in range(300):
                file.write(b"-" * (1 << 20) + b"\n")
        self.write("bomb.sql.gz", bomb.getvalue())
        self.refused("bomb.sql.gz", "--max-ratio")
        with zipfile.ZipFile(self.write("bomb.zip", b""), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("covers/zeros", bytes(200 << 20))
            archive.writestr("metadata.json", '{"backup_id": "x"}')
        os.remove(os.path.join(self.source, "bomb.sql.gz"))
        self.refused("bomb.zip", "--max-ratio")
        self.assertEqual(self.bring(self.source, "--max-ratio", "2000")[1]["imported"], 1)


    def test_holes_of_an_archive_count_too(self):
        hole = self.path("hole")
        with open(hole, "wb") as file:
            file.truncate(20 << 30)
        subprocess.run(["tar", "-cSf", os.path.join(self.source, "hole_20260101.tar"), "-C", self.dir, "hole"], check=True)
        self.refused("hole_20260101.tar", "--max-ratio")

    def test_holes_of_an_archive_come_back(self):
        wanted = {"middle": b"begin" + bytes(3 << 20) + b"end", "end": b"begin" + bytes(3 << 20), "all": bytes(2 << 20),
                  "after": b"what follows"}
        for name, data in wanted.items():
            with open(self.path(name), "wb") as file:
                file.truncate(len(data))
                for place in (0, len(data) - 12):
                    if any(data[place:place + 12]):
                        os.pwrite(file.fileno(), data[place:place + 12], place)
        for kind in ("gnu", "pax"):
            archive = self.write(f"{kind}_20260101.tar", b"")
            subprocess.run(["tar", f"--format={kind}", "-cSf", archive, "-C", self.dir, *wanted], check=True)
            self.assertLess(os.path.getsize(archive), 1 << 20)
            backup = self.bring(archive)[0][f"{kind}_20260101.tar"]
            for name, data in wanted.items():
                self.assertEqual(self.dump(backup["id"], name), data, (kind, name))

    def test_what_sqlite_knows_nothing_of_is_said(self):
        path = self.write("app.db", b"")
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.create_collation("ours", lambda a, b: (a > b) - (a < b))
            database.execute("CREATE TABLE t (x TEXT COLLATE ours UNIQUE)")
            database.execute("INSERT INTO t VALUES ('a')")
            database.commit()
        backup = self.bring()[0]["app.db"]
        self.assertEqual(backup["state"], "imported")
        self.assertEqual(self.dump(backup["id"], "app.db"), read(path))


class Again(ImportTest):
    def fill(self, days=6, rows=20_000):
        for day in range(1, days + 1):
            self.write(f"shop_202601{day:02}_020000.sql.gz", gzip.compress(pg_text(rows, seed=day)))

    def test_a_second_run_imports_nothing(self):
        self.fill()
        self.write("20260101/app.db", make_database(self.path("a.db")))
        make_zip(self.write("backup.zip", b""), make_database(self.path("b.db"), rows=10), {"x": b"y"})
        for root, _, names in os.walk(self.source):
            for name in names:
                os.utime(os.path.join(root, name), (1_700_000_000, 1_700_000_000))
        self.assertEqual(self.bring()[1]["imported"], 8)
        for args in ((), ("--rehash",)):
            backups, summary = self.bring(self.source, *args)
            self.assertEqual((summary["imported"], summary["known"]), (0, 8))
        self.assertEqual(len(self.snapshots()), 8)
        self.assertEqual(self.bring(self.source, "-n")[1]["would_import"], 0)
        self.assertEqual(self.bring(self.source, "--rehash", "--cache-dir", self.path("elsewhere"))[1]["known"], 8)

    def test_equal_content_of_two_series_is_two_backups(self):
        for name in ("a/shop_20260101.sql", "b/shop_20260101.sql", "b/other_20260101.sql", "b/other-20260101.sql",
                     "c/plain.sql", "d/plain.sql"):
            self.write(name, pg_text())
        self.assertEqual(self.bring(self.source, "-n")[1]["would_import"], 6)
        self.assertEqual(self.bring()[1]["imported"], 6)
        self.assertEqual(self.bring(self.source, "--rehash")[1]["known"], 6)
        shown = self.run_cairn("import", self.source, "--rehash", "-v").stdout.decode()
        for snapshot in self.snapshots():
            self.assertIn(snapshot["id"][:8], shown)

    def test_the_same_files_at_another_place_and_time(self):
        self.fill(days=3)
        self.bring()
        moved = self.path("mnt")
        os.makedirs(moved)
        for name in os.listdir(self.source):
            shutil.copyfile(os.path.join(self.source, name), os.path.join(moved, name))
        self.assertEqual(self.bring(moved)[1]["imported"], 3, "another series")
        for name in os.listdir(moved):
            os.rename(os.path.join(moved, name), os.path.join(moved, name.removesuffix(".gz").replace("shop_", "shop-") + ".gz"))
        self.assertEqual(self.bring(moved)[1]["known"], 3)

    def test_the_same_bytes_of_two_days_are_two_backups(self):
        self.write("shop_20260101.sql", pg_text())
        self.write("shop_20260102.sql", pg_text())
        self.assertEqual(self.bring()[1]["imported"], 2)
        self.assertEqual(self.bring()[1]["known"], 2)

    def test_a_file_that_changed_in_place_is_another(self):
        path = self.write("shop.sql", pg_text(seed=1))
        self.bring()
        with open(path, "wb") as file:
            file.write(pg_text(seed=2))  # as long, and perhaps in the same tick
        self.assertEqual(self.bring()[1]["imported"], 1)

    def test_what_path_size_and_time_know_is_not_read_again(self):
        path = self.write("shop.sql", pg_text(seed=1))
        os.utime(path, (1_700_000_000, 1_700_000_000))
        self.bring()
        with open(path, "wb") as file:
            file.write(pg_text(seed=2))
        os.utime(path, (1_700_000_000, 1_700_000_000))
        self.assertEqual(self.bring()[1]["known"], 1)
        self.assertEqual(self.bring(self.source, "--rehash")[1]["imported"], 1)

    def test_oldest_first_and_one_series(self):
        self.fill(days=5)
        out = self.run_cairn("import", self.source, "--json").stdout.decode().splitlines()
        times = [one["time"] for one in map(json.loads, out) if one.get("state") == "imported"]
        self.assertEqual(times, sorted(times))
        self.assertEqual(len(times), 5)
        self.run_cairn("forget", "--keep-last", "2")
        self.assertEqual([one["time"][:10] for one in self.snapshots()], ["2026-01-04", "2026-01-05"])

    def test_killed_and_run_again(self):
        for signal_sent in (signal.SIGKILL, signal.SIGINT):
            with self.subTest(signal=signal_sent):
                shutil.rmtree(self.source)
                shutil.rmtree(self.repo)
                self.init()
                self.fill(days=8, rows=60_000)
                process = subprocess.Popen([BIN, "import", self.source], env=self.env(), stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                deadline = time.time() + 60
                while time.time() < deadline and len(self.objects("snapshots")) < 3 and process.poll() is None:
                    time.sleep(0.005)
                process.send_signal(signal_sent)
                code = process.wait()
                self.assertEqual(code, 130 if signal_sent == signal.SIGINT else -9, "it had ended, or failed")
                done = len(self.snapshots())
                self.assertGreaterEqual(done, 3)
                summary = self.bring()[1]
                self.assertEqual((summary["imported"], summary["known"]), (8 - done, done))
                self.assertEqual(self.json("check", "--read-data")["damages"], 0)
                times = [one["time"][:10] for one in self.snapshots()]
                self.assertEqual(times, [f"2026-01-{day:02}" for day in range(1, 9)])

    def test_tags_and_host(self):
        self.fill(days=1, rows=10)
        self.bring(self.source, "--host", "old-nas", "--tag", "old,shop")
        snapshot, = self.snapshots()
        self.assertEqual((snapshot["host"], snapshot["tags"]), ("old-nas", ["old", "shop"]))

    def test_a_key_that_cannot_list_is_told(self):
        self.fill(days=1, rows=10)
        self.run_cairn("key", "add", "--role", "writer", CAIRN_NEW_PASSWORD="w")
        done = self.run_cairn("import", self.source, password="w", code=1)
        self.assertIn(b"cannot open", done.stderr)

    def test_verification_needs_no_repository(self):
        self.fill(days=1, rows=10)
        shutil.rmtree(self.repo)
        self.assertEqual(self.bring(self.source, "--verify-only")[1]["verified"], 1)
        self.assertFalse(os.path.exists(self.repo))


class Series(ImportTest):
    """Daily backups that grow and change a little are stored once."""
    DAYS = 20

    @staticmethod
    def grow(rows, dice, row):
        rows += [row() for _ in range(len(rows) // 100)]
        for _ in range(max(1, len(rows) // 5000)):
            rows[dice.randrange(len(rows))] = row()

    def stored(self):
        return sum(os.path.getsize(path) for path in self.objects("data", "meta", "index", "snapshots"))

    def test_sql_that_is_compressed(self):
        dice = random.Random(7)
        row = lambda: b"%d\t%s\t%s\n" % (dice.randrange(10**9), dice.randbytes(30).hex().encode(), dice.randbytes(8).hex().encode())
        rows = [row() for _ in range(35_000)]
        texts = {}
        for day in range(1, self.DAYS + 1):
            text = b"--\n-- PostgreSQL database dump\n--\n\nCOPY t FROM stdin;\n" + b"".join(rows) + b"\\.\n" + PG_END
            texts[f"shop_202601{day:02}_020000.sql.gz"] = text
            self.write(f"shop_202601{day:02}_020000.sql.gz", gzip.compress(text, 6))
            self.grow(rows, dice, row)
        backups, summary = self.bring()
        self.assertEqual(summary["imported"], self.DAYS)
        share = self.stored() / sum(map(len, texts.values()))
        print(f"sql.gz: {share:.3f} of their bytes")
        self.assertLess(share, 0.15)
        for name, text in texts.items():
            self.assertEqual(self.dump(backups[name]["id"], "shop.sql"), text, name)

    def test_zips_with_databases(self):
        dice = random.Random(8)
        live = self.path("live.db")
        make_database(live, rows=20_000)
        covers = {f"{number}.jpg": dice.randbytes(20_000) for number in range(60)}
        sources = {}
        total = 0
        for day in range(1, self.DAYS + 1):
            data = read(live)
            path = self.write(f"backup_202601{day:02}_020000.zip", b"")
            make_zip(path, data, covers, {"created_at": f"2026-01-{day:02}T02:00:00"})
            sources[os.path.basename(path)] = (data, dict(covers))
            total += len(data) + sum(map(len, covers.values()))
            covers[f"new{day}.jpg"] = dice.randbytes(20_000)
            with contextlib.closing(sqlite3.connect(live)) as database:
                for _ in range(4):
                    database.execute("UPDATE t SET x = ? WHERE id = ?", (dice.randbytes(50).hex(), dice.randrange(20_000)))
                database.executemany("INSERT INTO t VALUES (NULL, ?)", [(dice.randbytes(50).hex(),) for _ in range(200)])
                database.commit()
        backups, summary = self.bring()
        self.assertEqual(summary["imported"], self.DAYS)
        share = self.stored() / total
        print(f"zip: {share:.3f} of their bytes")
        self.assertLess(share, 0.15)
        for name, (data, all_covers) in sources.items():
            self.assertEqual(self.dump(backups[name]["id"], "database/app.db"), data)
            self.assertEqual(self.dump(backups[name]["id"], "covers/7.jpg"), all_covers["7.jpg"])
        self.assertEqual({one["series"] for one in backups.values()}, {f"{self.source}/backup.zip"})

    def test_dated_folders_of_databases(self):
        dice = random.Random(9)
        live = self.path("live.db")
        make_database(live, rows=10_000)
        contents = {}
        for day in range(1, self.DAYS + 1):
            name = f"202601{day:02}/products.db"
            contents[name] = read(live)
            self.write(name, contents[name])
            with contextlib.closing(sqlite3.connect(live)) as database:
                database.execute("UPDATE t SET x = ? WHERE id = ?", (dice.randbytes(50).hex(), dice.randrange(10_000)))
                database.executemany("INSERT INTO t VALUES (NULL, ?)", [(dice.randbytes(50).hex(),) for _ in range(100)])
                database.commit()
        backups, summary = self.bring()
        self.assertEqual(summary["imported"], self.DAYS)
        share = self.stored() / sum(map(len, contents.values()))
        print(f"db: {share:.3f} of their bytes")
        self.assertLess(share, 0.15)
        for name, data in contents.items():
            self.assertEqual(self.dump(backups[name]["id"], "products.db"), data)
        self.assertEqual({one["paths"][0] for one in self.snapshots()}, {f"{self.source}/products.db"})


class Postgres(ImportTest):
    @classmethod
    def setUpClass(cls):
        try:
            cls.server = Server()
        except Missing as missing:
            raise unittest.SkipTest(str(missing))
        cls.addClassCleanup(cls.server.close)
        cls.server.create("shop")
        cls.server.sql("shop", "CREATE TABLE t (id int PRIMARY KEY, x text);"
                               "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 20000) i")

    def pg(self, program, *args):
        return subprocess.run([os.path.join(self.server.bin, program), "-h", self.server.folder, "-U", "postgres", *args],
                              capture_output=True, check=True, env=dict(os.environ, PGPORT=str(self.server.port))).stdout

    def env(self, password="secret", **more):
        return dict(super().env(password, **more), CAIRN_PG_BIN=more.get("CAIRN_PG_BIN", self.server.bin))

    def test_what_real_programs_write(self):
        whole = {"plain.sql": self.pg("pg_dump", "shop"), "custom.dump": self.pg("pg_dump", "-Fc", "shop"),
                 "tarred.dump": self.pg("pg_dump", "-Ft", "shop"), "all.sql": self.pg("pg_dumpall")}
        formats = {"plain.sql": "pg_dump", "custom.dump": "pg_dump custom", "tarred.dump": "pg_dump tar", "all.sql": "pg_dumpall"}
        for name, data in whole.items():
            self.write(name, data)
            self.write("packed-" + name + ".gz", gzip.compress(data))
        self.write("named-wrongly.sql.gz", self.pg("pg_dump", "-Fc", "-s", "shop"))
        backups, summary = self.bring()
        self.assertEqual((summary["imported"], summary["refused"]), (9, 0))
        for name, data in whole.items():
            self.assertEqual(backups[name]["format"], formats[name])
            self.assertEqual(backups[f"packed-{name}.gz"]["format"], formats[name] + ", gzip")
            self.assertEqual(self.dump(backups[name]["id"], name), data)
            self.assertEqual(self.dump(backups[f"packed-{name}.gz"]["id"], "packed-" + name), data)
            self.assertEqual(backups[name]["notes"], [])
        self.assertEqual(backups["named-wrongly.sql.gz"]["format"], "pg_dump custom")

    def test_truncated(self):
        for name, data in (("plain.sql", self.pg("pg_dump", "shop")), ("custom.dump", self.pg("pg_dump", "-Fc", "shop")),
                           ("tarred.dump", self.pg("pg_dump", "-Ft", "shop")), ("all.sql", self.pg("pg_dumpall"))):
            for pack in (bytes, gzip.compress):
                with self.subTest(name=name):
                    path = self.write(name, pack(data[:len(data) * 2 // 3]))
                    self.refused(name)
                    os.remove(path)

    def test_without_pg_restore_it_is_said(self):
        self.write("custom.dump", self.pg("pg_dump", "-Fc", "shop"))
        backup = self.bring(self.source, CAIRN_PG_BIN=self.dir)[0]["custom.dump"]
        self.assertEqual(backup["state"], "imported")
        self.assertIn("no pg_restore", backup["notes"][0])


if __name__ == "__main__":
    unittest.main()
