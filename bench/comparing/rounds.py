"""Runs two benchmark programs in alternation, and keeps what each round gave."""
import json
import os

from comparing.child import Failed, run

LIST_SECONDS_MAX = 60
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
# What Google Benchmark writes of every run. A rate is the time once more; what else is a number is a counter.
OWN_FIELDS = {"family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads", "iterations",
              "real_time", "cpu_time", "bytes_per_second", "items_per_second"}


class Rounds:
    """`sides`: a program each, "a" and "b". Figures are lists, one a round: times by (side, name) in ns, counters by
    (side, name, counter).

    Alternates by family (BM_Name with all its arguments), so that what is compared ran within seconds.
    """

    def __init__(self, sides, scratch, pattern, seconds_min, run_seconds_max, say):
        self.sides, self.scratch, self.say = sides, scratch, say
        self.seconds_min, self.run_seconds_max = seconds_min, run_seconds_max
        names = {side: self._list(program, pattern) for side, program in sides.items()}
        self.names = [name for name in names["a"] if name in names["b"]]
        self.only = {"a": [name for name in names["a"] if name not in names["b"]],
                     "b": [name for name in names["b"] if name not in names["a"]]}
        self.times, self.counters, self.failed, self.done = {}, {}, {}, 0

    def families(self):
        names = {}
        for name in self.names:
            names.setdefault(name.split("/")[0], []).append(name)
        return names

    def one(self):
        """A B in one round, B A in the next. Nothing of a round counts before all of it is there. A family with which a
        program fails is left out from then on, and told in `failed`."""
        order = "ab" if self.done % 2 == 0 else "ba"
        times, counters = {}, {}
        for family, names in self.families().items():
            for side in order:
                try:
                    entries = self._measure(side, names)
                except Failed as error:
                    self.say(str(error))
                    self.failed[side, family] = str(error).splitlines()[-1]
                    self.names = [name for name in self.names if name not in names]
                    break
                for entry in entries:
                    self._note(side, entry, times, counters)
            self.say(f"round {self.done + 1}: {family}")
        if not self.names:
            raise Failed("nothing is left to measure")
        for (all_of, new) in ((self.times, times), (self.counters, counters)):
            for key, value in new.items():
                all_of.setdefault(key, []).append(value)
        self.done += 1

    @staticmethod
    def _list(program, pattern):
        """A pattern that fits nothing is no error of the program's: it says so, and ends with 0 or 1 by its version."""
        out = run([program, "--benchmark_list_tests", f"--benchmark_filter={pattern}"], LIST_SECONDS_MAX)
        return [line for line in out.splitlines() if line.startswith("BM_")]

    def _measure(self, side, names):
        path = os.path.join(self.scratch, "out.json")
        # POSIX extended: nothing in a name but "." and "+" could mean something there.
        fits = "|".join(name.replace("+", r"\+").replace(".", r"\.") for name in names)
        run([self.sides[side], f"--benchmark_filter=^({fits})$", f"--benchmark_out={path}",
             "--benchmark_out_format=json", f"--benchmark_min_time={self.seconds_min}"], self.run_seconds_max)
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)["benchmarks"]
        os.remove(path)
        if sorted(entry["name"] for entry in entries) != sorted(names):
            raise Failed(f"{self.sides[side]}: gave figures of other names than {names}")
        return entries

    def _note(self, side, entry, times, counters):
        name = entry["name"]
        if entry.get("error_occurred"):
            self.failed[side, name] = entry.get("error_message", "failed")
            return
        # As Google Benchmark does for rates. CPU time counts less of what else runs on the machine.
        field = "real_time" if name.endswith("/real_time") else "cpu_time"
        times[side, name] = entry[field] * NANOSECONDS[entry["time_unit"]]
        for key, value in entry.items():
            if key not in OWN_FIELDS and isinstance(value, (int, float)) and not isinstance(value, bool):
                counters[side, name, key] = value
