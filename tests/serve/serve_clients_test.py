#!/usr/bin/env python3
"""cairn serve --webdav, seen by the WebDAV clients that people have."""
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve_testing import ServeTest  # noqa: E402
from rclone_testing import obscured  # noqa: E402
from webdav_testing import need  # noqa: E402


class Clients(ServeTest):
    def setUp(self):
        super().setUp()
        self.make_source()
        for name in ("a&b<c>.txt", "50% + more", "#x?y=1;z", "ünïcödé", "日本語", "deep/er/empty"):
            self.write(name, name.encode())
        os.symlink("big", os.path.join(self.source, "link"))
        os.symlink("d0", os.path.join(self.source, "link to a folder"))
        self.init()
        self.backup()
        self.serve()
        self.out = self.path("out")
        os.mkdir(self.out)

    def run_client(self, *command, code=0, **more):
        done = subprocess.run(command, capture_output=True, timeout=120, **more)
        said = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        if code is not None:
            self.assertEqual(done.returncode, code, said[-3000:])
        return said

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def check_copy(self, folder):
        """The source, where a link to a file is that file, and none to a folder."""
        done = self.run_client("diff", "-r", "--exclude=link to a folder", self.source, folder)
        self.assertEqual(done, "")
        self.assertFalse(os.path.islink(os.path.join(folder, "link")))
        self.assertFalse(os.path.exists(os.path.join(folder, "link to a folder")))

    def rclone(self, *arguments, **more):
        environment = {**os.environ, "RCLONE_CONFIG": os.devnull, "RCLONE_CONFIG_CAIRN_TYPE": "webdav",
                       "RCLONE_CONFIG_CAIRN_URL": self.url(), "RCLONE_CONFIG_CAIRN_VENDOR": "other",
                       "RCLONE_CONFIG_CAIRN_USER": "cairn", "RCLONE_CONFIG_CAIRN_PASS": obscured(self.token)}
        return self.run_client(need("rclone"), *arguments, env=environment, **more)

    def test_rclone_copies_and_compares_a_tree(self):
        top = "cairn:by-time/latest" + os.path.abspath(self.source)
        self.rclone("copy", top, self.out, "--create-empty-src-dirs")
        self.check_copy(self.out)
        said = self.rclone("check", "--download", "--copy-links", "--exclude", "/link to a folder/**", self.source, top)
        self.assertIn("0 differences found", said)
        self.assertEqual(self.rclone("lsf", "cairn:").split(), ["by-host/", "by-id/", "by-path/", "by-tag/", "by-time/"])
        self.rclone("deletefile", top + "/big", code=None)
        self.rclone("check", "--download", "--copy-links", "--exclude", "/link to a folder/**", self.source, top)

    def test_curl_resumes_and_asks_whether_it_is_newer(self):
        url, login = self.url(self.shown_source() + "big"), ("--netrc-file", self.netrc())
        target = os.path.join(self.out, "big")
        with open(os.path.join(self.source, "big"), "rb") as original, open(target, "wb") as file:
            file.write(original.read(2_345_678))
        self.run_client("curl", "-sSf", *login, "-C", "-", "-o", target, "-R", url)
        self.run_client("cmp", target, os.path.join(self.source, "big"))
        self.assertEqual(os.stat(target).st_mtime, int(os.stat(os.path.join(self.source, "big")).st_mtime))
        again = ("curl", "-sS", *login, "-w", "%{http_code}", "-o", os.devnull)
        self.assertEqual(self.run_client(*again, "-z", target, url), "304")
        self.assertEqual(self.run_client(*again, "--http1.0", url), "200")
        self.assertEqual(self.run_client(*again, "-T", target, url), "405")
        self.assertEqual(self.run_client("curl", "-sS", "-w", "%{http_code}", "-o", os.devnull, url), "401")

    def netrc(self):
        path = self.path(".netrc")
        with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(f"machine 127.0.0.1 login cairn password {self.token}\n")
        return path

    def test_cadaver_lists_and_gets(self):
        self.netrc()
        script = f"ls\nget big {self.out}/big\ncd deep\nls\nput /etc/hostname x\nquit\n"
        said = self.run_client(need("cadaver"), self.url(self.shown_source()), input=script.encode(),
                               env={**os.environ, "HOME": self.dir, "LC_ALL": "C.UTF-8"})
        self.assertRegex(said, r"big\s+6000000")
        self.assertRegex(said, r"Coll:\s+er\b")
        self.assertIn("ünïcödé", said)
        self.assertIn("405", said)
        self.run_client("cmp", os.path.join(self.out, "big"), os.path.join(self.source, "big"))

    @unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/dev/fuse"), "only root mounts, where there is FUSE")
    def test_davfs2_mounts_it(self):
        need("mount.davfs")
        secrets, settings, point = self.path("secrets"), self.path("davfs2.conf"), self.path("point")
        with open(secrets, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(f"{self.url()} cairn {self.token}\n")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f"secrets {secrets}\ncache_dir {self.path('davfs-cache')}\nuse_locks 0\nask_auth 0\n")
        os.mkdir(point)
        os.mkdir(self.path("davfs-cache"))
        os.chmod(self.dir, 0o755)  # it becomes another user
        os.chmod(self.path("davfs-cache"), 0o777)
        self.addCleanup(subprocess.run, ["umount", "-l", point], capture_output=True)
        self.run_client("mount", "-t", "davfs", "-o", f"ro,conf={settings}", self.url(), point, stdin=subprocess.DEVNULL)
        shown = os.path.join(point, "by-time", "latest") + os.path.abspath(self.source)
        # By their names: davfs2 1.6 lists no folder of any server where the kernel is newer than itself (EINVAL).
        count = 0
        for folder, _, names in os.walk(self.source):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.source)
                self.run_client("cmp", os.path.join(self.source, path), os.path.join(shown, path))
                count += 1
        self.assertGreater(count, 60)
        self.assertFalse(os.path.exists(os.path.join(shown, "none")))
        with self.assertRaises(OSError):
            with open(os.path.join(shown, "new"), "wb") as file:
                file.write(b"x")
        self.run_client("umount", point)

    def test_nobody_was_told_of_anything_wrong(self):
        self.rclone("copy", "cairn:by-time/latest" + os.path.abspath(self.source), self.out)
        said = self.end()
        self.assertFalse(re.search("damage|warning|finding", said), said)


if __name__ == "__main__":
    unittest.main()
