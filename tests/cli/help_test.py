"""Help, man pages and completion: made from the commands themselves, so each must name all of them."""
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest

COMMANDS = ("init backup run jobs import snapshots ls find cat diff dump query export restore browse mount serve drill check repair "
            "forget undelete prune copy tag rewrite key sessions stats cost databases tables benchmark cache config completion version "
            "help").split()


class Help(CairnTest):
    def text(self, *args):
        return self.run_cairn(*args).stdout.decode()

    def complete(self, *words):
        script = self.text("completion", "bash") + """
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cairn; printf '%s\\n' "${COMPREPLY[@]}"
        """
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_help_names_every_command_and_the_exit_codes(self):
        out = self.text("--help")
        for command in COMMANDS:
            self.assertRegex(out, rf"(?m)^\s+{command}\s")
            self.assertIn("--help", self.text(command, "--help"))
        for code in ("130", "12", "10", "3"):
            self.assertIn(code, out)

    def test_a_man_page_for_each_command_names_all_its_options(self):
        folder = self.path("man")
        self.run_cairn("completion", "--man", folder)
        self.assertEqual(sorted(os.listdir(folder)), sorted(["cairn.1"] + [f"cairn-{name}.1" for name in COMMANDS]))
        for command in COMMANDS:
            with open(os.path.join(folder, f"cairn-{command}.1")) as file:
                page = file.read().replace("\\-", "-")
            for option in re.findall(r"(?m)^\s+(?:-\w,)?(--[a-z-]+)", self.text(command, "--help")):
                self.assertIn(option, page, command)
        if shutil.which("groff"):
            for name in os.listdir(folder):
                done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", os.path.join(folder, name)], capture_output=True)
                self.assertEqual((done.returncode, done.stderr), (0, b""), name)

    def test_bash_completes_commands_and_their_options(self):
        self.assertEqual(self.complete("cairn", "ba"), ["backup"])
        self.assertIn("--exclude-caches", self.complete("cairn", "backup", "--exclude"))
        self.assertIn("--max-unused", self.complete("cairn", "-r", "/some/where", "prune", "--max"))
        self.assertNotIn("--max-unused", self.complete("cairn", "backup", "--max"))
        self.assertEqual(self.complete("cairn", "key", "re"), ["remove"])
        self.assertIn("--label", self.complete("cairn", "key", "add", "--l"))
        self.assertEqual(self.complete("cairn", "restore", "--overwrite", "if-c"), ["if-changed"])
        self.write("a file", b"")
        self.assertEqual(" ".join(self.complete("cairn", "backup", self.source + "/a")), self.source + "/a file")

    def test_help_of_a_command(self):
        self.assertEqual(self.text("help", "backup"), self.text("backup", "--help"))
        self.assertIn("--role", self.text("help", "key", "add"))
        self.assertIn("backup", self.text("help"))
        self.run_cairn("help", "bakcup", code=1)
        self.assertIn(b"backup", self.run_cairn(code=2).stderr)

    @unittest.skipUnless(shutil.which("fish"), "no fish here")
    def test_fish_reads_its_script(self):
        done = subprocess.run(["fish", "-n"], input=self.text("completion", "fish"), capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_no_repository_is_needed(self):
        done = subprocess.run([BIN, "version"], env={}, capture_output=True, text=True)
        self.assertRegex(done.stdout, r"cairn \d+\.\d+")


if __name__ == "__main__":
    unittest.main()
