"""Jobs of a configuration: backup, copies that are caught up, retention, hooks, and what is wrong in the file."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest


class RunJob(CairnTest):
    def setUp(self):
        super().setUp()
        self.config = self.path("cairn.toml")
        self.targets = {}

    def env(self, password="secret", **more):
        env = super().env(password, CAIRN_CONFIG=self.config, XDG_STATE_HOME=self.path("state"))
        del env["CAIRN_REPOSITORY"]
        env.update(more)
        return env

    def configure(self, text, repositories=("local", "near", "far"), mode=0o600):
        """With these repositories, each with a password of its own."""
        head = ""
        for name in repositories:
            with open(self.path(name + ".password"), "w") as file:
                file.write(name + "'s password\n")
            head += f'[repository.{name}]\naddress = "{self.path("repos", name)}"\npassword-file = "{self.path(name)}.password"\n'
        with open(self.config, "w") as file:
            file.write(head + text)
        os.chmod(self.config, mode)

    def make(self, *names, same_keys=False):
        for name in names:
            if same_keys and name != names[0]:
                self.run_cairn("-r", "@" + name, "init", "--same-keys-as", "@" + names[0])
            else:
                self.run_cairn("-r", "@" + name, "init")

    def job(self, lines="", copies='copies = ["near", "far"]'):
        return f'[job.shop]\nto = "local"\npaths = ["{self.source}"]\n{copies}\n{lines}\n'

    def run_job(self, *args, code=0, **more):
        return self.json("run", "shop", *args, code=code, **more)

    def snapshots(self, name):
        return self.json("-r", "@" + name, "snapshots")["snapshots"]

    def originals(self, name):
        return sorted(one["original"] or one["id"] for one in self.snapshots(name))

    def status(self):
        return self.json("jobs")["jobs"][0]

    def take_away(self, name):
        os.rename(self.path("repos", name), self.path("repos", name + ".away"))

    def bring_back(self, name):
        os.rename(self.path("repos", name + ".away"), self.path("repos", name))

    def expect_whole(self, name):
        self.assertEqual(self.json("-r", "@" + name, "check", "--read-data")["damages"], 0)
        target = self.path(f"out-{name}-{time.monotonic_ns()}")
        self.run_cairn("-r", "@" + name, "restore", "latest", "--target", target)
        done = subprocess.run(["diff", "-r", self.source, target + self.source], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)


class Copies(RunJob):
    def test_backs_up_and_copies_with_other_keys(self):
        self.configure(self.job('tag = "daily"'))
        self.make("local", "near", "far")
        self.make_source(files=10)
        report = self.run_job()
        self.assertEqual(report["result"], "success")
        self.assertEqual([copy["snapshots_sent"] for copy in report["copies"]], [1, 1])
        one = self.snapshots("local")[0]
        self.assertEqual((one["id"], one["tags"]), (report["snapshot"], ["daily", "job:shop"]))
        for name in ("near", "far"):
            self.assertEqual(self.originals(name), [one["id"]])
            self.expect_whole(name)
        status = self.status()
        self.assertEqual((status["result"], status["snapshot"]), ("success", one["id"]))
        self.assertEqual([copy["snapshots_waiting"] for copy in status["copies"]], [0, 0])

    def test_only_the_jobs_own_snapshots_are_copied_and_kept_to(self):
        self.configure(self.job("[job.shop.retention]\nkeep-last = 1\n", 'copies = ["near"]'))
        self.make("local", "near")
        self.make_source(files=2)
        by_hand = self.json("-r", "@local", "backup", self.source)["id"]
        other_host = self.json("-r", "@local", "backup", self.source, "--host", "other", "--tag", "job:shop")["id"]
        first = self.run_job()["snapshot"]
        report = self.run_job()
        self.assertEqual(report["retention"]["forgotten"], [first])
        self.assertEqual(self.originals("local"), sorted([by_hand, other_host, report["snapshot"]]))
        self.assertEqual(self.originals("near"), sorted([first, report["snapshot"]]))

    def test_a_target_that_was_away_is_caught_up(self):
        self.configure(self.job())
        self.make("local", "near", "far")
        self.make_source(files=5)
        self.run_job()
        self.take_away("far")
        for number in range(2):
            self.write("more", b"%d" % number)
            report = self.run_job(code=3)
            self.assertEqual(report["result"], "incomplete")
            near, far = report["copies"]
            self.assertEqual((near["result"], near["snapshots_sent"]), ("success", 1))
            self.assertEqual((far["result"], far["snapshots_waiting"]), ("failure", number + 1))
            self.assertIn(self.path("repos", "far"), far["error"])
        status = self.status()
        self.assertEqual(status["result"], "incomplete")
        self.assertEqual([copy["snapshots_waiting"] for copy in status["copies"]], [0, 2])
        self.assertIn("2 wait since", self.run_cairn("jobs").stdout.decode())
        self.bring_back("far")
        # What the machine remembers is not needed for it.
        shutil.rmtree(self.path("state"))
        shutil.rmtree(self.cache)
        report = self.run_job()
        self.assertEqual([copy["snapshots_sent"] for copy in report["copies"]], [1, 3])
        self.assertEqual(self.originals("far"), self.originals("local"))
        self.expect_whole("far")
        self.assertEqual([copy["snapshots_waiting"] for copy in self.status()["copies"]], [0, 0])
        self.assertNotIn("wait since", self.run_cairn("jobs").stdout.decode())

    def test_a_target_that_cannot_be_written_is_told_and_caught_up(self):
        self.configure(self.job())
        self.make("local", "near", "far")
        self.make_source(files=5)
        packs = self.path("repos", "near", "data")
        open(packs, "w").close()  # no folder can be made there
        near, far = self.run_job(code=3)["copies"]
        self.assertEqual((near["result"], near["snapshots_waiting"], far["result"]), ("failure", 1, "success"))
        os.remove(packs)
        self.write("more", b"more")
        self.assertEqual([copy["snapshots_sent"] for copy in self.run_job()["copies"]], [2, 1])
        self.expect_whole("near")

    def test_each_target_keeps_to_its_own_retention(self):
        self.configure(self.job("[job.shop.retention]\nkeep-last = 4\n",
                                'copies = [{ to = "near", retention = { keep-last = 2 } }, "far"]'))
        self.make("local", "near", "far")
        self.make_source(files=3)
        made = []
        for number in range(6):
            self.write("changing", os.urandom(200_000))
            made.append(self.run_job()["snapshot"])
        self.assertEqual(self.originals("local"), sorted(made[-4:]))
        self.assertEqual(self.originals("near"), sorted(made[-2:]))
        self.assertEqual(self.originals("far"), sorted(made))
        size = {name: sum(os.path.getsize(os.path.join(root, file)) for root, _, files in
                          os.walk(self.path("repos", name, "data")) for file in files) for name in ("near", "far")}
        self.assertLess(size["near"] + 600_000, size["far"], "what was forgotten is pruned")
        self.expect_whole("near")

    def test_what_the_target_would_drop_at_once_is_not_sent(self):
        self.configure(self.job("", 'copies = [{ to = "near", retention = { keep-last = 2 } }]'))
        self.make("local", "near")
        self.make_source(files=2)
        self.run_job()
        self.take_away("near")
        for number in range(4):
            self.run_job(code=3)
        self.bring_back("near")
        report = self.run_job()
        copy = report["copies"][0]
        self.assertEqual((copy["snapshots_sent"], copy["snapshots_passed_over"]), (2, 3))
        self.assertEqual(len(copy["retention"]["forgotten"]), 1)
        self.assertEqual(len(self.snapshots("near")), 2)
        self.assertEqual(self.run_job()["copies"][0]["snapshots_sent"], 1)

    def test_what_was_forgotten_there_by_hand_is_not_sent_again(self):
        self.configure(self.job(copies='copies = ["near"]'))
        self.make("local", "near")
        self.make_source(files=2)
        self.run_job()
        self.run_cairn("-r", "@near", "forget", self.snapshots("near")[0]["id"])
        second = self.run_job()
        self.assertEqual(second["copies"][0]["snapshots_sent"], 1)
        self.assertEqual(self.originals("near"), [second["snapshot"]])

    def test_one_that_cannot_be_read_does_not_keep_the_others_back(self):
        self.configure(self.job(copies='copies = [{ to = "near", retention = { keep-last = 5 } }]'))
        self.make("local", "near")
        self.make_source(files=2)
        made = [self.run_job()["snapshot"] for _ in range(3)]
        self.take_away("near")
        self.repo = self.path("repos", "local")
        before = self.objects("data")
        path = self.write("doomed", os.urandom(3_000_000))
        self.run_job(code=3)
        for pack in set(self.objects("data")) - set(before):
            os.remove(pack)
        os.remove(path)
        made += [self.run_job(code=3)["snapshot"] for _ in range(2)]
        self.bring_back("near")
        for sent in (3, 1):
            report = self.run_job(code=3)
            made.append(report["snapshot"])
            copy = report["copies"][0]
            self.assertEqual((copy["snapshots_sent"], copy["snapshots_waiting"]), (sent, 1))
            self.assertIn("doomed", copy["error"])
            self.assertEqual(len(copy["retention"]["forgotten"]), 1, "its retention is kept to")
        self.assertEqual(self.originals("near"), sorted(made[-5:]))
        self.expect_whole("near")
        # At last it is no longer wanted.
        self.run_job()

    def test_a_local_retention_that_takes_what_a_copy_lacks_is_told(self):
        self.configure(self.job("[job.shop.retention]\nkeep-last = 1\n", 'copies = ["near"]'))
        self.make("local", "near")
        self.make_source(files=2)
        self.run_job()
        self.take_away("near")
        self.run_job(code=3)
        told = self.run_cairn("run", "shop", code=3, TZ="Asia/Tokyo").stderr.decode()
        self.assertIn("copy near: 1 snapshots that it has not got go by the retention of local", told)
        since = re.search("the oldest of ([-0-9]+ [0-9:]+);", told).group(1)
        self.assertIn(since, self.run_cairn("jobs", TZ="Asia/Tokyo").stdout.decode(), "one time is told as one time")

    def test_several_copies_keep_to_the_memory_together(self):
        self.configure(self.job())
        self.make("local", "near", "far", same_keys=True)
        self.make_source(files=10)
        for memory in ("128M", "512M"):
            self.write("one more", memory.encode())
            report = self.run_job("--memory", memory)
            self.assertEqual([copy["snapshots_sent"] for copy in report["copies"]], [1, 1])
        self.expect_whole("far")

    def test_a_dry_run_changes_nothing(self):
        self.configure(self.job(f'[job.shop.hooks]\nbefore = "touch {self.path("ran")}"\n'))
        self.make("local", "near", "far")
        self.make_source(files=2)
        self.repo = self.path("repos")
        before = self.objects("")
        lines = self.run_cairn("run", "shop", "--dry-run", "--json").stdout.decode().splitlines()
        report = [json.loads(line) for line in lines][-1]
        self.assertEqual((report["result"], report["snapshot"]), ("success", None))
        self.assertEqual(self.objects(""), before)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(self.status()["result"], "")

    def test_a_backup_that_fails_is_no_copy(self):
        self.configure(f'[job.shop]\nto = "local"\nstdin-command = ["sh", "-c", "echo x; exit 3"]\ncopies = ["near"]\n')
        self.make("local", "near")
        report = self.run_job(code=1)
        self.assertEqual((report["result"], report["copies"], report["snapshot"]), ("failure", [], None))
        self.assertIn("status 3", report["error"])
        self.assertEqual(self.status()["result"], "failure")

    def test_a_job_takes_all_kinds_of_items(self):
        import sqlite3
        database = self.path("app.db")
        with sqlite3.connect(database) as connection:
            connection.execute("create table t (x)")
        self.configure(f'[job.shop]\nto = "local"\npaths = ["{self.source}"]\nexclude = ["*.tmp"]\nsqlite = "{database}"\n'
                       f'stdin-command = "echo hello"\nstdin-filename = "hello"\nset = {{ other = "{self.source}" }}\n'
                       'description = "all of it"\nhost = "h1"\ncompression = "max"\n', ["local"])
        self.make("local")
        self.make_source(files=1)
        self.write("x.tmp", b"x")
        self.run_job()
        listed = self.run_cairn("-r", "@local", "ls", "-R", "latest").stdout.decode()
        for name in ("/app.db", "/stream/hello", "/other", "/files" + self.source + "/big"):
            self.assertIn(name, listed)
        self.assertNotIn("x.tmp", listed)
        one = self.snapshots("local")[0]
        self.assertEqual((one["host"], one["description"]), ("h1", "all of it"))

    def test_repositories_are_no_part_of_the_backup(self):
        self.configure(f'[job.shop]\nto = "local"\npaths = ["{self.dir}"]\ncopies = ["near"]\n')
        self.make("local", "near")
        self.make_source(files=2)
        self.run_job()
        listed = self.run_cairn("-r", "@local", "ls", "-R", "latest").stdout.decode()
        self.assertNotIn("/repos/local", listed)
        self.assertNotIn("/repos/near", listed)

    def test_all_runs_each_job_though_one_fails(self):
        self.configure(self.job(copies="") + f'[job.bad]\nto = "near"\npaths = ["{self.source}"]\n')
        self.make("local")
        self.make_source(files=1)
        out = self.run_cairn("run", "--all", "--json", code=1).stdout.decode().splitlines()
        results = {one["job"]: one["result"] for one in map(json.loads, out) if one["message_type"] == "summary"}
        self.assertEqual(results, {"bad": "failure", "shop": "success"})


class OneRepositoryTwice(RunJob):
    """An address is no identity: a link, a mount, a name of a server lead to what another address leads to."""

    def setUp(self):
        super().setUp()
        self.make_source(files=3)

    def link(self, name, to):
        os.symlink(self.path("repos", to), self.path("repos", name))

    def test_the_first_one_by_another_address_is_no_copy(self):
        self.configure(self.job('retention = { keep-last = 10 }',
                                'copies = [{ to = "near", retention = { keep-last = 1 } }, "far"]'))
        self.make("local", "far")
        self.link("near", "local")
        with open(self.path("near.password"), "w") as file:
            file.write("local's password\n")
        for number in range(3):
            report = self.run_job(code=3)
            near, far = report["copies"]
            self.assertEqual((near["result"], far["result"]), ("failure", "success"))
            self.assertIn("is the same repository as local", near["error"])
        self.assertEqual(len(self.snapshots("local")), 3, "nothing was forgotten by the retention of the copy")
        self.assertIn("is the same repository as local", self.run_job("--dry-run", code=3)["copies"][0]["error"])

    def test_two_copies_are_two_repositories(self):
        self.configure(self.job())
        self.make("local", "near")
        self.link("far", "near")
        with open(self.path("far.password"), "w") as file:
            file.write("near's password\n")
        report = self.run_job(code=3)
        self.assertEqual(sorted(copy["result"] for copy in report["copies"]), ["failure", "success"])
        self.assertEqual(len(self.snapshots("near")), 1)

    def test_copy_refuses_it_too(self):
        self.configure(self.job())
        self.make("local")
        self.run_job(code=3)
        told = self.run_cairn("-r", "@local", "copy", "--to", "@local", code=1).stderr.decode()
        self.assertIn("are the same repository", told)


class Clocks(RunJob):
    """A machine without a clock of its own wakes up in 1970, and one that is set wrong makes snapshots of tomorrow."""

    def setUp(self):
        super().setUp()
        self.configure(self.job("retention = { keep-last = 1 }",
                                'copies = [{ to = "near", retention = { keep-last = 1, keep-within = "3d" } }]'))
        self.make("local", "near")
        self.make_source(files=3)

    def made_at(self, seconds_ahead, name="local"):
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_ahead))
        return self.json("-r", "@" + name, "backup", self.source, "--time", when, "--tag", "job:shop")["id"]

    def test_what_a_run_has_made_stays_though_others_are_newer(self):
        newer = self.made_at(20 * 3600)
        report = self.run_job()
        self.assertEqual(sorted(self.originals("local")), sorted([newer, report["snapshot"]]))
        self.assertIn(report["snapshot"], self.originals("near"))
        self.assertEqual(report["copies"][0]["snapshots_waiting"], 0)

    def test_one_of_another_year_displaces_none(self):
        self.made_at(10 * 365 * 86400)
        self.made_at(10 * 365 * 86400, "near")
        made = []
        for number in range(3):
            done = self.run_cairn("run", "shop")
            self.assertIn("this machine's clock is at", done.stderr.decode())
            made = self.snapshots("local")[0]["id"]
        self.assertEqual(len(self.snapshots("local")), 2)
        self.assertEqual(len(self.snapshots("near")), 5, "the three of the last days, the strange one and its like")
        self.assertIn(made, self.originals("near"))
        told = self.run_cairn("-r", "@local", "forget", "--keep-last", "1", "--group-by", "host").stderr.decode()
        self.assertIn("this machine's clock is at", told)
        self.assertEqual(len(self.snapshots("local")), 2)


class Ends(RunJob):
    def test_a_first_repository_that_is_not_there(self):
        self.configure(self.job())
        self.make_source(files=1)
        self.run_job(code=10)
        os.makedirs(self.path("repos", "local"))
        self.run_job(code=10)
        os.rmdir(self.path("repos", "local"))
        self.make("local", "near")
        os.remove(self.path("local.password"))
        self.run_job(code=1)
        with open(self.path("local.password"), "w") as file:
            file.write("wrong\n")
        self.run_job(code=12)

    def test_copies_that_cannot_even_be_planned_leave_the_backup(self):
        """A disk that the hook after takes away."""
        local = self.path("repos", "local")
        self.configure(self.job(f"[job.shop.hooks]\nafter = 'mv {local} {local}.away'\n"
                                f"on-failure = 'echo $CAIRN_COPIES_FAILED > {self.path('failed')}'\n"))
        self.make("local", "near", "far")
        self.make_source(files=1)
        report = self.run_job(code=3)
        self.assertEqual((report["result"], len(report["snapshot"])), ("incomplete", 32))
        self.assertEqual([copy["result"] for copy in report["copies"]], ["failure", "failure"])
        with open(self.path("failed")) as file:
            self.assertEqual(file.read(), "near,far\n")
        self.assertEqual([copy["result"] for copy in self.status()["copies"]], ["failure", "failure"])

    def test_who_stops_reading_hides_no_failure(self):
        self.configure(self.job())
        self.make("local", "near")  # far is missing
        self.make_source(files=1)
        for args in (("run", "shop"), ("run", "shop", "--json", "--verbose")):
            process = subprocess.Popen([BIN, *args], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            process.stdout.close()
            self.assertEqual(process.wait(timeout=60), 3)
        os.rename(self.path("repos", "local"), self.path("repos", "gone"))
        process = subprocess.Popen([BIN, "run", "shop", "--json"], env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=60), 10)

    def test_what_cannot_be_remembered_stops_no_backup(self):
        self.configure(self.job(copies=""))
        self.make("local")
        self.make_source(files=1)
        self.run_job()
        jobs = self.path("state", "cairn", "jobs")
        state = next(name for name in os.listdir(jobs) if name.endswith(".json"))
        os.makedirs(os.path.join(jobs, state[:-len("json")] + "tmp", "in the way"))
        done = self.run_cairn("run", "shop")
        self.assertIn("warning: job shop: ", done.stderr.decode())
        self.assertEqual(len(self.snapshots("local")), 2)

    def test_a_repository_of_the_command_line_is_none_of_a_job(self):
        self.configure(self.job(copies=""))
        self.make("local", "near")
        for option, value in (("-r", "@near"), ("--password-file", self.path("near.password")), ("--password-command", "x")):
            told = self.run_cairn(option, value, "run", "shop", code=1).stderr.decode()
            self.assertIn("a job says itself which repositories", told)
        self.assertEqual(self.snapshots("local"), [])

    def test_a_password_file_of_the_environment_opens_it_as_for_any_command(self):
        self.configure("")
        with open(self.config, "w") as file:
            file.write(f'[repository.local]\naddress = "{self.path("repos", "local")}"\n' + self.job(copies=""))
        self.make_source(files=1)
        more = {"password": "", "CAIRN_PASSWORD_FILE": self.path("near.password")}
        self.run_cairn("-r", "@local", "init", **more)
        self.run_job(**more)


class WriterThere(RunJob):
    def test_what_was_sent_is_known_though_its_key_sees_none_of_it(self):
        """As an offsite copy should be: who has this machine cannot take its history away there."""
        self.configure(self.job(copies='copies = ["near"]'))
        self.make("local", "near")
        self.make_source(files=5)
        self.run_cairn("-r", "@near", "key", "add", "--role", "writer", CAIRN_NEW_PASSWORD="the writer's")
        with open(self.path("near.password"), "w") as file:
            file.write("the writer's\n")
        for number in range(3):
            done = self.run_cairn("run", "shop", "--json")
            copy = json.loads(done.stdout.decode().splitlines()[-1])["copies"][0]
            self.assertEqual((copy["result"], copy["snapshots_sent"], copy["snapshots_waiting"]), ("success", 1, 0))
            self.assertNotIn("finding", done.stdout.decode())


class AwayInTheMiddle(RunJob):
    def test_a_target_that_goes_is_told_once_and_caught_up(self):
        self.configure(self.job(copies='copies = [{ to = "near", retention = { keep-last = 9 } }]'))
        self.make("local", "near")
        self.make_source(files=30)
        self.write("large", os.urandom(50_000_000))  # several packs
        self.take_away("near")
        for number in range(3):
            self.write(f"more{number}", os.urandom(3_000_000))
            self.run_job(code=3)
        self.bring_back("near")
        process = subprocess.Popen([BIN, "run", "shop", "--limit-upload", "8M", "--json"], env=self.env(),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        packs = self.path("repos", "near", "data")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (os.path.isdir(packs) and os.listdir(packs)):
            time.sleep(0.01)
        self.take_away("near")
        out, _ = process.communicate(timeout=100)
        self.assertEqual(process.returncode, 3)
        copy = json.loads(out.splitlines()[-1])["copies"][0]
        self.assertEqual((copy["result"], copy["snapshots_sent"], copy["snapshots_waiting"]), ("failure", 0, 4))
        self.assertNotIn("its retention", copy["error"])
        self.assertFalse(os.path.exists(self.path("repos", "near")), "nothing is written where it was")
        self.bring_back("near")
        self.assertEqual(self.run_job()["copies"][0]["snapshots_sent"], 5)
        self.expect_whole("near")


class Hooks(RunJob):
    def hooks(self, **commands):
        """Each writes what it is told to a log, then runs the rest."""
        lines = "[job.shop.hooks]\n"
        for moment, rest in commands.items():
            log = ('echo "$CAIRN_HOOK job=$CAIRN_JOB result=$CAIRN_RESULT snapshot=$CAIRN_SNAPSHOT failed=$CAIRN_COPIES_FAILED" '
                   f'>> {self.path("log")}; ')
            lines += f"{moment.replace('_', '-')} = '''{log}{rest}'''\n"
        return lines

    def log(self):
        with open(self.path("log")) as file:
            return file.read().splitlines()

    def test_in_order_and_with_their_environment(self):
        secrets = self.path("secrets")
        self.configure(self.job(self.hooks(before=f"env > {secrets}", after="true", on_success="true", on_failure="true"),
                                'copies = ["near"]').replace('[job.shop.hooks]', '[job.shop.hooks]\ntime-limit = "1m"'))
        self.make("local", "near")
        self.make_source(files=1)
        snapshot = self.run_job(CAIRN_NEW_PASSWORD="hidden-1", CAIRN_TO_PASSWORD="hidden-2")["snapshot"]
        self.assertEqual(self.log(), ["before job=shop result= snapshot= failed=",
                                      f"after job=shop result=success snapshot={snapshot} failed=",
                                      f"on-success job=shop result=success snapshot={snapshot} failed="])
        with open(secrets) as file:
            text = file.read()
        self.assertIn("CAIRN_HOOK=before", text)
        for secret in ("hidden", "=secret", "'s password"):
            self.assertNotIn(secret, text)

    def test_a_variable_with_a_password_is_not_handed_on(self):
        self.configure(self.job(self.hooks(before=f"env > {self.path('seen')}"), ""))
        with open(self.config) as file:
            text = file.read()
        with open(self.config, "w") as file:
            file.write(re.sub(r'password-file = "[^"]*local.password"', 'password-env = "LOCAL_KEY"', text))
        self.run_cairn("-r", "@local", "init", LOCAL_KEY="hidden-3")
        self.make_source(files=1)
        self.run_job(LOCAL_KEY="hidden-3")
        with open(self.path("seen")) as file:
            self.assertNotIn("hidden-3", file.read())

    def test_before_that_fails_stops_the_job(self):
        self.configure(self.job(self.hooks(before="exit 7", after="true", on_success="true", on_failure="true")))
        self.make("local", "near", "far")
        self.make_source(files=1)
        report = self.run_job(code=1)
        self.assertIn("the hook before: ", report["error"])
        self.assertIn("status 7", report["error"])
        self.assertEqual(self.snapshots("local"), [])
        self.assertEqual([line.split()[0] for line in self.log()], ["before", "after", "on-failure"])
        self.assertIn("result=failure", self.log()[-1])

    def test_what_stands_in_a_command_is_not_told(self):
        self.configure(self.job("[job.shop.hooks]\nbefore = 'TOKEN=hunter2 sh -c \"exit 7\"'\n"
                                f"on-failure = ['sh', '-c', 'echo \"$CAIRN_ERROR\" > {self.path('error')}; exit 8', 'hunter2']\n", ""))
        self.make("local")
        self.make_source(files=1)
        done = self.run_cairn("run", "shop", "--json", code=1)
        with open(self.path("error")) as file:
            told = done.stdout.decode() + done.stderr.decode() + file.read() + json.dumps(self.status())
        self.assertNotIn("hunter2", told)
        self.assertIn("the hook before: /bin/sh ended with status 7", told)
        self.assertIn("the hook on-failure: /bin/sh ended with status 8", told)

    def test_after_runs_though_the_backup_fails_and_before_the_copies(self):
        self.configure(self.job(self.hooks(after=f"ls {self.path('repos', 'near', 'snapshots')} >> {self.path('log')}; true",
                                           on_failure="true")))
        self.make("local", "near")
        self.make_source(files=1)
        report = self.run_job(code=3)
        self.assertEqual([line.split()[0] for line in self.log()], ["after", "on-failure"], "no snapshot was there yet")
        self.assertTrue(self.log()[-1].endswith(f"result=incomplete snapshot={report['snapshot']} failed=far"))
        shutil.rmtree(self.source)
        self.run_job(code=1)
        self.assertTrue(self.log()[-1].startswith("on-failure job=shop result=failure"))

    def test_after_that_fails_leaves_the_job_incomplete(self):
        self.configure(self.job(self.hooks(after="exit 1"), ""))
        self.make("local")
        self.make_source(files=1)
        report = self.run_job(code=3)
        self.assertEqual((report["result"], report["hooks_failed"]), ("incomplete", ["after"]))
        self.assertEqual(len(self.snapshots("local")), 1)

    def test_one_that_hangs_is_ended_with_what_it_started(self):
        mark = self.path("alive")
        self.configure(self.job(f"[job.shop.hooks]\nbefore = {{ command = ['sh', '-c', '(while sleep 0.1; do touch {mark}; done) & wait'],"
                                " time-limit = '1s' }\n", ""))
        self.make("local")
        self.make_source(files=1)
        start = time.monotonic()
        report = self.run_job(code=1)
        self.assertLess(time.monotonic() - start, 10)
        self.assertIn("had not ended after 1 s", report["error"])
        os.remove(mark)
        time.sleep(0.5)
        self.assertFalse(os.path.exists(mark))

    def test_ctrl_c_ends_a_hook_and_the_job(self):
        self.configure(self.job(self.hooks(before="sleep 100", after="true", on_failure="true"), ""))
        self.make("local")
        self.make_source(files=1)
        process = subprocess.Popen([BIN, "run", "shop", "--json"], env=self.env(), stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        self.wait_for(lambda: os.path.exists(self.path("log")))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(json.loads(out.splitlines()[-1])["result"], "interrupted")
        self.assertEqual([line.split()[0] for line in self.log()], ["before", "after", "on-failure"])
        self.assertEqual(self.status()["result"], "interrupted")

    def wait_for(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_a_second_run_is_told_that_one_is_under_way(self):
        self.configure(self.job(self.hooks(before=f"while ! test -e {self.path('go')}; do sleep 0.05; done"), ""))
        self.make("local")
        self.make_source(files=1)
        process = subprocess.Popen([BIN, "run", "shop"], env=self.env(), stdout=subprocess.DEVNULL)
        self.wait_for(lambda: os.path.exists(self.path("log")))
        told = self.run_cairn("run", "shop", code=1).stderr.decode()
        self.assertIn(f"job shop runs already, as process {process.pid}", told)
        self.assertEqual(self.status()["result"], "running")
        open(self.path("go"), "w").close()
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(self.status()["result"], "success")

    def test_one_that_leaves_a_service_behind_does_not_hold_the_job(self):
        self.configure(self.job(self.hooks(after="setsid sleep 30 &"), ""))
        self.make("local")
        self.make_source(files=1)
        start = time.monotonic()
        process = subprocess.Popen([BIN, "run", "shop"], env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(process.wait(timeout=25), 0)
        self.assertLess(time.monotonic() - start, 20)


class Killed(RunJob):
    def test_ctrl_c_ends_copies_and_the_next_run_goes_on(self):
        self.configure(self.job())
        self.make("local", "near", "far")
        self.make_source(files=60)
        self.run_cairn("-r", "@local", "backup", self.source)
        process = subprocess.Popen([BIN, "run", "shop", "--limit-upload", "500K", "--json"], env=self.env(),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        sessions = self.path("repos", "far", "sessions")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (os.path.isdir(sessions) and os.listdir(sessions)):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual((process.returncode, json.loads(out.splitlines()[-1])["result"]), (130, "interrupted"))
        self.assertEqual(len(self.run_job()["copies"]), 2)
        self.assertEqual((self.originals("near"), len(self.snapshots("local"))), (self.originals("far"), 3))
        self.expect_whole("far")

    def test_a_run_that_was_killed_is_made_up_for_by_the_next(self):
        self.configure(self.job("", 'copies = ["near"]'))
        self.make("local", "near")
        self.make_source(files=20)
        import random
        rng = random.Random(4)
        for number in range(4):
            self.write(f"large{number}", rng.randbytes(20_000_000))
        for delay in (0.2, 0.6, 1.0):
            process = subprocess.Popen([BIN, "run", "shop"], env=self.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            process.kill()
            process.wait()
            if delay == 0.2:
                self.assertEqual(self.status()["result"], "interrupted")
        report = self.run_job()
        self.assertEqual(report["result"], "success")
        self.assertEqual(self.originals("near"), self.originals("local"))
        self.expect_whole("near")


class Mistakes(RunJob):
    def refused(self, text, *args, code=1, **more):
        self.configure(text, ["local", "near"], **more)
        return self.run_cairn(*(args or ("run", "shop")), code=code).stderr.decode()

    def test_each_is_told_with_file_line_column_and_key(self):
        for lines, told in (("colour = 1", "11:1: job.shop.colour: there is no such key"),
                            ("exclued = 'x'", '11:1: job.shop.exclued: there is no such key; did you mean "exclude"?'),
                            ("host = 7", "11:8: job.shop.host: it is an integer, expected a string"),
                            ("copies = ['nera']",
                             '11:11: job.shop.copies: there is no [repository.nera] in this file; did you mean "near"?'),
                            ("copies = ['local']", "11:11: job.shop.copies: local is what the job backs up into"),
                            ("host = ", "11:8: ")):
            self.assertIn(f"{self.config}:{told}", self.refused(self.job(lines, "")))

    def test_passwords_are_not_written_into_it(self):
        told = self.refused('[repository.far]\naddress = "/x"\npassword = "hunter2"\n' + self.job(copies=""))
        self.assertIn(f"{self.config}:9:1: repository.far.password: no password is written", told)
        self.assertNotIn("hunter2", told)

    def test_one_that_others_may_write_is_refused(self):
        for mode in (0o620, 0o602):
            told = self.refused(self.job(copies=""), mode=mode)
            self.assertIn(f"chmod go-w {self.config}", told)

    def test_jobs_that_are_not_there(self):
        self.assertIn('there is no [job.shpo] in', self.refused(self.job(copies=""), "run", "shpo"))
        self.assertIn('did you mean "shop"?', self.refused(self.job(copies=""), "run", "shpo"))
        self.assertIn("give --all", self.refused(self.job(copies=""), "run"))
        os.remove(self.config)
        self.assertIn(self.config, self.run_cairn("run", "shop", code=1).stderr.decode())

    def test_every_option_of_backup_has_a_key_or_a_reason(self):
        """An option that is added to `backup` is asked for here."""
        none = {"--help", "--time", "--parent", "--dry-run", "--stdin", "--from-command"}  # of one run, or by another name
        options = set(re.findall(r"(?m)^\s+(?:-\w,)?(--[a-z-]+)", self.run_cairn("help", "backup").stdout.decode())) - none
        self.assertIn("--exclude-caches", options)
        for option in sorted(options):
            told = self.refused(self.job(f"{option[2:]} = 1979-05-27\n", ""))
            self.assertRegex(told, rf":11:\d+: job\.shop\.{option[2:]}: it is", option)


class Names(RunJob):
    def setUp(self):
        super().setUp()
        self.configure("", ["nas", "usb"])
        self.here = self.path("here")
        os.mkdir(self.here)

    def cairn(self, *args, code=0, **more):
        done = subprocess.run([BIN, *args], env=self.env(**more), cwd=self.here, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done.stderr.decode()

    def is_made(self, *path):
        return os.path.exists(os.path.join(*path, "config"))

    def test_a_name_is_taken_where_nothing_else_has_it(self):
        self.cairn("-r", "nas", "init")
        self.assertTrue(self.is_made(self.path("repos", "nas")))
        self.assertEqual(os.listdir(self.here), [])
        self.cairn("-r", "@usb", "init")
        self.make_source(files=1)
        self.cairn("-r", "nas", "backup", self.source)
        self.cairn("-r", "nas", "copy", "--to", "usb")
        self.cairn("snapshots", CAIRN_REPOSITORY="@usb")
        self.assertEqual(len(self.snapshots("usb")), 1)

    def test_a_folder_of_that_name_makes_it_ambiguous(self):
        os.mkdir(os.path.join(self.here, "nas"))
        for command in (("init",), ("snapshots",)):
            told = self.cairn("-r", "nas", *command, code=1)
            self.assertIn("write @nas for the one", told)
            self.assertIn("./nas for the other", told)
        self.assertFalse(self.is_made(self.path("repos", "nas")) or self.is_made(self.here, "nas"))
        self.cairn("-r", "./nas", "init", password="x")
        self.assertTrue(self.is_made(self.here, "nas"))
        self.assertFalse(self.is_made(self.path("repos", "nas")))
        self.cairn("-r", "@nas", "init")
        self.assertTrue(self.is_made(self.path("repos", "nas")))
        told = self.cairn("-r", "@usb", "init") + self.cairn("-r", "@usb", "copy", "--to", "nas", code=1)
        self.assertIn("write @nas for the one", told)

    def test_what_is_no_name_is_an_address_as_ever(self):
        self.cairn("-r", "other", "init", password="x")
        self.assertTrue(self.is_made(self.here, "other"))
        told = self.cairn("-r", "@ohter", "init", code=1)
        self.assertIn("there is no [repository.ohter] in", told)
        self.assertFalse(os.path.exists(os.path.join(self.here, "@ohter")))

    def test_a_path_does_not_ask_for_the_configuration(self):
        with open(self.config, "a") as file:
            file.write("broken = \n")
        self.cairn("-r", "./plain", "init", password="x")
        self.cairn("-r", "nas", "init", code=1)
        self.assertFalse(os.path.exists(os.path.join(self.here, "nas")))
        self.cairn("version", CAIRN_REPOSITORY="nas")

    def test_the_password_of_an_option_comes_before_that_of_the_configuration(self):
        self.cairn("-r", "nas", "init")
        self.cairn("-r", "nas", "snapshots", password="wrong", CAIRN_PASSWORD_FILE="/nowhere")
        self.cairn("-r", "nas", "--password-command", "echo wrong", "snapshots", code=12)


if __name__ == "__main__":
    unittest.main()
