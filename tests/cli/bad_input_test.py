"""Bad input: a clear message that names the object, its own exit code where scripts need one, and nothing lost."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest


class BadInput(CairnTest):
    def test_no_repository(self):
        done = self.run_cairn("snapshots", code=10)
        self.assertIn(self.repo, done.stderr.decode())
        os.mkdir(self.repo)
        self.run_cairn("snapshots", code=10)

    def test_wrong_password(self):
        self.init()
        done = self.run_cairn("snapshots", password="wrong", code=12)
        self.assertNotIn("wrong", done.stderr.decode().replace("wrong password", "").replace("wrong key", ""))

    def test_init_twice_changes_nothing(self):
        self.init()
        self.make_source(files=2)
        self.backup()
        self.run_cairn("init", code=1)
        self.restore_equals_source()

    def test_usage(self):
        self.run_cairn("backup", "--no-such-option", code=2)
        self.run_cairn(code=2)

    def test_newer_version_is_refused_and_untouched(self):
        self.init()
        config = os.path.join(self.repo, "config/1")
        data = bytearray(open(config, "rb").read())
        data[7] = 2
        os.chmod(config, 0o600)
        open(config, "wb").write(data)
        done = self.run_cairn("snapshots", code=1)
        self.assertIn("version 2", done.stderr.decode())
        data[7] = 1
        data[8] = 4  # an unknown feature of the object
        open(config, "wb").write(data)
        done = self.run_cairn("snapshots", code=1)
        self.assertIn("upgrade", done.stderr.decode())

    def test_source_that_is_not_there(self):
        self.init()
        done = self.run_cairn("backup", self.path("nothing"), code=1)
        self.assertIn("nothing", done.stderr.decode())
        self.assertEqual(self.json("snapshots")["snapshots"], [])

    def test_repository_inside_source_is_left_out_and_told(self):
        os.makedirs(self.source)
        self.repo = os.path.join(self.source, "repo")
        self.init()
        self.make_source(files=2)
        done = self.run_cairn("backup", self.source)
        self.assertIn("repo", done.stderr.decode())
        self.assertNotIn(b"config/1", self.run_cairn("ls", "-R", "latest").stdout)

    def test_a_given_path_in_the_repository_is_refused(self):
        self.init()
        self.make_source(files=1)
        for repo in (self.repo, "local:" + self.repo):
            for path in (self.repo, os.path.join(self.repo, "config")):
                error = self.run_cairn("-r", repo, "backup", self.source, path, code=1).stderr.decode()
                self.assertIn(f"{path} is ", error)
                self.assertIn(f"the repository {self.repo},", error)
        self.assertEqual(self.json("snapshots")["snapshots"], [])

    def test_what_lies_beside_caches_is_backed_up(self):
        """A cache folder may be one with data: only what cairn made there is left out."""
        self.init()
        for number, (cache, given) in enumerate((("home/docs", "home"), ("home/docs", "home/docs"),
                                                 ("home", "home/docs"), ("home", "home"))):
            top = self.path(str(number))
            self.source = os.path.join(top, "home/docs")
            self.write("a", b"a")
            self.write("in/b", b"b")
            cache, given = os.path.join(top, cache), os.path.join(top, given)
            for more, env in ((("--cache-dir", cache), {}), ((), {"CAIRN_CACHE_DIR": cache})):
                self.run_cairn(*more, "backup", given, **env)
                listing = self.run_cairn("ls", "-R", "latest").stdout.decode()
                for name in ("a", "in/b"):
                    self.assertIn(os.path.join(self.source, name), listing, (cache, given))
                self.assertNotIn("/running", listing)
                self.assertNotIn("/remembered", listing)

    def test_target_inside_repository_is_refused(self):
        self.init()
        self.make_source(files=2)
        self.backup()
        before = self.objects("")
        self.run_cairn("restore", "latest", "--target", os.path.join(self.repo, "data", "x"), code=1)
        self.assertEqual(before, self.objects(""))

    @unittest.skipIf(os.geteuid() != 0, "needs another user's files")
    def test_unreadable_file_is_named_and_the_rest_is_kept(self):
        self.init()
        self.make_source(files=2)
        secret = self.write("unreadable", b"x")
        os.chmod(secret, 0)
        for top in (self.dir,):
            subprocess.run(["chown", "-R", "65534:65534", top], check=True)
        from cairn_testing import BIN
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BIN, "backup", self.source],
                              env=self.env(), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr.decode())
        self.assertIn("unreadable", done.stderr.decode())
        self.assertEqual(len(self.json("snapshots")["snapshots"]), 1)

    def test_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("needs to mount")
        mount = self.path("small")
        os.mkdir(mount)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", mount], capture_output=True)
        if done.returncode != 0:
            self.skipTest("tmpfs cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", mount])
        self.repo = os.path.join(mount, "repo")
        self.init()
        self.write("small", b"kept")
        self.backup()
        self.write("large", os.urandom(12_000_000))
        done = self.run_cairn("backup", self.source, code=1)
        self.assertIn("No space left", done.stderr.decode())
        os.remove(self.path("source", "large"))
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()
        self.run_cairn("prune")
        self.backup()

    def test_read_only_store(self):
        self.init()
        self.make_source(files=2)
        kept = self.backup()["id"]
        done = subprocess.run(["mount", "--bind", "-o", "ro", self.repo, self.repo], capture_output=True)
        if done.returncode != 0:
            self.skipTest("a folder cannot be mounted read-only here")
        self.addCleanup(subprocess.run, ["umount", self.repo], capture_output=True)
        self.write("new", b"new")
        for args in (("backup", self.source), ("prune",), ("forget", kept), ("key", "add", "--role", "reader")):
            done = self.run_cairn(*args, code=1, CAIRN_NEW_PASSWORD="n")
            self.assertIn("ead-only file system", done.stderr.decode(), args)
            self.assertIn(self.repo, done.stderr.decode(), args)
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        os.remove(self.path("source", "new"))
        self.restore_equals_source()
        subprocess.run(["umount", self.repo], check=True)
        self.backup()

    def test_source_that_changes_and_vanishes_while_it_is_read(self):
        import threading
        self.init()
        self.make_source(files=40)
        still = self.write("still", b"as it was")
        stop = threading.Event()

        def disturb():
            number = 0
            while not stop.is_set():
                number += 1
                self.write(f"d{number % 7}/f{number % 40}", os.urandom(1 + number % 60_000))
                with open(self.path("source", "big"), "ab") as file:
                    file.write(b"more")
                try:
                    os.remove(self.path("source", f"d{(number + 3) % 7}", f"f{(number + 3) % 40}"))
                except FileNotFoundError:
                    pass

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            for _ in range(4):
                done = self.run_cairn("backup", self.source, code=None)
                self.assertIn(done.returncode, (0, 3), done.stderr.decode())
                if done.returncode == 3:
                    self.assertIn(self.source[1:], done.stderr.decode())
        finally:
            stop.set()
            thread.join()
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.assertEqual(self.run_cairn("dump", "latest:" + still).stdout, b"as it was")
        self.assertEqual(self.run_cairn("backup", self.source).returncode, 0)
        self.restore_equals_source()

    def test_odd_snapshot_names(self):
        self.init()
        self.make_source(files=1)
        self.backup()
        self.run_cairn("ls", "abc", code=1)
        self.run_cairn("ls", "deadbeef", code=1)
        self.run_cairn("ls", "latest@yesterday", code=1)
        for name in ("latest~", "latest~x", "latest~1x", "latest~-1", "latest1"):
            self.assertIn(name.encode(), self.run_cairn("ls", name, code=1).stderr)
        self.assertIn(b"none of the 1 snapshots", self.run_cairn("ls", "latest~1", code=1).stderr)

    def test_folders_nested_to_the_limit_and_beyond(self):
        self.init()
        os.makedirs(self.source)
        self.addCleanup(subprocess.run, ["rm", "-rf", os.path.join(self.source, "d")])
        folder = os.open(self.source, os.O_PATH)
        for _ in range(4_200):
            os.mkdir("d", dir_fd=folder)
            inner = os.open("d", os.O_PATH, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(folder)
        done = self.run_cairn("backup", self.source, code=3)
        self.assertIn(b"folders are nested deeper than 4096", done.stderr)
        self.run_cairn("check", "--read-data")


if __name__ == "__main__":
    unittest.main()
