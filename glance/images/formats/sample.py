"""The first and the last bytes of an upload."""

SECTOR = 512
#: Everything that decides about a format is in these bytes, except in a
#: VHDX: the boot sector, a VMDK's descriptor, an ISO's volume descriptor.
HEAD_BYTES = SECTOR + 64 * 1024
#: A VMDK's footer is in the last three sectors, a VHD's in the last one.
TAIL_BYTES = 3 * SECTOR


class Sample:
    """Keeps the head and the tail of data that streams by.

    The tail is only right if all of the data was fed.

    :ivar head: the first bytes; when :meth:`finish` was called, followed by
        zeros up to a whole sector, because qemu reads files so
    :ivar tail: the last bytes
    :ivar size_bytes: size of all data, known when it ended
    """

    def __init__(self) -> None:
        self.head = bytearray()
        self.tail = b''
        self.size_bytes = 0

    @property
    def head_is_full(self) -> bool:
        return len(self.head) == HEAD_BYTES

    def feed(self, piece: memoryview) -> None:
        self.head += piece[: HEAD_BYTES - len(self.head)]
        self.tail = (self.tail + piece[-TAIL_BYTES:])[-TAIL_BYTES:]

    def finish(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.head += bytes(-len(self.head) % SECTOR)
