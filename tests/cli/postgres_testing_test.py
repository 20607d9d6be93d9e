"""What the tests of PostgreSQL stand on: servers, copies and their differences, and what goes wrong in between."""
import os
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from postgres_differences import role_differences
from postgres_testing import (ODD_EXTENSIONS, Bouncer, Missing, Proxy, Refused, Server, differences, installed, odd_data, pgbench,
                              plain_env, wait_until_gone)

SURVIVOR = """
import sys, time
sys.path.insert(0, sys.argv[1])
from postgres_testing import Server
server = Server()
print(server.folder, server.pid, flush=True)
time.sleep(600)
"""


def ask(uri, text="SELECT 1", seconds="5"):
    """By a client of its own, as programs connect."""
    return subprocess.run(["psql", "-X", "-q", "-At", "-d", uri, "-c", text], capture_output=True, timeout=60, check=False,
                          env=dict(plain_env(), PGCONNECT_TIMEOUT=seconds))


@unittest.skipUnless(installed(), "no PostgreSQL is installed")
class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)

    def test_user_of_the_uri_gets_in_by_password_alone(self):
        self.server.create("odd/ 'name'")
        self.assertEqual(ask(self.server.uri("odd/ 'name'"), "SELECT current_database()").stdout, b"odd/ 'name'\n")
        self.assertEqual(ask(self.server.uri("odd/ 'name'", user="postgres", local=True)).stdout, b"1\n")
        self.assertIn(b"password authentication failed", ask(self.server.uri(password="wrong")).stderr)
        with self.assertRaisesRegex(Refused, "division by zero"):
            self.server.sql("postgres", "SELECT 1/0")

    def test_proxy_stalls_and_drops(self):
        with Proxy(self.server.port) as proxy:
            uri = proxy.uri(self.server, "postgres")
            self.assertEqual(ask(uri).stdout, b"1\n")
            proxy.stall()
            self.assertIn(b"timeout expired", ask(uri, seconds="2").stderr)
            proxy.resume()
            self.assertEqual(ask(uri).stdout, b"1\n")
            begun = subprocess.Popen(["psql", "-X", "-d", uri, "-c", "SELECT pg_sleep(60)"], stderr=subprocess.PIPE, env=plain_env())
            while not self.server.sql("postgres", "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
                time.sleep(0.05)
            proxy.drop(refuse=True)
            self.assertIn(b"connection", begun.communicate(timeout=20)[1].lower())
            self.assertNotEqual(ask(uri).returncode, 0)
            proxy.resume()
            proxy.cut_after = proxy.bytes_down + 1_000_000
            self.assertNotEqual(ask(uri, "SELECT repeat('x', 1000) FROM generate_series(1, 100000)").returncode, 0)
            self.assertEqual(ask(uri).stdout, b"1\n")

    def test_load_goes_on_until_it_is_stopped(self):
        self.server.create("load")
        with pgbench(self.server, "load", clients=2) as load:
            time.sleep(1)
            self.assertGreater(load.stop(), 10)
        self.assertGreater(int(self.server.sql("load", "SELECT count(*) FROM pgbench_history")), 10)

    def test_pooler_gives_another_session_every_transaction(self):
        self.server.create("pooled")
        try:
            bouncer = Bouncer(self.server)
        except Missing as missing:
            self.skipTest(str(missing))
        with bouncer:
            self.assertEqual(ask(bouncer.uri("pooled"), "SELECT current_database()").stdout, b"pooled\n")
            self.assertEqual(ask(bouncer.uri("pooled", user="postgres"), "SELECT current_user").stdout, b"postgres\n")


@unittest.skipUnless(installed(), "no PostgreSQL is installed")
class Ends(unittest.TestCase):
    def test_killed_server_starts_again(self):
        with Server(options={"fsync": "on", "synchronous_commit": "on"}) as server:
            server.sql("postgres", "CREATE TABLE t AS SELECT 1 AS a")
            server.kill()
            self.assertNotEqual(ask(server.uri()).returncode, 0)
            server.start()
            self.assertEqual(server.sql("postgres", "SELECT a FROM t"), "1")
            server.stop()
            server.start()
            self.assertEqual(server.sql("postgres", "SELECT a FROM t"), "1")

    def test_certificate_is_for_this_host_and_by_this_authority(self):
        with Server(tls=True) as server:
            self.assertEqual(ask(server.uri(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").stdout, b"t\n")
            self.assertIn(b"certificate verify failed", ask(server.uri(sslrootcert=server.other_ca)).stderr)
            self.assertIn(b"no pg_hba.conf entry", ask(server.uri(sslmode="disable")).stderr)

    def test_nothing_survives_a_killed_test(self):
        program = subprocess.Popen([sys.executable, "-c", SURVIVOR, HERE], stdout=subprocess.PIPE)
        folder, pid = program.stdout.readline().decode().split()
        os.kill(int(pid), 0)
        program.send_signal(signal.SIGKILL)
        program.communicate()
        wait_until_gone([int(pid)])
        for _ in range(100):
            if not os.path.exists(folder):
                return
            time.sleep(0.1)
        self.fail(f"{folder} is still there")


# A change of a copy, and a word of what is said about it.
CHANGES = [
    ("UPDATE many_rows SET note = note || ' ' WHERE id = 30", "rows of public.many_rows: .* 1 are only in a, 1 only in b"),
    ("DELETE FROM no_key WHERE ctid = (SELECT min(ctid) FROM no_key WHERE value = 'same' AND twice = 1)", "rows of public.no_key: 7 in a"),
    ("INSERT INTO no_columns SELECT", "rows of public.no_columns: 5 in a, 6 in b"),
    ("UPDATE odd_text SET value = NULL WHERE value = ''", "rows of public.odd_text"),
    ("DELETE FROM ONLY parent WHERE id = 1", "rows of public.parent"),
    ("DELETE FROM configured.odd_config_some WHERE id = 2", "rows of configured.odd_config_some"),
    ("REFRESH MATERIALIZED VIEW not_filled", "relation public.not_filled: .*'f'"),
    ("SELECT setval('never_called', 41)", None),  # gives 42 next, as the other
    ("SELECT setval('counted_id_seq', 11)", "sequence public.counted_id_seq: gives 13 next in a, 12 in b"),
    ("SELECT setval('counted_id_seq', 4000)", None),
    ("SELECT lo_unlink(900002)", "large object 900002: only a has it"),
    ("SELECT lo_put(900001, 2000000, 'x')", "large object 900001: .*bytes 3145728"),
    ("REVOKE SELECT ON LARGE OBJECT 900001 FROM odd_user", "large object 900001: .*SELECT to odd_user"),
    ("COMMENT ON LARGE OBJECT 900001 IS NULL", "large object 900001: .*comment none"),
    ("GRANT INSERT ON staff TO PUBLIC", "schema: differs: TABLE staff; Type: ACL"),
    ("COMMENT ON COLUMN staff.name IS NULL", "schema: only a has: COLUMN staff.name; Type: COMMENT"),
    ("ALTER TABLE triggered ENABLE TRIGGER refuses", "schema: differs: triggered refuses; Type: TRIGGER"),
    ("ALTER TABLE not_valid DROP CONSTRAINT v_positive", "schema: .*v_positive"),
    ("CREATE INDEX one_more ON staff (boss)", "schema: only b has: one_more; Type: INDEX"),
    ("ALTER DATABASE odd SET work_mem = '6MB'", "database setting of all: .*5MB.* in a, .*6MB.* in b"),
    ("REVOKE CONNECT ON DATABASE odd FROM app", "database rights"),
    ("COMMENT ON DATABASE odd IS NULL", "database comment"),
]


@unittest.skipUnless(installed(), "no PostgreSQL is installed")
class Differences(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.a, cls.b = Server(extensions=ODD_EXTENSIONS), Server(extensions=ODD_EXTENSIONS)
        for server in (cls.a, cls.b):
            cls.addClassCleanup(server.close)
        odd_data(cls.a, "odd")
        cls.b.run("psql", "-X", "-q", "-f", "-", stdin=cls.a.run("pg_dumpall", "--roles-only"))
        cls.dump = cls.a.run("pg_dump", "-Fc", "-Z0", database="odd")

    def copy(self):
        self.b.drop("odd")
        self.b.run("pg_restore", "--create", "--exit-on-error", "-d", "postgres", stdin=self.dump)

    def test_copy_is_equal(self):
        self.copy()
        self.assertEqual(differences(self.a, "odd", self.b, "odd", exact_sequences=True), [])
        self.assertEqual(role_differences(self.a, self.b), [])

    def test_every_change_is_found_and_nothing_else(self):
        self.copy()
        before = []
        for change, said in CHANGES:
            with self.subTest(change=change):
                self.b.sql("odd", change)
                found = differences(self.a, "odd", self.b, "odd")
                new = [line for line in found if line not in before]
                before = found
                self.assertEqual(bool(new), said is not None, new)
                for line in new:
                    self.assertRegex(line, "(?s)" + said)


if __name__ == "__main__":
    unittest.main()
