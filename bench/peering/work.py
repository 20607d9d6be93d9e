"""What is asked of each engine, and of the machine alone, on each corpus."""
import os
import shutil
import subprocess

from peering.figures import bytes_below, measure


class Bench:
    """Runs each piece of work with every engine in turn; who begins changes from round to round.

    `note(work, engine, run, stored)` takes a figure; stored is in bytes, or None.
    """

    def __init__(self, engines, scratch, note, say):
        self.engines, self.scratch, self.note, self.say = engines, scratch, note, say
        self.turn = 0

    def each(self):
        self.turn += 1
        first = self.turn % len(self.engines)
        return self.engines[first:] + self.engines[:first]

    def do(self, work, steps, stored=False, before=None, after=None, feed=None):
        """`steps(engine)` gives the command lines."""
        for engine in self.each():
            if before:
                before(engine)
            run = engine.run(*steps(engine), feed=feed)
            if after:
                after(engine)
            self.note(work, engine.name, run, engine.stored() if stored else None)
            self.say(f"{work:32} {engine.name:8} {run.wall:8.2f} s {run.cpu:8.2f} s CPU {run.peak:6.0f} MiB")

    def limit(self, work, command):
        run = measure(["sh", "-c", command])
        self.note(work, "machine", run, None)
        self.say(f"{work:32} {'machine':8} {run.wall:8.2f} s {run.cpu:8.2f} s CPU")

    def begin(self):
        for engine in self.engines:
            engine.clear()
            engine.run(*engine.init())

    def target(self):
        folder = os.path.join(self.scratch, "restored")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        return folder

    def touch_memory(self, paths):
        """Under a hypervisor the first to write into a page that was given back waits for it: here that is nobody.

        Half as much again as the files have: their last pages are not full, inodes and the program take some, too.
        """
        size = sum(bytes_below(path) for path in paths) * 3 // 2
        file = os.path.join(self.scratch, "touched")
        with open(file, "wb") as out:
            for _ in range(size >> 20):
                out.write(bytes(1 << 20))
        os.remove(file)

    def warm(self, paths):
        """Before a backup of what is on a disk: read once, for pages of files that lie idle are given back, too."""
        self.touch_memory(paths)
        subprocess.run(f"{files_in(paths)} | xargs -0 cat >/dev/null", shell=True, check=True)

    def drop_target(self, _=None):
        shutil.rmtree(os.path.join(self.scratch, "restored"), ignore_errors=True)


def files_in(paths):
    quoted = " ".join(f"'{path}'" for path in paths)
    return f"find {quoted} -type f -print0"


def bench_tree(bench, corpus, prefix=""):
    """A tree of files: everything that is done with one. `prefix` is of the names of the work."""
    corpus.make(1)
    quoted = " ".join(f"'{path}'" for path in corpus.paths)
    tar = os.path.join(bench.scratch, "tree.tar")
    subprocess.run(f"tar cf '{tar}' {quoted} 2>/dev/null", shell=True, check=True)
    bench.limit(prefix + "first backup", f"zstd -q -3 -T0 -f '{tar}' -o '{tar}.zst'")
    os.remove(tar + ".zst")
    bench.limit(prefix + "unchanged again", f"find {quoted} -printf '%p %s %T@ %C@ %i\\n' >/dev/null")
    bench.limit(prefix + "forced re-read", f"{files_in(corpus.paths)} | xargs -0 -P $(nproc) -n 64 openssl dgst -sha256 -r >/dev/null")
    bench.touch_memory(corpus.paths)
    bench.target()
    bench.limit(prefix + "restore whole", f"tar xf '{tar}' -C '{bench.scratch}/restored'")
    bench.drop_target()
    os.remove(tar)

    bench.begin()
    bench.do(prefix + "first backup", lambda engine: engine.backup(corpus.paths), stored=True)
    bench.do(prefix + "unchanged again", lambda engine: engine.backup(corpus.paths))
    bench.do(prefix + "forced re-read", lambda engine: engine.backup(corpus.paths, force=True))
    newest = {engine.name: engine.snapshots()[-1] for engine in bench.engines}
    bench.do(prefix + "restore whole", lambda engine: engine.restore(newest[engine.name], bench.target()),
             before=lambda _: bench.touch_memory(corpus.paths), after=bench.drop_target)
    one = subprocess.run(f"find {quoted} -type f -size +100k | sort | sed -n 50p", shell=True, capture_output=True,
                         check=True).stdout.decode().strip()
    if one:
        bench.do(prefix + "restore one file", lambda engine: engine.restore_one(newest[engine.name], one, bench.target()),
                 after=bench.drop_target)
    bench.do(prefix + "check with data", lambda engine: engine.check())
    bench.do(prefix + "listing", lambda engine: engine.list(newest[engine.name]))


def bench_prune(bench, corpus):
    """Two snapshots of different folders; the first one goes."""
    corpus.make(1)
    bench.begin()
    for engine in bench.engines:
        engine.run(*engine.backup(corpus.paths[:1]))
        engine.run(*engine.backup(corpus.paths[1:]))
    oldest = {engine.name: engine.snapshots()[:1] for engine in bench.engines}
    bench.do("forget and prune half", lambda engine: engine.forget_and_prune(oldest[engine.name]), stored=True)


def bench_dump(bench, corpus):
    """A dump from generation to generation, as a file."""
    bench.begin()
    for generation in range(1, corpus.generations + 1):
        corpus.make(generation)
        work = f"dump, generation {generation}"
        bench.limit(work, f"split -n {os.cpu_count()} --filter='openssl dgst -sha256' '{corpus.file}' >/dev/null")
        bench.do(work, lambda engine: engine.backup(corpus.paths), stored=True)
    newest = {engine.name: engine.snapshots()[-1] for engine in bench.engines}
    bench.do("dump, restore whole", lambda engine: engine.restore(newest[engine.name], bench.target()),
             before=lambda _: bench.touch_memory(corpus.paths), after=bench.drop_target)
    os.remove(corpus.file)


def bench_stream(bench, corpus, name, generations):
    """The same dump as a stream, which no program can look at before it has come."""
    bench.begin()
    for generation in generations:
        bench.do(f"{name}, generation {generation}", lambda engine: engine.backup_stream("dump.sql"), stored=True,
                 feed=corpus.stream(generation))


def bench_backup(bench, corpus):
    """Of what is only stored: first, again, and back."""
    corpus.make(1)
    bench.begin()
    bench.do(f"{corpus.name}, first backup", lambda engine: engine.backup(corpus.paths), stored=True)
    bench.do(f"{corpus.name}, unchanged again", lambda engine: engine.backup(corpus.paths))
    newest = {engine.name: engine.snapshots()[-1] for engine in bench.engines}
    bench.do(f"{corpus.name}, restore whole", lambda engine: engine.restore(newest[engine.name], bench.target()),
             before=lambda _: bench.touch_memory(corpus.paths), after=bench.drop_target)
