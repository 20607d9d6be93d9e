"""Reads all that there is and tells what is wrong."""

import re

import chunking
import objects
import packs
import snapshots
import store as store_module
import trees
from errors import ReaderError, WrongKey
from index import Index
from trees import BLOB, DIRECTORY, FILE, FOLDER, HOLE, LIST
from wire import Cursor

LIST_AVERAGE = {1: 128, 2: 128, 3: 32, 4: 32}
LEAST = {LIST: 8, DIRECTORY: 16}


class Verify:
    """`findings` are what is wrong, `notices` what is worth to know."""

    def __init__(self, store, keyring):
        self.store, self.keyring = store, keyring
        self.findings, self.notices = [], []
        self.gear = keyring.chunking_key and chunking.table(keyring.chunking_key)
        self.counts = {"objects": 0, "packs": 0, "frames": 0, "blobs": 0, "bytes": 0, "nodes": 0}

    def run(self):
        names = self.store.names()
        self.counts["objects"] = len(names)
        for name in names:
            if not store_module.is_known(name):
                self.notices.append(f"{name}: unknown name")
        self.findings += self.keyring.verify_chain()
        self.index = Index(self.store, self.keyring)
        self.findings += self.index.findings
        self.good = {}
        for name in names:
            if re.match(r"(data|meta)/", name) and store_module.is_known(name):
                self._tell(self._pack, name)
        present = set(names)
        for entries in self.index.packs.values():
            if entries[0].name() not in present:
                self.findings.append(f"{entries[0].name()}: is in the index and not there")
        history = snapshots.History(self.store, self.keyring)
        self.findings += history.findings
        for snapshot, head in history.unexplained_heads():
            self.findings.append(f"snapshots/{snapshot.id.hex()}: head {head.hex()} is neither there nor forgotten")
        for name in names:
            if not store_module.is_known(name):
                continue
            if name.startswith("sessions/"):
                self._tell(lambda n: snapshots.check_session(self.store.get(n, 65536), n, self.keyring), name)
            elif name.startswith("tombstones/"):
                limit = objects.LIMITS[objects.SEEN if name.endswith(".seen") else objects.TOMBSTONE]
                self._tell(lambda n: snapshots.check_tombstone(self.store.get(n, limit), n, self.keyring), name)
        self.seen = set()
        for snapshot in history.ordered():
            for item in snapshot.items:
                self._item(snapshot, item)
        return not self.findings

    def _tell(self, act, name):
        try:
            act(name)
        except WrongKey as problem:
            self.notices.append(str(problem))
        except (ReaderError, OSError) as problem:
            self.findings.append(str(problem))

    def _pack(self, name):
        pack = packs.Pack(self.store, name, self.keyring)
        try:
            self.counts["packs"] += 1
            entries = self.index.packs.get(pack.pack, [])
            own = (pack.kind, pack.size, tuple(frame.description() for frame in pack.frames))
            if not entries:
                removed = " (removed)" if pack.pack in self.index.removed else ""
                self.notices.append(f"{name}: is in no segment{removed}")
            for entry in entries:
                if entry.description() != own:
                    self.findings.append(f"{name}: a segment describes it in another way than its directory")
            for number, frame in enumerate(pack.frames):
                self._tell(lambda what: self._frame(pack, frame, what), f"{name}, frame {number}")
        finally:
            pack.close()

    def _frame(self, pack, frame, what):
        self.counts["frames"] += 1
        for blob, data in packs.open_frame(pack.sealed(frame), frame, pack.kind, self.keyring, what):
            self.counts["blobs"] += 1
            self.counts["bytes"] += len(data)
            tail = chunking.hash_of(self.gear, data) if self.gear and pack.kind == packs.DATA else None
            self.good[pack.kind, blob] = len(data), tail

    def _needs(self, kind, blob, length, what):
        """A blob is in the index, its bytes were right, and it has the length that is written beside its id."""
        if (kind, blob) not in self.index.blobs:
            self.findings.append(f"{what}: blob {blob.hex()} is not in the index")
        elif (kind, blob) not in self.good:
            if kind == packs.METADATA or any(packs.DATA in epoch.secret for epoch in self.keyring.epochs.values()):
                self.findings.append(f"{what}: blob {blob.hex()} cannot be read")
        elif length is not None and self.good[kind, blob][0] != length:
            self.findings.append(f"{what}: blob {blob.hex()} has {self.good[kind, blob][0]} bytes where {length} are due")

    def _item(self, snapshot, item):
        what = f"snapshot {snapshot.id.hex()}, item {trees.display(item.name)}"
        if item.kind not in snapshots.KNOWN_ITEMS:
            self.notices.append(f"{what}: kind {item.kind} is not supported")
            return
        if item.command is not None:
            self._needs(packs.DATA, item.command[1], item.command[0], f"{what}, command")
        self.item_chunker = item.chunker
        self.is_copy = snapshot.original is not None
        self._cut_by(item.chunker)
        pending = [(item.root, None, f"{what}: /", 0)]
        while pending:
            root, entries, where, depth = pending.pop()
            key = root, entries, item.chunker and item.chunker.source, self.is_copy
            if key in self.seen:
                continue
            self.seen.add(key)
            if depth > 4096:
                self.findings.append(f"{where}: nested too deeply")
                continue
            try:
                self._folder(root, entries, where, depth, pending)
            except (ReaderError, OSError) as problem:
                self.findings.append(f"{where}: {problem}")

    def _folder(self, root, entries, where, depth, pending):
        shape = Shape(self, where)
        below, whole = 0, True
        for name, node in trees.Walker(self.index, shape.visited).nodes(root, where, entries):
            self.counts["nodes"] += 1
            if isinstance(node, ReaderError):
                self.findings.append(str(node))
                whole = False
                continue
            for attribute, value in node.attributes:
                if not isinstance(value, bytes):
                    self._needs(packs.DATA, value[1], value[0], f"{node.what}, attribute {trees.display(attribute)}")
                in_line = isinstance(value, bytes)
                length = len(value) if in_line else value[0]
                if in_line != (length == 0 or (attribute in trees.INLINE_ATTRIBUTES and length <= 256)):
                    self.findings.append(f"{node.what}: not canonical: the form of attribute {trees.display(attribute)}")
            if node.type == FOLDER:
                pending.append((node.subtree, node.entries, f"{node.what}/", depth + 1))
            elif node.type == FILE:
                below += node.size
                self._file(node)
        shape.judge()
        if whole and shape.bytes is not None and shape.bytes != below:
            self.findings.append(f"{where}: {shape.bytes} bytes of files below as written, {below} as counted")

    def _cut_by(self, chunker, is_unknown=False):
        """What the content that comes next was cut by; of what is not known nothing can be said."""
        self.chunker = None if is_unknown else chunker
        self.average = None if is_unknown else LIST_AVERAGE[chunker.source] if chunker else 128

    def _file(self, node):
        self._cut_by(node.chunker or self.item_chunker, node.is_cut_oddly)
        if node.content.root is not None:
            key = (node.content.root, node.content.bytes, node.content.leaves, node.content.depth, self.average,
                   self.is_copy)
            if key in self.seen:
                return
            self.seen.add(key)
        shape = Shape(self, node.what)
        before = None
        begin = offset = 0  # of the chunk before, and of this one, in its run of data
        try:
            for extent in trees.Walker(self.index, shape.visited).extents(node):
                if extent.type != HOLE:
                    self._needs(packs.DATA, extent.id, extent.length, node.what)
                    if extent.type != BLOB and not self._ends(extent, offset):
                        shape.odd("a run of chunks that do not end where they are cut")
                if before is not None:
                    if extent.id == before.id:
                        shape.odd("neighbouring holes or equal blobs that are not joined")
                    elif HOLE not in (extent.type, before.type) and not self._ends(before, begin):
                        shape.odd("a chunk that does not end where it is cut")
                before = extent
                begin = offset
                offset = 0 if extent.type == HOLE else offset + extent.bytes
        except (ReaderError, OSError) as problem:
            self.findings.append(f"{node.what}: {problem}")
        shape.judge()

    def _ends(self, extent, offset):
        """Whether the end of a chunk at this offset is one where section 12 cuts; that there was none before, and a run
        in which chunks grow, is not looked at."""
        length, tail = self.good.get((packs.DATA, extent.id), (None, None))
        if self.is_copy:  # it may have been cut by the keys of another repository
            return True
        return self.chunker is None or tail is None or self.chunker.at(offset).ends(length, tail)


