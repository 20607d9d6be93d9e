"""PostgreSQL databases: one state of them, whatever is written meanwhile, and back beside the one that is in use."""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from cairn_testing import BIN, CairnTest, can_mount
from postgres_testing import (APP_PASSWORD, SUPERUSER_PASSWORD, Bouncer, Missing, Proxy, Server, differences, installed, odd_data,
                              pgbench, plain_env)


class PostgresTest(CairnTest):
    """A server for all tests of a class, a repository for each."""
    VERSION = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(version=cls.VERSION)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        self.init()

    def env(self, password="secret", **more):
        env = super().env(password, **more)
        return dict({k: v for k, v in env.items() if not k.startswith("PG") or k in more}, LC_ALL="C.UTF-8")

    def address(self, database=None, **options):
        return self.server.uri(database, **dict({"user": "postgres", "local": True}, **options))

    def backup_of(self, database, *args, **kwargs):
        return self.json("backup", "--postgres", self.address(database), *args, **kwargs)

    def restore_to(self, name, *args, snapshot="latest", **kwargs):
        return self.json("restore", snapshot, "--postgres", self.address(""), "--as", name, *args, **kwargs)

    def error(self, *args, code=1, **more):
        done = self.run_cairn(*args, code=code, **more)
        text = done.stdout.decode() + done.stderr.decode()
        for secret in (APP_PASSWORD, SUPERUSER_PASSWORD, "p%40ss", "s3cret"):
            self.assertNotIn(secret, text)
        return " ".join(text.split())

    def make(self, name, rows=1000):
        self.server.drop(name)
        self.server.create(name)
        self.server.sql(name, f"""
            CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL);
            CREATE TABLE log (id bigserial PRIMARY KEY, who int REFERENCES account, note text);
            INSERT INTO account SELECT i, 100 FROM generate_series(1, {rows}) i;
            INSERT INTO log (who, note) SELECT i, md5(i::text) FROM generate_series(1, {rows}) i;""", user="app")
        self.addCleanup(self.drop_all, name)

    def drop_all(self, name):
        for database in self.server.databases():
            if database == name or database.startswith(name + "_"):
                self.server.drop(database)

    def beside(self, name):
        return [one for one in self.server.databases() if one.startswith(name + "_")]


class RoundTrip(PostgresTest):
    def test_every_odd_thing_comes_back(self):
        odd_data(self.server, "odd")
        self.addCleanup(self.server.drop, "odd")
        self.backup_of("odd")
        report = self.restore_to("odd2")
        self.addCleanup(self.server.drop, "odd2")
        self.assertGreater(report["verified"], 20)
        self.assertEqual(differences(self.server, "odd", self.server, "odd2"), [])
        again = self.backup_of("odd")
        self.assertEqual(again["data_blobs_new"], 0, "an idle database has new data")
        by_key = self.backup_of("odd", "--order", "pk")
        self.restore_to("odd3", snapshot=by_key["id"])
        self.addCleanup(self.server.drop, "odd3")
        self.assertEqual(differences(self.server, "odd", self.server, "odd3"), [])

    def test_files_of_a_dump_are_for_others_too(self):
        self.make("shop")
        self.backup_of("shop")
        self.run_cairn("restore", "latest", "--target", self.path("out"))
        names = sorted(os.listdir(self.path("out")))
        self.assertEqual(names, ["create.pgdump", "data", "database.json", "load.sql", "roles.sql"])
        self.server.create("hand")
        self.addCleanup(self.server.drop, "hand")
        for section in ("pre-data", "post-data"):
            self.server.run("pg_restore", "--exit-on-error", "--section=" + section, "-d", "hand", self.path("out/create.pgdump"))
            if section == "pre-data":
                subprocess.run([os.path.join(self.server.bin, "psql"), "-X", "-q", "-d", "hand", "-f", "load.sql"], check=True,
                               cwd=self.path("out"), env=self.server.env("hand"), capture_output=True)
        self.assertEqual(differences(self.server, "shop", self.server, "hand"), [])
        with open(self.path("out/database.json"), encoding="utf-8") as file:
            described = {one["name"]: one for one in json.load(file)["tables"]}
        self.assertEqual(described["log"]["rows"], 1000)
        self.assertEqual(described["account"]["key"], ["id"])

    def test_chosen_tables_and_parts(self):
        self.make("shop")
        self.server.sql("shop", "CREATE TABLE day (at date) PARTITION BY RANGE (at);"
                                "CREATE TABLE day_1 PARTITION OF day FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');"
                                "INSERT INTO day VALUES ('2026-01-05')")

        def files(*args):
            self.backup_of("shop", *args)
            out = self.run_cairn("ls", "-R", "latest").stdout.decode().split("\n")
            return sorted(line.removeprefix("/data/tables/public/").removesuffix(".copy") for line in out if line.endswith(".copy"))
        self.assertEqual(files(), ["account", "day_1", "log"])
        self.assertEqual(files("--table", "acc*"), ["account"])
        self.assertEqual(files("--table", "public.day"), ["day_1"])
        self.assertEqual(files("--exclude-table", "log"), ["account", "day_1"])
        self.assertEqual(files("--schema-only"), [])
        self.assertEqual(files("--data-only"), ["account", "day_1", "log"])
        self.assertIn("no table is called nothing", self.error("backup", "--postgres", self.address("shop"), "--table", "nothing"))
        self.backup_of("shop", "--exclude-table", "log")
        self.restore_to("shop_part")
        self.assertEqual(self.server.sql("shop_part", "SELECT to_regclass('log') IS NULL, count(*) FROM account"), "t|1000")
        self.backup_of("shop", "--schema-only")
        self.assertIn("definitions and no rows", self.error("restore", "latest", "--postgres", self.address(), "--as", "shop_none"))

    def test_lists(self):
        self.make("shop")
        listed = {one["name"]: one for one in self.json("databases", self.address())["databases"]}
        self.assertEqual(listed["shop"]["owner"], "app")
        self.assertGreater(listed["shop"]["bytes"], 1_000_000)
        tables = {one["name"]: one for one in self.json("tables", self.address("shop"))["tables"]}
        self.assertEqual(tables["log"]["key"], ["id"])
        self.assertIn("account", self.run_cairn("tables", self.address("shop")).stdout.decode())
        self.assertIn("shop", self.run_cairn("databases", self.address()).stdout.decode())


class RoundTrip17(RoundTrip):
    VERSION = 17

    @classmethod
    def setUpClass(cls):
        try:
            super().setUpClass()
        except Missing as error:
            raise unittest.SkipTest(str(error)) from None
        os.environ["PATH"] = cls.server.bin + os.pathsep + os.environ["PATH"]  # its own pg_dump


