"""What the engine writes, tools/reader reads: backup, change, forget and prune by the one, verify and restore by the other."""

import errno
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
READER = os.path.join(HERE, "..", "..", "tools", "reader")
PYTHON = "/usr/bin/python3"  # the one whose packages tools/install-deps installs
CAIRN = os.environ.get("CAIRN_BIN")
PASSWORD = "a password, w\u00efth more"
ACL = bytes.fromhex("02000000" "0100 0600 ffffffff" "0200 0400 01000000" "0400 0400 ffffffff" "1000 0600 ffffffff" "2000 0400 ffffffff")


def left_out(what, problem):
    print(f"not tried here: {what}: {problem.strerror}", file=sys.stderr)


def tried(what, act, *arguments, **more):
    """Does what this file system or this user may not be allowed to do; tells what was left out."""
    try:
        act(*arguments, **more)
        return True
    except OSError as problem:
        if problem.errno not in (errno.ENOTSUP, errno.EPERM, errno.EINVAL, errno.ENOSPC):
            raise
        left_out(what, problem)
        return False


def write(path, data, mtime=None, mode=None):
    with open(path, "wb") as file:
        file.write(data)
    if mode is not None:
        os.chmod(path, mode)
    if mtime is not None:
        os.utime(path, ns=(mtime, mtime))


class Source:
    """A folder with what is odd in file systems."""

    def __init__(self, top):
        self.top = os.fsencode(top)
        self.random = random.Random(7)
        os.mkdir(self.top)
        at = self.at
        write(at(b"empty"), b"", mtime=1)
        write(at(b"random"), self.random.randbytes(3 << 20), mtime=1234567890 * 10**9 + 123456789)
        write(at(b"long"), self.random.randbytes(24 << 20))
        write(at(b"same"), b"x" * (20 << 20), mtime=-10**9 + 1)
        write(at(b"zeros"), bytes(5 << 20))
        write(at(b"text"), b"a line that is repeated\n" * 5000)
        write(at(b"dump"), b"".join(b"%d\t%d\n" % (i, self.random.randrange(1 << 60)) for i in range(200000)))
        write(at(b"setuid"), b"#!/bin/false\n", mode=0o6755)
        write(at(b"unreadable"), b"secret", mode=0o000 if os.geteuid() == 0 else 0o400)
        self.sparse(b"sparse", 9 << 20, ((1 << 20, b"begin"), (4 << 20, self.random.randbytes(2 << 20))))
        self.sparse(b"only a hole", 3 << 20, ())
        os.symlink(b"random", at(b"link"))
        os.symlink(b"/nowhere/\xff at all", at(b"dangling"))
        os.utime(at(b"dangling"), ns=(5, 5 * 10**9 + 5), follow_symlinks=False)
        os.mkfifo(at(b"fifo"), 0o620)
        os.mkdir(at(b"folder"))
        os.mkdir(at(b"folder", b"below"), 0o1700)
        os.link(at(b"random"), at(b"folder", b"hard link"))
        os.link(at(b"random"), at(b"folder", b"below", b"hard link"))
        os.link(at(b"link"), at(b"folder", b"hard link of a link"), follow_symlinks=False)
        for name in (b" ", b"-rf", b"a\nb", b"\xff\xfe", b"\\", b"*?[", b"...", b"n" * 255, "\u00e4\U0001f600".encode(), b"a\xcc\x88"):
            write(at(b"folder", name), b"named " + name)
        os.mkdir(at(b"many"))
        for number in range(900):
            write(at(b"many", b"%04d" % number), b"%d" % number)
        deep = at(b"deep")
        for _ in range(40):
            os.mkdir(deep)
            deep = os.path.join(deep, b"d" * 20)
        os.mkdir(at(b"empty folder"), 0o500)
        for name in (b"text", b"folder", b"empty"):
            tried("attributes user.*", os.setxattr, at(name), b"user.some", b"value of " + name)
        tried("an empty attribute", os.setxattr, at(b"text"), b"user.empty", b"")
        tried("a long attribute", os.setxattr, at(b"text"), b"user.long", self.random.randbytes(1500))
        tried("access control lists", os.setxattr, at(b"text"), b"system.posix_acl_access", ACL)
        tried("devices", os.mknod, at(b"device"), 0o640 | stat.S_IFCHR, os.makedev(1, 3))
        if os.geteuid() == 0:
            os.chown(at(b"text"), 4294967, 12345)
        os.utime(at(b"folder"), ns=(10**9, 999999999))

    def at(self, *names):
        return os.path.join(self.top, *names)

    def sparse(self, name, size, pieces):
        with open(self.at(name), "wb") as file:
            file.truncate(size)
            for place, data in pieces:
                file.seek(place)
                file.write(data)

    def change(self):
        at = self.at
        with open(at(b"long"), "rb") as file:
            data = file.read()
        write(at(b"long"), data[:5 << 20] + b"something put in" + data[5 << 20:])
        write(at(b"text"), b"other")
        with open(at(b"dump"), "rb") as file:
            lines = file.read().splitlines(True)
        lines[1000] = b"another one\n"
        write(at(b"dump"), b"".join(lines))
        write(at(b"many", b"0500 new"), b"new")
        os.unlink(at(b"many", b"0007"))
        os.unlink(at(b"same"))
        os.rename(at(b"zeros"), at(b"renamed"))
        os.chmod(at(b"setuid"), 0o4711)
        os.utime(at(b"many"), ns=(7, 7 * 10**9 + 7))


