"""Backup programs, each behind the same few words."""
import json
import os
import shutil
import subprocess

from peering.figures import Run, bytes_below, measure

PASSWORD = "a password as people choose them"


class Engine:
    """A program with a repository of its own below `scratch`. Each word gives the command lines that do it."""

    name = ""
    compression = ""  # for people

    def __init__(self, scratch):
        self.folder = os.path.join(scratch, self.name)
        self.repo = os.path.join(self.folder, "repo")
        self.cache = os.path.join(self.folder, "cache")

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.cache)

    def run(self, *steps, **more):
        """Command lines one after the other, as one figure."""
        runs = [measure(self.command(argv), env=self.env(), **more) for argv in steps]
        return Run(sum(run.wall for run in runs), sum(run.cpu for run in runs), max(run.peak for run in runs))

    def output(self, argv):
        return subprocess.run(self.command(argv), env=self.env(), capture_output=True, check=True).stdout.decode()

    def stored(self):
        return bytes_below(self.repo)

    def path(self, path):
        """A path of this machine as the program sees it."""
        return path

    def command(self, argv):
        raise NotImplementedError

    def env(self):
        raise NotImplementedError


class Cairn(Engine):
    name = "cairn"

    def __init__(self, scratch, program, compression="default"):
        super().__init__(scratch)
        self.program, self.compression = program, compression

    def command(self, argv):
        return [self.program, *argv]

    def env(self):
        return dict(os.environ, CAIRN_REPOSITORY=self.repo, CAIRN_PASSWORD=PASSWORD, CAIRN_CACHE_DIR=self.cache)

    def init(self):
        return [["init"]]

    def backup(self, paths, force=False):
        return [["backup", "--compression", self.compression, *paths, *(["--force"] if force else [])]]

    def backup_stream(self, name):
        return [["backup", "--compression", self.compression, "--stdin", "--stdin-filename", name]]

    def snapshots(self):
        """Ids, the oldest first."""
        return [one["id"] for one in json.loads(self.output(["snapshots", "--json"]))["snapshots"]]

    def restore(self, snapshot, target):
        return [["restore", snapshot, "--target", target]]

    def restore_one(self, snapshot, path, target):
        return [["restore", snapshot, "--target", target, "--include", path]]

    def check(self):
        return [["check", "--read-data"]]

    def list(self, snapshot):
        return [["ls", "--recursive", snapshot]]

    def forget_and_prune(self, snapshots):
        return [["forget", *snapshots, "--prune"]]


class Peer(Engine):
    """One that lives in a root of its own, where this machine's root stands under /host."""

    def __init__(self, scratch, root):
        super().__init__(scratch)
        self.root = root

    def command(self, argv):
        return ["chroot", self.root, self.name, *argv]

    def path(self, path):
        return "/host" + os.path.abspath(path)


class Restic(Peer):
    name = "restic"
    compression = "auto"  # its default: zstd

    def env(self):
        return dict(os.environ, RESTIC_REPOSITORY=self.path(self.repo), RESTIC_PASSWORD=PASSWORD,
                    RESTIC_CACHE_DIR=self.path(self.cache))

    def init(self):
        return [["init"]]

    def backup(self, paths, force=False):
        return [["backup", "--quiet", *(["--force"] if force else []), *map(self.path, paths)]]

    def backup_stream(self, name):
        return [["backup", "--quiet", "--stdin", "--stdin-filename", name]]

    def snapshots(self):
        found = json.loads(self.output(["snapshots", "--json"]))
        return [one["id"] for one in sorted(found, key=lambda one: one["time"])]

    def restore(self, snapshot, target):
        return [["restore", "--quiet", snapshot, "--target", self.path(target)]]

    def dump(self, snapshot, name):
        """A stream as it was backed up, on standard output."""
        return ["dump", "--quiet", snapshot, "/" + name]

    def restore_one(self, snapshot, path, target):
        return [["restore", "--quiet", snapshot, "--target", self.path(target), "--include", self.path(path)]]

    def check(self):
        return [["check", "--quiet", "--read-data"]]

    def list(self, snapshot):
        return [["ls", "--quiet", snapshot]]

    def forget_and_prune(self, snapshots):
        return [["forget", "--quiet", "--prune", *snapshots]]


class Borg(Peer):
    name = "borg"
    compression = "zstd,3"  # its default, lz4, is quicker and stores more than the others do

    def env(self):
        return dict(os.environ, BORG_REPO=self.path(self.repo), BORG_PASSPHRASE=PASSWORD,
                    BORG_BASE_DIR=self.path(self.cache), BORG_RELOCATED_REPO_ACCESS_IS_OK="yes", LANG="C.UTF-8")

    def init(self):
        # The mode that its own measure prefers where the processor has instructions for SHA-256.
        return [["init", "--encryption", "repokey"]]

    def _create(self):
        return ["create", "--compression", self.compression]

    def backup(self, paths, force=False):
        return [[*self._create(), *(["--files-cache", "disabled"] if force else []), "::{now:%Y%m%d-%H%M%S-%f}",
                 *map(self.path, paths)]]

    def backup_stream(self, name):
        return [[*self._create(), "--stdin-name", name, "::{now:%Y%m%d-%H%M%S-%f}", "-"]]

    def snapshots(self):
        return self.output(["list", "--short"]).split()

    # It extracts into its working folder.
    def restore(self, snapshot, target):
        return [["--in", target, "extract", "::" + snapshot]]

    def restore_one(self, snapshot, path, target):
        return [["--in", target, "extract", "::" + snapshot, self.path(path).lstrip("/")]]

    def command(self, argv):
        if argv[0] != "--in":
            return super().command(argv)
        return ["chroot", self.root, "sh", "-c", 'cd "$0" && exec borg "$@"', self.path(argv[1]), *argv[2:]]

    def check(self):
        return [["check", "--verify-data"]]

    def list(self, snapshot):
        return [["list", "::" + snapshot]]

    def forget_and_prune(self, snapshots):
        return [["delete", "::" + snapshots[0], *snapshots[1:]], ["compact"]]
