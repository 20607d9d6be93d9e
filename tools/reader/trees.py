"""Lists, directories and nodes: section 10."""

import chunking
import crypto
import packs
from errors import Corrupt, ReaderError, Unsupported
from wire import Cursor, Records

LIST, DIRECTORY = 1, 2
BLOB, HOLE, RUN = 0, 1, 2
FILE, FOLDER, LINK, CHARACTER, BLOCK, FIFO, SOCKET = range(1, 8)
TYPE_NAMES = {FILE: "file", FOLDER: "directory", LINK: "link", CHARACTER: "character device", BLOCK: "block device",
              FIFO: "fifo"}
NAME_LIMIT = 4096
DEPTH_LIMIT = 8
LIST_LIMIT, DIRECTORY_LIMIT = 128, 256
BLOB_LIMIT = 1 << 20  # of a directory
LARGEST = (1 << 63) - 1
INLINE_ATTRIBUTES = (b"system.posix_acl_access", b"system.posix_acl_default")


class Inner:
    """An entry above the leaves: last name (directories), bytes and leaf entries below, id."""

    def __init__(self, cursor, kind):
        self.name = read_name(cursor) if kind == DIRECTORY else None
        first, second = cursor.v(), cursor.v()
        self.bytes, self.leaves = (first, second) if kind == LIST else (second, first)
        self.id = cursor.take(32)


class Extent:
    """A leaf entry of a list: `count` blobs of `length` bytes, or a hole."""

    def __init__(self, cursor):
        self.type = cursor.u8()
        if self.type not in (BLOB, HOLE, RUN):
            raise Unsupported(f"{cursor.what}: entry of type {self.type}")
        self.length = cursor.v()
        self.count = cursor.v() if self.type == RUN else 1
        self.id = cursor.take(32) if self.type != HOLE else None
        if self.length == 0 or (self.type != HOLE and self.length > packs.BLOB_LIMIT):
            raise Corrupt(f"{cursor.what}: entry of {self.length} bytes")
        if self.type == RUN and self.count < 2:
            raise Corrupt(f"{cursor.what}: run of {self.count}")

    @property
    def bytes(self):
        return self.length * self.count


class Node:
    """An entry of a directory."""

    def __init__(self, name, kind, fields, what):
        self.name, self.type = name, kind
        self.what = what
        if kind not in TYPE_NAMES:
            raise Unsupported(f"{what}: node of type {kind}")
        once = {1, 2, 3, 4, 5, 6, 7, 8, 14}
        needed = {1, 3, 5, 7}
        own = {FILE: {9, 10, 12, 13, 16, 26}, FOLDER: {12, 15}, LINK: {10, 17}, CHARACTER: {10, 11}, BLOCK: {10, 11}, FIFO: {10}}
        records = Records(fields, what, once=once.union(*own.values()),
                          needed=needed | {FILE: {9, 13}, FOLDER: {15}, LINK: {17}, FIFO: set()}.get(kind, {11}))
        for tag in records.values:
            if tag not in once | own[kind]:
                raise Corrupt(f"{what}: tag {tag} does not belong to a {TYPE_NAMES[kind]}")
        self.mode = records.v(1)
        self.owner, self.group = records.raw(2), records.raw(4)
        self.uid, self.gid = records.v(3), records.v(5)
        self.changed, self.modified, self.born = records.time(6), records.time(7), records.time(8)
        self.size = records.v(9)
        self.group_of_links = records.raw(10, 8)
        self.device = records.read(11, lambda c: (c.v(), c.v()))
        if self.mode > 0o7777 or max((self.uid, self.gid) + (self.device or ())) >= 1 << 32:
            raise Corrupt(f"{what}: mode, owner or device out of bounds")
        self.flags = records.v(12, 0)
        self.content = records.read(13, Content)
        self.attributes = records.read(14, read_attributes, [])
        self.entries, self.subtree = records.read(15, lambda c: (c.v(), c.take(32)), (None, None))
        self.torn = records.v(16, 0)
        if self.torn > 1 or (records.has(16) and not self.torn):
            raise Corrupt(f"{what}: tag 16 is not 1")
        self.target = records.raw(17)
        # Of a later version it is passed over: nobody needs it to read the file.
        self.is_cut_oddly = not chunking.is_known(records.raw(26, absent=b"\1\1"))
        self.chunker = None if self.is_cut_oddly else records.read(26, chunking.read_parameters)
        if kind == LINK and not (1 <= len(self.target) <= NAME_LIMIT and b"\0" not in self.target):
            raise Corrupt(f"{what}: target of a link")
        if kind == FILE and (self.content.bytes != self.size or self.size > LARGEST):
            raise Corrupt(f"{what}: content of {self.content.bytes} bytes for a file of {self.size}")


class Content:
    """A file's content: leaf entries in the node, or the root of a list."""

    def __init__(self, cursor):
        depth = cursor.u8()
        self.root = self.depth = None
        self.extents = []
        if depth == 0:
            count = cursor.count(2)
            if count > 4:
                raise Corrupt(f"{cursor.what}: {count} entries in a node")
            self.extents = [Extent(cursor) for _ in range(count)]
            self.bytes = sum(extent.bytes for extent in self.extents)
            self.leaves = count
            return
        if depth > DEPTH_LIMIT + 1:
            raise Corrupt(f"{cursor.what}: depth {depth}")
        self.depth = depth - 1
        self.bytes, self.leaves, self.root = cursor.v(), cursor.v(), cursor.take(32)
        if self.leaves <= 4:
            raise Corrupt(f"{cursor.what}: list of {self.leaves} entries that belong in the node")


