"""A folder of daily backups, as scripts leave them, that `cairn import` takes over."""
import contextlib
import datetime
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import time
import zipfile

from peering.figures import Failed, bytes_below, median

DATABASE = "shop"
GROWTH, CHANGED = 0.01, 0.0002  # of the rows, a day
BOUND = 0.15
COMPARED = 5
COVERS, COVER_BYTES = 60, 20_000

LEDGER = """
CREATE TABLE ledger (id bigint PRIMARY KEY, who int, at timestamptz, state text, note text);
CREATE FUNCTION put(first bigint, last bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ledger SELECT i, i % 9973, '2024-01-01'::timestamptz + i * interval '20 seconds', 'open',
    encode(sha256(i::text::bytea), 'hex') || md5(i::text) FROM generate_series(first, last) i $$;
SELECT put(1, {rows});
VACUUM ANALYZE;"""


def day_of(number):
    return (datetime.date(2026, 1, 1) + datetime.timedelta(days=number)).strftime("%Y%m%d")


def digest_of(stream, sink=None):
    """SHA-256 and length of what a stream has; it goes on to `sink`."""
    digest, size = hashlib.sha256(), 0
    while part := stream.read(1 << 20):
        digest.update(part)
        size += len(part)
        if sink:
            sink.write(part)
    return digest.hexdigest(), size


def changed_rows(dice, rows):
    return dice.sample(range(1, rows + 1), max(1, int(rows * CHANGED)))


class Dumps:
    """shop_20260101_020000.sql.gz, as `pg_dump | gzip` makes them."""

    name, inner, row_bytes = ".sql.gz", "shop.sql", 136

    def __init__(self, folder, rows, server):
        self.folder, self.rows, self.server, self.dice = folder, rows, server, random.Random(1)
        server.drop(DATABASE)
        server.create(DATABASE, owner="postgres")
        server.sql(DATABASE, LEDGER.format(rows=rows))

    def write(self, number):
        path = os.path.join(self.folder, f"shop_{day_of(number)}_020000.sql.gz")
        command = [os.path.join(self.server.bin, "pg_dump"), "-d", self.server.uri(DATABASE, user="postgres", local=True)]
        with open(path, "wb") as file, subprocess.Popen(command, stdout=subprocess.PIPE) as dump, \
                subprocess.Popen(["gzip"], stdin=subprocess.PIPE, stdout=file) as gzip:
            found = digest_of(dump.stdout, gzip.stdin)
            gzip.stdin.close()
            if dump.wait() != 0 or gzip.wait() != 0:
                raise Failed(f"pg_dump ended with {dump.returncode}, gzip with {gzip.returncode}")
        return path, *found

    def live_a_day(self):
        more = int(self.rows * GROWTH)
        ids = ",".join(map(str, changed_rows(self.dice, self.rows)))
        self.server.sql(DATABASE, f"UPDATE ledger SET state = 'paid ' || {self.dice.randrange(10**9)} WHERE id IN ({ids});"
                                  f"SELECT put({self.rows} + 1, {self.rows} + {more}); VACUUM ledger")
        self.rows += more


class Databases:
    """20260101/products.db: copies of a SQLite database."""

    name, inner, row_bytes = "dated .db", "products.db", 160

    def __init__(self, folder, rows, _):
        self.folder, self.rows, self.dice = folder, 0, random.Random(2)
        self.live = os.path.join(os.path.dirname(folder), "live.db")
        with self._open() as database:
            database.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, state TEXT, note TEXT)")
        self._put(rows)

    @contextlib.contextmanager
    def _open(self):
        database = sqlite3.connect(self.live)
        database.execute("PRAGMA synchronous = off")
        with contextlib.closing(database):
            yield database
            database.commit()

    def _put(self, count):
        with self._open() as database:
            database.executemany("INSERT INTO ledger VALUES (?, 'open', ?)", ((i, self.dice.randbytes(70).hex()) for i in
                                                                               range(self.rows + 1, self.rows + count + 1)))
        self.rows += count

    def write(self, number):
        path = os.path.join(self.folder, day_of(number), "products.db")
        os.makedirs(os.path.dirname(path))
        with open(self.live, "rb") as live, open(path, "wb") as file:
            return path, *digest_of(live, file)

    def live_a_day(self):
        with self._open() as database:
            database.executemany("UPDATE ledger SET note = ? WHERE id = ?",
                                 [(self.dice.randbytes(70).hex(), i) for i in changed_rows(self.dice, self.rows)])
        self._put(int(self.rows * GROWTH))


