#!/usr/bin/env python3
"""rclone behind a proxy, for tests: `rclone.program` of cairn, which it takes for rclone itself.

CAIRN_FAULTY_RCLONE is JSON: `seed` and `shares` as FaultyProxy has them; `refuses` is a list of what the service behind it
does not do: "empty" files, "ranges".
"""
import json
import os
import shutil
import subprocess
import sys

import faulty_proxy
from faulty_proxy import Answer, FaultyProxy

WORDS = "Serving remote control on "


def kind(request):
    """By what it does: rclone's calls are all POSTs."""
    return "LIST" if "/operations/list" in request.target else "PUT" if "/uploadfile" in request.target else request.method


class RcloneProxy(FaultyProxy):
    refuses = ()

    def instead(self, request):
        if "empty" in self.refuses and request.kind == "PUT" and request.body.split(b"\r\n\r\n", 1)[1].startswith(b"\r\n--"):
            return self.failure("can't upload empty files to this remote")
        if "ranges" in self.refuses and request.header("range"):
            return self.failure("open: permission denied")
        return None

    @staticmethod
    def failure(words):
        return Answer(500, [("Content-Type", "application/json")], json.dumps({"error": words, "status": 500}).encode())


def starts():
    """How often rclone was started before, with this configuration: each has its own faults."""
    with open(os.environ["RCLONE_CONFIG"] + ".starts", "ab") as file:
        file.write(b".")
        return file.tell()


def main():
    faulty_proxy.Request.kind = property(kind)
    how = json.loads(os.environ["CAIRN_FAULTY_RCLONE"])
    child = subprocess.Popen([shutil.which("rclone"), *sys.argv[1:]], stderr=subprocess.PIPE, text=True)
    for line in child.stderr:
        if WORDS in line:
            port = int(line.split("http://127.0.0.1:")[1].split("/")[0])
            proxy = RcloneProxy(port, f"{how.get('seed', 0)} {starts()}", how.get("shares"))
            proxy.refuses = how.get("refuses", ())
            line = f"NOTICE: {WORDS}{proxy.url}/\n"
        print(line, end="", file=sys.stderr, flush=True)
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
