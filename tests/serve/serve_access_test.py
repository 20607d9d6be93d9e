#!/usr/bin/env python3
"""cairn serve --webdav: who may ask, by which name, and over which wire."""
import base64
import http.client
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve_testing import BIN, ServeTest  # noqa: E402

TOKEN = "a token of a file-0123456789".replace(" ", "-")


class Access(ServeTest):
    def setUp(self):
        super().setUp()
        self.write("file", b"bytes")
        self.init()
        self.backup()

    def refused(self, *options, listen="127.0.0.1:0", code=1):
        done = self.run_cairn("serve", "--webdav", "--listen", listen, *options, code=code)
        return done.stderr.decode()

    def token_file(self, text):
        path = self.path("token")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def status(self, authorization=None, host=None, method="GET", path="/"):
        headers = {} if authorization is None else {"Authorization": authorization}
        if host is not None:
            headers["Host"] = host
        return self.ask(method, path, headers=headers)[0]

    def basic(self, user, password):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def test_who_has_no_token_sees_nothing(self):
        self.serve()
        for method in ("GET", "HEAD", "OPTIONS", "PROPFIND", "PUT", "X"):
            for path in ("/", "/none", "/.."):
                status, headers, body = self.ask(method, path, headers={"Depth": "0"})
                self.assertEqual(status, 401, (method, path))
                self.assertIn("Basic", headers["WWW-Authenticate"])
                self.assertNotIn(b"by-time", body)
        self.assertEqual(self.status(self.basic("cairn", self.token)), 200)
        self.assertEqual(self.status(self.basic("", self.token)), 200)
        self.assertEqual(self.status(f"Bearer {self.token}"), 200)

    def test_a_wrong_token_is_slow_and_the_right_one_stays_quick(self):
        self.serve()
        begin = time.monotonic()
        self.assertEqual(self.status(self.basic("cairn", "0" * 32)), 401)
        self.assertGreater(time.monotonic() - begin, 0.9)
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(self.status("Bearer x" + "0" * 32))) for _ in range(24)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses) - {401, 429}, set())
        self.assertLessEqual(statuses.count(401), 8 * (time.monotonic() - begin))  # looked at, of all that came
        begin = time.monotonic()
        self.assertEqual(self.status(f"Bearer {self.token}"), 200)
        self.assertLess(time.monotonic() - begin, 0.9)
        said = self.end()
        self.assertIn("a wrong token from 127.0.0.1", said)
        self.assertNotIn(self.token, said)

    def test_the_token_is_told_once_and_never_again(self):
        self.serve("--verbose")
        self.assertEqual(len(self.token), 32)
        self.get("/")
        self.status(self.basic("cairn", self.token[:-1] + "x"))
        said = self.end()
        self.assertNotIn(self.token, said)
        self.assertNotIn(self.token[:-1], said)
        with open("/proc/self/cmdline", "rb") as file:
            self.assertNotIn(self.token.encode(), file.read())
        first = self.token
        self.serve()
        self.assertNotEqual(self.token, first)

    def test_a_token_of_a_file(self):
        self.serve("--token-file", self.token_file(TOKEN + "\nmore\n"))
        self.assertNotIn("token", self.told)
        self.assertEqual(self.status(self.basic("cairn", TOKEN)), 200)
        self.assertNotIn(TOKEN, self.end())
        for text in ("", "short\n", "0123456789 abcdefg\n"):
            said = self.refused("--token-file", self.token_file(text))
            self.assertIn("a token has 16 or more", said)
            self.assertIn("openssl rand", said)
        self.assertIn("none.txt", self.refused("--token-file", self.path("none.txt")))

    def test_a_name_that_somebody_pointed_here_is_not_answered(self):
        self.serve()
        token = f"Bearer {self.token}"
        for host in (f"localhost:{self.port}", "127.0.0.1", "[::1]:1", "LOCALHOST"):
            self.assertEqual(self.status(token, host), 200, host)
        for host in ("evil.example", f"evil.example:{self.port}", "127.0.0.1.evil.example", ""):
            self.assertIn(self.status(token, host), (400, 421), host)

    def test_it_is_of_this_machine_alone_unless_told_otherwise(self):
        said = self.refused(listen="0.0.0.0:0")
        self.assertIn("--tls-cert", said)
        self.assertIn("--plain-http", said)
        self.serve("--plain-http", listen="0.0.0.0:0")
        self.assertEqual(self.status(f"Bearer {self.token}", "any.example"), 200)
        self.end()
        self.serve(listen="localhost:0")
        self.end()

    def test_addresses_that_are_none(self):
        for listen in ("", "8420", ":8420", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:80", "[::1]"):
            self.assertIn("no address to listen at", self.refused(listen=listen), listen)
        self.assertIn("none of this machine's", self.refused(listen="no-such-name.invalid:0"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            said = self.refused(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        self.assertIn("another program listens there", said)
        self.run_cairn("serve", code=2)

    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("no IPv6 here")
        self.serve(listen="[::1]:0")
        connection = http.client.HTTPConnection("::1", self.port, timeout=30)
        self.assertEqual(self.ask("GET", "/", connection=connection)[0], 200)

    def certificate(self):
        key, certificate = self.path("key.pem"), self.path("cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
                        certificate], check=True, capture_output=True)
        return ("--tls-cert", certificate, "--tls-key", key)

    def test_tls(self):
        options = self.certificate()
        self.serve(*options, listen="0.0.0.0:0")
        self.assertTrue(self.told["address"].startswith("https://"))
        context = ssl.create_default_context(cafile=options[1])
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        self.assertEqual(self.ask("PROPFIND", "/", connection=connection, Depth="1")[0], 207)
        self.assertEqual(self.ask("GET", "/by-time/latest" + os.path.abspath(self.source) + "/file", connection=connection)[2], b"bytes")
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.ask("GET", "/")  # without TLS
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(OSError):
            with socket.create_connection(("127.0.0.1", self.port), 30) as one, old.wrap_socket(one):
                pass
        self.end()

    def test_certificates_that_are_none(self):
        options = self.certificate()
        self.refused(*options[:2], code=2)
        other = self.token_file("no key\n")
        self.assertIn("did not start with this certificate", self.refused(options[0], options[1], "--tls-key", other))
        self.assertIn("none.pem", self.refused("--tls-cert", self.path("none.pem"), *options[2:]))

    def test_who_asks_nothing_is_cut_off(self):
        self.serve()
        known = self.connect()
        self.assertEqual(self.ask("OPTIONS", "/", connection=known)[0], 200)
        silent = [socket.create_connection(("127.0.0.1", self.port), 60) for _ in range(3)]
        silent[1].sendall(b"GET / HT")
        begin, sent = time.monotonic(), 0
        silent[2].settimeout(1)
        while time.monotonic() - begin < 40:  # a byte a second keeps nobody in
            try:
                silent[2].sendall(b"G")
                sent += 1
                if silent[2].recv(1) == b"":
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        self.assertTrue(15 < time.monotonic() - begin < 35, time.monotonic() - begin)
        for one in silent[:2]:
            one.settimeout(10)
            try:
                self.assertEqual(one.recv(1000), b"")
            except ConnectionError:
                pass
            one.close()
        silent[2].close()
        self.assertEqual(self.ask("OPTIONS", "/", connection=known)[0], 200)  # the same connection

    def test_more_connections_than_it_has_room_for(self):
        self.serve()
        many = [socket.create_connection(("127.0.0.1", self.port), 30) for _ in range(100)]
        time.sleep(0.5)
        with open(f"/proc/{self.program.pid}/status", encoding="ascii") as file:
            threads = next(int(line.split()[1]) for line in file if line.startswith("Threads:"))
        self.assertLess(threads, 64 + 40)
        for one in many:
            one.close()
        self.wait_for(lambda: self.is_answered())

    def is_answered(self):
        try:
            return self.ask("OPTIONS", "/")[0] == 200
        except (http.client.HTTPException, OSError):
            return False

    def test_what_a_person_sees(self):
        program = subprocess.Popen([BIN, "serve", "--webdav", "--listen", "127.0.0.1:0"], env=self.env(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(self.end_hard, program)
        lines = [program.stdout.readline().decode() for _ in range(4)]
        self.assertRegex(lines[0], r"^serving at http://127\.0\.0\.1:\d+/; Ctrl-C ends it$")
        self.assertEqual(lines[1], "user: cairn (or any other)\n")
        self.assertRegex(lines[2], "^password, of this run: [0-9a-f]{32}$")
        url = lines[3].split()[-1]
        done = subprocess.run(["curl", "-sSf", url], capture_output=True, timeout=30)
        self.assertIn(b"by-time/", done.stdout, done.stderr)


if __name__ == "__main__":
    unittest.main()
