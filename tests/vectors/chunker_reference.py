"""The cuts of SPEC section 12, computed by the text alone: prints chunker.json. Input: SHA-256 of b"cairn vector" and a u32 counter,
little-endian, from 0, joined."""
import hashlib
import hmac
import json
import struct

KEY = bytes(range(32))
PARAMS = [(64, 1000, 8000), (4096, 16384, 65536), (1024, 1024, 4096)]
GROWN = [((64, 1000, 8000), (1000 << 20) - 100_000), ((64, 1000, 4 << 20), 1 << 40)]  # parameters, where the stream begins
LARGEST = 8 << 20
LENGTH = 400_000


def stream(length):
    blocks = (hashlib.sha256(b"cairn vector" + struct.pack("<I", i)).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def table(key):
    material = b"".join(hmac.new(key, b"cairn gear 1" + struct.pack("<I", i), hashlib.sha256).digest() for i in range(64))
    return struct.unpack("<256Q", material)


def grown(parameters, offset):
    """12.4."""
    k = 0
    while offset >= 2 ** (20 + k) * parameters[1] and 2 ** (k + 1) * parameters[2] <= LARGEST:
        k += 1
    return [2**k * size for size in parameters]


def cuts(data, gear, least, average, most, first=0):
    sizes, begin = [], 0
    while begin < len(data):
        sizes.append(cut(data, begin, gear, *grown((least, average, most), first + begin)))
        begin += sizes[-1]
    return sizes


def cut(data, begin, gear, least, average, most):
    gap = max(average - least, 1)
    strict = 2**64 // (4 * gap)
    lax = min(2**64 * 4 // gap, 2**64 - 1)
    normal = least + gap * 57 // 64
    rest = len(data) - begin
    value = 0
    for n in range(max(least - 63, 1), min(rest, most) + 1):
        value = ((value << 1) + gear[data[begin + n - 1]]) % 2**64
        if n >= least and value < (strict if n < normal else lax):
            return n
    return min(rest, most)


def main():
    gear, data = table(KEY), stream(LENGTH)
    streams = [(parameters, 0) for parameters in PARAMS] + GROWN
    vectors = [{"minimum": a, "average": b, "maximum": c, "offset": offset, "sizes": cuts(data, gear, a, b, c, offset)}
               for (a, b, c), offset in streams]
    print(json.dumps({"key": KEY.hex(), "input_bytes": LENGTH, "vectors": vectors}, indent=1))


if __name__ == "__main__":
    main()
