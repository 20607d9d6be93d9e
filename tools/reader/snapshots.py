"""Snapshots, fences, notes, forgotten records, sessions, tombstones and seen lists: sections 11 and 13.6."""

import ctypes
import re

import chunking
import crypto
import hpke
import objects
import packs
import wire
from errors import Corrupt, Forged, ReaderError
from keys import METADATA, REVOKED
from wire import Cursor, Records

FILES, STREAM, SQLITE = 1, 2, 4
KNOWN_ITEMS = (FILES, STREAM, SQLITE)
_fnmatch = ctypes.CDLL(None).fnmatch
_fnmatch.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]


def host_matches(pattern, host):
    """fnmatch(3) without flags: python's own fnmatch knows neither backslashes nor classes."""
    return b"\0" not in pattern + host and _fnmatch(pattern, host, 0) == 0


def open_records(data, name, kinds, keyring, header_name, **tags):
    """(opened, Records) of an object that is made of records. `tags` are `once`, `repeated`, `needed`."""
    header, body = objects.read(data, name, kinds, keyring.family, header_name)
    opened = objects.open_signed(header, body, keyring, name)
    return opened, Records(opened.plain, name, **tags)


def take_all(size):
    return lambda cursor: cursor.take(size)


def is_item_name(name):
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return 1 <= len(name) <= 255 and b"/" not in name and b"\0" not in name and name not in (b".", b"..")


class Item:
    def __init__(self, data, what):
        records = Records(data, what, once={1, 3, 4, 5, 6, 7, 8, 10}, repeated={2}, needed={1, 3, 5, 7})
        self.name = records.raw(1)
        if not is_item_name(self.name):
            raise Corrupt(f"{what}: {self.name!r} is no name of an item")
        self.kind = records.u8(3)
        self.root = records.raw(5, 32)
        self.complete = wire.choice(records.u8(7), {1, 2}, f"{what}: completeness") == 1
        self.paths = [path for path in records.each(2, Cursor.rest)]
        self.chunker = records.read(4, chunking.read_parameters)
        self.unread = records.v(6, 0)
        self.command = records.read(8, lambda c: (c.v(), c.take(32)))
        if records.has(10):
            Records(records.raw(10), f"{what}, source parameters")


class Snapshot:
    """A snapshot: the outer records; `inner` is None where the metadata key of its epoch is not held."""

    def __init__(self, data, name, keyring):
        self.id = bytes.fromhex(name.split("/")[1])
        self.hash = crypto.H(data)
        opened, records = open_records(data, name, {objects.SNAPSHOT}, keyring, self.id, once={1, 5, 7}, repeated={3},
                                       needed={1, 5, 7})
        self.header = opened.header
        self.certificate = opened.certificate
        self.counter = records.u64(1)
        if self.counter == 0:
            raise Corrupt(f"{name}: counter 0")
        if self.certificate.state == REVOKED and self.counter > self.certificate.last_counter:
            raise Forged(f"{name}: above the last counter that is accepted from a revoked slot")
        self.heads = wire.ascending(records.each(3, take_all(32)), f"{name}: heads")
        epoch, suite, envelope = records.read(5, lambda c: (c.u32(), crypto.suite(c.u8()), hpke.read_envelope(c)))
        sealed = records.raw(7)
        if len(sealed) < 32:
            raise Corrupt(f"{name}: inner part of {len(sealed)} bytes")
        key = keyring.session_key(self.id, epoch, METADATA, envelope, name)
        inner_key = crypto.hkdf(key, sealed[:16], b"cairn snapshot 1" + opened.header.bytes)
        plain = crypto.aead_open(suite, inner_key, crypto.ZERO_NONCE, sealed[16:], opened.header.bytes, f"{name}, inner part")
        self._read_inner(plain, f"{name}, inner part")
        if not host_matches(self.certificate.hosts, self.host):
            raise Forged(f"{name}: slot {self.certificate.slot.hex()} may not put snapshots of this host")

    def _read_inner(self, plain, what):
        inner = Records(plain, what, once={1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 18, 20}, repeated={9, 12, 16}, needed={1, 3, 5, 7})
        self.host, self.user = inner.raw(1), inner.raw(2)
        self.start, self.end = inner.time(3), inner.time(5)
        self.program = inner.raw(4)
        self.minutes_east, self.zone = inner.read(6, Cursor.s), inner.raw(8)
        self.klass = wire.choice(inner.u8(7), {1, 2, 3, 4}, f"{what}: class")
        self.items = [Item(data, f"{what}, item {number}") for number, data in enumerate(inner.each(9, Cursor.rest))]
        if len(self.items) > 65535:
            raise Corrupt(f"{what}: {len(self.items)} items")
        if len({item.name for item in self.items}) < len(self.items):
            raise Corrupt(f"{what}: two items of one name")
        self.parent = inner.raw(10, 16)
        self.needs = inner.each(12, take_all(16))
        self.description = inner.raw(14)
        self.tags = wire.ascending(inner.each(16, Cursor.rest), f"{what}: tags")
        self.totals = inner.read(18, lambda c: tuple(c.v() for _ in range(6)))
        self.original = inner.raw(20, 16)
        self.protected = False
        self.expiry = None

    def apply(self, notes):
        """Applies this snapshot's notes in their order."""
        tags = set(self.tags)
        for note in sorted(notes, key=lambda note: (note.counter, note.slot, note.id)):
            tags = (tags - set(note.taken)) | set(note.added)
            if note.description is not None:
                self.description = note.description
            if note.protection is not None:
                self.protected = note.protection
            if note.expiry is not None:
                self.expiry = note.expiry or None
        self.tags = sorted(tags)


