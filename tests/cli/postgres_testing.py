"""PostgreSQL for tests: real servers in folders of their own, what stands before them, and load.

    with Server(version=17) as server:
        server.create("shop")
        server.sql("shop", "CREATE TABLE t (id int PRIMARY KEY)")
        subprocess.run([BIN, "backup", "--postgres", server.uri("shop")])

A version that is not installed is looked for in the folder that CAIRN_POSTGRES_17 names, and then fetched once into a
cache (tests/get-postgres); where it cannot be had, the test is skipped. Nothing of it survives the process, however that ends.
"""
import atexit
import contextlib
import fcntl
import glob
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from urllib.parse import quote, urlencode

from postgres_differences import differences  # noqa: F401
from postgres_odd_data import ODD_EXTENSIONS, odd_data  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
SUPERUSER_PASSWORD = "root of it"
APP_PASSWORD = "p@ss/w%rd: 1'\\?#"  # one that a careless URI breaks
START_SECONDS_MAX = 60


class Missing(unittest.SkipTest):
    """A version that this machine has not, and cannot fetch: the test is skipped, and says so."""


class Refused(Exception):
    """What a program of PostgreSQL said when it failed."""


def installed():
    """Major versions of the servers that this system has, the newest last."""
    found = [re.search(r"/(\d+)/bin", path) for path in glob.glob("/usr/lib/postgresql/*/bin/postgres")]
    return sorted(int(match[1]) for match in found if match)


def cache_folder():
    """Where fetched versions stay; root's is where another user, who runs the server, may read."""
    default = "/var/cache" if os.geteuid() == 0 else os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("CAIRN_TESTS_CACHE") or os.path.join(default, "cairn-tests")


