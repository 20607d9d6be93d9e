"""What the tests of cairn mount share: a repository that is mounted, and what is shown there."""
import os
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from cairn_testing import BIN, CairnTest, is_sanitized

FACTOR = 5 if is_sanitized() else 1


def run(*command, code=0, **more):
    done = subprocess.run(command, capture_output=True, timeout=120, **more)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout.decode()[-2000:]}{done.stderr.decode()[-2000:]}")
    return done


class MountTest(CairnTest):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            self.skipTest("only root mounts, where there is FUSE")
        self.point = self.path("mnt")
        os.mkdir(self.point)
        self.program = None

    def mount(self, *options):
        self.program = subprocess.Popen([BIN, "mount", self.point, *options], env=self.env(), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.addCleanup(self.clear, self.program)
        line = self.program.stdout.readline()
        if not line:
            self.fail(self.program.stderr.read().decode())
        self.assertIn(b"mounted at", line)
        self.assertTrue(os.path.ismount(self.point))

    def clear(self, program):
        subprocess.run(["umount", "-l", self.point], capture_output=True)
        if program.poll() is None:
            program.kill()
        program.communicate(timeout=30)

    def unmount(self):
        """As a user does; what the program said."""
        run("fusermount3", "-u", self.point)
        said = self.program.communicate(timeout=30)[1].decode()
        self.assertEqual(self.program.returncode, 0, said)
        return said

    def wait_for(self, what, seconds=20):
        end = time.monotonic() + seconds * FACTOR
        while not what():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def shown(self, *names):
        return os.path.join(self.point, "by-time", "latest", *names)

    def shown_source(self):
        return self.shown() + os.path.abspath(self.source)

    def snapshot_name(self):
        return os.readlink(os.path.join(self.point, "by-time", "latest"))


def make_odd_tree(write, source):
    """One of everything that a file system can hold."""
    write("plain", b"plain\n" * 1000)
    write("deep/er/file", os.urandom(300_000))
    write("large", os.urandom(9_000_000))
    write("empty", b"")
    os.mkdir(os.path.join(source, "empty-folder"))
    os.symlink("plain", os.path.join(source, "link"))
    os.symlink("/nowhere/" + "x" * 200, os.path.join(source, "dangling"))
    for name in ("hard1", "deep/hard2", "deep/er/hard3"):
        os.link(write("hard0", b"hard") if name == "hard1" else os.path.join(source, "hard0"), os.path.join(source, name))
    os.mkfifo(os.path.join(source, "fifo"), 0o640)
    os.mknod(os.path.join(source, "character"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(os.path.join(source, "block"), 0o660 | stat.S_IFBLK, os.makedev(259, 70000))
    for name in (b"\xff\xfe", b"new\nline", "ünïcödé".encode(), b"-rf", b" ", b"a\\b", b"x" * 255):
        with open(os.path.join(os.fsencode(source), name), "wb") as file:
            file.write(name)
    with open(write("sparse", b""), "r+b") as file:
        for place in (0, 5_000_000, 40_000_000):
            file.seek(place)
            file.write(os.urandom(100_000))
        file.truncate(64_000_000)
    os.chmod(write("modes", b"m"), 0o4751)
    os.chmod(os.path.join(source, "deep"), 0o1777)
    os.chown(write("owned", b"o"), 12345, 54321)
    os.setxattr(write("attributes", b"a"), "user.one", b"1")
    os.setxattr(os.path.join(source, "attributes"), "user.long", os.urandom(3000))
    os.setxattr(os.path.join(source, "deep"), "user.folder", b"\0binary\0")
    os.setxattr(os.path.join(source, "attributes"), "trusted.mine", b"t")
    run("setfacl", "-m", "u:12345:rw,g:54321:r", os.path.join(source, "attributes"))
    run("setfacl", "-d", "-m", "u:12345:rwx", os.path.join(source, "deep"))
    for number, name in enumerate(("plain", "empty", "deep/er", "empty-folder")):
        os.utime(os.path.join(source, name), ns=(0, (number * 500_000_000 + 3) * 10**9 + 123_456_789))
    os.utime(os.path.join(source, "modes"), ns=(0, -1_500_000_000))
    os.utime(os.path.join(source, "link"), ns=(0, 987_654_321_012_345_678), follow_symlinks=False)
