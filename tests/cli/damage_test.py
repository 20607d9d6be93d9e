"""Each kind of object x missing, truncated, bit flipped, swapped with another, stale copy x check, restore, backup, prune: a clear
error or a finding, never a crash, never silent; and check's findings name what was damaged."""
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import CairnTest

PREFIXES = {"data pack": "data", "metadata pack": "meta", "segment": "index", "snapshot": "snapshots", "config": "config",
            "key": "keys", "note": "notes", "forgotten record": "forgotten"}
# A signal would be a negative code: a crash. What is told is 1, 3 (done, some files lost), 10 (nothing there), 12 (no key opens).
TOLD = {1, 3, 10, 12}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def overwrite(path, data):
    os.chmod(path, 0o600)
    with open(path, "wb") as file:
        file.write(data)


WAYS = ("missing", "truncated", "empty", "flipped", "swapped", "of another repository", "of another kind")


class Damage(CairnTest):
    @classmethod
    def setUpClass(cls):
        """One good repository, copied for every case."""
        super().setUpClass()
        maker = cls("make_good")
        maker.setUp()
        maker.cache = maker.path("cache")
        maker.make_good()
        cls.good = maker

    @classmethod
    def tearDownClass(cls):
        cls.good.doCleanups()

    def make_good(self):
        self.init()
        self.own_key = os.path.basename(self.objects("keys")[0])
        self.run_cairn("key", "add", "--role", "writer", CAIRN_NEW_PASSWORD="w")
        self.make_source(files=12)
        self.oldest = self.backup()["id"]
        self.oldest_segment = os.path.basename(self.objects("index")[0])
        self.write("more", os.urandom(100_000))
        self.backup()
        self.run_cairn("tag", "latest", "--add", "t")
        third = self.backup()["id"]
        self.run_cairn("tag", "latest", "--add", "u")
        self.run_cairn("forget", third)
        self.write("and more", os.urandom(100_000))
        self.backup()
        # Another repository with the same password, of which nothing may be taken for this one's.
        own, self.repo = self.repo, self.path("foreign")
        self.init()
        gone = self.backup()["id"]
        self.run_cairn("forget", gone)
        self.backup()
        self.run_cairn("tag", "latest", "--add", "t")
        self.foreign, self.repo = self.repo, own

    def fresh(self):
        """A copy of the good repository, with a cache that knows nothing."""
        name = self.path(f"case-{len(os.listdir(self.dir))}")
        shutil.copytree(self.good.repo, os.path.join(name, "repo"))
        self.repo = os.path.join(name, "repo")
        self.cache = os.path.join(name, "cache")
        self.source = self.good.source
        return name

    def damage(self, kind, how):
        """Damages one object; its name in the repository, or None where this cannot be done to this kind."""
        objects = self.objects(PREFIXES[kind])
        victim = objects[-1] if kind == "config" else objects[0]
        if kind == "snapshot":  # one that another follows: the newest alone could go unseen by a fresh client (SPEC 3)
            victim = os.path.join(self.repo, "snapshots", self.good.oldest)
        if kind == "segment":  # one that is needed: that of a forgotten snapshot is missed by nobody
            victim = os.path.join(self.repo, "index", self.good.oldest_segment)
        if kind == "key":  # what another's password alone opens, nobody else can verify
            victim = os.path.join(self.repo, "keys", self.good.own_key)
        data = read(victim)
        if how == "missing":
            os.remove(victim)
        elif how == "truncated":
            overwrite(victim, data[: len(data) * 2 // 3])
        elif how == "empty":
            overwrite(victim, b"")
        elif how == "flipped":
            place = len(data) * 2 // 3
            overwrite(victim, data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])
        elif how == "swapped":
            if len(objects) < 2:
                return None
            other = objects[0] if victim != objects[0] else objects[1]
            overwrite(victim, read(other))
        elif how == "of another repository":
            foreign = sorted(os.listdir(os.path.join(self.good.foreign, PREFIXES[kind])))
            path = os.path.join(self.good.foreign, PREFIXES[kind], foreign[0])
            while os.path.isdir(path):
                path = os.path.join(path, sorted(os.listdir(path))[0])
            overwrite(victim, read(path))
        elif how == "of another kind":
            overwrite(victim, read(self.objects("keys" if kind != "key" else "snapshots")[0]))
        return os.path.relpath(victim, self.repo)

    def commands(self):
        yield "check", ("check", "--read-data")
        yield "restore", ("restore", "latest", "--target", self.path(f"out-{len(os.listdir(self.dir))}"))
        yield "backup", ("backup", self.source)
        yield "prune", ("prune",)

    def test_nothing_is_silent_and_nothing_crashes(self):
        for kind in PREFIXES:
            for how in WAYS:
                with self.subTest(kind=kind, how=how):
                    self.one_case(kind, how)

    def one_case(self, kind, how):
        self.fresh()
        pristine = self.repo + ".good"
        shutil.copytree(self.repo, pristine)
        victim = self.damage(kind, how)
        if victim is None:
            return
        damaged = self.repo + ".damaged"
        shutil.copytree(self.repo, damaged)
        for name, args in self.commands():
            shutil.rmtree(self.repo)
            shutil.copytree(damaged, self.repo)
            shutil.rmtree(self.cache, ignore_errors=True)
            done = self.run_cairn(*args, code=None)
            text = (done.stdout + done.stderr).decode(errors="replace")
            self.assertIn(done.returncode, TOLD | {0}, f"{name}: {text[-1500:]}")
            self.assertNotIn("CHECK(", text)
            # What no reader can miss is told by check. A missing key, note, or record of a snapshot that no other
            # follows leaves nothing that names it; an older config is an older state, which a fresh client cannot tell (SPEC 3).
            untold = how == "missing" and kind in ("key", "note", "config", "forgotten record")
            if name == "check" and not untold:
                self.assertIn(done.returncode, TOLD, f"check said nothing of {kind} {how}: {text[-800:]}")
            if name == "restore" and done.returncode == 0:
                restored = args[-1] + os.path.abspath(self.source)
                same = subprocess.run(["diff", "-r", "--no-dereference", self.source, restored], capture_output=True)
                self.assertEqual(same.returncode, 0, f"restore was silent beside {kind} {how}: {same.stdout[:500]}")
            if name == "prune" and done.returncode == 0 and kind not in ("key", "note", "config", "forgotten record"):
                self.nothing_needed_was_removed(pristine, victim)

    def nothing_needed_was_removed(self, pristine, victim):
        """With the damaged object, and it alone, put back, everything is there."""
        path = os.path.join(self.repo, victim)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.chmod(path, 0o600)
        shutil.copy(os.path.join(pristine, victim), path)
        shutil.rmtree(self.cache, ignore_errors=True)
        done = self.run_cairn("check", "--read-data", code=None)
        self.assertEqual(done.returncode, 0, f"after a prune beside {victim}: {done.stderr.decode()}")

    def test_findings_equal_the_damage(self):
        for kind in ("data pack", "metadata pack", "segment", "snapshot", "forgotten record"):
            with self.subTest(kind=kind):
                self.fresh()
                victim = self.damage(kind, "flipped")
                out = self.run_cairn("check", "--read-data", "--json", code=1).stdout.decode()
                lines = [json.loads(line) for line in out.splitlines()]
                told = {x["object"] for x in lines if x.get("message_type") == "finding" and x["severity"] == "damage"}
                self.assertIn(victim, told)
                # And nothing that is whole is called damaged: other packs, segments, keys and configs.
                objects = {o for o in told if "/" in o and o.split("/")[0] in PREFIXES.values() and o[-1] != "/"}
                self.assertEqual(objects, {victim}, told)

    def test_flipped_data_is_named_by_file_and_the_rest_is_restored(self):
        self.fresh()
        packs = self.objects("data")
        largest = max(packs, key=os.path.getsize)
        data = bytearray(read(largest))
        data[len(data) // 2] ^= 0xFF
        overwrite(largest, bytes(data))
        target = self.path("out")
        done = self.run_cairn("restore", "latest", "--target", target, code=3)
        self.assertIn("could not be restored", done.stderr.decode())
        right = wrong = 0
        for root, _, names in os.walk(self.source):
            for name in names:
                before = os.path.join(root, name)
                same = read(before) == read(target + before)
                right, wrong = right + same, wrong + (not same)
        self.assertGreater(right, 0)
        self.assertGreater(wrong, 0)
        self.assertIn("/big", done.stderr.decode())

    def test_repair_names_what_is_lost_and_keeps_the_rest(self):
        self.fresh()
        largest = max(self.objects("data"), key=os.path.getsize)
        data = bytearray(read(largest))
        data[len(data) // 2] ^= 0xFF
        overwrite(largest, bytes(data))
        self.run_cairn("repair", "packs")
        done = self.run_cairn("repair", "snapshots", "--forget")
        self.assertIn("lost", done.stderr.decode())
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.run_cairn("restore", "latest", "--target", self.path("out"))
        self.run_cairn("prune")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.run_cairn("backup", self.source)
        self.restore_equals_source()

    def test_repair_index_after_all_segments_are_lost(self):
        self.fresh()
        for segment in self.objects("index"):
            os.remove(segment)
        self.run_cairn("check", code=1)
        self.run_cairn("prune", code=1)
        self.run_cairn("repair", "index")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_repair_index_with_a_damaged_segment(self):
        self.fresh()
        self.damage("segment", "flipped")
        done = self.run_cairn("backup", self.source, code=1)
        self.assertIn("repair index", done.stderr.decode())
        self.run_cairn("repair", "index")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.run_cairn("backup", self.source)
        self.restore_equals_source()

    def test_unreadable_snapshot_stops_what_removes_until_it_is_set_aside(self):
        self.fresh()
        name = "snapshots/" + self.good.oldest
        self.damage("snapshot", "flipped")
        for args in (("prune",), ("forget", "--keep-last", "1"), ("forget", "latest")):
            done = self.run_cairn(*args, code=1)
            self.assertIn(name, done.stderr.decode(), args)
            self.assertIn("repair snapshots --forget", done.stderr.decode(), args)
        self.run_cairn("repair", "snapshots", code=3)
        self.assertTrue(os.path.exists(os.path.join(self.repo, name)), "only --forget may move it")
        done = self.run_cairn("repair", "snapshots", "--forget")
        self.assertIn("1 unreadable set aside", done.stdout.decode())
        self.assertEqual([os.path.basename(p) for p in self.objects("trash")], [name.replace("/", "-")])
        self.run_cairn("prune")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_missing_packs_stay_in_the_index_and_come_back(self):
        self.fresh()
        away = self.repo + ".away"
        os.rename(os.path.join(self.repo, "data"), away)
        done = self.run_cairn("check", code=1)
        self.assertIn("--drop-missing", done.stdout.decode())
        done = self.run_cairn("repair", "index", code=3)
        self.assertIn("--drop-missing", done.stdout.decode())
        self.run_cairn("repair", "packs", code=3)  # nothing of them is given up here either
        shutil.rmtree(os.path.join(self.repo, "data"), ignore_errors=True)
        os.rename(away, os.path.join(self.repo, "data"))
        self.run_cairn("repair", "index")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_packs_that_were_given_up_and_are_there_again_are_taken_in(self):
        self.fresh()
        packs = len(self.objects("data"))
        away = self.repo + ".away"
        os.rename(os.path.join(self.repo, "data"), away)
        dropped = self.json("repair", "index", "--drop-missing")
        self.assertEqual((dropped["packs_removed_from_index"], dropped["packs_missing"]), (packs, 0))
        self.run_cairn("repair", "snapshots")
        shutil.rmtree(os.path.join(self.repo, "data"), ignore_errors=True)
        os.rename(away, os.path.join(self.repo, "data"))
        done = self.run_cairn("check", code=1)
        self.assertIn(f"{packs} packs that were taken out of the index are there", done.stdout.decode())
        self.assertEqual(self.json("repair", "index", "--dry-run")["packs_taken_in"], packs)
        self.assertEqual(self.json("repair", "index")["packs_taken_in"], packs)
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.assertEqual(self.json("repair", "index")["packs_taken_in"], 0)
        self.run_cairn("prune")
        report = self.json("check", "--read-data")
        self.assertEqual((report["damages"], report["taken_out_packs"]), (0, 0))
        self.run_cairn("restore", self.good.oldest, "--target", self.path("out"))

    def test_what_was_given_up_is_stored_anew(self):
        self.fresh()
        largest = max(self.objects("data"), key=os.path.getsize)
        os.remove(largest)
        self.assertIn("no pack of data was read", self.run_cairn("repair", "snapshots").stdout.decode())
        self.run_cairn("repair", "index", "--drop-missing")
        self.run_cairn("backup", self.source, "--force")
        self.assertEqual(self.json("repair", "snapshots")["snapshots_rewritten"], [])
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_a_second_repair_of_snapshots_adds_nothing(self):
        self.fresh()
        os.remove(max(self.objects("data"), key=os.path.getsize))
        self.run_cairn("repair", "index", "--drop-missing")
        first = self.json("repair", "snapshots")
        self.assertGreater(len(first["snapshots_rewritten"]), 0)
        again = self.json("repair", "snapshots")
        self.assertEqual(again["snapshots_rewritten"], [])
        self.assertEqual(again["repaired_before"], first["snapshots_rewritten"])
        self.run_cairn("repair", "snapshots", "--forget")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)

    def test_a_protected_snapshot_does_not_stop_the_repair_of_others(self):
        self.fresh()
        self.run_cairn("tag", self.good.oldest, "--protect")
        os.remove(max(self.objects("data"), key=os.path.getsize))
        self.run_cairn("repair", "index", "--drop-missing")
        before = [s["id"] for s in self.json("snapshots")["snapshots"]]
        done = self.run_cairn("repair", "snapshots", "--forget")
        self.assertIn("the broken one stays", done.stderr.decode())
        after = [s["id"] for s in self.json("snapshots")["snapshots"]]
        self.assertEqual([one for one in before if one in after], [self.good.oldest])
        repaired = [one for one in after if one not in before]
        self.assertEqual(len(repaired), len(before))
        kept = [one for one in repaired
                if "protected" in self.run_cairn("forget", one, code=None).stderr.decode()]
        self.assertEqual(len(kept), 1, "the repair of the protected one is protected")

    def test_lost_attributes_and_command_lines_are_named_and_dropped(self):
        self.init()
        path = self.write("file", b"bytes")
        self.backup()
        known = set(self.objects("data"))
        value = os.urandom(300)
        os.setxattr(path, "user.note", value)
        self.backup()
        lost, = set(self.objects("data")) - known
        os.remove(lost)
        self.run_cairn("repair", "index", "--drop-missing")
        done = self.run_cairn("repair", "snapshots", "--forget")
        self.assertIn("user.note", done.stderr.decode())
        self.assertIn("1 rewritten", done.stdout.decode())
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_repair_of_a_pack_that_is_unknown_says_so(self):
        self.fresh()
        name = "0" * 64 + "-" + "0" * 16
        self.assertIn(name, self.run_cairn("repair", "packs", name, code=1).stderr.decode())

    def test_lost_snapshot_stops_prune_until_it_is_on_record(self):
        self.fresh()
        os.remove(os.path.join(self.repo, "snapshots", self.good.oldest))
        done = self.run_cairn("prune", code=1)
        self.assertIn("gap", done.stderr.decode())
        self.run_cairn("repair", "snapshots")
        self.run_cairn("prune")
        self.assertEqual(self.json("check")["damages"], 0)

    def test_older_state_is_noticed_by_who_saw_a_newer_one(self):
        self.fresh()
        old = self.repo + ".old"
        shutil.copytree(self.repo, old)
        self.run_cairn("key", "add", "--role", "reader", CAIRN_NEW_PASSWORD="r")
        shutil.rmtree(self.repo)
        os.rename(old, self.repo)
        done = self.run_cairn("snapshots")
        self.assertIn("older", done.stderr.decode())
        self.run_cairn("backup", self.source, code=1)
        self.run_cairn("prune", code=1)

    # --- what a repair must not take for lost, or forget ---

    def flip(self, path):
        data = read(path)
        place = len(data) * 2 // 3
        overwrite(path, data[:place] + bytes([data[place] ^ 1]) + data[place + 1:])

    def lose_data(self):
        os.remove(max(self.objects("data"), key=os.path.getsize))
        self.run_cairn("repair", "index", "--drop-missing")

    def snapshot_ids(self, code=0):
        return [s["id"] for s in self.json("snapshots", code=code)["snapshots"]]

    def test_metadata_in_a_missing_pack_is_not_lost(self):
        self.fresh()
        before = self.snapshot_ids()
        away = self.repo + ".away"
        os.rename(os.path.join(self.repo, "meta"), away)
        for args in (("--forget",), ()):
            done = self.run_cairn("repair", "snapshots", *args, code=3)
            self.assertIn("repair index", done.stderr.decode())
            self.assertNotIn("left out", done.stderr.decode())
        shutil.rmtree(os.path.join(self.repo, "meta"), ignore_errors=True)
        os.rename(away, os.path.join(self.repo, "meta"))
        self.assertEqual(self.snapshot_ids(), before)
        self.assertEqual(self.json("repair", "snapshots", "--forget")["snapshots_left"], [])
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source()

    def test_metadata_in_a_damaged_pack_is_not_lost_until_the_pack_is_repaired(self):
        self.fresh()
        before = self.snapshot_ids()
        for pack in self.objects("meta"):
            self.flip(pack)
        report = self.json("repair", "snapshots", "--forget", code=3)
        self.assertEqual((report["snapshots_left"], report["snapshots_rewritten"]), (before, []))
        self.assertEqual(self.snapshot_ids(), before)
        self.run_cairn("repair", "packs")
        self.assertEqual(self.json("repair", "snapshots", "--forget")["snapshots_left"], [])
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)

    def test_what_a_lost_segment_named_is_not_forgotten(self):
        self.fresh()
        before = self.snapshot_ids()
        self.damage("segment", "missing")
        done = self.run_cairn("repair", "snapshots", "--forget", code=3)
        self.assertIn("cairn repair index", done.stderr.decode())
        self.assertEqual([one for one in self.snapshot_ids() if one in before], before)
        self.run_cairn("repair", "index")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.restore_equals_source(before[-1])

    def test_a_snapshot_whose_protection_cannot_be_read_is_not_forgotten(self):
        self.fresh()
        self.run_cairn("tag", self.good.oldest, "--protect")
        before = self.snapshot_ids()
        self.flip(self.objects("notes/" + self.good.oldest)[0])
        self.lose_data()
        done = self.run_cairn("repair", "snapshots", "--forget", code=3)
        self.assertIn("may have protected it", done.stderr.decode())
        self.assertEqual([one for one in self.snapshot_ids() if one in before], [self.good.oldest])

    def test_nothing_is_forgotten_beside_a_snapshot_that_was_set_aside(self):
        self.fresh()
        before = self.snapshot_ids()
        self.damage("snapshot", "flipped")
        self.lose_data()
        report = self.json("repair", "snapshots", "--forget", code=3)
        self.assertEqual(report["set_aside"], ["snapshots/" + self.good.oldest])
        rest = [one for one in before if one != self.good.oldest]
        self.assertEqual(report["snapshots_held"], rest)
        self.assertEqual([one for one in self.snapshot_ids() if one in before], rest)
        self.run_cairn("repair", "snapshots", "--forget")
        self.assertEqual([one for one in self.snapshot_ids() if one in before], [])
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)

    def test_only_what_is_named_is_set_aside(self):
        self.fresh()
        noted = next(one for one in self.snapshot_ids() if self.objects("notes/" + one))
        self.assertNotEqual(noted, self.good.oldest)
        note = self.objects("notes/" + noted)[0]
        self.flip(note)
        self.damage("snapshot", "flipped")
        self.damage("forgotten record", "flipped")
        report = self.json("repair", "snapshots", "--forget", self.good.oldest[:12])
        self.assertEqual(report["set_aside"], ["snapshots/" + self.good.oldest])
        report = self.json("repair", "snapshots", "--forget", noted)
        self.assertEqual(report["set_aside"], [os.path.relpath(note, self.repo)])

    def test_what_is_not_named_and_cannot_be_read_keeps_the_named_from_being_forgotten(self):
        self.fresh()
        newest = self.snapshot_ids()[-1]
        self.damage("snapshot", "flipped")
        self.lose_data()
        report = self.json("repair", "snapshots", "--forget", newest, code=3)
        self.assertEqual((report["set_aside"], report["snapshots_held"]), ([], [newest]))
        self.assertEqual(report["snapshots_rewritten"], [newest])

    def test_a_damaged_record_of_forgotten_snapshots_is_set_aside(self):
        self.fresh()
        victim = self.damage("forgotten record", "flipped")
        done = self.run_cairn("check", code=1)
        self.assertIn("repair snapshots --forget", done.stdout.decode())
        self.assertEqual(self.json("repair", "snapshots", code=3)["set_aside"], [])
        self.assertEqual(self.json("repair", "snapshots", "--forget")["set_aside"], [victim])
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)
        self.run_cairn("prune")
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)

    # --- what check tells ---

    def test_check_tells_that_the_newest_config_is_gone(self):
        self.fresh()
        self.run_cairn("key", "add", "--role", "reader", CAIRN_NEW_PASSWORD="r")
        newest = os.path.relpath(self.objects("config")[-1], self.repo)
        self.assertEqual(newest, "config/3")
        os.remove(os.path.join(self.repo, newest))
        out = self.run_cairn("check", "--json", code=1).stdout.decode()
        told = [x for x in map(json.loads, out.splitlines()) if x.get("object") == newest]
        self.assertEqual([(x["severity"], x["code"]) for x in told], [("damage", "forged")])

    def test_check_says_how_many_keys_it_opened_and_misses_one(self):
        self.fresh()
        self.assertIn("1 of 2 keys opened", self.run_cairn("check").stdout.decode())
        other, = (key for key in self.objects("keys") if os.path.basename(key) != self.good.own_key)
        os.remove(other)
        done = self.run_cairn("check")
        self.assertIn("1 of 1 keys opened", done.stdout.decode())
        self.assertIn("key add", done.stderr.decode())
        self.assertEqual(self.json("check")["warnings"], 1)

    def test_the_advice_is_in_the_order_in_which_it_helps(self):
        self.fresh()
        os.remove(max(self.objects("data"), key=os.path.getsize))
        text = self.run_cairn("check", code=1).stdout.decode()
        places = [text.index(step) for step in ("cairn repair index ", "--drop-missing", "cairn repair packs",
                                                "cairn backup", "cairn repair snapshots")]
        self.assertEqual(places, sorted(places))

    def test_a_damaged_session_is_prunes_to_clear(self):
        self.fresh()
        path = os.path.join(self.repo, "sessions", "0123456789abcdef" * 2)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"no session")
        self.assertIn("cairn prune ", self.run_cairn("check", code=1).stdout.decode())


if __name__ == "__main__":
    unittest.main()
