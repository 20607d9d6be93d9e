"""Tries the second reader on repositories of mini_writer."""

import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
READER = os.path.join(HERE, "..", "..", "tools", "reader")
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, READER]

try:
    import argon2  # noqa: F401
    import cryptography  # noqa: F401
    import zstandard
except ImportError as problem:
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        sys.exit(f"{problem}: the reader needs python3-argon2, python3-cryptography, python3-zstandard")
    os.execv("/usr/bin/python3", ["/usr/bin/python3", os.path.abspath(__file__)] + sys.argv[1:])

import chunking  # noqa: E402
import errors  # noqa: E402
import hpke  # noqa: E402
import mini_writer as mini  # noqa: E402
import restore  # noqa: E402
import snapshots  # noqa: E402
import trees  # noqa: E402
import verify  # noqa: E402
import wire  # noqa: E402
import zstd  # noqa: E402
from index import Index  # noqa: E402
import keys  # noqa: E402
from keys import Keyring  # noqa: E402
from store import Folder  # noqa: E402


def remove(top):
    subprocess.run(["chmod", "-R", "u+rwx", top], check=True)
    shutil.rmtree(top)


class Wire(unittest.TestCase):
    def test_varints(self):
        for value in (0, 1, 127, 128, 16383, 16384, 2**32, 2**63, 2**64 - 1):
            self.assertEqual(wire.whole(mini.v(value), "", wire.Cursor.v), value)
        for wrong in (b"", b"\x80", b"\x80\x00", b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\x00\x00"):
            with self.assertRaises(errors.Corrupt):
                wire.whole(wrong, "", wire.Cursor.v)
        for value in (0, -1, 1, -(2**63), 2**63 - 1):
            self.assertEqual(wire.whole(mini.s(value), "", wire.Cursor.s), value)
        with self.assertRaises(errors.Corrupt):
            wire.whole(mini.time(1, 10**9), "", wire.Cursor.time)

    def test_records(self):
        read = wire.Records(mini.records((1, b"a"), (2, b"b"), (4, b"x"), (5, b"c"), (5, b"d")), "r", once={1, 2}, repeated={5})
        self.assertEqual((read.raw(1), read.raw(2), read.values[5], read.unknown), (b"a", b"b", [b"c", b"d"], [(4, b"x")]))
        with self.assertRaisesRegex(errors.Unsupported, "tag 7"):
            wire.Records(mini.records((7, b"")), "r")
        for wrong in (mini.records((1, b""), (1, b"")), mini.records((2, b""), (1, b"")), b"\x01\x05a"):
            with self.assertRaises(errors.Corrupt):
                wire.Records(wrong, "r", once={1, 2})
        with self.assertRaises(errors.Corrupt):
            wire.Records(b"", "r", once={1}, needed={1})


class Hpke(unittest.TestCase):
    """RFC 9180, base mode, first message: A.1.1 (AES-128-GCM) and A.2.1 (ChaCha20Poly1305)."""

    VECTORS = (
        (hpke.AES_128_GCM, "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
         "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
         "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
        (hpke.CHACHA20_POLY1305, "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
         "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
         "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"))

    def test_vectors(self):
        for aead, secret, enc, ciphertext in self.VECTORS:
            plain = hpke.open_base(bytes.fromhex(enc), bytes.fromhex(ciphertext), bytes.fromhex(secret),
                                   b"Ode on a Grecian Urn", b"Count-0", aead)
            self.assertEqual(plain, b"Beauty is truth, truth beauty")

    def test_small_order(self):
        with self.assertRaises(errors.Corrupt):
            hpke.open_base(bytes(32), bytes(48), b"\x01" * 32, b"")

    def test_unknown_kem(self):
        with self.assertRaises(errors.Unsupported):
            hpke.open_envelope((0x647A, bytes(64)), bytes(32), b"", "envelope")


class Zstd(unittest.TestCase):
    def test_shapes(self):
        data = bytes(range(256)) * 1000
        frame = mini.zstd_raw(data)
        self.assertEqual(zstd.decompress(frame, len(data), ""), data)
        stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
        packed = stream.compress(data) + stream.flush()
        for wrong, size in ((frame, len(data) - 1), (frame + b"\0", len(data)), (frame + frame, len(data)), (frame[:-1], len(data)),
                            (b"", 0), (packed, len(data))):
            with self.assertRaises(errors.Corrupt):
                zstd.decompress(wrong, size, "")
        packed = zstandard.ZstdCompressor(write_checksum=True).compress(data)
        self.assertEqual(zstd.decompress(packed, len(data), ""), data)


class Chunking(unittest.TestCase):
    def test_vectors(self):
        with open(os.path.join(HERE, "..", "vectors", "chunker.json")) as file:
            vectors = json.load(file)
        gear = chunking.table(bytes.fromhex(vectors["key"]))
        count = vectors["input_bytes"]
        data = b"".join(mini.H(b"cairn vector" + mini.u32(i)) for i in range(count // 32 + 1))[:count]
        for vector in vectors["vectors"]:
            first = chunking.Parameters(1, chunking.GEAR, vector["minimum"], vector["average"], vector["maximum"], "")
            place = 0
            for size in vector["sizes"]:
                parameters = first.at(vector["offset"] + place)
                self.assertEqual(chunking.length(parameters, gear, data[place:place + parameters.most]), size)
                place += size
                if place < count:
                    self.assertTrue(parameters.ends(size, chunking.hash_of(gear, data[place - size:place])))
            self.assertEqual(place, count)

    def test_parameters(self):
        read = lambda *values: wire.whole(mini.chunker(*values), "", chunking.read_parameters)
        self.assertEqual(read(1, 3000, 3000, 3000).most, 3000)
        for wrong in ((2, 63, 100, 200), (2, 200, 100, 300), (2, 64, 100, (8 << 20) + 1), (1, 1, 2, 2), (1, 0, 0, 0)):
            with self.assertRaises(errors.Corrupt):
                read(*wrong)
        with self.assertRaises(errors.Unsupported):
            read(3, 64, 100, 200)


class Base(unittest.TestCase):
    suite = 1

    def setUp(self):
        self.top = tempfile.mkdtemp()
        self.addCleanup(remove, self.top)
        self.path = os.path.join(self.top, "repository")
        self.repository = mini.Repository(self.path, suite=self.suite)
        self.session = mini.Session(self.repository, self.suite)

    def keyring(self, password=b"secret"):
        return Keyring(Folder(self.path), password)

    def verify(self):
        job = verify.Verify(Folder(self.path), self.keyring())
        job.run()
        return job

    def finding(self, text):
        job = self.verify()
        self.assertTrue(any(text in finding for finding in job.findings), (text, job.findings))

    def commit(self, nodes, chunker=mini.GEAR, **other):
        repository = self.repository
        root = repository.directory(nodes)
        entries = repository.put_blobs(self.session)
        repository.put_segment(self.session, entries)
        return repository.put_snapshot(self.session, [repository.item(root, chunker=chunker)], **other)

    def restored(self):
        target = os.path.join(self.top, "target")
        store, keyring = Folder(self.path), self.keyring()
        job = restore.Restore(Index(store, keyring), target)
        job.snapshot(snapshots.History(store, keyring).find("latest"))
        return target, job.problems

    def spoil(self, name, place=-1, change=lambda byte: byte ^ 1):
        path = os.path.join(self.path, name)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        data[place] = change(data[place])
        with open(path, "wb") as file:
            file.write(data)

    def one(self, prefix):
        return Folder(self.path).names(prefix)[0]


class Right(Base):
    def nodes(self):
        r = self.repository
        big = [r.data_entry(os.urandom(3000)) for _ in range(700)] + [r.hole(1 << 20), r.data_entry(b"run" * 1000, 20)]
        linked = [(10, b"grouplnk")]
        return [
            r.file(b"big", big, mode=0o4755),
            r.file(b"empty", []),
            r.file(b"small", [r.data_entry(b"hello")], [(14, mini.v(2) + mini.string(b"user.a") + b"\1" + mini.v(5) + r.blob(1, b"value")
                   + mini.string(b"user.b") + b"\0" + mini.string(b""))], mode=0o400, modified=(-5, 999999999)),
            r.file(b"first", [r.data_entry(b"shared")], linked), r.file(b"second", [r.data_entry(b"shared")], linked),
            r.node(3, b"link", [(17, b"/etc/passwd")], mode=0o777), r.node(6, b"fifo", [], mode=0o620),
            r.folder(b"folder", [r.file(b"%05d" % n, []) for n in range(900)] + [r.folder(b"none", [], mode=0o500)], mode=0o1555,
                     modified=(1500000000, 1)),
            r.file(b"\xff\n name", [r.hole(5)]),
        ]

    def test_whole(self):
        r = self.repository
        first = self.commit(self.nodes(), chunker=mini.chunker(1, 3000, 3000, 3000))
        r.put_session(self.session)
        r.put("sessions/" + self.session.id.hex() + ".12", r.seal(8, self.session.id, mini.records((1, mini.time(1)), (3, b"\x0c"))))
        r.put_note(self.session, 2, [(2, b"c"), (4, b"a"), (4, b"c"), (8, b"\1"), (10, mini.time(1800000000))])
        r.put_note(self.session, 1, [(2, b"a"), (6, b"changed")])
        r.put_config()
        again = mini.Session(r, self.suite)
        second = r.put_snapshot(again, [], 2, [mini.H(first)])
        third = mini.Session(r, self.suite)
        r.put_snapshot(third, [], 3, [mini.H(second), b"\1" * 32])
        r.put_forgotten([bytes(16) + r.owner.id + mini.u64(9) + b"\1" * 32])
        job = self.verify()
        self.assertEqual((job.findings, job.notices), ([], []))
        self.assertGreater(job.counts["nodes"], 900)
        history = snapshots.History(Folder(self.path), self.keyring())
        snapshot = history.find(self.session.id.hex()[:12])
        self.assertEqual((snapshot.tags, snapshot.description, snapshot.protected, snapshot.expiry),
                         ([b"b", b"c"], b"changed", True, 1800000000 * 10**9))
        os.unlink(os.path.join(self.path, "snapshots", again.id.hex()))
        os.unlink(os.path.join(self.path, "snapshots", third.id.hex()))
        target, problems = self.restored()
        self.assertEqual(problems, [])
        name = lambda text: os.path.join(os.fsencode(target), text)
        data = b"".join(d for d in r.blobs[1].values() if len(d) == 3000 and d[:3] != b"run") + bytes(1 << 20) + b"run" * 20000
        with open(name(b"big"), "rb") as file:
            self.assertEqual(file.read(), data)
        status = os.stat(name(b"big"))
        self.assertLess(status.st_blocks * 512, status.st_size - (1 << 19))
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o4755)
        status = os.stat(name(b"small"))
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_mtime_ns), (0o400, -5 * 10**9 + 999999999))
        self.assertEqual([os.getxattr(name(b"small"), a) for a in ("user.a", "user.b")], [b"value", b""])
        self.assertEqual(os.stat(name(b"first")).st_ino, os.stat(name(b"second")).st_ino)
        self.assertEqual(os.readlink(name(b"link")), b"/etc/passwd")
        self.assertTrue(stat.S_ISFIFO(os.stat(name(b"fifo")).st_mode))
        status = os.stat(name(b"folder"))
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_mtime_ns), (0o1555, 1500000000 * 10**9 + 1))
        self.assertEqual(len(os.listdir(name(b"folder"))), 901)
        self.assertEqual(os.stat(name(b"\xff\n name")).st_size, 5)
        output = io.BytesIO()
        restore.cat(Index(Folder(self.path), self.keyring()), snapshot, "/small", output)
        self.assertEqual(output.getvalue(), b"hello")

    def test_program(self):
        self.commit([self.repository.file(b"f", [self.repository.data_entry(b"hello")])])
        run = lambda *words, password="secret": subprocess.run(
            [sys.executable, "-B", READER, self.path, *words], env={"CAIRN_PASSWORD": password}, capture_output=True)
        self.assertIn(self.session.id.hex().encode(), run("snapshots").stdout)
        self.assertEqual(run("cat", "latest", "f").stdout, b"hello")
        self.assertEqual(run("verify").returncode, 0)
        target = os.path.join(self.top, "out")
        self.assertEqual((run("restore", "latest", target).returncode, os.listdir(target)), (0, ["f"]))
        self.assertEqual(run("snapshots", password="wrong").returncode, 5)
        for content, status in ((b"secret", 0), (b"secret\n", 0), (b"secret\r\nmore", 0), (b"secret \n", 5), (b"\nsecret", 5)):
            with open(os.path.join(self.top, "password"), "wb") as file:
                file.write(content)
            self.assertEqual(run("--password-file", file.name, "snapshots", password="wrong").returncode, status, content)
        self.assertEqual(run("cat", "latest", "g").returncode, 7)


    def test_several_items(self):
        """They are seen as folders by their names."""
        r = self.repository
        roots = [r.directory([r.file(b"f", [r.data_entry(data)])]) for data in (b"one", b"two")]
        r.put_segment(self.session, r.put_blobs(self.session))
        r.put_snapshot(self.session, [r.item(root, name=name) for root, name in zip(roots, (b"a", b"b"))])
        target, problems = self.restored()
        self.assertEqual((problems, sorted(os.listdir(target))), ([], ["a", "b"]))
        index, history = Index(Folder(self.path), self.keyring()), snapshots.History(Folder(self.path), self.keyring())
        for path, data in (("a/f", b"one"), ("/b/f", b"two")):
            output = io.BytesIO()
            restore.cat(index, history.find("latest"), path, output)
            self.assertEqual(output.getvalue(), data)
        with self.assertRaises(errors.ReaderError):
            restore.cat(index, history.find("latest"), "f", output)

    def test_items_that_no_snapshot_can_have(self):
        r = self.repository
        root = r.directory([])
        r.put_segment(self.session, r.put_blobs(self.session))
        wrong = [[name] for name in (b"", b".", b"..", b"a/b", b"a\0b", b"\xff", b"x" * 256)] + [[b"a", b"b", b"a"]]
        for names in wrong + [[b"x" * 255, "\u00fc".encode()]]:
            r.put_snapshot(self.session, [r.item(root, name=name) for name in names])
            findings = snapshots.History(Folder(self.path), self.keyring()).findings
            self.assertEqual(len(findings), names in wrong, (names, findings))
            for folder, _, files in os.walk(os.path.join(self.path, "snapshots")):
                for name in files:
                    os.remove(os.path.join(folder, name))

    def test_merged_segment(self):
        """Padding is of no session, so a merge may have another session at number 0."""
        r, s, other = self.repository, self.session, mini.Session(self.repository, self.suite)
        frame = r.frame(s, 1, [b"abc"])
        padding = r.padding(40)
        own = r.put_pack(s, 1, [frame, padding])
        r.put_segment(s, [own])
        merged = own[:-len(frame[1] + padding[1])] + mini.renumber(frame[1], 1) + padding[1]
        r.put_segment(s, [merged], before=[other])
        job = self.verify()
        self.assertEqual((job.findings, job.notices), ([], []))

    def test_chunks(self):
        """What the gear chunker cuts is found right, with a hole that begins anew."""
        r = self.repository
        parameters, gear = chunking.Parameters(1, 2, 64, 256, 1024, ""), chunking.table(r.chunking)
        data, extents = os.urandom(20000), []
        while data:
            length = chunking.length(parameters, gear, data)
            extents.append(r.data_entry(data[:length]))
            data = data[length:]
        self.commit([r.file(b"f", extents + [r.hole(10), r.data_entry(b"short")])], chunker=mini.chunker(2, 64, 256, 1024))
        self.assertEqual(self.verify().findings, [])


