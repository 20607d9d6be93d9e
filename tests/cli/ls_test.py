"""Listing what is in a snapshot."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest, is_sanitized


class Ls(CairnTest):
    def fill(self):
        self.init()
        for name, size, time in (("a", 300, 3_000), ("b/x", 2_000_000, 1_000), ("b/c/y", 20, 2_000), ("d", 20, 4_000)):
            path = self.write(name, b"z" * size)
            os.utime(path, (time, time))
        self.backup()

    def ls(self, *args, at="", **kwargs):
        out = self.run_cairn("ls", f"latest:{self.source}{at}", *args, **kwargs).stdout.decode()
        return [line.replace(self.source + "/", "") for line in out.splitlines()]

    def test_levels(self):
        self.fill()
        self.assertEqual(self.ls(), ["a", "b", "d"])
        self.assertEqual(self.ls("-R"), ["a", "b", "b/c", "b/c/y", "b/x", "d"])
        self.assertEqual(self.ls("--depth", "1"), ["a", "b", "d"])
        self.assertEqual(self.ls("--depth", "2"), ["a", "b", "b/c", "b/x", "d"])
        self.assertEqual(self.ls("--depth", "1", at="/b"), ["b/c", "b/x"])
        self.assertEqual(self.ls("-R", at="/b/"), ["b/c", "b/c/y", "b/x"])
        self.assertEqual(self.ls(at="/b/x"), ["b/x"])
        self.assertEqual(self.ls("-d", at="/b"), ["b"])
        everything = self.run_cairn("ls", "latest", "--depth", "1").stdout.decode().splitlines()
        self.assertEqual(everything, ["/" + self.source.split("/")[1]])
        self.run_cairn("ls", "latest", "--depth", "0", code=2)

    def test_orders(self):
        self.fill()
        self.assertEqual(self.ls("-R", "--reverse"), ["d", "b/x", "b/c/y", "b/c", "b", "a"])
        files = {"a", "b/x", "b/c/y", "d"}
        by_size = [name for name in self.ls("-R", "--sort", "size") if name in files]
        self.assertEqual(by_size, ["b/x", "a", "b/c/y", "d"])
        self.assertEqual([name for name in self.ls("-R", "--sort", "size", "--reverse") if name in files],
                         ["b/c/y", "d", "a", "b/x"])
        self.assertEqual([name for name in self.ls("-R", "--sort", "time") if name in files], ["d", "a", "b/c/y", "b/x"])
        os.utime(os.path.join(self.source, "a"), (-5, -5))
        self.backup()
        self.assertEqual(self.ls("-R", "--sort", "time")[-1], "a")
        self.run_cairn("ls", "latest", "--sort", "colour", code=2)

    def test_long_lines_and_json(self):
        self.fill()
        self.assertRegex(self.ls("-l", at="/b/x")[0], r"^-rw\S+ \S+ +\S+ +2000000 19\d\d-.* b/x$")
        self.assertRegex(self.ls("-lH", at="/b/x")[0], r" 1\.9 MiB 19.* b/x$")
        paths = []
        for line in self.ls("-R", "--json", "--sort", "size"):
            node = json.loads(line)
            paths.append(node["path"])
            self.assertIn("mtime", node)
        self.assertEqual(paths[0], "b/x")

    def test_a_large_folder_is_sorted_in_bounded_memory(self):
        self.init()
        os.makedirs(self.source)
        count = 300_000
        for i in range(count):
            with open(os.path.join(self.source, f"a-name-that-is-somewhat-long-{i:07}"), "wb"):
                pass
        self.backup()
        for args in (("-l", "--reverse"), ("-l", "--sort", "time"), ()):
            done = subprocess.Popen([BIN, "ls", "latest:" + self.source, *args], env=self.env(), stdout=subprocess.PIPE)
            lines = sum(1 for _ in done.stdout)
            _, status, usage = os.wait4(done.pid, 0)
            done.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual((done.returncode, lines), (0, count))
            if not is_sanitized():
                self.assertLess(usage.ru_maxrss, 150_000, args)


if __name__ == "__main__":
    unittest.main()
