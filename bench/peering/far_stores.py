"""Stores that are not a folder of this machine, and how each engine is told of them."""
import os
import re
import subprocess
import sys
import time

from peering.engines import Cairn, Restic

HERE = os.path.dirname(os.path.abspath(__file__))
START_SECONDS_MAX = 20


class Relay:
    """relay.py before a server's port."""

    def __init__(self, port, milliseconds):
        self._process = subprocess.Popen([sys.executable, os.path.join(HERE, "relay.py"), str(port), str(milliseconds)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait(START_SECONDS_MAX)


class S3Server:
    """Ceph, with its objects in memory. Requests are what its access log says."""

    name = "s3"

    def __init__(self, scratch, milliseconds):
        sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "stores"))
        from ceph_testing import CephServer  # pylint: disable=import-outside-toplevel
        self.ceph = CephServer()
        self._keys = self.ceph.user("bench").env()
        self.relay = Relay(self.ceph.port, milliseconds) if milliseconds else None
        self.port = self.relay.port if self.relay else self.ceph.port
        del scratch

    def address(self, engine):
        return f"s3:http://127.0.0.1:{self.port}/{engine}"

    def env(self):
        return self._keys

    def requests(self):
        return len(re.findall(r'" \d{3} \d+ ', self.ceph.programs.log("client.rgw.a")))

    def close(self):
        if self.relay:
            self.relay.close()
        self.ceph.close()


class SshServer:
    """OpenSSH's, over a folder of the scratch. Requests are not counted: it tells nobody."""

    name = "sftp"

    def __init__(self, scratch, milliseconds):
        self.folder = os.path.join(scratch, "ssh")
        os.makedirs(self.folder, exist_ok=True)
        os.makedirs("/run/sshd", exist_ok=True)
        for key in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._path(key)], check=True)
        os.replace(self._path("user_key.pub"), self._path("authorized_keys"))
        self._write("sshd_config", f"ListenAddress 127.0.0.1\nHostKey {self._path('host_key')}\nStrictModes no\nUsePAM no\n"
                    f"AuthorizedKeysFile {self._path('authorized_keys')}\nPidFile none\nMaxStartups 100\n"
                    "Subsystem sftp internal-sftp\n")
        port = self._start()
        self.relay = Relay(port, milliseconds) if milliseconds else None
        self.port = self.relay.port if self.relay else port
        self._write("ssh_config", f"IdentityFile {self._path('user_key')}\nIdentitiesOnly yes\nBatchMode yes\n"
                    "StrictHostKeyChecking no\nLogLevel ERROR\nUserKnownHostsFile /dev/null\n")
        self._write("ssh", f'#!/bin/sh\nexec /usr/bin/ssh -F {self._path("ssh_config")} "$@"\n', 0o755)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text, mode=0o600):
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self._path(name), mode)

    def _start(self):
        for port in range(22_022, 22_122):
            self._process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", self._path("sshd_config"), "-p", str(port)],
                                             stderr=subprocess.PIPE, text=True)
            if "listening" in self._process.stderr.readline():
                return port
            self._process.wait(START_SECONDS_MAX)
        raise OSError("sshd finds no port")

    def address(self, engine):
        return f"sftp://root@127.0.0.1:{self.port}/{self._path(engine)}"

    def ssh(self):
        """The command that logs in."""
        return self._path("ssh")

    def env(self):
        return {"PATH": self.folder + ":" + os.environ["PATH"]}

    def requests(self):
        return 0

    def close(self):
        if self.relay:
            self.relay.close()
        self._process.terminate()
        self._process.wait(START_SECONDS_MAX)


STORES = {"s3": S3Server, "sftp": SshServer}


class FarEngine:
    """What an engine does differently when its repository is far."""

    store = None

    def clear(self):
        super().clear()
        self.turn = getattr(self, "turn", 0) + 1
        self.repo = self.store.address(f"{self.name}-{self.turn}")

    def stored(self):
        return None

    def run(self, *steps, **more):
        before = self.store.requests()
        run = super().run(*steps, **more)
        time.sleep(0.1)  # the log is written behind
        run.requests = self.store.requests() - before
        return run


class FarCairn(FarEngine, Cairn):
    def env(self):
        return dict(super().env(), **self.store.env())


class FarRestic(FarEngine, Restic):
    def env(self):
        return dict(super().env(), **self.store.env(), RESTIC_REPOSITORY=self.repo)

    def command(self, argv):
        if not isinstance(self.store, SshServer):
            return super().command(argv)
        port, place = str(self.store.port), "root@127.0.0.1"
        # ssh is in this machine's root.
        return super().command(["-o", f"sftp.command=chroot /host {self.store.ssh()} -p {port} {place} -s sftp", *argv])
