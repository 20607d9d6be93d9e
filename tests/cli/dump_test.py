"""Files and folders of a snapshot as bytes and archives, which other programs read."""
import io
import os
import pty
import stat
import struct
import subprocess
import sys
import tarfile
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cairn_testing import BIN, CairnTest

NONE = 0xffffffff


def acl(*entries):
    """As the kernel has it: entries of (tag, bits, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


ACCESS = acl((1, 6, NONE), (2, 4, 1234), (4, 4, NONE), (8, 6, 77), (0x10, 6, NONE), (0x20, 0, NONE))
DEFAULT = acl((1, 7, NONE), (2, 5, 1234), (4, 5, NONE), (0x10, 5, NONE), (0x20, 0, NONE))


class Dump(CairnTest):
    def setUp(self):
        super().setUp()
        self.init()

    def inside(self, name):
        return os.path.join(os.fsencode(self.source), os.fsencode(name))

    def fill(self):
        """What archives find hard; as root also what only root may make."""
        self.write("plain", b"plain\n")
        self.write("empty", b"")
        self.write("d/" * 45 + "deep", b"deep")
        self.write("n" * 255, b"long name")
        self.write("two\nlines", b"newline")
        self.write("Üml", b"u")
        self.write(b"w\xffrst".decode("utf-8", "surrogateescape"), b"bytes")
        os.link(self.inside("plain"), self.inside("twin"))
        os.symlink("x" * 300, self.inside("far"))
        os.mkfifo(self.inside("pipe"), 0o640)
        os.mkdir(self.inside("folder"), 0o751)
        os.chmod(self.inside("empty"), 0o4755)
        os.utime(self.inside("empty"), ns=(-5_500_000_000, -5_500_000_000))
        with open(self.inside("sparse"), "wb") as file:
            file.seek(3_000_000)
            file.write(b"middle" * 1000)
            file.truncate(900_000_000)
        with open(self.inside("hole"), "wb") as file:
            file.truncate(500_000_000)
        with open(self.inside("starts"), "wb") as file:
            file.write(os.urandom(1_500_000))
            file.seek(80_000_000)
            file.write(b"end")
        if os.geteuid() == 0:
            os.setxattr(self.inside("plain"), "user.a=b%", b"v\n=\0v")
            os.setxattr(self.inside("folder"), "user.large", b"L" * 3_000)
            os.chown(self.inside("Üml"), 3_000_000_000, 77)
            os.setxattr(self.inside("d"), "system.posix_acl_access", ACCESS)
            os.setxattr(self.inside("folder"), "system.posix_acl_default", DEFAULT)
        self.backup()

    def dump(self, *args, at=None, **kwargs):
        return self.run_cairn("dump", f"latest:{self.source if at is None else at}", *args, **kwargs)

    def described(self, root):
        """What an archive has to give back, by path."""
        found, links = {}, {}
        root = os.fsencode(root)
        for folder, folders, files in os.walk(root):
            for name in folders + files:
                path = os.path.join(folder, name)
                info = os.lstat(path)
                kind = stat.S_IFMT(info.st_mode)
                facts = [info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns]
                if kind == stat.S_IFLNK:
                    facts.append(os.readlink(path))
                if kind == stat.S_IFREG:
                    with open(path, "rb") as file:
                        facts.append(hash(file.read()) if info.st_size < 10_000_000 else info.st_size)
                    facts.append(sorted(links.setdefault(info.st_ino, []) + [os.path.relpath(path, root)])[0])
                    links[info.st_ino].append(os.path.relpath(path, root))
                if kind in (stat.S_IFREG, stat.S_IFDIR):
                    facts.append({name: os.getxattr(path, name) for name in os.listxattr(path)})
                found[os.path.relpath(path, root)] = facts
        return found

    def unpacked(self, *command, archive):
        target = self.path(f"unpacked-{len(os.listdir(self.dir))}")
        os.mkdir(target)
        done = subprocess.run([*command, "-C", target], input=archive, capture_output=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return target + self.source

    # --- tar ---

    def test_gnu_tar_gives_back_all_that_was_there(self):
        self.fill()
        before = self.described(self.source)
        for form, packed in (("tar", ()), ("tar.zst", ("--zstd",))):
            archive = self.dump("--format", form).stdout
            self.assertLess(len(archive), 3_000_000)  # holes are not in it
            more = ("--xattrs", "--xattrs-include=*", "--acls", "--same-owner") if os.geteuid() == 0 else ()
            out = self.unpacked("tar", "-x", "-p", "--warning=no-timestamp", *packed, *more, archive=archive)
            self.assertEqual(self.described(out), before)
            for name in ("sparse", "hole", "starts"):
                same = subprocess.run(["cmp", os.path.join(self.source, name), os.path.join(out, name)], capture_output=True)
                self.assertEqual(same.returncode, 0, same.stdout)
                self.assertLess(os.stat(os.path.join(out, name)).st_blocks * 512, 4_000_000, name)

    def test_another_reader_of_tar_has_the_same(self):
        self.fill()
        archive = tarfile.open(fileobj=io.BytesIO(self.dump().stdout))
        names = archive.getnames()
        root = self.source.lstrip("/")
        self.assertEqual(sorted(names), sorted(os.path.join(root, os.fsdecode(path)) for path in self.described(self.source)))
        sparse = archive.getmember(root + "/sparse")
        self.assertTrue(sparse.issparse())
        self.assertEqual(sparse.size, 900_000_000)
        with archive.extractfile(archive.getmember(root + "/starts")) as file, open(self.inside("starts"), "rb") as original:
            self.assertEqual(file.read(), original.read())
        self.assertEqual(archive.getmember(root + "/twin").linkname, root + "/plain")
        if os.geteuid() == 0:
            headers = archive.getmember(root + "/d").pax_headers
            self.assertEqual(headers["SCHILY.acl.access"],
                             "user::rw-,user:1234:r--:1234,group::r--,group:77:rw-:77,mask::rw-,other::---")

    def test_bytes_of_a_file(self):
        data = os.urandom(3_000_000)
        self.write("x.bin", data)
        self.fill()
        at = self.source + "/x.bin"
        self.assertEqual(self.dump(at=at).stdout, data)
        packed = self.dump("--format", "zst", "--compress", "19", at=at).stdout
        self.assertEqual(subprocess.run(["zstd", "-dc"], input=packed, capture_output=True, check=True).stdout, data)
        one = tarfile.open(fileobj=io.BytesIO(self.dump("--format", "tar", at=at).stdout))
        self.assertEqual(one.getnames(), [at.lstrip("/")])
        for wrong in (("--format", "zst"), ("--format", "raw")):
            self.assertIn(b"one file", self.dump(*wrong, code=1).stderr)
        self.assertIn(b"no bytes", self.dump(at=self.source + "/pipe", code=1).stderr)
        self.assertIn(b"--compress", self.dump("--compress", "3", code=1).stderr)
        self.assertIn(b"1 to 19", self.dump("--format", "tar.zst", "--compress", "20", code=1).stderr)
        self.dump("--format", "rar", code=2)

    # --- zip ---

    def test_unzip_gives_back_what_a_zip_can_hold_and_the_rest_is_told_once(self):
        self.fill()
        for name in ("hole", "sparse"):
            os.unlink(self.inside(name))  # of zeros a zip is slow
        os.link(self.inside("plain"), self.inside("third"))
        self.backup()
        target = self.path("out.zip")
        done = self.dump("--output", target, code=3)
        notes = [line for line in done.stderr.decode().splitlines() if "the archive" in line]
        self.assertEqual(len([line for line in notes if "2 hard links" in line]), 1, notes)
        if os.geteuid() == 0:
            self.assertEqual(len([line for line in notes if "extended attributes" in line]), 1, notes)
        self.assertIn("a fifo cannot be in a zip", done.stderr.decode())
        subprocess.run(["unzip", "-tqq", target], check=True, timeout=60, capture_output=True)
        root = self.source.lstrip("/")
        with zipfile.ZipFile(target) as archive:
            self.assertEqual(archive.read(root + "/plain"), b"plain\n")
            self.assertEqual(archive.read(root + "/twin"), b"plain\n")
            self.assertEqual(archive.read(root + "/" + "d/" * 45 + "deep"), b"deep")
            self.assertEqual(archive.read(root + "/Üml"), b"u")

    # --- where it goes ---

    def test_an_output_is_whole_or_not_there(self):
        self.write("a", b"a" * 1000)
        self.write("b", os.urandom(5_000_000))
        self.backup()
        target = self.path("out.tar.zst")
        self.dump("-o", target)
        self.assertEqual(os.stat(target).st_mode & 0o777, 0o600)
        self.assertEqual(len(tarfile.open(fileobj=io.BytesIO(subprocess.run(
            ["zstd", "-dc", target], capture_output=True, check=True).stdout)).getnames()), 2)
        self.assertIn(b"is there", self.dump("-o", target, code=1).stderr)
        self.dump("-o", target, "--force", at=self.source + "/a")
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"a" * 1000)
        before = os.listdir(self.dir)
        for pack in self.objects("data"):
            os.unlink(pack)
        self.dump("-o", self.path("other.tar"), code=1)
        self.dump("-o", target, "--force", code=1)
        self.assertEqual(os.listdir(self.dir), before)
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"a" * 1000)

    def test_an_archive_is_not_for_a_terminal(self):
        self.write("a", b"text\n")
        self.backup()
        for args, code in ((("--format", "zst"), 1), ((), 0)):
            ours, theirs = pty.openpty()
            done = subprocess.run([BIN, "dump", f"latest:{self.source}/a", *args], env=self.env(), stdout=theirs,
                                  stderr=subprocess.PIPE, timeout=60)
            os.close(theirs)
            os.close(ours)
            self.assertEqual(done.returncode, code)
            self.assertEqual(b"not for a terminal" in done.stderr, code == 1)


if __name__ == "__main__":
    unittest.main()