def listing(top):
    """All below a folder: path -> what has to be equal."""
    found, groups = {}, {}
    pending = [b""]
    while pending:
        path = pending.pop()
        full = os.path.join(top, path) if path else top
        status = os.lstat(full)
        kind = stat.S_IFMT(status.st_mode)
        own = {"type": kind, "mode": stat.S_IMODE(status.st_mode), "mtime": status.st_mtime_ns,
               "attributes": {name: os.getxattr(full, name, follow_symlinks=False)
                              for name in os.listxattr(full, follow_symlinks=False)}}
        if os.geteuid() == 0:
            own["owner"] = status.st_uid, status.st_gid
        if kind == stat.S_IFDIR:
            pending += [os.path.join(path, name) for name in os.listdir(full)]
        else:
            groups.setdefault((status.st_dev, status.st_ino), []).append(path)
            own["links"] = groups[status.st_dev, status.st_ino]
        if kind == stat.S_IFREG:
            with open(full, "rb") as file:
                own["content"] = file.read()
        elif kind == stat.S_IFLNK:
            own["target"] = os.readlink(full)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            own["device"] = status.st_rdev
        found[path] = own
    for paths in groups.values():
        paths.sort()
    return found


class Engine(unittest.TestCase):
    suite = "aes"

    @classmethod
    def setUpClass(cls):
        if not CAIRN:
            raise RuntimeError("CAIRN_BIN must hold the path of the program cairn")
        if not os.access(CAIRN, os.X_OK):
            raise RuntimeError(f"CAIRN_BIN is {CAIRN}, which is not a program")

    def setUp(self):
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="cairn-reader-"))
        self.addCleanup(self.remove)
        self.repository = os.path.join(self.top, "repository")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
        self.environment.update(CAIRN_PASSWORD=PASSWORD, XDG_CACHE_HOME=os.path.join(self.top, "cache"),
                                HOME=self.top, PYTHONDONTWRITEBYTECODE="1")

    def remove(self):
        subprocess.run(["chmod", "-R", "u+rwx", self.top], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.top)

    def run_program(self, words, status=0, **more):
        done = subprocess.run(words, env=self.environment, capture_output=True, timeout=300, **more)
        self.assertEqual(done.returncode, status, b"\n".join([repr(words).encode(), done.stdout[-4000:], done.stderr[-4000:]])
                         .decode("utf-8", "backslashreplace"))
        return done.stdout

    def cairn(self, *words, **more):
        return self.run_program([CAIRN, "-r", self.repository, *words], **more)

    def reader(self, *words, **more):
        return self.run_program([PYTHON, READER, self.repository, *words], **more)

    def verify(self):
        """Nothing is wrong; gives the notices."""
        lines = self.reader("verify").decode("utf-8", "backslashreplace").splitlines()
        self.assertTrue(lines[-1].endswith("- 0 findings"), lines)
        return lines[:-1]

    def ids(self):
        return [line.split()[0].decode() for line in self.reader("snapshots").splitlines()]

    def compare(self, snapshot, wanted, source):
        target = os.path.join(self.top, "out-" + snapshot)
        self.reader("restore", snapshot, target)
        found = listing(os.fsencode(target) + source)
        self.assertEqual(sorted(found), sorted(wanted))
        for path, own in wanted.items():
            different = [what for what in own if own[what] != found[path].get(what)]
            shown = {what: (own[what], found[path].get(what)) for what in different if what != "content"}
            self.assertEqual(different, [], (path, shown))
        holes = os.stat(os.fsencode(target) + source + b"/only a hole")
        self.assertLess(holes.st_blocks * 512, holes.st_size)

    def test_backup_forget_prune(self):
        source = Source(os.path.join(self.top, "source"))
        tree = os.fsdecode(source.top)
        self.cairn("init", "--suite", self.suite)
        self.verify()
        stream = random.Random(8).randbytes(6 << 20)
        self.cairn("backup", "--stdin", "--stdin-filename", "stream", input=stream)
        self.cairn("backup", tree)
        first = listing(source.top)
        self.assertEqual(self.verify(), [])
        source.change()
        self.cairn("backup", "--tag", "second", "--description", "after a change", tree)
        second = listing(source.top)
        self.assertEqual(self.verify(), [])
        ids = self.ids()
        self.assertEqual(len(ids), 3)
        self.assertEqual(self.reader("cat", ids[0], "stream"), stream)
        self.compare(ids[1], first, source.top)
        self.cairn("tag", "--add", "noted", "latest")
        self.assertIn(b"tags=noted,second", self.reader("snapshots"))
        self.cairn("forget", ids[1])
        self.verify()
        self.assertEqual(self.ids(), [ids[0], ids[2]])
        self.cairn("prune", "--max-unused", "0")
        self.assertEqual(self.verify(), [])
        self.compare("latest", second, source.top)
        self.assertEqual(self.reader("cat", ids[0], "stream"), stream)

    def copy_and_verify(self, *init_options):
        source = Source(os.path.join(self.top, "source"))
        tree = os.fsdecode(source.top)
        wanted = listing(source.top)
        self.cairn("init", "--suite", self.suite)
        self.cairn("backup", tree)
        self.environment.update(CAIRN_TO_PASSWORD=PASSWORD, CAIRN_FROM_PASSWORD=PASSWORD)
        first, self.repository = self.repository, os.path.join(self.top, "copy")
        self.cairn("init", "--suite", self.suite, *(option.format(first=first) for option in init_options))
        copied, self.repository = self.repository, first
        self.cairn("copy", "--to", copied)
        self.repository = copied
        self.assertEqual(self.verify(), [])
        self.compare("latest", wanted, source.top)

    def test_copy_to_other_keys(self):
        self.copy_and_verify()

    def test_copy_to_the_same_keys(self):
        """Its packs name a session that no frame is of."""
        self.copy_and_verify("--same-keys-as", "{first}")

    def test_host_and_password(self):
        path = os.path.join(self.top, "f")
        write(path, b"content")
        self.cairn("init", "--suite", self.suite)
        self.cairn("backup", path)
        self.assertIn(os.fsencode(socket.gethostname()), self.reader("snapshots"))
        self.assertEqual(self.reader("cat", "latest", path), b"content")
        with open(os.path.join(self.top, "password"), "wb") as file:
            file.write(PASSWORD.encode() + b"\r\nmore\n")
        del self.environment["CAIRN_PASSWORD"]
        self.reader("--password-file", file.name, "verify")
        self.environment["CAIRN_PASSWORD"] = "another"
        self.reader("verify", status=5)


class EngineWithChaCha(Engine):
    suite = "chacha"


if __name__ == "__main__":
    unittest.main()
