"""One zstd frame (RFC 8878) of a known size."""

import zstandard

from errors import Corrupt

MAGIC = b"\x28\xb5\x2f\xfd"


def check_shape(data, size, what):
    """Refuses everything but one frame that says that it holds `size` bytes, needs no dictionary, and ends with the data."""
    if data[:4] != MAGIC or len(data) < 6:
        raise Corrupt(f"{what}: not a zstd frame")
    descriptor = data[4]
    single = descriptor >> 5 & 1
    if descriptor & 0x08:
        raise Corrupt(f"{what}: reserved bit of a zstd frame")
    place = 5 + (0 if single else 1)
    if descriptor & 3:
        raise Corrupt(f"{what}: zstd frame needs a dictionary")
    width = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    if width == 0 or len(data) < place + width:
        raise Corrupt(f"{what}: zstd frame without its content size")
    content = int.from_bytes(data[place:place + width], "little") + (256 if width == 2 else 0)
    if content != size:
        raise Corrupt(f"{what}: zstd frame of {content} bytes where {size} are due")
    place += width
    last = False
    while not last:
        if place + 3 > len(data):
            raise Corrupt(f"{what}: zstd frame is cut off")
        block = int.from_bytes(data[place:place + 3], "little")
        last, kind, length = block & 1, block >> 1 & 3, block >> 3
        if kind == 3:
            raise Corrupt(f"{what}: reserved kind of a zstd block")
        place += 3 + (1 if kind == 1 else length)
    place += 4 if descriptor & 4 else 0
    if place != len(data):
        raise Corrupt(f"{what}: bytes after the zstd frame, or a frame that is cut off")


def decompress(data, size, what):
    check_shape(data, size, what)
    try:
        plain = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(data, max_output_size=size)
    except zstandard.ZstdError as problem:
        raise Corrupt(f"{what}: zstd: {problem}") from None
    if len(plain) != size:
        raise Corrupt(f"{what}: {len(plain)} bytes after decompression where {size} are due")
    return plain
