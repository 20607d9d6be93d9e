"""What a person meets at a terminal: questions, progress, quiet, names that are not plain."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest

PATIENCE = 30


class Session:
    """A program on a terminal of its own."""

    def __init__(self, test, *args, **more):
        env = test.env(**more)
        env.pop("CAIRN_PASSWORD")
        env["TERM"] = "xterm"
        self.main, side = pty.openpty()
        self.seen = b""
        self.process = subprocess.Popen([BIN, *args], env=env, stdin=side, stdout=side, stderr=side,
                                        start_new_session=True, preexec_fn=lambda: self.control(side))
        self.side = side
        test.addCleanup(self.close)

    @staticmethod
    def control(side):
        import fcntl
        fcntl.ioctl(side, termios.TIOCSCTTY, 0)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.side)

    def until(self, text):
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.main], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text} did not come: {self.seen}")
            self.seen += os.read(self.main, 65536)

    def type(self, text):
        os.write(self.main, text)

    def end(self):
        code = self.process.wait(PATIENCE)
        while select.select([self.main], [], [], 0.1)[0]:
            self.seen += os.read(self.main, 65536)
        return code

    def echoes(self):
        return bool(termios.tcgetattr(self.side)[3] & termios.ECHO)


class Terminal(CairnTest):
    def test_the_password_is_asked_without_echo(self):
        self.init()
        self.make_source(files=2)
        session = Session(self, "snapshots")
        session.until(b"password of " + os.fsencode(self.repo) + b":")
        self.assertFalse(session.echoes())
        session.type(b"secret\n")
        self.assertEqual(session.end(), 0)
        self.assertTrue(session.echoes())
        self.assertNotIn(b"secret", session.seen)
        self.assertIn(b"no snapshots", session.seen)

    def test_a_new_password_is_asked_twice(self):
        for second, code in ((b"other", 1), (b"first", 0)):
            session = Session(self, "init")
            session.until(b"new password of ")
            session.type(b"first\n")
            session.until(b" again: ")
            session.type(second + b"\n")
            self.assertEqual(session.end(), code, session.seen)
        self.run_cairn("snapshots", password="first")

    def test_ctrl_c_at_the_question_ends_it_and_leaves_the_terminal_as_it_was(self):
        self.init()
        session = Session(self, "snapshots")
        session.until(b"password of ")
        session.type(b"\x03")
        self.assertEqual(session.end(), 130, session.seen)
        self.assertTrue(session.echoes())

    def test_ctrl_c_ends_a_password_command(self):
        self.init()
        session = Session(self, "--password-command", "echo waiting >&2; sleep 60; echo secret", "snapshots")
        session.until(b"waiting")
        session.type(b"\x03")
        self.assertEqual(session.end(), 130, session.seen)

    def test_a_password_command_may_ask_on_the_terminal(self):
        self.init()
        session = Session(self, "--password-command", "printf 'pin? ' >&2; read pin; echo sec$pin", "snapshots")
        session.until(b"pin? ")
        session.type(b"ret\n")
        self.assertEqual(session.end(), 0, session.seen)

    def test_progress_shows_what_is_left(self):
        self.init()
        for i in range(20):
            self.write(f"file{i}", os.urandom(1_000_000))
        password = ("--password-command", "echo secret")
        session = Session(self, *password, "--limit-upload", "8M", "backup", self.source)
        session.until(b"snapshot ")
        self.assertEqual(session.end(), 0)
        items = 20 + self.source.count("/")
        self.assertIn(b"%d of %d" % (items, items), session.seen)
        session = Session(self, *password, "--limit-download", "8M", "restore", "latest", "-t", self.path("out"))
        session.until(b" left")
        self.assertEqual(session.end(), 0)

    def test_json_tells_of_progress(self):
        self.init()
        self.write("file", os.urandom(6_000_000))
        out = self.run_cairn("--limit-upload", "2M", "--json", "backup", self.source).stdout.decode()
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(lines[-1]["message_type"], "summary")
        status = [line for line in lines if line["message_type"] == "status"]
        self.assertGreater(len(status), 0)
        self.assertEqual(status[-1]["bytes_total"], 6_000_000)

    def test_quiet_says_nothing_where_all_is_well(self):
        self.run_cairn("init")
        self.make_source(files=3)
        last = ["latest", "--target", self.path("out")]
        for args in (["backup", self.source], ["check"], ["restore", *last], ["tag", "latest", "--add", "t"],
                     ["rewrite", "latest", "--exclude", "big"], ["forget", "latest"], ["prune"], ["cache", "clear"]):
            done = self.run_cairn("-q", *args)
            self.assertEqual((done.stdout, done.stderr), (b"", b""), args)
        self.assertIn(self.source.encode(), self.run_cairn("-q", "snapshots").stdout)

    def test_verbose_names_each_file(self):
        self.init()
        self.write("kept", b"a")
        self.write("changed", b"a")
        self.backup()
        self.write("changed", b"bb")
        self.write("added", b"c")
        out = self.run_cairn("-v", "backup", "-n", self.source).stdout.decode()
        self.assertRegex(out, rf"(?m)^new +{self.source}/added$")
        self.assertRegex(out, rf"(?m)^changed +{self.source}/changed$")
        self.assertNotIn("/kept", out)
        out = self.run_cairn("-v", "restore", "latest", "--target", self.path("out")).stdout.decode()
        self.assertIn(f"restored  {self.source[1:]}/kept", out)

    def test_control_characters_do_not_reach_the_terminal(self):
        self.init()
        self.write("na\x1b[31mme", b"x")
        self.run_cairn("backup", self.source, "--host", "ho\x1bst\u009bX", "--description", "d\x07")
        self.run_cairn("tag", "latest", "--add", "t\x1bag", code=2)
        self.run_cairn("backup", self.source, "--tag", "a,,b", code=2)
        os.remove(self.path("source", "na\x1b[31mme"))
        for args in (("snapshots",), ("ls", "-R", "latest"), ("find", "*"), ("forget", "-n", "--keep-last", "1"),
                     ("diff", "latest", "latest"), ("restore", "-v", "latest", "--target", self.path("out"))):
            done = self.run_cairn(*args)
            for out in (done.stdout, done.stderr):
                self.assertNotRegex(out.decode(), "[\x00-\x09\x0b-\x1f\x7f-\x9f]", args)

    def test_json_gives_the_bytes_of_names_that_are_no_text(self):
        self.init()
        os.makedirs(self.source)
        with open(os.fsencode(self.source) + b"/a\xffb", "wb"):
            pass
        self.backup("--description", "a try")
        line = self.json("ls", "latest:" + self.source)
        self.assertEqual(bytes.fromhex(line["name_hex"]), b"a\xffb")
        self.assertTrue(bytes.fromhex(line["path_hex"]).endswith(b"/a\xffb"))
        self.assertIn("a try", self.run_cairn("snapshots").stdout.decode())

    def test_dump_into_a_file(self):
        self.init()
        self.write("a", b"content")
        self.backup()
        target = self.path("dumped")
        self.run_cairn("dump", f"latest:{self.source}/a", "--target", target)
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"content")
        self.run_cairn("dump", f"latest:{self.source}/a", "--target", target, code=1)  # it is there
        self.run_cairn("dump", "latest", "--target", self.repo + "/x", code=1)
        for root, _, names in os.walk(os.path.join(self.repo, "data")):
            for name in names:
                os.remove(os.path.join(root, name))
        self.run_cairn("dump", f"latest:{self.source}/a", "--target", target + "2", code=1)
        self.assertFalse(os.path.exists(target + "2"))

    def test_options_that_contradict_each_other(self):
        self.init()
        self.run_cairn("backup", "--stdin", "--from-command", "--", "true", code=2)
        self.run_cairn("backup", "--stdin-filename", "x", self.dir, code=1)

    def test_tags_are_a_list(self):
        self.init()
        self.write("a", b"a")
        self.backup("--tag", "x")
        self.run_cairn("tag", "latest", "--add", "z,y", "--remove", "x")
        self.assertEqual(self.json("snapshots")["snapshots"][0]["tags"], ["y", "z"])

    def test_without_a_cache_that_can_be_written(self):
        self.init()
        self.make_source(files=3)
        self.backup()
        with open(self.path("file"), "w"):
            pass
        for args, told in ((("--cache-dir", self.path("file", "below")), True), (("--no-cache",), False)):
            done = self.run_cairn(*args, "backup", self.source, TMPDIR=self.dir)
            self.assertEqual(b"the cache folder cannot be used" in done.stderr, told, done.stderr)
            self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("cairn-cache")], [])

    def test_a_temporary_cache_inside_the_source_is_not_backed_up(self):
        self.init()
        self.write("a", b"a")
        temporary = os.path.join(self.source, "tmp")
        os.mkdir(temporary)
        with open(self.path("file"), "w"):
            pass
        for args in (("--no-cache",), ("--cache-dir", self.path("file", "below"))):
            self.run_cairn(*args, "backup", self.source, TMPDIR=temporary)
            listing = self.run_cairn("ls", "-R", "latest").stdout.decode()
            self.assertNotIn("cairn-cache", listing)
            self.assertIn(temporary.lstrip("/"), listing)
        self.run_cairn("backup", self.dir)
        # The ordinary caches are left out as ever.
        self.run_cairn("--no-cache", "backup", self.dir, TMPDIR=temporary)
        listing = self.run_cairn("ls", "-R", "latest").stdout.decode()
        self.assertNotIn("cairn-cache", listing)
        self.assertNotIn(self.json("cache", "list")["caches"][0]["repository"], listing)

    def test_the_cache_is_not_backed_up(self):
        self.init()
        self.write("a", b"a")
        done = self.run_cairn("backup", self.dir)
        self.assertIn(b"repository itself", done.stderr)
        listing = self.run_cairn("ls", "-R", "latest").stdout.decode()
        caches = self.json("cache", "list")["caches"]
        self.assertEqual(len(caches), 1)
        self.assertNotIn(caches[0]["repository"], listing)
        with open(os.path.join(self.cache, "cairn", caches[0]["repository"], "CACHEDIR.TAG")) as tag:
            self.assertTrue(tag.read().startswith("Signature: 8a477f597d28d172789f06886806bc55"))

    def test_a_command_that_asks_the_terminal_is_refused_and_not_waited_for(self):
        self.init()
        password = ("--password-command", "echo secret")
        for script in ("read answer </dev/tty; echo $answer",      # before it has written anything
                       "echo part; read answer </dev/tty",         # while it is read
                       "exec >&-; read answer </dev/tty",          # behind the end of what it writes
                       "echo part; stty -echo </dev/tty"):         # as who asks for a password begins
            session = Session(self, *password, "backup", "--from-command", "--", "sh", "-c", script)
            self.assertEqual(session.end(), 1, (script, session.seen))
            self.assertIn(b"sh was stopped: it asks the terminal", session.seen)
            self.assertTrue(session.echoes())
        self.assertEqual(self.json("snapshots")["snapshots"], [])

    def test_closed_standard_descriptors_are_no_files_of_ours(self):
        self.init()
        self.write("a", b"a")

        def run(closed, *args):
            def close():
                for number in closed:
                    os.close(number)
            return subprocess.run([BIN, *args], env=self.env(), preexec_fn=close, capture_output=True, timeout=PATIENCE)

        done = run([0], "backup", "--stdin")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"standard input", done.stderr)
        self.assertEqual(self.json("snapshots")["snapshots"], [])
        self.assertEqual(run([0, 2], "backup", self.source).returncode, 0)
        self.assertEqual(run([0, 1, 2], "-q", "backup", self.source).returncode, 0)
        done = run([1], "ls", "latest")  # a list that nobody gets is no success
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output could not be written", done.stderr)
        self.assertEqual(self.json("check", "--read-data")["damages"], 0)

    def test_values_that_cannot_be_read_are_mistakes_of_usage(self):
        self.init()
        for args in (("--memory", "1M", "snapshots"), ("--limit-upload", "fast", "snapshots"),
                     ("backup", "--time", "yesterdayish", self.source), ("find", "--larger", "x", "*"),
                     ("backup", "--compression", "20", self.source), ("forget", "--keep-last", "many"),
                     ("forget", "--keep-within", "3 moons"), ("check", "--read-data-subset", "4/3"),
                     ("prune", "--max-unused", "x%"), ("forget", "--group-by", "moon", "--keep-last", "1")):
            done = self.run_cairn(*args, code=2)
            self.assertIn(args[args.index(next(a for a in args if a.startswith("--"))) + 1].encode(), done.stderr, args)

    def test_a_store_of_an_unknown_kind_is_a_mistake_and_no_newer_format(self):
        done = self.run_cairn("-r", "sftp:host:/x", "snapshots", code=1)
        self.assertNotIn(b"newer", done.stderr)

    def test_the_password_that_is_wrong_is_named(self):
        self.init()
        other = self.path("other")
        self.run_cairn("-r", other, "init")
        done = self.run_cairn("copy", "--to", other, code=12, CAIRN_TO_PASSWORD="wrong")
        self.assertIn(b"CAIRN_TO_PASSWORD", done.stderr)


if __name__ == "__main__":
    unittest.main()