class Zips(Databases):
    """backup_20260101_020000.zip: the database, pictures that become more, and metadata.json with the MD5 of what is before it."""

    name, inner = ".zip", "database/app.db"

    def __init__(self, folder, rows, server):
        super().__init__(folder, rows, server)
        self.covers = [self.dice.randbytes(COVER_BYTES) for _ in range(COVERS)]

    def write(self, number):
        path = os.path.join(self.folder, f"backup_{day_of(number)}_020000.zip")
        with open(self.live, "rb") as live:
            digest, size = digest_of(live)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(self.live, "database/app.db")
            for at, cover in enumerate(self.covers):
                archive.writestr(f"covers/{at}.jpg", cover)
        with open(path, "rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
        date = day_of(number)
        metadata = {"backup_id": f"b{number}", "created_at": f"{date[:4]}-{date[4:6]}-{date[6:]}T02:00:00", "checksum": md5,
                    "description": "nightly", "includes": ["database", "covers"], "version": "1.0"}
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("metadata.json", json.dumps(metadata))
        return path, digest, size + sum(map(len, self.covers))

    def live_a_day(self):
        super().live_a_day()
        self.covers.append(self.dice.randbytes(COVER_BYTES))


KINDS = (Dumps, Zips, Databases)


class Imports:
    """Figures of all series and rounds."""

    FIELDS = ("days", "original_bytes", "disk_bytes", "stored_bytes", "seconds", "again_seconds", "compared")

    def __init__(self):
        self.runs = []

    def note(self, kind, **figures):
        self.runs.append(dict(figures, kind=kind))

    def table(self, _):
        head = ["series", "days", "originals MB", "on disk MB", "stored MB", f"of the originals (bound {BOUND})", "of the disk",
                "import s", "again s", "compared"]
        lines = [head, ["---"] * len(head)]
        for kind in dict.fromkeys(run["kind"] for run in self.runs):
            middle = {field: median([run[field] for run in self.runs if run["kind"] == kind]) for field in self.FIELDS}
            stored = middle["stored_bytes"]
            lines.append([kind, f"{middle['days']:.0f}", *(f"{middle[field] / 1e6:.1f}" for field in self.FIELDS[1:4]),
                          f"{stored / middle['original_bytes']:.3f}", f"{stored / middle['disk_bytes']:.3f}",
                          f"{middle['seconds']:.2f}", f"{middle['again_seconds']:.2f}", f"{middle['compared']:.0f}"])
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def as_json(self):
        return self.runs


class ImportRounds:
    """`megabytes` is the size of a database on the first day; all days of a series lie in the scratch folder at once."""

    def __init__(self, bench, server, days, megabytes):
        self.bench, self.server, self.days, self.bytes = bench, server, days, megabytes * 1_000_000
        self.folder = os.path.join(bench.scratch, "series")

    def run(self):
        for kind in KINDS:
            shutil.rmtree(self.folder, ignore_errors=True)
            days = os.path.join(self.folder, "days")
            os.makedirs(days)
            self._import(kind(days, self.bytes // kind.row_bytes, self.server), days)
        shutil.rmtree(self.folder)

    def _import(self, series, folder):
        originals = {}
        for number in range(self.days):
            path, digest, size = series.write(number)
            originals[path] = (digest, size)
            series.live_a_day()
            if number % 10 == 9:
                self.bench.say(f"import {series.name:10} {number + 1} days are made")
        self.bench.begin()
        for engine in self.bench.engines:
            before = engine.stored()
            run = engine.run(["import", folder, "--zone", "UTC"])
            stored = engine.stored() - before
            start = time.monotonic()
            lines = [json.loads(line) for line in engine.output(["import", folder, "--zone", "UTC", "--json"]).splitlines()]
            again = time.monotonic() - start
            self._need_known(lines, originals)
            compared = self._compare(engine, series, {one["path"]: one["id"] for one in lines[:-1]}, originals)
            figures = {"days": self.days, "original_bytes": sum(size for _, size in originals.values()),
                       "disk_bytes": bytes_below(folder), "stored_bytes": stored, "seconds": run.wall, "cpu": run.cpu,
                       "peak_mib": run.peak, "again_seconds": again, "compared": compared}
            self.bench.note(series.name, **figures)
            self.bench.say(f"import {series.name:10} {run.wall:8.2f} s {run.cpu:8.2f} s CPU {run.peak:6.0f} MiB "
                           f"{stored / 1e6:8.1f} MB, again {again:.2f} s")

    @staticmethod
    def _need_known(lines, originals):
        summary = lines[-1]
        if (summary["imported"], summary["known"]) != (0, len(originals)):
            raise Failed(f"a second run imported {summary['imported']}, and knew {summary['known']} of {len(originals)}")

    @staticmethod
    def _compare(engine, series, ids, originals):
        """Some days, other ones in every run; how many there were."""
        chosen = random.sample(sorted(originals), min(COMPARED, len(originals)))
        for path in chosen:
            command = engine.command(["dump", f"{ids[path]}:{series.inner}"])
            with subprocess.Popen(command, env=engine.env(), stdout=subprocess.PIPE) as dump:
                digest, _ = digest_of(dump.stdout)
            if dump.returncode != 0 or digest != originals[path][0]:
                raise Failed(f"{path} came back as another (cairn ended with {dump.returncode})")
        return len(chosen)
