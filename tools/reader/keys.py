"""Key objects, configs, slots, epochs and session keys: sections 5 and 7."""

import re

import chunking
import crypto
import hpke
import objects
import wire
from errors import Corrupt, Forged, ReaderError, Unsupported, WrongKey
from wire import Cursor, Records

CONTENT, METADATA = 1, 2
VALID, REVOKED = 1, 2
KEY_OBJECTS_LIMIT = SLOTS_LIMIT = 1024
EPOCHS_LIMIT = 256
PACK_SIZES = range(4 << 10, (256 << 20) + 1)


class KeyObject:
    """The slot and its secrets that a password opens."""

    def __init__(self, header, plain, what):
        self.family = header.family
        cursor = Cursor(plain, what)
        self.slot = cursor.take(16)
        self.x25519_secret = cursor.take(32)
        self.ed25519_seed = cursor.take(32)
        self.root = cursor.take(32)
        self.lowest_config = cursor.u64()
        records = Records(cursor.rest(), what, once={2})
        self.label = records.raw(2, absent=b"")


def open_key_object(data, name, password):
    """A KeyObject, or None where the password is not this object's."""
    key_id = bytes.fromhex(name.split("/")[1])
    header, body = objects.read(data, name, {objects.KEY}, None, key_id)
    if header.suite != 2:
        raise Corrupt(f"{name}: suite {header.suite}")
    cursor = Cursor(body, name)
    kdf = wire.choice(cursor.u8(), {1}, f"{name}: KDF")
    memory, passes, lanes = cursor.u32(), cursor.u32(), cursor.u8()
    salt = cursor.take(16)
    commitment = cursor.take(32)
    sealed = cursor.rest()
    if kdf != 1 or not 8192 <= memory <= 4194304 or not 1 <= passes <= 64 or lanes != 1:
        raise Corrupt(f"{name}: parameters of the KDF out of bounds")
    kek = crypto.argon2id(password, salt, memory, passes, lanes)
    if not crypto.equal(commitment, crypto.hmac(kek, b"cairn commit 1" + header.bytes + body[:26])):
        return None
    key = crypto.hkdf(kek, b"", b"cairn key 1" + header.bytes)
    plain = crypto.aead_open(2, key, crypto.ZERO_NONCE, sealed, header.bytes + body[:58], name)
    return KeyObject(header, plain, name)


def find_key_object(store, password):
    problems = []
    names = [name for name in store.names("keys/") if re.match(r"keys/[0-9a-f]{32}\Z", name)]
    if len(names) > KEY_OBJECTS_LIMIT:
        problems.append(f"{len(names)} key objects; only the first {KEY_OBJECTS_LIMIT} are tried")
    for name in names[:KEY_OBJECTS_LIMIT]:
        try:
            key = open_key_object(store.get(name, objects.LIMITS[objects.KEY]), name, password)
        except (ReaderError, OSError) as problem:
            problems.append(str(problem))
            continue
        if key is not None:
            return key
    raise WrongKey("; ".join(["no key object opens with this password"] + problems))


class Certificate:
    def __init__(self, cursor):
        self.slot = cursor.take(16)
        self.ed25519 = cursor.take(32)
        self.x25519 = cursor.take(32)
        self.rights = cursor.u32()
        self.domain = cursor.u16()
        self.hosts = cursor.string()
        self.label = cursor.string()
        self.state = wire.choice(cursor.u8(), {VALID, REVOKED}, "state of a certificate")
        self.last_counter = cursor.u64()
        self.issued = cursor.time()
        if self.domain:
            raise Unsupported(f"certificate of slot {self.slot.hex()}: domain {self.domain}")
        if self.state == VALID and self.last_counter:
            raise Corrupt(f"certificate of slot {self.slot.hex()}: valid, with a last accepted counter")


class EpochPublic:
    def __init__(self, cursor):
        self.number = cursor.u32()
        self.public = {}
        for kind in (CONTENT, METADATA):
            algorithm = cursor.u16()
            key = cursor.string()
            if algorithm == hpke.KEM_X25519 and len(key) != 32:
                raise Corrupt(f"{cursor.what}: X25519 key of {len(key)} bytes")
            self.public[kind] = (algorithm, key)