class Fence:
    def __init__(self, data, name, keyring):
        self.id = bytes.fromhex(name.split("/")[1])
        _, records = open_records(data, name, {objects.FENCE}, keyring, self.id, once={1, 2, 3}, needed={1, 3})
        self.reason = wire.choice(records.u8(1), {1, 2}, f"{name}: reason")
        self.by = records.raw(3, 16)
        self.time = records.time(2)


class Note:
    def __init__(self, data, name, keyring):
        _, snapshot, own = name.split("/")
        self.id = bytes.fromhex(own)
        opened, records = open_records(data, name, {objects.NOTE}, keyring, self.id, once={1, 3, 5, 6, 8, 10}, repeated={2, 4},
                                       needed={1, 3, 5})
        self.slot = opened.certificate.slot
        self.snapshot = records.raw(1, 16)
        if self.snapshot.hex() != snapshot:
            raise Corrupt(f"{name}: of another snapshot")
        self.counter = records.u64(3)
        self.time = records.time(5)
        self.added, self.taken = records.each(2, Cursor.rest), records.each(4, Cursor.rest)
        self.description = records.raw(6)
        protection = records.u8(8)
        if protection not in (None, 0, 1):
            raise Corrupt(f"{name}: protection {protection}")
        self.protection = None if protection is None else bool(protection)
        self.expiry = records.read(10, lambda c: c.time() if c.left() else 0)


class Forgotten:
    def __init__(self, data, name, keyring):
        _, records = open_records(data, name, {objects.FORGOTTEN}, keyring, bytes.fromhex(name.split("/")[1]), once={3},
                                  repeated={1}, needed={1, 3})
        wire.ascending(records.each(1, Cursor.rest), f"{name}: what was forgotten")
        self.entries = records.each(1, lambda c: (c.take(16), c.take(16), c.u64(), c.take(32), c.u8()))
        for entry in self.entries:
            wire.choice(entry[4], {1, 2}, f"{name}: reason")
        self.time = records.time(3)


