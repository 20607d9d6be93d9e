"""One run of a program, with what it takes and what it says."""
import os
import signal
import subprocess
import time


class Measured:
    """Seconds from start to end; the peak of its memory in bytes; lines of its standard output, and the last of them."""

    def __init__(self, seconds, peak_bytes, lines, last):
        self.seconds, self.peak_bytes, self.lines, self.last = seconds, peak_bytes, lines, last


def run(argv, limit, env=None):
    """Runs it to its end. What it says on standard error is seen. A peak below this script's own is not told apart."""
    begin = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=env) as process:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(process.pid, signal.SIGKILL))
        signal.alarm(limit)
        try:
            lines, last = _read(process.stdout)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            raise
        finally:
            signal.alarm(0)
    if process.returncode != 0:
        raise SystemExit(f"bench/scale: {' '.join(argv)} ended with {process.returncode} "
                         f"({-signal.SIGKILL}: killed, it may be after the {limit} s of --limit)")
    return Measured(time.monotonic() - begin, usage.ru_maxrss << 10, lines, last)


def _read(stream):
    """How many lines, and the last: there may be millions."""
    lines, tail = 0, b""
    while part := stream.read1(1 << 20):
        lines += part.count(b"\n")
        tail = (tail + part)[-65536:]
    return lines, tail.rstrip(b"\n").rsplit(b"\n", 1)[-1].decode(errors="replace")
