"""restore's options: what is taken, what is deleted, and a target that takes nothing more."""
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest, can_mount


class Patchwork(CairnTest):
    """Files whose blobs lie in the frames of several snapshots by turns, repeated, and in another order."""

    def test_every_state_comes_back(self):
        dice = random.Random(7)
        self.init()
        source = self.path("source")
        os.mkdir(source)
        lines = [b"%08d %s\n" % (i, dice.randbytes(20).hex().encode()) for i in range(200_000)]
        states = []
        for generation in range(5):
            if generation > 0:  # scattered rows, and a stretch, and rows behind
                for _ in range(200):
                    lines[dice.randrange(len(lines))] = b"changed %d\n" % dice.getrandbits(60)
                begin = dice.randrange(len(lines) - 2_000)
                lines[begin:begin + 2_000] = [b"stretch %d\n" % dice.getrandbits(60) for _ in range(2_000)]
                lines += [b"behind %d\n" % dice.getrandbits(60) for _ in range(3_000)]
            text = b"".join(lines)
            pieces = [text[i:i + 300_000] for i in range(0, len(text), 300_000)]
            dice.shuffle(pieces)
            state = {"dump": text, "shuffled": b"".join(pieces + pieces[:9]),
                     "repeated": text[:400_000] * 6 + bytes(3_000_000) + text[-400_000:]}
            for name, data in state.items():
                with open(os.path.join(source, name), "wb") as file:
                    file.write(data)
            states.append((self.backup()["id"], state))
        for number, (snapshot, state) in enumerate(states):
            target = self.path(f"out{number}")
            report = self.json("restore", snapshot, "--target", target)
            self.assertEqual((report["files"], report["failed"]), (3, 0))
            for name, data in state.items():
                with open(target + os.path.join(os.path.abspath(source), name), "rb") as file:
                    self.assertTrue(file.read() == data, f"{name} of generation {number} differs")


