"""One run of a program, measured; and what many runs say together."""
import os
import resource
import signal
import statistics
import subprocess
import time

RUN_SECONDS_MAX = 7200


class Failed(Exception):
    """A program that did not end as it should: its figures mean nothing."""


class Run:
    """Wall and CPU seconds, and the peak memory of the largest process, in MiB."""

    def __init__(self, wall, cpu, peak):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def measure(argv, env=None, feed=None, cwd=None, shell=False, codes=(0,)):
    """Runs a program to its end. `feed`: a command whose output is its standard input; its CPU is not counted.

    The peak is that of the process and of those it waited for; a forked one counts from before its exec, so that
    nothing is below what this script itself takes (about 15 MiB).
    """
    source = subprocess.Popen(feed, stdout=subprocess.PIPE) if feed else None
    begin = time.monotonic()
    program = subprocess.Popen(argv, env=env, cwd=cwd, shell=shell, stdin=source.stdout if source else subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    if source:
        source.stdout.close()
    told = _read_all(program, begin)
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begin
    if source and source.wait() != 0:
        raise Failed(f"{feed}: ended with {source.returncode}")
    if program.returncode not in codes:
        raise Failed(f"{argv}: ended with {program.returncode}\n{told[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _read_all(program, begin):
    """What it says on standard error; it is ended when it takes too long."""
    os.set_blocking(program.stderr.fileno(), False)
    told = b""
    while True:
        part = program.stderr.read()
        if part == b"":
            return told.decode(errors="replace")
        told = (told + (part or b""))[-20_000:]
        if time.monotonic() - begin > RUN_SECONDS_MAX:
            os.killpg(program.pid, signal.SIGKILL)
            raise Failed(f"{program.args}: took more than {RUN_SECONDS_MAX} s")
        time.sleep(0.002)


def median(values):
    return statistics.median(values)


def bytes_below(folder):
    """Sizes of all files below a folder, together; of a file, its own."""
    if os.path.isfile(folder):
        return os.path.getsize(folder)
    return sum(os.lstat(os.path.join(top, name)).st_size for top, _, names in os.walk(folder) for name in names)


def own_peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
