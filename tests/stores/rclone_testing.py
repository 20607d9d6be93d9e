"""Remotes of rclone's for tests, as a configuration file of their own has them, and the children that cairn starts."""
import os
import signal
import socket
import subprocess
import time

from web_testing import START_SECONDS_MAX, Server
from webdav_testing import need


def obscured(password):
    """As rclone's configuration has passwords."""
    done = subprocess.run([need("rclone"), "obscure", "-"], input=password.encode(), capture_output=True, check=True)
    return done.stdout.decode().strip()


class SftpOfRclone(Server):
    """`rclone serve sftp` of the folder `root`: a server that is another program than the client's."""

    USER, PASSWORD = "ann", "to p$ 'x\""

    def __init__(self):
        self._program = need("rclone")
        super().__init__("rclone-sftp")

    @property
    def root(self):
        return self.path("root")

    def prepare(self):
        os.makedirs(self.root, exist_ok=True)

    def command(self):
        return [self._program, "serve", "sftp", self.root, "--addr", f"127.0.0.1:{self.port}", "--user", self.USER, "--pass",
                self.PASSWORD, "--config", os.devnull, "--cache-dir", self.path("cache"), "--dir-cache-time", "0"]

    def _answers(self):
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as one:
                    one.settimeout(5)
                    if one.recv(4) == b"SSH-":
                        return True
            except OSError:
                time.sleep(0.05)
        return False

    def section(self, name):
        """Of the configuration file."""
        return (f"[{name}]\ntype = sftp\nhost = 127.0.0.1\nport = {self.port}\nuser = {self.USER}\n"
                f"pass = {obscured(self.PASSWORD)}\nshell_type = none\n")


def rclone_children(marker):
    """Ids of `rclone rcd` that have `marker` in their environment."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{name}/environ", "rb") as file:
                environment = file.read()
        except OSError:
            continue
        if b"rcd" in words and words[0].endswith(b"rclone") and marker.encode() in environment:
            found.append(int(name))
    return found


def kill(process_id):
    try:
        os.kill(process_id, signal.SIGKILL)
    except ProcessLookupError:
        pass
