"""A `cairn serve --webdav` of the repository of a test, and a WebDAV client that trusts nothing to be as it should."""
import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("cli", "mount", "stores"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
from cairn_testing import BIN, CairnTest  # noqa: E402

DAV = "{DAV:}"


class ServeTest(CairnTest):
    def serve(self, *options, listen="127.0.0.1:0", **more):
        """Starts it; `self.port` and `self.token` are what it says."""
        self.log_path = self.path("serve.log")
        with open(self.log_path, "ab") as log:
            self.program = subprocess.Popen([BIN, "serve", "--webdav", "--listen", listen, "--json", *options], env=self.env(**more),
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.addCleanup(self.end_hard, self.program)
        line = self.program.stdout.readline()
        self.assertTrue(line, self.log())
        self.told = json.loads(line)
        self.assertEqual(self.told["message_type"], "serving")
        self.port = urllib.parse.urlsplit(self.told["address"]).port
        self.token = self.told.get("token")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    @staticmethod
    def end_hard(program):
        if program.poll() is None:
            program.kill()
        program.communicate(timeout=30)

    def end(self):
        """As a user does; what it said on the way."""
        self.program.send_signal(signal.SIGINT)
        out = self.program.communicate(timeout=30)[0].decode()
        self.assertEqual(self.program.returncode, 0, self.log())
        return out + self.log()

    def headers(self, **more):
        login = base64.b64encode(f"any:{self.token}".encode()).decode()
        return {"Authorization": f"Basic {login}", **{name.replace("_", "-"): value for name, value in more.items()}}

    def connect(self, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, connection=None, headers=None, **more):
        """Status, headers and bytes of an answer; more bytes or fewer than it says are an exception."""
        own = None if connection else self.connect()
        try:
            (own or connection).request(method, path, body, self.headers(**more) if headers is None else headers)
            answer = (own or connection).getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            if own:
                own.close()

    def get(self, path, **more):
        status, _, body = self.ask("GET", path, **more)
        self.assertEqual(status, 200, (path, body[:200]))
        return body

    def propfind(self, path, depth="1", body=None, **more):
        """The elements `response`, by their paths as bytes."""
        status, _, answer = self.ask("PROPFIND", path, body, Depth=depth, **more)
        self.assertEqual(status, 207, (path, answer[:300]))
        found = {}
        for response in ElementTree.fromstring(answer).findall(f"{DAV}response"):
            name = urllib.parse.unquote_to_bytes(response.find(f"{DAV}href").text)
            self.assertNotIn(name, found)
            found[name] = response
        return found

    @staticmethod
    def property(response, name):
        found = response.find(f"{DAV}propstat/{DAV}prop/{DAV}{name}")
        return None if found is None else found.text

    def walk(self, top):
        """Every file below a path of bytes that ends with "/": its path below it, and its element."""
        waiting, files, folders = [top], {}, set()
        connection = self.connect()
        while waiting:
            folder = waiting.pop()
            listed = self.propfind(urllib.parse.quote_from_bytes(folder), connection=connection)
            self.assertIn(folder, listed)
            for path, response in listed.items():
                if path == folder:
                    continue
                self.assertTrue(path.startswith(folder), path)
                if response.find(f".//{DAV}collection") is not None:
                    folders.add(path[len(top):])
                    waiting.append(path)
                else:
                    files[path[len(top):]] = response
        return files, folders

    def shown_source(self):
        return "/by-time/latest" + urllib.parse.quote(os.path.abspath(self.source)) + "/"

    def wait_for(self, what, seconds=30):
        end = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    def memory_peak(self):
        """In bytes, of the program so far."""
        with open(f"/proc/{self.program.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))
