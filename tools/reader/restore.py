"""Restores the items of a snapshot into a folder. Nothing outside of it is touched, whatever the trees say."""

import os
import stat

import snapshots
import trees
from errors import Corrupt, ReaderError
from trees import CHARACTER, FIFO, FILE, FOLDER, LINK, display

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDERS_LIMIT = 4096


class Restore:
    """`problems` are what could not be restored, in order. Owners are set where the program runs as root."""

    def __init__(self, index, target, owners=None):
        self.walker = trees.Walker(index)
        self.target = os.fsencode(target)
        self.owners = os.geteuid() == 0 if owners is None else owners
        self.problems = []
        os.makedirs(self.target, mode=0o700, exist_ok=True)
        if os.listdir(self.target):
            raise ReaderError(f"{target}: is not empty")

    def snapshot(self, snapshot):
        for item in snapshot.items:
            if item.kind not in snapshots.KNOWN_ITEMS:
                self.problems.append(f"item {display(item.name)}: kind {item.kind} is not supported")
            elif len(snapshot.items) == 1:
                self.item(item, [])
            else:
                os.mkdir(os.path.join(self.target, item.name), 0o700)
                self.item(item, [item.name])

    def item(self, item, base):
        self.groups = {}
        pending = [(base, item.root, None)]
        finished = []
        while pending:
            path, root, entries = pending.pop()
            if len(path) > FOLDERS_LIMIT:
                self.problems.append(f"{self._shown(path)}: nested too deeply")
                continue
            folder = self._open_folder(path)
            try:
                for name, node in self.walker.nodes(root, self._shown(path) + "/", entries):
                    if isinstance(node, ReaderError):
                        self.problems.append(str(node))
                        continue
                    try:
                        self._node(folder, path, node)
                    except (ReaderError, OSError, OverflowError) as problem:
                        self.problems.append(f"{node.what}: {problem}")
                        continue
                    if node.type == FOLDER:
                        pending.append((path + [name], node.subtree, node.entries))
                        finished.append((path + [name], node))
            except ReaderError as problem:
                self.problems.append(f"{self._shown(path)}/: {problem}")
            finally:
                os.close(folder)
        # Folders last and the deepest first: what is created in a folder needs its permission and changes its time.
        for path, node in reversed(finished):
            try:
                folder = self._open_folder(path)
                try:
                    self._metadata(folder, node)
                finally:
                    os.close(folder)
            except OSError as problem:
                self.problems.append(f"{node.what}: {problem}")

    def _shown(self, path):
        return "/".join([""] + [display(name) for name in path])

    def _open_folder(self, path):
        folder = os.open(self.target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in path:
            try:
                below = os.open(name, FOLDER_FLAGS, dir_fd=folder)
            finally:
                os.close(folder)
            folder = below
        return folder

    def _node(self, folder, path, node):
        name = node.name
        if node.group_of_links is not None and node.group_of_links in self.groups:
            first_path, first_name, kind = self.groups[node.group_of_links]
            if kind != node.type:
                raise Corrupt("a link group of nodes of different types")
            first = self._open_folder(first_path)
            try:
                os.link(first_name, name, src_dir_fd=first, dst_dir_fd=folder, follow_symlinks=False)
            finally:
                os.close(first)
            return
        if node.type == FOLDER:
            os.mkdir(name, 0o700, dir_fd=folder)
            return
        if node.type == FILE:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
            try:
                self._content(fd, node)
                self._metadata(fd, node)
            finally:
                os.close(fd)
        elif node.type == LINK:
            os.symlink(node.target, name, dir_fd=folder)
            self._link_metadata(folder, node)
        else:
            if node.type == FIFO:
                os.mkfifo(name, 0o600, dir_fd=folder)
            else:
                kind = stat.S_IFCHR if node.type == CHARACTER else stat.S_IFBLK
                os.mknod(name, 0o600 | kind, os.makedev(*node.device), dir_fd=folder)
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                self._metadata(b"/proc/self/fd/%d" % fd, node)
            finally:
                os.close(fd)
        if node.group_of_links is not None:
            self.groups[node.group_of_links] = (path, name, node.type)

    def _content(self, fd, node):
        """Writes what can be read; a piece that cannot stays a hole, and is told."""
        place = 0
        try:
            for data, length in self.walker.pieces(node):
                if data is not None:
                    view = memoryview(data)
                    while view:
                        written = os.pwrite(fd, view, place + length - len(view))
                        view = view[written:]
                place += length
        finally:
            os.ftruncate(fd, node.size)
        if place != node.size:
            raise Corrupt(f"{place} bytes where {node.size} are due")

    def _attributes(self, node, put):
        for name, value in node.attributes:
            try:
                put(name, self.walker.attribute(value))
            except (ReaderError, OSError) as problem:
                self.problems.append(f"{node.what}: attribute {display(name)}: {problem}")

    def _metadata(self, where, node):
        """Owner before mode and attributes: a change of owner takes setuid and capabilities away. The time is last."""
        if self.owners:
            os.chown(where, node.uid, node.gid)
        self._attributes(node, lambda name, value: os.setxattr(where, name, value))
        os.chmod(where, node.mode)
        os.utime(where, ns=(node.modified, node.modified))

    def _link_metadata(self, folder, node):
        if self.owners:
            os.chown(node.name, node.uid, node.gid, dir_fd=folder, follow_symlinks=False)
        path = b"/proc/self/fd/%d/%s" % (folder, node.name)
        self._attributes(node, lambda name, value: os.setxattr(path, name, value, follow_symlinks=False))
        os.utime(node.name, ns=(node.modified, node.modified), dir_fd=folder, follow_symlinks=False)


def find(index, snapshot, path):
    """The node at a path of a snapshot, and the walker that reads it. Of several items, the path begins with an item's name."""
    walker = trees.Walker(index)
    names = [name for name in os.fsencode(path).split(b"/") if name]
    items = snapshot.items
    if len(items) > 1:
        items = [item for item in items if names and item.name == names[0]]
        names = names[1:]
    items = [item for item in items if item.kind in snapshots.KNOWN_ITEMS]
    for item in items:
        root, entries, node = item.root, None, None
        for position, wanted in enumerate(names):
            node = next((node for name, node in walker.nodes(root, "/", entries) if name == wanted), None)
            if isinstance(node, ReaderError):
                raise node
            if node is None or (node.type != FOLDER and position < len(names) - 1):
                node = None
                break
            root, entries = node.subtree, node.entries
        if node is not None:
            return walker, node
    raise ReaderError(f"{path}: not in this snapshot")


def cat(index, snapshot, path, output):
    walker, node = find(index, snapshot, path)
    if node.type != FILE:
        raise ReaderError(f"{path}: is a {trees.TYPE_NAMES[node.type]}")
    zeros = bytes(1 << 16)
    for data, length in walker.pieces(node):
        if data is not None:
            output.write(data)
            continue
        while length:
            output.write(zeros[:min(length, len(zeros))])
            length -= min(length, len(zeros))
