"""Integers, varints, strings, times and records: section 1."""

from errors import Corrupt, Unsupported

NANOSECONDS = 10**9


class Cursor:
    """Reads a structure from the front of some bytes; `end` refuses what is left over."""

    def __init__(self, data, what):
        self.data = memoryview(data)
        self.place = 0
        self.what = what

    def left(self):
        return len(self.data) - self.place

    def take(self, count):
        if count > self.left():
            raise Corrupt(f"{self.what}: ends in the middle of a field")
        self.place += count
        return bytes(self.data[self.place - count:self.place])

    def rest(self):
        return self.take(self.left())

    def fixed(self, size):
        return int.from_bytes(self.take(size), "little")

    def u8(self):
        return self.fixed(1)

    def u16(self):
        return self.fixed(2)

    def u32(self):
        return self.fixed(4)

    def u64(self):
        return self.fixed(8)

    def v(self):
        value = 0
        for position in range(10):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * position)
            if not byte & 0x80:
                if byte == 0 and position > 0:
                    raise Corrupt(f"{self.what}: varint in a longer form than needed")
                if value >> 64:
                    raise Corrupt(f"{self.what}: varint of more than 64 bits")
                return value
        raise Corrupt(f"{self.what}: varint of more than 10 bytes")

    def s(self):
        value = self.v()
        return -((value + 1) >> 1) if value & 1 else value >> 1

    def string(self, most=None):
        length = self.v()
        if most is not None and length > most:
            raise Corrupt(f"{self.what}: string of {length} bytes, at most {most} are allowed")
        return self.take(length)

    def time(self):
        """A time in nanoseconds since the epoch."""
        seconds = self.s()
        nanoseconds = self.v()
        if nanoseconds >= NANOSECONDS:
            raise Corrupt(f"{self.what}: time with {nanoseconds} nanoseconds")
        return seconds * NANOSECONDS + nanoseconds

    def count(self, smallest):
        """A count of things of at least `smallest` bytes each: bounded by the bytes that are there."""
        count = self.v()
        if count * smallest > self.left():
            raise Corrupt(f"{self.what}: counts {count} of something, more than fit")
        return count

    def end(self):
        if self.left():
            raise Corrupt(f"{self.what}: {self.left()} bytes left over")


def whole(data, what, read):
    """What `read` makes of all of the bytes."""
    cursor = Cursor(data, what)
    value = read(cursor)
    cursor.end()
    return value


class Records:
    """Records by tag. `once` and `repeated` are the tags that are known, `needed` must be there."""

    def __init__(self, data, what, once=(), repeated=(), needed=()):
        self.what = what
        self.values = {}
        self.unknown = []
        cursor = Cursor(data, what)
        last = -1
        while cursor.left():
            tag = cursor.v()
            value = cursor.string()
            if tag < last or (tag == last and tag in once):
                raise Corrupt(f"{what}: tag {tag} after tag {last}")
            last = tag
            if tag in once or tag in repeated:
                self.values.setdefault(tag, []).append(value)
            elif tag & 1:
                raise Unsupported(f"{what}: unknown critical tag {tag}")
            else:
                self.unknown.append((tag, value))
        for tag in needed:
            if tag not in self.values:
                raise Corrupt(f"{what}: tag {tag} is missing")

    def has(self, tag):
        return tag in self.values

    def read(self, tag, read, absent=None):
        """The value of a tag that stands once, by a function of a cursor."""
        if tag not in self.values:
            return absent
        return whole(self.values[tag][0], f"{self.what}, tag {tag}", read)

    def each(self, tag, read):
        return [whole(value, f"{self.what}, tag {tag}", read) for value in self.values.get(tag, [])]

    def raw(self, tag, size=None, absent=None):
        if tag not in self.values:
            return absent
        return self.read(tag, lambda c: c.take(size) if size is not None else c.rest())

    def v(self, tag, absent=None):
        return self.read(tag, Cursor.v, absent)

    def u8(self, tag, absent=None):
        return self.read(tag, Cursor.u8, absent)

    def u64(self, tag, absent=None):
        return self.read(tag, Cursor.u64, absent)

    def time(self, tag, absent=None):
        return self.read(tag, Cursor.time, absent)


def ascending(values, what):
    """Refuses a sequence that is not strictly ascending."""
    for before, after in zip(values, values[1:]):
        if not before < after:
            raise Corrupt(f"{what}: not in ascending order")
    return values


def choice(value, allowed, what):
    """A number from a set that may grow: another one is unsupported."""
    if value not in allowed:
        raise Unsupported(f"{what} {value} is not known")
    return value
