"""A database in use that is changed in one transaction, where none can be made beside it."""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN
from postgres_odd_data import ODD_EXTENSIONS
from postgres_test import PostgresTest
from postgres_testing import Server, differences, installed, odd_data


class InPlaceTest(PostgresTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.sql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'kept'; CREATE ROLE other LOGIN PASSWORD 'kept'")

    def as_role(self, role, database, *args, code=0):
        done = self.run_cairn(*args, "--postgres", self.server.uri(database, user=role, password=""), "--json", code=code,
                              PGPASSWORD="kept")
        return [json.loads(line) for line in done.stdout.decode().split("\n") if line.startswith("{")]

    def state(self, database):
        return self.server.sql(database, """SELECT (SELECT count(*) || ' ' || sum(balance) FROM account),
            (SELECT count(*) || ' ' || max(id) FROM log), (SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
            WHERE oid >= 16384 AND relname !~ '^pg_toast')""")

    def make_kept(self, name, rows=1000):
        """All of it is a role's who may not make databases."""
        self.server.drop(name)
        self.server.create(name, owner="keeper")
        self.addCleanup(self.drop_all, name)
        self.server.sql(name, f"""SET ROLE keeper;
            CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL);
            CREATE TABLE log (id bigserial PRIMARY KEY, who int REFERENCES account, note text);
            CREATE VIEW rich AS SELECT * FROM account WHERE balance > 99;
            CREATE FUNCTION kept_as_it_is() RETURNS int LANGUAGE sql AS 'SELECT 1';
            CREATE SCHEMA audit; CREATE TABLE audit.seen (log bigint REFERENCES log);
            INSERT INTO account SELECT i, 100 FROM generate_series(1, {rows}) i;
            INSERT INTO log (who, note) SELECT i, md5(i::text) FROM generate_series(1, {rows}) i;
            INSERT INTO audit.seen SELECT 1 FROM generate_series(1, 3);
            SELECT lo_from_bytea(900, 'as it was');""")

    def same(self, a, b):
        found = differences(self.server, a, self.server, b)
        self.assertEqual([one for one in found if not one.startswith("database ")], [])

    def copy(self, name):
        self.server.sql("postgres", f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
        self.addCleanup(self.server.drop, name + "_copy")
        return name + "_copy"


class ByRights(InPlaceTest):
    def test_a_role_that_may_not_make_databases(self):
        self.make_kept("kept")
        self.backup_of("kept")
        before = self.copy("kept")
        self.server.sql("kept", """SET ROLE keeper; DELETE FROM log WHERE id > 10; UPDATE account SET balance = 1; DROP VIEW rich;
            DROP TABLE audit.seen; ALTER TABLE log ADD extra int, DROP note; SELECT lo_put(900, 0, 'X'); CREATE TABLE mine (a int);
            INSERT INTO mine VALUES (7); CREATE INDEX more ON account (balance)""")
        function = self.server.sql("kept", "SELECT 'kept_as_it_is'::regproc::oid")
        changed = self.copy_of_state("kept")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run")[-1]
        self.assertEqual((plan["way"], plan["why"]), ("in place", "the role keeper may not create databases"))
        self.assertEqual(plan["problems"], [])
        for told in ("they stay as they are: TABLE public.mine", "INDEX public.more"):
            self.assertTrue(any(told in note for note in plan["notes"]), plan["notes"])
        report = self.as_role("keeper", "kept", "restore", "latest")[-1]
        self.assertEqual((report["rows"], report["verified"]), (2003, 4))
        self.assertEqual(self.server.sql("kept", "SELECT * FROM mine; DROP TABLE mine"), "7")
        self.assertEqual(self.server.sql("kept", "SELECT 'kept_as_it_is'::regproc::oid"), function)
        self.same(before, "kept")
        self.assertEqual(self.beside("kept"), ["kept_changed", "kept_copy"])
        # And back, by the safety snapshot: what the restore has made is gone again.
        self.as_role("keeper", "kept", "restore", "--undo", report["run"])
        self.same(changed, "kept")

    def copy_of_state(self, name):
        self.server.sql("postgres", f'CREATE DATABASE "{name}_changed" TEMPLATE "{name}"')
        self.addCleanup(self.server.drop, name + "_changed")
        return name + "_changed"

    def test_a_role_that_owns_the_tables_and_not_the_database(self):
        self.make_kept("kept")
        self.backup_of("kept")
        before = self.copy("kept")
        self.server.sql("postgres", "ALTER DATABASE kept OWNER TO other; ALTER ROLE keeper CREATEDB")
        self.addCleanup(self.server.sql, "postgres", "ALTER ROLE keeper NOCREATEDB")
        self.server.sql("kept", "DELETE FROM audit.seen; DELETE FROM log; GRANT CREATE ON SCHEMA public TO keeper")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run")[-1]
        self.assertEqual(plan["why"], "the role keeper does not own kept, and may not rename it")
        self.as_role("keeper", "kept", "restore", "latest")
        self.server.sql("kept", "REVOKE CREATE ON SCHEMA public FROM keeper")
        self.same(before, "kept")

    def test_what_the_role_may_not_do_is_in_the_plan(self):
        self.make_kept("kept")
        self.server.sql("kept", """CREATE SCHEMA more; CREATE TABLE more.a (); CREATE EXTENSION btree_gist; CREATE EXTENSION file_fdw;
            CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
            CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION noticed()""")
        self.backup_of("kept")
        self.server.sql("kept", "DROP EXTENSION file_fdw; DROP EXTENSION btree_gist; DROP EVENT TRIGGER watches;"
                                "ALTER TABLE log OWNER TO other; DROP SCHEMA more CASCADE; REVOKE CREATE ON DATABASE kept FROM keeper;"
                                "GRANT ALL ON ALL TABLES IN SCHEMA public, audit TO keeper; ALTER DATABASE kept OWNER TO other")
        before = self.state("kept")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run", code=1)[-1]
        self.assertIn("permission denied for sequence log_id_seq", plan["problems"][0])
        self.server.sql("kept", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO keeper")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run", code=1)[-1]
        problems = "\n".join(plan["problems"])
        for said in ("may not drop what belongs to others: TABLE public.log of other", "may not act for postgres",
                     "may not make the extension file_fdw", "EVENT TRIGGER watches is a superuser's", "may not make the schema more",
                     "may make nothing in the schema public"):
            self.assertIn(said, problems)
        self.assertNotIn("btree_gist", problems)  # trusted
        self.as_role("keeper", "kept", "restore", "latest", code=1)
        self.assertEqual(self.state("kept"), before)

    def test_what_stands_on_it_and_is_not_the_dumps(self):
        self.make_kept("kept")
        self.backup_of("kept")
        self.server.sql("kept", """SET ROLE keeper; CREATE VIEW of_mine AS SELECT id FROM log; CREATE TABLE mine (a int REFERENCES account);
            CREATE FUNCTION whole() RETURNS SETOF log LANGUAGE sql AS 'SELECT * FROM log'""")
        before = self.state("kept")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run", code=1)[-1]
        problems = "\n".join(plan["problems"])
        for one in ("VIEW public.of_mine", "TABLE public.mine", "FUNCTION public.whole()"):
            self.assertIn(one, problems)
        self.as_role("keeper", "kept", "restore", "latest", code=1)
        self.assertEqual(self.state("kept"), before)

    def test_it_goes_with_no_part_of_a_database(self):
        self.make_kept("kept")
        self.backup_of("kept")
        for args in (["--table", "log"], ["--strategy", "merge"], ["--strategy", "refuse"]):
            self.assertIn("--in-place is for a whole database",
                          self.error("restore", "latest", "--postgres", self.address("kept"), "--in-place", *args))

    def test_statements_for_a_database_beside_are_not_passed_over(self):
        self.make_kept("kept")
        self.backup_of("kept")
        with open(self.path("mask.sql"), "w", encoding="utf-8") as file:
            file.write("UPDATE account SET balance = 0")
        said = self.as_role("keeper", "kept", "restore", "latest", "--after-sql", self.path("mask.sql"), code=1)[-1]["message"]
        self.assertIn("kept is changed in place", said)

    def test_commands_round_it(self):
        self.make_kept("kept")
        self.backup_of("kept")
        self.server.sql("kept", "DELETE FROM audit.seen; DELETE FROM log")
        before = self.state("kept")
        said = self.as_role("keeper", "kept", "restore", "latest", "--before", "exit 3", code=1)[-1]["message"]
        self.assertIn("kept is as it was", said)
        self.assertEqual(self.state("kept"), before)
        self.as_role("keeper", "kept", "restore", "latest", "--before", f"touch {self.path('stopped')}")
        self.assertTrue(os.path.exists(self.path("stopped")))
        self.assertEqual(self.server.sql("kept", "SELECT count(*) FROM log"), "1000")

    def test_a_role_that_can_connect_to_no_other_database(self):
        self.make_kept("kept")
        self.backup_of("kept")
        before = self.copy("kept")
        self.server.sql("kept", "DELETE FROM audit.seen; DELETE FROM log")
        for place in ("postgres", "template1"):
            self.server.sql("kept", f"REVOKE CONNECT ON DATABASE {place} FROM PUBLIC")
            self.addCleanup(self.server.sql, "kept", f"GRANT CONNECT ON DATABASE {place} TO PUBLIC")
        report = self.as_role("keeper", "kept", "restore", "latest")[-1]
        self.same(before, "kept")
        self.as_role("keeper", "kept", "restore", "--undo", report["run"])
        self.assertEqual(self.server.sql("kept", "SELECT count(*) FROM log"), "0")

    def test_where_there_is_no_such_database_none_is_made(self):
        self.make_kept("kept")
        self.backup_of("kept")
        said = self.run_cairn("restore", "latest", "--postgres", self.server.uri("kept_new", user="keeper", password=""), code=1,
                              PGPASSWORD="kept").stderr.decode()
        self.assertIn("may not create databases", said)


class Whole(InPlaceTest):
    def test_every_odd_thing(self):
        odd_data(self.server, "odd")
        self.addCleanup(self.server.drop, "odd")
        self.backup_of("odd")
        before = self.copy("odd")
        self.server.sql("odd", """DELETE FROM many_rows; UPDATE every_type SET tx = 'x'; DROP TABLE staff CASCADE; DROP TYPE shell_only;
            CREATE OR REPLACE FUNCTION new_style(a int) RETURNS int LANGUAGE sql AS 'SELECT 7'; ALTER TABLE no_key ADD z int;
            TRUNCATE by_range; SELECT lo_unlink(900003); SELECT lo_put(900001, 0, 'changed'); DROP SEQUENCE cycled;
            ALTER TABLE counted ALTER id DROP DEFAULT; DROP VIEW "view's"; SELECT setval('never_called', 77)""")
        plan = self.json("restore", "latest", "--postgres", self.address("odd"), "--in-place", "--dry-run")
        self.assertGreater(plan["kept"], 50)
        report = self.json("restore", "latest", "--postgres", self.address("odd"), "--in-place")
        self.assertGreater(report["verified"], 20)
        self.same(before, "odd")
        # Once more: nothing of the first is in the way of the second, nor of taking it back.
        self.json("restore", "latest", "--postgres", self.address("odd"), "--in-place", "--schema-only")
        self.assertEqual(self.server.sql("odd", "SELECT count(*) FROM many_rows"), "0")
        self.json("restore", "--postgres", self.address("odd"), "--undo", report["run"])
        self.assertEqual(self.server.sql("odd", "SELECT count(*), (SELECT count(*) FROM every_type WHERE tx = 'x') FROM many_rows"), "0|12")

    def test_into_an_empty_database(self):
        self.make_kept("kept")
        self.backup_of("kept")
        self.server.create("kept_empty", owner="keeper")
        self.as_role("keeper", "kept_empty", "restore", "latest")
        self.same("kept", "kept_empty")

    def test_what_is_written_before_the_lock_is_in_the_safety_snapshot(self):
        self.make_kept("kept")
        self.backup_of("kept")
        done, written = threading.Event(), []

        def write():
            while not done.is_set():
                try:
                    written.append(int(self.server.sql("kept", "INSERT INTO log (note) VALUES ('meanwhile') RETURNING id")))
                except Exception:  # pylint: disable=broad-except
                    return  # it waited for a table that was dropped
        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        while len(written) < 5:
            time.sleep(0.05)
        report = self.as_role("keeper", "kept", "restore", "latest")[-1]
        done.set()
        for thread in threads:
            thread.join()
        there = self.server.sql("kept", "SELECT count(*) FROM log WHERE note = 'meanwhile'")
        self.as_role("keeper", "kept", "restore", "--undo", report["run"])
        back = self.server.sql("kept", "SELECT count(*) FROM log WHERE note = 'meanwhile'")
        self.assertEqual(int(back) + int(there), len(written))

    def test_a_sequence_of_its_own_standing_is_as_it_was_after_a_failure(self):
        self.make_kept("kept")
        self.server.sql("kept", "SET ROLE keeper; CREATE SEQUENCE alone; SELECT setval('alone', 5)")
        self.backup_of("kept")
        self.server.sql("kept", "SELECT setval('alone', 5000)")
        value = "SELECT last_value, is_called FROM alone"
        said = self.as_role("keeper", "kept", "restore", "latest", "--before", "exit 3", code=1)[-1]["message"]
        self.assertIn("kept is as it was", said)
        self.assertEqual(self.server.sql("kept", value), "5000|t")
        report = self.as_role("keeper", "kept", "restore", "latest")[-1]
        self.assertEqual(self.server.sql("kept", value), "5|t")
        self.as_role("keeper", "kept", "restore", "--undo", report["run"])
        self.assertEqual(self.server.sql("kept", value), "5000|t")

    def test_a_sequence_of_others_is_in_the_plan(self):
        self.make_kept("kept")
        self.server.sql("kept", "CREATE SEQUENCE alone; GRANT ALL ON SEQUENCE alone TO keeper")
        self.backup_of("kept")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run", code=1)[-1]
        self.assertIn("public.alone", "".join(plan["problems"]))

    def test_a_function_changed_while_the_safety_snapshot_is_taken_is_not_lost(self):
        self.make_kept("kept")
        self.server.sql("kept", """SET ROLE keeper; CREATE FUNCTION meant() RETURNS int LANGUAGE sql AS 'SELECT 1';
            CREATE TABLE mine AS SELECT i, md5(i::text) FROM generate_series(1, 500000) i""")
        self.backup_of("kept")
        change = "CREATE OR REPLACE FUNCTION meant() RETURNS int LANGUAGE sql AS 'SELECT {}'"
        self.server.sql("kept", change.format(2) + "; INSERT INTO mine SELECT i, md5(i::text) FROM generate_series(1, 1000000) i")
        child = subprocess.Popen([BIN, "restore", "latest", "--postgres", self.server.uri("kept", user="keeper", password="")],
                                 env=self.env(PGPASSWORD="kept"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        copies = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^COPY .*mine'"
        while self.server.sql("postgres", copies) == "0":
            self.assertIsNone(child.poll())
            time.sleep(0.01)
        self.server.sql("kept", change.format(3))
        said = child.communicate()[1].decode()
        self.assertIn("was changed in shape meanwhile", said)
        self.assertEqual((child.returncode, self.server.sql("kept", "SELECT meant()")), (1, "3"))

    def test_a_subscription_that_loses_a_table_is_told(self):
        self.make_kept("kept")
        self.backup_of("kept")
        self.server.sql("kept", """CREATE SUBSCRIPTION fed CONNECTION 'host=/nowhere' PUBLICATION p WITH (connect = false);
            INSERT INTO pg_subscription_rel SELECT oid, 'account'::regclass, 'r' FROM pg_subscription WHERE subname = 'fed'""")
        self.addCleanup(self.server.sql, "kept", "ALTER SUBSCRIPTION fed SET (slot_name = NONE); DROP SUBSCRIPTION fed")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run")[-1]
        self.assertTrue(any("subscriptions of public.account end" in note for note in plan["notes"]), plan)

    def test_the_comment_of_a_keys_index_stays(self):
        self.make_kept("kept")
        self.server.sql("kept", """CREATE TABLE "o d" (a int CONSTRAINT "K y" PRIMARY KEY); ALTER TABLE "o d" OWNER TO keeper;
            COMMENT ON INDEX account_pkey IS 'of a key'; COMMENT ON INDEX "K y" IS 'of an odd one'""")
        self.backup_of("kept")
        before = self.copy("kept")
        self.as_role("keeper", "kept", "restore", "latest")
        self.same(before, "kept")

    def test_to_wait_for_no_lock_at_all(self):
        self.make_kept("kept")
        self.backup_of("kept")
        statement = "BEGIN; SELECT count(*) FROM log; SELECT pg_sleep(60)"
        reader = subprocess.Popen([os.path.join(self.server.bin, "psql"), "-X", "-c", statement],
                                  env=self.server.env("kept"), stdout=subprocess.DEVNULL)
        try:
            sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()"
            while self.server.sql("postgres", sleeps) == "0":
                time.sleep(0.05)
            begun = time.monotonic()
            said = self.as_role("keeper", "kept", "restore", "latest", "--lock-wait", "0", code=1)[-1]["message"]
            self.assertIn("kept is as it was", said)
            self.assertLess(time.monotonic() - begun, 30)
        finally:
            reader.kill()
            reader.wait()

    def test_somebody_who_reads_for_too_long(self):
        self.make_kept("kept")
        self.backup_of("kept")
        before = self.state("kept")
        statement = "BEGIN; SELECT count(*) FROM log; SELECT pg_sleep(60)"
        reader = subprocess.Popen([os.path.join(self.server.bin, "psql"), "-X", "-c", statement],
                                  env=self.server.env("kept"), stdout=subprocess.DEVNULL)
        try:
            sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()"
            while self.server.sql("postgres", sleeps) == "0":
                time.sleep(0.05)
            said = self.as_role("keeper", "kept", "restore", "latest", "--lock-wait", "1", code=1)[-1]["message"]
            self.assertIn("kept is as it was", said)
        finally:
            reader.kill()
            reader.wait()
        self.assertEqual(self.state("kept"), before)


class Killed(InPlaceTest):
    """At a random moment: the database is as it was, or as the dump has it, whatever the moment."""

    def test_at_any_moment(self):
        self.make_kept("kept", rows=30000)
        self.backup_of("kept")
        self.server.sql("kept", "DELETE FROM audit.seen; DELETE FROM log WHERE id > 100; DROP VIEW rich")
        before = self.state("kept")
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        command = [BIN, "restore", "latest", "--postgres", self.server.uri("kept", user="keeper", password="")]
        env = self.env(PGPASSWORD="kept")
        begun, after = time.monotonic(), None
        subprocess.run(command, env=env, check=True, capture_output=True)
        took = time.monotonic() - begun
        after = self.state("kept")
        self.assertNotEqual(after, before)
        seen = set()
        for _ in range(12):
            self.server.sql("kept", "DELETE FROM audit.seen; DELETE FROM log WHERE id > 100; DROP VIEW IF EXISTS rich")
            child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, took))
            child.send_signal(signal.SIGKILL)
            child.wait()
            end = time.monotonic() + 30
            while self.server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'keeper'") != "0":
                self.assertLess(time.monotonic(), end, f"a session goes on (seed {seed})")
                time.sleep(0.05)
            self.assertIn(self.state("kept"), (before, after), f"seed {seed}")
            seen.add(self.state("kept"))
        self.assertIn(before, seen)


class WithExtensions(InPlaceTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(version=cls.VERSION, extensions=ODD_EXTENSIONS)
        cls.addClassCleanup(cls.server.close)
        cls.server.sql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'kept'")

    def test_an_extensions_rows_cannot_be_changed_while_the_safety_snapshot_is_taken(self):
        self.make_kept("kept")
        self.server.sql("kept", """CREATE EXTENSION odd_config; CREATE TABLE mine AS SELECT i, md5(i::text) FROM
            generate_series(1, 10) i; INSERT INTO odd_config_some VALUES (7, 'as it was')""")
        self.backup_of("kept")
        self.server.sql("kept", "INSERT INTO mine SELECT i, md5(i::text) FROM generate_series(1, 1000000) i")
        child = subprocess.Popen([BIN, "restore", "latest", "--in-place", "--postgres", self.address("kept")], env=self.env(),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        copies = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^COPY .*mine'"
        while self.server.sql("postgres", copies) == "0":
            self.assertIsNone(child.poll())
            time.sleep(0.01)
        self.server.sql("kept", "INSERT INTO odd_config_some VALUES (8, 'meanwhile')")  # waits for the end
        self.assertEqual(child.wait(), 0, child.communicate()[1])
        self.assertEqual(self.server.sql("kept", "SELECT string_agg(id::text, ' ' ORDER BY id) FROM odd_config_some"), "1 7 8")


class FewLocks(InPlaceTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(version=cls.VERSION, options={"max_locks_per_transaction": 10, "max_connections": 20})
        cls.addClassCleanup(cls.server.close)
        cls.server.sql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'kept'")

    def test_the_plan_says_that_there_is_no_room(self):
        self.make_kept("kept", rows=10)
        for _ in range(4):
            self.server.sql("kept", "SET ROLE keeper; DO $$ BEGIN FOR i IN 1..20 LOOP EXECUTE format('CREATE TABLE t_%s (a text)',"
                                    " (SELECT count(*) FROM pg_class)); END LOOP; END $$")
        self.backup_of("kept")
        plan = self.as_role("keeper", "kept", "restore", "latest", "--dry-run", code=1)[-1]
        self.assertIn("max_locks_per_transaction", plan["problems"][0])


class On17(InPlaceTest):
    """With that version's own programs."""
    VERSION = 17

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        before = os.environ["PATH"]
        cls.addClassCleanup(os.environ.update, PATH=before)
        os.environ["PATH"] = cls.server.bin + os.pathsep + before


if installed()[-1:] != [17]:
    for _case in (ByRights, Whole, Killed):
        globals()[_case.__name__ + "17"] = type(_case.__name__ + "17", (On17, _case), {"__module__": __name__})
    del _case


if __name__ == "__main__":
    unittest.main()
