"""Programs that are started, each with a limit of time; none outlives this script by a signal or a limit."""
import os
import signal
import subprocess

END_SECONDS_MAX = 10


class Failed(Exception):
    """A program that did not end as it should, or what was asked for is not there."""


def run(argv, limit_seconds, env=None, cwd=None):
    """Its standard output, when it ended with 0. It and what it started are ended at the limit, or when this script is."""
    told = " ".join(argv)
    child = subprocess.Popen(argv, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
                             errors="replace")
    try:
        out, errors = child.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"{told}: took more than {limit_seconds:.0f} s") from None
    finally:
        _end(child)
    if child.returncode != 0:
        raise Failed(f"{told}: ended with {child.returncode}\n{(out + errors)[-4000:].strip()}")
    return out


def _end(child):
    """Asks first: ninja keeps its compilers in groups of their own, and ends them when it is asked."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is not None:
            return
        os.killpg(child.pid, number)
        try:
            child.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            continue
