"""What differs between a snapshot and the files of this machine."""
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest


class LiveDiff(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.write("a/one", b"1")
        self.write("a/two", b"22")
        self.write("b/big", os.urandom(3_000_000))
        self.write("gone", b"gone")
        os.symlink("one", os.path.join(self.source, "a", "link"))
        self.backup()

    def diff(self, *args, code=0):
        """Without the summary and the folders above the source, which others change; of paths what is below it."""
        lines = self.run_cairn("diff", *args, code=code).stdout.decode().splitlines()[:-1]
        return [line.replace(self.source, "") for line in lines if not self.source.startswith(line[2:] + "/")]

    def live(self, *args, **kwargs):
        return self.diff("latest", "--live", *args, **kwargs)

    def change_keeping_time(self, name, data):
        path = os.path.join(self.source, name)
        status = os.stat(path)
        with open(path, "r+b") as file:
            file.write(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def test_nothing_differs_after_a_backup(self):
        for args in ((), ("--content",), ("--metadata",), ("--content", "--metadata")):
            self.assertEqual(self.live(*args), [])
        summary = self.json("diff", "latest", "--live")
        self.assertEqual({key: summary[key] for key in ("added", "removed", "content", "metadata", "type", "not_compared")},
                         dict.fromkeys(("added", "removed", "content", "metadata", "type", "not_compared"), 0))

    def test_what_came_went_and_changed_is_told(self):
        self.write("a/one", b"longer")
        self.write("new/deep/file", b"new")
        os.unlink(os.path.join(self.source, "gone"))
        shutil.rmtree(os.path.join(self.source, "b"))
        os.unlink(os.path.join(self.source, "a", "link"))
        os.symlink("two", os.path.join(self.source, "a", "link"))
        os.unlink(os.path.join(self.source, "a", "two"))
        os.mkdir(os.path.join(self.source, "a", "two"))
        self.write("a/two/in", b"x")
        expected = ["M /a/link", "M /a/one", "T /a/two", "+ /a/two/in", "- /b", "- /b/big", "- /gone", "+ /new", "+ /new/deep",
                    "+ /new/deep/file"]
        self.assertEqual(self.live(), expected)
        self.assertEqual(self.live("--content"), expected)
        self.assertEqual(self.diff("latest:" + self.source + "/a", "--live"), expected[:4])
        summary = self.json("diff", "latest", "--live")
        self.assertEqual((summary["added"], summary["bytes_added"], summary["removed"], summary["bytes_removed"]),
                         (4, 4, 3, 3_000_004))
        self.assertEqual((summary["content"], summary["bytes_content_before"], summary["bytes_content_after"]), (2, 1, 6))

    def test_the_next_backup_finds_no_difference_to_what_was_told(self):
        """Told as differing is what another snapshot differs in."""
        self.write("a/one", b"longer")
        self.write("new", b"n")
        os.chmod(os.path.join(self.source, "b/big"), 0o600)
        told = self.live("--metadata")
        self.backup()
        self.assertEqual(self.diff("latest~1", "latest", "--metadata"), told)

    def test_only_content_tells_what_kept_its_time(self):
        self.change_keeping_time("b/big", b"x")
        self.assertEqual(self.live(), [])
        self.assertEqual(self.live("--content"), ["M /b/big"])
        os.utime(os.path.join(self.source, "a/one"))
        self.assertEqual(self.live(), ["M /a/one"])
        self.assertEqual(self.live("--content", "--metadata"), ["U /a/one", "M /b/big"])

    def test_holes_and_ends_are_content(self):
        path = self.write("sparse", b"x")
        os.truncate(path, 40_000_000)
        self.backup()
        self.assertEqual(self.live("--content"), [])
        self.change_keeping_time("sparse", b"y")
        self.assertEqual(self.live("--content"), ["M /sparse"])
        self.change_keeping_time("sparse", b"x")
        status = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(30_000_000)
            file.write(b"\0" * 5000)  # no hole any more, and the same bytes
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertEqual(self.live("--content"), [])
        with open(path, "r+b") as file:
            file.seek(30_000_000)
            file.write(b"\0" * 4999 + b"!")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertEqual(self.live("--content"), ["M /sparse"])

    def test_metadata(self):
        os.chmod(os.path.join(self.source, "a/two"), 0o600)
        os.setxattr(os.path.join(self.source, "gone"), "user.mark", b"m")
        os.setxattr(os.path.join(self.source, "b"), "user.mark", b"v" * 3000)
        self.assertEqual(self.live(), [])
        self.assertEqual(self.live("--metadata"), ["U /a/two", "U /b", "U /gone"])
        self.backup()
        self.assertEqual(self.live("--metadata"), [])
        os.setxattr(os.path.join(self.source, "b"), "user.mark", b"w" * 3000)
        self.assertEqual(self.live("--metadata"), ["U /b"])

    def test_what_the_backup_left_out_is_no_difference(self):
        self.write("x.tmp", b"t")
        self.write("cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55")
        self.write("cache/much", b"c")
        self.write("huge", b"h" * 100_000)
        rules = ("--exclude", "*.tmp", "--exclude-caches", "--exclude-larger-than", "90000", "--exclude", "/b")
        self.backup(*rules)
        self.assertEqual(self.live(), [])
        self.write("y.tmp", b"t")
        self.write("y", b"t")
        self.assertEqual(self.live(), ["+ /y"])

    def test_with_a_folder(self):
        target = self.path("out")
        self.run_cairn("restore", "latest", "--target", target)
        self.assertEqual(self.diff("latest:/", target, "--content", "--metadata"), [])
        self.assertEqual(self.diff("latest:" + self.source, target + self.source), [])
        shutil.rmtree(target + self.source + "/b")
        self.assertEqual(self.diff("latest:" + self.source, target + self.source), ["- /b", "- /b/big"])
        os.chdir(target)
        self.addCleanup(os.chdir, "/")
        self.assertEqual(self.diff("latest:" + self.source, "./" + self.source.lstrip("/")), ["- /b", "- /b/big"])
        self.assertIn(b"no such file", self.run_cairn("diff", "latest:/", "/no/such", code=1).stderr)
        self.assertIn(b"no folder", self.run_cairn("diff", "latest:/", target + self.source + "/gone", code=1).stderr)

    def test_a_folder_alone_is_compared_with_what_it_was(self):
        self.write("a/new", b"n")
        self.write("b/new.tmp", b"n")
        self.backup("--exclude", "*.tmp")
        self.write("a/one", b"longer")
        os.unlink(os.path.join(self.source, "gone"))
        self.assertEqual(self.diff("latest", self.source + "/a"), ["M /a/one"])
        self.assertEqual(self.diff("latest", self.source + "/b/../b"), [])
        self.assertEqual(self.diff("latest~1", self.source + "/a/"), ["+ /a/new", "M /a/one"])
        os.mkdir(self.path("else"))
        self.assertIn(b"latest:/folder", self.run_cairn("diff", "latest", self.path("else"), code=1).stderr)

    def test_items(self):
        site = self.path("site")
        shutil.copytree(self.source, site, symlinks=True)
        self.run_cairn("backup", self.source, "--set", "site=" + site, "--set", "more=" + self.source + "/a")
        os.unlink(site + "/gone")
        lines = self.run_cairn("diff", "latest", "--live").stdout.decode().splitlines()[:-1]
        self.assertEqual(lines, [f"- /site{site}/gone"])
        self.assertEqual(self.run_cairn("diff", "latest:site", "--live").stdout.decode().splitlines()[:-1], lines)
        self.assertEqual(self.diff(f"latest:site{site}", self.source), [])
        self.assertEqual(self.run_cairn("diff", "latest", site).stdout.decode().splitlines()[:-1], lines)
        self.assertIn(b"several items", self.run_cairn("diff", "latest:/", site, code=1).stderr)
        self.run_cairn("backup", "--stdin", "--stdin-filename", "s", stdin=b"1")
        self.assertIn(b"nothing there", self.run_cairn("diff", "latest", "--live", code=1).stderr)

    def test_wrong_usage_is_told(self):
        self.assertIn(b"what to compare with", self.run_cairn("diff", "latest", code=1).stderr)
        self.assertIn(b"no folder", self.run_cairn("diff", "latest", "latest", "--live", code=1).stderr)
        self.assertIn(b"--content", self.run_cairn("diff", "latest", "latest", "--content", code=1).stderr)

    @unittest.skipUnless(os.geteuid() == 0, "as another user, whom root becomes")
    def test_what_cannot_be_read_is_told_and_counted(self):
        os.chmod(self.dir, 0o755)
        closed = os.path.join(self.source, "a")
        os.chmod(closed, 0o700)
        for folder in (self.repo, self.cache):
            subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", os.environ["CAIRN_BIN"],
                               "diff", "latest", "--live"], env=self.env(XDG_CACHE_HOME_=""), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(closed.encode(), done.stderr)
        self.assertNotIn(b"one", done.stdout)
        self.assertIn(b"1 could not be compared", done.stdout)

    def test_a_damaged_tree_ends_it_and_is_no_difference(self):
        for i in range(50):
            self.write(f"many/{i:02}/f", b"f")
        self.backup()
        os.unlink(max(self.objects("meta"), key=os.path.getmtime))
        done = self.run_cairn("diff", "latest", "--live", code=1)
        self.assertIn(b"is gone", done.stderr)
        self.assertNotIn(b"added", done.stdout)

    def test_json(self):
        self.write("a/one", b"longer")
        change, summary = [json.loads(line) for line in
                           self.run_cairn("diff", "latest", "--live", "--json").stdout.decode().splitlines()]
        self.assertEqual(change, {"message_type": "change", "change": "content", "path": self.source + "/a/one",
                                  "size_before": 1, "size_after": 6})
        self.assertEqual(summary["message_type"], "summary")


if __name__ == "__main__":
    unittest.main()