class RightWithChaCha(Right):
    suite = 2


class Wrong(Base):
    def setUp(self):
        super().setUp()
        self.file = self.repository.file(b"f", [self.repository.data_entry(b"hello" * 100)])

    def test_every_byte_of_every_object(self):
        """A flipped bit anywhere is found."""
        self.commit([self.file])
        self.repository.put_note(self.session, 1, [(2, b"c")])
        for name in Folder(self.path).names():
            size = os.path.getsize(os.path.join(self.path, name))
            step = max(1, size // (6 if name.startswith(("keys", "config")) else 15))
            for place in {*range(0, size, step), *range(0, 96, 16), size - 1}:
                self.spoil(name, place)
                try:
                    self.assertTrue(self.verify().findings, (name, place))
                except (errors.Corrupt, errors.Unsupported, errors.WrongKey):
                    pass
                self.spoil(name, place)
        self.assertEqual(self.verify().findings, [])

    def test_wrong_password(self):
        with self.assertRaises(errors.WrongKey):
            self.keyring(b"other")

    def test_limits_of_the_kdf_come_before_it(self):
        self.repository.put_key(b"strange", self.repository.owner, memory=1 << 23)
        with self.assertRaisesRegex(errors.WrongKey, "out of bounds"):
            self.keyring(b"strange")

    def test_config(self):
        r = self.repository
        r.put_config(incompat=4)
        with self.assertRaises(errors.Unsupported):
            self.keyring()
        r.configs.pop()
        r.put_config(public_extra=mini.records((11, b"")))
        with self.assertRaisesRegex(errors.Unsupported, "tag 11"):
            self.keyring()
        r.configs.pop()
        r.put_config(public_extra=mini.records((10, b"")), sealed_extra=mini.records((6, b"")))
        self.keyring()
        r.put_config(previous=bytes(31) + b"\1")
        self.finding("does not name the config before it")
        r.configs.pop()
        r.root, root = mini.Ed25519PrivateKey.generate(), r.root
        r.put_config()
        with self.assertRaises(errors.Forged):
            self.keyring()
        r.root = root
        for wrong in (dict(pack_size=4095), dict(pack_size=(256 << 20) + 1), dict(chunker=mini.chunker(1, 1, 2, 3))):
            r.configs.pop()
            r.put_config(**wrong)
            with self.assertRaises(errors.Corrupt):
                self.keyring()
        r.configs.pop()
        r.put_config(envelope=mini.hpke_seal(mini.raw(r.owner.dh), bytes(40000), b"other"))
        with self.assertRaisesRegex(errors.Corrupt, "authentication tag"):
            self.keyring()
        r.configs.pop()
        twin = mini.Slot(mini.WRITER)
        twin.sign = r.owner.sign
        r.slots.append(twin)
        r.put_config()
        with self.assertRaisesRegex(errors.Corrupt, "share a key"):
            self.keyring()

    def test_hosts(self):
        r = self.repository
        writer = mini.Slot(mini.WRITER)
        r.slots.append(writer)
        self.commit([self.file], slot=writer)
        for pattern, right in ((b"ho[!a]t", True), (b"host?", False), (b"\\host", True), (b"[[:alpha:]]ost", True), (b"", False),
                               (b"HOST", False), (b"host\0", False)):
            writer.hosts = pattern
            r.put_config()
            self.assertEqual(any("of this host" in finding for finding in self.verify().findings), not right, pattern)

    def test_removed_slot(self):
        r = self.repository
        writer = mini.Slot(mini.WRITER)
        r.slots.append(writer)
        r.put_config()
        r.put_key(b"writer", writer)
        self.keyring(b"writer")
        self.commit([self.file], counter=3, slot=writer)
        self.assertEqual(self.verify().findings, [])
        writer.state, writer.last = 2, 3
        r.put_config()
        with self.assertRaisesRegex(errors.WrongKey, "removed"):
            self.keyring(b"writer")
        self.assertEqual(self.verify().findings, [])
        writer.last = 2
        r.put_config()
        self.finding("above the last counter")

    def test_rights(self):
        r = self.repository
        writer, maintainer, stranger = mini.Slot(mini.WRITER), mini.Slot(mini.MAINTAINER), mini.Slot(mini.OWNER)
        r.slots += [writer, maintainer]
        r.put_config()
        entries = r.put_blobs(self.session)
        r.put_segment(self.session, entries)
        self.assertEqual(self.verify().findings, [])
        name = r.put_segment(self.session, [], removed=[b"\1" * 40], slot=writer)
        self.finding("has no right to covers")
        os.unlink(os.path.join(self.path, "index", name.hex()))
        name = r.put_segment(self.session, [], removed=[b"\1" * 40], slot=maintainer)
        self.assertEqual(self.verify().findings, [])
        r.put_segment(self.session, [], slot=stranger)
        self.finding("no certificate")
        r.put_snapshot(self.session, [], slot=maintainer)
        self.finding("has no right to kind 9")

    def test_header(self):
        r = self.repository
        for fields, kind in ((dict(magic=b"other\0"), errors.Corrupt), (dict(major=2), errors.Unsupported),
                             (dict(features=1), errors.Unsupported), (dict(family=bytes(16)), errors.Forged),
                             (dict(family=bytes(16), domain=1), errors.Unsupported),
                             (dict(suite=2, flags=1), errors.Unsupported), (dict(reserved=b"\1" * 16), errors.Unsupported),
                             (dict(domain=1), errors.Unsupported), (dict(epoch=0), errors.Corrupt), (dict(epoch=2), errors.WrongKey)):
            data = r.seal(6, self.session.id, b"", **fields)
            name = r.put("sessions/" + self.session.id.hex(), data) and "sessions/" + self.session.id.hex()
            with self.assertRaises(kind):
                snapshots.check_session(data, name, self.keyring())
        data = r.seal(6, self.session.id, mini.records((1, mini.time(1)), (3, b"\1"), (5, bytes(8))))
        snapshots.check_session(data, name, self.keyring())
        with self.assertRaises(errors.Forged):
            snapshots.check_session(data, "sessions/" + "0" * 32, self.keyring())
        with self.assertRaises(errors.Forged):
            snapshots.check_session(data, name + ".end", self.keyring())
        with self.assertRaises(errors.Forged):
            snapshots.check_session(data + b"\0", name + ".end", self.keyring())
        with self.assertRaises(errors.Corrupt) as caught:
            snapshots.check_session(data + b"\0", name, self.keyring())
        self.assertNotIsInstance(caught.exception, errors.Forged)
        for kind in (0, 15, 200):
            with self.assertRaises(errors.Unsupported):
                snapshots.check_session(data[:6] + bytes([kind]) + data[7:], name, self.keyring())

    def test_sign_of_life(self):
        r, name = self.repository, "sessions/" + self.session.id.hex() + ".2"
        for content, problem in (([(3, b"\2")], None), ([(3, b"\1")], "another number"), ([], "tag 3 is missing")):
            r.put(name, r.seal(8, self.session.id, mini.records((1, mini.time(1)), *content)))
            if problem:
                self.finding(problem)
            else:
                self.assertEqual(self.verify().findings, [])

    def test_key_objects(self):
        for _ in range(3):
            self.repository.put_key(b"more", self.repository.owner)
        keys.KEY_OBJECTS_LIMIT, limit = 0, keys.KEY_OBJECTS_LIMIT
        try:
            with self.assertRaisesRegex(errors.WrongKey, "only the first"):
                self.keyring()
        finally:
            keys.KEY_OBJECTS_LIMIT = limit
        self.keyring(b"more")

    def test_signature(self):
        self.repository.put("sessions/" + self.session.id.hex(), self.repository.seal(
            6, self.session.id, mini.records((1, mini.time(1)), (3, b"\1"), (5, bytes(8))), signature=bytes(64)))
        self.finding("signature is wrong")

    def test_packs(self):
        r, s = self.repository, self.session
        def one(text, frames, kind=1, **other):
            entry = r.put_pack(s, kind, frames, **other)
            name = r.put_segment(s, [entry])
            self.finding(text)
            os.unlink(os.path.join(self.path, r.last_pack))
            os.unlink(os.path.join(self.path, "index", name.hex()))
        one("another content", [r.frame(s, 1, [b"abc"], wrong=True)])
        one("twice in one pack", [r.frame(s, 1, [b"abc", b"abc"])])
        one("a frame after the padding", [r.padding(40), r.frame(s, 1, [b"abc"])])
        one("left over", [r.frame(s, 1, [b"abc"])], extra=b"\0")
        one("frame of 32 bytes", [r.padding(32)])
        sealed, entry = r.frame(s, 1, [b"abc"])
        one("check differs", [(sealed[:-1] + bytes([sealed[-1] ^ 1]), entry)])
        one("codec 7", [(sealed, entry.replace(b"\x03\0\0", b"\x03\0\x07", 1))])
        one("session number 1", [(sealed, entry.replace(b"\x03\0\0", b"\x03\x01\0", 1))])
        one("do not sum up", [(sealed + b"x", entry)])
        self.assertEqual(self.verify().findings, [])

    def test_index(self):
        r, s = self.repository, self.session
        self.commit([self.file])
        entry = r.put_pack(s, 1, [r.frame(s, 1, [b"hello" * 100])])
        duplicate = r.last_pack
        r.put_segment(s, [entry])
        self.assertEqual(self.verify().findings, [])
        os.unlink(os.path.join(self.path, duplicate))
        self.finding("is in the index and not there")
        self.assertEqual(self.restored()[1], [])
        r.put_segment(s, [], removed=[entry[:40]])
        self.assertEqual(self.verify().findings, [])
        pack = bytes.fromhex(self.one("data/")[8:72] + self.one("data/")[73:])
        r.put_segment(s, [], removed=[pack])
        self.finding("is not in the index")

    def test_segments(self):
        r, s = self.repository, self.session
        for text, other in (("kinds of the envelopes", dict(kinds=(2, 1))), ("kinds of the envelopes", dict(kinds=())),
                            ("kinds of the envelopes", dict(kinds=(1, 1))), ("a session twice", dict(before=[s]))):
            name = r.put_segment(s, [], **other)
            self.finding(text)
            os.unlink(os.path.join(self.path, "index", name.hex()))
        for kinds in ((1,), (2,)):
            r.put_segment(s, [], kinds=kinds)
        self.assertEqual(self.verify().findings, [])

    def test_the_directory_decides(self):
        """A segment that describes a pack wrongly is a finding, and what is in the pack is read all the same."""
        r, s = self.repository, self.session
        root = r.directory([self.file])
        entries = r.put_blobs(s)
        with open(os.path.join(self.path, self.one("data/")), "rb") as file:
            check = mini.H(file.read()[96:96 + 532])[:16]
        self.assertIn(check, entries[0])
        r.put_segment(s, [entries[0].replace(check, bytes(16)), entries[1]])
        r.put_snapshot(s, [r.item(root)])
        self.finding("in another way than its directory")
        target, problems = self.restored()
        self.assertEqual(problems, [])
        with open(os.path.join(target, "f"), "rb") as file:
            self.assertEqual(file.read(), b"hello" * 100)

    def test_trees(self):
        r = self.repository
        hostile = [b"..", b".", b"a/b", b"", b"a\0"]
        for name in hostile:
            with self.assertRaises(errors.Corrupt):
                trees.parse(b"\2\1\0\1" + r.file(name, [])[1], "", trees.DIRECTORY)
        a, b = r.file(b"a", [])[1], r.file(b"b", [])[1]
        self.assertEqual(len(trees.parse(b"\2\1\0\2" + a + b, "", trees.DIRECTORY)[1]), 2)
        for wrong in (b + a, a + a, a, a + b + b"\0"):
            with self.assertRaises(errors.Corrupt):
                trees.parse(b"\2\1\0\2" + wrong, "", trees.DIRECTORY)
        with self.assertRaises(errors.Unsupported):
            trees.parse(b"\2\2\0\0", "", trees.DIRECTORY)
        for wrong in (b"\1\1\0\0", b"\2\1\1\0", b"\2\1\x09\0"):
            with self.assertRaises(errors.Corrupt):
                trees.parse(wrong, "", trees.DIRECTORY)

    def test_nodes(self):
        r = self.repository
        good = r.file(b"a", [])
        odd = [r.node(7, b"socket", []), r.file(b"b", [], [(19, b"")]), r.node(1, b"c", [(9, mini.v(1)), (13, b"\0\0")]),
               r.node(6, b"d", [(13, b"\0\0")]), r.node(1, b"e", [(9, mini.v(0))]), r.file(b"f", [], mode=0o100644),
               r.node(4, b"g", [(11, mini.v(1 << 32) + mini.v(1))]), r.node(3, b"h", [(17, b"a\0b")]),
               r.node(1, b"i", [(9, mini.v(1 << 63)), (13, b"\0\1\1" + mini.v(1 << 63))])]
        self.commit([good] + odd)
        self.assertEqual(len(self.verify().findings), len(odd))
        target, problems = self.restored()
        self.assertEqual((os.listdir(target), len(problems)), (["a"], len(odd)))

    def test_links_do_not_lead_out(self):
        """A link group whose first node is a link is linked itself, not its target."""
        r = self.repository
        group = [(10, b"grouplnk")]
        self.commit([r.node(3, b"a", [(17, b"/etc/passwd")] + group), r.node(3, b"b", [(17, b"/etc/passwd")] + group),
                     r.folder(b"c", [r.file(b"d", [])])])
        target, problems = self.restored()
        self.assertEqual(problems, [])
        self.assertEqual(os.lstat(target + "/a").st_ino, os.lstat(target + "/b").st_ino)
        self.assertTrue(os.path.islink(target + "/b"))

    def test_snapshots(self):
        r = self.repository
        self.commit([self.file], heads=[b"\2" * 32])
        self.finding("neither there nor forgotten")
        r.put_snapshot(self.session, [], name=bytes(16))
        self.finding("another name")
        r.put_snapshot(self.session, [], inner_extra=mini.records((21, b"")))
        self.finding("tag 21")
        r.put_snapshot(self.session, [], outer=mini.records((8, b"")))
        r.put("snapshots/" + "0" * 32, r.seal(10, bytes(16), mini.records((1, b"\2"), (2, mini.time(1)), (3, bytes(16)))))
        self.assertEqual(self.verify().findings, [])
        r.put_note(self.session, 1, [(7, b"")])
        self.finding("tag 7")

    def test_extents(self):
        r = self.repository
        entry = r.data_entry(b"x" * 100)
        for text, extents in (("not joined", [r.hole(1), r.hole(2)]), ("not joined", [entry, entry]),
                              ("does not end where it is cut", [entry, r.data_entry(b"y")]),
                              ("do not end where they are cut", [r.data_entry(b"x" * 100, 2)])):
            self.commit([r.file(b"f", extents)])
            self.finding(text)
        self.commit([r.file(b"f", [entry, r.hole(3), r.data_entry(b"y")])])
        self.assertEqual(self.verify().findings, [])

    def test_attributes(self):
        r = self.repository
        for name, form, right in ((b"user.a", b"\0\1x", False), (b"system.posix_acl_access", b"\0\1x", True),
                                  (b"system.posix_acl_access", b"\1\1" + r.blob(1, b"x"), False)):
            self.commit([r.file(b"f", [], [(14, b"\1" + mini.string(name) + form)])])
            self.assertEqual(any("the form of attribute" in finding for finding in self.verify().findings), not right, name)

    def test_cuts(self):
        r = self.repository
        entries = [r.data_entry(b"%d" % n) for n in range(40)]
        lists = [r.metadata_blob(1, 0, [e[0] for e in part]) for part in (entries[:20], entries[20:])]
        size = sum(e[1] for e in entries)
        inner = [mini.v(sum(e[1] for e in part)) + mini.v(20) + blob for part, blob in zip((entries[:20], entries[20:]), lists)]
        root = r.metadata_blob(1, 1, inner)
        self.commit([r.node(1, b"f", [(9, mini.v(size)), (13, b"\2" + mini.v(size) + mini.v(40) + root)])])
        self.finding("not canonical")


if __name__ == "__main__":
    unittest.main()
