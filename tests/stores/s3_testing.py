"""What the tests of S3 stores share: a server, buckets, the program with a user's credentials, and trees to compare."""
import hashlib
import os
import random
import re
import stat
import subprocess
import sys
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "cli")]
from cairn_testing import BIN, CairnTest
from ceph_testing import CephServer

CONTRACT = os.path.join(os.path.dirname(BIN or ""), "tests", "stores_contract")
ODD_PREFIX = "a b+c&d=é~(*'!@,;$"


def picture(folder):
    """Names, types, modes, owners, times, attributes, links and bytes of all below a folder."""
    found, names_of_file = {}, {}
    root = os.fsencode(folder)
    for where, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(where, name)
            status = os.lstat(path)
            what = {"mode": status.st_mode, "owner": (status.st_uid, status.st_gid), "modified": status.st_mtime_ns}
            if stat.S_ISLNK(status.st_mode):
                what["target"] = os.readlink(path)
            else:
                what["attributes"] = {one: os.getxattr(path, one) for one in os.listxattr(path)}
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    what["bytes"] = (status.st_size, hashlib.file_digest(file, "sha256").hexdigest())
                names_of_file.setdefault(status.st_ino, []).append(os.path.relpath(path, root))
            found[os.path.relpath(path, root)] = what
    for names in names_of_file.values():
        for name in names:
            found[name]["names"] = sorted(names)
    return found


def make_tree(folder, seed, files=60, bytes_max=60_000):
    """Files as they are, and a few as they rarely are."""
    dice = random.Random(seed)
    os.makedirs(folder)
    for i in range(files):
        path = os.path.join(folder, f"d{i % 7}", f"f{i}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(dice.randbytes(dice.randrange(bytes_max)))
    root = os.fsencode(folder)
    for name in (b"empty", b"not \xff utf-8\n", "ünï".encode(), b"x" * 255, b" ", b"-rf"):
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"" if name == b"empty" else name * 7)
    os.makedirs(os.path.join(folder, *"a deep folder of many names".split()))
    with open(os.path.join(folder, "sparse"), "wb") as file:
        file.seek(3_000_000)
        file.write(b"end")
        file.truncate(5_000_000)
    os.setxattr(os.path.join(folder, "sparse"), "user.note", b"v" * 300)
    os.link(os.path.join(folder, "d0", "f0"), os.path.join(folder, "second name"))
    os.symlink("nowhere", os.path.join(folder, "dangling"))
    os.mkfifo(os.path.join(folder, "fifo"), 0o640)
    os.chmod(os.path.join(folder, "d1"), 0o751)
    os.utime(os.path.join(folder, "d1"), ns=(1, -1_500_000_001))


class S3Test(CairnTest):
    """A server for the class; for each test a bucket's name that nobody has used, and a user who may make it."""

    secrets = set()  # of everybody: no output ever holds one

    @classmethod
    def setUpClass(cls):
        cls.ceph = CephServer(tls=True)
        cls.addClassCleanup(cls.ceph.close)
        cls.owner = cls.known(cls.ceph.user("owner"))

    @classmethod
    def known(cls, credentials):
        cls.secrets |= {credentials.secret_key, *filter(None, [credentials.session_token])}
        return credentials

    def setUp(self):
        super().setUp()
        self.credentials, self.settings = self.owner, []
        self.bucket = "test-" + uuid.uuid4().hex[:12]
        self.repo = self.address()

    def address(self, url=None, bucket=None, prefix="a/prefix"):
        return f"s3:{url or self.ceph.url}/{bucket or self.bucket}/{prefix}"

    def env(self, password="secret", **more):
        env = {k: v for k, v in super().env(password).items()
               if not k.startswith("AWS_") and not k.lower().endswith("_proxy")}  # this machine's own ways are no part of it
        env.update(self.credentials.env(), HOME=self.dir, **more)
        return env

    def run_cairn(self, *args, **kwargs):
        settings = [word for setting in self.settings for word in ("-o", setting)]
        done = super().run_cairn(*args, *settings, **kwargs)
        self.holds_no_secret(done.stdout + done.stderr)
        return done

    def holds_no_secret(self, told):
        for secret in self.secrets:
            self.assertNotIn(secret.encode(), told)

    def start_cairn(self, *args):
        settings = [word for setting in self.settings for word in ("-o", setting)]
        process = subprocess.Popen([BIN, *args, *settings], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(_end, process)
        return process

    def says(self, code, words, *args, **kwargs):
        """The command ends with this code, and tells all of the words on standard error."""
        told = self.run_cairn(*args, code=code, **kwargs).stderr.decode()
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, told)
        return told

    def run_contract(self, *tests, address=None):
        """The contract of stores, or these of its tests."""
        self.assertTrue(os.path.exists(CONTRACT), f"{CONTRACT} is not built")
        only = ["--gtest_filter=" + ":".join(f"*.{name}/*" for name in tests)] if tests else []
        env = self.env(CAIRN_STORE_ADDRESS=address or self.repo, CAIRN_STORE_SETTINGS=" ".join(self.settings))
        done = subprocess.run([CONTRACT, *only], env=env, capture_output=True, text=True, timeout=300, check=False)
        self.holds_no_secret((done.stdout + done.stderr).encode())
        self.assertEqual(done.returncode, 0, f"{done.stdout[-4000:]}\n{done.stderr[-1000:]}")
        passed = int(re.search(r"\[  PASSED  \] (\d+) tests?\.", done.stdout)[1])
        self.assertTrue(passed == len(tests) if tests else passed > 20, done.stdout[-1000:])

    def same_as_source(self, snapshot="latest", seconds=120, **kwargs):
        target = self.path(f"out-{uuid.uuid4().hex[:8]}")
        self.run_cairn("restore", snapshot, "--target", target, timeout=seconds, **kwargs)
        self.assertEqual(picture(target + os.path.abspath(self.source)), picture(self.source))

    def keys(self, prefix=""):
        """Of the bucket's objects."""
        listing = self.ceph.client(self.owner).request("GET", self.bucket, {"list-type": "2", "prefix": prefix}).decode()
        return [part.split("</Key>")[0] for part in listing.split("<Key>")[1:]]

    def wait_until(self, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            self.assertLess(time.monotonic(), end, "it has not come about")
            time.sleep(0.02)


def _end(process):
    if process.poll() is None:
        process.kill()
    process.communicate()