def programs(version):
    """The folder with the programs of a major version: named by the environment, installed, or fetched."""
    named = os.environ.get(f"CAIRN_POSTGRES_{version}")
    if named:
        if not os.path.exists(os.path.join(named, "bin/postgres")):
            raise Missing(f"CAIRN_POSTGRES_{version} is {named}, which has no bin/postgres")
        return os.path.join(named, "bin")
    if version in installed():
        return f"/usr/lib/postgresql/{version}/bin"
    prefix = os.path.join(cache_folder(), f"postgres-{version}")
    os.makedirs(cache_folder(), exist_ok=True)
    with open(prefix + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run beside each other
        try:
            done = subprocess.run([os.path.join(HERE, "..", "get-postgres"), str(version), prefix], capture_output=True,
                                  timeout=600, check=False)
        except subprocess.TimeoutExpired:
            raise Missing(f"PostgreSQL {version} is not installed, and fetching it took too long") from None
    if done.returncode != 0:
        raise Missing(f"PostgreSQL {version} is not installed, and cannot be fetched: {done.stderr.decode().strip()}")
    return os.path.join(prefix, "bin")


def server_user():
    """Whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Missing("PostgreSQL refuses root, and there is no user postgres or nobody")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def plain_env(**more):
    """Without what would lead a client elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return dict(kept, LC_ALL="C.UTF-8", PGCLIENTENCODING="UTF8", PGCONNECT_TIMEOUT="30", **more)


class Daemon:
    """A program in a folder of its own, which another process ends and removes should this one be killed."""

    # Its standard input ends when this process does. The file is there while the program runs.
    WATCH = """cat >/dev/null
        for signal in QUIT KILL; do
          pid=$(cat "$1/pid") && kill -$signal $pid || break
          for i in $(seq 50); do kill -0 $pid || break; sleep 0.1; done
        done 2>/dev/null
        rm -rf "$1" """

    def __init__(self, name, folder=None):
        self.user = server_user()
        self.folder = tempfile.mkdtemp(prefix=f"cairn-{name}-", dir=folder)
        os.chmod(self.folder, 0o755)
        self._own(self.folder)
        self._process = None
        self._watch = subprocess.Popen(["sh", "-c", self.WATCH, "watch", self.folder], stdin=subprocess.PIPE, cwd="/",
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        atexit.register(self.close)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    @property
    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def pid(self):
        return self._process.pid if self._process else None

    def _own(self, path):
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        self._own(self.path(name))

    def _as_user(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def _launch(self, argv):
        with open(self.path("log"), "ab") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                             env=plain_env(), start_new_session=True, **self._as_user())
        with open(self.path("pid"), "w", encoding="utf-8") as file:
            file.write(str(self._process.pid))

    def _reap(self, seconds=None):
        self._process.wait(seconds)
        self._process = None
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path("pid"))

    def end(self, number, seconds=60):
        if self._process:
            self._process.send_signal(number)
            try:
                self._reap(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._reap()

    def stop(self):
        self.end(signal.SIGINT)

    def close(self):
        """Ends it, and leaves nothing. May be called again."""
        if self._watch:
            self.end(signal.SIGQUIT, 20)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._watch.stdin.close()
            self._watch.wait()
            self._watch = None
            atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Server(Daemon):
    """A PostgreSQL server that is running when it has been made.

    On a socket in `folder`, where the superuser postgres needs no password, and on 127.0.0.1, where everybody does; the
    role app may log in and make databases. `options` are settings of postgresql.conf. With tls, TCP is TLS only, and
    `ca` is the certificate to trust, `other_ca` one that has signed nothing. `extensions` are names and scripts of
    extensions that this server has beside those of its version.
    """

    OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB",
               "shared_buffers": "64MB", "jit": "off", "password_encryption": "scram-sha-256", "log_statement": "none",
               "log_line_prefix": "%m [%p] %u@%d ", "timezone": "UTC", "log_timezone": "UTC", "max_connections": "60",
               "dynamic_shared_memory_type": "mmap"}  # so that it goes with the folder, also after kill()

    def __init__(self, version=None, folder=None, options=None, tls=False, extensions=None):
        if version is None:
            version = installed()[-1] if installed() else 17
        self.version, self.tls, self.extensions = version, tls, extensions or {}
        self.bin = programs(version)
        self._program = os.path.join(self.bin, "postgres")
        super().__init__(f"postgres-{version}", folder)
        try:
            self.ca, self.other_ca = self.path("ca.crt"), self.path("other.crt")
            self._make(dict(self.OPTIONS, **(options or {})))
            if self.extensions:
                self._add_extensions()
            self._begin()
            self.sql("postgres", f"ALTER ROLE postgres PASSWORD {literal(SUPERUSER_PASSWORD)};"
                                 f"CREATE ROLE app LOGIN CREATEDB PASSWORD {literal(APP_PASSWORD)}")
        except BaseException:
            self.close()
            raise

    def _make(self, options):
        done = subprocess.run([os.path.join(self.bin, "initdb"), "-D", self.path("data"), "-U", "postgres", "--no-sync",
                               "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust"], capture_output=True, cwd="/", check=False,
                              env=plain_env(), **self._as_user())
        if done.returncode != 0:
            raise Refused(f"initdb: {done.stderr.decode()}")
        host = "host"
        if self.tls:
            make_certificates(self)
            host = "hostssl"
            options.update(ssl="on", ssl_cert_file=self.path("server.crt"), ssl_key_file=self.path("server.key"))
        options = dict({"listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}, **options)
        lines = [f"{name} = {literal(str(value)).replace(chr(92), chr(92) * 2)}\n" for name, value in options.items()]
        with open(self.path("data/postgresql.conf"), "a", encoding="utf-8") as file:
            file.writelines(lines)
        rows = [("local", "all", "postgres", "", "trust"), ("local", "all", "all", "", "scram-sha-256")]
        rows += [(host, database, "all", "127.0.0.1/32", "scram-sha-256") for database in ("all", "replication")]
        rows += [("local", "replication", "postgres", "", "trust")]
        self._write("data/pg_hba.conf", "".join("\t".join(row) + "\n" for row in rows))

    def _add_extensions(self):
        """A server finds what it shares from its own path: it gets a path in the folder, with links to what there is."""
        bin_folder = os.path.realpath(self.bin)
        root = bin_folder.removesuffix(f"/lib/postgresql/{self.version}/bin")
        lib, share = f"lib/postgresql/{self.version}", f"share/postgresql/{self.version}"
        os.makedirs(self.path("usr", lib, "bin"))
        os.makedirs(self.path("usr", share, "extension"))
        os.symlink(os.path.join(root, lib, "lib"), self.path("usr", lib, "lib"))
        for name in os.listdir(os.path.join(root, share)):
            if name != "extension":
                os.symlink(os.path.join(root, share, name), self.path("usr", share, name))
        for name in os.listdir(os.path.join(root, share, "extension")):
            os.symlink(os.path.join(root, share, "extension", name), self.path("usr", share, "extension", name))
        for name, script in self.extensions.items():
            self._write(f"usr/{share}/extension/{name}.control", "default_version = '1.0'\nrelocatable = false\n")
            self._write(f"usr/{share}/extension/{name}--1.0.sql", script)
        self._program = shutil.copy(os.path.join(bin_folder, "postgres"), self.path("usr", lib, "bin"))
        with open(self._program, "r+b") as file:
            if file.read(2) == b"#!":  # a script of tools/debian-archive.sh: the libraries stay where they are
                file.seek(0)
                text = re.sub(rb"(?m)^here=.*$", b"here=" + shlex.quote(bin_folder).encode(), file.read())
                file.seek(0)
                file.truncate()
                file.write(text.replace(b'--argv0 "$here/postgres"', b'--argv0 "$0"'))

    def _begin(self):
        for _ in range(5):  # another may take a port that was free
            self.port = free_port()
            try:
                return self.start()
            except Refused as error:
                if "in use" not in str(error):
                    raise
        raise Refused("no port is free")

    def start(self):
        """Again, after stop() or kill(), where it was before."""
        self._launch([self._program, "-D", self.path("data"), "-p", str(self.port)])
        end = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.end(signal.SIGKILL)
                raise Refused(f"the server did not start:\n{self.log[-2000:]}")
            time.sleep(0.02)

    def _is_ready(self):
        """As pg_ctl finds out: the first line is whose it is, the eighth how far it is."""
        try:
            with open(self.path("data/postmaster.pid"), encoding="utf-8") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def close(self):
        if self._watch and not self._process:
            self._remove_shared_memory()
        super().close()

    def _remove_shared_memory(self):
        """After kill() the next start would do it: postmaster.pid has the id."""
        with contextlib.suppress(OSError, IndexError):
            with open(self.path("data/postmaster.pid"), encoding="utf-8") as file:
                subprocess.run(["ipcrm", "-m", file.read().split("\n")[6].split()[1]], capture_output=True, check=False)

    def kill(self):
        """As a crash does it: no process of the server gets to do anything."""
        everybody = [self.pid, *children(self.pid)]
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reap()
        wait_until_gone(everybody)

    def uri(self, database=None, user="app", password=None, local=False, **parameters):
        """For TCP, or with `local` for the socket; "" is no database. Further parameters are appended: sslmode="disable"."""
        known = {"app": APP_PASSWORD, "postgres": SUPERUSER_PASSWORD}
        password = password if password is not None else known.get(user)
        who = quote(user, safe="") + ("" if password is None or local else ":" + quote(password, safe=""))
        where = f"127.0.0.1:{self.port}"
        if local:
            where, parameters = "", dict({"host": self.folder, "port": self.port}, **parameters)
        elif self.tls:
            parameters = dict({"sslmode": "verify-full", "sslrootcert": self.ca}, **parameters)
        more = "?" + urlencode(parameters, quote_via=quote) if parameters else ""
        return f"postgresql://{who}@{where}/{quote('postgres' if database is None else database, safe='')}{more}"

    def env(self, database="postgres", user="postgres"):
        """With which a client finds the server by its socket."""
        return plain_env(PGHOST=self.folder, PGPORT=str(self.port), PGUSER=user, PGDATABASE=database, PGPASSWORD=APP_PASSWORD)

    def run(self, program, *args, database="postgres", user="postgres", stdin=None, code=0):
        """A program of the server's version: its standard output, as bytes."""
        done = subprocess.run([os.path.join(self.bin, program), *args], input=stdin if stdin is not None else b"",
                              env=self.env(database, user), capture_output=True, cwd="/", check=False)
        if code is not None and done.returncode != code:
            raise Refused(f"{program} {' '.join(args)}: {done.returncode}\n{done.stderr.decode(errors='replace')[-4000:]}")
        return done.stdout

    def sql(self, database, text, user="postgres"):
        """What psql prints, without the last newline; each statement is a transaction, unless the text says otherwise."""
        out = self.run("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-f", "-", database=database, user=user,
                       stdin=text.encode())
        return out.decode(errors="surrogateescape").removesuffix("\n")

    def create(self, database, owner="app", more=""):
        self.sql("postgres", f"CREATE DATABASE {identifier(database)} OWNER {identifier(owner)} {more}")

    def drop(self, database):
        self.sql("postgres", f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE)")

    def databases(self):
        return self.sql("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").split("\n")


def identifier(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def children(pid):
    found = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            with open(stat, encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(stat.split("/")[2]))
    return found


def wait_until_gone(pids, seconds=20):
    end = time.monotonic() + seconds
    while any(os.path.exists(f"/proc/{pid}") and not _is_zombie(pid) for pid in pids):
        if time.monotonic() > end:
            raise Refused(f"processes {pids} are still there")
        time.sleep(0.02)


def _is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def make_certificates(server):
    """A CA, a certificate for 127.0.0.1 and localhost that it has signed, and a CA that has signed nothing."""
    def openssl(*args):
        done = subprocess.run(["openssl", *args], capture_output=True, cwd=server.folder, check=False)
        if done.returncode != 0:
            raise Refused(f"openssl {args[0]}: {done.stderr.decode()}")

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "other"):
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "30", "-subj", f"/CN=test {name}")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    server._write("names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n", 0o644)
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
            "-extfile", "names", "-out", "server.crt")
    for name in ("server.key", "server.crt"):
        os.chmod(server.path(name), 0o600)
        server._own(server.path(name))
    for name in ("ca.crt", "other.crt"):
        os.chmod(server.path(name), 0o644)


class Bouncer(Daemon):
    """pgbouncer in front of a server; in transaction mode a session is another one after every transaction."""

    def __init__(self, server, mode="transaction", options=None):
        self.program = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not self.program:
            raise Missing("pgbouncer is not installed")
        super().__init__("pgbouncer")
        self.server, self.port = server, free_port()
        try:
            known = {"app": APP_PASSWORD, "postgres": SUPERUSER_PASSWORD}
            self._write("users", "".join(f'"{name}" "{password}"\n' for name, password in known.items()))
            options = dict({"listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": "", "pool_mode": mode,
                            "auth_type": "scram-sha-256", "auth_file": self.path("users"), "default_pool_size": 10,
                            "ignore_startup_parameters": "extra_float_digits"}, **(options or {}))
            self._write("ini", f"[databases]\n* = host={server.folder} port={server.port}\n[pgbouncer]\n" +
                        "".join(f"{name} = {value}\n" for name, value in options.items()))
            self._launch([self.program, self.path("ini")])
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self):
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise Refused(f"pgbouncer did not start:\n{self.log[-2000:]}")

    def uri(self, database=None, user="app", **parameters):
        return self.server.uri(database, user, **parameters).replace(f":{self.server.port}/", f":{self.port}/")


