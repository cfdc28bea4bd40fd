"""A store like those whose data can be in use (clones, snapshots)."""

from typing import Any


class RefusingStore:
    """The store inside, with deletions that fail on demand.

    :ivar trouble: what every deletion raises
    """

    schemes = ('file', 'filesystem')
    is_read_only = False
    can_refuse_deletion = True

    def __init__(self, store: Any) -> None:
        self._store = store
        self.trouble: Exception | None = None

    def delete(self, url: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        self._store.delete(url)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
