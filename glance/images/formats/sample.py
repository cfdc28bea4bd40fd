"""The first and the last bytes of an upload."""

SECTOR = 512
#: These bytes are enough to recognise any format, except the metadata of a
#: VHDX: the boot sector, a VMDK's descriptor, an ISO's volume descriptor.
HEAD_BYTES = SECTOR + 64 * 1024
#: A VMDK's footer is in the last three sectors, a VHD's in the last one.
TAIL_BYTES = 3 * SECTOR


class Sample:
    """Keeps the head and the tail of data that streams.

    The tail is only valid if all of the data was fed.

    :ivar head: the first bytes; after :meth:`finish` they are padded with
        zeros to a whole sector, as qemu reads files
    :ivar tail: the last bytes
    :ivar size_bytes: size of all data, known after its end
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
