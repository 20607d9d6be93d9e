#!/usr/bin/env python3
"""cairn serve --webdav: what is served, whole and in parts, and what goes wrong."""
import email.utils
import hashlib
import http.client
import os
import re
import socket
import stat
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve_testing import DAV, ServeTest  # noqa: E402
from cairn_testing import is_sanitized  # noqa: E402
from mount_testing import make_odd_tree  # noqa: E402


def sha(data):
    return hashlib.sha256(data).hexdigest()


class WhatIsServed(ServeTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.source)
        make_odd_tree(self.write, self.source)
        for name in (b"a&b<c>'\"", b"50%", b"%2F", b"a+b", b"#x?y=1;z", b"..." , b"~", "日本語".encode(), b"\x01\x7f", b"tab\t"):
            with open(os.path.join(os.fsencode(self.source), name), "wb") as file:
                file.write(name * 3)
        os.symlink("deep/er/file", os.path.join(self.source, "link to a file"))
        os.symlink("deep", os.path.join(self.source, "link to a folder"))
        self.init()
        self.backup("--tag", "a/b %")
        self.serve()

    def local_files(self):
        """Of regular files and of links to such in the tree: name and bytes."""
        found, top = {}, os.fsencode(self.source)
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if stat.S_ISREG(os.lstat(path).st_mode) or (os.path.islink(path) and os.path.isfile(path)):
                    with open(path, "rb") as file:
                        found[path[len(top) + 1:]] = file.read()
        return found

    def test_a_whole_tree_is_the_source(self):
        top = urllib.parse.unquote_to_bytes(self.shown_source())
        files, folders = self.walk(top)
        local = self.local_files()
        self.assertEqual(sorted(files), sorted(local))
        self.assertEqual(folders, {b"deep/", b"deep/er/", b"empty-folder/"})
        connection = self.connect()
        for name, response in files.items():
            data = self.get(urllib.parse.quote_from_bytes(top + name), connection=connection)
            self.assertEqual(sha(data), sha(local[name]), name)
            self.assertEqual(int(self.property(response, "getcontentlength")), len(data), name)
            said = self.property(response, "getlastmodified")
            seconds = os.stat(os.path.join(os.fsencode(self.source), name)).st_mtime_ns // 10**9
            self.assertEqual(None if said is None else email.utils.parsedate_to_datetime(said).timestamp(),
                             None if seconds < 0 else seconds, name)
        self.assertNotIn("damage", self.end())

    def test_folders_of_snapshots(self):
        self.assertEqual(set(self.propfind("/")), {b"/", b"/by-host/", b"/by-id/", b"/by-path/", b"/by-tag/", b"/by-time/"})
        names = set(self.propfind("/by-time"))
        self.assertEqual(len(names), 3)
        self.assertIn(b"/by-time/latest/", names)
        self.assertIn(b"/by-tag/a%2Fb %25/", self.propfind("/by-tag/"))
        self.assertIn(b"/by-tag/a%2Fb %25/latest/", self.propfind("/by-tag/a%252Fb%20%2525/"))
        here = self.propfind("/by-time/latest/", depth="0")[b"/by-time/latest/"]
        self.assertAlmostEqual(email.utils.parsedate_to_datetime(self.property(here, "getlastmodified")).timestamp(), time.time(),
                               delta=600)

    def test_links_to_folders_are_followed_and_not_listed(self):
        top = self.shown_source()
        self.assertEqual(self.get(top + "link%20to%20a%20folder/er/file"), self.get(top + "deep/er/file"))
        for name in ("dangling", "dangling/x", "fifo", "character", "plain/x", "none"):
            self.assertEqual(self.ask("GET", top + name)[0], 404, name)

    def test_properties_that_are_named(self):
        body = ('<?xml version="1.0"?><propfind xmlns="DAV:"><prop><getetag/><resourcetype/><quota-available-bytes/>'
                '<x:mine xmlns:x="urn:x"/></prop></propfind>')
        top = self.shown_source()
        for path, missing in ((top + "plain", {f"{DAV}quota-available-bytes", "{urn:x}mine"}), (top, {f"{DAV}getetag", "{urn:x}mine"})):
            (response,) = self.propfind(path, "0", body).values()
            by_status = {stat.find(f"{DAV}status").text: {one.tag for one in stat.find(f"{DAV}prop")}
                         for stat in response.findall(f"{DAV}propstat")}
            self.assertEqual(by_status["HTTP/1.1 404 Not Found"], missing)
            self.assertEqual(len(by_status["HTTP/1.1 200 OK"]), 2)
        (response,) = self.propfind(top + "plain", "0", '<propfind xmlns="DAV:"><propname/></propfind>').values()
        self.assertIsNone(self.property(response, "getetag"))
        self.assertIsNotNone(response.find(f".//{DAV}getetag"))

    def test_ranges_and_conditions(self):
        path = self.shown_source() + "large"
        with open(os.path.join(self.source, "large"), "rb") as file:
            data = file.read()
        status, headers, body = self.ask("GET", path)
        etag, modified = headers["ETag"], headers["Last-Modified"]
        self.assertEqual((status, body == data, headers["Accept-Ranges"]), (200, True, "bytes"))
        for text, begin, end in (("0-0", 0, 1), ("5000000-5000099", 5_000_000, 5_000_100), ("8999999-", 8_999_999, 9_000_000),
                                 ("-1000", 8_999_000, 9_000_000), ("1-99999999", 1, 9_000_000)):
            status, headers, body = self.ask("GET", path, Range=f"bytes={text}")
            self.assertEqual((status, headers["Content-Range"]), (206, f"bytes {begin}-{end - 1}/9000000"))
            self.assertTrue(body == data[begin:end], text)
        status, headers, _ = self.ask("GET", path, Range="bytes=9000000-")
        self.assertEqual((status, headers["Content-Range"]), (416, "bytes */9000000"))
        self.assertEqual(len(self.ask("GET", path, Range="bytes=0-9,20-29")[2]), 9_000_000)
        self.assertEqual(len(self.ask("GET", path, Range="bytes=0-9", If_Range='"other"')[2]), 9_000_000)
        self.assertEqual(len(self.ask("GET", path, Range="bytes=0-9", If_Range=etag)[2]), 10)
        self.assertEqual(self.ask("GET", path, If_None_Match=etag)[::2], (304, b""))
        self.assertEqual(self.ask("GET", path, If_Modified_Since=modified)[0], 304)
        self.assertEqual(self.ask("GET", path, If_Match='"other"')[0], 412)
        status, headers, body = self.ask("HEAD", path)
        self.assertEqual((status, headers["Content-Length"], body), (200, "9000000", b""))
        self.assertEqual(self.ask("GET", self.shown_source() + "empty")[::2], (200, b""))
        self.end()
        self.serve()  # the tag is of the bytes, not of the run
        self.assertEqual(self.ask("HEAD", path)[1]["ETag"], etag)

    def test_a_page_for_browsers(self):
        status, headers, body = self.ask("GET", self.shown_source())
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        page = body.decode()
        self.assertIn("a&amp;b&lt;c&gt;&#39;&quot;</a>", page)
        self.assertNotIn("<c>", page)
        self.assertIn("sandbox", headers["Content-Security-Policy"])
        links = re.findall(r'<a href="([^"]*)"', page)
        self.assertEqual(len(links), len(set(links)))
        for link in links:
            self.assertEqual(self.ask("HEAD", link)[0], 200, link)
        self.assertTrue(page.rstrip().endswith("</html>"))

    def test_nothing_can_be_changed(self):
        for method in ("PUT", "DELETE", "MKCOL", "MOVE", "COPY", "PROPPATCH", "LOCK", "UNLOCK", "POST", "PATCH", "GE", "X"):
            status, headers, body = self.ask(method, self.shown_source() + "plain", b"x" * 10)
            self.assertEqual((status, headers["Allow"]), (405, "OPTIONS, GET, HEAD, PROPFIND"), method)
            self.assertIn(b"nothing in it can be changed", body)
        status, headers, _ = self.ask("OPTIONS", "/")
        self.assertEqual((status, headers["DAV"]), (200, "1"))

    def test_paths_that_lead_nowhere(self):
        top = self.shown_source()
        for path in ("/..", top + "../source/plain", "/%2e%2e/etc/passwd", "/by-time%2Flatest", top + "plain%00", "/%", "/%zz", "x"):
            self.assertEqual(self.ask("GET", path)[0], 400, path)
        for path in ("/none", "/by-time/none", top + "none", top + "deep/none", top + "x" * 5000):
            self.assertEqual(self.ask("GET", path)[0], 404, path[:100])
        self.assertEqual(self.ask("GET", "//by-time//latest/" + os.path.abspath(self.source) + "//plain")[0], 200)
        self.assertEqual(self.ask("GET", f"http://127.0.0.1:{self.port}{top}plain")[0], 200)
        self.assertIn(self.ask("GET", "/" + "x" * 200_000)[0], (414, 431))

    def test_requests_that_are_odd(self):
        self.assertEqual(self.ask("PROPFIND", "/")[0], 403)
        status, _, body = self.ask("PROPFIND", "/", Depth="infinity")
        self.assertEqual(status, 403)
        self.assertIn(b"propfind-finite-depth", body)
        self.assertEqual(self.ask("PROPFIND", "/", Depth="2")[0], 400)
        for body in (b"x", b"<a/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><propfind xmlns='DAV:'><allprop/></propfind>",
                     b"<propfind xmlns='DAV:'><prop>" + b"<a>" * 40):
            self.assertEqual(self.ask("PROPFIND", "/", body, Depth="0")[0], 400)
        self.assertEqual(self.ask("PROPFIND", "/", b"x" * 70_000, Depth="0")[0], 413)
        with self.assertRaises((http.client.HTTPException, OSError)):
            connection = self.connect()
            connection.request("PROPFIND", "/", (b"x" * 10_000 for _ in range(20)), self.headers(Depth="0"))  # in chunks
            connection.getresponse()
        for text in (b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"PROPFIND / HTTP/1.1\r\nDepth: 1\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 30_000 + b"\r\n"):
            with socket.create_connection(("127.0.0.1", self.port), 30) as one:
                try:
                    one.sendall(text)
                    got = one.recv(10_000)
                except ConnectionError:
                    got = b""
                self.assertFalse(got.startswith(b"HTTP/1.1 2"), text[:60])
        self.assertEqual(self.ask("OPTIONS", "/")[0], 200)


class WhileItServes(ServeTest):
    def setUp(self):
        super().setUp()
        self.make_source()
        self.init()
        self.backup()

    def test_new_snapshots_come_and_forgotten_ones_go(self):
        self.serve()
        (first,) = set(self.propfind("/by-id/")) - {b"/by-id/"}
        etag = self.ask("HEAD", self.shown_source() + "big")[1]["ETag"]
        time.sleep(1.1)
        self.write("big", b"other bytes")
        self.backup()
        self.wait_for(lambda: len(self.propfind("/by-id/")) == 3)
        self.wait_for(lambda: self.get(self.shown_source() + "big") == b"other bytes")
        self.assertEqual(self.ask("GET", self.shown_source() + "big", If_None_Match=etag)[0], 200)
        self.assertEqual(len(self.get(first.decode() + os.path.abspath(self.source) + "/big")), 6_000_000)
        self.run_cairn("forget", first.decode().split("/")[2])
        self.wait_for(lambda: self.ask("GET", first.decode())[0] == 404)

    def test_filters(self):
        self.write("big", b"second")
        self.backup("--tag", "second", "--host", "other")
        self.serve("--host", "other")
        self.assertEqual(len(self.propfind("/by-id/")), 2)
        self.assertEqual(self.get(self.shown_source() + "big"), b"second")

    def test_eight_readers_in_bounded_memory(self):
        import random
        rng = random.Random(7)
        size = 150_000_000
        with open(self.write("huge", b""), "wb") as file:
            for _ in range(size // 1_000_000):
                file.write(rng.randbytes(1_000_000))
        for number in range(20_000):
            os.mknod(os.path.join(self.source, "d0", f"a file with quite a long name, of which there are many {number}"))
        self.backup()
        with open(os.path.join(self.source, "huge"), "rb") as file:
            huge = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else sha(file.read())
        self.serve("--memory", "128M")
        self.propfind("/by-time/latest/")
        before, wrong = self.memory_peak(), []

        def read(number):
            try:
                connection = self.connect()
                if number % 2:
                    connection.request("GET", self.shown_source() + "huge", headers=self.headers())
                    answer, digest = connection.getresponse(), hashlib.sha256()
                    for piece in iter(lambda: answer.read(1 << 20), b""):
                        digest.update(piece)
                    if digest.hexdigest() != huge:
                        wrong.append("huge")
                    return
                if len(self.propfind(self.shown_source() + "d0/", connection=connection)) < 20_000:
                    wrong.append("d0")
                for name in sorted(os.listdir(os.path.join(self.source, "d1"))):
                    with open(os.path.join(self.source, "d1", name), "rb") as original:
                        if original.read() != self.get(self.shown_source() + f"d1/{name}", connection=connection):
                            wrong.append(name)
            except Exception as error:
                wrong.append(repr(error))
        threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        grown = self.memory_peak() - before
        print(f"memory: {before / 2**20:.0f} MiB at first, {grown / 2**20:.0f} MiB more with eight readers")
        if not is_sanitized():
            self.assertLess(self.memory_peak(), 192 * 2**20)

    def test_damage_is_an_error_or_a_short_answer_and_never_wrong(self):
        # The server answers 500 where it cannot read the first 16 KiB of what is asked for: as much is asked for here, so
        # that where it answered once it answers again, however much more is wanted.
        size, window, asked = 30_000_000, 250_000, 16 * 1024
        self.source, self.repo = self.path("one"), self.path("repo of one")
        original = os.urandom(size)
        self.write("big", original)
        self.init()
        self.backup()
        self.serve()
        for pack in self.objects("data"):
            with open(pack, "r+b") as file:
                file.seek(os.path.getsize(pack) // 2)
                file.write(b"damage" * 10)
        path, good, bad = self.shown_source() + "big", [], []
        for at in range(0, size, window):
            status, _, body = self.ask("GET", path, Range=f"bytes={at}-{at + asked - 1}")
            if status == 206:
                self.assertTrue(body == original[at:at + asked])
                good.append(at)
            else:
                self.assertEqual(status, 500)
                self.assertIn(b"data blob", body)
                bad.append(at)
        self.assertTrue(bad)
        begin = max(at for at in good if at < bad[-1])
        connection = self.connect()
        connection.request("GET", path, headers=self.headers(Range=f"bytes={begin}-"))
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["Content-Length"]), (206, str(size - begin)))
        with self.assertRaises(http.client.IncompleteRead) as caught:
            answer.read()
        got = caught.exception.partial
        self.assertGreaterEqual(len(got), asked)
        self.assertLess(begin + len(got), bad[-1] + asked)
        self.assertTrue(got == original[begin:begin + len(got)])
        said = self.end()
        self.assertIn('"severity":"damage"', said)
        self.assertIn("/big", said)
        self.assertLess(said.count("\n"), 30)

    def test_a_damaged_folder_is_never_listed_as_if_whole(self):
        for number in range(3000):
            os.mknod(os.path.join(self.source, "d0", f"{hashlib.sha256(str(number).encode()).hexdigest()}"))
        self.backup()
        for pack in self.objects("meta", "metadata"):
            with open(pack, "r+b") as file:
                for part in range(2, 18):
                    file.seek(os.path.getsize(pack) * part // 20)
                    file.write(b"damage")
        self.serve("--no-cache")
        status, _, body = 0, None, b""
        try:
            status, _, body = self.ask("PROPFIND", self.shown_source() + "d0/", Depth="1")
        except http.client.IncompleteRead as error:
            status, body = 207, error.partial
        if status == 207:
            self.assertNotIn(b"</D:multistatus>", body)
        else:
            self.assertIn(status, (404, 500))
        self.assertIn("damage", self.end())

    def test_a_store_that_is_away_is_an_error_and_no_hang(self):
        self.serve()
        self.propfind(self.shown_source())
        away = self.path("away")
        os.rename(self.repo, away)
        begin = time.monotonic()
        try:
            status, _, body = self.ask("GET", self.shown_source() + "big")
            self.assertIn(status, (404, 500, 503), body)
        except http.client.IncompleteRead:
            pass
        self.assertLess(time.monotonic() - begin, 60)
        os.rename(away, self.repo)

        def is_back():
            try:
                return len(self.ask("GET", self.shown_source() + "big")[2]) == 6_000_000
            except http.client.IncompleteRead:
                return False
        self.wait_for(is_back, 60)

    def test_it_ends_at_once_whoever_is_connected(self):
        self.serve()
        idle = self.connect()
        self.ask("OPTIONS", "/", connection=idle)
        reading = self.connect()
        reading.request("GET", self.shown_source() + "big", headers=self.headers())
        self.assertEqual(len(reading.getresponse().read(1000)), 1000)
        begin = time.monotonic()
        self.end()
        self.assertLess(time.monotonic() - begin, 10)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.port), 5)


if __name__ == "__main__":
    unittest.main()