class UnderLoad(PostgresTest):
    def backup_that_stands_in(self, database, query):
        """A backup that was stopped while the server waits for it to take more of what `query` gives."""
        active = f"SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '{query}'"
        for _ in range(10):  # it may be through before the signal comes
            running = subprocess.Popen([BIN, "backup", "-q", "-j", "1", "--postgres", self.address(database)], env=self.env(),
                                       stderr=subprocess.PIPE)
            self.addCleanup(running.stderr.close)
            while running.poll() is None and not self.server.sql(database, active):
                pass
            running.send_signal(signal.SIGSTOP)
            end = time.monotonic() + 5
            while time.monotonic() < end and running.poll() is None:
                if self.server.sql(database, active + " AND wait_event = 'ClientWrite'"):
                    return running
            running.kill()
            running.wait()
        self.fail(f"no backup was still in {query}")

    def test_schemas_that_change_places_make_no_snapshot(self):
        self.make("shop")
        self.server.sql("shop", "CREATE SCHEMA blue; CREATE SCHEMA green; CREATE TABLE blue.t AS SELECT 'blue' AS x; CREATE TABLE green.t "
                                "AS SELECT 'green' AS x; CREATE TABLE aaa AS SELECT i, repeat('x', 200) FROM generate_series(1, 400000) i")
        self.server.sql("shop", "ALTER TABLE aaa SET SCHEMA blue; ALTER TABLE blue.aaa RENAME TO a")
        swap = "ALTER SCHEMA blue RENAME TO x; ALTER SCHEMA green RENAME TO blue; ALTER SCHEMA x RENAME TO green"
        for _ in range(10):
            running = self.backup_that_stands_in("shop", 'COPY "blue"."a"%')
            self.server.sql("shop", swap)
            running.send_signal(signal.SIGCONT)
            said = running.communicate(timeout=60)[1].decode()
            if running.returncode != 0:
                break
            # Another thread has read the small tables before: then all is as it was.
            for color in ("blue", "green"):
                self.assertEqual(self.run_cairn("dump", f"latest:/data/tables/{color}/t.copy").stdout.decode(), color + "\n")
            self.server.sql("shop", swap)
        self.assertEqual(running.returncode, 1)
        self.assertIn("another table now", said)

    def test_backup_is_one_state(self):
        self.server.create("bank")
        self.addCleanup(self.drop_all, "bank")
        load = pgbench(self.server, "bank", scale=2, clients=2)
        with load:
            time.sleep(0.5)
            for _ in range(3):
                self.backup_of("bank")
        self.restore_to("bank_copy")
        sums = self.server.sql("bank_copy", "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM "
                                            "pgbench_branches), (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) "
                                            "FROM pgbench_history)").split("|")
        self.assertEqual(len(set(sums)), 1, sums)
        self.assertNotEqual(sums[0], "0")

    def test_what_was_committed_before_the_start_is_in_it(self):
        """The tables are opened while the password is made a key of: the start that the snapshot names comes before both."""
        self.make("shop")
        self.server.sql("shop", "CREATE TABLE tick (id bigserial, at timestamptz)")
        ticks = subprocess.Popen([os.path.join(self.server.bin, "psql"), "-X", "-q"], stdin=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, env=self.server.env("shop"))
        self.addCleanup(ticks.kill)
        ticks.stdin.write(b"DO $$ BEGIN LOOP INSERT INTO tick (at) VALUES (clock_timestamp()); COMMIT; PERFORM pg_sleep(0.001);"
                          b" END LOOP; END $$;\n")
        ticks.stdin.flush()
        while self.server.sql("shop", "SELECT count(*) FROM tick") == "0":
            time.sleep(0.02)
        for _ in range(3):
            self.backup_of("shop")
            count = len(self.run_cairn("dump", "latest:/data/tables/public/tick.copy").stdout.splitlines())
            start = self.json("snapshots")["snapshots"][-1]["time"]
            # The first that is not in it may have begun before, the next one has not.
            found = self.server.sql("shop", f"SELECT at > '{start}' FROM tick ORDER BY id OFFSET {count + 1} LIMIT 1")
            self.assertEqual(found, "t")

    def test_wrong_password_waits_for_no_lock(self):
        self.make("shop")
        holder = subprocess.Popen([os.path.join(self.server.bin, "psql"), "-X", "-q"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, env=self.server.env("shop"))
        self.addCleanup(holder.kill)
        holder.stdin.write(b"BEGIN; LOCK TABLE account;\n")
        holder.stdin.flush()
        locked = "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'account'::regclass"
        while not self.server.sql("shop", locked):
            time.sleep(0.05)
        start = time.monotonic()
        self.error("backup", "--postgres", self.address("shop"), "--lock-wait", "300", code=12, password="another")
        self.assertLess(time.monotonic() - start, 60)
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cairn'"
        deadline = time.monotonic() + 20
        while self.server.sql("shop", sessions) != "0" and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.server.sql("shop", sessions), "0")

    def test_table_that_is_truncated_meanwhile_is_whole_or_empty_in_all(self):
        """TRUNCATE is not of any snapshot: only a lock that comes before keeps rows."""
        self.make("shop", rows=5000)
        stop = threading.Event()

        def truncate():
            while not stop.is_set():
                self.server.sql("shop", "BEGIN; TRUNCATE log, account; INSERT INTO account SELECT i, 100 FROM generate_series(1, 5000) i;"
                                        "INSERT INTO log (who, note) SELECT i, md5(i::text) FROM generate_series(1, 5000) i; COMMIT")
                time.sleep(0.4)
        thread = threading.Thread(target=truncate)
        thread.start()
        try:
            for _ in range(8):
                self.backup_of("shop", timeout=60)
                described = json.loads(self.run_cairn("dump", "latest:/database.json").stdout)
                self.assertEqual({one["rows"] for one in described["tables"]}, {5000})
        finally:
            stop.set()
            thread.join()

    def test_locked_table_is_waited_for_and_named(self):
        self.make("shop")
        holder = subprocess.Popen([os.path.join(self.server.bin, "psql"), "-X", "-q"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, env=self.server.env("shop"))
        self.addCleanup(holder.kill)
        holder.stdin.write(b"SET application_name = 'the holder'; BEGIN; LOCK TABLE account;\n")
        holder.stdin.flush()
        while not self.server.sql("shop", "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'account'::regclass"):
            time.sleep(0.05)
        said = self.error("backup", "--postgres", self.address("shop"), "--lock-wait", "1")
        self.assertIn("public.account by process", said)
        self.assertIn("the holder", said)
        waiting = subprocess.Popen([BIN, "backup", "-q", "--postgres", self.address("shop")], env=self.env())
        time.sleep(1)
        holder.stdin.write(b"COMMIT;\n")
        holder.stdin.flush()
        self.assertEqual(waiting.wait(timeout=60), 0)


class InPlace(PostgresTest):
    def test_replace_keeps_what_was_there_and_undo_puts_it_back(self):
        self.make("shop")
        self.server.sql("postgres", "COMMENT ON DATABASE shop IS 'ours'; ALTER DATABASE shop SET search_path = app, \"$user\", public;"
                                    "GRANT CONNECT ON DATABASE shop TO PUBLIC; ALTER DATABASE shop CONNECTION LIMIT 7")
        self.backup_of("shop")
        properties = ("SELECT shobj_description(d.oid, 'pg_database'), datacl, datconnlimit, setconfig FROM pg_database d "
                      "JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = 'shop'")
        before = self.server.sql("postgres", properties)
        self.server.sql("shop", "UPDATE account SET balance = 0; DROP TABLE log")
        report = self.restore_to("shop")
        self.assertEqual(self.server.sql("postgres", properties), before)
        self.assertEqual(self.server.sql("shop", "SELECT sum(balance), (SELECT count(*) FROM log) FROM account"), "100000|1000")
        self.assertEqual(self.beside("shop"), [report["kept"]])
        self.assertEqual(self.server.sql(report["kept"], "SELECT sum(balance) FROM account"), "0")
        # The safety snapshot has it too, is not the latest, and stays whatever forget is told.
        described = {one["id"]: one for one in self.json("snapshots")["snapshots"]}
        self.assertEqual(described[report["safety_snapshot"]]["class"], "safety")
        self.run_cairn("forget", "--keep-last", "1", "--prune")
        self.assertIn(report["safety_snapshot"], [one["id"] for one in self.json("snapshots")["snapshots"]])
        self.restore_to("shop_safe", snapshot=report["safety_snapshot"])
        self.assertEqual(self.server.sql("shop_safe", "SELECT sum(balance), to_regclass('log') IS NULL FROM account"), "0|t")
        self.server.drop("shop_safe")

        undone = self.json("restore", "--postgres", self.address(), "--undo", report["run"])
        self.assertEqual(self.server.sql("shop", "SELECT sum(balance), to_regclass('log') IS NULL FROM account"), "0|t")
        self.assertEqual(self.server.sql("postgres", properties), before)
        self.assertEqual(self.beside("shop"), [undone["kept"]])
        said = self.error("restore", "--postgres", self.address(), "--undo", report["run"])
        self.assertIn("keeps no former database", said)
        self.assertIn(report["safety_snapshot"][:8] + " has what was there", said)
        # What is kept goes only when its time is over.
        self.run_cairn("restore", "--postgres", self.address(), "--clean-up")
        self.assertEqual(self.beside("shop"), [undone["kept"]])
        comment = self.server.sql("postgres", "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
                                              f"WHERE datname = '{undone['kept']}'")
        over = re.sub(r"until [^\]]*", "until 2020-01-01T00:00:00Z", comment)
        self.server.sql("postgres", f"COMMENT ON DATABASE {undone['kept']} IS '{over}'")
        self.assertIn("would drop", self.run_cairn("restore", "--postgres", self.address(), "--clean-up", "-n").stdout.decode())
        self.assertEqual(self.beside("shop"), [undone["kept"]])
        self.run_cairn("restore", "--postgres", self.address(), "--clean-up")
        self.assertEqual(self.beside("shop"), [])
        self.assertIn("shop", self.server.databases())

    def test_drill_proves_and_leaves_nothing(self):
        self.make("shop")
        self.make_source()
        database = sqlite3.connect(self.path("app.db"))
        database.executescript("PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        database.close()
        self.run_cairn("backup", self.source, "--sqlite", self.path("app.db"), "--postgres", self.address("shop"))
        before = self.server.databases()
        os.mkdir(self.path("scratch"))
        proof = self.json("drill", "latest", "--postgres", self.address(), "--scratch", self.path("scratch"))
        self.assertEqual([(one["item"], one["proven"]) for one in proof["items"]], [("files", True), ("app.db", True), ("shop", True)])
        self.assertIn("SQLite finds nothing wrong", proof["items"][1]["what"])
        self.assertIn("2,000 rows", proof["items"][2]["what"])
        self.assertEqual((self.server.databases(), os.listdir(self.path("scratch"))), (before, []))
        # Not proven is said, and left behind is nothing.
        self.server.sql("shop", "CREATE ROLE worker; ALTER TABLE log OWNER TO worker")
        self.run_cairn("backup", "--postgres", self.address("shop"))
        self.server.sql("shop", "ALTER TABLE log OWNER TO app; DROP ROLE worker")
        said = self.run_cairn("drill", "latest", "--postgres", self.address(), code=1).stdout.decode()
        self.assertIn("NOT PROVEN", said)
        self.assertIn("no role worker", said)
        self.assertIn("can be restored", self.run_cairn("drill", "latest", "--no-owner", "--postgres", self.address()).stdout.decode())
        self.assertIn("--postgres ADDRESS", self.run_cairn("drill", "latest", code=1).stdout.decode())
        self.assertEqual(self.server.databases(), before)

    def test_what_is_somebody_elses_is_not_dropped(self):
        """A comment says little: it may have come along with a database that was renamed, or copied."""
        self.make("shop")
        self.backup_of("shop")
        report = self.restore_to("shop")
        over = (f"SELECT format('COMMENT ON DATABASE %I IS %L', datname, regexp_replace(shobj_description(oid, 'pg_database'), "
                f"'until [^]]*', 'until 2020-01-01T00:00:00Z')) FROM pg_database WHERE datname = '{report['kept']}'")
        self.server.sql("postgres", self.server.sql("postgres", over))
        self.assertIn(report["kept"], self.run_cairn("restore", "--postgres", self.address(), "--clean-up", "-n").stdout.decode())
        # Backed up, it is a database as any other.
        self.backup_of(report["kept"])
        self.restore_to("shop_archive")
        # Put back by hand, it is in use.
        self.server.sql("postgres", f"ALTER DATABASE shop RENAME TO shop_bad; ALTER DATABASE {report['kept']} RENAME TO shop")
        for name in ("shop_restore_20251122", "shop_restore_deadbeef"):
            self.server.create(name)
        before = self.server.databases()
        self.run_cairn("restore", "--postgres", self.address(), "--clean-up")
        self.assertEqual(self.server.databases(), before)
        # All databases of a server are those that are not kept for a while.
        self.restore_to("shop")
        self.run_cairn("backup", "--postgres", self.address(""))
        items = self.run_cairn("ls", "latest").stdout.decode()
        self.assertIn("shop_archive", items)
        self.assertNotIn("_before_", items)

    def test_undo_takes_no_strangers_database(self):
        self.make("shop")
        self.backup_of("shop")
        report = self.restore_to("shop")
        before = self.server.databases()
        self.run_cairn("restore", "--postgres", self.address(), "--undo", report["run"], "-n")
        self.assertEqual(self.server.databases(), before)
        self.server.drop(report["kept"])
        self.server.sql("postgres", f"CREATE ROLE mallory; CREATE DATABASE {report['kept']} OWNER mallory; COMMENT ON DATABASE "
                        f"{report['kept']} IS '[cairn: run {report['run']}, before, of shop, until 2030-01-01T00:00:00Z]'")
        self.assertIn("belongs to mallory", self.error("restore", "--postgres", self.address(), "--undo", report["run"]))
        self.assertEqual(self.server.sql("shop", "SELECT count(*) FROM account"), "1000")
        self.server.drop(report["kept"])
        self.server.sql("postgres", "DROP ROLE mallory; CREATE DATABASE shop_z; COMMENT ON DATABASE shop_z IS "
                                    f"'[cairn: run {report['run']}, before, of shop, until :]'")
        self.run_cairn("restore", "--postgres", self.address(), "--clean-up")

    def test_search_path_of_the_database_leads_nowhere(self):
        """Its owner could have whoever backs it up run what he likes."""
        self.make("shop")
        evil = ("CREATE SCHEMA evil; CREATE FUNCTION evil.f(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
                "EXECUTE 'ALTER ROLE app SUPERUSER'; RETURN NOT $1 ~ $2; EXCEPTION WHEN OTHERS THEN RETURN NOT $1 ~ $2; END $$;"
                "CREATE OPERATOR evil.!~ (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.f);"
                "CREATE FUNCTION evil.g(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT evil.f($1, $2::text)';"
                "CREATE OPERATOR evil.!~ (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.g);"
                "ALTER DATABASE shop SET search_path = evil, pg_catalog; GRANT USAGE ON SCHEMA evil TO PUBLIC")
        self.server.sql("shop", evil, user="app")
        self.backup_of("shop")
        self.run_cairn("tables", self.address("shop"))
        self.json("restore", "latest", "--postgres", self.address("shop"), "--data-only", "--no-safety-snapshot")
        self.assertEqual(self.server.sql("postgres", "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'"), "f")

    def test_servers_limits_of_time_end_no_restore(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("postgres", "ALTER ROLE postgres SET idle_session_timeout = '300ms';"
                                    "ALTER ROLE postgres SET statement_timeout = '200ms'")
        try:
            self.restore_to("shop_slow")
        finally:
            self.server.sql("postgres", "ALTER ROLE postgres RESET ALL")

    def test_database_that_is_made_meanwhile_is_left_alone(self):
        self.make("shop", rows=30_000)
        self.backup_of("shop")
        running = subprocess.Popen([BIN, "restore", "latest", "--postgres", self.address(""), "--as", "shop_new"], env=self.env(),
                                   stderr=subprocess.PIPE)
        while not self.beside("shop"):
            time.sleep(0.01)
        self.server.create("shop_new")
        said = running.communicate(timeout=60)[1].decode()
        self.assertEqual(running.returncode, 1)
        self.assertIn("was made meanwhile", said)
        self.assertEqual(self.beside("shop"), ["shop_new"])

    def test_plan_changes_nothing(self):
        self.make("shop")
        self.backup_of("shop")
        before = self.server.databases()
        plan = self.json("restore", "latest", "--postgres", self.address("shop"), "--dry-run")
        self.assertEqual((plan["tables"], plan["rows"], plan["problems"]), (2, 2000, []))
        self.assertTrue(plan["kept"].startswith("shop_before_"))
        text = self.run_cairn("restore", "latest", "--postgres", self.address("shop"), "-n").stdout.decode()
        for word in ("make", "verify", "back up", "keep", "rename"):
            self.assertIn(word, text)
        self.assertEqual(self.server.databases(), before)
        self.assertIn("--as NAME", self.error("restore", "latest", "--postgres", self.address("shop"), "--strategy", "refuse"))

    def test_sessions_are_waited_for_named_or_ended(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "UPDATE account SET balance = 0")
        client = [os.path.join(self.server.bin, "psql"), "-X", "-q"]
        holder = subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env=dict(self.server.env("shop"), PGAPPNAME="the shop"))
        self.addCleanup(holder.kill)
        while not self.server.sql("postgres", "SELECT 1 FROM pg_stat_activity WHERE application_name = 'the shop'"):
            time.sleep(0.05)
        said = self.error("restore", "latest", "--postgres", self.address("shop"), "--session-wait", "1")
        self.assertIn("the shop", said)
        self.assertIn("--disconnect", said)
        self.assertIn("shop is as it was", said)
        self.assertEqual(self.beside("shop"), [])
        # A client that comes back at once, again and again, does not keep it from its turn.
        stop, served = threading.Event(), []

        def hammer():
            while not stop.is_set():
                done = subprocess.run(client + ["-At", "-c", "SELECT sum(balance) FROM account"], env=self.server.env("shop"),
                                      capture_output=True, check=False)
                if done.returncode == 0:
                    served.append(done.stdout)
        threads = [threading.Thread(target=hammer) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            self.json("restore", "latest", "--postgres", self.address("shop"), "--disconnect")
            time.sleep(0.5)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(set(served), {b"0\n", b"100000\n"})
        self.assertEqual(served, sorted(served, key=len), "an old state after the new one")

    def test_failure_leaves_the_database_as_it_was(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "UPDATE account SET balance = 1")

        def fails(*args, says):
            self.assertIn(says, self.error("restore", "latest", "--postgres", self.address("shop"), *args))
            self.assertEqual(self.server.sql("shop", "SELECT sum(balance) FROM account"), "1000")
            self.assertEqual(self.beside("shop"), [])
        # A role is gone: told before anything is made.
        self.server.sql("shop", "CREATE ROLE worker; GRANT SELECT ON account TO worker")
        self.backup_of("shop")
        self.server.sql("shop", "REVOKE ALL ON account FROM worker; DROP ROLE worker")
        fails(says="has no role worker")
        self.restore_to("shop_owned", "--no-owner")
        self.assertEqual(self.server.sql("shop_owned", "SELECT tableowner FROM pg_tables WHERE tablename = 'account'"), "postgres")
        self.server.drop("shop_owned")
        # What the definitions say is refused by this server: a constraint that its rows break.
        self.server.sql("shop", "CREATE FUNCTION fine(int) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
                                "ALTER TABLE account ADD CONSTRAINT checked CHECK (fine(balance));"
                                "CREATE OR REPLACE FUNCTION fine(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 > 50'")
        self.backup_of("shop")
        fails(says="checked")
        self.assertIn("public.account", self.error("restore", "latest", "--postgres", self.address("shop")))

    def test_killed_restore_is_cleaned_up(self):
        self.make("shop", rows=20_000)
        self.backup_of("shop")
        self.server.sql("shop", "UPDATE account SET balance = 1")
        for number in range(12):
            # What the one before was asking for when it was killed the server does to its end.
            while self.server.sql("postgres", "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'cairn%' LIMIT 1"):
                time.sleep(0.05)
            before = set(self.beside("shop"))
            running = subprocess.Popen([BIN, "restore", "latest", "-q", "--disconnect", "--keep-hours", "1", "--postgres",
                                        self.address("shop")], env=self.env(), stderr=subprocess.DEVNULL)
            time.sleep(0.05 + 0.05 * number)
            if number % 3 == 2:
                running.send_signal(signal.SIGINT)
                running.wait(timeout=60)
                self.assertEqual([one for one in set(self.beside("shop")) - before if "_restore_" in one], [])
            else:
                running.kill()
                running.wait(timeout=60)
            self.assertIn(self.server.sql("shop", "SELECT sum(balance), (SELECT count(*) FROM log) FROM account"),
                          ["20000|20000", "2000000|20000"])
        deadline = time.monotonic() + 20  # until the server knows that they are gone
        while time.monotonic() < deadline:
            self.run_cairn("restore", "--postgres", self.address(), "--clean-up")
            if not [one for one in self.beside("shop") if "_restore_" in one]:
                break
            time.sleep(0.2)
        self.assertEqual([one for one in self.beside("shop") if "_restore_" in one], [])

    def test_done_outlasts_a_crash_of_the_server(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "UPDATE account SET balance = 1")
        self.assertEqual(self.server.sql("shop", "SHOW synchronous_commit"), "off")
        self.run_cairn("restore", "latest", "--disconnect", "--postgres", self.address("shop"))
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.sql("shop", "SELECT sum(balance) FROM account"), "100000")

    def test_killed_server_and_lost_network(self):
        self.make("shop", rows=20_000)
        self.backup_of("shop")
        self.server.sql("shop", "UPDATE account SET balance = 1; CHECKPOINT")
        with Proxy(self.server.port) as proxy:
            address = proxy.uri(self.server, "shop", user="postgres")
            for delay in (0.1, 0.3, 0.5):
                running = subprocess.Popen([BIN, "restore", "latest", "-q", "--disconnect", "--postgres", address], env=self.env(),
                                           stderr=subprocess.PIPE)
                time.sleep(delay)
                proxy.drop(refuse=True)
                said = running.communicate(timeout=60)[1].decode()
                proxy.resume()
                self.assertIn(running.returncode, (0, 1), said)
                state = self.server.sql("shop", "SELECT sum(balance), (SELECT count(*) FROM log) FROM account")
                self.assertIn(state, ["20000|20000", "2000000|20000"])
                if "shop is as it was" in said:
                    self.assertEqual(state, "20000|20000")
        for delay in (0.1, 0.4):
            running = subprocess.Popen([BIN, "restore", "latest", "-q", "--disconnect", "--postgres", self.address("shop")],
                                       env=self.env(), stderr=subprocess.PIPE)
            time.sleep(delay)
            self.server.kill()
            said = running.communicate(timeout=60)[1].decode()
            self.server.start()
            self.assertIn(running.returncode, (0, 1), said)
            self.assertIn(self.server.sql("shop", "SELECT sum(balance), (SELECT count(*) FROM log) FROM account"),
                          ["20000|20000", "2000000|20000"])
        self.run_cairn("restore", "--postgres", self.address(), "--clean-up")
        self.assertEqual([one for one in self.beside("shop") if "_restore_" in one], [])


@unittest.skipUnless(can_mount(), "needs to mount a small disk")
class FullDisk(CairnTest):
    def test_restore_into_a_full_disk_leaves_the_database_as_it_was(self):
        self.init()
        disk = tempfile.mkdtemp(prefix="cairn-disk-")
        self.addCleanup(os.rmdir, disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        options = {"max_wal_size": "32MB", "min_wal_size": "32MB", "wal_keep_size": "0", "shared_buffers": "16MB"}
        with Server(folder=disk, options=options) as server:
            server.create("shop")
            server.sql("shop", "CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t SELECT i, repeat(md5(i::text), 10) "
                               "FROM generate_series(1, 100000) i")
            address = server.uri("shop", user="postgres", local=True)
            self.run_cairn("backup", "--postgres", address)
            server.sql("shop", "DELETE FROM t WHERE id > 50; CHECKPOINT")
            failures = 0
            for left_mb in (2, 12, 25, 38):
                free = shutil.disk_usage(disk).free
                with open(os.path.join(disk, "filler"), "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, max(free - left_mb * 2**20, 1))
                done = self.run_cairn("restore", "latest", "--no-safety-snapshot", "--postgres", address, code=None)
                os.unlink(os.path.join(disk, "filler"))
                if done.returncode == 0:
                    break
                failures += 1
                said = done.stderr.decode()
                if "No space left" in said:
                    self.assertIn("shop", said)
                server.stop()
                server.start()  # it may have ended itself, for want of room for its log
                self.assertEqual(server.sql("shop", "SELECT count(*) FROM t"), "50")
                self.run_cairn("restore", "--postgres", address, "--clean-up")
                self.assertEqual([one for one in server.databases() if one.startswith("shop_")], [])
            self.assertGreater(failures, 1)
            self.run_cairn("restore", "latest", "--postgres", address)
            self.assertEqual(server.sql("shop", "SELECT count(*) FROM t"), "100000")


class Tables(PostgresTest):
    """Rows into tables of a database in use: in one transaction, all or none."""

    def rows(self, *args, snapshot="latest", **kwargs):
        report = self.json("restore", snapshot, "--postgres", self.address("shop"), *args, **kwargs)
        return {one["name"]: one for one in report["tables"]}, report

    def sql(self, text, **kwargs):
        return self.server.sql("shop", text, **kwargs)

    def test_chosen_table_is_replaced_and_undone(self):
        self.make("shop")
        self.sql("CREATE TABLE audit (what text); CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS "
                 "'BEGIN INSERT INTO public.audit VALUES (TG_NAME); RETURN NULL; END';"
                 "CREATE TRIGGER loud AFTER INSERT OR DELETE OR TRUNCATE ON account EXECUTE FUNCTION told();"
                 "ALTER TABLE account ENABLE ALWAYS TRIGGER loud;"
                 "CREATE TRIGGER quiet AFTER INSERT ON account EXECUTE FUNCTION told(); ALTER TABLE account DISABLE TRIGGER quiet;"
                 "COMMENT ON CONSTRAINT log_who_fkey ON log IS 'who it was'")
        shape = ("SELECT (SELECT string_agg(tgname || tgenabled::text, ' ' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal), "
                 "(SELECT pg_get_constraintdef(oid) || convalidated || obj_description(oid, 'pg_constraint') FROM pg_constraint "
                 "WHERE conname = 'log_who_fkey')")
        before = self.sql(shape)
        self.backup_of("shop")
        self.sql("UPDATE account SET balance = 1; UPDATE log SET note = 'kept'")
        self.sql("TRUNCATE audit")
        tables, report = self.rows("--table", "account")
        self.assertEqual(list(tables), ["account"])
        self.assertEqual(tables["account"]["inserted"], 1000)
        self.assertEqual(self.sql("SELECT sum(balance), (SELECT count(DISTINCT note) FROM log), (SELECT count(*) FROM audit) FROM account"),
                         "100000|1|0")
        self.assertEqual(self.sql(shape), before)
        self.json("restore", "--postgres", self.address(), "--undo", report["run"])
        self.assertEqual(self.sql("SELECT sum(balance), (SELECT count(DISTINCT note) FROM log) FROM account"), "1000|1")
        self.assertEqual(self.beside("shop"), [])

    def test_row_that_others_refer_to_is_not_lost(self):
        self.make("shop")
        self.backup_of("shop")
        self.sql("INSERT INTO account VALUES (5000, 7); INSERT INTO log (who, note) VALUES (5000, 'new')")
        said = self.error("restore", "latest", "--postgres", self.address("shop"), "--table", "account")
        self.assertIn("public.log refers to public.account", said)
        self.assertIn("shop is as it was", said)
        self.assertEqual(self.sql("SELECT count(*), (SELECT count(*) FROM log WHERE who = 5000) FROM account"), "1001|1")
        tables, _ = self.rows("--data-only")
        self.assertEqual({name: one["inserted"] for name, one in tables.items()}, {"account": 1000, "log": 1000})
        self.sql("INSERT INTO log (who, note) VALUES (1, 'the sequence goes on')")
        self.assertEqual(self.sql("SELECT max(id) > 1000 FROM log"), "t")

    def test_merge_keeps_rows_and_brings_the_missing(self):
        self.make("shop")
        self.sql("CREATE TABLE node (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, up int REFERENCES node, name text);"
                 "INSERT INTO node (up, name) SELECT NULLIF(i - 1, 0), 'n' || i FROM generate_series(1, 20) i;"
                 "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);"
                 "INSERT INTO a VALUES (1, 1), (2, NULL); INSERT INTO b VALUES (1, 1), (2, 2);"
                 "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b")
        self.backup_of("shop")
        self.sql("DELETE FROM node WHERE id > 5; UPDATE account SET balance = 1 WHERE id = 1; DELETE FROM log WHERE who = 3;"
                 "DELETE FROM account WHERE id = 3; INSERT INTO account VALUES (9999, 9);"
                 "UPDATE a SET b = NULL; DELETE FROM b; DELETE FROM a")
        tables, report = self.rows("--strategy", "merge")
        self.assertEqual((tables["account"]["inserted"], tables["account"]["present"]), (1, 999))
        self.assertEqual((tables["log"]["inserted"], tables["log"]["present"]), (1, 999))
        self.assertEqual(tables["node"]["inserted"], 15)
        self.assertEqual(self.sql("SELECT sum(balance), count(*) FROM account"), "99910|1001")
        # A row that needs one that needs it cannot come first; the others do.
        self.assertEqual((tables["a"]["inserted"], tables["a"]["orphans"]), (1, 1))
        self.assertEqual((tables["b"]["inserted"], tables["b"]["orphans"], tables["b"]["left_out"]), (1, 1, ["1"]))
        self.sql("INSERT INTO node (name) VALUES ('more')")
        again, _ = self.rows("--strategy", "merge", snapshot=report["safety_snapshot"])
        self.assertEqual(sum(one["inserted"] for one in again.values()), 0)

    def test_merge_by_email_across_versions_of_a_schema(self):
        self.make("shop")
        self.sql("CREATE EXTENSION citext; CREATE TYPE state AS ENUM ('new', 'old');"
                 "CREATE TABLE customer (id serial PRIMARY KEY, email citext, name text, fax text, age state DEFAULT 'old');"
                 "CREATE TABLE basket (id serial PRIMARY KEY, customer int NOT NULL REFERENCES customer, what text);"
                 "INSERT INTO customer (email, name, fax) VALUES ('Ann@x.org', 'Ann', '1'), ('bob@x.org', 'Bob', '2'), "
                 "('cleo@x.org', 'Cleo', '3'), (NULL, 'nobody', '4');"
                 "INSERT INTO basket (customer, what) VALUES (1, 'of Ann'), (2, 'of Bob'), (3, 'of Cleo')", user="postgres")
        self.backup_of("shop")
        self.sql("TRUNCATE customer, basket; ALTER TABLE customer DROP COLUMN fax;"
                 "ALTER TABLE customer ADD COLUMN city text DEFAULT 'here';"
                 "ALTER TABLE customer ALTER COLUMN id TYPE bigint; ALTER TYPE state RENAME VALUE 'old' TO 'older';"
                 "ALTER TYPE state ADD VALUE 'old';")
        # Bob has another number now, and his old one is somebody else's.
        self.sql("INSERT INTO customer (id, email, name) VALUES (2, 'dora@x.org', 'Dora'), (70, 'BOB@X.ORG', 'Robert');"
                 "SELECT setval('customer_id_seq', 70)")
        args = ("--table", "customer", "--table", "basket", "--strategy", "merge", "--key", "customer=email")
        plan = self.json("restore", "latest", "--postgres", self.address("shop"), *args, "-n")
        described = {one["name"]: one for one in plan["tables"]}
        self.assertEqual((described["customer"]["only_in_dump"], described["customer"]["only_here"], described["customer"]["key"]),
                         (["fax"], ["city"], ["email"]))
        tables, _ = self.rows(*args)
        self.assertEqual({k: tables["customer"][k] for k in ("inserted", "present", "without_key", "conflicts")},
                         {"inserted": 2, "present": 1, "without_key": 1, "conflicts": 0})
        self.assertEqual(self.sql("SELECT id, email, name, city, age FROM customer ORDER BY id").split("\n"),
                         ["1|Ann@x.org|Ann|here|old", "2|dora@x.org|Dora|here|older", "3|cleo@x.org|Cleo|here|old",
                          "70|BOB@X.ORG|Robert|here|older"])
        self.assertEqual(self.sql("SELECT b.what, c.name FROM basket b JOIN customer c ON c.id = b.customer ORDER BY 1").split("\n"),
                         ["of Ann|Ann", "of Bob|Robert", "of Cleo|Cleo"])
        self.sql("INSERT INTO customer (email) VALUES ('e@x.org')")

    def test_what_another_key_forbids_is_counted_and_listed(self):
        self.make("shop")
        self.sql("CREATE TABLE seat (id int PRIMARY KEY, place text UNIQUE); INSERT INTO seat VALUES (1, 'A'), (2, 'B'), (3, 'C')")
        self.backup_of("shop")
        self.sql("DELETE FROM seat; INSERT INTO seat VALUES (9, 'B')")
        tables, _ = self.rows("--table", "seat", "--strategy", "merge")
        self.assertEqual((tables["seat"]["inserted"], tables["seat"]["conflicts"], tables["seat"]["left_out"]), (2, 1, ["2"]))

    def test_every_odd_thing_comes_back_into_its_tables(self):
        odd_data(self.server, "shop")
        self.addCleanup(self.server.drop, "shop")
        self.backup_of("shop")
        self.server.create("shop_was", more="TEMPLATE shop", owner="odd owner")
        self.addCleanup(self.server.drop, "shop_was")
        tables, _ = self.rows("--data-only", "--no-safety-snapshot", "--exclude-table", "not_valid")
        self.assertGreater(len(tables), 20)
        found = [one for one in differences(self.server, "shop", self.server, "shop_was") if not one.startswith("database ")]
        self.assertEqual(found, [])

    def test_rows_of_all_widths_are_staged_as_they_come(self):
        self.make("shop")
        self.sql("CREATE TABLE wide (id int PRIMARY KEY, x text); INSERT INTO wide SELECT i, repeat('x', (i * 7919) % 1900) "
                 "FROM generate_series(1, 3000) i")
        self.backup_of("shop")
        tables, _ = self.rows("--table", "wide")
        self.assertEqual(tables["wide"]["inserted"], 3000)

    def test_nothing_is_cut_or_led_elsewhere(self):
        self.make("shop")
        self.sql("CREATE TABLE t (id int PRIMARY KEY, name text, bits varbit, fixed bpchar); INSERT INTO t VALUES "
                 "(1, 'a long name that matters', B'10101111', 'abcdef')")
        self.backup_of("shop")
        for column, type_name in (("name", "varchar(8)"), ("bits", "bit(4)"), ("fixed", "char(3)")):
            self.sql(f"ALTER TABLE t ALTER COLUMN {column} TYPE {type_name} USING NULL")
            for strategy in ("replace", "merge"):
                if strategy == "merge":
                    self.sql("DELETE FROM t")
                self.error("restore", "latest", "--postgres", self.address("shop"), "--table", "t", "--strategy", strategy)
            self.sql(f"ALTER TABLE t ALTER COLUMN {column} TYPE {'varbit' if column == 'bits' else 'text'}; DELETE FROM t;"
                     "INSERT INTO t VALUES (1, 'x', B'1', 'y')")
        self.sql("CREATE TABLE other (LIKE t); CREATE RULE away AS ON INSERT TO t DO INSTEAD INSERT INTO other VALUES (NEW.*);"
                 "ALTER TABLE t ENABLE ALWAYS RULE away")
        self.rows("--table", "t")
        self.assertEqual(self.sql("SELECT name, (SELECT count(*) FROM other), (SELECT ev_enabled FROM pg_rewrite WHERE rulename = 'away') "
                                  "FROM t"), "a long name that matters|0|A")
        self.assertIn("is for a whole database", self.error("restore", "latest", "--postgres", self.address("shop"), "--table", "t",
                                                            "--strategy", "refuse"))

    def test_keys_that_do_not_tell_rows_apart_are_refused(self):
        self.make("shop")
        self.sql("CREATE TABLE customer (id int PRIMARY KEY, email text); INSERT INTO customer VALUES (1, 'a'), (2, 'b');"
                 "CREATE TABLE basket (id int PRIMARY KEY, customer int REFERENCES customer); INSERT INTO basket VALUES (1, 1)")
        self.backup_of("shop")
        merge = ("restore", "latest", "--postgres", self.address("shop"), "--strategy", "merge", "--table", "customer", "--table", "basket")
        self.assertIn("--key custt: none", self.error(*merge, "--key", "custt=email"))
        self.sql("UPDATE customer SET email = 'a'")
        self.assertIn("several rows of the table have the key a", self.error(*merge, "--key", "customer=email"))
        self.backup_of("shop")
        self.sql("DELETE FROM basket; DELETE FROM customer")
        self.assertIn("several rows of the dump have the key a", self.error(*merge, "--key", "customer=email"))

    def test_rows_never_hang_on_the_parent_of_another(self):
        self.make("shop")
        self.sql("CREATE TABLE person (id int PRIMARY KEY, e text); INSERT INTO person VALUES (1, 'a'), (2, 'b');"
                 "CREATE TABLE profile (person int PRIMARY KEY REFERENCES person, t text); INSERT INTO profile VALUES (1, 'of a');"
                 "CREATE TABLE remark (id int PRIMARY KEY, profile int REFERENCES profile); INSERT INTO remark VALUES (1, 1);"
                 "CREATE TABLE home (id int PRIMARY KEY, person int REFERENCES person, l text); INSERT INTO home VALUES (1, 1, 'h');"
                 "CREATE TABLE basket (id int PRIMARY KEY, home int REFERENCES home); INSERT INTO basket VALUES (1, 1)")
        self.backup_of("shop")
        self.sql("DELETE FROM basket; DELETE FROM home; DELETE FROM remark; DELETE FROM profile; DELETE FROM person;"
                 "INSERT INTO person VALUES (1, 'b'), (2, 'a')")
        tables = [arg for name in ("person", "profile", "remark", "home", "basket") for arg in ("--table", name)]
        merge = ("restore", "latest", "--postgres", self.address("shop"), "--strategy", "merge", *tables, "--key", "person=e")
        said = self.error(*merge, "--key", "home=person,l")
        self.assertIn("remark: which row of public.profile its rows refer to by profile cannot be told", said)
        self.assertIn("basket: which row of public.home its rows refer to by home cannot be told", said)
        self.json(*merge, "--exclude-table", "remark")
        self.assertEqual(self.sql("SELECT p.e FROM person p JOIN profile o ON o.person = p.id"), "a")
        self.assertEqual(self.sql("SELECT p.e FROM person p JOIN home h ON h.person = p.id JOIN basket b ON b.home = h.id"), "a")

    def test_parent_may_be_partitioned_and_a_sequence_anybodys(self):
        self.make("shop")
        self.sql("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);"
                 "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200); INSERT INTO p SELECT generate_series(1, 199);"
                 "CREATE SEQUENCE free; CREATE TABLE c (id int PRIMARY KEY DEFAULT nextval('free'), p int REFERENCES p);"
                 "INSERT INTO c (p) SELECT generate_series(1, 199)")
        self.backup_of("shop")
        self.sql("DELETE FROM c; SELECT setval('free', 1)")
        tables, _ = self.rows("--strategy", "merge", "--table", "c")
        self.assertEqual((tables["c"]["inserted"], tables["c"]["orphans"]), (199, 0))
        self.sql("INSERT INTO c (p) VALUES (1)")

    def test_shape_that_is_changed_meanwhile_is_kept(self):
        self.make("shop", rows=100_000)
        self.sql("CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; END';"
                 "CREATE TRIGGER one AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION told(); ALTER TABLE log DISABLE TRIGGER one")
        self.backup_of("shop")
        self.sql("ALTER TABLE log ENABLE TRIGGER one")
        running = subprocess.Popen([BIN, "restore", "latest", "-q", "--postgres", self.address("shop"), "--table", "log",
                                    "--no-safety-snapshot"], env=self.env(), stderr=subprocess.PIPE)
        while not self.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY pg_temp%' LIMIT 1"):
            self.assertIsNone(running.poll())
        self.sql("ALTER TABLE log DISABLE TRIGGER one; CREATE TRIGGER two AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION told();"
                 "ALTER TABLE log DROP CONSTRAINT log_who_fkey;"
                 "ALTER TABLE log ADD CONSTRAINT log_who_fkey FOREIGN KEY (who) REFERENCES account ON DELETE CASCADE DEFERRABLE")
        said = running.communicate(timeout=100)[1].decode()
        self.assertEqual(running.returncode, 0, said)
        self.assertEqual(self.sql("SELECT string_agg(tgname || tgenabled::text, ' ' ORDER BY tgname) FROM pg_trigger "
                                  "WHERE NOT tgisinternal"), "oneD twoO")
        self.assertIn("ON DELETE CASCADE DEFERRABLE",
                      self.sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'log_who_fkey'"))

    def test_what_cannot_be_is_said_first(self):
        self.make("shop")
        self.sql("CREATE TABLE heap (x int); INSERT INTO heap VALUES (1)")
        self.backup_of("shop")
        self.assertIn("--key public.heap=", self.error("restore", "latest", "--postgres", self.address("shop"), "--strategy", "merge"))
        self.sql("DROP TABLE log")
        self.assertIn("has no table public.log", self.error("restore", "latest", "--postgres", self.address("shop"), "--data-only"))
        self.assertEqual(len(self.json("snapshots")["snapshots"]), 1)

    def test_writers_wait_and_nothing_of_theirs_is_lost(self):
        """What was committed before the tables are locked is in the safety snapshot."""
        self.make("shop")
        self.backup_of("shop")
        stop, written = threading.Event(), []

        def write():
            while not stop.is_set():
                written.append(self.sql("INSERT INTO log (who, note) VALUES (1, 'live') RETURNING id").split("\n")[0])
        thread = threading.Thread(target=write)
        thread.start()
        try:
            time.sleep(0.3)
            _, report = self.rows("--table", "log")
            time.sleep(0.3)
        finally:
            stop.set()
            thread.join()
        text = self.run_cairn("dump", report["safety_snapshot"] + ":/data/tables/public/log.copy").stdout.decode()
        saved = {line.split("\t")[0] for line in text.splitlines()}
        now = set(self.sql("SELECT id FROM log").split("\n"))
        self.assertEqual(set(written) - saved - now, set())
        self.assertTrue(set(written) & saved)
        self.assertTrue(set(written) & now)

    def test_killed_in_the_middle_changes_nothing_or_all(self):
        self.make("shop", rows=30_000)
        self.backup_of("shop")
        self.sql("UPDATE account SET balance = 1")
        for number in range(10):
            running = subprocess.Popen([BIN, "restore", "latest", "-q", "--no-safety-snapshot", "--data-only", "--postgres",
                                        self.address("shop")], env=self.env(), stderr=subprocess.DEVNULL)
            time.sleep(0.1 + 0.04 * number)
            running.kill()
            running.wait(timeout=60)
            sums = self.sql("SET lock_timeout = '30s'; SELECT sum(balance), (SELECT count(*) FROM log), "
                            "(SELECT count(*) FROM pg_constraint WHERE contype = 'f') FROM account")
            self.assertIn(sums, ["30000|30000|1", "3000000|30000|1"])


class BadInput(PostgresTest):
    def test_what_is_wrong_is_named(self):
        self.make("shop")
        self.assertIn("password authentication failed", self.error("backup", "--postgres", self.server.uri("shop", password="s3cret")))
        self.assertIn("asks for a password", self.error("backup", "--postgres", self.server.uri("shop", password="")
                                                        .replace(":@", "@")))
        self.assertIn("does not exist", self.error("backup", "--postgres", self.address("nowhere")))
        self.assertIn("refused", self.error("backup", "--postgres", "postgresql://app@127.0.0.1:1/shop"))
        self.assertIn("cannot be read", self.error("backup", "--postgres", "postgresql://app:s3cret@[::1/shop"))
        self.assertIn("NOWHERE is not set", self.error("backup", "--postgres", "env:NOWHERE"))
        self.assertEqual(self.json("snapshots")["snapshots"], [])
        # The address may come from where nobody sees it, and is nowhere to be seen afterwards.
        self.json("backup", "--postgres", "env:DATABASE_URL", DATABASE_URL=self.server.uri("shop"))
        told = self.run_cairn("backup", "--postgres", self.server.uri("shop")).stderr.decode()
        self.assertIn("everybody on this machine can read the password", told)
        self.assertNotIn(APP_PASSWORD, told)
        text = self.run_cairn("snapshots", "--json").stdout.decode() + self.run_cairn("dump", "latest:/database.json").stdout.decode()
        self.assertNotIn(APP_PASSWORD, text)

    def test_rights_that_are_missing_are_named(self):
        self.make("shop")
        self.server.sql("shop", "CREATE TABLE secret (x int); CREATE TABLE mine (x int, owner text); INSERT INTO mine VALUES (1, 'a');"
                                "ALTER TABLE mine ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON mine USING (owner = current_user);"
                                "GRANT SELECT ON mine TO app")
        said = self.error("backup", "--postgres", self.server.uri("shop"))
        self.assertIn("may not read", said)
        self.assertIn("public.secret", said)
        said = self.error("backup", "--postgres", self.server.uri("shop"), "--exclude-table", "secret")
        self.assertIn("policies hide rows of public.mine", said)
        self.assertEqual(self.json("snapshots")["snapshots"], [])

    def test_pooler_is_named(self):
        self.make("shop")
        with Bouncer(self.server) as bouncer:
            self.assertIn("pooler", self.error("backup", "--postgres", bouncer.uri("shop")))
            self.backup_of("shop")
            self.assertIn("pooler", self.error("restore", "latest", "--postgres", bouncer.uri("shop")))

    def test_no_program_that_reads_the_server(self):
        self.make("shop")
        os.mkdir(self.path("empty"))
        said = self.error("backup", "--postgres", self.address("shop"), CAIRN_PG_BIN=self.path("empty"))
        self.assertIn("no pg_dump here reads PostgreSQL", said)
        self.assertIn("tools/pg-client", said)
        self.json("backup", "--postgres", self.address("shop"), "--data-only", CAIRN_PG_BIN=self.path("empty"))

    def test_program_that_fails_makes_no_snapshot(self):
        self.make("shop")
        real = os.path.join(self.server.bin, "pg_dump")
        os.mkdir(self.path("bin"))
        for name, end in (("status", "exit 1"), ("signal", "kill -9 $$")):
            with open(self.path("bin/pg_dump"), "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\ncase "$*" in *--version*) exec {real} "$@";; esac\n{real} "$@"\necho broken >&2\n{end}\n')
            os.chmod(self.path("bin/pg_dump"), 0o755)
            said = self.error("backup", "--postgres", self.address("shop"), CAIRN_PG_BIN=self.path("bin"))
            self.assertIn("pg_dump", said, name)
            self.assertEqual(self.json("snapshots")["snapshots"], [])

    def test_session_that_is_ended_makes_no_snapshot(self):
        self.server.create("bank")
        self.addCleanup(self.server.drop, "bank")
        self.server.run("pgbench", "-i", "-q", "-s", "30", database="bank")
        running = subprocess.Popen([BIN, "backup", "--postgres", self.address("bank")], env=self.env(), stderr=subprocess.PIPE)
        while not self.server.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'bank' "
                                              "AND state = 'active' AND query LIKE 'COPY%TO STDOUT'"):
            self.assertIsNone(running.poll(), "it was over before its session was ended")
        said = running.communicate(timeout=60)[1].decode()
        self.assertEqual(running.returncode, 1, said)
        self.assertIn("terminat", said)
        self.assertEqual(self.json("snapshots")["snapshots"], [])


class Encrypted(CairnTest):
    def test_certificate_is_verified(self):
        with Server(tls=True) as server:
            self.init()
            server.create("shop")
            server.sql("shop", "CREATE TABLE t (x int)")
            self.run_cairn("backup", "--postgres", server.uri("shop", user="postgres"))
            self.run_cairn("restore", "latest", "--postgres", server.uri("shop", user="postgres"), "--as", "shop2")
            wrong = server.uri("shop", user="postgres", sslrootcert=server.other_ca)
            self.assertIn("certificate", self.run_cairn("backup", "--postgres", wrong, code=1).stderr.decode())


@unittest.skipUnless(installed(), "no PostgreSQL is installed")
class AnotherVersion(PostgresTest):
    def test_older_dump_into_newer_server(self):
        try:
            newer = Server(version=17)
        except Missing as error:
            raise unittest.SkipTest(str(error)) from None
        with newer:
            if self.server.version >= 17:
                self.skipTest("there is no older server")
            self.make("shop")
            self.backup_of("shop")
            self.json("restore", "latest", "--postgres", newer.uri("", user="postgres", local=True))
            self.assertEqual(newer.sql("shop", "SELECT sum(balance), (SELECT count(*) FROM log) FROM account"), "100000|1000")
            # And not the other way round; a newer pg_dump reads the older server all the same.
            both = {"CAIRN_PG_BIN": newer.bin}
            self.json("backup", "--postgres", newer.uri("shop", user="postgres", local=True), **both)
            said = self.error("restore", "latest", "--postgres", self.address(), "--as", "shop_old", **both)
            self.assertIn("restore into 17 or later", said)
            self.json("backup", "--postgres", self.address("shop"), **both)
            self.json("restore", "latest", "--postgres", self.address(), "--as", "shop_new", **both)
            self.assertEqual(differences(self.server, "shop", self.server, "shop_new"), [])


if __name__ == "__main__":
    unittest.main()
