"""Who has the store alone puts back what was removed or replaced: each object of earlier states, one at a time, into the newest one.
What cairn does then is right or told, never silent; and nothing that is needed is removed on the word of an old object.
CAIRN_REPLAYS sets how many of each kind of object are put back, at random (default 2; "all")."""
import json
import os
import random
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest

TOLD = {1, 3}


class Replay(CairnTest):
    def state(self, name):
        """A copy of the repository as it is now."""
        path = self.path("state-" + name)
        shutil.copytree(self.repo, path)
        return path

    def names(self, repository):
        found = {}
        for root, _, names in os.walk(repository):
            for name in names:
                path = os.path.join(root, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, repository)] = file.read()
        return found

    def wait_for(self, what, condition):
        deadline = time.time() + 30
        while not condition():
            self.assertLess(time.time(), deadline, what)
            time.sleep(0.02)

    def make_history(self):
        """Each kind of object of the protocol was there at some time, and is gone or replaced at the end."""
        self.init()
        self.run_cairn("key", "add", "--role", "reader", "--label", "gone", CAIRN_NEW_PASSWORD="reader")
        self.make_source(files=8)
        old = self.backup()["id"]
        for number in range(16):  # enough segments for a merge
            self.write("changing", os.urandom(1000 + number))
            self.backup()
        states = [self.state("begin")]
        for number in range(8):
            os.remove(self.path("source", f"d{number % 7}", f"f{number}"))
        self.write("new", os.urandom(300_000))
        self.backup()
        # A session that is open makes prune wait: its tombstones and its list of what it saw stay for the next one.
        stream = subprocess.Popen([BIN, "backup", "--stdin", "--stdin-filename", "stream"], env=self.env(),
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for("the session of a stream", lambda: self.objects("sessions"))
        self.run_cairn("forget", old)
        self.run_cairn("forget", "--keep-last", "2")
        self.run_cairn("tag", "latest", "--add", "t")
        self.run_cairn("prune", "--max-unused", "0%")
        states.append(self.state("waiting"))
        self.assertTrue(self.objects("tombstones"), "prune did not wait for the open session")
        stream.communicate(b"of a stream", timeout=60)
        self.assertEqual(stream.returncode, 0)
        states.append(self.state("committed"))
        slot = next(key for key in self.json("key", "list")["keys"] if key["label"] == "gone")["id"]
        self.run_cairn("key", "remove", slot)
        self.run_cairn("key", "passwd", CAIRN_NEW_PASSWORD="secret")
        self.run_cairn("prune", "--max-unused", "0%")
        self.write("newest", os.urandom(200_000))
        self.newest = self.backup()["id"]
        self.run_cairn("prune", "--max-unused", "0%")
        self.assertEqual(self.objects("tombstones", "sessions"), [])
        return states, self.state("end")

    def test_an_old_object_is_harmless_or_told(self):
        states, end = self.make_history()
        good = self.names(end)
        cases = {}
        for state in states:
            for name, data in self.names(state).items():
                if good.get(name) != data and not name.startswith("tmp/"):
                    cases[name, data] = state
        kinds = {name.split("/")[0] for name, _ in cases}
        for kind in ("data", "index", "keys", "meta", "sessions", "snapshots", "tombstones"):
            self.assertIn(kind, kinds, "the history has left no old object of this kind")
        for (name, data), state in self.sample(cases):
            with self.subTest(name=name, state=os.path.basename(state)):
                self.one_case(end, name, data)

    def sample(self, cases):
        wanted = os.environ.get("CAIRN_REPLAYS", "2")
        seed = random.randrange(1 << 30)
        print("seed", seed)
        shuffled = sorted(cases.items())
        random.Random(seed).shuffle(shuffled)
        taken = {}
        for case in shuffled:
            of_kind = taken.setdefault(case[0][0].split("/")[0], [])
            if wanted == "all" or len(of_kind) < int(wanted):
                of_kind.append(case)
        return [case for of_kind in taken.values() for case in of_kind]

    def one_case(self, end, name, data):
        shutil.rmtree(self.repo)
        shutil.copytree(end, self.repo)
        shutil.rmtree(self.cache, ignore_errors=True)
        path = os.path.join(self.repo, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.chmod(path, 0o600)
        with open(path, "wb") as file:
            file.write(data)
        told = False
        checked = self.run_cairn("check", code=None)
        self.assertIn(checked.returncode, TOLD | {0}, checked.stderr)
        told = checked.returncode in TOLD
        target = self.path(f"out-{len(os.listdir(self.dir))}")
        restored = self.run_cairn("restore", self.newest, "--target", target, code=None)
        if restored.returncode == 0:
            same = subprocess.run(["diff", "-r", "--no-dereference", self.source, target + self.source], capture_output=True)
            self.assertEqual(same.returncode, 0, same.stdout[:500])
        else:
            self.assertTrue(told and restored.returncode in TOLD, restored.stderr)
        pruned = self.run_cairn("prune", "--max-unused", "0%", code=None)
        if pruned.returncode != 0:
            self.assertTrue(told, pruned.stderr)
        # Without the old object, all is as it was.
        if os.path.exists(path) and name not in self.names(end):
            os.remove(path)
        for kept, bytes_kept in self.names(end).items():
            if kept == name or kept.startswith("config/"):
                shutil.copy(os.path.join(end, kept), os.path.join(self.repo, kept))
        shutil.rmtree(self.cache, ignore_errors=True)
        after = json.loads(self.run_cairn("check", "--read-data", "--json", code=None).stdout.decode().splitlines()[-1])
        self.assertEqual(after.get("damages"), 0, "prune has removed what is needed")
        shutil.rmtree(target, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