def read_attributes(cursor):
    """(name, value) or (name, (length, id)), ascending."""
    attributes = []
    for _ in range(cursor.count(3)):
        name = cursor.string(NAME_LIMIT)
        if not name or b"\0" in name or (attributes and attributes[-1][0] >= name):
            raise Corrupt(f"{cursor.what}: names of attributes")
        form = cursor.u8()
        if form == 0:
            attributes.append((name, cursor.string(8 << 20)))
        elif form == 1:
            length = cursor.v()
            if not 1 <= length <= 8 << 20:
                raise Corrupt(f"{cursor.what}: value of {length} bytes")
            attributes.append((name, (length, cursor.take(32))))
        else:
            raise Unsupported(f"{cursor.what}: form {form} of an attribute")
    return attributes


def read_name(cursor):
    name = cursor.string(NAME_LIMIT)
    if not name or b"\0" in name or b"/" in name or name in (b".", b".."):
        raise Corrupt(f"{cursor.what}: name {name!r} of a node")
    return name


def parse(data, what, kind, depth=None):
    """Depth and entries of a metadata blob. Leaf entries of directories are (name, type, fields)."""
    cursor = Cursor(data, what)
    found = cursor.u8()
    if found != kind:
        raise Corrupt(f"{what}: of type {found} where {kind} is due")
    version = cursor.u8()
    if version != 1:
        raise Unsupported(f"{what}: version {version}")
    own = cursor.u8()
    if own > DEPTH_LIMIT or (depth is not None and own != depth):
        raise Corrupt(f"{what}: depth {own}")
    count = cursor.v()
    if count > (LIST_LIMIT if kind == LIST else DIRECTORY_LIMIT):
        raise Corrupt(f"{what}: {count} entries")
    if own:
        entries = [Inner(cursor, kind) for _ in range(count)]
    elif kind == LIST:
        entries = [Extent(cursor) for _ in range(count)]
    else:
        entries = [(read_name(cursor), cursor.u8(), cursor.string()) for _ in range(count)]
    cursor.end()
    if kind == DIRECTORY and len(data) > BLOB_LIMIT:
        raise Corrupt(f"{what}: directory blob of {len(data)} bytes")
    if not entries and (own or kind == LIST):
        raise Corrupt(f"{what}: without entries")
    if kind == DIRECTORY:
        names = [entry.name if own else entry[0] for entry in entries]
        if any(not a < b for a, b in zip(names, names[1:])):
            raise Corrupt(f"{what}: names are not in ascending order")
    return own, entries


class Walker:
    """Walks lists and directories of an index. `visited`, where given, is called for each metadata blob that is read,
    with (id, data, kind, depth, entries)."""

    def __init__(self, index, visited=None):
        self.index = index
        self.visited = visited

    def _read(self, blob, kind, depth=None):
        data = self.index.blob(packs.METADATA, blob)
        own, entries = parse(data, f"metadata blob {blob.hex()}", kind, depth)
        if self.visited:
            self.visited(blob, data, kind, own, entries)
        return own, entries

    def _below(self, blob, kind, depth, want_bytes, want_leaves, what):
        """All leaf entries below a blob, in order, the sums of every inner entry verified."""
        own, entries = self._read(blob, kind, depth)
        sum_bytes = sum_leaves = 0
        for entry in entries:
            if own == 0:
                sum_leaves += 1
                sum_bytes += entry.bytes if kind == LIST else 0
                yield entry
                continue
            last = None
            for leaf in self._below(entry.id, kind, own - 1, entry.bytes, entry.leaves, what):
                last = leaf
                yield leaf
            if kind == DIRECTORY and last[0] != entry.name:
                raise Corrupt(f"{what}: last name below an entry differs")
            sum_leaves += entry.leaves
            sum_bytes += entry.bytes
        if want_leaves is not None and sum_leaves != want_leaves:
            raise Corrupt(f"{what}: {sum_leaves} entries below where {want_leaves} are due")
        if want_bytes is not None and (kind == LIST or own) and sum_bytes != want_bytes:
            raise Corrupt(f"{what}: {sum_bytes} bytes below where {want_bytes} are due")

    def extents(self, node):
        """The leaf entries of a file's content."""
        content = node.content
        if content.root is None:
            yield from content.extents
        else:
            yield from self._below(content.root, LIST, content.depth, content.bytes, content.leaves, node.what)

    def pieces(self, node):
        """(None, length) for holes, else (bytes, length)."""
        for extent in self.extents(node):
            if extent.type == HOLE:
                yield None, extent.length
                continue
            data = self.index.blob(packs.DATA, extent.id, extent.length)
            for _ in range(extent.count):
                yield data, extent.length

    def nodes(self, root, what, entries=None):
        """The nodes of a directory, in order; a node that cannot be read comes as (name, problem)."""
        before = None
        for name, kind, fields in self._below(root, DIRECTORY, None, None, entries, what):
            if before is not None and not before < name:
                raise Corrupt(f"{what}: names are not in ascending order")
            before = name
            try:
                yield name, Node(name, kind, fields, f"{what}{display(name)}")
            except ReaderError as problem:
                yield name, problem

    def attribute(self, value):
        return value if isinstance(value, bytes) else self.index.blob(packs.DATA, value[1], value[0])


def display(name):
    return name.decode("utf-8", "backslashreplace").encode("unicode_escape").decode()


def cut_of_list(entry, average):
    """Whether a list blob may end after this entry."""
    return entry.id is not None and int.from_bytes(entry.id[:8], "big") < (1 << 64) // average


def cut_of_directory(name, depth, id_key):
    digest = crypto.hmac(id_key, b"cairn cut 1" + name)
    place = 8 * (depth % 4)
    return int.from_bytes(digest[place:place + 8], "big") < 1 << 58
