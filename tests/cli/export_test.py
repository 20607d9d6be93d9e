"""Exports: what others' programs read, whole under its name or not there at all."""
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cairn_testing import BIN, CairnTest, can_mount, is_sanitized
from postgres_testing import ODD_EXTENSIONS, Server, differences, odd_data, plain_env, programs
from sqlite_testing import content

TIME = "2026-11-22T03:11:00Z"
TIME_IN_NAME = "2026-11-22T03-11-00Z"
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"  # of age's own README


def read(path):
    with open(path, "rb") as file:
        return file.read()


class ExportTest(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.out = self.path("out")
        os.mkdir(self.out)

    def env(self, password="secret", **more):
        env = super().env(password, **more)
        return dict({k: v for k, v in env.items() if not k.startswith("PG") or k in more}, LC_ALL="C.UTF-8")

    def export(self, what, form, name, *args, **kwargs):
        """What was made, and what cairn says of it; the checksum beside it is right."""
        path = os.path.join(self.out, name)
        report = self.json("export", what, "--format", form, "--output", path, *args, **kwargs)
        self.assertEqual(report["output"], path)
        self.check_sum(path)
        return path, report

    def check_sum(self, path):
        done = subprocess.run(["sha256sum", "--strict", "-c", os.path.basename(path) + ".sha256"], cwd=os.path.dirname(path),
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    def refuse(self, *args, code=1, left=(), **more):
        """The message; nothing but what was there is left in the folder."""
        done = self.run_cairn("export", *args, code=code, **more)
        self.assertEqual(sorted(os.listdir(self.out)), sorted(left))
        return " ".join(done.stderr.decode().split())

    def piped(self, *args):
        """What an export writes to standard output, where nothing else is."""
        done = subprocess.run([BIN, "export", *args, "--output", "-"], env=self.env(), capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def damage_data(self):
        """Each data pack has wrong bytes in its middle."""
        for path in self.objects("data"):
            os.chmod(path, 0o600)
            data = bytearray(read(path))
            middle = len(data) // 2
            data[middle:middle + 64] = bytes(byte ^ 0x55 for byte in data[middle:middle + 64])
            with open(path, "wb") as file:
                file.write(data)


class Postgres:
    """A server for all tests of a class."""
    VERSION = 15

    @classmethod
    def setUpClass(cls):
        cls.server = Server(version=cls.VERSION, extensions=ODD_EXTENSIONS)
        cls.addClassCleanup(cls.server.close)

    def env(self, password="secret", **more):
        return super().env(password, **dict({"CAIRN_PG_BIN": self.server.bin}, **more))

    def backup_of(self, database, *args):
        address = self.server.uri(database, user="postgres", local=True)
        return self.json("backup", "--postgres", address, "--time", TIME, *args)

    def make(self, name, rows=1000, wide=1):
        self.server.drop(name)
        self.server.create(name)
        self.server.sql(name, f"""
            CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL);
            CREATE TABLE nothing (a int, b text);
            CREATE TABLE no_columns ();
            INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
            CREATE TABLE log (id bigserial PRIMARY KEY, who int REFERENCES account, note text);
            CREATE INDEX ON log (note);
            INSERT INTO account SELECT i, 100 FROM generate_series(1, {rows}) i;
            INSERT INTO log (who, note) SELECT i, repeat(md5(i::text), {wide}) FROM generate_series(1, {rows}) i;""", user="app")
        self.addCleanup(self.server.drop, name)

    def database(self, name, more=""):
        self.server.drop(name)
        self.server.create(name, more=more)
        self.addCleanup(self.server.drop, name)
        return name

    def pg_restore(self, *args, version=None):
        """What it prints; that it complains of nothing."""
        program = os.path.join(programs(version or self.VERSION), "pg_restore")
        done = subprocess.run([program, *args], capture_output=True, env=self.server.env(), cwd="/")
        self.assertEqual((done.returncode, done.stderr), (0, b""), args)
        return done.stdout.decode()


class Odd(Postgres):
    """The odd data set through each form of pg_dump's, on one version."""

    def test_every_odd_thing_comes_back(self):
        odd_data(self.server, "odd")
        self.addCleanup(self.server.drop, "odd")
        self.backup_of("odd")
        made = {}
        for form, level in (("custom", "6"), ("custom", "0"), ("directory", "6"), ("directory", "0"), ("sql", None)):
            with self.subTest(form=form, level=level):
                path, report = self.export("latest", form, f"odd_{form}_{level}", *(["--compress", level] if level else []))
                self.assertEqual(report["notes"], [])
                self.assertGreater(report["tables"], 20)
                made[form, level] = path
        for (form, level), path in made.items():
            with self.subTest(form=form, level=level):
                target = self.database("odd2", "TEMPLATE template0")
                if form == "sql":
                    self.server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, "-f", path)
                else:
                    self.pg_restore("--exit-on-error", "-j2", "-d", target, path)
                found = [line for line in differences(self.server, "odd", self.server, target) if not line.startswith("database")]
                self.assertEqual(found, [])
        created = self.pg_restore("--create", "-f", "-", made["custom", "6"])
        self.assertIn("CREATE DATABASE odd", created)

    def test_a_sequential_reader_needs_no_offsets(self):
        self.make("shop")
        self.backup_of("shop")
        dump = self.piped("latest", "--format", "custom")
        target = self.database("shop2")
        self.server.run("pg_restore", "--exit-on-error", "-d", target, stdin=dump)
        self.assertEqual(differences(self.server, "shop", self.server, target), [])
        # Out of order, and in parallel, it finds the data by reading on.
        with open(self.path("dump"), "wb") as file:
            file.write(dump)
        target = self.database("shop2")
        self.pg_restore("--exit-on-error", "-j2", "-d", target, self.path("dump"))
        self.assertEqual(differences(self.server, "shop", self.server, target), [])

    def test_tables_and_lists(self):
        self.make("shop")
        self.backup_of("shop")
        path, report = self.export("latest", "custom", "shop.dump")
        self.assertEqual(self.piped("latest:", "--compress", "0")[:5], b"PGDMP")
        self.assertEqual((report["tables"], report["rows"]), (4, 2002))
        listed = self.pg_restore("--list", path)
        self.assertIn("TABLE DATA public log app", listed)
        self.assertIn("SEQUENCE SET public log_id_seq app", listed)
        self.assertIn("Archive created at 2026-11-22", listed)
        target = self.database("part")
        self.pg_restore("--exit-on-error", "-t", "account", "-d", target, path)
        self.assertEqual(self.server.sql(target, "SELECT count(*), sum(balance) FROM account"), "1000|100000")
        self.assertEqual(self.server.sql(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "1")

    def test_newer_programs_read_it(self):
        self.make("shop")
        self.backup_of("shop")
        for form in ("custom", "directory"):
            path, _ = self.export("latest", form, "shop_" + form)
            for version in (17, 18):
                with self.subTest(form=form, version=version):
                    text = self.pg_restore("-f", "-", path, version=version)
                    self.assertEqual(text.count("COPY public."), 4)

    def test_parts_of_a_database(self):
        self.make("shop")
        self.server.sql("shop", "SELECT lo_from_bytea(7001, 'large')")
        for number, (options, tables, has_definitions) in enumerate((
                (["--schema-only"], 0, True), (["--data-only"], 4, False), (["--table", "account"], 1, True))):
            with self.subTest(options=options):
                made = self.backup_of("shop", *options)
                for form in ("custom", "sql"):
                    path, report = self.export(made["id"], form, f"{number}_{form}")
                    self.assertEqual(report["tables"], tables)
                    text = read(path).decode() if form == "sql" else self.pg_restore("-f", "-", path)
                    self.assertEqual(text.count("\nCOPY "), tables)
                    self.assertEqual("CREATE TABLE" in text, has_definitions)
        text = read(os.path.join(self.out, "1_sql")).decode()
        target = self.database("shop2")
        definitions = read(os.path.join(self.out, "0_sql"))
        self.server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, "-f", "-", stdin=definitions)
        # Foreign keys are in the way of rows alone, in whatever order, as they are of pg_dump's.
        self.server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, "-f", "-",
                        stdin=b"SET session_replication_role = replica;\n" + text.encode())
        self.assertEqual(differences(self.server, "shop", self.server, target), [])

    def test_many_large_objects(self):
        self.database("objects")
        self.server.sql("objects", """SELECT count(lo_from_bytea(i, convert_to('object ' || i, 'UTF8'))) FROM generate_series(5001, 7600) i;
            SELECT lo_create(99); COMMENT ON LARGE OBJECT 5002 IS E'it''s \\ odd'; GRANT SELECT ON LARGE OBJECT 5003 TO app, PUBLIC;
            ALTER LARGE OBJECT 5004 OWNER TO app; SELECT lo_from_bytea(4294967290, 'high')""")
        self.backup_of("objects")
        for form in ("custom", "directory"):
            with self.subTest(form=form):
                path, _ = self.export("latest", form, "objects_" + form)
                target = self.database("objects2")
                self.pg_restore("--exit-on-error", "-j2", "-d", target, path)
                self.assertEqual(differences(self.server, "objects", self.server, target), [])

    def test_a_database_of_another_encoding(self):
        self.server.sql("postgres", "DROP DATABASE IF EXISTS west")
        self.server.create("west", more="ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
        self.addCleanup(self.server.drop, "west")
        self.server.sql("west", """CREATE TABLE "Größe" ("Straße" text, price money);
            INSERT INTO "Größe" VALUES ('Füße', 1234.5); CREATE SEQUENCE "zähl"; SELECT setval('"zähl"', 7)""")
        self.backup_of("west")
        for form in ("custom", "sql"):
            with self.subTest(form=form):
                path, _ = self.export("latest", form, "west_" + form)
                target = self.database("west2", "ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
                if form == "sql":
                    self.server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, "-f", path)
                else:
                    self.pg_restore("--exit-on-error", "-d", target, path)
                self.assertEqual(differences(self.server, "west", self.server, target), [])


class Odd15(Odd, ExportTest):
    VERSION = 15


class Odd17(Odd, ExportTest):
    VERSION = 17


class Odd18(Odd, ExportTest):
    VERSION = 18


class Shop(Postgres, ExportTest):
    def test_it_is_imported_again_and_little_is_new(self):
        self.make("shop", rows=40_000)
        made = self.backup_of("shop")
        # What is no text is cut large, and shares nothing.
        for form, name, share in (("sql", f"shop_{TIME_IN_NAME}.sql", 0.05), ("custom", f"shop_{TIME_IN_NAME}.dump", 1.1)):
            with self.subTest(form=form):
                path, report = self.export(made["id"], form, name, *(["--compress", "0"] if form == "custom" else []))
                done = self.json("import", path)
                self.assertEqual((done["imported"], done["refused"]), (1, 0), done)
                times = [one["time"] for one in self.json("snapshots")["snapshots"] if "time" in one]
                self.assertTrue(all("2026-11-22" in one for one in times), times)
                print(f"{form}: of {report['bytes']} bytes {done['bytes_stored']} are stored when it is imported; of the backup "
                      f"were {made['bytes_stored']}", file=sys.stderr)
                self.assertLess(done["bytes_stored"], share * made["bytes_stored"])

    def test_the_natural_form_and_name(self):
        self.make("shop")
        self.backup_of("shop")
        self.run_cairn("export", "latest", "--output", self.out)
        self.assertEqual(sorted(os.listdir(self.out)),
                         [f"shop_custom_{TIME_IN_NAME}.dump", f"shop_custom_{TIME_IN_NAME}.dump.sha256"])
        self.check_sum(os.path.join(self.out, f"shop_custom_{TIME_IN_NAME}.dump"))
        self.assertEqual(os.stat(os.path.join(self.out, f"shop_custom_{TIME_IN_NAME}.dump")).st_mode & 0o777, 0o600)

    def test_a_name_that_is_there_is_kept_unless_forced(self):
        self.make("shop")
        self.backup_of("shop")
        for form in ("custom", "directory"):
            with self.subTest(form=form):
                path = os.path.join(self.out, "x")
                with open(path, "wb") as file:
                    file.write(b"precious")
                self.assertIn("--force", self.refuse("latest", "--format", form, "--output", path, left=["x"]))
                self.assertEqual(read(path), b"precious")
                os.unlink(path)
        for form in ("custom", "directory"):
            self.export("latest", form, form)
            self.export("latest", form, form, "--force")
            self.assertIn("TABLE DATA public log", self.pg_restore("--list", os.path.join(self.out, form)))
        self.assertEqual(sorted(os.listdir(self.out)), ["custom", "custom.sha256", "directory", "directory.sha256"])
        # A folder takes the export into it; where that has its name already, only what is all a dump is replaced.
        shutil.rmtree(self.out)
        os.mkdir(self.out)
        self.run_cairn("export", "latest", "--format", "directory", "--output", self.out)
        made = sorted(os.listdir(self.out))
        with open(os.path.join(self.out, made[0], "letter.txt"), "wb") as file:
            file.write(b"precious")
        self.assertIn("not replaced", self.refuse("latest", "--format", "directory", "--output", self.out, "--force", left=made))
        self.assertEqual(read(os.path.join(self.out, made[0], "letter.txt")), b"precious")

    def test_of_folders_only_dumps_are_replaced(self):
        self.make("shop")
        self.backup_of("shop")
        path, _ = self.export("latest", "directory", "x")
        files = [name for name in os.listdir(path) if name != "toc.dat"]
        for odd in ("notes.dat", "blobs_of_mine.toc", "12.dat/letter", "13.dat.zst/letter"):
            with self.subTest(odd=odd):
                os.makedirs(os.path.dirname(os.path.join(path, odd)), exist_ok=True)
                with open(os.path.join(path, odd), "wb") as file:
                    file.write(b"precious")
                message = self.refuse("latest", "--format", "directory", "--output", path, "--force", left=["x", "x.sha256"])
                self.assertIn("not replaced", message)
                self.assertEqual(read(os.path.join(path, odd)), b"precious")
                os.unlink(os.path.join(path, odd))
                if "/" in odd:
                    os.rmdir(os.path.dirname(os.path.join(path, odd)))
        self.export("latest", "directory", "x", "--force")
        self.assertEqual(sorted(name for name in os.listdir(path) if name != "toc.dat"), sorted(files))
        # Nor is a file by a dump.
        with open(os.path.join(self.out, "y"), "wb") as file:
            file.write(b"precious")
        message = self.refuse("latest", "--format", "directory", "--output", os.path.join(self.out, "y"), "--force",
                              left=["x", "x.sha256", "y"])
        self.assertIn("no folder of an export", message)
        self.assertEqual(read(os.path.join(self.out, "y")), b"precious")

    def test_a_dump_that_cannot_be_replaced_stays(self):
        if shutil.which("strace") is None:
            self.skipTest("there is no strace here")
        self.make("shop")
        self.backup_of("shop")
        path, _ = self.export("latest", "directory", "x")

        def replace(*faults):
            # As on a file system where two names cannot change places.
            words = ["strace", "-f", "-o", self.path("trace"), "-e", "trace=rename,renameat2", "-e", "inject=renameat2:error=EINVAL"]
            command = [BIN, "export", "latest", "--format", "directory", "--output", path, "--force"]
            return subprocess.run([*words, *faults, *command], env=self.env(ASAN_OPTIONS="detect_leaks=0"), capture_output=True,
                                  timeout=120)

        self.assertEqual(replace().returncode, 0)
        self.check_sum(path)
        there = os.stat(path).st_ino
        renames = [line for line in read(self.path("trace")).decode().splitlines() if " rename(" in line]
        last_step = [number for number, line in enumerate(renames, 1) if f'/dump", "{path}")' in line][0]
        done = replace("-e", f"inject=rename:error=EIO:when={last_step}")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Input/output error", done.stderr.decode())
        self.assertEqual(sorted(os.listdir(self.out)), ["x", "x.sha256"])
        self.assertEqual(os.stat(path).st_ino, there)
        self.check_sum(path)

    def test_what_others_change_meanwhile_is_told(self):
        self.make("shop")
        self.backup_of("shop")
        os.mkdir(self.path("bin"))
        with open(self.path("bin", "pg_restore"), "w", encoding="ascii") as file:
            # It says that all is well, and has changed a row.
            file.write(f"""#!{sys.executable}
import glob, os, sys
if sys.argv[1] == "--version":
    sys.exit(print("pg_restore (PostgreSQL) 18.1"))
for path in glob.glob(sys.argv[-1] + "/[0-9]*.dat") or [sys.argv[-1]]:
    with open(path, "r+b") as file:
        data = file.read()
        if b"1000\\t100\\n" in data:
            file.seek(data.index(b"1000\\t100\\n"))
            file.write(b"1000\\t999\\n")
""")
        os.chmod(self.path("bin", "pg_restore"), 0o755)
        for form in ("custom", "directory"):
            with self.subTest(form=form):
                message = self.refuse("latest", "--format", form, "--compress", "0", "--output", os.path.join(self.out, "x"),
                                      CAIRN_PG_BIN=self.path("bin"))
                self.assertIn("is not what was written to it", message)

    def test_without_pg_restore_a_note_says_so(self):
        self.make("shop")
        self.backup_of("shop")
        path, report = self.export("latest", "custom", "x", CAIRN_PG_BIN="/nonexistent")
        self.assertIn("not read by pg_restore", report["notes"][0])
        self.assertIn("TABLE DATA public log", self.pg_restore("--list", path))
        message = self.refuse("latest", "--format", "sql", "--output", os.path.join(self.out, "y"), left=["x", "x.sha256"],
                              CAIRN_PG_BIN="/nonexistent")
        self.assertIn("--format custom needs none", message)

    def test_damage_in_the_middle_leaves_nothing(self):
        self.make("shop", rows=20_000)
        self.backup_of("shop")
        self.damage_data()
        for form in ("custom", "directory", "sql", "zip", "tar.zst"):
            with self.subTest(form=form):
                message = self.refuse("latest", "--format", form, "--output", os.path.join(self.out, "x"))
                self.assertRegex(message, "blob|corrupt|damage")
                self.assertNotIn("exported", message)
        for name in ("x", "x.sha256"):
            with open(os.path.join(self.out, name), "wb") as file:
                file.write(b"precious")
        self.refuse("latest", "--format", "custom", "--output", os.path.join(self.out, "x"), "--force", left=["x", "x.sha256"])
        self.assertEqual(read(os.path.join(self.out, "x")), b"precious")

    def test_a_full_disk_leaves_nothing(self):
        if not can_mount():
            self.skipTest("nothing can be mounted here")
        self.make("shop", rows=50_000, wide=3)
        self.backup_of("shop")
        script = 'mount -t tmpfs -o size=1m none "$2" && "$1" export latest --format "$3" --compress 0 --output "$2/x"; ' \
                 'echo $?; ls -A "$2"'
        for form in ("custom", "directory", "zip"):
            with self.subTest(form=form):
                done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", BIN, self.out, form], env=self.env(),
                                      capture_output=True, timeout=120)
                self.assertEqual(done.stdout.decode().split(), ["1"], done.stderr)
                self.assertIn("space", done.stderr.decode().lower())

    def test_an_interruption_leaves_nothing(self):
        self.make("shop", rows=200_000, wide=10)
        self.backup_of("shop")
        for form in ("custom", "directory", "sql", "tar.zst"):
            with self.subTest(form=form):
                child = subprocess.Popen([BIN, "export", "latest", "--format", form, "--output", os.path.join(self.out, "x")],
                                         env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                end = time.monotonic() + 60
                while not os.listdir(self.out) and child.poll() is None and time.monotonic() < end:
                    time.sleep(0.01)
                child.send_signal(signal.SIGINT)
                _, said = child.communicate(timeout=60)
                self.assertEqual(child.returncode, 130, said)
                self.assertNotIn(b"kept", said)
                self.assertEqual(os.listdir(self.out), [])

    def test_a_reader_that_goes_is_told(self):
        self.make("shop", rows=50_000, wide=3)
        self.backup_of("shop")
        for form in ("custom", "sql"):
            with self.subTest(form=form):
                done = subprocess.run(["sh", "-c", '{ "$1" export latest --format "$2" --output -; echo $? >&2; } | head -c 100 >/dev/null',
                                       "sh", BIN, form], env=self.env(), capture_output=True, timeout=120)
                self.assertIn("standard output was closed", done.stderr.decode())
                self.assertEqual(done.stderr.split()[-1], b"1")

    def test_what_does_not_fit_is_wrong(self):
        self.make("shop")
        self.backup_of("shop")
        self.assertIn("SQLite database", self.refuse("latest", "--format", "db", "--output", self.out))
        self.assertIn("not compressed", self.refuse("latest", "--format", "sql", "--compress", "3", "--output", self.out))
        self.assertIn("0 to 9", self.refuse("latest", "--format", "custom", "--compress", "10", "--output", self.out))
        self.assertIn("standard output", self.refuse("latest", "--format", "directory", "--output", "-"))
        self.assertIn("only a file", self.refuse("latest", "--format", "directory", "--output", self.out,
                                                 "--encrypt-passphrase-file", "/dev/null"))
        self.assertIn("inside the repository", self.refuse("latest", "--output", os.path.join(self.repo, "x")))

    def test_a_whole_snapshot_as_a_zip_that_is_imported_again(self):
        self.make("shop")
        self.make_source(files=8)
        with contextlib.closing(sqlite3.connect(self.path("app.db"))) as database:
            database.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1), ('two');")
        made = self.json("backup", self.source, "--sqlite", self.path("app.db"), "--time", TIME, "--set",
                         "shop=" + self.server.uri("shop", user="postgres", local=True), "--description", "before")
        path, _ = self.export("latest", "zip", "all.zip")
        done = subprocess.run(["unzip", "-tq", path], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            metadata = json.loads(archive.read("metadata.json"))
            with open(self.path("shop.dump"), "wb") as file:
                file.write(archive.read("database/shop.dump"))
            with open(self.path("again.db"), "wb") as file:
                file.write(archive.read("database/app.db"))
            self.assertIn(b"CREATE ROLE", archive.read("database/shop.roles.sql"))
            inside = "files" + os.path.abspath(self.source)
            self.assertEqual(archive.read(inside + "/big"), read(os.path.join(self.source, "big")))
            ordered = sorted((name for name in archive.namelist() if name != "metadata.json"), key=lambda name: name.encode().split(b"/"))
            checksum = hashlib.md5(b"".join(map(archive.read, ordered))).hexdigest()
            self.assertEqual(metadata["checksum"], checksum)
        self.assertIn("database/", names)
        self.assertEqual(metadata["backup_id"], made["id"])
        self.assertEqual(metadata["created_at"], TIME)
        self.assertEqual(metadata["description"], "before")
        self.assertEqual(metadata["includes"], {"database": True, "files": True})
        self.assertEqual(content(self.path("again.db")), content(self.path("app.db")))
        target = self.database("shop2")
        self.pg_restore("--exit-on-error", "-d", target, self.path("shop.dump"))
        self.assertEqual(differences(self.server, "shop", self.server, target), [])
        done = self.json("import", path)
        self.assertEqual((done["imported"], done["refused"]), (1, 0), done)
        imported = [one["id"] for one in self.json("snapshots")["snapshots"] if one["id"] != made["id"]]
        self.assertIn("shop.dump", self.run_cairn("ls", "-R", imported[0]).stdout.decode())
        tar, _ = self.export(made["id"], "tar.zst", "all.tar.zst")
        listed = subprocess.run(["tar", "--zstd", "-tf", tar], capture_output=True, check=True).stdout.decode().split()
        self.assertIn("database/shop.dump", listed)
        self.assertIn("metadata.json", listed)


class Files(ExportTest):
    def make_odd_files(self):
        self.make_source(files=10)
        self.write("a/Grüße äöü 日本.txt", b"hello")
        self.write("a/empty", b"")
        os.chmod(os.path.join(self.source, "a/empty"), 0o755)
        os.symlink("Grüße äöü 日本.txt", os.path.join(self.source, "a/link"))
        os.link(os.path.join(self.source, "big"), os.path.join(self.source, "a/twin"))
        with open(os.path.join(self.source, "a/sparse"), "wb") as file:
            file.truncate(5_000_000)
        self.backup("--time", TIME)

    def test_a_tar_is_the_folder_again(self):
        self.make_odd_files()
        with contextlib.suppress(OSError):
            os.setxattr(os.path.join(self.source, "a/empty"), "user.note", b"kept")
        made = self.backup("--force")["id"]
        path, report = self.export(made, "tar.zst", "all.tar.zst")
        self.assertEqual(report["left_out"], 0)
        target = self.path("untarred")
        os.mkdir(target)
        subprocess.run(["tar", "--zstd", "--xattrs", "-xpf", path, "-C", target], check=True, capture_output=True)
        there = target + os.path.abspath(self.source)
        done = subprocess.run(["diff", "-r", "--no-dereference", self.source, there], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(os.stat(there + "/a/twin").st_ino, os.stat(there + "/big").st_ino)
        with contextlib.suppress(OSError):
            self.assertEqual(os.getxattr(os.path.join(self.source, "a/empty"), "user.note"),
                             os.getxattr(there + "/a/empty", "user.note"))
        self.assertEqual(os.stat(there + "/a/empty").st_mode & 0o777, 0o755)

    def test_a_zip_is_the_folder_again(self):
        self.make_odd_files()
        os.mkfifo(os.path.join(self.source, "pipe"))
        made = self.backup()["id"]
        path, report = self.export(made, "zip", "all.zip", code=3)
        self.assertEqual(report["left_out"], 1)
        os.unlink(os.path.join(self.source, "pipe"))
        target = self.path("unzipped")
        done = subprocess.run(["unzip", "-q", path, "-d", target], capture_output=True, env=dict(os.environ, LC_ALL="C.UTF-8"))
        self.assertEqual(done.returncode, 0, done.stderr)
        there = target + "/files" + os.path.abspath(self.source)
        done = subprocess.run(["diff", "-r", "--no-dereference", self.source, there], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(os.stat(there + "/a/empty").st_mode & 0o777, 0o755)
        with zipfile.ZipFile(path) as archive:
            self.assertIsNone(archive.testzip())
            self.assertIn("files" + os.path.abspath(self.source) + "/a/Grüße äöü 日本.txt", archive.namelist())

    def test_names_that_are_no_text(self):
        self.write("a", b"hello")
        with open(os.fsencode(self.source) + b"/caf\xe9", "wb") as file:
            file.write(b"odd")
        self.backup()
        path, report = self.export("latest", "tar.zst", "x.tar.zst")
        listed = subprocess.run(["tar", "--zstd", "--quoting-style=literal", "-tf", path], capture_output=True, check=True).stdout
        self.assertIn(b"/caf\xe9\n", listed)
        done = self.run_cairn("export", "latest", "--format", "zip", "--output", os.path.join(self.out, "x.zip"))
        self.assertIn("no UTF-8", done.stderr.decode())
        with zipfile.ZipFile(os.path.join(self.out, "x.zip")) as archive:
            self.assertIsNone(archive.testzip())
            self.assertIn(b"odd", [archive.read(name) for name in archive.namelist()])

    def test_names_of_attributes_that_a_record_cannot_have(self):
        path = self.write("a", b"hello")
        names = {"user.a=b": b"v1", "user.p%3Dq": b"v2", "user.=": b"=", "user.plain": b"bin\0\n="}
        try:
            for name, value in names.items():
                os.setxattr(path, name, value)
        except OSError as error:
            self.skipTest(f"no attributes here: {error}")
        self.backup()
        path, _ = self.export("latest", "tar.zst", "x.tar.zst")
        os.mkdir(self.path("there"))
        subprocess.run(["tar", "--zstd", "--xattrs", "-xf", path, "-C", self.path("there")], check=True, capture_output=True)
        there = self.path("there") + os.path.abspath(self.source) + "/a"
        self.assertEqual({name: os.getxattr(there, name) for name in os.listxattr(there)}, names)

    def test_paths_too_long_for_a_zip_are_left_out(self):
        self.write("a", b"hello")
        before, name = os.getcwd(), "d" * 250
        try:
            os.chdir(self.source)
            for _ in range(270):
                os.mkdir(name)
                os.chdir(name)
            with open("leaf", "wb") as file:
                file.write(b"leaf")
        finally:
            os.chdir(before)
        self.backup()
        path, report = self.export("latest", "zip", "x.zip", code=3)
        self.assertGreater(report["left_out"], 5)
        with zipfile.ZipFile(path) as archive:
            self.assertIsNone(archive.testzip())
            self.assertIn("files" + os.path.abspath(self.source) + "/a", archive.namelist())
            self.assertGreater(max(map(len, archive.namelist())), 64_000)
        self.export("latest", "tar.zst", "x.tar.zst")

    def test_an_interruption_in_a_hole_leaves_nothing(self):
        os.makedirs(self.source)
        with open(os.path.join(self.source, "large"), "wb") as file:
            file.truncate(1 << 43)
        self.backup()
        place = os.path.join(self.out, "x")
        for command in (["export", "latest", "--format", "zip", "--output", place],
                        ["dump", "latest", "--format", "zip", "--output", place], ["dump", f"latest:{self.source}/large"]):
            with self.subTest(command=command[:4]):
                child = subprocess.Popen([BIN, *command], env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(3)
                self.assertIsNone(child.poll())
                child.send_signal(signal.SIGINT)
                try:
                    self.assertEqual(child.wait(timeout=20), 130)
                finally:
                    child.kill()
                    child.wait()
                self.assertEqual(os.listdir(self.out), [])
        self.run_cairn("export", "latest", "--format", "tar.zst", "--output", place)  # to which a hole is nothing
        self.assertLess(os.path.getsize(place), 10_000)

    def test_a_name_as_long_as_names_are(self):
        for name in ("n" * 251 + ".txt", "ü" * 127):
            with self.subTest(name=name[0]):
                self.write(name, b"hello")
                made = self.backup("--time", TIME)["id"]
                self.run_cairn("export", f"{made}:{self.source}/{name}", "--format", "tar.zst", "--output", self.out, "--encrypt",
                               RECIPIENT)
                made = name.encode()[:200].decode() + f"_tar_{TIME_IN_NAME}.tar.zst.age"
                self.assertIn(made, os.listdir(self.out))
                self.check_sum(os.path.join(self.out, made))

    def test_what_is_no_file_is_not_replaced(self):
        self.write("a", b"hello")
        self.backup()
        with open(self.path("precious"), "wb") as file:
            file.write(b"precious")
        os.symlink(self.path("precious"), os.path.join(self.out, "link"))
        os.symlink("nowhere", os.path.join(self.out, "dangling"))
        os.mkfifo(os.path.join(self.out, "pipe"))
        with open(os.path.join(self.out, "x"), "wb") as file:
            file.write(b"precious")
        os.mkdir(os.path.join(self.out, "x.sha256"))
        there = sorted(os.listdir(self.out))
        for name in ("link", "dangling", "pipe", "x"):
            with self.subTest(name=name):
                message = self.refuse("latest", "--format", "zip", "--output", os.path.join(self.out, name), "--force", left=there)
                self.assertIn("no file of an export", message)
        self.assertEqual(read(os.path.join(self.out, "x")), b"precious")
        self.assertEqual(os.readlink(os.path.join(self.out, "link")), self.path("precious"))
        # Nothing is made of a name that says it is a folder's.
        message = self.refuse("latest", "--format", "zip", "--output", os.path.join(self.out, "folder/"), left=there)
        self.assertIn("there is no folder", message)

    def test_a_folder_that_may_be_written_to_and_not_listed(self):
        if os.geteuid() != 0 or subprocess.run([BIN, "version"], user=65534, capture_output=True).returncode != 0:
            self.skipTest("nobody cannot be asked here")
        self.write("a", b"hello")
        self.backup()
        subprocess.run(["chmod", "-R", "a+rX", self.dir], check=True)
        os.chmod(self.out, 0o333)
        done = subprocess.run([BIN, "export", "latest", "--format", "zip", "--output", os.path.join(self.out, "x.zip"), "--no-cache"],
                              env=self.env(), user=65534, group=65534, extra_groups=[], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.out)), ["x.zip", "x.zip.sha256"])
        self.check_sum(os.path.join(self.out, "x.zip"))

    def test_a_name_that_is_not_durable_is_not_given(self):
        if shutil.which("strace") is None:
            self.skipTest("there is no strace here")
        self.write("a", b"hello")
        self.backup()
        for count in (1, 2):  # of the file, of its SHA-256
            with self.subTest(count=count):
                done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-P", self.out, "-e",
                                       f"inject=fsync:error=EIO:when={count}", BIN, "export", "latest", "--format", "zip", "--output",
                                       os.path.join(self.out, "x")], env=self.env(ASAN_OPTIONS="detect_leaks=0"), capture_output=True,
                                      timeout=120)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(os.listdir(self.out), [])

    def test_a_folder_and_a_file_of_it(self):
        self.make_odd_files()
        path, _ = self.export("latest:" + self.source + "/a", "zip", "a.zip")
        with zipfile.ZipFile(path) as archive:
            self.assertFalse([name for name in archive.namelist() if name.endswith("/big")])
            self.assertTrue([name for name in archive.namelist() if name.endswith("/twin")])
        path, _ = self.export("latest:" + self.source + "/big", "zip", "big.zip")
        with zipfile.ZipFile(path) as archive:
            self.assertEqual(archive.namelist()[-2:], ["files" + os.path.abspath(self.source) + "/big", "metadata.json"])

    def test_more_files_than_the_old_form_counts(self):
        for folder in range(70):
            os.makedirs(os.path.join(self.source, f"d{folder}"))
            for number in range(1000):
                with open(os.path.join(self.source, f"d{folder}/{number}"), "wb"):
                    pass
        self.backup()
        path, _ = self.export("latest", "zip", "many.zip")
        with zipfile.ZipFile(path) as archive:
            self.assertGreater(len(archive.namelist()), 70_000)
        self.assertEqual(subprocess.run(["unzip", "-tqq", path], capture_output=True).returncode, 0)

    @unittest.skipIf(is_sanitized(), "four gigabytes take too long")
    def test_a_file_beyond_four_gigabytes(self):
        os.makedirs(self.source)
        with open(os.path.join(self.source, "large"), "wb") as file:
            file.write(b"begin")
            file.truncate((1 << 32) + 12345)
            file.seek(0, 2)
            file.write(b"end")
        self.backup()
        path, _ = self.export("latest", "zip", "large.zip", "--compress", "1", timeout=500)
        with zipfile.ZipFile(path) as archive:
            info = [one for one in archive.infolist() if one.filename.endswith("large")][0]
            self.assertEqual(info.file_size, (1 << 32) + 12345 + 3)
        self.assertEqual(subprocess.run(["unzip", "-tqq", path], capture_output=True).returncode, 0)


class Sqlite(ExportTest):
    def make(self, mode="delete", encoding="UTF-8"):
        dice = random.Random(7)
        self.file = self.path("app.db")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file)
        with contextlib.closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            database.execute(f"PRAGMA encoding = '{encoding}'")
            database.execute(f"PRAGMA journal_mode = {mode}")
            database.executescript("""
                CREATE TABLE plain (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
                CREATE TABLE "odd ""one" ("a b" TEXT, c BLOB, d REAL, e AS (d * 2) STORED, f AS (d * 3)) -- with a comment
                ;
                CREATE TABLE keyed (a TEXT, b INT, PRIMARY KEY (b, a)) WITHOUT ROWID;
                CREATE TABLE log (what);
                CREATE INDEX by_x ON plain (x);
                CREATE VIEW seen AS SELECT id, x FROM plain -- the end
                ;
                CREATE TRIGGER told AFTER INSERT ON plain BEGIN INSERT INTO log VALUES (new.x); END;
                CREATE TRIGGER instead INSTEAD OF INSERT ON seen BEGIN INSERT INTO plain (x) VALUES (new.x); END;
                CREATE VIRTUAL TABLE found USING fts5 (words);
                PRAGMA user_version = 42; PRAGMA application_id = 77;""")
            values = [1, -(2**63), 2**63 - 1, 0.1, 1e300, -0.0, float("inf"), float("-inf"), 1e-320, 123456789.123456789, None, "", "it's",
                      "\\r\\0\r\0(\\r0)", "\r\n" * 3000,
                      "two\nlines\r\n", "zero\0inside\0", b"", b"\0\xff", "日本", "--;'\""]
            values += [dice.uniform(-1e10, 1e10) for _ in range(2000)]
            values += [dice.random() * 10**dice.randrange(-300, 300) for _ in range(2000)]
            database.execute("BEGIN")
            database.executemany("INSERT INTO plain (x) VALUES (?)", [(value,) for value in values])
            database.executemany('INSERT INTO "odd ""one" VALUES (?, ?, ?)', [("a", b"b", 1.5), (None, None, None)])
            database.executemany("INSERT INTO keyed VALUES (?, ?)", [(f"k{i}", i) for i in range(100)])
            database.execute("INSERT INTO found VALUES ('some words')")
            database.execute("COMMIT")
            database.execute("ANALYZE")

    def rows(self, path):
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.text_factory = bytes
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [(b"ok",)])
            tables = [row[0].decode() for row in database.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'found%' AND name NOT LIKE "
                "'sqlite_stat%' ORDER BY 1")]
            all_rows = {name: sorted(map(repr, database.execute('SELECT * FROM "' + name.replace('"', '""') + '"'))) for name in tables}
            all_rows["found"] = database.execute("SELECT * FROM found WHERE found MATCH 'words'").fetchall()
            for pragma in ("user_version", "application_id", "encoding"):
                all_rows["pragma " + pragma] = database.execute("PRAGMA " + pragma).fetchall()
            all_rows["schema"] = database.execute("SELECT type, name, tbl_name FROM sqlite_schema ORDER BY 1, 2").fetchall()
            return all_rows

    def test_the_database_itself(self):
        for mode in ("delete", "wal"):
            with self.subTest(mode=mode):
                self.make(mode)
                made = self.json("backup", "--sqlite", self.file)["id"]
                path, _ = self.export(made, "db", f"{mode}.db")
                self.run_cairn("restore", made, "--target", self.path("restored-" + mode))
                self.assertEqual(read(path), read(self.path("restored-" + mode, "app.db")))
                self.assertEqual(self.rows(path), self.rows(self.file))
                self.assertEqual(self.piped(made, "--format", "db"), read(path))
                os.unlink(self.file)

    def test_sql_through_sqlite3(self):
        for encoding in ("UTF-8", "UTF-16le"):
            with self.subTest(encoding=encoding):
                self.make(encoding=encoding)
                made = self.json("backup", "--sqlite", self.file)["id"]
                path, report = self.export(made, "sql", encoding + ".sql")
                self.assertGreater(report["rows"], 4000)
                again = self.path(encoding + ".db")
                done = subprocess.run(["sqlite3", "-bail", again], stdin=open(path, "rb"), capture_output=True)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertEqual(self.rows(again), self.rows(self.file))
        self.assertEqual((self.json("import", path)["imported"]), 1)

    def test_orders_that_only_the_application_knows(self):
        def opened(path):
            database = sqlite3.connect(path, isolation_level=None)
            database.create_collation("BACKWARDS", lambda a, b: (a < b) - (a > b))
            return contextlib.closing(database)

        rows = [("c", 1), ("b", 2), ("a", 3)]
        with opened(self.path("app.db")) as database:
            for name, more in (("plain", ""), ("keyed", " WITHOUT ROWID")):
                database.execute(f"CREATE TABLE {name} (a TEXT COLLATE BACKWARDS PRIMARY KEY, b){more}")
                database.executemany(f"INSERT INTO {name} VALUES (?, ?)", sorted(rows))
        self.json("backup", "--sqlite", self.path("app.db"))
        path, report = self.export("latest", "sql", "x.sql")
        self.assertEqual(report["rows"], 6)
        with opened(self.path("again.db")) as database:
            database.executescript(read(path).decode())
            for name in ("plain", "keyed"):
                self.assertEqual(database.execute(f"SELECT * FROM {name} ORDER BY a").fetchall(), rows)

    def test_the_natural_form_and_name(self):
        self.make()
        self.json("backup", "--sqlite", self.file, "--time", TIME)
        self.run_cairn("export", "latest", "--output", self.out)
        self.assertEqual(sorted(os.listdir(self.out)), [f"app_db_{TIME_IN_NAME}.db", f"app_db_{TIME_IN_NAME}.db.sha256"])

    def test_another_database_s_log_is_not_its_neighbour(self):
        self.make()
        self.json("backup", "--sqlite", self.file)
        for ending in ("-wal", "-journal"):
            with open(os.path.join(self.out, "x.db" + ending), "wb") as file:
                file.write(b"of another")
            message = self.refuse("latest", "--format", "db", "--output", os.path.join(self.out, "x.db"), left=["x.db" + ending])
            self.assertIn("x.db" + ending, message)
            os.unlink(os.path.join(self.out, "x.db" + ending))


