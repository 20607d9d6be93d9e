#!/usr/bin/env python3
"""Buckets with very many objects: a listing comes in pages, and what is held of it is little.

A proxy before the Ceph gateway makes the pages up. CAIRN_MANY=1000000 is how many objects; CI has 100,000.
"""
import hashlib
import os
import subprocess
import time
import unittest
from urllib.parse import parse_qs, quote, urlsplit

from faulty_proxy import Answer, FaultyProxy
from s3_testing import BIN, S3Test

MANY = int(os.environ.get("CAIRN_MANY", "100000"))
PAGE = 1000
MIB = 1 << 20


class CrowdedProxy(FaultyProxy):
    """Tells `count` more keys than there are: below `folder`, whose names `name_of` makes of a number."""

    count = 0
    folder = name_of = None
    client = 0  # whose record of memory begins anew with the first page: what its key took before is no matter

    def instead(self, request):
        token = parse_qs(urlsplit(request.target).query).get("continuation-token", [""])[0]
        return self._page(int(token[5:])) if request.kind == "LIST" and token.startswith("made-") else None

    def changed(self, request, answer):
        asked = parse_qs(urlsplit(request.target).query).get("prefix", [""])[0]
        is_there = self.count and request.kind == "LIST" and answer.status == 200 and self.folder.startswith(asked)
        if is_there and b"<IsTruncated>false" in answer.body:
            body = answer.body.replace(b"<IsTruncated>false", b"<IsTruncated>true")
            end = b"<NextContinuationToken>made-0</NextContinuationToken></ListBucketResult>"
            answer.body = body.replace(b"</ListBucketResult>", end)
        return answer

    def _page(self, first):
        if first == 0 and self.client:
            with open(f"/proc/{self.client}/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        last = min(first + PAGE, self.count)
        keys = (quote(self.folder + self.name_of(number)) for number in range(first, last))
        contents = "".join(f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                           f"<ETag>&quot;0&quot;</ETag><Size>4000</Size></Contents>" for key in keys)
        more = f"<NextContinuationToken>made-{last}</NextContinuationToken>" if last < self.count else ""
        body = (f'<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>{contents}'
                f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}</ListBucketResult>")
        return Answer(200, [("Content-Type", "application/xml")], body.encode())


def id_of(number):
    """As long as an id of cairn's and a byte more, so that nobody asks for it."""
    return hashlib.sha256(b"%d" % number).hexdigest() + "00"


class ManyObjects(S3Test):
    def setUp(self):
        super().setUp()
        self.proxy = CrowdedProxy(self.ceph.port)
        self.addCleanup(self.proxy.close)
        self.repo = self.address(self.proxy.url)

    def crowd(self, folder, name_of=id_of, count=MANY):
        self.proxy.folder, self.proxy.name_of, self.proxy.count = f"a/prefix/{folder}", name_of, count

    def peak(self, *args, code=0):
        """Runs the command: the most memory that it had since the first page that is made up, in bytes, and what it said."""
        process = subprocess.Popen([BIN, *args], env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.proxy.client = process.pid
        peak, end = 0, time.monotonic() + 800
        while process.poll() is None:
            self.assertLess(time.monotonic(), end)
            try:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                    peak = next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM")), peak)
            except OSError:
                pass
            time.sleep(0.01)
        said = process.communicate()[1].decode()
        self.assertEqual(process.returncode, code, said)
        return peak, said

    def test_init_looks_no_further_than_the_first(self):
        """That is not cairn's, whatever its name."""
        for name_of in (lambda number: f"photos/IMG {number}.JPG", id_of):
            self.crowd("", name_of)
            before = self.proxy.requests["LIST"]
            peak, said = self.peak("init", code=1)
            self.assertIn("and is no repository", said)
            self.assertLessEqual(self.proxy.requests["LIST"] - before, 3)
            self.assertLess(peak, 64 * MIB)

    def test_what_is_held_of_a_listing_is_little(self):
        self.make_source(files=3)
        self.init()
        self.backup()
        table = []
        for folder, args in (("snapshots/", ["snapshots"]), ("snapshots/", ["backup", self.source]),
                             ("index/", ["backup", self.source])):
            self.crowd(folder, count=PAGE)
            few, _ = self.peak(*args)
            self.crowd(folder)
            pages = self.proxy.requests["LIST"]
            many, _ = self.peak(*args)
            self.assertGreater(self.proxy.requests["LIST"] - pages, MANY // PAGE)
            table.append(f"{args[0]} with {MANY} under {folder}: {few / MIB:.1f} MiB, then {many / MIB:.1f}")
            self.assertLess(many - few, MANY * 80 + 6 * MIB, table)
        print("\n".join(table))


if __name__ == "__main__":
    unittest.main()
