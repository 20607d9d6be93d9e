"""init, backup, list, check, restore, forget, prune: the main job, end to end."""
import os
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest


class MainJob(CairnTest):
    def test_same_backup_again_reads_and_adds_nothing(self):
        self.init()
        self.make_source()
        first = self.backup()
        again = self.backup()
        self.assertGreater(first["data_blobs_new"], 0)
        self.assertEqual(again["data_blobs_new"], 0)
        self.assertEqual(again["bytes_read"], 0)
        self.assertEqual(again["files_unchanged"], first["files"])
        self.assertEqual(again["parent"], first["id"])

    def test_snapshots_are_named_from_the_latest_backwards(self):
        self.init()
        for number, tag in enumerate(("odd", "even", "odd")):
            self.write("which", b"%d" % number)
            self.backup("--tag", tag)
        moments = [snapshot["time"] for snapshot in self.json("snapshots")["snapshots"]]
        path = self.path("source", "which")
        for name, options, number in (("latest", (), 2), ("latest~0", (), 2), ("latest~1", (), 1), ("latest~2", (), 0),
                                      ("latest~1", ("--tag", "odd"), 0), (f"latest@{moments[1]}~1", (), 0),
                                      (f"latest@{moments[1]}", (), 1)):
            done = self.run_cairn("dump", f"{name}:{path}", *options)
            self.assertEqual(done.stdout, b"%d" % number, name)

    def test_force_reads_everything_and_says_what_differs(self):
        self.init()
        self.make_source(files=10)
        first = self.backup()
        again = self.backup("--force")
        self.assertEqual(again["bytes_read"], first["bytes_read"])
        self.assertEqual((again["files_unchanged"], again["files_changed"]), (first["files"], 0))
        # What the system hides from who looks at size and times alone: only the reading finds it.
        path = os.path.join(self.source, "big")
        status = os.stat(path)
        with open(path, "r+b") as file:
            file.write(b"rotten")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        again = self.backup("--force")
        self.assertEqual(again["files_changed"], 1)
        self.restore_equals_source()

    def test_lost_cache_costs_no_reading_for_who_can_read_trees(self):
        self.init()
        self.make_source(files=20)
        first = self.backup()
        self.run_cairn("cache", "clear")
        again = self.backup()
        self.assertEqual(again["bytes_read"], 0)
        self.assertEqual(again["files_unchanged"], first["files"])

    def test_restores_what_was_backed_up(self):
        self.init()
        self.make_source()
        self.backup()
        self.restore_equals_source()

    def test_odd_entries_come_back(self):
        self.init()
        self.write("plain", b"x")
        os.link(self.path("source", "plain"), self.path("source", "second name"))
        os.symlink("nowhere", self.path("source", "dangling"))
        os.mkfifo(self.path("source", "fifo"), 0o640)
        os.makedirs(self.path("source", "empty folder"), mode=0o751)
        name = os.fsencode(self.source) + b"/not \xff utf-8\n"
        with open(name, "wb") as file:
            file.write(b"odd")
        with open(self.path("source", "sparse"), "wb") as file:
            file.seek(3_000_000)
            file.write(b"end")
            file.truncate(9_000_000)
        os.setxattr(self.path("source", "plain"), "user.note", b"v" * 300)
        os.chmod(self.path("source", "plain"), 0o4755)
        os.utime(self.path("source", "plain"), ns=(1, 1_234_567_890_123_456_789))
        os.utime(self.path("source", "sparse"), ns=(1, -1_500_000_001))
        if os.geteuid() == 0:
            os.mknod(self.path("source", "device"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            os.chown(self.path("source", "second name"), 1234, 4321)
            os.chmod(self.path("source", "plain"), 0o4755)
        self.backup()
        restored = self.restore_equals_source_metadata()
        self.assertEqual(os.getxattr(restored + "/plain", "user.note"), b"v" * 300)
        self.assertEqual(os.stat(restored + "/plain").st_ino, os.stat(restored + "/second name").st_ino)
        self.assertLess(os.stat(restored + "/sparse").st_blocks * 512, 4_000_000)

    def restore_equals_source_metadata(self):
        target = self.path("out")
        self.run_cairn("restore", "latest", "--target", target, "--verify")
        restored = target + os.path.abspath(self.source)
        for root, folders, files in os.walk(os.fsencode(self.source)):
            for name in folders + files:
                before = os.path.join(root, name)
                after = os.fsencode(restored) + before[len(os.fsencode(self.source)):]
                a, b = os.lstat(before), os.lstat(after)
                for field in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_rdev", "st_nlink"):
                    self.assertEqual(getattr(a, field), getattr(b, field), (before, field))
                if stat.S_ISREG(a.st_mode):
                    self.assertEqual(a.st_size, b.st_size)
                    self.assertEqual(open(before, "rb").read(), open(after, "rb").read())
                if stat.S_ISLNK(a.st_mode):
                    self.assertEqual(os.readlink(before), os.readlink(after))
        return restored

    def test_forget_and_prune_free_what_only_they_needed(self):
        self.init()
        self.make_source()
        self.backup()
        os.remove(self.path("source", "big"))
        self.backup()
        before = sum(os.path.getsize(p) for p in self.objects("data"))
        self.run_cairn("forget", "--keep-last", "1")
        self.run_cairn("prune")
        after = sum(os.path.getsize(p) for p in self.objects("data"))
        self.assertLess(after, before - 5_000_000)
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_protected_snapshot_is_kept(self):
        self.init()
        self.make_source(files=3)
        first = self.backup()["id"]
        self.backup()
        self.run_cairn("tag", first, "--protect")
        self.run_cairn("forget", "--keep-last", "1")
        ids = [s["id"] for s in self.json("snapshots")["snapshots"]]
        self.assertIn(first, ids)
        done = self.run_cairn("forget", first, code=1)
        dry = self.run_cairn("forget", "-n", first, code=1)
        self.assertIn("is protected", dry.stderr.decode())
        self.assertEqual((dry.stdout, dry.stderr), (done.stdout, done.stderr))

    def test_dry_run_of_forget_refuses_what_forget_does_and_changes_nothing(self):
        self.init()
        self.make_source(files=3)
        first, second = self.backup()["id"], self.backup()["id"]
        before = self.objects("")
        self.assertEqual(self.json("forget", "-n", first)["forgotten"], [first])
        self.run_cairn("key", "add", "--role", "reader", CAIRN_NEW_PASSWORD="reading")
        dry = self.run_cairn("forget", "-n", first, password="reading", code=1)
        done = self.run_cairn("forget", first, password="reading", code=1)
        self.assertEqual(dry.stderr, done.stderr)
        broken = os.path.join(self.repo, "snapshots", second)
        os.chmod(broken, 0o600)
        with open(broken, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        for names in ((first,), (second,)):
            dry = self.run_cairn("forget", "-n", *names, code=1)
            done = self.run_cairn("forget", *names, code=1)
            self.assertEqual((dry.stdout, dry.stderr), (done.stdout, done.stderr))
        self.assertIn(second, self.run_cairn("forget", "-n", first, code=1).stderr.decode())
        self.assertLessEqual(set(before), set(self.objects("")))

    def test_stream_and_command(self):
        self.init()
        self.run_cairn("backup", "--stdin", "--stdin-filename", "db/dump.sql", stdin=b"select 1;\n" * 1000)
        out = self.run_cairn("dump", "latest:db/dump.sql").stdout
        self.assertEqual(out, b"select 1;\n" * 1000)
        self.run_cairn("backup", "--from-command", "--stdin-filename", "x", "--", "sh", "-c", "echo hello")
        self.assertEqual(self.run_cairn("dump", "latest:x").stdout, b"hello\n")
        self.run_cairn("backup", "--from-command", "--", "sh", "-c", "echo part; exit 3", code=1)
        self.assertEqual(len(self.json("snapshots")["snapshots"]), 2)

    def test_in_place_restore_writes_only_what_differs(self):
        self.init()
        self.make_source(files=5)
        self.backup()
        target = self.path("out")
        self.run_cairn("restore", "latest", "--target", target)
        again = self.json("restore", "latest", "--target", target)
        self.assertEqual(again["bytes_written"], 0)
        with open(target + self.source + "/big", "r+b") as file:
            file.seek(100)
            file.write(b"changed")
        again = self.json("restore", "latest", "--target", target)
        self.assertGreater(again["bytes_written"], 0)
        self.assertLess(again["bytes_written"], 6_000_000 + 1)
        self.restore_equals_source()

    def test_delete_leaves_what_was_not_backed_up(self):
        self.init()
        self.make_source(files=3)
        self.backup()
        target = self.path("out")
        self.run_cairn("restore", "latest", "--target", target)
        inside = target + self.source + "/stranger"
        outside = target + os.path.dirname(self.source) + "/other"
        for path in (inside, outside):
            open(path, "w").close()
        self.run_cairn("restore", "latest", "--target", target, "--delete")
        self.assertFalse(os.path.exists(inside))
        self.assertTrue(os.path.exists(outside))

    def test_copy_between_repositories(self):
        self.init()
        self.make_source(files=10)
        self.backup()
        for name, more in (("other", ()), ("same", ("--same-keys-as", self.repo))):
            other = self.path(name)
            self.run_cairn("-r", other, "init", *more, CAIRN_FROM_PASSWORD="secret")
            report = self.json("copy", "--to", other, CAIRN_TO_PASSWORD="secret")
            self.assertEqual(report["snapshots_copied"], 1)
            self.assertEqual(report["frames_verbatim"] > 0, bool(more))
            again = self.json("copy", "--to", other, CAIRN_TO_PASSWORD="secret")
            self.assertEqual(again["snapshots_copied"], 0)
            self.assertEqual(self.json("-r", other, "check", "--read-data")["damages"], 0)
            target = self.path("out-" + name)
            self.run_cairn("-r", other, "restore", "latest", "--target", target)
            done = subprocess.run(["diff", "-r", self.source, target + self.source], capture_output=True)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_rewrite_and_diff(self):
        self.init()
        self.make_source(files=4)
        first = self.backup()["id"]
        self.run_cairn("rewrite", first, "--exclude", "big")
        ids = [s["id"] for s in self.json("snapshots")["snapshots"]]
        second = next(i for i in ids if i != first)
        report = self.json("diff", first, second)
        self.assertEqual((report["removed"], report["added"], report["content"]), (1, 0, 0))
        self.assertNotIn(b"/big", self.run_cairn("ls", "-R", second).stdout)

    def copy_to(self, other, *args, password="secret"):
        return self.json("copy", "--to", other, *args, CAIRN_TO_PASSWORD=password)

    def test_a_rewritten_relative_in_the_target_does_not_stand_for_the_whole(self):
        self.init()
        self.make_source(files=4)
        self.write("secret", b"secret" * 1000)
        self.write("twin-a", b"a" * 1000)
        self.write("twin-b", b"b" * 1000)
        whole = self.backup()["id"]
        for left_out in ("secret", "twin-a", "twin-b"):  # the last two differ in nothing but their trees
            self.run_cairn("rewrite", whole, "--exclude", left_out)
        left = [s["id"] for s in self.json("snapshots")["snapshots"] if s["id"] != whole]
        for name, more in (("other", ()), ("same", ("--same-keys-as", self.repo))):
            other = self.path(name)
            self.run_cairn("-r", other, "init", *more, CAIRN_FROM_PASSWORD="secret")
            for snapshot in left:
                self.assertEqual(self.copy_to(other, snapshot)["snapshots_copied"], 1)
            self.assertEqual(self.copy_to(other)["snapshots_copied"], 1)
            found = self.run_cairn("-r", other, "find", "secret").stdout
            self.assertIn(b"/secret", found)
            for cached in (True, False):  # by what this machine remembers, and by what stands there
                if not cached:
                    shutil.rmtree(self.cache)
                self.assertEqual(self.copy_to(other)["snapshots_copied"], 0)

    def test_a_writer_there_copies_once(self):
        self.init()
        self.make_source(files=4)
        self.backup()
        other = self.path("other")
        self.run_cairn("-r", other, "init")
        self.run_cairn("-r", other, "key", "add", "--role", "writer", CAIRN_NEW_PASSWORD="w")
        self.assertEqual(self.copy_to(other, password="w")["snapshots_copied"], 1)
        done = self.run_cairn("copy", "--to", other, CAIRN_TO_PASSWORD="w")
        self.assertIn("was there", done.stdout.decode())
        self.assertIn("cannot see what the 1 snapshots", done.stderr.decode())
        self.backup()
        self.assertEqual(self.copy_to(other, password="w")["snapshots_copied"], 1)
        shutil.rmtree(self.cache)  # then it cannot know, and says so
        done = self.run_cairn("copy", "--to", other, CAIRN_TO_PASSWORD="w")
        self.assertIn("remembers no copy", done.stderr.decode())
        self.assertEqual(self.json("-r", other, "check", "--read-data")["damages"], 0)

    def test_a_copy_whose_blobs_were_lost_is_completed(self):
        self.init()
        self.make_source(files=10)
        self.backup()
        for name, more in (("other", ()), ("same", ("--same-keys-as", self.repo))):
            other = self.path(name)
            self.run_cairn("-r", other, "init", *more, CAIRN_FROM_PASSWORD="secret")
            self.copy_to(other)
            for part in ("data", "meta"):
                with self.subTest(f"{name} {part}"):
                    shutil.rmtree(os.path.join(other, part))
                    self.run_cairn("-r", other, "repair", "index", "--drop-missing")
                    done = self.run_cairn("copy", "--to", other, "--dry-run", CAIRN_TO_PASSWORD="secret")
                    self.assertIn("would be sent", done.stdout.decode())
                    done = self.run_cairn("copy", "--to", other, CAIRN_TO_PASSWORD="secret")
                    self.assertIn("and were sent", done.stdout.decode())
                    self.assertEqual(self.json("-r", other, "check", "--read-data")["damages"], 0)
                    done = self.run_cairn("copy", "--to", other, CAIRN_TO_PASSWORD="secret")
                    self.assertNotIn("sent", done.stdout.decode())
                    self.assertIn("0 snapshots copied, 0 blobs", done.stdout.decode())

    def test_what_the_source_has_lost_too_leaves_a_copy_incomplete(self):
        self.init()
        self.make_source(files=4)
        self.backup()
        for name, more in (("other", ()), ("same", ("--same-keys-as", self.repo))):
            other = self.path(name)
            self.run_cairn("-r", other, "init", *more, CAIRN_FROM_PASSWORD="secret")
            self.copy_to(other)
            shutil.rmtree(os.path.join(other, "data"))
            self.run_cairn("-r", other, "repair", "index", "--drop-missing")
        shutil.rmtree(os.path.join(self.repo, "data"))
        for name in ("other", "same"):
            with self.subTest(name):
                done = self.run_cairn("copy", "--to", self.path(name), code=3, CAIRN_TO_PASSWORD="secret")
                self.assertIn("not all can be sent", done.stderr.decode())

    def test_protection_goes_over_to_what_replaces_or_copies(self):
        self.init()
        self.make_source(files=3)
        first = self.backup()["id"]
        self.run_cairn("tag", first, "--protect")
        self.run_cairn("rewrite", first, "--exclude", "big")
        second = next(s["id"] for s in self.json("snapshots")["snapshots"] if s["id"] != first)
        self.assertIn("protected", self.run_cairn("forget", second, code=1).stderr.decode())
        before = len(self.json("snapshots")["snapshots"])
        self.assertIn("protected", self.run_cairn("rewrite", first, "--exclude", "d0", "--forget",
                                                  code=1).stderr.decode())
        self.assertEqual(len(self.json("snapshots")["snapshots"]), before, "refused before anything is done")
        other = self.path("other")
        self.run_cairn("-r", other, "init")
        self.copy_to(other, first)
        copy = self.json("-r", other, "snapshots")["snapshots"][0]["id"]
        self.assertIn("protected", self.run_cairn("-r", other, "forget", copy, code=1).stderr.decode())

    def test_a_dry_rewrite_is_refused_where_the_old_one_may_not_be_forgotten(self):
        self.init()
        self.make_source(files=3)
        first, second = self.backup()["id"], self.backup()["id"]
        self.run_cairn("tag", second, "--protect")
        before = self.objects("")
        for dry in (("-n",), ()):
            told = self.run_cairn("rewrite", first, second, "--exclude", "big", "--forget", *dry, code=1)
            self.assertIn(f"snapshot {second} is protected", told.stderr.decode(), dry)
            self.assertEqual(self.objects(""), before, "the first one is not rewritten either")
        self.run_cairn("rewrite", second, "--exclude", "big", "-n")
        for role in ("reader", "maintainer"):
            self.run_cairn("key", "add", "--role", role, CAIRN_NEW_PASSWORD=role)
            for dry in (("-n",), ()):
                told = self.run_cairn("rewrite", first, "--exclude", "big", "--forget", *dry, password=role, code=1)
                self.assertIn("role", told.stderr.decode(), (role, dry))
        # Named twice, it is one: the real run would not find it a second time.
        self.assertEqual(self.json("rewrite", first, first, "--exclude", "big", "--forget")["rewritten"], 1)

    def test_a_rewrite_counts_what_is_left(self):
        self.init()
        self.make_source(files=4)
        whole = self.backup()
        self.run_cairn("rewrite", "latest", "--exclude", "big")
        left = next(s for s in self.json("snapshots")["snapshots"] if s["id"] != whole["id"])
        self.assertEqual(left["totals"]["files"], whole["files"] - 1)
        self.assertEqual(left["totals"]["bytes"], whole["bytes"] - 6_000_000)

    def test_everything_is_private(self):
        self.init()
        self.make_source(files=2)
        self.backup()
        for top in (self.repo, self.cache):
            for root, folders, files in os.walk(top):
                for name in folders:
                    self.assertEqual(stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode) & 0o077, 0)
                for name in files:
                    self.assertEqual(stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode) & 0o177, 0)


if __name__ == "__main__":
    unittest.main()
