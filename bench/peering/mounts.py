"""Where the peers live: a root of their own, seen by this process alone."""
import os
import subprocess
import sys

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def enter_own_mounts(script):
    """So that what is mounted here goes with this process, and nobody removes a folder through it."""
    if os.environ.get("CAIRN_BENCH_MOUNTS") == "own":
        return
    if os.geteuid() != 0:
        sys.exit(f"{script}: needs root, for the peers have a root of their own: run it with sudo")
    os.environ["CAIRN_BENCH_MOUNTS"] = "own"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, os.path.abspath(script),
                          *sys.argv[1:]])


def mount_host(root):
    """Peers that are missing are fetched."""
    if not os.path.exists(os.path.join(root, "usr/bin/borg")):
        subprocess.run([os.path.join(BENCH, "get-peers"), root], check=True)
    host = os.path.join(root, "host")
    os.makedirs(host, exist_ok=True)
    for source, target in (("/", host), ("/proc", os.path.join(root, "proc")), ("/dev", os.path.join(root, "dev"))):
        subprocess.run(["mount", "--rbind", source, target], check=True)
