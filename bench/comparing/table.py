"""What the rounds say: medians, their ratio, and whether it is more than noise."""
import statistics

ROUNDS_MIN = 4  # with fewer, one row in twenty is marked where nothing differs; with 5, one in three hundred


class Row:
    """One figure of both sides. `noise`: how far rounds of one side lie apart, as a part of their median; of the two
    sides the larger one. A ratio beyond it, either way, is `marked`."""

    def __init__(self, name, a, b):
        self.name, self.rounds = name, {"a": a, "b": b}
        self.a, self.b = statistics.median(a), statistics.median(b)
        self.ratio = self.b / self.a if self.a else None
        self.noise = max(_spread(a), _spread(b)) if min(len(a), len(b)) >= ROUNDS_MIN else None

    @property
    def marked(self):
        if self.noise is None or not self.ratio:
            return False
        return max(self.ratio, 1 / self.ratio) - 1 > self.noise

    def as_json(self):
        return {"name": self.name, "a": self.a, "b": self.b, "ratio": self.ratio, "noise": self.noise,
                "marked": self.marked, "rounds": self.rounds}


def _spread(values):
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def time_rows(rounds):
    return [Row(name, rounds.times["a", name], rounds.times["b", name]) for name in rounds.names
            if ("a", name) in rounds.times and ("b", name) in rounds.times]


def counter_rows(rounds):
    """Counters (of compression, of sizes) of both sides."""
    return [Row(f"{name} {counter}", values, rounds.counters["b", name, counter])
            for (side, name, counter), values in rounds.counters.items()
            if side == "a" and ("b", name, counter) in rounds.counters and name in rounds.names]


def text(rounds, titles):
    rows = [[row.name, _time(row.a), _time(row.b), _ratio(row), _percent(row.noise), _mark(row, "slower", "faster")]
            for row in time_rows(rounds)]
    changed = [[row.name, f"{row.a:.4g}", f"{row.b:.4g}", _ratio(row), _percent(row.noise),
                _mark(row, "more", "less")] for row in counter_rows(rounds) if row.marked]
    head = ["name", titles["a"], titles["b"], "B/A", "noise", ""]
    parts = [_aligned([head, *rows])]
    if changed:
        parts.append("Counters that changed:\n" + _aligned([head, *changed]))
    for side in "ab":
        if rounds.only[side]:
            parts.append(f"Only in {titles[side]}: " + ", ".join(rounds.only[side]))
    parts += [f"{titles[side]}: {name}: {why}" for (side, name), why in rounds.failed.items()]
    parts.append(_legend(rounds.done))
    return "\n\n".join(parts)


def as_json(rounds, sides):
    return {"sides": sides, "rounds": rounds.done, "times_ns": [row.as_json() for row in time_rows(rounds)],
            "counters": [row.as_json() for row in counter_rows(rounds)], "only": rounds.only,
            "failed": [{"side": side, "name": name, "why": why} for (side, name), why in rounds.failed.items()]}


def _legend(done):
    what = (f"{done} rounds, medians of CPU time (of real time where the name says so); noise: the larger distance "
            "between the rounds of one side.")
    return what + (" Marked where the ratio is beyond it." if done >= ROUNDS_MIN else
                   f" Nothing is marked with fewer than {ROUNDS_MIN} rounds.")


def _time(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 999.5 * size else f"{nanoseconds / size:.0f} {unit}"
    return f"{nanoseconds:.3g} ns"


def _ratio(row):
    return f"{row.ratio:.3f}" if row.ratio is not None else ""


def _percent(part):
    return f"{part * 100:.1f}%" if part is not None else ""


def _mark(row, above, below):
    if not row.marked:
        return ""
    return f"* {above if row.ratio > 1 else below}"


def _aligned(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i in (0, len(line) - 1) else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)
