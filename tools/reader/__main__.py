"""Reads a cairn repository in a local folder. Written from SPEC.md alone; shares no code with the engine.

Exit status: 0 done, 1 done with problems, 2 wrong use, 3 corrupt, 4 unsupported, 5 wrong key, 6 forged, 7 other.
"""

import argparse
import datetime
import os
import sys

import restore
import snapshots
import verify
from errors import Corrupt, Forged, ReaderError, Unsupported, WrongKey
from index import Index
from keys import Keyring
from store import Folder
from trees import display
from wire import NANOSECONDS

STATUS = ((Forged, 6), (Corrupt, 3), (Unsupported, 4), (WrongKey, 5), (ReaderError, 7))


def password(arguments):
    """The password's bytes; of a file, its first line without its end."""
    if arguments.password_file:
        with open(arguments.password_file, "rb") as file:
            line = file.readline()
        return line[:-2] if line.endswith(b"\r\n") else line[:-1] if line.endswith(b"\n") else line
    if b"CAIRN_PASSWORD" not in os.environb:
        raise WrongKey("no password: set CAIRN_PASSWORD or give --password-file")
    return os.environb[b"CAIRN_PASSWORD"]


def shown_time(nanoseconds):
    try:
        base = datetime.datetime.fromtimestamp(nanoseconds // NANOSECONDS, datetime.timezone.utc)
        return base.strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(nanoseconds)


def list_snapshots(store, keyring, _):
    history = snapshots.History(store, keyring)
    for snapshot in history.ordered():
        print(snapshot.id.hex(), shown_time(snapshot.start), display(snapshot.host),
              ",".join(display(item.name) for item in snapshot.items) or "-",
              "tags=" + ",".join(display(tag) for tag in snapshot.tags),
              "protected" if snapshot.protected else "-",
              "description=" + display(snapshot.description or b""))
    for finding in history.findings:
        print(finding, file=sys.stderr)
    return 1 if history.findings else 0


def restore_snapshot(store, keyring, arguments):
    snapshot = snapshots.History(store, keyring).find(arguments.snapshot)
    index = Index(store, keyring)
    job = restore.Restore(index, arguments.target)
    job.snapshot(snapshot)
    for problem in index.findings + job.problems:
        print(problem, file=sys.stderr)
    return 1 if index.findings or job.problems else 0


def cat(store, keyring, arguments):
    snapshot = snapshots.History(store, keyring).find(arguments.snapshot)
    restore.cat(Index(store, keyring), snapshot, arguments.path, sys.stdout.buffer)
    return 0


def verify_all(store, keyring, _):
    job = verify.Verify(store, keyring)
    job.run()
    for notice in job.notices:
        print("notice:", notice)
    for finding in job.findings:
        print("finding:", finding)
    print(", ".join(f"{count} {what}" for what, count in job.counts.items()), "-", f"{len(job.findings)} findings")
    return 1 if job.findings else 0


def main():
    parser = argparse.ArgumentParser(prog="reader", description=__doc__.split("\n")[0])
    parser.add_argument("repository")
    parser.add_argument("--password-file")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("snapshots").set_defaults(run=list_snapshots)
    commands.add_parser("verify").set_defaults(run=verify_all)
    command = commands.add_parser("restore")
    command.add_argument("snapshot")
    command.add_argument("target")
    command.set_defaults(run=restore_snapshot)
    command = commands.add_parser("cat")
    command.add_argument("snapshot")
    command.add_argument("path")
    command.set_defaults(run=cat)
    arguments = parser.parse_args()
    try:
        store = Folder(arguments.repository)
        return arguments.run(store, Keyring(store, password(arguments)), arguments)
    except ReaderError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return next(status for kind, status in STATUS if isinstance(problem, kind))


if __name__ == "__main__":
    sys.exit(main())