def check_session(data, name, keyring):
    """A session, its end, or a sign of life."""
    last = name.split("/")[1]
    own = bytes.fromhex(last[:32])
    if len(last) == 32:
        _, records = open_records(data, name, {objects.SESSION}, keyring, own, once={1, 2, 3, 4, 5, 6, 8}, needed={1, 3, 5})
        records.time(1)
        wire.choice(records.u8(3), {1, 2, 3}, f"{name}: purpose")
        records.u64(5)
        records.raw(6, 16)
        records.v(8)
    elif last.endswith(".end"):
        _, records = open_records(data, name, {objects.SESSION_END}, keyring, own, once={1}, needed={1})
        records.time(1)
    else:
        _, records = open_records(data, name, {objects.SIGN}, keyring, own, once={1, 3}, needed={1, 3})
        records.time(1)
        if records.v(3) != int(last[33:]):
            raise Corrupt(f"{name}: of another number")


def check_tombstone(data, name, keyring):
    last = name.split("/")[1]
    if last.endswith(".seen"):
        _, records = open_records(data, name, {objects.SEEN}, keyring, bytes.fromhex(last[:32]), once={5}, repeated={1, 3},
                                  needed={1, 5})
        for tag in (1, 3):
            wire.ascending(records.each(tag, take_all(16)), f"{name}, tag {tag}")
        records.time(5)
        return
    _, records = open_records(data, name, {objects.TOMBSTONE}, keyring, bytes(16), once={1, 3, 5, 7}, needed={1, 3, 5, 7})
    if records.raw(1, 40) != bytes.fromhex(last[:64]) + bytes.fromhex(last[65:]):
        raise Corrupt(f"{name}: of another pack")
    records.raw(3, 16)
    wire.choice(records.u8(5), {packs.DATA, packs.METADATA}, f"{name}: kind of the pack")
    records.time(7)


class History:
    """All snapshots with their notes applied, the fences, the forgotten records, and what is wrong with them."""

    def __init__(self, store, keyring):
        self.snapshots, self.fences, self.forgotten, self.notes = {}, {}, [], {}
        self.findings = []

        def each(folder, shape, read):
            for name in store.names(folder):
                if not re.match(shape + r"\Z", name):
                    continue
                try:
                    read(name)
                except (ReaderError, OSError) as problem:
                    self.findings.append(str(problem))

        def read_snapshot(name):
            data = store.get(name, objects.LIMITS[objects.SNAPSHOT])
            if len(data) > 6 and data[6] == objects.FENCE:
                fence = Fence(data, name, keyring)
                self.fences[fence.id] = fence
            else:
                snapshot = Snapshot(data, name, keyring)
                self.snapshots[snapshot.id] = snapshot

        def read_note(name):
            note = Note(store.get(name, objects.LIMITS[objects.NOTE]), name, keyring)
            self.notes.setdefault(note.snapshot, []).append(note)

        each("snapshots/", "snapshots/[0-9a-f]{32}", read_snapshot)
        each("notes/", "notes/[0-9a-f]{32}/[0-9a-f]{32}", read_note)
        each("forgotten/", "forgotten/[0-9a-f]{32}", lambda name: self.forgotten.append(
            Forgotten(store.get(name, objects.LIMITS[objects.FORGOTTEN]), name, keyring)))
        for snapshot in self.snapshots.values():
            snapshot.apply(self.notes.get(snapshot.id, []))

    def unexplained_heads(self):
        """(snapshot, head) for each head that is neither there nor forgotten."""
        there = {(snapshot.certificate.slot, snapshot.hash) for snapshot in self.snapshots.values()}
        there |= {(entry[1], entry[3]) for record in self.forgotten for entry in record.entries}
        for snapshot in self.snapshots.values():
            for head in snapshot.heads:
                if (snapshot.certificate.slot, head) not in there:
                    yield snapshot, head

    def ordered(self):
        return sorted(self.snapshots.values(), key=lambda snapshot: (snapshot.start, snapshot.id))

    def find(self, text):
        """A snapshot by its id, an unambiguous beginning of it, or `latest`."""
        if text == "latest" and self.snapshots:
            return self.ordered()[-1]
        found = [snapshot for snapshot in self.snapshots.values() if text and snapshot.id.hex().startswith(text)]
        if len(found) != 1:
            raise ReaderError(f"{text}: {len(found)} snapshots have such an id" + "".join("; " + f for f in self.findings))
        return found[0]
