"""Eight machines back up into one repository while two prune it and one checks it: nothing is lost, and nothing is left over.

CAIRN_CLIENTS_SECONDS says for how long (10).
"""
import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from s3_testing import BIN, S3Test

SECONDS = float(os.environ.get("CAIRN_CLIENTS_SECONDS", "10"))
CLIENTS, PRUNERS = 8, 2
COMMAND_SECONDS_MAX = 300
KEPT = 3  # of each client, by the pruners


def digest_of(folder):
    """Of names and bytes of all files below a folder."""
    sums = hashlib.sha256()
    for where, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(where, name)
            with open(path, "rb") as file:
                sums.update(os.path.relpath(path, folder).encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return sums.hexdigest()


class Client:
    """A machine of its own: a cache, a tree that changes, and what each of its snapshots held."""

    def __init__(self, test, number):
        self.test, self.number, self.dice = test, number, random.Random(number)
        self.folder = test.path(f"client-{number}")
        self.tree = os.path.join(self.folder, "tree")
        os.makedirs(self.tree)
        self.committed, self.killed, self.runs = {}, 0, 0

    def env(self):
        return dict(self.test.env(), XDG_CACHE_HOME=os.path.join(self.folder, "cache"))

    def run(self, *args):
        return subprocess.run([BIN, *args], env=self.env(), capture_output=True, timeout=COMMAND_SECONDS_MAX, check=False)

    def change(self):
        """Some of it is its own, some what others have too, so that a pack that one takes away another may be about to need."""
        for _ in range(self.dice.randrange(1, 6)):
            shared = self.dice.random() < 0.5
            path = os.path.join(self.tree, f"file-{self.dice.randrange(20)}")
            source = random.Random(self.dice.randrange(40)) if shared else self.dice
            with open(path, "wb") as file:
                file.write(source.randbytes(100_000))
        names = os.listdir(self.tree)
        if len(names) > 5 and self.dice.random() < 0.4:
            os.remove(os.path.join(self.tree, self.dice.choice(names)))

    def back_up(self):
        self.change()
        held = digest_of(self.tree)
        process = subprocess.Popen([BIN, "backup", "--json", "--host", f"client-{self.number}", self.tree], env=self.env(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.dice.random() < 0.1:  # the machine goes down
            time.sleep(self.dice.random() * 0.3)
            process.kill()
        out, told = process.communicate(timeout=COMMAND_SECONDS_MAX)
        if process.returncode == -9:
            self.killed += 1
            return
        if process.returncode != 0:
            raise AssertionError(f"client {self.number}: {process.returncode}: {told.decode()[-2000:]}")
        self.runs += 1
        self.committed[json.loads(out.decode().strip().splitlines()[-1])["id"]] = held


class ManyClients(S3Test):
    def during(self, work):
        """Runs each until the time is over, and gives what went wrong."""
        faults, end = [], time.monotonic() + SECONDS

        def repeat(one):
            try:
                while time.monotonic() < end:
                    one()
            except Exception as error:  # pylint: disable=broad-except
                faults.append(error)

        threads = [threading.Thread(target=repeat, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return faults

    def prune(self, client):
        for command in (["forget", "--keep-last", str(KEPT), "--group-by", "host"], ["prune", "--max-unused", "0"]):
            done = client.run(*command)
            if done.returncode != 0:
                raise AssertionError(f"{command}: {done.returncode}: {done.stderr.decode()[-2000:]}")

    def check(self, client):
        done = client.run("check", "--read-data")
        if done.returncode != 0:
            raise AssertionError(f"check: {done.returncode}: {done.stdout.decode()[-1000:]}{done.stderr.decode()[-2000:]}")

    def test_nothing_is_lost_and_nothing_is_left_over(self):
        self.init()
        clients = [Client(self, number) for number in range(CLIENTS)]
        others = [Client(self, CLIENTS + number) for number in range(PRUNERS + 1)]
        counts = [0, 0]

        def counted(number, work):
            def call():
                work()
                counts[number] += 1
            return call

        faults = self.during([*(client.back_up for client in clients),
                              *(counted(0, lambda one=one: self.prune(one)) for one in others[:PRUNERS]),
                              counted(1, lambda: self.check(others[PRUNERS]))])
        self.assertEqual(faults, [])
        for client in clients:  # ends what was killed
            client.committed_before = len(client.committed)
            client.dice = random.Random(7)
            while len(client.committed) == client.committed_before:
                client.back_up()
        self.assertGreater(min(client.runs for client in clients), 0)
        self.assertGreater(min(counts), 0)
        print(f"\n{sum(client.runs for client in clients)} backups, {sum(client.killed for client in clients)} killed, "
              f"{counts[0]} prunes, {counts[1]} checks in {SECONDS:g} s", file=sys.stderr)
        self.restores_all(clients, others[0])
        self.leaves_nothing(others[0])

    def restores_all(self, clients, reader):
        held = {snapshot: digest for client in clients for snapshot, digest in client.committed.items()}
        there = json.loads(reader.run("snapshots", "--json").stdout)["snapshots"]
        self.assertGreaterEqual(len(there), CLIENTS)
        restored = 0
        for snapshot in there:
            if snapshot["id"] not in held:
                continue  # committed by one that was killed before it could say so
            target = self.path("restored", snapshot["id"])
            done = reader.run("restore", snapshot["id"], "--target", target)
            self.assertEqual(done.returncode, 0, done.stderr.decode()[-2000:])
            number = snapshot["host"].split("-")[1]
            self.assertEqual(digest_of(target + self.path(f"client-{number}", "tree")), held[snapshot["id"]])
            restored += 1
        self.assertGreaterEqual(restored, CLIENTS)

    def leaves_nothing(self, pruner):
        done = pruner.run("sessions", "--json")
        self.assertEqual(json.loads(done.stdout)["sessions"], [], "each client has ended what it had begun")
        for _ in range(2):
            self.prune(pruner)
        self.check(pruner)
        for prefix in ("tombstones/", "sessions/"):
            self.assertEqual(self.keys("a/prefix/" + prefix), [])
        usage = json.loads(pruner.run("check", "--json").stdout.decode().strip().splitlines()[-1])
        self.assertEqual(usage["unused_packs"], 0)
        snapshots = [one["id"] for one in json.loads(pruner.run("snapshots", "--json").stdout)["snapshots"]]
        done = pruner.run("forget", *snapshots, "--prune")
        self.assertEqual(done.returncode, 0, done.stderr.decode()[-2000:])
        for prefix in ("data/", "meta/", "snapshots/", "tombstones/", "sessions/"):
            self.assertEqual(self.keys("a/prefix/" + prefix), [])


if __name__ == "__main__":
    unittest.main()
