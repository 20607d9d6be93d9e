#!/usr/bin/env python3
"""PostgreSQL databases in cairn mount: as files that psql and other programs read."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli"), os.path.join(HERE, "..", "stores")]
from mount_testing import MountTest, run
from postgres_testing import ODD_EXTENSIONS, Server, differences, identifier, odd_data


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Database(MountTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(extensions=ODD_EXTENSIONS)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        self.init()

    def env(self, password="secret", **more):
        return super().env(password, **dict({"CAIRN_PG_BIN": self.server.bin}, **more))

    def backup_of(self, database):
        self.addCleanup(self.server.drop, database)
        return self.json("backup", "--postgres", self.server.uri(database, user="postgres", local=True))

    def psql_file(self, database, path, **more):
        self.server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", database=database, stdin=read(path), **more)

    def tables(self, database):
        """[(schema, table, the name of its files)] of those with rows of their own."""
        text = self.server.sql(database, "SELECT json_agg(json_build_array(nspname, relname)) FROM pg_class c JOIN pg_namespace n "
                                         "ON n.oid = relnamespace WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> "
                                         "'information_schema' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND "
                                         "deptype = 'e')")
        for schema, name in json.loads(text):
            yield schema, name, f"{self.file_name(schema).replace('.', '%2E')}.{self.file_name(name)}"

    @staticmethod
    def file_name(name):
        odd = set(range(0x20)) | {0x7f} | {ord(c) for c in "/\\%]"}
        return "".join(f"%{ord(c):02X}" if ord(c) in odd or (c == "." and i == 0) else c for i, c in enumerate(name))

    def copy(self, database, schema, name, form):
        return self.server.run("psql", "-X", "-q", "-At", "-c", f"COPY {identifier(schema)}.{identifier(name)} TO STDOUT {form}",
                               database=database)


class Odd(Database):
    def test_every_odd_table(self):
        odd_data(self.server, "odd")
        self.backup_of("odd")
        self.mount()
        count = 0
        for schema, name, file in self.tables("odd"):
            with self.subTest(schema=schema, name=name):
                shown = read(self.shown("csv", file + ".csv"))
                self.assertEqual(shown, self.copy("odd", schema, name, "WITH (FORMAT csv, HEADER)"))
                self.assertEqual(os.path.getsize(self.shown("csv", file + ".csv")), len(shown))
                rows = read(self.shown("tables", file + ".sql")).split(b" FROM STDIN;\n", 1)[1]
                self.assertEqual(rows, self.copy("odd", schema, name, "") + b"\\.\n")
                count += 1
        self.assertGreater(count, 30)
        self.restore_by_psql()
        self.unmount()

    def restore_by_psql(self):
        self.server.create("odd2", more="TEMPLATE template0")
        self.addCleanup(self.server.drop, "odd2")
        self.psql_file("odd2", self.shown("pre-data.sql"))
        for name in sorted(os.listdir(self.shown("tables"))):
            self.psql_file("odd2", self.shown("tables", name))
        self.psql_file("odd2", self.shown("sequences.sql"))
        self.psql_file("odd2", self.shown("post-data.sql"))
        self.server.sql("odd2", """DO $$ DECLARE one regclass; BEGIN
            FOR one IN SELECT oid FROM pg_class WHERE relkind = 'm' AND relname <> 'not_filled' ORDER BY oid
            LOOP EXECUTE 'REFRESH MATERIALIZED VIEW ' || one;
            END LOOP; END $$""")
        found = [line for line in differences(self.server, "odd", self.server, "odd2")
                 if not line.startswith(("database", "large object"))]
        self.assertEqual(found, [])


class Programs(Database):
    """What programs that copy do with files that are made as they are read."""

    def setUp(self):
        super().setUp()
        self.server.create("shop")
        self.server.sql("shop", """CREATE TABLE orders (id int, note text, photo bytea);
            INSERT INTO orders SELECT i, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN repeat('a "b", c ', i % 50) WHEN 2 THEN E'line\\nbreak'
              ELSE '' END, int4send(i) FROM generate_series(1, 100000) i;
            INSERT INTO orders SELECT 0, repeat('long', 2000000), NULL;
            CREATE TABLE few (id serial, note text); INSERT INTO few (note) VALUES ('x');""")
        self.backup_of("shop")
        self.mount()
        self.csv = self.copy("shop", "public", "orders", "WITH (FORMAT csv, HEADER)")

    def test_a_listing_makes_nothing_and_sizes_are_right(self):
        self.assertEqual(sorted(os.listdir(self.shown())),
                         ["create.pgdump", "csv", "data", "database.json", "load.sql", "post-data.sql", "pre-data.sql", "roles.sql",
                          "schema.sql", "sequences.sql", "tables"])
        self.assertEqual(sorted(os.listdir(self.shown("csv"))), ["public.few.csv", "public.orders.csv"])
        self.assertEqual(sorted(os.listdir(self.shown("tables"))), ["public.few.sql", "public.orders.sql"])
        self.assertIn(f" {len(self.csv)} ".encode(), run("ls", "-l", self.shown("csv")).stdout)
        self.assertFalse(os.path.exists(self.shown("csv", "public.none.csv")))
        self.assertFalse(os.path.exists(self.shown("tables", "public.few.csv")))
        self.unmount()

    def test_what_is_copied_is_equal(self):
        for name, command in (("cat", "cat csv/public.orders.csv > {0}"), ("cp", "cp csv/public.orders.csv {0}"),
                              ("dd", "dd if=csv/public.orders.csv of={0} bs=7777 status=none"),
                              ("tar", "tar cf - csv tables schema.sql | tar xOf - csv/public.orders.csv > {0}"),
                              ("rsync", "rsync csv/public.orders.csv {0}")):
            if shutil.which(name) is None:
                continue
            with self.subTest(name):
                target = self.path("copy-" + name)
                done = subprocess.run(command.format(target), shell=True, cwd=self.shown(), capture_output=True, timeout=120)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertEqual(read(target), self.csv)
        self.unmount()

    def test_any_range_is_read(self):
        import random
        dice = random.Random(7)
        sql = "tables/public.orders.sql"
        for name, whole in (("csv/public.orders.csv", self.csv), (sql, read(self.shown(sql)))):
            with open(self.shown(name), "rb", buffering=0) as file:
                for _ in range(200):
                    begin, size = dice.randrange(len(whole) + 10), dice.choice((1, 100, 5_000, 300_000))
                    file.seek(begin)
                    got = b""
                    while len(got) < size and (piece := file.read(size - len(got))):
                        got += piece
                    self.assertEqual(got, whole[begin:begin + size], (name, begin, size))
        self.unmount()

    def test_damage_is_of_its_table_alone(self):
        self.unmount()
        pack = max(self.objects("data"), key=os.path.getsize)
        with open(pack, "r+b") as file:
            file.seek(os.path.getsize(pack) // 2)
            file.write(b"damaged")
        self.mount()
        self.assertEqual(sorted(os.listdir(self.shown("csv"))), ["public.few.csv", "public.orders.csv"])
        for use in (lambda: os.stat(self.shown("csv", "public.orders.csv")), lambda: read(self.shown("tables", "public.orders.sql"))):
            with self.assertRaises(OSError) as caught:
                use()
            self.assertEqual(caught.exception.errno, 5)
        self.assertEqual(read(self.shown("csv", "public.few.csv")), b"id,note\n1,x\n")
        self.assertIn("orders", self.unmount())

    def test_it_ends_while_a_table_is_read(self):
        self.server.sql("shop", "INSERT INTO orders SELECT i, md5(i::text), NULL FROM generate_series(1, 3000000) i")
        self.unmount()
        self.json("backup", "--postgres", self.server.uri("shop", user="postgres", local=True), timeout=600)
        self.mount()
        reader = subprocess.Popen(["stat", self.shown("csv", "public.orders.csv")], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(reader.kill)
        time.sleep(0.3)
        self.program.send_signal(signal.SIGTERM)
        self.program.communicate(timeout=60)
        self.assertEqual(self.program.returncode, 0)
        reader.wait(20)

    def test_a_table_and_its_rows_go_into_another_database(self):
        self.server.create("other")
        self.addCleanup(self.server.drop, "other")
        for name in ("schema.sql", "tables/public.orders.sql", "tables/public.few.sql", "sequences.sql"):
            self.psql_file("other", self.shown(name))
        self.assertEqual(differences(self.server, "shop", self.server, "other"), [])
        self.server.sql("other", "TRUNCATE orders")
        copy = f"\\copy orders from '{self.shown('csv/public.orders.csv')}' csv header"
        self.server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", copy, database="other")
        self.assertEqual(differences(self.server, "shop", self.server, "other"), [])
        self.unmount()


if __name__ == "__main__":
    unittest.main()
