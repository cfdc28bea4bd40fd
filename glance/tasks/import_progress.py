"""How far an import is, for its task and for the owner of the image."""

from collections.abc import Callable

from glance.images import streams
from glance.tasks import engine


def watch(
    job: engine.Job,
    data: streams.Measured,
    size_bytes: int | None,
    observe: Callable[[int], None],
) -> Callable[[], None]:
    """Return the function to call for each piece of the data.

    It raises if the data is not needed any more, and notes the progress.
    """
    seen = 0
    method = job.task['work']['method']
    copies = len(job.task['work']['stores'])
    whole = '' if size_bytes is None else f' of {_amount(size_bytes)}'

    def look() -> None:
        nonlocal seen
        job.transfer.check()
        observe(data.size_bytes - seen)
        seen = data.size_bytes
        job.transfer.bytes_done = data.size_bytes * copies
        if size_bytes:
            percent = data.size_bytes * 100 // size_bytes
            job.note = f'{method} {percent} %{whole}'
        else:
            job.note = f'{method} {_amount(data.size_bytes)}'

    return look


def _amount(size_bytes: int) -> str:
    """A number of bytes as text for people."""
    size, units = float(size_bytes), ['TiB', 'GiB', 'MiB', 'KiB', 'bytes']
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop()
    return f'{size:.1f} {units[-1]}'.replace('.0 bytes', ' bytes')
