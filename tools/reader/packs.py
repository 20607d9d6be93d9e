"""Packs, their directories, and frames: section 8."""

import hashlib
import os

import crypto
import hpke
import objects
import store as store_module
import wire
import zstd
from errors import Corrupt

DATA, METADATA = 1, 2
STORED, ZSTD, PADDING = 0, 1, 255
BLOB_LIMIT = 16 * objects.MIB
FRAME_LIMIT = 16 * objects.MIB
SEALED_LIMIT = 16 * objects.MIB + 65536
OVERHEAD = 16 + crypto.TAG


class Session:
    """A session as a directory (`pack_kind`) or a segment (None) names it; `envelopes` by kind."""

    def __init__(self, cursor, pack_kind=None):
        self.id = cursor.take(16)
        self.epoch = cursor.u32()
        self.suite = crypto.suite(cursor.u8())
        if pack_kind is not None:
            self.envelopes = {pack_kind: hpke.read_envelope(cursor)}
            return
        envelopes = [(cursor.u8(), hpke.read_envelope(cursor)) for _ in range(cursor.count(5))]
        self.envelopes = dict(envelopes)
        if [kind for kind, _ in envelopes] not in ([DATA], [METADATA], [DATA, METADATA]):
            raise Corrupt(f"{cursor.what}: kinds of the envelopes of a session")


class Frame:
    """A frame of a directory or segment. `blobs` are (id, place in the plaintext, length)."""

    def __init__(self, cursor, sessions, pack_kind, place):
        what = cursor.what
        self.place = place
        self.sealed = cursor.v()
        self.plain = cursor.v()
        number = cursor.v()
        self.codec = wire.choice(cursor.u8(), {STORED, ZSTD, PADDING}, f"{what}: codec")
        self.check = cursor.take(16)
        count = cursor.count(33)
        if not OVERHEAD < self.sealed <= SEALED_LIMIT or self.plain > FRAME_LIMIT:
            raise Corrupt(f"{what}: frame of {self.sealed} bytes for {self.plain}")
        if number >= len(sessions):
            raise Corrupt(f"{what}: frame of session number {number}")
        self.session_number = number
        self.session = sessions[number]
        self.blobs = []
        offset = 0
        for _ in range(count):
            blob = cursor.take(32)
            length = cursor.v()
            if not 1 <= length <= BLOB_LIMIT:
                raise Corrupt(f"{what}: blob of {length} bytes")
            self.blobs.append((blob, offset, length))
            offset += length
        if offset != self.plain:
            raise Corrupt(f"{what}: frame of {self.plain} bytes whose blobs sum up to {offset}")
        if self.codec == PADDING:
            if count or number:
                raise Corrupt(f"{what}: padding with blobs or a session number")
        elif not 1 <= count <= 65535:
            raise Corrupt(f"{what}: frame of {count} blobs")
        elif pack_kind not in self.session.envelopes:
            raise Corrupt(f"{what}: frame of a session without an envelope of kind {pack_kind}")
        if self.codec == STORED and self.sealed != self.plain + OVERHEAD:
            raise Corrupt(f"{what}: stored frame whose lengths differ")

    def description(self):
        """What must be equal wherever this frame is described. Padding is of no session."""
        session = None if self.codec == PADDING else (self.session.id, self.session.epoch, self.session.suite)
        return self.place, self.sealed, self.plain, self.codec, self.check, tuple(self.blobs), session


def read_frames(cursor, sessions, pack_kind):
    frames = []
    place = objects.HEADER
    ids = set()
    for _ in range(cursor.count(20)):
        if frames and frames[-1].codec == PADDING:
            raise Corrupt(f"{cursor.what}: a frame after the padding")
        frame = Frame(cursor, sessions, pack_kind, place)
        frames.append(frame)
        place += frame.sealed
        for blob, _, _ in frame.blobs:
            if blob in ids:
                raise Corrupt(f"{cursor.what}: blob {blob.hex()} twice in one pack")
            ids.add(blob)
    return frames, place


def open_frame(sealed, frame, kind, keyring, what):
    """The blobs of a frame, as (id, plaintext); each id is verified where the id key is held."""
    if len(sealed) != frame.sealed or crypto.H(sealed)[:16] != frame.check:
        raise Corrupt(f"{what}: check differs")
    if frame.codec == PADDING:
        return []
    session = frame.session
    key = keyring.session_key(session.id, session.epoch, kind, session.envelopes[kind], what)
    info = b"cairn frame 1" + bytes([session.suite, kind]) + keyring.family
    associated = bytes([1, session.suite, kind, frame.codec]) + frame.plain.to_bytes(4, "little")
    plain = crypto.aead_open(session.suite, crypto.hkdf(key, sealed[:16], info), crypto.ZERO_NONCE, sealed[16:], associated,
                             what)
    if frame.codec == ZSTD:
        plain = zstd.decompress(plain, frame.plain, what)
    blobs = []
    id_key = keyring.id_key[kind]
    for blob, offset, length in frame.blobs:
        data = plain[offset:offset + length]
        if id_key is not None and crypto.hmac(id_key, data) != blob:
            raise Corrupt(f"{what}: blob {blob.hex()} has another content")
        blobs.append((blob, data))
    return blobs


class Pack:
    """A whole pack, opened from the store: name, header, directory and signature are verified."""

    def __init__(self, store, name, keyring):
        self.name = name
        self.kind = DATA if name.startswith("data/") else METADATA
        self.pack = store_module.pack_bytes(name)
        if name.split("/")[1] != name.split("/")[2][:2]:
            raise Corrupt(f"{name}: in the wrong folder")
        self.fd, self.size = store.open(name, objects.LIMITS[objects.DATA_PACK])
        try:
            self._read(keyring)
        except BaseException:
            os.close(self.fd)
            raise

    def _read(self, keyring):
        name = self.name
        digest = hashlib.sha256()
        for place in range(0, self.size, objects.MIB):
            digest.update(store_module.read_at(self.fd, place, min(objects.MIB, self.size - place), name))
        if digest.digest() != self.pack[:32]:
            raise Corrupt(f"{name}: SHA-256 differs from the name")
        head = store_module.read_at(self.fd, 0, min(objects.HEADER, self.size), name)
        kind = objects.DATA_PACK if self.kind == DATA else objects.META_PACK
        header = objects.Header(head, name, {kind}, keyring.family, bytes(16))
        if header.length > objects.DIRECTORY_LIMIT or header.length > self.size - objects.HEADER:
            raise Corrupt(f"{name}: directory of {header.length} bytes")
        body = store_module.read_at(self.fd, self.size - header.length, header.length, name)
        opened = objects.open_signed(header, body, keyring, name)
        self.slot = opened.certificate.slot
        cursor = wire.Cursor(opened.plain, f"{name}, directory")
        sessions = [Session(cursor, self.kind) for _ in range(cursor.count(25))]
        self.frames, end = read_frames(cursor, sessions, self.kind)
        read_extensions(cursor)
        cursor.end()
        if end + header.length != self.size:
            raise Corrupt(f"{name}: frames and directory do not sum up to its size")

    def sealed(self, frame):
        return store_module.read_at(self.fd, frame.place, frame.sealed, self.name)

    def close(self):
        os.close(self.fd)


def read_extensions(cursor):
    return wire.Records(cursor.string(), f"{cursor.what}, extensions")