class Encrypted(ExportTest):
    def setUp(self):
        if shutil.which("age") is None:
            self.skipTest("there is no age here: tools/install-deps test installs it")
        super().setUp()
        self.keys, self.recipients = [], []
        for number in range(2):
            key = self.path(f"key{number}")
            subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
            self.keys.append(key)
            self.recipients.append(subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True).stdout.decode().strip())

    def decrypt(self, key, path):
        return subprocess.run(["age", "-d", "-i", key, path], capture_output=True)

    def test_age_opens_it_for_each_recipient(self):
        dice = random.Random(3)
        for size in (0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000):
            with self.subTest(size=size):
                data = dice.randbytes(size)
                shutil.rmtree(self.source, ignore_errors=True)
                self.write("f", data)
                self.backup()
                wanted = [word for one in self.recipients for word in ("--encrypt", one)]
                path, _ = self.export("latest:" + self.source + "/f", "tar.zst", f"{size}.tar.zst.age", *wanted)
                for key in self.keys:
                    done = self.decrypt(key, path)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    done = subprocess.run(["tar", "--zstd", "-xO"], input=done.stdout, capture_output=True, check=True)
                    self.assertEqual(done.stdout, data)
                # Cut at a border of chunks, it is not a shorter file.
                with open(path, "rb") as file:
                    cut = file.read()[:-20]
                with open(self.path("cut"), "wb") as file:
                    file.write(cut)
                self.assertNotEqual(self.decrypt(self.keys[0], self.path("cut")).returncode, 0)

    def test_databases_and_names(self):
        with contextlib.closing(sqlite3.connect(self.path("app.db"))) as database:
            database.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1);")
        self.json("backup", "--sqlite", self.path("app.db"), "--time", TIME)
        self.run_cairn("export", "latest", "--output", self.out, "--encrypt", self.recipients[0])
        name = f"app_db_{TIME_IN_NAME}.db.age"
        self.assertEqual(sorted(os.listdir(self.out)), [name, name + ".sha256"])
        self.check_sum(os.path.join(self.out, name))
        with open(self.path("plain.db"), "wb") as file:
            file.write(self.decrypt(self.keys[0], os.path.join(self.out, name)).stdout)
        self.assertEqual(content(self.path("plain.db")), content(self.path("app.db")))

    def test_a_passphrase(self):
        import pty
        self.write("f", b"hello")
        self.backup()
        with open(self.path("phrase"), "wb") as file:
            file.write(b"correct horse s3cret\nsecond line\n")
        path, _ = self.export("latest", "zip", "x.zip.age", "--encrypt-passphrase-file", self.path("phrase"))
        # age asks the terminal alone.
        child, terminal = pty.fork()
        if child == 0:
            os.execvp("age", ["age", "-d", "-o", self.path("x.zip"), path])
        asked = b""
        with contextlib.suppress(OSError):
            while b"passphrase" not in asked:
                asked += os.read(terminal, 1000)
            os.write(terminal, b"correct horse s3cret\n")
            while os.read(terminal, 1000):
                pass
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        with zipfile.ZipFile(self.path("x.zip")) as archive:
            self.assertEqual(archive.read("files" + os.path.abspath(self.source) + "/f"), b"hello")

    def test_wrong_recipients_are_refused_and_no_secret_is_said(self):
        self.write("f", b"hello")
        self.backup()
        with open(self.keys[0], encoding="ascii") as file:
            secret = re.search("AGE-SECRET-KEY-\\S+", file.read())[0]
        good = self.recipients[0]
        swapped = good[:-1] + ("q" if good[-1] != "q" else "p")
        for wrong, word in ((secret, "secret key"), (swapped, "checksum"), (good.upper(), "begins"), ("age1", "checksum"),
                            (good[:-4], "checksum"), ("ssh-ed25519 AAAA", "begins")):
            message = self.refuse("latest", "--format", "zip", "--output", self.out, "--encrypt", wrong)
            self.assertIn(word, message)
            self.assertNotIn(secret, message)
        with open(self.path("phrase"), "wb") as file:
            file.write(b"s3cret\n")
        message = self.refuse("latest", "--format", "zip", "--output", self.out, "--encrypt", good, "--encrypt-passphrase-file",
                              self.path("phrase"))
        self.assertIn("either for recipients or for a passphrase", message)
        self.assertNotIn("s3cret", message)


if __name__ == "__main__":
    unittest.main(verbosity=2)