class EpochKeys:
    def __init__(self, cursor):
        self.number = cursor.u32()
        self.index_key = cursor.take(32)
        self.pre_shared_key = cursor.take(32)
        flags = cursor.u8()
        if flags & ~3:
            raise Unsupported(f"{cursor.what}: flags {flags} of an epoch")
        self.secret = {}
        if flags & 1:
            self.secret[CONTENT] = cursor.take(32)
        if flags & 2:
            self.secret[METADATA] = cursor.take(32)


class SlotKeys:
    """What a slot envelope gives."""

    def __init__(self, plain, what):
        records = Records(plain, what, once={1, 3, 5, 7}, repeated={9})
        self.id_key = {CONTENT: records.raw(1, 32), METADATA: records.raw(3, 32)}
        self.chunking_key = records.raw(5, 32)
        self.root_seed = records.raw(7, 32)
        epochs = records.each(9, EpochKeys)
        wire.ascending([epoch.number for epoch in epochs], f"{what}: epochs")
        self.epochs = {epoch.number: epoch for epoch in epochs}


class Config:
    """The public part, once the root's signature was verified; `open` reads the sealed part."""

    def __init__(self, data, number, root, family):
        self.what = what = f"config/{number}"
        self.number = number
        self.hash = crypto.H(data)
        self.header, body = objects.read(data, what, {objects.CONFIG}, family, number.to_bytes(8, "little") + bytes(8))
        if len(body) < 64:
            raise Corrupt(f"{what}: without a signature")
        message = b"cairn config 1" + crypto.H(self.header.bytes) + crypto.H(body[:-64])
        if not crypto.signature_is_right(root, body[-64:], message):
            raise Forged(f"{what}: not signed by the root")
        cursor = Cursor(body[:-64], what)
        self.public = cursor.take(cursor.u32())
        self.sealed = cursor.take(cursor.u32())
        cursor.end()
        records = Records(self.public, f"{what}, public part", once={1, 3, 5}, repeated={7, 9}, needed={1, 3, 5, 7, 9})
        self.repository = records.raw(1, 16)
        self.previous = records.raw(3, 32)
        self.incompat, self.ro_compat, self.compat = records.read(5, lambda c: (c.u64(), c.u64(), c.u64()))
        if self.incompat:
            raise Unsupported(f"{what}: needs unknown features 0x{self.incompat:x}")
        if number == 1 and any(self.previous):
            raise Corrupt(f"{what}: names a config before it")
        epochs = records.each(7, EpochPublic)
        wire.ascending([epoch.number for epoch in epochs], f"{what}: epochs")
        if len(epochs) > EPOCHS_LIMIT:
            raise Corrupt(f"{what}: {len(epochs)} epochs")
        self.epochs = {epoch.number: epoch for epoch in epochs}
        if epochs[-1].number != self.header.epoch or epochs[0].number == 0:
            raise Corrupt(f"{what}: the header's epoch is not the newest")
        slots = records.each(9, lambda c: (c.take(16), hpke.read_envelope(c)))
        if len(slots) > SLOTS_LIMIT:
            raise Corrupt(f"{what}: {len(slots)} slot envelopes")
        wire.ascending([slot for slot, _ in slots], f"{what}: slot envelopes")
        self.envelopes = dict(slots)

    def slot_keys(self, key):
        what = f"{self.what}, envelope of slot {key.slot.hex()}"
        if key.slot not in self.envelopes:
            raise WrongKey(f"{self.what}: slot {key.slot.hex()} was removed")
        info = b"cairn slot 1" + self.header.family + key.slot
        return SlotKeys(hpke.open_envelope(self.envelopes[key.slot], key.x25519_secret, info, what), what)

    def open(self, index_key):
        what = f"{self.what}, sealed part"
        plain = crypto.aead_open(self.header.suite, self.header.object_key(index_key), crypto.ZERO_NONCE, self.sealed,
                                 self.header.bytes + self.public, what)
        records = Records(plain, what, once={1, 2}, repeated={3, 5}, needed={1, 5})
        self.default_suite = crypto.suite(records.u8(1))
        self.pack_size = records.read(2, Cursor.u32)
        if self.pack_size is not None and self.pack_size not in PACK_SIZES:
            raise Corrupt(f"{what}: packs of {self.pack_size} bytes")
        self.chunkers = records.each(3, chunking.read_parameters)
        wire.ascending([chunker.source for chunker in self.chunkers], f"{what}: chunkers")
        certificates = records.each(5, Certificate)
        if len(certificates) > SLOTS_LIMIT:
            raise Corrupt(f"{what}: {len(certificates)} certificates")
        wire.ascending([certificate.slot for certificate in certificates], f"{what}: certificates")
        for keys in ([c.ed25519 for c in certificates], [c.x25519 for c in certificates]):
            if len(set(keys)) != len(keys):
                raise Corrupt(f"{what}: two certificates share a key")
        self.certificates = {certificate.slot: certificate for certificate in certificates}
        for slot in self.envelopes:
            if slot not in self.certificates or self.certificates[slot].state != VALID:
                raise Corrupt(f"{what}: slot {slot.hex()} has an envelope and no valid certificate")
        return self


