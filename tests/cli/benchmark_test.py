"""The benchmark of a machine: what it measures, and that it leaves nothing behind."""
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest, is_sanitized

LIMITS = {"read", "sha256", "zstd", "put", "get"}
STAGES = {"chunk", "id", "compress", "seal", "verify", "pack_name", "hit", "miss", "dry_run"}
SHORT = ("--duration", "0.05")
IN_OPEN = 0x20


class Opened:
    """Whether somebody has opened a file, by inotify; a folder: a file in it."""

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, os.fsencode(path), IN_OPEN) < 0:
            raise unittest.SkipTest("there is no inotify")

    def yet(self):
        try:
            return len(os.read(self.fd, 65536)) > 0
        except BlockingIOError:
            return False

    def close(self):
        os.close(self.fd)


class Benchmark(CairnTest):
    def names(self):
        """All that is in the repository and beside it."""
        found = []
        for root, folders, files in os.walk(self.dir):
            if root == self.dir:
                folders[:] = [name for name in folders if name != "cache"]
            found += [os.path.join(root, name) for name in folders + files]
        return sorted(found)

    def assert_measured(self, rates, expected, skipped=()):
        self.assertEqual(set(rates), expected)
        for name, rate in rates.items():
            if name in skipped:
                self.assertIn("skipped", rate, name)
                continue
            self.assertNotIn("skipped", rate, name)
            measured = [rate[which] for which in ("one_core", "all_cores") if rate[which] is not None]
            self.assertTrue(measured, name)
            for value in measured:
                self.assertGreater(value, 0, name)

    def assert_says_what_holds_back(self, report):
        for what in ("first_backup", "reread"):
            held = report["held_back"][what]
            self.assertIn(held["by"], LIMITS | STAGES)
            self.assertGreater(held["bytes_per_second"], 0)
            self.assertIn(" is held back by ", held["sentence"])
        others = [report["held_back"]["first_backup"][name] for name in ("read", "store", "cut", "cores")]
        self.assertEqual(report["held_back"]["first_backup"]["bytes_per_second"], min(x for x in others if x is not None))

    def interrupt(self, *args, after):
        process = subprocess.Popen([BIN, "benchmark", *args], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        after(process)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertLess(time.monotonic() - begin, 2)

    def siblings(self):
        return [name for name in os.listdir(self.dir) if ".benchmark-" in name]

    def wait_for_scratch(self, process):
        end = time.monotonic() + 30
        while not self.siblings() and time.monotonic() < end and process.poll() is None:
            time.sleep(0.01)
        self.assertTrue(self.siblings())

    def test_a_dump_and_a_repository_with_blobs(self):
        self.init()
        self.make_source(files=20)
        self.backup()
        before = self.names()
        report = self.json("benchmark", self.source, *SHORT)
        self.assertFalse(report["synthetic"])
        self.assert_measured(report["limits"], LIMITS)
        self.assert_measured(report["stages"], STAGES)
        self.assert_says_what_holds_back(report)
        self.assertGreater(report["stored_share"], 0.9)  # it is noise
        self.assertGreater(report["bytes_read"], 0)
        self.assertGreaterEqual(report["bytes_read"], report["sample_bytes"])
        self.assertTrue(report["whole_dump_read"])
        self.assertIsNone(report["scratch_left"])
        self.assertEqual(self.names(), before)
        out = self.run_cairn("benchmark", self.source, *SHORT).stdout.decode()
        self.assertRegex(out, r"(?m)^look up blobs that are there: each is asked for once")
        self.run_cairn("check", "--read-data")
        self.assertEqual(len(self.objects("snapshots")), 1)

    def test_an_empty_repository_and_no_dump(self):
        self.init()
        before = self.names()
        report = self.json("benchmark", *SHORT)
        self.assertTrue(report["synthetic"])
        self.assert_measured(report["limits"], LIMITS, skipped={"read"})
        self.assert_measured(report["stages"], STAGES, skipped={"hit", "miss"})
        self.assert_says_what_holds_back(report)
        self.assertLess(report["stored_share"], 0.9)
        self.assertEqual(self.names(), before)
        self.run_cairn("check")

    def test_a_file_as_a_dump_and_what_people_read(self):
        self.init()
        rows = "".join(f"{i}\tcustomer {random.Random(i).random()}\topen\n" for i in range(60_000))
        path = self.write("all.sql", rows.encode())
        out = self.run_cairn("benchmark", path, *SHORT, "--compression", "off").stdout.decode()
        for line in ("read the dump", "SHA-256", "put objects into the store", "seal them"):
            self.assertRegex(out, rf"(?m)^{line} .*iB/s( +-)?$")
        self.assertRegex(out, r"(?m)^not measured: zstd, level 0: compression is off$")
        self.assertRegex(out, r"(?m)^a first backup is held back by .*iB/s")
        self.assertRegex(out, r"(?m)^reading all again, where nothing is new, is held back by .*iB/s")
        self.assertIn(".benchmark-", out)
        self.assertNotIn("secret", out)
        self.assertEqual(self.siblings(), [])

    def test_a_key_of_a_writer_is_enough(self):
        self.init()
        self.run_cairn("key", "add", "--role", "writer", CAIRN_NEW_PASSWORD="other")
        report = self.json("benchmark", *SHORT, password="other")
        self.assert_measured(report["limits"], LIMITS, skipped={"read"})
        self.run_cairn("key", "add", "--role", "lister", CAIRN_NEW_PASSWORD="third")
        self.assertIn(b"lister", self.run_cairn("benchmark", *SHORT, password="third", code=1).stderr)
        self.assertEqual(self.siblings(), [])

    def test_the_limits_of_the_user_count(self):
        self.init()
        report = self.json("--limit-upload", "1M", "benchmark", *SHORT)
        self.assertLessEqual(report["limits"]["put"]["all_cores"], 1 << 20)
        self.assertEqual(report["held_back"]["first_backup"]["by"], "put")

    @unittest.skipIf(is_sanitized(), "a sanitizer takes memory of its own")
    def test_little_memory_is_kept_to(self):
        self.init()
        self.make_source(files=20)
        done = subprocess.run(["/usr/bin/env", "python3", "-c", """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
""", BIN, "--memory", "128M", "benchmark", *SHORT], env=self.env(), capture_output=True, text=True, timeout=120)
        code, peak = map(int, done.stdout.split())
        self.assertEqual(code, 0, done.stderr)
        self.assertLess(peak, 200 << 10)  # with the program itself, and the 64 MiB of a password that is tried

    def test_a_dump_that_cannot_be_measured_is_told(self):
        self.init()
        before = self.names()
        gone = self.path("nothing")
        err = self.run_cairn("benchmark", gone, *SHORT, code=1).stderr.decode()
        self.assertIn(gone, err)
        self.write("d/empty", b"")
        os.mkdir(self.path("source", "d", "folder"))
        err = self.run_cairn("benchmark", self.source, *SHORT, code=1).stderr.decode()
        self.assertIn("not one byte", err)
        self.run_cairn("benchmark", self.repo, *SHORT, code=1)
        self.run_cairn("benchmark", "--duration", "0", code=2)
        self.run_cairn("benchmark", "--duration", "x", code=2)
        self.assertEqual([name for name in self.names() if not name.startswith(self.source)], before)

    def test_a_repository_is_needed(self):
        os.mkdir(self.cache)
        self.run_cairn("benchmark", *SHORT, code=10)
        self.assertEqual(self.siblings(), [])

    def test_ctrl_c_ends_it_and_leaves_nothing(self):
        self.init()
        before = self.names()
        self.interrupt("--duration", "20", after=self.wait_for_scratch)  # while it puts
        self.assertEqual(self.names(), before)
        self.interrupt("--duration", "0.5", after=lambda process: time.sleep(4))  # at a stage
        self.assertEqual(self.names(), before)
        self.run_cairn("check")

    def test_ctrl_c_twice_ends_it_at_once_and_leaves_nothing(self):
        self.init()
        before = self.names()

        def ask_once(process):
            self.wait_for_scratch(process)
            time.sleep(0.3)  # it puts
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)

        for _ in range(4):
            self.interrupt("--duration", "20", after=ask_once)
            self.assertEqual(self.names(), before)
        self.run_cairn("check")

    def test_what_a_kill_leaves_is_beside_the_repository_and_told(self):
        self.init()
        before = self.objects("")
        process = subprocess.Popen([BIN, "benchmark", "--duration", "20"], env=self.env(), stdout=subprocess.DEVNULL)
        self.wait_for_scratch(process)
        process.kill()
        process.wait()
        self.assertEqual(self.objects(""), before)
        left = self.siblings()
        self.assertEqual(len(left), 1)
        done = self.run_cairn("benchmark", *SHORT)
        self.assertIn(left[0].encode(), done.stderr)
        self.assertEqual(self.siblings(), left)  # it may be another's
        self.run_cairn("check")

    def many_files(self, count, data):
        os.mkdir(self.source)
        for i in range(count):
            with open(self.path("source", f"{i:06}"), "wb") as file:
                file.write(data)
        return self.path("source", f"{count - 1:06}")

    def brief(self):
        # A machine that has something else to do may give these 10 ms to others, whole: then it says so.
        for _ in range(5):
            done = self.run_cairn("benchmark", self.source, "--duration", "0.01", "--json", code=None)
            if done.returncode == 0:
                break
            self.assertIn(b"(a longer --duration sees more)", done.stderr)
        return json.loads(done.stdout.decode().strip().splitlines()[-1])

    def test_a_dump_that_is_not_seen_to_its_end_is_left_when_the_time_is_over(self):
        self.init()
        watch = Opened(self.many_files(30_000, b"x" * 100))
        self.addCleanup(watch.close)
        # 600,000 such files a second have been seen: a fifth of them fits into this time
        report = self.brief()
        self.assertFalse(watch.yet(), "the walk opened all that there is")
        self.assertFalse(report["whole_dump_read"])
        self.assertLess(report["files_read"], 30_000)
        self.assertGreater(report["stages"]["dry_run"]["all_cores"], 0)
        for what in ("first_backup", "reread"):
            self.assertIsNone(report["held_back"][what]["read"])
            self.assertIsNone(report["held_back"][what]["cut"])
            self.assertIn("one thread reads the dump at", report["held_back"][what]["sentence"])

    def test_one_file_that_is_not_seen_to_its_end_says_nothing_of_the_cores(self):
        self.init()
        with open(self.write("all", b""), "wb") as file:
            for _ in range(16):
                file.write(random.Random(1).randbytes(16 << 20))
        report = self.brief()
        self.assertFalse(report["whole_dump_read"])
        self.assertEqual(report["files_read"], 1)
        self.assertIsNone(report["held_back"]["first_backup"]["cut"])
        os.truncate(self.path("source", "all"), 1 << 20)
        report = self.json("benchmark", self.source, "--duration", "0.5")
        self.assertTrue(report["whole_dump_read"])
        if report["cores"] > 1:
            self.assertGreater(report["held_back"]["first_backup"]["cut"], 0)
            self.assertGreater(report["held_back"]["first_backup"]["read"], 0)

    def test_a_dump_without_bytes_is_searched_for_a_while_and_ends_when_told_to(self):
        self.init()
        last = self.many_files(200_000, b"")
        watch = Opened(last)
        self.addCleanup(watch.close)
        err = self.run_cairn("benchmark", self.source, "--duration", "0.01", code=1).stderr.decode()
        self.assertIn("longer --duration", err)
        self.assertFalse(watch.yet())

        def wait_for_walk(process):
            first = Opened(self.path("source", "000100"))
            self.addCleanup(first.close)
            while not first.yet() and process.poll() is None:
                time.sleep(0.001)

        self.interrupt(self.source, "--duration", "20", after=wait_for_walk)
        self.assertFalse(watch.yet())

    def test_the_folder_around_the_repository_as_a_dump_has_no_scratch_objects(self):
        self.init()
        self.make_source(files=20)
        files = sum(len(names) for root, _, names in os.walk(self.source))
        report = self.json("benchmark", self.dir, "--duration", "0.3")
        self.assertTrue(report["whole_dump_read"])
        self.assertEqual(report["files_read"], files + len(os.listdir(self.path("cache", "cairn"))) - 1)

    def test_the_scratch_store_is_tagged_and_goes_before_the_stages_are_measured(self):
        self.init()
        process = subprocess.Popen([BIN, "benchmark", "--json", "--duration", "1"], env=self.env(),
                                   stdout=subprocess.PIPE)
        self.wait_for_scratch(process)
        time.sleep(0.2)
        with open(self.path(self.siblings()[0], "CACHEDIR.TAG")) as tag:
            self.assertTrue(tag.read().startswith("Signature: 8a477f597d28d172789f06886806bc55"))
        for line in process.stdout:
            phase = json.loads(line).get("phase", "the end")
            if phase not in ("measuring read", "measuring put", "measuring get"):
                break
        self.assertIn("measuring ", phase)
        self.assertEqual(self.siblings(), [])
        process.kill()
        process.communicate()

    def put_in_its_place(self):
        """Another folder where the scratch folder was; its path."""
        scratch = self.path(self.siblings()[0])
        os.rename(scratch, self.path("moved"))
        os.mkdir(scratch)
        with open(os.path.join(scratch, "mine"), "wb"):
            pass
        return scratch

    def test_what_took_the_place_of_the_scratch_folder_stays(self):
        self.init()
        process = subprocess.Popen([BIN, "benchmark", "--duration", "20"], env=self.env(), stderr=subprocess.PIPE)
        self.wait_for_scratch(process)
        time.sleep(0.2)
        scratch = self.put_in_its_place()
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        self.assertEqual(os.listdir(scratch), ["mine"])
        self.assertIn(b"another folder took the place of " + scratch.encode(), err)

    def test_ctrl_c_twice_leaves_what_took_the_place_of_the_scratch_folder(self):
        self.init()
        for _ in range(3):
            process = subprocess.Popen([BIN, "benchmark", "--duration", "20"], env=self.env(), stderr=subprocess.PIPE)
            self.wait_for_scratch(process)
            time.sleep(0.2)
            process.send_signal(signal.SIGSTOP)
            scratch = self.put_in_its_place()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
                process.send_signal(number)
            _, err = process.communicate(timeout=60)
            self.assertNotEqual(process.returncode, 0, err)
            self.assertEqual(os.listdir(scratch), ["mine"])
            shutil.rmtree(scratch)
            shutil.rmtree(self.path("moved"))

    def test_a_scratch_folder_that_cannot_be_removed_is_named(self):
        command = [BIN]
        if os.geteuid() == 0:  # without what lets root write everywhere
            command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", BIN]
            if shutil.which("setpriv") is None:
                self.skipTest("needs setpriv, to be less than root")
        self.init()
        process = subprocess.Popen([*command, "benchmark", "--duration", "0.5"], env=self.env(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.wait_for_scratch(process)
        scratch = self.path(self.siblings()[0])
        stuck = os.path.join(scratch, "stuck")
        os.makedirs(os.path.join(stuck, "inner"))
        os.chmod(stuck, 0o500)
        self.addCleanup(os.chmod, stuck, 0o700)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        self.assertTrue(os.path.isdir(stuck))
        self.assertRegex(out.decode(), rf"store: tried in {scratch}, which is left, and yours to remove: ")
        self.assertNotIn(b"gone again", out)
        self.assertIn(scratch.encode() + b" is left", err)

    def test_where_nothing_can_be_made_beside_the_store_the_rest_is_measured(self):
        self.repo = self.path("closed", "repo")
        os.mkdir(self.path("closed"))
        self.init()
        os.chmod(self.path("closed"), 0o500)
        self.addCleanup(os.chmod, self.path("closed"), 0o700)
        if os.access(self.path("closed"), os.W_OK):
            self.skipTest("root may write everywhere")
        report = self.json("benchmark", *SHORT)
        self.assert_measured(report["limits"], LIMITS, skipped={"read", "put", "get"})


if __name__ == "__main__":
    unittest.main()
