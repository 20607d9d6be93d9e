"""Folders with nodes that only a later version can read: the rest is read, they are told, and nothing is removed or lost."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import mini_writer as mini

CAIRN = os.environ.get("CAIRN_BIN")


class NewerNodes(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="cairn-newer-")
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.path = os.path.join(self.top, "repo")
        writer = mini.Repository(self.path)
        session = mini.Session(writer)
        extent = writer.data_entry(b"what is kept " * 100)
        folder = writer.folder(b"home", [
            writer.file(b"before", [extent]),
            writer.node(16, b"database", [(33, b"of a later version")]),
            writer.file(b"later", [writer.data_entry(b"x")], fields=[(19, b"needed")]),
            writer.file(b"zz", [extent]),
        ])
        root = writer.directory([folder])
        writer.put_segment(session, writer.put_blobs(session))
        writer.put_snapshot(session, [writer.item(root)])

    def cairn(self, *args, code=0, **more):
        env = dict(os.environ, CAIRN_REPOSITORY=self.path, CAIRN_PASSWORD="secret", XDG_CACHE_HOME=os.path.join(self.top, "cache"),
                   **more)
        done = subprocess.run([CAIRN, *args], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, f"{args}: {done.stdout}{done.stderr}")
        return done

    def test_reading_goes_on_beside_them(self):
        target = os.path.join(self.top, "out")
        done = self.cairn("restore", "latest", "--target", target, code=3)
        self.assertEqual(sorted(os.listdir(target + "/home")), ["before", "zz"])
        for name in ("database", "later"):
            self.assertRegex(done.stderr, rf'warning: /home: "{name}" is left out: ')
        self.assertNotIn("damage", done.stderr)
        done = self.cairn("ls", "latest:/home", code=1)
        self.assertEqual(done.stdout.split(), ["/home/before", "/home/zz"])
        self.assertIn("database", done.stderr)
        done = self.cairn("check", "--read-data")
        self.assertIn("warning", done.stderr)
        self.assertIn("no damage found", done.stdout)

    def test_nothing_is_removed_or_made_anew_without_them(self):
        before = self.objects()
        for args in (("prune",), ("rewrite", "latest", "--exclude", "zz"), ("repair", "snapshots")):
            done = self.cairn(*args, code=1)
            self.assertIn("newer cairn", done.stderr, args)
        self.assertEqual(self.objects(), before)
        other = os.path.join(self.top, "other")
        self.cairn("-r", other, "init")
        self.cairn("copy", "--to", other, code=1, CAIRN_TO_PASSWORD="secret")
        self.assertIn("no snapshots", self.cairn("-r", other, "snapshots").stdout)

    def test_a_delete_keeps_what_is_not_known(self):
        target = os.path.join(self.top, "out")
        os.makedirs(target + "/home")
        for name in ("later", "mine"):
            open(target + "/home/" + name, "w").close()
        self.cairn("restore", "latest", "--target", target, "--delete", code=3)
        self.assertEqual(sorted(os.listdir(target + "/home")), ["before", "later", "mine", "zz"])

    def objects(self):
        return sorted(os.path.join(folder, name) for kind in ("data", "meta", "snapshots", "index")
                      for folder, _, names in os.walk(os.path.join(self.path, kind)) for name in names)


if __name__ == "__main__":
    unittest.main()
