"""The repository of the vectors, read by the program and by the second reader: what was written once is readable for ever."""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("CAIRN_BIN")


class Vectors(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="cairn-vectors-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repo = os.path.join(self.dir, "repository")
        shutil.copytree(os.path.join(HERE, "repository"), self.repo)
        with open(os.path.join(HERE, "expected.json")) as file:
            self.expected = json.load(file)["paths"]
        self.env = dict(os.environ, CAIRN_REPOSITORY=self.repo, CAIRN_PASSWORD="vector",
                        XDG_CACHE_HOME=os.path.join(self.dir, "cache"))

    def compare(self, target):
        found = {}
        for root, _, names in os.walk(target):
            for name in names:
                path = os.path.join(root, name)
                key = path[len(target):]
                if os.path.islink(path):
                    found[key] = {"target": os.readlink(path)}
                    continue
                with open(path, "rb") as file:
                    data = file.read()
                found[key] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self.assertEqual(found, self.expected)

    def test_cairn_restores_it(self):
        self.assertTrue(BIN, "CAIRN_BIN must name the cairn program")
        target = os.path.join(self.dir, "out")
        for args in (["check", "--read-data"], ["restore", "latest", "--target", target]):
            done = subprocess.run([BIN, *args], env=self.env, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.compare(target)

    def test_second_reader_restores_it(self):
        target = os.path.join(self.dir, "out")
        for args in (["verify"], ["restore", "latest", target]):
            done = subprocess.run(["/usr/bin/python3", os.path.join(SOURCE, "tools/reader"), self.repo, *args],
                                  env=self.env, capture_output=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())
        self.compare(target)


if __name__ == "__main__":
    unittest.main()
