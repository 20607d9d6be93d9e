"""An index of very many blobs, made and not backed up. Each phase is a process."""
import json
import os
import shutil
import tempfile

from scaling.measured import run

# What is printed of each phase, and what its count counts.
PHASES = {
    "rebuild": ("rebuilt from segments", "blobs"),
    "open": ("opened", None),
    "order": ("found in the order of a backup", "blobs"),
    "miss": ("asked for what is not there", "blobs"),
    "random": ("found at random", "blobs"),
    "insert": ("inserted by a backup", "blobs"),
    "plan": ("plan of a prune, every second blob needed", "blobs"),
}


def line(figures):
    text, counted = PHASES[figures["phase"]]
    seconds = figures["seconds"]
    rate = f"{figures['count'] / seconds / 1e6:.3f} M {counted}/s" if counted and seconds > 0 else ""
    more = ""
    if figures["phase"] == "rebuild":
        each = [figures[name] / figures["count"] for name in ("disk_bytes", "segment_bytes")]
        more = f"{each[0]:.1f} B a blob on disk, {each[1]:.1f} in segments"
    elif figures["phase"] == "open":
        more = f"{figures['sync_seconds']:.3f} s more to see that nothing is new"
    elif figures["phase"] == "plan":
        more = f"{figures['sorting_seconds']:.1f} s of it to mark"
    return f"{text:<44}{seconds:>10.3f} s {rate:>20} {figures['peak_bytes'] / 2**20:>7.0f} MiB  {more}".rstrip()


def measure(program, blobs, options, figures):
    print(f"{blobs:,} blobs, or a few more: segments are whole", flush=True)
    folder = tempfile.mkdtemp(prefix="cairn-scale-", dir=options.folder)
    try:
        for phase in PHASES:
            if phase != "rebuild" and phase not in options.only:
                continue
            ran = run([os.path.join(program, "index_scale"), phase, folder, str(blobs)], options.limit)
            figures.append({**json.loads(ran.last), "phase": phase, "blobs": blobs, "peak_bytes": ran.peak_bytes})
            print("  " + line(figures[-1]), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