class Load:
    """pgbench that runs until stop(), or for some seconds."""

    def __init__(self, server, database, clients=2, script=None, rate=None, seconds=3600, options=()):
        self._script = None
        args = [os.path.join(server.bin, "pgbench"), "-n", "-c", str(clients), "-j", "1", "-T", str(seconds), *options]
        if script:
            with tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False, encoding="utf-8") as file:
                file.write(script)
            self._script = file.name
            args += ["-f", file.name]
        if rate:
            args += ["-R", str(rate)]
        # It reports when it ends, which is read at the end: more than a pipe holds it does not say.
        self._process = subprocess.Popen(args, env=server.env(database), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, cwd="/", start_new_session=True)
        atexit.register(self._process.kill)

    def stop(self):
        """Transactions a second."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGALRM)  # what its own clock would send
        return self.wait()

    def wait(self):
        out, err = self._process.communicate(timeout=120)
        atexit.unregister(self._process.kill)
        if self._script:
            os.remove(self._script)
            self._script = None
        match = re.search(r"tps = ([0-9.]+)", out.decode())
        if self._process.returncode != 0 or not match:
            raise Refused(f"pgbench: {self._process.returncode}\n{err.decode()[-2000:]}")
        return float(match[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        if self._script:
            os.remove(self._script)
            self._script = None


def pgbench(server, database, scale=1, **load):
    """Makes pgbench's tables where they are missing, and starts the load."""
    if "script" not in load and server.sql(database, "SELECT to_regclass('public.pgbench_accounts')") == "":
        server.run("pgbench", "-i", "-q", "-s", str(scale), database=database)
    return Load(server, database, **load)


