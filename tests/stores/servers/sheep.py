"""A daemon that keeps the rules of sheep 1.0; each object is a file.

Debian has no package of Sheepdog. TEST_SHEEP names a real daemon instead:
JSON with host, port, and an empty directory.

What clients depend on: objects that nothing refers to any more are removed; a
VDI with entries in its table is not deleted, and the result is a success all
the same; an id of a deleted VDI is not used again; reads of version 2 leave
out zeros; a new object is full of zeros where nothing was written.
"""

import json
import os
import pathlib
import socketserver
import struct
import sys
import threading
import time

from tests.live import keystone
from tests.live import processes

START_SECONDS = 240
BLOCK = 512
HEAD = struct.Struct('<BBHIII')
OBJECT_BYTES = 4 << 20
INODE_HEAD, ENTRIES = 4664, 1 << 20
INODE_BYTES = INODE_HEAD + 4 * ENTRIES
SIZE_AT = 536
SUCCESS, NO_OBJECT, EXISTS, INVALID, NO_VDI = 0, 2, 4, 5, 8


class Store:
    """The objects and VDIs of a cluster with one node."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._names: dict[bytes, int] = {}
        self._used: set[int] = set()

    def _path(self, object_id: int) -> pathlib.Path:
        return self._directory / f'{object_id:016x}'

    def new_vdi(self, spec: bytes, data: bytes) -> tuple[int, bytes, bytes]:
        name = data[:256].rstrip(b'\0')
        (size,) = struct.unpack_from('<Q', spec)
        with self._lock:
            if not name or name in self._names:
                return (EXISTS if name else INVALID), b'', b''
            vdi = fnv(name)
            while vdi in self._used or not vdi:
                vdi = (vdi + 1) & 0xFFFFFF
            self._used.add(vdi)
            self._names[name] = vdi
            inode = bytearray(INODE_HEAD)
            inode[: len(name)] = name
            now = time.time_ns()
            created = (now // 10**9) << 32 | now % 10**9
            struct.pack_into('<QQQQQ', inode, 512, created, 0, 0, size, 0)
            struct.pack_into('<BBBBII', inode, 552, 0, 0, 1, 22, 0, vdi)
            self._create(1 << 63 | vdi << 32, 0, bytes(inode))
        return SUCCESS, struct.pack('<III4xBB', 0, vdi, 0, 1, 22), b''

    def get_vdi(self, _spec: bytes, data: bytes) -> tuple[int, bytes, bytes]:
        vdi = self._names.get(data[:256].rstrip(b'\0'))
        if vdi is None:
            return NO_VDI, b'', b''
        return SUCCESS, struct.pack('<III4xBB', 0, vdi, 0, 1, 22), b''

    def delete_vdi(self, _: bytes, data: bytes) -> tuple[int, bytes, bytes]:
        name = data[:256].rstrip(b'\0')
        with self._lock:
            vdi = self._names.get(name)
            if vdi is None:
                return NO_VDI, b'', b''
            with self._path(1 << 63 | vdi << 32).open('r+b') as inode:
                inode.seek(SIZE_AT)
                (size,) = struct.unpack('<Q', inode.read(8))
                inode.seek(INODE_HEAD)
                if any(inode.read(4 * -(-size // OBJECT_BYTES))):
                    return SUCCESS, b'', b''
                inode.seek(0)
                inode.write(bytes(256))
            del self._names[name]
        return SUCCESS, b'', b''

    def create(self, spec: bytes, data: bytes) -> tuple[int, bytes, bytes]:
        object_id, offset = _object(spec)
        with self._lock:
            return self._create(object_id, offset, data), b'', b''

    def _create(self, object_id: int, offset: int, data: bytes) -> int:
        whole = INODE_BYTES if object_id >> 63 else OBJECT_BYTES
        if offset + len(data) > whole:
            return INVALID
        path = self._path(object_id)
        with path.with_suffix('.new').open('wb') as file:
            file.truncate(whole)
            file.seek(offset)
            file.write(data)
        path.with_suffix('.new').rename(path)
        return SUCCESS

    def write(self, spec: bytes, data: bytes) -> tuple[int, bytes, bytes]:
        object_id, offset = _object(spec)
        with self._lock:
            try:
                file = self._path(object_id).open('r+b')
            except FileNotFoundError:
                return NO_OBJECT, b'', b''
            with file:
                if offset + len(data) > os.fstat(file.fileno()).st_size:
                    return INVALID, b'', b''
                file.seek(offset)
                before = file.read(len(data))
                file.seek(offset)
                file.write(data)
            if object_id >> 63 and offset >= INODE_HEAD:
                self._drop_references(offset, before, data)
        return SUCCESS, b'', b''

    def _drop_references(self, offset: int, before: bytes, now: bytes) -> None:
        first = (offset - INODE_HEAD) // 4
        pairs = zip(
            struct.unpack(f'<{len(before) // 4}I', before),
            struct.unpack(f'<{len(now) // 4}I', now),
            strict=True,
        )
        for index, (old, new) in enumerate(pairs, start=first):
            if old and old != new:
                self._path(old << 32 | index).unlink(missing_ok=True)

    def read(
        self, spec: bytes, size: int, version: int
    ) -> tuple[int, bytes, bytes]:
        object_id, offset = _object(spec)
        try:
            with self._path(object_id).open('rb') as file:
                file.seek(offset)
                data = file.read(size)
        except FileNotFoundError:
            return NO_OBJECT, b'', b''
        if version < 2:
            return SUCCESS, b'', data
        while len(data) >= BLOCK and not any(data[-BLOCK:]):
            data = data[:-BLOCK]
        return SUCCESS, b'', data


class Handler(socketserver.StreamRequestHandler):
    store: Store

    def handle(self) -> None:
        while len(head := self.rfile.read(48)) == 48:
            version, operation, flags, _, number, size = HEAD.unpack_from(head)
            data = self.rfile.read(size) if flags & 1 else b''
            if flags & 1 and len(data) < size:
                return
            result, fields, body = self._do(
                version, operation, head[16:], data, size
            )
            self.wfile.write(
                HEAD.pack(version, operation, 0, 0, number, len(body))
                + struct.pack('<I', result)
                + fields.ljust(28, b'\0')
                + body
            )

    def _do(
        self, version: int, operation: int, spec: bytes, data: bytes, size: int
    ) -> tuple[int, bytes, bytes]:
        if operation == 0x02:
            return self.store.read(spec, size, version)
        known = {
            0x01: self.store.create,
            0x03: self.store.write,
            0x11: self.store.new_vdi,
            0x14: self.store.get_vdi,
            0x17: self.store.delete_vdi,
            0x18: lambda *_: (SUCCESS, b'', b''),
        }
        if operation not in known:
            return INVALID, b'', b''
        return known[operation](spec, data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Sheep:
    """Its address is JSON: host, port, directory of the objects."""

    variable = 'TEST_SHEEP'

    def __init__(self) -> None:
        directory = processes.private_directory()
        (directory / 'objects').mkdir()
        port = processes.free_port()
        self._process = processes.Process(
            [sys.executable, '-m', __name__, port, directory / 'objects'],
            directory / 'log',
            env={**os.environ, 'PYTHONPATH': str(keystone.ROOT)},
        )
        self._process.start()
        processes.wait_until(
            lambda: processes.accepts(('127.0.0.1', port)),
            START_SECONDS,
            'sheep',
            self._process,
        )
        self.address = json.dumps(
            {
                'host': '127.0.0.1',
                'port': port,
                'directory': str(directory / 'objects'),
            }
        )

    def stop(self) -> None:
        self._process.stop()


def fnv(name: bytes) -> int:
    """The id at which the search for a free one begins."""
    value = 0xCBF29CE484222325
    for byte in name:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value & 0xFFFFFF


def _object(spec: bytes) -> tuple[int, int]:
    object_id, *_, offset, _ = struct.unpack('<QQBBBBIII', spec)
    return object_id, offset


def main() -> None:
    port, directory = sys.argv[1:]
    Handler.store = Store(pathlib.Path(directory))
    with Server(('127.0.0.1', int(port)), Handler) as server:
        server.serve_forever()


if __name__ == '__main__':
    main()