class Shape:
    """Where the blobs of one list or directory were cut: section 10 says where each has to end."""

    def __init__(self, verify, what):
        self.verify, self.what = verify, what
        self.average = verify.average  # of lists; None: not known
        self.levels = {}
        self.bytes = None

    def visited(self, blob, data, kind, depth, entries):
        self.verify._needs(packs.METADATA, blob, None, self.what)
        if not self.levels and kind == DIRECTORY and depth:
            self.bytes = sum(entry.bytes for entry in entries)
        self.levels.setdefault((kind, depth), []).append((data, entries))

    def judge(self):
        id_key = self.verify.keyring.id_key[packs.METADATA]
        top = max((depth for _, depth in self.levels), default=0)
        for (kind, depth), blobs in self.levels.items():
            if depth == top and top and len(blobs[0][1]) < 2:
                self.odd("a root of one entry")
            for position, (data, entries) in enumerate(blobs):
                if kind == LIST and self.average is None:
                    continue
                cuts = [self._cuts(kind, depth, entry, id_key) for entry in entries]
                most = trees.LIST_LIMIT if kind == LIST else trees.DIRECTORY_LIMIT
                if any(cuts[LEAST[kind] - 1:-1]):
                    self.odd(f"a blob of depth {depth} that should have ended before")
                if position == len(blobs) - 1:
                    continue
                longer_count = len(entries) == 127
                full = len(entries) == most or (
                    kind == DIRECTORY and len(data) + longer_count + self._next(blobs[position + 1]) > trees.BLOB_LIMIT)
                if not full and not (len(entries) >= LEAST[kind] and cuts[-1]):
                    self.odd(f"a blob of depth {depth} that should not have ended")

    @staticmethod
    def _next(blob):
        """The size of the first entry of the next blob of a directory."""
        cursor = Cursor(blob[0], "directory")
        cursor.take(2)
        depth = cursor.u8()
        cursor.v()
        start = cursor.place
        if depth:
            trees.Inner(cursor, DIRECTORY)
        else:
            cursor.string(), cursor.u8(), cursor.string()
        return cursor.place - start

    def _cuts(self, kind, depth, entry, id_key):
        if kind == LIST:
            return trees.cut_of_list(entry, self.average)
        if id_key is None:
            return False
        return trees.cut_of_directory(entry.name if depth else entry[0], depth, id_key)

    def odd(self, text):
        self.verify.findings.append(f"{self.what}: not canonical: {text}")
