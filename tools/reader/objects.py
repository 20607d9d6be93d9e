"""Headers, sealed bodies and their signatures: section 6."""

import crypto
from errors import Corrupt, Forged, Unsupported, WrongKey
from wire import Cursor

MAGIC = b"cairn\0"
HEADER = 96
PIECE = 1 << 20
MIB = 1 << 20

(CONFIG, KEY, DATA_PACK, META_PACK, SEGMENT, SESSION, SESSION_END, SIGN, SNAPSHOT, FENCE, TOMBSTONE, SEEN, NOTE,
 FORGOTTEN) = range(1, 15)
LIMITS = {CONFIG: 16 * MIB, KEY: 4096, DATA_PACK: 1024 * MIB, META_PACK: 1024 * MIB, SEGMENT: 64 * MIB, SESSION: 65536,
          SESSION_END: 65536, SIGN: 65536, SNAPSHOT: 16 * MIB, FENCE: 65536, TOMBSTONE: 65536, SEEN: 16 * MIB,
          NOTE: 16 * MIB, FORGOTTEN: 16 * MIB}
DIRECTORY_LIMIT = 64 * MIB
WRITES, MAINTAINS = 1 << 8, 1 << 9
RIGHTS = {DATA_PACK: WRITES | MAINTAINS, META_PACK: WRITES | MAINTAINS, SEGMENT: WRITES | MAINTAINS,
          SESSION: WRITES | MAINTAINS, SESSION_END: WRITES | MAINTAINS, SIGN: WRITES | MAINTAINS, SNAPSHOT: WRITES,
          FENCE: MAINTAINS, TOMBSTONE: MAINTAINS, SEEN: MAINTAINS, NOTE: MAINTAINS, FORGOTTEN: MAINTAINS}


class Header:
    """The 96 bytes, checked in the order of section 6.1: first whether this program knows what the header says, then whether it
    is what the object's name says. `family` None: not known yet (key objects)."""

    def __init__(self, data, what, kinds, family, name):
        if data[:6] != MAGIC:
            raise Corrupt(f"{what}: magic differs")
        if len(data) < HEADER:
            raise Corrupt(f"{what}: shorter than a header")
        self.bytes = bytes(data[:HEADER])
        cursor = Cursor(self.bytes, what)
        cursor.take(6)
        self.kind = cursor.u8()
        major = cursor.u8()
        features = cursor.u64()
        self.family = cursor.take(16)
        self.epoch = cursor.u32()
        domain = cursor.u16()
        self.suite = cursor.u8()
        flags = cursor.u8()
        self.name = cursor.take(16)
        self.salt = cursor.take(16)
        self.length = cursor.u64()
        reserved = cursor.take(16)
        if major != 1:
            raise Unsupported(f"{what}: major version {major}")
        if features:
            raise Unsupported(f"{what}: needs unknown features 0x{features:x}")
        if not CONFIG <= self.kind <= FORGOTTEN:
            raise Unsupported(f"{what}: kind {self.kind} is not known")
        if domain:
            raise Unsupported(f"{what}: domain {domain}")
        crypto.suite(self.suite)
        if flags or any(reserved):
            raise Unsupported(f"{what}: flags or reserved bytes are not zero")
        if self.kind not in kinds:
            raise Forged(f"{what}: kind {self.kind} does not belong under this name")
        if family is not None and self.family != family:
            raise Forged(f"{what}: of another family")
        if self.name != name:
            raise Forged(f"{what}: was put under another name")
        if (self.epoch == 0) != (self.kind == KEY):
            raise Corrupt(f"{what}: epoch {self.epoch}")

    def object_key(self, index_key):
        return crypto.hkdf(index_key, self.salt, b"cairn object 1" + self.bytes)


def read(data, what, kinds, family, name):
    """Header and body of an object that is not a pack."""
    header = Header(data, what, kinds, family, name)
    if len(data) != HEADER + header.length:
        raise Corrupt(f"{what}: {len(data)} bytes where the header says {HEADER + header.length}")
    if len(data) > LIMITS[header.kind]:
        raise Corrupt(f"{what}: larger than its kind may be")
    return header, data[HEADER:]


def open_pieces(header, body, index_key, what):
    """The plaintext of a sealed body."""
    full = PIECE + crypto.TAG
    count = max(1, -(-len(body) // full))
    if count > 1 and len(body) - (count - 1) * full <= crypto.TAG:
        raise Corrupt(f"{what}: last piece is empty")
    key = header.object_key(index_key)
    plain = bytearray()
    for number in range(count):
        nonce = number.to_bytes(8, "little") + (number == count - 1).to_bytes(4, "little")
        plain += crypto.aead_open(header.suite, key, nonce, body[number * full:(number + 1) * full], header.bytes, what)
    return bytes(plain)


class Opened:
    """What a sealed and signed body holds: its header, plaintext without the signature, and signing certificate."""

    def __init__(self, header, plain, certificate):
        self.header = header
        self.plain = plain
        self.certificate = certificate


def open_signed(header, body, keyring, what):
    """Opens a body, checks the signature and the right to it."""
    epoch = keyring.epochs.get(header.epoch)
    if epoch is None or epoch.index_key is None:
        raise WrongKey(f"{what}: the index key of epoch {header.epoch} is not held")
    plain = open_pieces(header, body, epoch.index_key, what)
    if len(plain) < 80:
        raise Corrupt(f"{what}: without a signature")
    content, slot, signature = plain[:-80], plain[-80:-64], plain[-64:]
    certificate = keyring.certificates.get(slot)
    if certificate is None:
        raise Forged(f"{what}: signed by slot {slot.hex()}, which has no certificate")
    if not certificate.rights & RIGHTS[header.kind]:
        raise Forged(f"{what}: slot {slot.hex()} has no right to kind {header.kind}")
    message = b"cairn sign 1" + slot + crypto.H(header.bytes) + crypto.H(content)
    if not crypto.signature_is_right(certificate.ed25519, signature, message):
        raise Forged(f"{what}: signature is wrong")
    return Opened(header, content, certificate)
