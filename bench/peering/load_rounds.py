"""What a backup costs those who use the database meanwhile: pgbench's throughput beside each."""
import os
import shutil
import threading

from peering.figures import median, measure
from postgres_testing import Load

DATABASE = "load"
CLIENTS = 4
WARM_SECONDS = 2
# As pgbench makes it a row is mostly blanks, of which no backup has anything to read.
FILL = """UPDATE pgbench_accounts SET filler = encode(sha256(aid::text::bytea), 'hex') || left(md5(aid::text), 20);
VACUUM FULL ANALYZE pgbench_accounts; CHECKPOINT;"""


class Throughputs:
    """Transactions a second by what ran beside them, of all rounds."""

    def __init__(self):
        self.runs = []

    def note(self, beside, rate, backups, seconds):
        self.runs.append({"beside": beside, "tps": rate, "backups": backups, "seconds": seconds})

    def middle(self, beside, what="tps"):
        values = [run[what] for run in self.runs if run["beside"] == beside]
        return median(values) if values else None

    def table(self, _):
        names = ("cairn", "pg_dump -j2", "nothing")
        tps = {name: self.middle(name) for name in names}
        head = [*(f"beside {name}: tps" for name in names), "cairn : pg_dump", "cairn : nothing", "pg_dump : nothing",
                "backups by cairn", "by pg_dump"]
        pairs = (("cairn", "pg_dump -j2"), ("cairn", "nothing"), ("pg_dump -j2", "nothing"))
        cells = [*(f"{tps[name]:.0f}" if tps[name] else "" for name in names),
                 *(f"{tps[a] / tps[b]:.2f}" if tps[a] and tps[b] else "" for a, b in pairs),
                 *(f"{self.middle(name, 'backups') or 0:.0f}" for name in names[:2])]
        return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), cells))

    def as_json(self):
        return self.runs


class Repeated:
    """Runs a step again and again, in a thread, until it is left; then waits for the end of the last."""

    def __init__(self, step):
        self.step, self.count, self.error = step, 0, None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._ending.is_set() and self.error is None:
            try:
                self.step()
                self.count += 1
            except Exception as error:  # told by who left it
                self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._ending.set()
        self._thread.join()
        if self.error is not None and kind is None:
            raise self.error


class LoadRounds:
    """`scale` is pgbench's: so many times 100,000 rows. Each window is of `seconds`."""

    def __init__(self, bench, server, scale, seconds):
        self.bench, self.server, self.seconds, self.turn = bench, server, seconds, 0
        self.uri = server.uri(DATABASE, user="postgres", local=True)
        self.dump = os.path.join(bench.scratch, "dump")
        server.create(DATABASE, owner="postgres")
        server.run("pgbench", "-i", "-q", "-s", str(scale), database=DATABASE)
        server.sql(DATABASE, FILL)

    def pg_dump(self):
        shutil.rmtree(self.dump, ignore_errors=True)
        measure([os.path.join(self.server.bin, "pg_dump"), "-Fd", "-Z0", "-j2", "-f", self.dump, "-d", self.uri])

    def cairn(self):
        for engine in self.bench.engines:
            engine.run(["backup", "--postgres", self.uri])

    def run(self):
        """One window each; who begins changes from round to round."""
        self.bench.begin()
        self.cairn()  # those in the window are of a database that was backed up before, as every night's but the first
        works = [("cairn", self.cairn), ("pg_dump -j2", self.pg_dump), ("nothing", None)]
        first = self.turn % len(works)
        self.turn += 1
        for name, step in works[first:] + works[:first]:
            self.server.sql(DATABASE, "VACUUM; CHECKPOINT")
            rate, backups = self._window(step)
            self.bench.note(name, rate, backups, self.seconds)
            self.bench.say(f"load beside {name:12} {rate:10.0f} tps, {backups} backups in {self.seconds} s")
        shutil.rmtree(self.dump, ignore_errors=True)

    def _window(self, step):
        with Load(self.server, DATABASE, clients=CLIENTS, seconds=WARM_SECONDS) as load:
            load.wait()
        if step is None:
            return self._rate(), 0
        with Repeated(step) as repeated:
            rate = self._rate()
            done = repeated.count
        return rate, done

    def _rate(self):
        with Load(self.server, DATABASE, clients=CLIENTS, seconds=self.seconds) as load:
            return load.wait()
