"""An S3 server for tests: Ceph with its RADOS gateway, on one node, in a folder of its own.

    with CephServer() as ceph:
        ann = ceph.user("ann")
        subprocess.run([BIN, "-r", f"s3:{ceph.url}/bucket", "init"], env=ann.env())

Nothing of it survives the process, however that ends. Objects are in memory: a server that is closed has forgotten them.
"""
import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import uuid
from urllib.parse import urlencode

from s3_client import Credentials, Refused, S3Client

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool", "openssl")
START_SECONDS_MAX = 60
TOKEN_SECONDS_MIN = 1


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class PortTaken(Exception):
    """Somebody else was faster."""


class ProgramGroup:
    """Programs that belong together, in a folder, which another process kills and removes should this one be killed."""

    # Its standard input ends when this process does. A file of pids/ is there while its program runs.
    WATCH = """cat >/dev/null
        for pid in "$1"/pids/*; do kill -KILL $(cat "$pid"); done 2>/dev/null
        rm -rf "$1" """

    def __init__(self, name):
        # In memory where that is a file system: they sync what no test needs synced.
        self.folder = tempfile.mkdtemp(prefix=f"cairn-{name}-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        os.mkdir(self.path("pids"))
        self._running = {}
        self._watch = subprocess.Popen(["sh", "-c", self.WATCH, "watch", self.folder], stdin=subprocess.PIPE, cwd="/",
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        atexit.register(self.close)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def log(self, name):
        with contextlib.suppress(FileNotFoundError), open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def launch(self, name, *argv):
        with open(self.path(name + ".log"), "ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        with open(self.path("pids", name), "w", encoding="utf-8") as file:
            file.write(str(process.pid))
        self._running[name] = process

    def is_running(self, name):
        return name in self._running and self._running[name].poll() is None

    def kill(self, name):
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.remove(self.path("pids", name))

    def close(self):
        """Ends all, and leaves nothing. May be called again."""
        if self._watch:
            for name in list(self._running):
                self.kill(name)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._watch.stdin.close()
            self._watch.wait()
            self._watch = None
            atexit.unregister(self.close)


class CephServer:
    """Answers when it has been made. `url` is plain HTTP; with tls there is `tls_url` too, whose certificate `ca` has signed."""

    def __init__(self, tls=False):
        missing = [name for name in PROGRAMS if not shutil.which(name)]
        if missing:
            raise FileNotFoundError(f"not installed: {', '.join(missing)}; tools/install-deps test does it")
        if os.geteuid() != 0:
            raise unittest.SkipTest("Ceph's programs are started as root only, and this user is another")
        self._tls = tls
        for tries_left in (2, 1, 0):
            self.programs = ProgramGroup("ceph")
            try:
                self._begin()
                return
            except PortTaken:
                self.close()
                if not tries_left:
                    raise
            except BaseException:
                self.close()
                raise

    def _begin(self):
        self.port, self._monitor_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Else the end of each answer waits until the client has acknowledged its beginning: 40 ms.
        frontends = f"beast tcp_nodelay=1 endpoint=127.0.0.1:{self.port}"
        if self._tls:
            port = free_port()
            self.tls_url, self.ca, self.other_ca = f"https://127.0.0.1:{port}", self.path("ca.crt"), self.path("other.crt")
            self._make_certificates()
            frontends += (f" ssl_endpoint=127.0.0.1:{port} ssl_certificate={self.path('server.crt')}"
                          f" ssl_private_key={self.path('server.key')}")
        self._write_settings(frontends)
        self._make_monitor()
        self._make_storage()
        self.start_gateway()

    def path(self, *names):
        return self.programs.path(*names)

    # The cluster.

    def _write_settings(self, frontends):
        fsid = uuid.uuid4()
        settings = {
            "fsid": fsid,
            "mon host": f"v2:127.0.0.1:{self._monitor_port}", "ms bind msgr1": "false",  # one port, which is ours
            "public addr": "127.0.0.1", "cluster addr": "127.0.0.1",  # and nobody else's business
            "keyring": self.path("keyring"),
            "paxos propose interval": 0.05, "paxos min wait": 0.01,  # each change of the cluster waits for it: a second by default
            "osd pool default size": 1, "osd pool default min size": 1, "mon allow pool size one": "true",  # there is one disk
            "osd crush chooseleaf type": 0,  # ... and one host
            "osd pool default pg num": 4, "osd pool default pgp num": 4, "osd pool default pg autoscale mode": "off",
            "osd class update on start": "false",
            "mon data avail crit": 1,  # a machine with a full disk runs tests too
            "osd objectstore": "memstore", "memstore device bytes": 4 << 30,
            "run dir": self.path(), "admin socket": "", "log file": self.path("$name.log"),
            "mon data": self.path("mon"), "osd data": self.path("osd"), "rgw data": self.path("rgw"),
            "rgw frontends": frontends, "rgw thread pool size": 32,
            "osd client watch timeout": 2,  # who changes a bucket waits so long, 30 s by default, for a gateway that was killed
            "rgw enable usage log": "false",
            "rgw bucket quota ttl": 0,  # a bucket that has become full is full at once, not in ten minutes
            "rgw s3 auth use sts": "true", "rgw sts key": "sixteen letters!",
            "rgw s3 auth order": "local, sts",  # where tokens come first, a wrong key is answered as one without rights
            "rgw sts min session duration": TOKEN_SECONDS_MIN,  # so that a test can wait until one is over
        }
        with open(self.path("ceph.conf"), "w", encoding="utf-8") as file:
            file.write("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        self._fsid = str(fsid)

    def run(self, *argv, seconds=START_SECONDS_MAX):
        done = subprocess.run(argv, capture_output=True, cwd=self.path(), check=False, timeout=seconds,
                              env=dict(os.environ, CEPH_CONF=self.path("ceph.conf")))
        if done.returncode != 0:
            raise Refused(f"{' '.join(argv)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def _make_monitor(self):
        keyring = self.path("keyring")
        rights = {"mon.": {"mon": "allow *"}, "client.admin": {"mon": "allow *", "osd": "allow *"},
                  "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
                  "client.rgw.a": {"mon": "allow rw", "osd": "allow rwx"}}
        # All keys are there before the cluster is: it asks for none, which would take it a round each.
        for number, (name, caps) in enumerate(rights.items()):
            caps = [word for daemon, allowed in caps.items() for word in ("--cap", daemon, allowed)]
            self.run("ceph-authtool", keyring, *([] if number else ["--create-keyring"]), "--gen-key", "-n", name, *caps)
        self.run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", f"[v2:127.0.0.1:{self._monitor_port}]",
                 self.path("monmap"))
        os.mkdir(self.path("mon"))
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", self.path("monmap"), "--keyring", keyring)
        self._launch("mon", "ceph-mon", "-i", "a")
        self.run("ceph", "osd", "crush", "tunables", "optimal")  # answers when the monitor does

    def _make_storage(self):
        number = str(uuid.uuid4())
        os.mkdir(self.path("osd"))
        self.run("ceph", "osd", "new", number)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", number)
        self.run("ceph", "osd", "crush", "add", "osd.0", "1.0", "host=test", "root=default")
        self._launch("osd", "ceph-osd", "-i", "0")

    def _launch(self, name, program, *args):
        # -f: in the foreground, so that the process is the program.
        self.programs.launch(name, program, "-f", "-c", self.path("ceph.conf"), *args)

    def _check(self, name):
        if self.programs.is_running(name):
            return
        told = self.programs.log(name) + self.programs.log("client.rgw.a")
        raise (PortTaken if "Address already in use" in told else Refused)(f"{name} has ended: {told[-2000:]}")

    def _make_certificates(self):
        """An authority, a certificate for 127.0.0.1 that it has signed, and an authority that has signed nothing."""
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        for name in ("ca", "other"):
            self.run("openssl", "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "30",
                     "-subj", f"/CN=test {name}")
        self.run("openssl", "req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
        with open(self.path("names"), "w", encoding="utf-8") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                 "-days", "30", "-extfile", "names", "-out", "server.crt")

    # The gateway.

    def start_gateway(self):
        self._launch("gateway", "radosgw", "-n", "client.rgw.a")
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            for name in ("mon", "osd", "gateway"):
                self._check(name)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as one:
                one.settimeout(10)
                one.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if one.recv(16).startswith(b"HTTP/"):
                    return
            if time.monotonic() > end:
                raise Refused(f"the gateway does not answer: {self.programs.log('client.rgw.a')[-2000:]}")
            time.sleep(0.02)

    def kill_gateway(self):
        """As the kernel would; what it has said to be stored stays."""
        self.programs.kill("gateway")

    def close(self):
        self.programs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Users.

    def admin(self, *args):
        return self.run("radosgw-admin", *args)

    def user(self, name, *options):
        """A new user with all rights over buckets of its own."""
        found = json.loads(self.admin("user", "create", "--uid", name, "--display-name", name, *options))
        return Credentials(found["keys"][0]["access_key"], found["keys"][0]["secret_key"])

    def client(self, credentials):
        return S3Client(self.url, credentials, time.time)

    def session(self, name, credentials, seconds=3600):
        """A user's credentials for a time, with a token, in a role that may do anything."""
        role = f"{name}-{uuid.uuid4().hex[:8]}"
        self.admin("role", "create", "--role-name", role, "--assume-role-policy-doc", json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole"],
                                                    "Principal": {"AWS": [f"arn:aws:iam:::user/{name}"]}}]}))
        self.admin("role-policy", "put", "--role-name", role, "--policy-name", "all", "--policy-doc", json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}]}))
        body = urlencode({"Action": "AssumeRole", "Version": "2011-06-15", "DurationSeconds": seconds, "RoleSessionName": "test",
                          "RoleArn": f"arn:aws:iam:::role/{role}"}).encode()
        answer = self.client(credentials).request("POST", body=body, service="sts",
                                                  headers={"content-type": "application/x-www-form-urlencoded"}).decode()
        found = {name: re.search(f"<{name}>([^<]+)</{name}>", answer)[1]
                 for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def allow(self, owner, bucket, name, *actions):
        """Lets another user do some things in a bucket, and nothing else; in place of what was allowed before. `owner` is the
        owner's name and credentials, who may do all, also with objects that the other has put."""
        allowed = {owner[0]: ["*"], name: actions}
        self.client(owner[1]).request("PUT", bucket, {"policy": ""}, json.dumps({
            "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]},
                "Action": [f"s3:{action}" for action in these],
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]} for user, these in allowed.items()]}).encode())
