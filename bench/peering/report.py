"""Many runs as one table."""
from peering.figures import median


class Figures:
    """All runs of one invocation, by work and engine.

    `machine` is what stands beside the engines, as the table calls it; with `stored_ratios` cairn's bytes are compared
    with those of the best peer, as seconds are.
    """

    def __init__(self, machine="machine", stored_ratios=False):
        self.runs, self.order = {}, []
        self.machine, self.stored_ratios = machine, stored_ratios

    def note(self, name, engine, run, stored):
        if name not in self.order:
            self.order.append(name)
        self.runs.setdefault((name, engine), []).append((run, stored))

    def middle(self, name, engine, what):
        runs = self.runs.get((name, engine), [])
        values = [stored if what == "stored" else getattr(run, what) for run, stored in runs]
        values = [value for value in values if value is not None]
        return median(values) if values else None

    def table(self, engines):
        peers = [engine for engine in engines if engine != "cairn"]
        head = ["work", *(f"{engine} s" for engine in engines), "ratio", f"{self.machine} s", "ratio",
                *(f"{engine} CPU" for engine in engines), *(f"{engine} MiB" for engine in engines),
                *(f"{engine} stored MB" for engine in engines), *(["ratio"] if self.stored_ratios else [])]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for name in self.order:
            wall = {engine: self.middle(name, engine, "wall") for engine in (*engines, "machine")}
            best = min((wall[peer] for peer in peers if wall[peer]), default=None)
            own = wall.get("cairn")
            cells = [name, *(_text(wall[engine], "{:.2f}") for engine in engines),
                     _text(own and best and own / best, "{:.2f}"), _text(wall["machine"], "{:.2f}"),
                     _text(own and wall["machine"] and own / wall["machine"], "{:.2f}")]
            megabytes = "{:.2f}" if self.stored_ratios else "{:.1f}"
            for what, shape, unit in (("cpu", "{:.1f}", 1), ("peak", "{:.0f}", 1), ("stored", megabytes, 1e6)):
                values = [self.middle(name, engine, what) for engine in engines]
                cells += [_text(value and value / unit, shape) for value in values]
            if self.stored_ratios:
                stored = {engine: self.middle(name, engine, "stored") for engine in engines}
                least = min((stored[peer] for peer in peers if stored[peer]), default=None)
                cells.append(_text(stored.get("cairn") and least and stored["cairn"] / least, "{:.2f}"))
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def as_json(self):
        return [{"work": name, "engine": engine, "wall": run.wall, "cpu": run.cpu, "peak_mib": run.peak,
                 "stored": stored} for (name, engine), runs in self.runs.items() for run, stored in runs]


def _text(value, shape):
    return shape.format(value) if value else ""
