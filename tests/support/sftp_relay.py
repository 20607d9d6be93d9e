#!/usr/bin/env python3
"""An SFTP server that is OpenSSH's but for one thing, on standard input and output: for servers that differ.

    sftp_relay.py replacing-rename    has no hard links to offer, and its plain rename replaces
    sftp_relay.py no-links            offers hard links, and its disk has none
    sftp_relay.py no-folder-sync      does not open folders as files
    sftp_relay.py record FILE         notes what it is asked, a line a request: its type, or the extension's name;
                                      folders are made a third of a second later, and so is what is asked behind them
"""

import os
import struct
import subprocess
import sys
import threading
import time

OPEN, MAKE_FOLDER, RENAME, EXTENDED = 3, 14, 18, 200
mode = sys.argv[1]
command = ['/usr/lib/openssh/sftp-server'] + (['-P', 'hardlink'] if mode == 'replacing-rename' else [])
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
notes = open(sys.argv[2], 'a') if mode == 'record' else None


def string(data):
    return struct.pack('>I', len(data)) + data


def read_packet(source):
    head = source.read(4)
    return source.read(struct.unpack('>I', head)[0]) if len(head) == 4 else None


def changed(packet):
    kind, rest = packet[0], packet[5:]
    if mode == 'record':
        name = str(kind) if kind != EXTENDED else rest[4:4 + struct.unpack('>I', rest[:4])[0]].decode()
        print(name, file=notes, flush=True)
        if kind == MAKE_FOLDER:
            time.sleep(0.3)
    if mode == 'replacing-rename' and kind == RENAME:
        return bytes([EXTENDED]) + packet[1:5] + string(b'posix-rename@openssh.com') + rest
    if mode == 'no-links' and kind == EXTENDED and rest.startswith(string(b'hardlink@openssh.com')):
        return bytes([EXTENDED]) + packet[1:5] + string(b'nothing@example.org')
    if mode == 'no-folder-sync' and kind == OPEN:
        size = struct.unpack('>I', rest[:4])[0]
        if os.path.isdir(rest[4:4 + size]):
            return bytes([OPEN]) + packet[1:5] + string(b'/dev/null/x') + rest[4 + size:]
    return packet


def relay_answers():
    while (data := server.stdout.read1(65536)):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


threading.Thread(target=relay_answers, daemon=True).start()
while (packet := read_packet(sys.stdin.buffer)) is not None:
    server.stdin.write(string(changed(packet)))
    server.stdin.flush()
server.stdin.close()
server.wait()
