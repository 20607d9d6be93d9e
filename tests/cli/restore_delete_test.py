"""restore --delete: it takes away what is not in the snapshot, and nothing that anybody may miss."""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest, can_mount


class Delete(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()

    def put(self, path, data=b"x"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def restore_in_place(self, *args, **kwargs):
        return self.run_cairn("restore", "latest:" + self.source, "--target", self.source, "--delete", *args, **kwargs)

    def left(self, below=None):
        found = set()
        top = below or self.source
        for root, folders, names in os.walk(top):
            found.update(os.path.relpath(os.path.join(root, name), top) for name in names)
            found.update(os.path.relpath(os.path.join(root, name), top) + "/" for name in folders)
        return found

    def test_the_cache_of_this_run_is_spared(self):
        self.write("a", b"a")
        self.run_cairn("backup", self.source)
        target = self.path("out")
        temporary = os.path.join(target, "tmp")
        os.makedirs(temporary)
        args = ("--no-cache", "restore", f"latest:{self.source}", "--target", target, "--delete")
        done = self.run_cairn(*args, TMPDIR=temporary)
        self.assertIn(b"it is the cache of this run", done.stderr)
        self.assertEqual(sorted(os.listdir(target)), ["a", "tmp"])
        self.assertEqual(os.listdir(temporary), [])  # the run itself clears it away

    def test_the_repository_and_the_caches_are_never_deleted(self):
        self.repo = os.path.join(self.source, "sub", "repo")
        self.cache = os.path.join(self.source, "xdg")
        self.put(os.path.join(self.source, "a"))
        self.run_cairn("init")
        self.backup()
        self.put(os.path.join(self.source, "extra"))
        done = self.restore_in_place()
        self.assertIn(b"it is the repository: nothing in it is deleted", done.stderr)
        self.assertNotIn("extra", self.left())
        self.run_cairn("check", "--read-data")
        self.assertEqual(len(self.json("snapshots")["snapshots"]), 1)

    def test_what_the_backup_left_out_stays(self):
        for name in ("a", "cache/c", "sub/x.tmp", "sub/keep", "marked/NOBACKUP", "marked/other", "big"):
            self.put(os.path.join(self.source, name), b"x" * (20_000 if name == "big" else 10))
        self.backup("--exclude", "/cache/", "--exclude", "cache/", "--exclude", "*.tmp", "--exclude-if-present",
                    "NOBACKUP", "--exclude-larger-than", "10k")
        for name in ("extra", "sub/extra", "new/extra", "new/x.tmp"):
            self.put(os.path.join(self.source, name))
        report = self.json("restore", "latest:" + self.source, "--target", self.source, "--delete")
        self.assertEqual(report["failed"], 0)
        left = self.left()
        for name in ("a", "cache/c", "sub/x.tmp", "sub/keep", "marked/NOBACKUP", "marked/other", "big", "new/x.tmp"):
            self.assertIn(name, left)
        for name in ("extra", "sub/extra", "new/extra"):
            self.assertNotIn(name, left)

    def test_what_marks_a_folder_stays_with_what_it_spared(self):
        for name in ("a/x", "nb/p", "nb/.nobackup"):
            self.put(os.path.join(self.source, name))
        self.backup("--exclude-if-present", ".nobackup", "--exclude-caches")
        for name in ("new/.nobackup", "new/mine", "a/.nobackup", "a/mine", "cache/data"):
            self.put(os.path.join(self.source, name))
        self.put(os.path.join(self.source, "cache/CACHEDIR.TAG"), b"Signature: 8a477f597d28d172789f06886806bc55\n")
        before = self.left()
        for _ in range(2):
            self.restore_in_place()
            self.assertEqual(self.left(), before)

    def test_what_was_mounted_when_it_was_backed_up_may_be_folders_now(self):
        for name in ("a", "home/ann/x"):
            self.put(os.path.join(self.source, name))
        os.makedirs(os.path.join(self.source, "empty"))
        self.run_cairn("backup", "--one-file-system", self.source, os.path.join(self.source, "home/ann"))
        for name in ("empty/of-another", "home/bob/y", "home/ann/extra"):
            self.put(os.path.join(self.source, name))
        self.restore_in_place()
        self.assertEqual(self.left(), {"a", "empty/", "empty/of-another", "home/", "home/ann/", "home/ann/x", "home/bob/",
                                       "home/bob/y"})

    def test_nothing_is_deleted_inside_the_repository(self):
        for name in ("r/index/x", "r/data/y"):
            self.put(os.path.join(self.source, name))
        self.backup()
        target = self.path("target")
        shutil.copytree(self.repo, os.path.join(target, "r"))
        self.repo = os.path.join(target, "r")
        before = self.objects("")
        self.run_cairn("restore", "latest:" + self.source, "--target", target, "--delete", "--include", "*",
                       "--include", "!*/", code=None)
        self.assertEqual([name for name in before if not os.path.exists(name)], [])

    def test_sockets_stay(self):
        import socket
        self.put(os.path.join(self.source, "a"))
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.join(self.source, "sock"))
            self.backup()
            self.restore_in_place()
        self.assertEqual(self.left(), {"a", "sock"})

    def test_what_a_rewrite_left_out_stays(self):
        for name in ("a", "sub/secret", "sub/b", "secret"):
            self.put(os.path.join(self.source, name))
        self.backup()
        self.run_cairn("rewrite", "latest", "--exclude", self.source.lstrip("/") + "/sub/secret", "--forget")
        self.put(os.path.join(self.source, "sub/extra"))
        self.restore_in_place()
        self.assertEqual(self.left(), {"a", "sub/", "sub/secret", "sub/b", "secret"})

    def test_what_the_choice_does_not_take_stays(self):
        self.put(os.path.join(self.source, "f"))
        self.backup()
        os.remove(os.path.join(self.source, "f"))
        for name in ("extra/x.keep", "extra/y", "extra/deep/z", "f/p.keep", "f/q"):
            self.put(os.path.join(self.source, name))
        self.restore_in_place("--exclude", "*.keep", code=3)
        self.assertEqual(self.left(), {"extra/", "extra/x.keep", "f/", "f/p.keep"})
        os.remove(os.path.join(self.source, "f/p.keep"))
        self.restore_in_place("--exclude", "*.keep")
        self.assertEqual(self.left(), {"extra/", "extra/x.keep", "f"})

    @unittest.skipUnless(can_mount(), "needs to mount")
    def test_other_file_systems_stay(self):
        self.put(os.path.join(self.source, "a"))
        os.makedirs(os.path.join(self.source, "mnt"))
        self.put(self.path("outside", "deep", "q"))
        self.backup()
        script = f"""set -e
        mount -t tmpfs none '{self.source}/mnt'; mkdir '{self.source}/mnt/sub'; touch '{self.source}/mnt/p' '{self.source}/mnt/sub/y'
        mkdir -p '{self.source}/extra/in' '{self.source}/new/bound'; mount --bind '{self.path("outside")}' '{self.source}/extra/in'
        mount --bind '{self.path("outside")}' '{self.source}/new/bound'; touch '{self.source}/new/file'
        "$CAIRN" restore 'latest:{self.source}' --target '{self.source}' --delete --json
        find '{self.source}/mnt' '{self.source}/extra' '{self.source}/new' -type f | sort"""
        from cairn_testing import BIN
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, env=self.env(CAIRN=BIN))
        self.assertEqual(done.returncode, 0, done.stderr.decode() + done.stdout.decode())
        names = [os.path.relpath(line, self.source) for line in done.stdout.decode().splitlines()
                 if line.startswith("/")]
        self.assertEqual(names, ["extra/in/deep/q", "mnt/p", "mnt/sub/y", "new/bound/deep/q"])
        self.assertIn("another file system is mounted there", done.stdout.decode() + done.stderr.decode())
        self.assertTrue(os.path.exists(self.path("outside", "deep", "q")))

    def test_a_dry_run_makes_nothing(self):
        self.put(os.path.join(self.source, "a"))
        self.backup()
        target = self.path("none", "such")
        self.run_cairn("restore", "latest", "--target", target, "--delete", "--dry-run")
        self.assertFalse(os.path.exists(self.path("none")))

    def test_deep_folders_go(self):
        self.put(os.path.join(self.source, "a"))
        self.backup()
        folder = os.open(self.source, os.O_PATH)
        for _ in range(600):
            os.mkdir("nested-folder", dir_fd=folder)
            inner = os.open("nested-folder", os.O_PATH, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(folder)
        self.restore_in_place()
        self.assertEqual(self.left(), {"a"})


class Incomplete(CairnTest):
    """Damage, and what is restored all the same."""

    def setUp(self):
        super().setUp()
        self.init()
        import random
        rng = random.Random(3)
        self.write("a", rng.randbytes(12_000_000))
        os.link(os.path.join(self.source, "a"), os.path.join(self.source, "b"))
        os.utime(os.path.join(self.source, "a"), (1_600_000_000, 1_600_000_000))
        self.backup()
        self.pack = max(self.objects("data"), key=os.path.getsize)
        with open(self.pack, "r+b") as file:
            file.seek(200_000)
            self.good = file.read(12)
            file.seek(200_000)
            file.write(b"damagedbytes")
        self.target = self.path("out")
        self.restored = self.target + self.source

    def mend(self):
        with open(self.pack, "r+b") as file:
            file.seek(200_000)
            file.write(self.good)

    def test_all_but_the_lost_range_is_there_and_each_name_is_told(self):
        done = self.run_cairn("restore", "latest", "--target", self.target, code=None)
        self.assertNotEqual(done.returncode, 0)
        with open(os.path.join(self.source, "a"), "rb") as file:
            want = file.read()
        with open(os.path.join(self.restored, "a"), "rb") as file:
            got = file.read()
        self.assertEqual(len(got), len(want))
        same = sum(want[i:i + 4096] == got[i:i + 4096] for i in range(0, len(want), 4096)) * 4096
        self.assertGreater(same, 0.6 * len(want))
        told = done.stderr.decode()
        self.assertRegex(told, r"/a: bytes \d+ to \d+ could not be restored")
        self.assertIn("/b: it is another name of", told)

    def test_good_files_are_not_replaced_by_what_is_incomplete(self):
        shutil.copytree(self.source, self.restored)
        os.remove(os.path.join(self.restored, "b"))
        os.link(os.path.join(self.restored, "a"), os.path.join(self.restored, "b"))
        for rule in ("always", "if-newer"):
            os.utime(os.path.join(self.restored, "a"), (1_500_000_000, 1_500_000_000))
            done = self.run_cairn("restore", "latest", "--target", self.target, "--overwrite", rule, code=None)
            self.assertNotEqual(done.returncode, 0)
            same = subprocess.run(["diff", "-r", self.source, self.restored], capture_output=True)
            self.assertEqual(same.returncode, 0, same.stdout.decode())

    def test_an_interrupt_is_no_damage(self):
        self.mend()
        from cairn_testing import BIN
        with subprocess.Popen([BIN, "--limit-download", "4M", "restore", "latest", "--target", self.target],
                              env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as restore:
            while not os.path.isdir(self.restored):
                time.sleep(0.01)
            time.sleep(0.3)
            restore.send_signal(signal.SIGINT)
            told = restore.communicate(timeout=60)[1].decode()
        self.assertEqual(restore.returncode, 130)
        self.assertNotIn("damage", told)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to become nobody")
    def test_another_name_of_a_file_is_restored_where_the_first_cannot_be(self):
        self.mend()
        os.makedirs(os.path.join(self.source, "A"))
        os.makedirs(os.path.join(self.source, "B"))
        self.write("A/f", b"new")
        os.link(os.path.join(self.source, "A/f"), os.path.join(self.source, "B/f"))
        os.remove(os.path.join(self.source, "a"))
        os.remove(os.path.join(self.source, "b"))
        self.backup()
        target = self.path("mixed")
        for name in ("A", "B"):
            os.makedirs(os.path.join(target, name))
            with open(os.path.join(target, name, "f"), "wb") as file:
                file.write(b"old")
        os.chmod(self.dir, 0o755)
        for path in (target, os.path.join(target, "B"), os.path.join(target, "B/f")):
            os.chown(path, 65534, 65534)
        for top in (self.repo, self.cache):
            subprocess.run(["chown", "-R", "65534:65534", top], check=True)
        from cairn_testing import BIN
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BIN, "restore",
                               "latest:" + self.source, "--target", target], env=self.env(), capture_output=True)
        self.assertEqual(done.returncode, 3, done.stderr.decode())
        with open(os.path.join(target, "B/f"), "rb") as file:
            self.assertEqual(file.read(), b"new")
        with open(os.path.join(target, "A/f"), "rb") as file:
            self.assertEqual(file.read(), b"old")

    def test_what_is_incomplete_is_older_than_any(self):
        for rule in ("if-newer", "if-changed"):
            with self.subTest(rule):
                shutil.rmtree(self.target, ignore_errors=True)
                self.assertNotEqual(self.run_cairn("restore", "latest", "--target", self.target, code=None).returncode, 0)
                self.mend()
                self.run_cairn("restore", "latest", "--target", self.target, "--overwrite", rule)
                done = subprocess.run(["diff", "-r", self.source, self.restored], capture_output=True)
                self.assertEqual(done.returncode, 0, done.stdout.decode())
                with open(self.pack, "r+b") as file:
                    file.seek(200_000)
                    file.write(b"damagedbytes")


if __name__ == "__main__":
    unittest.main()