class RestoreOptions(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.make_source(files=40)
        self.backup()
        self.target = self.path("out")
        self.restored = self.target + os.path.abspath(self.source)

    def restore(self, *args, **kwargs):
        return self.json("restore", "latest", "--target", self.target, *args, **kwargs)

    def names(self):
        found = set()
        for root, _, names in os.walk(self.restored):
            found.update(os.path.relpath(os.path.join(root, name), self.restored) for name in names)
        return found

    def put(self, name, data=b"not in the snapshot"):
        path = os.path.join(self.restored, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def same(self, expect=None):
        done = subprocess.run(["diff", "-r", expect or self.source, self.restored], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_delete_into_a_target_with_older_files(self):
        for i in range(40):
            self.put(f"d{i % 7}/f{i}", b"older")
        for name in ("extra", "d1/extra", "new folder/below/x"):
            self.put(name)
        report = self.restore("--delete")
        self.assertEqual((report["removed"], report["failed"]), (5, 0), "three files, two folders")
        self.same()

    def test_delete_takes_only_what_the_choice_takes(self):
        self.put("d1/extra")
        self.put("d2/extra")
        self.put("mine")
        report = self.restore("--delete", "--include", "d1", "--exclude", "f8")
        self.assertEqual(report["removed"], 1)
        names = self.names()
        self.assertNotIn("d1/extra", names)
        self.assertIn("d2/extra", names)
        self.assertIn("mine", names)
        self.assertIn("d1/f1", names)
        self.assertNotIn("d1/f8", names)

    def test_dry_run_names_what_would_be_deleted_and_touches_nothing(self):
        self.put("d1/extra")
        done = self.run_cairn("restore", "latest", "--target", self.target, "--delete", "-n")
        self.assertIn("d1/extra", done.stderr.decode())
        self.assertEqual(self.names(), {"d1/extra"})

    def test_folders_come_only_for_what_is_in_them(self):
        before = os.path.join(self.target, os.path.dirname(os.path.abspath(self.source)).lstrip("/"))
        os.makedirs(before, mode=0o755)
        os.chmod(before, 0o711)
        os.utime(before, ns=(10**9, 10**9))
        self.restore("--include", "f8")
        self.assertEqual(self.names(), {"d1/f8"})
        self.assertEqual(sorted(os.listdir(self.restored)), ["d1"])
        self.assertEqual(os.stat(before).st_mode & 0o7777, 0o711)  # it was there: it keeps what it had
        # One on the way that was not there comes as it was backed up.
        self.assertEqual(os.stat(self.restored).st_mtime_ns, os.stat(self.source).st_mtime_ns)

    def test_patterns_with_a_slash_count_from_the_path_that_is_given(self):
        self.json("restore", "latest:" + self.source, "--target", self.target, "--include", "d1/f8", "--include", "/big")
        self.assertEqual(sorted(os.listdir(self.target)), ["d1"])
        self.assertEqual(os.listdir(os.path.join(self.target, "d1")), ["f8"])
        self.json("restore", f"latest:{self.source}/big", "--target", self.path("one"), "--include", "big")
        self.assertEqual(os.listdir(self.path("one")), ["big"])

    def test_a_name_that_is_kept_makes_no_links_to_another_state(self):
        self.write("first", b"as it was")
        os.link(os.path.join(self.source, "first"), os.path.join(self.source, "second"))
        self.backup()
        self.put("first", b"kept, and something else")
        self.restore("--overwrite", "never")
        with open(os.path.join(self.restored, "first"), "rb") as file:
            self.assertEqual(file.read(), b"kept, and something else")
        with open(os.path.join(self.restored, "second"), "rb") as file:
            self.assertEqual(file.read(), b"as it was")
        self.restore("--overwrite", "if-changed")
        self.assertEqual(os.stat(self.restored + "/first").st_ino, os.stat(self.restored + "/second").st_ino)
        self.same()

    def test_names_of_one_file_are_joined_again(self):
        self.write("first", b"as it was")
        os.link(os.path.join(self.source, "first"), os.path.join(self.source, "second"))
        self.backup()
        self.restore()
        second = os.path.join(self.restored, "second")
        shutil.copy2(second, second + ".new")
        os.rename(second + ".new", second)
        report = self.restore("--overwrite", "if-changed")
        self.assertEqual(os.stat(self.restored + "/first").st_ino, os.stat(second).st_ino)
        self.assertEqual(report["bytes_written"], 0)
        self.same()

    def test_what_stands_in_the_way(self):
        # A link on the way to what was asked for stays, and nothing is written through it.
        elsewhere = self.path("elsewhere")
        os.mkdir(elsewhere)
        os.makedirs(self.restored)
        os.symlink(elsewhere, os.path.join(self.restored, "d1"))
        done = self.run_cairn("restore", "latest", "--target", self.target, "--include", "f8", code=3)
        self.assertIn("symbolic link stands there", done.stderr.decode())
        self.assertTrue(os.path.islink(os.path.join(self.restored, "d1")))
        self.assertEqual(os.listdir(elsewhere), [])
        # A file where a folder belongs, and a folder where a file belongs.
        self.put("d2", b"a file")
        self.put("big/mine", b"mine")
        done = self.run_cairn("restore", "latest", "--target", self.target, "--overwrite", "never", code=0)
        self.assertTrue(os.path.isfile(os.path.join(self.restored, "d2")))
        done = self.run_cairn("restore", "latest", "--target", self.target, code=3)
        self.assertTrue(os.path.isdir(os.path.join(self.restored, "d2")))
        self.assertIn("big: a folder with something in it", done.stderr.decode())
        with open(os.path.join(self.restored, "big", "mine"), "rb") as file:
            self.assertEqual(file.read(), b"mine")
        self.restore("--delete")
        self.same()
        self.assertEqual(os.listdir(elsewhere), [])

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to give files away")
    def test_what_another_may_read_or_write_is_not_written_in_place(self):
        secret = self.write("secret", b"for root alone")
        os.chmod(secret, 0o600)
        self.backup()
        self.put("secret", b"of another's")
        os.chown(os.path.join(self.restored, "secret"), 65534, 65534)
        with open(os.path.join(self.restored, "secret"), "r+b") as held:
            self.restore()
            self.assertEqual(held.read(), b"of another's")
        with open(os.path.join(self.restored, "secret"), "rb") as file:
            self.assertEqual(file.read(), b"for root alone")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to become nobody")
    def test_a_user_gets_attributes_of_closed_files_and_folders(self):
        top = self.path("closed")
        os.makedirs(os.path.join(top, "folder"))
        with open(os.path.join(top, "file"), "wb") as file:
            file.write(b"x")
        try:
            for name in ("file", "folder"):
                os.setxattr(os.path.join(top, name), "user.k", b"v")
        except OSError:
            self.skipTest("no attributes here")
        os.chmod(os.path.join(top, "file"), 0o444)
        os.chmod(os.path.join(top, "folder"), 0o555)
        for path in (top, os.path.join(top, "file"), os.path.join(top, "folder")):
            os.chown(path, 65534, 65534)
        self.run_cairn("backup", top)
        target = self.path("theirs")
        os.makedirs(target)
        os.chown(target, 65534, 65534)
        os.chmod(self.dir, 0o755)
        subprocess.run(["chown", "-R", "65534:65534", self.repo, self.cache], check=True)
        from cairn_testing import BIN
        for _ in range(2):
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BIN, "restore",
                                   "latest:" + top, "--target", target], env=self.env(), capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            for name, mode in (("file", 0o444), ("folder", 0o555)):
                self.assertEqual(os.getxattr(os.path.join(target, name), "user.k"), b"v")
                self.assertEqual(os.stat(os.path.join(target, name)).st_mode & 0o777, mode)

    def as_nobody(self):
        """How to restore as nobody, who owns the target and what is in it."""
        from cairn_testing import BIN
        os.chmod(self.dir, 0o755)
        subprocess.run(["chown", "-R", "65534:65534", self.target, self.repo, self.cache], check=True)
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BIN]

    @staticmethod
    def modes(*paths):
        return [oct(os.stat(path).st_mode & 0o7777) for path in paths]

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to become nobody")
    def test_closed_folders_on_the_way_are_closed_again(self):
        self.put("d1/mine")
        ways = (self.target, self.restored, os.path.join(self.restored, "d1"))
        command = self.as_nobody()
        for path, mode in zip(ways, (0o500, 0o2555, 0o511)):
            os.chmod(path, mode)
        before = self.modes(*ways)
        done = subprocess.run([*command, "restore", "latest", "--target", self.target, "--include", "f8"],
                              env=self.env(), capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(self.names(), {"d1/f8", "d1/mine"})
        self.assertEqual(self.modes(*ways), before)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to become nobody")
    def test_closed_folders_on_the_way_are_closed_again_by_a_restore_that_ends_early(self):
        self.write("huge", os.urandom(24_000_000))  # more than is fetched at once
        self.backup()
        self.put("mine")
        ways = (self.target, self.restored)
        command = self.as_nobody()
        for path in ways:
            os.chmod(path, 0o555)
        with subprocess.Popen([*command, "--limit-download", "4M", "restore", "latest", "--target", self.target,
                               "--include", "huge"], env=self.env(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as restore:
            while restore.poll() is None and len(self.names()) < 2:
                time.sleep(0.01)
            restore.send_signal(signal.SIGINT)
            restore.communicate(timeout=60)
        self.assertEqual(restore.returncode, 130)
        self.assertEqual(self.names(), {"mine"})
        self.assertEqual(self.modes(*ways), ["0o555", "0o555"])

    def test_unchangeable_folders_on_the_way_are_so_again(self):
        self.put("d1/mine")
        ways = (self.restored, os.path.join(self.restored, "d1"))
        self.addCleanup(subprocess.run, ["chattr", "-R", "-ia", self.target], capture_output=True)
        for path, flag in zip(ways, "ia"):
            if subprocess.run(["chattr", "+" + flag, path], capture_output=True).returncode != 0:
                self.skipTest("no immutable folders here")
        self.restore("--include", "f8", "--include", "big")
        self.assertEqual(self.names(), {"d1/f8", "d1/mine", "big"})
        for path, flag in zip(ways, "ia"):
            told = subprocess.run(["lsattr", "-d", path], capture_output=True, check=True).stdout.decode()
            self.assertIn(flag, told.split()[0], path)

    @unittest.skipUnless(can_mount(), "needs to mount")
    def test_a_full_file_system_below_the_target_ends_no_more_than_itself(self):
        for name in ("a/f", "m/f", "z/f"):
            self.write(name, os.urandom(3_000_000))
        self.backup()
        from cairn_testing import BIN
        os.makedirs(os.path.join(self.restored, "m"))
        script = f"""mount -t tmpfs -o size=1m none '{self.restored}/m' || exit 77
        "$CAIRN" restore latest --target '{self.target}'; code=$?; umount '{self.restored}/m'; exit $code"""
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, env=self.env(CAIRN=BIN))
        if done.returncode == 77:
            self.skipTest("may not mount")
        self.assertEqual(done.returncode, 3, done.stderr.decode())
        self.assertIn("m/f", done.stderr.decode())
        for name in ("a/f", "z/f"):
            self.assertEqual(os.path.getsize(os.path.join(self.restored, name)), 3_000_000)

    def test_a_choice_that_takes_nothing_is_told(self):
        done = self.run_cairn("restore", "latest", "--target", self.target, "--include", "no such name", code=1)
        self.assertIn("nothing in snapshot", done.stderr.decode())

    @unittest.skipUnless(can_mount(), "needs to mount")
    def test_what_could_not_be_made_is_not_told_as_restored(self):
        for i in range(200):
            self.write(f"nothing/{i}", b"")
        self.backup()
        os.mkdir(self.target)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=100", "none", self.target], check=True)
        self.addCleanup(subprocess.run, ["umount", self.target])
        done = self.run_cairn("restore", "latest", "--verbose", "--target", self.target, "--include", "nothing", code=1)
        told = {line.split()[1] for line in done.stdout.decode().splitlines() if line.startswith("restored ")}
        there = {os.path.relpath(os.path.join(self.restored, name), self.target) for name in self.names()}
        self.assertTrue(there)
        self.assertEqual({name.lstrip("/") for name in told}, there)

    def test_a_target_that_is_full_or_read_only_ends_it_with_one_word(self):
        if os.geteuid() != 0:
            self.skipTest("needs to mount")
        os.mkdir(self.target)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.target], capture_output=True)
        if done.returncode != 0:
            self.skipTest("tmpfs cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", self.target])
        done = self.run_cairn("restore", "latest", "--target", self.target, code=1)
        text = done.stderr.decode()
        self.assertIn("No space left", text)
        self.assertIn("free space", text)
        self.assertNotIn("damage", text)
        self.assertLess(len(text.splitlines()), 4, text)
        for name in self.names():  # whole, or not there
            self.assertFalse(os.path.basename(name).startswith(".cairn-"), name)
            with open(os.path.join(self.restored, name), "rb") as out, open(os.path.join(self.source, name), "rb") as own:
                self.assertEqual(out.read(), own.read(), name)

        subprocess.run(["mount", "-o", "remount,ro", self.target], check=True)
        done = self.run_cairn("restore", "latest", "--target", self.target, code=1)
        self.assertIn("Read-only file system", done.stderr.decode())
        self.assertLess(len(done.stderr.decode().splitlines()), 4, done.stderr.decode())

        subprocess.run(["mount", "-o", "remount,rw,size=64m", self.target], check=True)
        self.restore()
        self.same()


if __name__ == "__main__":
    unittest.main()
