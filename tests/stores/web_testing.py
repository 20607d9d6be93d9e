"""What tests of stores on the web share: a server in a folder of its own, and what every store must do.

A server is on 127.0.0.1, belongs to the process that started it, and is ended with it, however that ends.
"""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
from cairn_testing import BIN, CairnTest  # noqa: E402

START_SECONDS_MAX = 60
CONTRACT = os.path.join(os.path.dirname(BIN or ""), "tests", "stores_contract")


def cache_folder():
    """Where what was fetched stays."""
    default = "/var/cache" if os.geteuid() == 0 else os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("CAIRN_TESTS_CACHE") or os.path.join(default, "cairn-tests")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A program in a folder of its own. Subclasses give `command()`, after having made what it reads in `prepare()`."""

    # Its standard input ends when this process does; the group of processes is the server's.
    WATCH = """cat >/dev/null; kill -TERM -- "-$1"; sleep 2; kill -KILL -- "-$1"; rm -rf "$2" """

    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix=f"cairn-{name}-")
        os.chmod(self.folder, 0o755)
        self._process = self._watch = None
        atexit.register(self.close)
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    @property
    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def prepare(self):
        """Before each start; the port is known."""

    def command(self):
        raise NotImplementedError

    def _begin(self):
        for _ in range(5):  # another may take a port that was free
            self.port = free_port()
            self.prepare()
            self._launch()
            if self._answers():
                return
            self._end()
        raise RuntimeError(f"{type(self).__name__} did not start:\n{self.log[-2000:]}")

    def _launch(self):
        with open(self.path("log"), "ab") as log:
            self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                             start_new_session=True)
        self._watch = subprocess.Popen(["sh", "-c", self.WATCH, "watch", str(self._process.pid), self.folder],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                                       start_new_session=True)

    def _answers(self):
        end = time.monotonic() + START_SECONDS_MAX
        no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < end and self._process.poll() is None:
            try:
                no_proxy.open(f"http://127.0.0.1:{self.port}/", timeout=5).close()
                return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def _end(self):
        if self._watch:
            self._watch.kill()
            self._watch.stdin.close()
            self._watch.wait()
            self._watch = None
        if self._process:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self._process.pid, number)
                    self._process.wait(10)
                    break
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue
            self._process.wait()
            self._process = None

    def close(self):
        """Ends it, and leaves nothing. May be called again."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class StoreTest(CairnTest):
    """`address` is of an empty place, `store_env` who may use it."""

    address = None
    store_env = {}
    settings = ()

    def setUp(self):
        super().setUp()
        self.repo = self.address

    def env(self, password="secret", **more):
        return super().env(password, **{**self.store_env, **more})

    def run_cairn(self, *args, **more):
        given = [word for setting in self.settings for word in ("-o", setting)]
        return super().run_cairn(*args, *given, **more)

    def check_contract(self, address, filter_text="*", many=None):
        """All of tests/contract, below `address`."""
        self.assertTrue(os.path.exists(CONTRACT), f"{CONTRACT} is not built")
        env = self.env(CAIRN_STORE_ADDRESS=address, CAIRN_STORE_SETTINGS=" ".join(self.settings))
        if many:
            env["CAIRN_STORE_MANY"] = str(many)
        done = subprocess.run([CONTRACT, f"--gtest_filter={filter_text}"], env=env, capture_output=True, timeout=600)
        out = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, out[-6000:] + done.stderr.decode(errors="replace")[-2000:])
        self.assertRegex(out, r"\[  PASSED  \] [1-9]")

    def check_repository(self, address):
        """A repository from its first day to its last backup's restore."""
        self.repo = address
        self.make_source(files=40)
        self.init()
        first = self.backup()
        self.write("d1/new", b"new" * 10_000)
        self.backup()
        self.run_cairn("check", "--read-data")
        self.restore_equals_source()
        self.run_cairn("forget", first["id"], "--prune")
        self.run_cairn("check", "--read-data")
        self.restore_equals_source()
        again = self.run_cairn("init", code=None)
        self.assertNotEqual(again.returncode, 0)
        self.restore_equals_source()
