"""What the end-to-end tests share: a scratch folder, a repository, and the program."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

BIN = os.environ.get("CAIRN_BIN")


def is_sanitized():
    """Is the program built with a sanitizer, whose own memory is beyond any bound of ours?"""
    with open(BIN, "rb") as file:
        program = file.read()
    return any(name in program for name in (b"__asan_init", b"__tsan_init"))


def can_mount():
    """Whether this user may mount where nobody else sees it; not in a root that is no mount point, as of a chroot."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


class CairnTest(unittest.TestCase):
    """Each test has a folder of its own, with a repository path that `init` may fill."""

    def setUp(self):
        self.assertTrue(BIN and os.path.exists(BIN), "CAIRN_BIN must name the cairn program")
        self.dir = tempfile.mkdtemp(prefix="cairn-cli-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repo = self.path("repo")
        self.source = self.path("source")
        self.cache = self.path("cache")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def env(self, password="secret", **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("CAIRN_")}
        env.update(XDG_CACHE_HOME=self.cache, CAIRN_REPOSITORY=self.repo, CAIRN_PASSWORD=password, **more)
        return env

    def run_cairn(self, *args, code=0, password="secret", stdin=None, timeout=120, **more):
        done = subprocess.run([BIN, *args], env=self.env(password, **more), input=stdin, capture_output=True,
                              timeout=timeout)
        if code is not None:
            self.assertEqual(done.returncode, code, f"cairn {' '.join(args)}\n{done.stdout.decode(errors='replace')[-2000:]}"
                                                    f"\n{done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def json(self, *args, **kwargs):
        """The last JSON line of a command."""
        out = self.run_cairn(*args, "--json", **kwargs).stdout.decode()
        return json.loads(out.strip().splitlines()[-1])

    def init(self):
        self.run_cairn("init")

    def backup(self, *args, **kwargs):
        return self.json("backup", self.source, *args, **kwargs)

    def write(self, name, data):
        path = os.path.join(self.source, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def make_source(self, files=60, seed=1):
        import random
        rng = random.Random(seed)
        for i in range(files):
            self.write(f"d{i % 7}/f{i}", rng.randbytes(rng.randrange(60_000)))
        self.write("big", rng.randbytes(6_000_000))
        self.write("empty", b"")

    def restore_equals_source(self, snapshot="latest", expect=None):
        target = self.path(f"out-{len(os.listdir(self.dir))}")
        self.run_cairn("restore", snapshot, "--target", target)
        restored = target + os.path.abspath(self.source)
        done = subprocess.run(["diff", "-r", "--no-dereference", expect or self.source, restored], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout.decode()[:2000])
        return restored

    def objects(self, *prefixes):
        """Paths of the repository's objects below the prefixes, sorted."""
        found = []
        for prefix in prefixes:
            for root, _, names in os.walk(os.path.join(self.repo, prefix)):
                found += [os.path.join(root, name) for name in names]
        return sorted(found)