class Keyring:
    """All keys of a slot, by way of the newest config."""

    def __init__(self, store, password):
        self.store = store
        self.key = key = find_key_object(store, password)
        self.family = key.family
        numbers = sorted(int(name[7:]) for name in store.names("config/") if re.match(r"config/[1-9][0-9]{0,18}\Z", name))
        if not numbers:
            raise Corrupt("there is no config")
        self.numbers = numbers
        self.newest = numbers[-1]
        if self.newest < key.lowest_config:
            raise Corrupt(f"config/{self.newest} is older than config/{key.lowest_config}, which this key object knows")
        self.config = self.read_config(self.newest)
        slot = self.config.slot_keys(key)
        self.id_key, self.chunking_key, self.epochs = slot.id_key, slot.chunking_key, slot.epochs
        self.open_config(self.config)
        self.certificates = self.config.certificates
        self.own = own = self.certificates[key.slot]
        if own.ed25519 != crypto.ed25519_public(key.ed25519_seed) or own.x25519 != crypto.x25519_public(key.x25519_secret):
            raise Corrupt(f"{self.config.what}: the certificate of this slot holds other keys than the key object")
        if slot.root_seed is not None and crypto.ed25519_public(slot.root_seed) != key.root:
            raise Corrupt(f"{self.config.what}: the root seed of this slot is another root's")
        for number, epoch in self.epochs.items():
            public = self.config.epochs.get(number)
            if public is None:
                raise Corrupt(f"{self.config.what}: the slot holds keys of epoch {number}, which the config does not know")
            for kind, secret in epoch.secret.items():
                if public.public[kind] != (hpke.KEM_X25519, crypto.x25519_public(secret)):
                    raise Corrupt(f"{self.config.what}: the key pair of epoch {number} does not fit together")
        self._sessions = {}

    def read_config(self, number):
        return Config(self.store.get(f"config/{number}", objects.LIMITS[objects.CONFIG]), number, self.key.root, self.family)

    def open_config(self, config):
        epoch = self.epochs.get(config.header.epoch)
        if epoch is None:
            raise WrongKey(f"{config.what}: the index key of epoch {config.header.epoch} is not held")
        return config.open(epoch.index_key)

    def verify_chain(self):
        """Finds what is wrong with the configs from the first to the newest."""
        before = bytes(32)
        for number in range(1, self.newest + 1):
            if number not in self.numbers:
                yield f"config/{number} is missing"
                before = None
                continue
            try:
                config = self.open_config(self.read_config(number))
            except ReaderError as problem:
                yield str(problem)
                before = None
                continue
            if before is not None and config.previous != before:
                yield f"config/{number}: does not name the config before it"
            if config.repository != self.config.repository:
                yield f"config/{number}: of another repository"
            before = config.hash

    def session_key(self, session, epoch_number, kind, envelope, what):
        """The session key of a kind, from an envelope of its secret: section 5.4."""
        cached = (session, epoch_number, kind, envelope)
        if cached not in self._sessions:
            epoch = self.epochs.get(epoch_number)
            if epoch is None or kind not in epoch.secret:
                raise WrongKey(f"{what}: the secret key of kind {kind} of epoch {epoch_number} is not held")
            binding = self.family + epoch_number.to_bytes(4, "little") + session + bytes([kind])
            secret = hpke.open_envelope(envelope, epoch.secret[kind], b"cairn session 1" + binding, what)
            if len(secret) != 32:
                raise Corrupt(f"{what}: session secret of {len(secret)} bytes")
            self._sessions[cached] = crypto.hkdf(secret, epoch.pre_shared_key, b"cairn session key 1" + binding)
        return self._sessions[cached]
