"""Index segments, the index, and the reading of blobs by id: section 9."""

import re
from collections import OrderedDict

import objects
import packs
import store as store_module
import wire
from errors import Corrupt, Forged, Gone, ReaderError

CACHED_FRAMES = 24


class PackEntry:
    """A pack as a segment describes it."""

    def __init__(self, cursor, sessions):
        self.pack = cursor.take(40)
        self.kind = cursor.u8()
        if self.kind not in (packs.DATA, packs.METADATA):
            raise Corrupt(f"{cursor.what}: pack of kind {self.kind}")
        self.size = cursor.v()
        self.frames, end = packs.read_frames(cursor, sessions, self.kind)
        if not end < self.size <= objects.LIMITS[objects.DATA_PACK]:
            raise Corrupt(f"{cursor.what}: pack of {self.size} bytes whose frames end at {end}")

    def name(self):
        return store_module.pack_path(self.pack, self.kind)

    def description(self):
        return self.kind, self.size, tuple(frame.description() for frame in self.frames)


class Segment:
    def __init__(self, data, name, keyring):
        self.name = name
        header, body = objects.read(data, name, {objects.SEGMENT}, keyring.family, bytes.fromhex(name.split("/")[1]))
        opened = objects.open_signed(header, body, keyring, name)
        self.slot = opened.certificate.slot
        cursor = wire.Cursor(opened.plain, name)
        self.level = cursor.u8()
        self.covers = wire.ascending([cursor.take(16) for _ in range(cursor.count(16))], f"{name}: covers")
        sessions = [packs.Session(cursor) for _ in range(cursor.count(22))]
        if len({session.id for session in sessions}) != len(sessions):
            raise Corrupt(f"{name}: a session twice in one segment")
        self.packs = [PackEntry(cursor, sessions) for _ in range(cursor.count(43))]
        self.removed = wire.ascending([cursor.take(40) for _ in range(cursor.count(40))], f"{name}: removed")
        self.retired = wire.ascending([(cursor.take(40), cursor.v()) for _ in range(cursor.count(41))], f"{name}: retired")
        packs.read_extensions(cursor)
        cursor.end()
        if (self.covers or self.removed or self.retired) and not opened.certificate.rights & objects.MAINTAINS:
            raise Forged(f"{name}: slot {self.slot.hex()} has no right to covers, removed or retired")
        if len({entry.pack for entry in self.packs}) != len(self.packs):
            raise Corrupt(f"{name}: a pack twice in one segment")


class Location:
    def __init__(self, entry, number, frame, offset, length):
        self.entry, self.number, self.frame, self.offset, self.length = entry, number, frame, offset, length


class Index:
    """The union of the packs of all segments, less the union of what they removed."""

    def __init__(self, store, keyring):
        self.store = store
        self.keyring = keyring
        while not self._read_segments():
            pass
        self.tombstones = {bytes.fromhex(name[11:75]) + bytes.fromhex(name[76:]) for name in store.names("tombstones/")
                           if re.match(r"tombstones/[0-9a-f]{64}-[0-9a-f]{16}\Z", name)}
        removed = {pack for segment in self.segments for pack in segment.removed}
        self.removed = removed
        self.retired = {frame for segment in self.segments for frame in segment.retired}
        self.packs = {}
        for segment in self.segments:
            for entry in segment.packs:
                if entry.pack in removed:
                    continue
                same = self.packs.setdefault(entry.pack, [])
                if all(entry.description() != other.description() for other in same):
                    same.append(entry)
                    if len(same) > 1:
                        self.findings.append(f"{segment.name}: describes {entry.name()} in another way than another segment")
        self.blobs = {}
        for entry in (entry for same in self.packs.values() for entry in same):
            for number, frame in enumerate(entry.frames):
                for blob, offset, length in frame.blobs:
                    self.blobs.setdefault((entry.kind, blob), []).append(Location(entry, number, frame, offset, length))
        for (_, blob), locations in self.blobs.items():
            locations.sort(key=self._preference)
            if len({location.length for location in locations}) > 1:
                self.findings.append(f"blob {blob.hex()} has locations of different lengths")
        self._frames = OrderedDict()

    def _read_segments(self):
        """Reads all segments of one listing; false where one of them went meanwhile."""
        self.findings = []
        self.segments = []
        for name in self.store.names("index/"):
            if not re.match(r"index/[0-9a-f]{32}\Z", name):
                continue
            try:
                self.segments.append(Segment(self.store.get(name, objects.LIMITS[objects.SEGMENT]), name, self.keyring))
            except Gone:
                return False
            except (ReaderError, OSError) as problem:
                self.findings.append(str(problem))
        return True

    def _preference(self, location):
        pack = location.entry.pack
        return pack in self.tombstones, (pack, location.number) in self.retired, pack

    def blob(self, kind, blob, length=None):
        """A blob's bytes, from the first location that is right."""
        problems = []
        for location in self.blobs.get((kind, blob), ()):
            try:
                data = self._open(location)[location.offset]
                if length is None or len(data) == length:
                    return data
                problems.append(f"{len(data)} bytes where {length} are due")
            except (ReaderError, OSError) as problem:
                problems.append(str(problem))
        for name in sorted({location.entry.name() for location in self.blobs.get((kind, blob), ())}):
            try:
                data = self._by_directory(name, blob)
                if data is not None and (length is None or len(data) == length):
                    return data
            except (ReaderError, OSError) as problem:
                problems.append(str(problem))
        raise Corrupt(f"blob {blob.hex()}: " + ("; ".join(problems) or "is not in the index"))

    def _open(self, location):
        entry, frame = location.entry, location.frame
        place = id(frame)
        if place not in self._frames:
            name = entry.name()
            sealed = self.store.get_range(name, frame.place, frame.sealed, objects.LIMITS[objects.DATA_PACK])
            blobs = packs.open_frame(sealed, frame, entry.kind, self.keyring, f"{name}, frame {location.number}")
            self._frames[place] = {offset: data for (_, offset, _), (_, data) in zip(frame.blobs, blobs)}
            if len(self._frames) > CACHED_FRAMES:
                self._frames.popitem(last=False)
        self._frames.move_to_end(place)
        return self._frames[place]

    def _by_directory(self, name, blob):
        """A blob of a pack whose entry in a segment may be wrong: the directory decides."""
        pack = packs.Pack(self.store, name, self.keyring)
        try:
            for number, frame in enumerate(pack.frames):
                if any(own == blob for own, _, _ in frame.blobs):
                    blobs = packs.open_frame(pack.sealed(frame), frame, pack.kind, self.keyring, f"{name}, frame {number}")
                    return dict(blobs)[blob]
            return None
        finally:
            pack.close()
