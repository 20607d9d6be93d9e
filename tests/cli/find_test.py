"""Finding files in snapshots: what is asked of them, in how many snapshots they are, and who needs a blob."""
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest


class Find(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()

    def lines(self, *args, **kwargs):
        return self.run_cairn("find", *args, **kwargs).stdout.decode().splitlines()

    def objects_of(self, *args, **kwargs):
        return [json.loads(line) for line in self.lines(*args, "--json", **kwargs)]

    def paths(self, *args, **kwargs):
        """Below the source, of one snapshot."""
        found = self.lines("--latest", "1", *args, **kwargs)
        self.assertTrue(all(line.startswith(self.source) for line in found[1:]), found)
        return [line[len(self.source) + 1:] for line in found[1:]]

    def fill(self):
        """Three snapshots: `same` in all of them, `log` another in each, `late` in the last, `early` in the first."""
        self.write("same", b"x" * 100)
        self.write("early", b"e")
        ids = []
        for i in range(3):
            self.write("log", b"line\n" * (i + 1))
            if i == 2:
                os.unlink(os.path.join(self.source, "early"))
                self.write("late", b"l")
            ids.append(self.backup("--time", f"2026-01-0{i + 1} 03:00:00")["id"][:8])
        return ids

    # --- what is asked ---

    def test_patterns_regular_expressions_and_case(self):
        for name in ("a.TXT", "b.txt", "mail/in.db", "mail/old/out.db", "Überblick.odt", "db/x.c"):
            self.write(name, b"1")
        self.backup()
        self.assertEqual(self.paths("*.txt"), ["b.txt"])
        self.assertEqual(self.paths("-i", "*.txt"), ["a.TXT", "b.txt"])
        self.assertEqual(self.paths("*.txt", "in.*"), ["b.txt", "mail/in.db"])
        self.assertEqual(self.paths("mail/*.db"), ["mail/in.db", "mail/old/out.db"])
        self.assertEqual(self.paths(self.source + "/mail/*.db"), ["mail/in.db", "mail/old/out.db"])
        self.assertEqual(self.paths("-i", "?BERBLICK*"), ["Überblick.odt"])
        self.assertEqual(self.paths("?BERBLICK*"), [])
        self.assertEqual(self.paths("-i", "überBLICK.*"), ["Überblick.odt"])
        self.assertEqual(self.paths("-i", "ÜBERBLICK.*"), ["Überblick.odt"])
        self.assertEqual(self.paths("?berblick.odt"), ["Überblick.odt"])
        self.assertEqual(self.paths("--regex", r"/mail/.*\.db$"), ["mail/in.db", "mail/old/out.db"])
        self.assertEqual(self.paths("--regex", "(in|out)[.]db$", r"\.TXT"), ["a.TXT", "mail/in.db", "mail/old/out.db"])
        self.assertEqual(self.paths("--below", self.source + "/mail", "*.db"), ["mail/in.db", "mail/old/out.db"])
        self.assertEqual(self.paths("--below", self.source + "/mai", "*.db"), [])
        self.assertEqual(self.paths("--below", self.source + "/mail/old/", "--type", "f"), ["mail/old/out.db"])
        for wrong, why in (("*[", b"no regular expression"), (r"\d+", b"[0-9]")):
            done = self.run_cairn("find", "--regex", wrong, code=1)
            self.assertIn(why, done.stderr)

    def test_a_name_that_is_no_text_is_found(self):
        os.makedirs(self.source)
        with open(os.path.join(os.fsencode(self.source), b"w\xffrst.db"), "wb"):
            pass
        self.backup()
        for args in (("*.db",), ("w?rst.*",), ("--regex", r"^/.*\.db$")):
            self.assertTrue(self.lines(*args)[1].endswith("w\\xffrst.db"), args)

    def test_sizes_times_and_types(self):
        for name, size in (("small", 10), ("middle", 4096), ("large", 20_000)):
            self.write(name, b"x" * size)
        os.symlink("small", os.path.join(self.source, "link"))
        os.mkfifo(os.path.join(self.source, "pipe"))
        for name, year in (("small", 2020), ("middle", 2021), ("large", 2022)):
            when = (year - 1970) * 31_557_600
            os.utime(os.path.join(self.source, name), (when, when))
        self.backup()
        here = ("--below", self.source)
        self.assertEqual(self.paths("--size", "+4K"), ["large"])
        self.assertEqual(self.paths("--size", "-4K"), ["small"])
        self.assertEqual(self.paths("--size", "4K"), ["middle"])
        self.assertEqual(self.paths("--size", "+5", "--size", "-5000"), ["middle", "small"])
        self.assertEqual(self.paths("--larger", "4K"), ["large"])
        self.assertEqual(self.paths("--newer", "2021-06-01", "--type", "f"), ["large"])
        self.assertEqual(self.paths("--older", "2020-06-01", *here), ["small"])
        self.assertEqual(self.paths("--type", "lp"), ["link", "pipe"])
        self.assertEqual(self.paths("--type", "f", "m*"), ["middle"])
        self.run_cairn("find", code=1)
        for wrong in (("--type", "x"), ("--size", "+much"), ("--newer", "then")):
            self.run_cairn("find", *wrong, code=2)

    # --- in which snapshots ---

    def test_a_file_of_many_snapshots_is_told_once(self):
        first, second, third = self.fill()
        line = rf"^{first} 2026-01-01 03:00:00 \.\. {third} 2026-01-03 03:00:00  3 of 3  {self.source}/"
        found = self.lines("same", "log", "late", "early")
        self.assertEqual(len(found), 4)
        by_name = {line.rsplit("/", 1)[1]: line for line in found}
        self.assertRegex(by_name["same"], line + "same$")
        self.assertRegex(by_name["log"], line + "log$")
        self.assertRegex(by_name["late"], rf"^{third} 2026-01-03 03:00:00  +1 of 3  {self.source}/late$")
        self.assertRegex(by_name["early"], rf"^{first} .* \.\. {second} .*  2 of 3  {self.source}/early$")
        self.assertEqual([line.index(self.source) for line in found], [found[0].index(self.source)] * 4)

    def test_long_tells_each_version_and_all_each_snapshot(self):
        ids = self.fill()
        self.assertEqual(len(self.lines("-l", "same")), 1)
        versions = self.lines("-l", "log")
        self.assertEqual([re.search(r" (\d+) 20", line.split(" 1 of 3 ")[1]).group(1) for line in versions], ["5", "10", "15"])
        self.assertEqual([line[:8] for line in versions], ids)
        each = self.lines("--all", "same")
        self.assertEqual([line[:8] for line in each], ids)
        self.assertTrue(all(line.endswith(f"  {self.source}/same") for line in each))

    def test_a_folder_is_told_once_though_all_in_it_changes(self):
        self.fill()
        os.utime(self.source, (0, 0))
        found = self.lines("-l", "--type", "d", os.path.basename(self.source))
        self.assertLessEqual(len(found), 2)  # its time has changed once, when entries came and went

    def test_json_tells_versions_with_their_snapshots(self):
        ids = self.fill()
        same, = self.objects_of("same")
        self.assertEqual((same["path"], same["size"], same["snapshots"]), (self.source + "/same", 100, 3))
        self.assertEqual((same["first"]["id"][:8], same["last"]["id"][:8]), (ids[0], ids[2]))
        self.assertRegex(same["first"]["time"], r"^2026-01-0\dT")
        self.assertEqual([one["size"] for one in self.objects_of("log")], [5, 10, 15])
        self.assertEqual([one["snapshot"][:8] for one in self.objects_of("--all", "same")], ids)
        one, = self.objects_of("--latest", "1", "same")
        self.assertEqual(one["snapshot"][:8], ids[2])

    def test_snapshots_are_chosen_as_elsewhere(self):
        ids = self.fill()
        self.run_cairn("tag", ids[1], "--add", "kept")
        self.backup("--host", "other", "--time", "2026-01-04 03:00:00")
        self.assertEqual(len(self.lines("--tag", "kept", "same")), 2)
        self.assertIn(ids[0], self.lines("-s", ids[0], "same")[0])
        self.assertIn(" 2 of 2 ", self.lines("-s", ids[0], "-s", ids[2], "-s", "latest~1", "same")[0])
        self.assertIn(" 3 of 3 ", self.lines("--host", self.host(), "same")[0])
        self.assertIn(" 2 of 2 ", self.lines("--host", self.host(), "--latest", "2", "same")[0])
        both = self.lines("same")
        self.assertEqual(len(both), 2)
        self.assertRegex(both[0], rf"  3 of 3  {self.host()}  /")
        self.assertRegex(both[1], r"  1 of 1  other  /")
        self.assertEqual({one["host"]: one["snapshots"] for one in self.objects_of("same")}, {self.host(): 3, "other": 1})

    def host(self):
        return self.json("snapshots")["snapshots"][0]["host"]

    def test_items_of_a_snapshot_are_folders(self):
        self.write("x.png", b"1")
        for _ in range(2):
            self.run_cairn("backup", self.source, "--set", "site=" + self.source)
        self.assertEqual([line.split("  ")[-1] for line in self.lines("*.png")],
                         [f"/files{self.source}/x.png", f"/site{self.source}/x.png"])
        self.assertEqual(len(self.lines("site", "--type", "d")), 1)

    # --- blobs ---

    def cat_tree(self, path):
        return self.json("cat", "tree", "latest:" + path)

    def test_who_needs_a_blob_a_tree_or_a_pack(self):
        self.write("big", os.urandom(9_000_000))
        self.write("d/one", os.urandom(50_000))
        self.backup()
        self.write("other", os.urandom(3_000))
        self.backup()
        segments = [os.path.basename(path) for path in self.objects("index")]
        packs = [pack for name in segments for pack in self.json("cat", "segment", name)["packs"]]
        data = [pack for pack in packs if pack["kind"] == "data"]
        meta = [pack for pack in packs if pack["kind"] != "data"]
        needed = set()
        for pack in data:
            for blob in (blob for frame in pack["frames"] for blob in frame["blobs"]):
                found = self.objects_of("--blob", blob["id"])
                self.assertEqual([one["blobs"] for one in found], [[blob["id"]]] * len(found))
                self.assertEqual(len(found), 1)
                needed.add(found[0]["path"][len(self.source) + 1:])
        self.assertEqual(needed, {"big", "d/one", "other"})
        # Each blob of a tree is found too: of a list, of a folder, of the snapshot's root.
        for blob in (blob for pack in meta for frame in pack["frames"] for blob in frame["blobs"]):
            self.assertTrue(self.objects_of("--blob", blob["id"]), blob)
        first = data[0]["frames"][0]["blobs"][0]["id"]
        self.assertEqual(self.lines("--blob", first[:10]), self.lines("--blob", first))
        by_pack = {one["path"][len(self.source) + 1:] for pack in data for one in self.objects_of("--pack", pack["name"])}
        self.assertEqual(by_pack, {"big", "d/one", "other"})
        tree = self.cat_tree(self.source + "/d")["tree"]
        found, = self.objects_of("--tree", tree)
        self.assertEqual((found["path"], found["snapshots"], found["blobs"]), (self.source + "/d", 2, [tree]))
        self.assertEqual(self.objects_of("--tree", first), [])
        self.assertIn("no entry", self.lines("--blob", "0" * 64)[0])
        self.run_cairn("find", "--blob", "xyz", code=1)
        self.assertIn(b"no pack", self.run_cairn("find", "--pack", "0" * 12, code=1).stderr)

    # --- damage ---

    def test_what_cannot_be_read_is_told_and_the_rest_is_found(self):
        for i in range(400):
            self.write(f"d{i % 20:02}/f{i}", os.urandom(10))
        self.backup()
        self.write("d07/new", b"1")
        self.backup()
        os.unlink(max(self.objects("meta"), key=os.path.getmtime))
        ids = [one["id"][:8] for one in self.json("snapshots")["snapshots"]]
        done = self.run_cairn("find", "f7", code=1)
        self.assertIn(f"damage: / of snapshot {ids[1]}: ", done.stderr.decode())
        self.assertRegex(done.stdout.decode(), rf"^{ids[0]} .* 1 of 2  {self.source}/d07/f7\n$")


if __name__ == "__main__":
    unittest.main()
