"""Image data in the Swift accounts of the projects that own the images.

Each image has a container of its own, CONTAINER_ID, in the account of its
owner, so that its access control lists can follow the image's members. The
service user needs the role of a reseller admin in Swift: it writes, reads and
deletes in all accounts, also when no user is there (imports, leftovers), and
however long an upload lasts.

A small object in the service's own account, the mark, tells where the data of
an image is. It is written first and removed last, so that the data of a
killed upload is found by the id of its image. After the upload it also gets
the record of the data; see :mod:`swift_record`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
import hashlib
import logging
import re
from typing import NamedTuple
import urllib.parse
import uuid

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import remote
from glance.store import servers
from glance.store import swift
from glance.store import swift_account
from glance.store import swift_marks
from glance.store import swift_projects
from glance.store import swift_record
from glance.store import swift_tenant_listing
from glance.store import swift_upload

LOG = logging.getLogger(__name__)

#: How often the deletion of a container that was just emptied is tried.
_TRIES = 5
_PAUSE_SECONDS = 0.5
#: Ids of projects that may be in an access control list. Other text could
#: have a meaning there: ".r:*" is everybody.
_PROJECT = re.compile('[A-Za-z0-9_-]{1,64}')


def check_admins(projects: Sequence[str]) -> None:
    """:raises errors.ConfigurationError: one is not the id of a project"""
    if not all(map(_PROJECT.fullmatch, projects)):
        raise errors.ConfigurationError(
            'swift_store_admin_tenants must be ids of projects: letters, '
            'digits, "_" and "-", at most 64.'
        )


class TenantStore(swift.SwiftStore):
    """See :class:`glance.store.base.Writable` and the module.

    URLs are swift+https://HOST/v1/AUTH_PROJECT/CONTAINER_ID/ID, and those of
    a store with one account, which are read as before.

    :param admins: projects that may write to the containers of all images
    """

    # A copy would have no mark. So this store has not the ability SetsAside.
    set_aside = None  # type: ignore[assignment]

    def __init__(
        self,
        accounts: swift.Accounts,
        containers: swift.Containers,
        sizes: swift_upload.Sizes,
        resumes: int,
        tenants: swift_projects.Tenants,
        admins: Sequence[str],
    ) -> None:
        super().__init__(accounts, containers, sizes, resumes)
        self._tenants = tenants
        self._admins = tuple(admins)
        self._marks = swift_marks.Marks(
            accounts.default, containers.name, tenants
        )
        check_admins(self._admins)
        # Hosts that keep all images in one account cannot use this data.
        place = f'swift of owners {accounts.place} {containers.name}'
        self.identity = hashlib.sha256(place.encode()).hexdigest()

    def require_container(self) -> None:
        self._tenants.learn()
        super().require_container()

    def of_owner(self, project: str) -> base.Writes:
        """See :class:`glance.store.base.HasAccounts`."""
        return _Writer(self, project)

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        return self.write_for(None, image_id, data, confirm, size_bytes)

    def write_for(
        self,
        project: str | None,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None,
    ) -> str:
        """Write to the account of a project; None: the service's own."""
        url = self._tenants.url(project)
        # Not here, as a login that runs would stop all requests.
        place: swift_record.Place = threads.run(self._place, url, image_id)
        upload = uuid.uuid4().hex
        threads.run(self._begin, place, url, upload)
        try:
            sent = swift_upload.Upload(*place, self._sizes, size_bytes)
            sent.run(data, confirm)
            threads.run(self._record, image_id, url, upload, sent)
        except BaseException:
            threads.run(self._give_up, place, upload)
            raise
        quoted = servers.quoted(place.path)
        return f'swift+{url}/{quoted}'

    def _place(self, url: str, image_id: str) -> swift_record.Place:
        return swift_record.Place(
            self._tenants.at(url), self._container(image_id), image_id
        )

    def _container(self, image_id: str) -> str:
        return f'{self._containers.name}_{image_id}'

    def _begin(self, place: swift_record.Place, url: str, upload: str) -> None:
        """Record where the data will be, and create its container."""
        self._containers.require(self._account, self._containers.name)
        old = self._marks.get(place.name)
        if old is not None and old.url != url:
            # The owner has changed since an upload that was killed.
            other = self._place(old.url, place.name)
            self._remove(other, self._names(other), old)
        self._marks.put(place.name, url, upload, b'')
        answer = place.account.ask(
            'PUT', place.container, self._rights(False, ())
        )
        swift_account.require(answer, 'PUT of a container', 201, 202)

    def _record(
        self, image_id: str, url: str, upload: str, sent: swift_upload.Upload
    ) -> None:
        """Write down what was stored; undo the upload if that fails."""
        try:
            swift_record.require_etags(sent.pieces)
            mark = self._marks.get(image_id)
            is_mine = mark is not None and mark.upload == upload
            if not is_mine and not sent.is_present():
                return  # a later upload replaced this one, and has a record
            body = swift_record.dumped(sent.pieces)
            self._marks.put(image_id, url, upload, body)
        except BaseException:
            sent.undo()
            raise

    def _give_up(self, place: swift_record.Place, upload: str) -> None:
        """Remove an empty container after a failed write; log failures."""
        try:
            mark = self._marks.get(place.name)
            if mark is not None and mark.upload == upload:
                self._end(place, mark)
        except errors.Error as error:
            LOG.warning(
                'Could not remove the container of image %s, whose upload '
                'failed: %s',
                place.name,
                base.reason(error),
            )

    def _end(
        self,
        place: swift_record.Place,
        mark: swift_marks.Mark | None,
        tries: int = 1,
    ) -> None:
        """Remove the container and then the mark, if it has no object.

        :param mark: as it was read; one that was written since then stays
        """
        for tries_left in reversed(range(tries)):
            answer = place.account.ask('DELETE', place.container)
            if answer.status != 409:
                break
            if not tries_left:
                return
            threads.pause(_PAUSE_SECONDS)  # it may list a deleted object
        swift_account.require(answer, 'DELETE of a container', 204, 404)
        if mark is not None and self._marks.get(place.name) == mark:
            self._marks.remove(place.name)

    def _names(self, place: swift_record.Place) -> list[str]:
        """What the container of an image has."""
        return list(place.account.listed(place.container, place.name))

    def _remove(
        self,
        place: swift_record.Place,
        names: Iterable[str],
        mark: swift_marks.Mark | None,
    ) -> None:
        """Remove these objects, and the container if it is empty then."""
        for name in names:
            swift_upload.delete_object(
                place.account, f'{place.container}/{name}'
            )
        self._end(place, mark, _TRIES)

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        """See :class:`glance.store.base.Readable` and the record."""
        parts = self._parse(url)
        if parts is None:
            return super().open(url, offset, length)
        place, pieces = threads.run(self._stored, parts)
        source, size = threads.run(
            swift_record.opened, place, pieces, offset, length
        )

        def open_at(done: int) -> swift_record.Source:
            return swift_record.Source(
                place, pieces, offset + done, size - done
            )

        return remote.Body(open_at, source, size, self._resumes)

    def size(self, url: str) -> int:
        parts = self._parse(url)
        if parts is None:
            return super().size(url)
        place, pieces = threads.run(self._stored, parts)
        size: int = threads.run(swift_record.size, place, pieces)
        return size

    def _stored(
        self, parts: tuple[str, str, str]
    ) -> tuple[swift_record.Place, list[swift_upload.Piece]]:
        """Where the data of a URL is, and what it is."""
        url, container, name = parts
        place = swift_record.Place(self._tenants.at(url), container, name)
        if container == self._container(name):
            mark = self._marks.get(name)
            if (
                mark is not None
                and mark.url == url
                and (mark.pieces is not None)
            ):
                return place, mark.pieces
        return place, swift_record.found(place)

    def _locate(self, url: str) -> tuple[swift_account.Account, str]:
        parts = self._parse(url)
        if parts is None:
            return super()._locate(url)
        account, container, name = parts
        return self._tenants.at(account), f'{container}/{name}'

    def _parse(self, url: str) -> tuple[str, str, str] | None:
        """Return account, container and object; None for other URLs."""
        scheme, _, rest = url.partition('+')
        parts = rest.rsplit('/', 2)
        if (
            scheme != 'swift'
            or len(parts) != 3
            or not all(parts)
            or not self._tenants.owns(parts[0])
        ):
            return None
        unquote = urllib.parse.unquote
        return parts[0], unquote(parts[1]), unquote(parts[2])

    def owns(self, url: str) -> bool:
        return self._parse(url) is not None or super().owns(url)

    def delete(self, url: str) -> None:
        parts = self._parse(url)
        if parts is None:
            super().delete(url)
            return
        threads.run(self._delete, *parts)

    def _delete(self, url: str, container: str, name: str) -> None:
        """Remove the data; then tidy up, and log what cannot be removed.

        Without the object there is no data, so later failures must not make
        the caller believe that the image is still there.
        """
        place = swift_record.Place(self._tenants.at(url), container, name)
        mark: swift_marks.Mark | None = None
        own = place.container == self._container(place.name)
        prefix = place.name if own else f'{place.name}-'
        names = list(place.account.listed(place.container, prefix))
        if own:
            mark = self._marks.get(place.name)
        swift_upload.delete_object(place.account, place.path)
        try:
            if mark is not None and mark.url != url:
                mark = None
            rest = [name for name in names if name != place.name]
            self._remove(place, rest, mark)
        except errors.Error as error:
            LOG.warning(
                'The data of image %s is removed, but a part of the container '
                '%s in the account %s stays, which can be deleted: %s',
                place.name,
                place.container,
                url,
                base.reason(error),
            )

    def set_access(
        self, url: str, is_public: bool, projects: Sequence[str]
    ) -> None:
        """See :class:`glance.store.base.GrantsAccess`."""
        parts = self._parse(url)
        if parts is None:
            return

        def change() -> None:
            account, container, _ = parts
            answer = self._tenants.at(account).ask(
                'POST', container, self._rights(is_public, projects)
            )
            swift_account.require(answer, 'POST of a container', 204)

        threads.run(change)

    def _rights(
        self, is_public: bool, projects: Sequence[str]
    ) -> dict[str, str]:
        """Headers with the access control lists of a container."""
        known = [each for each in projects if _PROJECT.fullmatch(each)]
        if len(known) < len(projects):
            LOG.warning(
                'Projects whose ids are not 1 to 64 letters, digits, "_" and '
                '"-" cannot read an image from Swift directly: %r',
                sorted(set(projects) - set(known)),
            )
        read = [f'{each}:*' for each in (*known, *self._admins)]
        if is_public:
            read = ['.r:*', '.rlistings', *read]
        return {
            'Content-Length': '0',
            'X-Container-Read': ','.join(read),
            'X-Container-Write': ','.join(f'{it}:*' for it in self._admins),
        }

    def pieces(self) -> Iterator[base.Piece]:
        """List data in all accounts.

        Objects in the container of the marks may belong to another store,
        which has this account only.
        """
        yield from swift_tenant_listing.pieces(
            self._marks, self._place, self.hold
        )

    def _held(self, image_id: str) -> remote.HeldObject:
        return _Held(self, image_id)

    def look(self, image_id: str) -> 'Look | None':
        """What there is of an image now; None if nothing."""
        mark = self._marks.get(image_id)
        if mark is None:
            return None
        place = self._place(mark.url, image_id)
        answer = place.account.ask(
            'HEAD', place.path, None, swift_record.ITSELF
        )
        if answer.status == 404:
            return Look(mark, None)
        swift_account.require(answer, 'HEAD of an object', 200, 204)
        return Look(mark, swift.version_of(answer.headers))

    def listed(self, look: 'Look', image_id: str) -> list[str]:
        return self._names(self._place(look.mark.url, image_id))

    def remove_listed(
        self, look: 'Look', image_id: str, names: Iterable[str]
    ) -> None:
        place = self._place(look.mark.url, image_id)
        self._remove(place, names, look.mark)


class Look(NamedTuple):
    """What there is of an image; another upload makes another one.

    :ivar version: of the object; None if there is none
    """

    mark: swift_marks.Mark
    version: tuple[str | None, ...] | None


class _Writer:
    """See :class:`glance.store.base.Writes`."""

    def __init__(self, store: TenantStore, project: str) -> None:
        self._store, self._project = store, project

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        return self._store.write_for(
            self._project, image_id, data, confirm, size_bytes
        )


class _Held(remote.HeldObject):
    """See :class:`glance.store.base.Held`."""

    def __init__(self, store: TenantStore, image_id: str) -> None:
        self._store, self._image_id = store, image_id
        self._look: Look | None = None
        self._names: list[str] = []

    def look(self) -> bool:
        self._look = self._store.look(self._image_id)
        if self._look is None:
            return False
        self._names = self._store.listed(self._look, self._image_id)
        return True

    def _remove(self) -> None:
        now = self._store.look(self._image_id)
        if now is not None and now == self._look:
            self._store.remove_listed(now, self._image_id, self._names)
