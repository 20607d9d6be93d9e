"""Where a source is cut into chunks: section 12."""

import struct

import crypto
import wire
from errors import Corrupt

FIXED, GEAR = 1, 2
WINDOW = 64
LARGEST = 8 << 20
MASK = (1 << 64) - 1


class Parameters:
    """Chunker parameters: 7.1, sealed part, tag 3, and tag 4 of an item."""

    def __init__(self, source, chunker, least, average, most, what):
        self.source = wire.choice(source, {1, 2, 3, 4}, f"{what}: kind of a source")
        self.chunker = wire.choice(chunker, {FIXED, GEAR}, f"{what}: chunker")
        self.least, self.average, self.most = least, average, most
        if not (WINDOW if chunker == GEAR else 1) <= least <= average <= most <= LARGEST:
            raise Corrupt(f"{what}: chunks of {least}, {average}, {most} bytes")
        if chunker == FIXED and least != most:
            raise Corrupt(f"{what}: fixed chunks of {least} to {most} bytes")
        gap = max(average - least, 1)
        self.strict = (1 << 64) // (4 * gap)
        self.lax = min((1 << 64) * 4 // gap, MASK)
        self.normal = least + gap * 57 // 64

    def at(self, offset):
        """Those that hold for a chunk which begins at this offset of its run of data: 12.4."""
        factor = 1
        while offset >= (factor * self.average) << 20 and 2 * factor * self.most <= LARGEST:
            factor *= 2
        if factor == 1:
            return self
        return Parameters(self.source, self.chunker, factor * self.least, factor * self.average, factor * self.most,
                          "grown parameters")

    def ends(self, length, tail_hash):
        """Whether a chunk of this length, whose last 64 bytes have this hash, may be followed by another one."""
        if length == self.most:
            return True
        if self.chunker == FIXED or not self.least <= length < self.most:
            return False
        return tail_hash < (self.strict if length < self.normal else self.lax)


def is_known(value):
    """Whether parameters, as bytes, are of this version; those that are too short are, and wrong."""
    return len(value) < 2 or (value[0] in (1, 2, 3, 4) and value[1] in (FIXED, GEAR))


def read_parameters(cursor):
    return Parameters(cursor.u8(), cursor.u8(), cursor.u32(), cursor.u32(), cursor.u32(), cursor.what)


def table(key):
    """12.1."""
    material = b"".join(crypto.hmac(key, b"cairn gear 1" + struct.pack("<I", i)) for i in range(64))
    return struct.unpack("<256Q", material)


def hash_of(gear, tail):
    """The hash of the position behind some bytes: the last 64 count."""
    value = 0
    for byte in tail[-WINDOW:]:
        value = ((value << 1) + gear[byte]) & MASK
    return value


def length(parameters, gear, data):
    """The length of the first chunk of a stream that begins with `data`: as much as is there, or the largest chunk."""
    most = min(len(data), parameters.most)
    value = hash_of(gear, data[:parameters.least])
    for n in range(parameters.least, most):
        if parameters.ends(n, value):
            return n
        value = ((value << 1) + gear[data[n]]) & MASK
    return most
