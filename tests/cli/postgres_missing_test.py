"""Tables that are not there any more are made again, with all that belongs to them; databases without rows."""
import os
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN
from postgres_odd_data import ODD_NAMES, quoted
from postgres_test import PostgresTest
from postgres_testing import differences, installed, odd_data


class MissingTest(PostgresTest):
    def copy(self, name):
        """As it is now, beside: NAME_copy."""
        self.server.sql("postgres", f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
        self.addCleanup(self.server.drop, name + "_copy")
        return name + "_copy"

    def same(self, a, b, **how):
        """But for what is of the database itself, which a copy has not."""
        found = differences(self.server, a, self.server, b, **how)
        self.assertEqual([one for one in found if not one.startswith("database ")], [])

    def restore_tables(self, database, *tables, snapshot="latest", more=()):
        args = [word for table in tables for word in ("--table", table)]
        return self.json("restore", snapshot, "--postgres", self.address(database), *args, *more)

    def refused(self, database, *args):
        """Nothing is changed, and the plan says the same as the restore."""
        before = self.server.run("pg_dump", database)
        told = self.error("restore", "latest", "--postgres", self.address(database), *args, "--dry-run")
        self.error("restore", "latest", "--postgres", self.address(database), *args)
        self.assertEqual([one for one in before.split(b"\n") if b"restrict" not in one],
                         [one for one in self.server.run("pg_dump", database).split(b"\n") if b"restrict" not in one])
        return told


class AGoneTable(MissingTest):
    def make(self, name, rows=1000):
        super().make(name, rows)
        self.server.sql(name, """
            CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'by a trigger'; RETURN NEW; END $$;
            CREATE INDEX log_note ON log (lower(note)) WHERE note <> '';
            CREATE TRIGGER noted BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION note_it();
            CREATE POLICY mine ON log USING (who > 0);
            ALTER TABLE log ENABLE ROW LEVEL SECURITY, ADD CONSTRAINT positive CHECK (who > 0), ALTER who SET STATISTICS 50;
            COMMENT ON TABLE log IS E'it''s a\nlog'; COMMENT ON COLUMN log.note IS 'of it';
            COMMENT ON CONSTRAINT log_who_fkey ON log IS 'a key';
            GRANT SELECT ON log TO PUBLIC; GRANT UPDATE (note) ON log TO pg_monitor;
            CREATE STATISTICS log_stats ON who, note FROM log;
            CREATE TABLE line (log bigint REFERENCES log, text text);
            INSERT INTO line SELECT i, 'l' FROM generate_series(1, 10) i;
            SELECT setval('log_id_seq', 5000);""")

    def test_all_that_belongs_to_it_comes_back(self):
        self.make("shop")
        self.backup_of("shop")
        before = self.copy("shop")
        self.server.sql("shop", "DROP TABLE log CASCADE")
        plan = self.restore_tables("shop", "log", more=["--dry-run"])
        self.assertEqual(plan["missing"], [{"schema": "public", "name": "log", "rows": 1000}])
        self.assertEqual(self.server.sql("shop", "SELECT to_regclass('log') IS NULL"), "t")
        report = self.restore_tables("shop", "log")
        self.assertEqual([(one["name"], one["made"], one["rows"]) for one in report["tables"]], [("log", True, 1000)])
        self.assertIsNone(report["safety_snapshot"])
        self.same(before, "shop", exact_sequences=True)
        self.assertEqual(self.server.sql("shop", "INSERT INTO log (who) VALUES (1) RETURNING note, id"), "by a trigger|5001")

    def test_beside_one_that_is_replaced(self):
        self.make("shop")
        self.backup_of("shop")
        before = self.copy("shop")
        self.server.sql("shop", "DROP TABLE log CASCADE; DELETE FROM line; DELETE FROM account WHERE id > 10")
        report = self.restore_tables("shop", "log", "account", "line")
        self.assertEqual({one["name"]: one["made"] for one in report["tables"]}, {"log": True, "account": False, "line": False})
        self.same(before, "shop")

    def test_where_rows_elsewhere_do_not_fit_nothing_is_done(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "DROP TABLE log CASCADE; INSERT INTO line VALUES (99999, 'of nothing')")
        said = self.error("restore", "latest", "--postgres", self.address("shop"), "--table", "log")
        self.assertIn("line_log_fkey", said)
        self.assertIn("shop is as it was", said)
        self.assertEqual(self.server.sql("shop", "SELECT to_regclass('log') IS NULL, to_regclass('log_id_seq') IS NULL"), "t|t")

    def test_keys_of_tables_that_are_not_there_are_left_out_and_told(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "DROP TABLE log, line, account CASCADE")
        plan = self.restore_tables("shop", "log", more=["--dry-run"])
        self.assertIn("the foreign key public.log log_who_fkey is left out, for there is no table public.account", plan["notes"])
        self.assertTrue(any("line_log_fkey to public.log is left out" in note for note in plan["notes"]), plan["notes"])
        self.restore_tables("shop", "log")
        self.assertEqual(self.server.sql("shop", "SELECT count(*), (SELECT count(*) FROM pg_constraint WHERE contype = 'f') FROM log"),
                         "1000|0")

    def test_a_merge_brings_it_too(self):
        self.make("shop")
        self.backup_of("shop")
        before = self.copy("shop")
        self.server.sql("shop", "DROP TABLE line; DELETE FROM log WHERE id > 500")
        self.json("restore", "latest", "--postgres", self.address("shop"), "--strategy", "merge")
        self.same(before, "shop")
        self.server.sql("shop", "DROP TABLE line")
        self.assertIn("make it first", self.refused("shop", "--strategy", "merge", "--key", "log=note"))

    def test_only_rows_are_asked_for(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "DROP TABLE line")
        self.assertIn("leave --data-only away", self.refused("shop", "--data-only"))

    def test_what_it_needs_is_named(self):
        self.make("shop")
        self.server.sql("shop", """
            CREATE SCHEMA parts; CREATE TYPE mood AS ENUM ('a', 'b'); CREATE SEQUENCE parts.numbers; CREATE ROLE gone_role;
            CREATE FUNCTION twice(int, text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
            CREATE TABLE parts.wheel (id int DEFAULT nextval('parts.numbers'), m mood, t int GENERATED ALWAYS AS (twice(1, 'x')) STORED);
            CREATE TABLE parts.small () INHERITS (parts.wheel);
            ALTER TABLE parts.wheel OWNER TO gone_role""")
        self.backup_of("shop")
        self.server.sql("shop", "DROP SCHEMA parts CASCADE; DROP FUNCTION twice; DROP TYPE mood; DROP ROLE gone_role")
        said = self.refused("shop", "--table", "parts.wheel")
        for what in ("SCHEMA parts", "TYPE public.mood", "FUNCTION public.twice(integer, text)", "SEQUENCE parts.numbers",
                     "no role gone_role"):
            self.assertIn(what, said)
        self.assertIn("TABLE parts.wheel, and shop has none: choose it too (--table)", self.refused("shop", "--table", "parts.small"))

    def test_default_privileges_give_it_no_more_than_it_had(self):
        self.make("shop")
        self.backup_of("shop")
        before = self.copy("shop")
        for database in (before, "shop"):
            self.server.sql(database, """ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
                ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON SEQUENCES TO app WITH GRANT OPTION;
                ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;""")
        self.server.sql("shop", "DROP TABLE log, line CASCADE")
        self.restore_tables("shop", "log", "line")
        self.same(before, "shop")

    def test_by_its_owner_alone(self):
        self.make("shop")
        self.server.sql("shop", "ALTER TABLE log OWNER TO app; ALTER TABLE line OWNER TO app; ALTER FUNCTION note_it OWNER TO app;"
                                "ALTER STATISTICS log_stats OWNER TO app")
        self.backup_of("shop")
        before = self.copy("shop")
        self.server.sql("shop", "DROP TABLE log CASCADE; GRANT CREATE ON SCHEMA public TO app")
        self.server.sql(before, "GRANT CREATE ON SCHEMA public TO app")
        self.json("restore", "latest", "--postgres", self.server.uri("shop"), "--table", "log")
        self.same(before, "shop")

    def test_a_disabled_trigger_of_a_foreign_key_stays_so(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "ALTER TABLE log DISABLE TRIGGER ALL")
        states = """SELECT c.conname, t.tgfoid::regproc, t.tgenabled FROM pg_trigger t JOIN pg_constraint c ON c.oid = t.tgconstraint
                    WHERE t.tgisinternal ORDER BY 1, 2"""
        before = self.server.sql("shop", states)
        self.assertIn("|D", before)
        self.restore_tables("shop", "log")
        self.assertEqual(self.server.sql("shop", states), before)

    def test_a_partition_of_a_table_with_triggers_and_indexes_comes_back_and_no_trigger_fires_for_its_rows(self):
        self.make("shop", rows=10)
        self.server.sql("shop", """
            CREATE TABLE seen (a int);
            CREATE TABLE by_range (a int PRIMARY KEY REFERENCES account DEFERRABLE INITIALLY DEFERRED, b text) PARTITION BY RANGE (a);
            CREATE TABLE low PARTITION OF by_range FOR VALUES FROM (0) TO (100);
            CREATE FUNCTION sees() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (NEW.a); RETURN NEW; END $$;
            CREATE FUNCTION changes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.b := 'changed'; RETURN NEW; END $$;
            CREATE INDEX ON by_range (b); INSERT INTO by_range SELECT i, 'as it was' FROM generate_series(1, 10) i;
            CREATE TRIGGER sees AFTER INSERT ON by_range FOR EACH ROW EXECUTE FUNCTION sees();
            CREATE TRIGGER changes BEFORE INSERT ON by_range FOR EACH ROW EXECUTE FUNCTION changes();
            CREATE CONSTRAINT TRIGGER later AFTER INSERT ON by_range DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sees();
            ALTER TABLE by_range ENABLE ALWAYS TRIGGER changes; ALTER TABLE low DISABLE TRIGGER later; CREATE INDEX own ON low (b, a);
            CREATE TABLE middle PARTITION OF by_range FOR VALUES FROM (100) TO (300) PARTITION BY RANGE (a);
            CREATE TABLE deep PARTITION OF middle FOR VALUES FROM (100) TO (200);""")
        self.backup_of("shop")
        before = self.copy("shop")
        self.server.sql("shop", "DROP TABLE low; DROP TABLE middle")
        self.restore_tables("shop", "low", "middle")
        self.assertEqual(self.server.sql("shop", "SELECT count(*) FROM seen"), "0")
        self.same(before, "shop")
        self.server.sql("shop", "DELETE FROM low WHERE a = 1; INSERT INTO by_range VALUES (1, '')")  # and do, from then on
        self.assertEqual(self.server.sql("shop", "SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM low WHERE b = 'changed')"),
                         "1|1")


class Partitions(MissingTest):
    def test_a_missing_one_is_there_when_foreign_keys_to_its_table_are_checked(self):
        self.make("shop", rows=10)
        self.server.sql("shop", """CREATE TABLE p (a int PRIMARY KEY) PARTITION BY RANGE (a);
            CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
            INSERT INTO p SELECT generate_series(0, 19); CREATE TABLE r (x int REFERENCES p); INSERT INTO r SELECT generate_series(2, 18);
            COMMENT ON INDEX p1_pkey IS 'of a key';
            CREATE INDEX own ON p1 (a); COMMENT ON INDEX own IS 'of an index'; COMMENT ON CONSTRAINT p1_pkey ON p1 IS 'the key';
            COMMENT ON TABLE p1 IS 'a part'; GRANT SELECT ON p1 TO app""")
        self.backup_of("shop")
        before = self.copy("shop")
        self.server.sql("shop", "DELETE FROM r; ALTER TABLE p DETACH PARTITION p1; DROP TABLE p1")
        self.restore_tables("shop", "p*", "r")
        self.same(before, "shop")


class OddTables(MissingTest):
    GONE = ["every_type", "computed", "counted", "triggered", "guarded", "guarded_less", "egg", "hen", "ruled", "with_large",
            "odd_columns", "swapped", "booking", "no_columns", "dropped", "all_dropped", "points_at_parts", "keyed_parts", "by_range",
            "odd_text", "owner_of_one", "no_parts", "not_valid", "unlogged", "far_away"]

    def test_they_come_back(self):
        odd_data(self.server, "odd")
        self.addCleanup(self.server.drop, "odd")
        self.server.sql("odd", "ALTER PUBLICATION of_some ADD TABLE booking")
        self.backup_of("odd")
        before = self.copy("odd")
        for table in self.GONE:
            self.server.sql("odd", f"DROP {'FOREIGN ' if table == 'far_away' else ''}TABLE {table} CASCADE")
        for number, name in enumerate(ODD_NAMES):
            self.server.sql("odd", f"DROP TABLE {quoted(name)}.{quoted(ODD_NAMES[-1 - number])}, {quoted(name)} CASCADE")
        report = self.json("restore", "latest", "--postgres", self.address("odd"), "--strategy", "merge",
                           *[word for table in ("grandchild", "no_key", "other_parent", "since_16", "since_17_1")
                             for word in ("--exclude-table", table)])
        self.assertGreater(sum(one["made"] for one in report["tables"]), len(self.GONE) + 2 * len(ODD_NAMES))
        self.server.sql("odd", "REFRESH MATERIALIZED VIEW kept")
        self.same(before, "odd")


class OtherEncodings(MissingTest):
    def test_of_a_database(self):
        self.server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        self.addCleanup(self.server.drop, "latin")
        self.server.sql("latin", "CREATE TABLE café (id serial PRIMARY KEY, v text DEFAULT 'é'); INSERT INTO café (v) VALUES ('ü')")
        self.backup_of("latin")
        before = self.copy("latin")
        self.server.sql("latin", "DROP TABLE café")
        self.restore_tables("latin", "café")
        self.same(before, "latin")
        self.json("restore", "latest", "--postgres", self.address("latin"), "--in-place")
        self.same(before, "latin")


class WithoutRows(MissingTest):
    def test_a_database(self):
        self.make("shop")
        self.backup_of("shop")
        self.restore_to("shop_empty", "--schema-only")
        self.assertEqual(self.server.sql("shop_empty", "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM log)"), "0|0")
        schema = [self.server.run("pg_dump", "--schema-only", one).split(b"\n") for one in ("shop", "shop_empty")]
        self.assertEqual(*[[line for line in one if b"restrict" not in line] for one in schema])
        self.assertEqual(self.server.sql("shop_empty", "INSERT INTO log (note) VALUES ('x') RETURNING id"), "1")

    def test_a_dump_that_has_none(self):
        self.make("shop")
        self.backup_of("shop", "--schema-only")
        self.assertIn("give --schema-only", self.error("restore", "latest", "--postgres", self.address(), "--as", "shop_none"))
        report = self.restore_to("shop_none", "--schema-only")
        self.assertEqual(report["rows"], 0)
        self.assertEqual(self.server.sql("shop_none", "SELECT count(*) FROM log"), "0")

    def test_tables_that_are_missing(self):
        self.make("shop")
        self.backup_of("shop")
        self.server.sql("shop", "DROP TABLE log")
        report = self.restore_tables("shop", "log", "account", more=["--schema-only"])
        self.assertEqual([one["name"] for one in report["tables"]], ["log"])
        self.assertEqual(self.server.sql("shop", "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM log)"), "1000|0")
        self.assertIn("nothing to make", self.refused("shop", "--table", "log", "--schema-only"))
        both = self.error("restore", "latest", "--postgres", self.address("shop"), "--schema-only", "--data-only", code=2)
        self.assertIn("excludes", both)
        self.assertIn("brings no rows", self.refused("shop", "--schema-only", "--strategy", "merge"))

    def test_chosen_tables_without_what_they_refer_to(self):
        self.make("shop")
        self.server.sql("shop", "CREATE SCHEMA audit; CREATE TABLE audit.log2 (id int REFERENCES log, who int REFERENCES account)")
        self.backup_of("shop", "--table", "log*")
        plan = self.restore_to("shop_part", "--dry-run")
        for told in ("the foreign key public.log log_who_fkey is left out, for the dump has no table public.account",
                     "the foreign key audit.log2 log2_who_fkey is left out", "schema audit: it is made"):
            self.assertTrue(any(told in note for note in plan["notes"]), (told, plan["notes"]))
        self.restore_to("shop_part")
        self.assertEqual(self.server.sql("shop_part", "SELECT conname FROM pg_constraint WHERE contype = 'f'"), "log2_id_fkey")
        self.assertEqual(self.server.sql("shop_part", "SELECT count(*) FROM log"), "1000")


class Beside(MissingTest):
    """Of a whole database: what the role or the server has not is told before, and does not stop it after."""

    def test_settings_and_tablespaces_that_cannot_be(self):
        self.make("shop")
        folder = self.path("space")
        os.mkdir(folder)
        os.chmod(self.path(""), 0o755)
        shutil.chown(folder, *self.owner())
        self.server.sql("postgres", f"CREATE TABLESPACE space LOCATION '{folder}'")
        self.server.sql("shop", """CREATE TABLE far (id int PRIMARY KEY) TABLESPACE space; GRANT CREATE ON TABLESPACE space TO app;
            ALTER TABLE far OWNER TO app; CREATE ROLE reporter""")
        self.server.sql("postgres", """ALTER DATABASE shop SET log_statement = 'all'; ALTER DATABASE shop SET work_mem = '7MB';
            ALTER ROLE reporter IN DATABASE shop SET work_mem = '9MB'; ALTER ROLE app IN DATABASE shop SET work_mem = '8MB'""")
        self.addCleanup(self.server.sql, "postgres", "DROP ROLE reporter")
        self.addCleanup(self.server.sql, "postgres", "DROP TABLESPACE space")
        self.backup_of("shop")
        self.server.sql("postgres", "REVOKE CREATE ON TABLESPACE space FROM app")
        address = self.server.uri("shop")
        plan = self.json("restore", "latest", "--postgres", address, "--as", "shop_new", "--dry-run")
        notes = "\n".join(plan["notes"])
        for told in ("log_statement is left out: it is a superuser's to make", "work_mem for reporter is left out",
                     "no tablespace space for this role"):
            self.assertIn(told, notes)
        self.assertGreater(plan["seconds_about"], 0)
        self.json("restore", "latest", "--postgres", address, "--as", "shop_new")
        self.addCleanup(self.server.drop, "shop")
        self.addCleanup(self.server.drop, "shop_new")
        self.assertEqual(self.server.sql("postgres", """SELECT setrole::regrole, setconfig FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'shop_new') ORDER BY 1"""),
                         "-|{work_mem=7MB}\napp|{work_mem=8MB}")

    def owner(self):
        stat = os.stat(self.server.path("data"))
        return stat.st_uid, stat.st_gid

    def test_the_tablespace_of_a_database_stays(self):
        self.make("shop")
        folder = self.path("space")
        os.mkdir(folder)
        os.chmod(self.path(""), 0o755)
        shutil.chown(folder, *self.owner())
        self.server.sql("postgres", f"CREATE TABLESPACE space2 LOCATION '{folder}'")
        self.server.sql("postgres", "ALTER DATABASE shop SET TABLESPACE space2")
        self.backup_of("shop")
        plan = self.json("restore", "latest", "--postgres", self.address("shop"), "--dry-run")
        self.assertGreater(plan["target_bytes"], 1_000_000)
        self.json("restore", "latest", "--postgres", self.address("shop"), "--disconnect")
        self.assertEqual(self.server.sql("postgres", """SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace
            WHERE datname = 'shop'"""), "space2")
        self.drop_all("shop")
        self.server.sql("postgres", "DROP TABLESPACE space2")

    def test_pg_restore_ends_with_a_restore_that_is_killed(self):
        self.make("shop", rows=10)
        self.server.sql("shop", """CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
            IF current_database() <> 'shop' THEN PERFORM pg_sleep(60); END IF; RETURN 1; END $$; CREATE INDEX ON account (slow(id))""")
        self.backup_of("shop")
        running = subprocess.Popen([BIN, "restore", "latest", "-q", "--as", "shop_slow", "--postgres", self.address("")], env=self.env())
        theirs = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_restore' AND query LIKE 'CREATE INDEX%'"
        end = time.monotonic() + 60
        while self.server.sql("postgres", theirs) == "0":
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        running.kill()
        running.wait()
        end = time.monotonic() + 20
        while self.server.sql("postgres", theirs) != "0":
            self.assertLess(time.monotonic(), end, "pg_restore goes on")
            time.sleep(0.1)


class On17(MissingTest):
    """With that version's own programs."""
    VERSION = 17

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        before = os.environ["PATH"]
        cls.addClassCleanup(os.environ.update, PATH=before)
        os.environ["PATH"] = cls.server.bin + os.pathsep + before


if installed()[-1:] != [17]:
    for _case in (AGoneTable, OddTables, WithoutRows):
        globals()[_case.__name__ + "17"] = type(_case.__name__ + "17", (On17, _case), {"__module__": __name__})
    del _case


if __name__ == "__main__":
    unittest.main()
