"""What is backed up. Each corpus is a list of paths, the same from run to run."""
import os
import random
import shutil
import subprocess

TREE = ["/usr/lib/x86_64-linux-gnu", "/usr/share", "/usr/include"]
TREE_TWO = ["/usr/lib/python3", "/usr/lib/gcc", "/usr/bin", "/var/lib/dpkg"]  # another of the same kind


class Corpus:
    """`make(generation)` brings its files to that state, from 1 on; `paths` are what is backed up."""

    generations = 1

    def __init__(self, name, paths):
        self.name, self.paths = name, paths

    def make(self, generation):
        del generation


class Copied(Corpus):
    """Files of elsewhere, copied once below a folder: in a tmpfs no disk, and no cache of one, is in the figures."""

    def __init__(self, name, paths, folder):
        self.sources, self.folder = paths, os.path.join(folder, name)
        super().__init__(name, [self.folder + path for path in paths])

    def make(self, generation):
        if not os.path.isdir(self.folder):
            os.makedirs(self.folder)
            below = [path.lstrip("/") for path in self.sources]
            packed = subprocess.Popen(["tar", "-C", "/", "-c", *below], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-C", self.folder, "-x"], stdin=packed.stdout, check=True)
            if packed.wait() != 0:
                raise subprocess.CalledProcessError(packed.returncode, packed.args)


class Dump(Corpus):
    """A growing SQL dump as one file (make_dump says how it changes)."""

    generations = 5

    def __init__(self, folder, make_dump, size):
        self.file = os.path.join(folder, "dump.sql")
        super().__init__("dump", [self.file])
        self.make_dump, self.size = make_dump, size

    def make(self, generation):
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        with open(self.file, "wb") as file:
            subprocess.run(self.stream(generation), stdout=file, check=True)

    def stream(self, generation):
        """The command that writes the same bytes."""
        return [self.make_dump, str(self.size), str(generation)]


class Made(Corpus):
    """Files that are made once, by a function from their folder."""

    def __init__(self, name, folder, fill):
        super().__init__(name, [os.path.join(folder, name)])
        self.fill = fill

    def make(self, generation):
        if os.path.isdir(self.paths[0]):
            return
        unfinished = self.paths[0] + ".unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        os.makedirs(unfinished)
        self.fill(unfinished)
        os.rename(unfinished, self.paths[0])


def incompressible(folder, size=2 << 30):
    """Random bytes, in files of 64 MiB."""
    rng = random.Random(11)
    for n in range(size >> 26):
        with open(os.path.join(folder, f"noise{n:03}"), "wb") as file:
            for _ in range(64):
                file.write(rng.randbytes(1 << 20))


def duplicates(folder):
    """One tree eight times, and its files once more behind a few bytes, so that nothing lies where it did."""
    for n in range(8):
        subprocess.run(["cp", "-a", "/usr/include", os.path.join(folder, f"copy{n}")], check=True)
    with open(os.path.join(folder, "shifted"), "wb") as out:
        for top, folders, names in os.walk("/usr/include"):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(top, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as file:
                        out.write(b"--- next file\n" + file.read())


def tiny(folder, count=1_000_000):
    """A million files of 20 to 400 bytes, in 2,000 folders."""
    rng = random.Random(12)
    for top in range(count // 500):
        below = os.path.join(folder, f"{top // 50:02}", f"{top % 50:02}")
        os.makedirs(below)
        for n in range(500):
            with open(os.path.join(below, f"f{n:03}"), "wb") as file:
                file.write(rng.randbytes(10).hex().encode() * rng.randrange(1, 20))
