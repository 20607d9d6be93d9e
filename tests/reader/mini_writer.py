"""Writes tiny repositories, right or wrong ones, to try the reader with. Shares no code with the reader or the engine."""

import hashlib
import hmac
import os
import struct

import argon2.low_level
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

OWNER, WRITER, MAINTAINER = 0x8000031F, 0x0000011C, 0x0000021A
DATA, META = 1, 2


def v(n):
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def s(n):
    return v(2 * n if n >= 0 else -2 * n - 1)


def string(data):
    return v(len(data)) + data


def time(seconds, nanoseconds=0):
    return s(seconds) + v(nanoseconds)


def records(*pairs):
    return b"".join(v(tag) + string(value) for tag, value in pairs)


def u8(n):
    return struct.pack("<B", n)


def u32(n):
    return struct.pack("<I", n)


def u64(n):
    return struct.pack("<Q", n)


def chunker(kind, least, average, most):
    return u8(1) + u8(kind) + u32(least) + u32(average) + u32(most)


GEAR = chunker(2, 1 << 18, 1 << 20, 1 << 23)


def H(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, "sha256").digest()


def hkdf(ikm, salt, info):
    return mac(mac(salt or bytes(32), ikm), info + b"\x01")


def raw(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def secret_of(private):
    return private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def aead(suite, key):
    return (AESGCM, ChaCha20Poly1305)[suite - 1](key)


def hpke_seal(public, plain, info):
    """Base mode, X25519, SHA-256, AES-256-GCM."""
    kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\x01\0\x02"
    def extract(which, salt, label, data):
        return mac(salt or bytes(32), b"HPKE-v1" + which + label + data)
    def expand(which, key, label, data, size):
        return mac(key, struct.pack(">H", size) + b"HPKE-v1" + which + label + data + b"\x01")[:size]
    ephemeral = X25519PrivateKey.generate()
    enc = raw(ephemeral)
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    shared = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", enc + public, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key, nonce = expand(suite, secret, b"key", context, 32), expand(suite, secret, b"base_nonce", context, 12)
    sealed = enc + AESGCM(key).encrypt(nonce, plain, b"")
    return struct.pack("<HH", 0x20, len(sealed)) + sealed


def renumber(entry, number):
    """An entry of a frame of session 0 for a segment where the session has another number."""
    place = 0
    for _ in range(2):
        while entry[place] & 128:
            place += 1
        place += 1
    return entry[:place] + v(number) + entry[place + 1:]


def zstd_raw(data):
    """A zstd frame of raw blocks."""
    out = b"\x28\xb5\x2f\xfd" + b"\xe0" + u64(len(data))
    pieces = [data[i:i + 65536] for i in range(0, len(data), 65536)]
    for number, piece in enumerate(pieces):
        out += (len(piece) << 3 | (number == len(pieces) - 1)).to_bytes(3, "little") + piece
    return out


class Slot:
    def __init__(self, rights):
        self.id = os.urandom(16)
        self.sign = Ed25519PrivateKey.generate()
        self.dh = X25519PrivateKey.generate()
        self.rights = rights
        self.hosts = b"*"
        self.state, self.last = 1, 0


class Session:
    def __init__(self, repository, suite=1):
        self.id = os.urandom(16)
        self.suite = suite
        self.secret = {DATA: os.urandom(32), META: os.urandom(32)}
        self.key, self.envelope = {}, {}
        for kind in (DATA, META):
            binding = repository.family + u32(1) + self.id + u8(kind)
            self.envelope[kind] = hpke_seal(raw(repository.pair[kind]), self.secret[kind], b"cairn session 1" + binding)
            self.key[kind] = hkdf(self.secret[kind], repository.psk, b"cairn session key 1" + binding)

    def head(self):
        return self.id + u32(1) + u8(self.suite)


class Repository:
    def __init__(self, path, password=b"secret", suite=1):
        self.path, self.suite = path, suite
        self.family, self.repository_id = os.urandom(16), os.urandom(16)
        self.root = Ed25519PrivateKey.generate()
        self.id_key = {DATA: os.urandom(32), META: os.urandom(32)}
        self.chunking, self.index_key, self.psk = os.urandom(32), os.urandom(32), os.urandom(32)
        self.pair = {DATA: X25519PrivateKey.generate(), META: X25519PrivateKey.generate()}
        self.owner = Slot(OWNER)
        self.slots = [self.owner]
        self.blobs = {DATA: {}, META: {}}
        self.put_key(password, self.owner)
        self.configs = []
        self.put_config()

    def put(self, name, data):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return data

    def header(self, kind, name, length, **other):
        fields = dict(magic=b"cairn\0", major=1, features=0, family=self.family, epoch=1, domain=0, suite=self.suite, flags=0,
                      salt=os.urandom(16), reserved=bytes(16))
        fields.update(other)
        return (fields["magic"] + u8(kind) + u8(fields["major"]) + u64(fields["features"]) + fields["family"]
                + u32(fields["epoch"]) + struct.pack("<H", fields["domain"]) + u8(fields["suite"]) + u8(fields["flags"])
                + name + fields["salt"] + u64(length) + fields["reserved"])

    def put_key(self, password, slot, kdf=1, memory=8192, extra=b""):
        key_id = os.urandom(16)
        plain = slot.id + secret_of(slot.dh) + secret_of(slot.sign) + raw(self.root) + u64(1) + records((2, b"first")) + extra
        header = self.header(2, key_id, 58 + len(plain) + 16, epoch=0, suite=2)
        start = u8(kdf) + u32(memory) + u32(1) + u8(1) + os.urandom(16)
        kek = argon2.low_level.hash_secret_raw(password, start[10:], 1, 8192, 1, 32, argon2.low_level.Type.ID)
        start += mac(kek, b"cairn commit 1" + header + start)
        sealed = ChaCha20Poly1305(hkdf(kek, b"", b"cairn key 1" + header)).encrypt(bytes(12), plain, header + start)
        return self.put("keys/" + key_id.hex(), header + start + sealed)

    def put_config(self, public_extra=b"", sealed_extra=b"", incompat=0, previous=None, envelope=None, pack_size=1 << 24,
                   chunker=GEAR):
        n = len(self.configs) + 1
        previous = previous or (H(self.configs[-1]) if self.configs else bytes(32))
        slots = sorted(self.slots, key=lambda slot: slot.id)
        public = [(1, self.repository_id), (3, previous), (5, u64(incompat) + u64(0) + u64(0)),
                  (7, u32(1) + b"".join(struct.pack("<H", 0x20) + string(raw(self.pair[kind])) for kind in (DATA, META)))]
        for slot in slots:
            if slot.state == 1:
                secrets = records((1, self.id_key[DATA]), (3, self.id_key[META]), (5, self.chunking), (7, secret_of(self.root)),
                                  (9, u32(1) + self.index_key + self.psk + u8(3) + secret_of(self.pair[DATA]) + secret_of(self.pair[META])))
                public.append((9, slot.id + (envelope or hpke_seal(raw(slot.dh), secrets, b"cairn slot 1" + self.family + slot.id))))
        public = records(*public) + public_extra
        sealed = records((1, u8(self.suite)), (2, u32(pack_size)), (3, chunker),
                         *[(5, slot.id + raw(slot.sign) + raw(slot.dh) + u32(slot.rights) + b"\0\0" + string(slot.hosts) + string(b"label")
                            + u8(slot.state) + u64(slot.last) + time(1700000000)) for slot in slots]) + sealed_extra
        length = 8 + len(public) + len(sealed) + 16 + 64
        header = self.header(1, u64(n) + bytes(8), length)
        key = hkdf(self.index_key, header[56:72], b"cairn object 1" + header)
        body = u32(len(public)) + public + u32(len(sealed) + 16) + aead(self.suite, key).encrypt(bytes(12), sealed, header + public)
        body += self.root.sign(b"cairn config 1" + H(header) + H(body))
        self.configs.append(self.put(f"config/{n}", header + body))

    def seal(self, kind, name, content, slot=None, between=b"", index_key=None, signature=None, **header_fields):
        """A sealed and signed object; `between` are the frames of a pack."""
        slot = slot or self.owner
        size = len(content) + 80
        pieces = -(-size // (1 << 20))
        header = self.header(kind, name, size + 16 * pieces, **header_fields)
        plain = content + slot.id + (signature or slot.sign.sign(b"cairn sign 1" + slot.id + H(header) + H(content)))
        cipher = aead(header[38], hkdf(index_key or self.index_key, header[56:72], b"cairn object 1" + header))
        body = b"".join(cipher.encrypt(u64(i) + u32(i == pieces - 1), plain[i << 20:(i + 1) << 20], header) for i in range(pieces))
        return header + between + body

    def frame(self, session, kind, blobs, codec=0, wrong=False):
        """(sealed bytes, entry of a directory for session number 0)."""
        plain = b"".join(blobs)
        suite = session.suite
        salt = os.urandom(16)
        key = hkdf(session.key[kind], salt, b"cairn frame 1" + u8(suite) + u8(kind) + self.family)
        associated = u8(1) + u8(suite) + u8(kind) + u8(codec) + u32(len(plain))
        sealed = salt + aead(suite, key).encrypt(bytes(12), zstd_raw(plain) if codec == 1 else plain, associated)
        entry = v(len(sealed)) + v(len(plain)) + v(0) + u8(codec) + H(sealed)[:16] + v(len(blobs))
        for blob in blobs:
            blob_id = mac(self.id_key[kind], blob + (b"!" if wrong else b""))
            entry += blob_id + v(len(blob))
        return sealed, entry

    def padding(self, size):
        sealed = os.urandom(size)
        return sealed, v(size) + v(0) + v(0) + u8(255) + H(sealed)[:16] + v(0)

    def put_pack(self, session, kind, frames, extra=b"", slot=None, **header_fields):
        """Puts a pack and gives its entry for a segment of the same session."""
        entries = v(len(frames)) + b"".join(entry for _, entry in frames)
        content = v(1) + session.head() + session.envelope[kind] + entries + string(b"") + extra
        data = self.seal(2 + kind, bytes(16), content, slot, b"".join(sealed for sealed, _ in frames), **header_fields)
        pack = H(data) + os.urandom(8)
        name = f"{('data', 'meta')[kind - 1]}/{pack[:1].hex()}/{pack[:32].hex()}-{pack[32:].hex()}"
        self.put(name, data)
        self.last_pack = name
        return pack + u8(kind) + v(len(data)) + entries

    def put_segment(self, session, packs, removed=(), retired=(), covers=(), extra=b"", slot=None, before=(), kinds=(DATA, META)):
        """`before` are sessions with smaller numbers."""
        name = os.urandom(16)
        sessions = list(before) + [session]
        content = u8(0) + v(len(covers)) + b"".join(covers) + v(len(sessions)) \
            + b"".join(s.head() + v(len(kinds)) + b"".join(u8(kind) + s.envelope[kind] for kind in kinds) for s in sessions) \
            + v(len(packs)) + b"".join(packs) \
            + v(len(removed)) + b"".join(removed) + v(len(retired)) + b"".join(retired) + string(b"") + extra
        self.put("index/" + name.hex(), self.seal(5, name, content, slot))
        return name

    def put_snapshot(self, session, items, counter=1, heads=(), slot=None, outer=b"", inner_extra=b"", name=None):
        content_of = lambda sealed: records((1, u64(counter)), *[(3, head) for head in sorted(heads)],
                                            (5, session.head()[16:] + session.envelope[META]), (7, sealed)) + outer
        inner = records((1, b"host"), (2, b"user"), (3, time(1700000000, 5)), (4, b"mini 1"), (5, time(1700000100)),
                        (6, s(-60)), (7, u8(1)), (8, b"Europe/Madrid"), *[(9, item) for item in items],
                        (14, b"first"), (16, b"a"), (16, b"b")) + inner_extra
        size = len(content_of(bytes(32 + len(inner)))) + 80
        salt = os.urandom(16)
        fields = dict(salt=os.urandom(16))
        header = self.header(9, session.id, size + 16, **fields)
        key = hkdf(session.key[META], salt, b"cairn snapshot 1" + header)
        sealed = salt + aead(session.suite, key).encrypt(bytes(12), inner, header)
        data = self.seal(9, session.id, content_of(sealed), slot, **fields)
        return self.put("snapshots/" + (name or session.id).hex(), data)

    def put_note(self, session, counter, content):
        name = os.urandom(16)
        return self.put(f"notes/{session.id.hex()}/{name.hex()}",
                        self.seal(13, name, records(*sorted(content + [(1, session.id), (3, u64(counter)), (5, time(1700000200))]))))

    def put_forgotten(self, entries, why=1):
        name = os.urandom(16)
        self.put("forgotten/" + name.hex(), self.seal(14, name, records(
            *[(1, entry + u8(why)) for entry in sorted(entries)], (3, time(1700000300)))))

    # Trees

    def blob(self, kind, data):
        blob_id = mac(self.id_key[kind], data)
        self.blobs[kind][blob_id] = data
        return blob_id

    def metadata_blob(self, kind, depth, entries):
        return self.blob(META, u8(kind) + u8(1) + u8(depth) + v(len(entries)) + b"".join(entries))

    def data_entry(self, data, count=1):
        blob_id = self.blob(DATA, data)
        if count > 1:
            return u8(2) + v(len(data)) + v(count) + blob_id, len(data) * count, blob_id
        return u8(0) + v(len(data)) + blob_id, len(data), blob_id

    @staticmethod
    def hole(length):
        return u8(1) + v(length), length, None

    def content(self, extents, average=128):
        """A value of tag 13."""
        if len(extents) <= 4:
            return u8(0) + v(len(extents)) + b"".join(data for data, _, _ in extents)
        level, depth = [(data, size, 1, blob_id) for data, size, blob_id in extents], 0
        while True:
            above, now = [], []
            for position, entry in enumerate(level):
                now.append(entry)
                cut = entry[3] is not None and int.from_bytes(entry[3][:8], "big") < 2**64 // average
                if len(now) == 128 or (len(now) >= 8 and cut) or position == len(level) - 1:
                    blob_id = self.metadata_blob(1, depth, [data for data, _, _, _ in now])
                    size, leaves = sum(e[1] for e in now), sum(e[2] for e in now)
                    above.append((v(size) + v(leaves) + blob_id, size, leaves, blob_id))
                    now = []
            depth += 1
            if len(above) == 1:
                return u8(depth) + v(above[0][1]) + v(above[0][2]) + above[0][3]
            level = above

    def node(self, kind, name, fields, mode=0o644, modified=(1600000000, 123456789)):
        common = [(1, v(mode)), (2, b"root"), (3, v(os.getuid())), (5, v(os.getgid())), (7, time(*modified))]
        value = records(*sorted(common + fields, key=lambda field: field[0]))
        return name, string(name) + u8(kind) + string(value), dict(fields)

    def file(self, name, extents, fields=(), **other):
        return self.node(1, name, [(9, v(sum(size for _, size, _ in extents))), (13, self.content(extents))] + list(fields), **other)

    def folder(self, name, nodes, **other):
        return self.node(2, name, [(15, v(len(nodes)) + self.directory(nodes))], **other)

    def directory(self, nodes):
        level = [(name, entry, 1, 0) for name, entry, _ in sorted(nodes)]
        depth = 0
        while True:
            above, now = [], []
            for position, entry in enumerate(level):
                now.append(entry)
                place = 8 * (depth % 4)
                cut = int.from_bytes(mac(self.id_key[META], b"cairn cut 1" + entry[0])[place:place + 8], "big") < 2**58
                if len(now) == 256 or (len(now) >= 16 and cut) or position == len(level) - 1:
                    blob_id = self.metadata_blob(2, depth, [e[1] for e in now])
                    leaves = sum(e[2] for e in now)
                    above.append((entry[0], string(entry[0]) + v(leaves) + v(0) + blob_id, leaves, 0))
                    last = blob_id
                    now = []
            if not level:
                return self.metadata_blob(2, 0, [])
            depth += 1
            if len(above) == 1:
                return last
            level = above

    def item(self, root, extra=(), chunker=GEAR, name=b"home"):
        return records(*sorted([(1, name), (2, b"/home"), (3, u8(1)), (4, chunker), (5, root), (7, u8(1))] + list(extra)))

    def put_blobs(self, session, codec=1, padding=100):
        """Puts all blobs in a data pack and a metadata pack; gives their entries for a segment."""
        packs = []
        for kind in (DATA, META):
            frames, now = [], []
            for data in self.blobs[kind].values():
                now.append(data)
                if sum(map(len, now)) > 1 << 18:
                    frames.append(self.frame(session, kind, now, codec))
                    now = []
            if now:
                frames.append(self.frame(session, kind, now, 0))
            packs.append(self.put_pack(session, kind, frames + ([self.padding(padding)] if padding else [])))
        return packs

    def put_session(self, session):
        self.put("sessions/" + session.id.hex(), self.seal(6, session.id, records((1, time(1700000000)), (3, u8(1)), (5, u64(0)))))