class Proxy:
    """A TCP proxy on 127.0.0.1 that can stall, cut all connections, or cut one after some bytes from the server."""

    def __init__(self, port):
        self._target, self._pairs, self._lock = port, set(), threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self.refuses, self.bytes_down, self.cut_after = False, 0, None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def uri(self, server, *args, **kwargs):
        return server.uri(*args, **kwargs).replace(f":{server.port}/", f":{self.port}/")

    def stall(self):
        """Connections stay, and nothing goes through them."""
        self._open.clear()

    def resume(self):
        self.refuses = False
        self._open.set()

    def drop(self, refuse=False):
        """Resets every connection; with `refuse` new ones too, until resume()."""
        self.refuses = refuse
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._cut(pair)

    def connections(self):
        with self._lock:
            return len(self._pairs)

    def close(self):
        self._open.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop(refuse=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refuses:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self._target), 10)
                server.settimeout(None)
            except OSError:
                _end(client, gently=False)
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(pair, source, sink), daemon=True).start()

    def _pump(self, pair, source, sink):
        gently = True
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                if source is pair[1]:
                    self.bytes_down += len(data)
                    if self.cut_after is not None and self.bytes_down >= self.cut_after:
                        self.cut_after, gently = None, False
                        break
                sink.sendall(data)
        self._cut(pair, gently)

    def _cut(self, pair, gently=False):
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.remove(pair)
        for one in pair:
            _end(one, gently)


def _end(one, gently):
    """Orderly, or so that the other side has an error. Who waits in it for bytes is woken first."""
    with contextlib.suppress(OSError):
        if not gently:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR if gently else socket.SHUT_RD)
    one.close()
