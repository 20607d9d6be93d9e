"""A program in a tmux of its own: what is typed, and what is seen."""
import os
import shlex
import subprocess
import tempfile
import time

PATIENCE = 40


class Screen:
    """A server of tmux with one window; `env` is all that the program gets."""

    def __init__(self, test, command, env, columns=80, rows=24, term=None):
        self.folder = tempfile.mkdtemp(prefix="cairn-tmux-")
        self.socket = os.path.join(self.folder, "socket")
        test.addCleanup(subprocess.run, ["rm", "-rf", self.folder])
        test.addCleanup(self.close)
        config = os.path.join(self.folder, "conf")
        with open(config, "w") as file:
            file.write(f"set -g default-terminal {term or 'tmux-256color'}\nset -g remain-on-exit on\nset -sg escape-time 0\n")
        self.env = dict(env, LANG=env.get("LANG", "C.UTF-8"))
        self.env.pop("TMUX", None)
        self.code_file = os.path.join(self.folder, "code")
        line = f"trap : INT; {shlex.join(command)}; echo $? > {self.code_file}; stty -a > {self.folder}/modes; echo ended; sleep 60"
        self.tmux("-f", config, "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh", "-c", line)

    def tmux(self, *args):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, *args], env=self.env, capture_output=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"tmux {args}: {done.stderr.decode()}")
        return done.stdout.decode()

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, timeout=60)

    def text(self, styled=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if styled else []))

    def lines(self):
        return self.text().split("\n")

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def until(self, *wanted, without=(), seconds=PATIENCE):
        """Waits until the screen has each of these texts; what it then shows."""
        end = time.monotonic() + seconds
        while True:
            text = self.text()
            if all(one in text for one in wanted) and not any(one in text for one in without):
                return text
            if time.monotonic() > end:
                raise AssertionError(f"{wanted} did not come (without {without}):\n{text}")
            time.sleep(0.05)

    def process(self):
        """The program, a child of the window's shell."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", shell], capture_output=True).stdout.split()
        return int(children[0])

    def end_code(self, seconds=PATIENCE):
        """Waits for its end; the exit code."""
        end = time.monotonic() + seconds
        while not (os.path.exists(self.code_file) and os.path.exists(self.folder + "/modes")):
            if time.monotonic() > end:
                raise AssertionError("it goes on:\n" + self.text())
            time.sleep(0.05)
        self.until("ended")
        with open(self.code_file) as file:
            return int(file.read())

    def modes(self):
        with open(self.folder + "/modes") as file:
            return file.read()
