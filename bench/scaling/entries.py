"""A snapshot of very many entries, made while it is backed up. Each phase is a process, and its answer is looked at."""
import json
import os
import shutil
import tempfile

from scaling.measured import run

CHANGED = 10_000  # of so many files one is another in the next generation
FOLDER = "/made/group-00001/folder-0000123"  # of a thousand files

PHASES = {
    "backup": "first backup",
    "again": "the same again",
    "next": f"again, one file of {CHANGED:,} changed",
    "list": "ls of a folder",
    "list-all": "ls of all",
    "find": "find of one name",
    "diff": "diff of the two generations",
    "restore": "restore of a folder",
    "check": "check without data",
    "plan": "forget all but one, plan of a prune",
}


class Snapshots:
    """The repository and what is done with it."""

    def __init__(self, program, folder, entries, limit):
        self.program, self.folder, self.entries, self.limit = program, folder, entries, limit
        self.repository, self.cache = (os.path.join(folder, name) for name in ("repository", "cache"))
        self.env = dict(os.environ, CAIRN_PASSWORD="scale", CAIRN_REPOSITORY=self.repository,
                        CAIRN_CACHE_DIR=self.cache)

    def backup(self, generation, unchanged):
        ran = run([os.path.join(self.program, "tree_scale"), self.repository, self.cache, str(self.entries),
                   str(generation)], self.limit, self.env)
        self.expect(json.loads(ran.last)["unchanged"], unchanged, "files unchanged")
        return ran

    def cairn(self, *argv):
        return run([os.path.join(self.program, "cairn"), *argv], self.limit, self.env)

    @staticmethod
    def expect(seen, expected, what):
        if seen != expected:
            raise SystemExit(f"bench/scale: {what}: {seen}, not {expected}")

    def changed(self):
        return -(-self.entries // CHANGED)

    def ids(self):
        listed = json.loads(self.cairn("snapshots", "--json").last)
        return [snapshot["id"] for snapshot in listed["snapshots"]]

    def folders(self):
        return 1 + -(-self.entries // 100_000) + -(-self.entries // 1000)

    def phase(self, name):
        if name == "backup":
            return self.backup(0, 0)
        if name == "again":
            return self.backup(0, self.entries)
        if name == "next":
            return self.backup(1, self.entries - self.changed())
        if name == "list":
            return self.lines(1000, "ls", "latest:" + FOLDER)
        if name == "list-all":
            return self.lines(self.entries + self.folders(), "ls", "-R", "latest")
        if name == "find":
            return self.lines(2, "find", "-s", "latest", "file-000123456")
        if name == "diff":
            ids = self.ids()
            return self.lines(self.changed() + 1, "diff", ids[0], ids[-1])
        if name == "restore":
            target = os.path.join(self.folder, "target")
            ran = self.cairn("restore", "latest:" + FOLDER, "--target", target)
            self.expect(len(os.listdir(target)), 1000, "files restored")
            return ran
        if name == "check":
            return self.cairn("check")
        self.cairn("forget", "--keep-last", "1")
        return self.cairn("prune", "--dry-run")

    def lines(self, expected, *argv):
        ran = self.cairn(*argv)
        self.expect(ran.lines, expected, "lines of cairn " + argv[0])
        return ran


def measure(program, entries, options, figures):
    print(f"a snapshot of {entries:,} files", flush=True)
    folder = tempfile.mkdtemp(prefix="cairn-scale-", dir=options.folder)
    try:
        snapshots = Snapshots(program, folder, entries, options.limit)
        for phase, text in PHASES.items():
            if phase not in ("backup", "next") and phase not in options.only:
                continue
            ran = snapshots.phase(phase)
            figures.append({"phase": phase, "entries": entries, "seconds": ran.seconds, "peak_bytes": ran.peak_bytes})
            print(f"  {text:<44}{ran.seconds:>10.3f} s {ran.peak_bytes / 2**20:>28.0f} MiB", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
