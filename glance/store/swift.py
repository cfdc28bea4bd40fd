"""Image data as objects of Swift, in the account of one project.

:mod:`swift_tenants` has the store with an account for each project.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import functools
import hashlib
import logging
import ssl
from typing import Any
import urllib.parse

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import keystone
from glance.store import remote
from glance.store import servers
from glance.store import swift_account
from glance.store import swift_listing
from glance.store import swift_projects
from glance.store import swift_references
from glance.store import swift_upload

LOG = logging.getLogger(__name__)

SCHEMES = ('swift+config', 'swift', 'swift+http', 'swift+https')


def check(options: Mapping[str, Any]) -> None:
    """Check the options, but not the file of references, if there is one.

    :raises errors.ConfigurationError: an option is wrong or missing
    """
    if options['swift_store_multi_tenant']:
        if options['swift_store_config_file']:
            raise errors.ConfigurationError(
                'swift_store_multi_tenant and swift_store_config_file '
                'exclude each other: set swift_store_auth_address, '
                'swift_store_user and swift_store_key.'
            )
        # Imported only here, because its class is a subclass of this one.
        from glance.store import swift_tenants

        swift_tenants.check_admins(options['swift_store_admin_tenants'])
    swift_references.check(options)


def from_options(options: Mapping[str, Any]) -> base.Writable:
    """:raises errors.ConfigurationError: an option is wrong or missing

    :raises errors.StoreUnavailable: a server does not respond
    """
    check(options)
    is_multi_tenant = options['swift_store_multi_tenant']
    tls = servers.tls_context(
        'swift_store_cacert',
        options['swift_store_cacert'],
        options['swift_store_auth_insecure'],
    )
    place = keystone.Place(
        options['swift_store_service_type'],
        options['swift_store_endpoint_type'].removesuffix('URL'),
        options['swift_store_region'],
        options['swift_store_endpoint'],
    )
    logins = {
        name: keystone.Login(
            reference, place, tls, options['swift_store_expire_soon_interval']
        )
        for name, reference in swift_references.of_options(options).items()
    }
    default = options['default_swift_reference']
    accounts = Accounts(logins, default, tls)
    seed = options['swift_store_multiple_containers_seed']
    containers = Containers(
        options['swift_store_container'],
        # Each image has its own container with several accounts.
        0 if is_multi_tenant else seed,
        options['swift_store_create_container_on_put'],
    )
    sizes = swift_upload.Sizes(
        options['swift_store_large_object_size'] * swift_upload.MB,
        options['swift_store_large_object_chunk_size'] * swift_upload.MB,
    )
    resumes = options['swift_store_retry_get_count']
    store = SwiftStore(accounts, containers, sizes, resumes)
    if is_multi_tenant:
        # Imported only here, because its class is a subclass of this one.
        from glance.store import swift_tenants

        store = swift_tenants.TenantStore(
            accounts,
            containers,
            sizes,
            resumes,
            swift_projects.Tenants(logins[default], tls),
            options['swift_store_admin_tenants'],
        )
    threads.run(store.require_container)
    return store


class Accounts:
    """Accounts, by the names of their references."""

    def __init__(
        self,
        logins: Mapping[str, keystone.Login],
        default: str,
        tls: ssl.SSLContext,
    ) -> None:
        self.default_name = default
        self._references = {
            name: login.reference for name, login in logins.items()
        }
        self._accounts = {
            name: swift_account.Account(login, tls)
            for name, login in logins.items()
        }
        self.default = self._accounts[default]

    @property
    def place(self) -> str:
        """The account of new images as text, without secrets."""
        reference = self._references[self.default_name]
        project = reference.user.partition(':')[0]
        return (
            f'{reference.auth_address} {project} '
            f'{reference.application_credential_id}'
        )

    def of(self, url: str) -> tuple[swift_account.Account, str]:
        """Return the account of a URL, and the path CONTAINER/OBJECT.

        :raises base.Elsewhere: the URL is of none of the accounts
        """
        scheme, _, rest = url.partition('://')
        user, _, place = rest.rpartition('@')
        host, _, path = place.partition('/')
        parts = path.split('/')
        if scheme not in SCHEMES or len(parts) < 2 or not all(parts[-2:]):
            raise _elsewhere()
        path = '/'.join(parts[-2:])
        if scheme != 'swift+config':
            return self._named_by(user, host), urllib.parse.unquote(path)
        if len(parts) != 2 or host not in self._accounts or user:
            raise _elsewhere()
        return self._accounts[host], urllib.parse.unquote(path)

    def _named_by(self, user: str, host: str) -> swift_account.Account:
        """The account of a URL with credentials, from an older release."""
        who = urllib.parse.unquote(user.partition(':')[0])
        fitting = [
            name
            for name, reference in self._references.items()
            if _host_of(reference.auth_address) == host.lower()
        ]
        for name in fitting:
            if self._references[name].user == who:
                return self._accounts[name]
        project = who.partition(':')[0]
        for name in fitting:
            # The user may have changed since, but the account is the same.
            if self._references[name].user.partition(':')[0] == project:
                return self._accounts[name]
        raise _elsewhere()


class Containers:
    """Decides which container an image is in.

    :param seed: number of digits of the image's id at the end of the name
    :param may_create: whether missing containers are created
    """

    def __init__(self, name: str, seed: int, may_create: bool) -> None:
        self.name = name
        self.seed = seed
        self._may_create = may_create
        self._known: set[str] = set()

    def of(self, image_id: str) -> str:
        if not self.seed:
            return self.name
        end, digits = 0, 0
        while digits < self.seed and end < len(image_id):
            digits += image_id[end] != '-'
            end += 1
        return f'{self.name}_{image_id[:end]}'

    def has_digits(self, name: str) -> bool:
        """Whether a name ends as those of this store, and not of another."""
        digits = name.removeprefix(f'{self.name}_').replace('-', '')
        return len(digits) == self.seed

    def require(self, account: swift_account.Account, name: str) -> None:
        """:raises errors.Error: it is missing, and cannot be created"""
        if name in self._known:
            return
        answer = account.ask('HEAD', name)
        if answer.status == 404 and self._may_create:
            answer = account.ask('PUT', name, {'Content-Length': '0'})
        if answer.status == 404:
            raise errors.StoreUnavailable from RuntimeError(
                f'the container {name} does not exist; create it, or set '
                'swift_store_create_container_on_put'
            )
        swift_account.require(
            answer, f'the container {name}', 200, 201, 202, 204
        )
        self._known.add(name)

    def forget(self) -> None:
        """Check again, because an operator may have removed a container."""
        self._known.clear()


class SwiftStore(remote.Objects):
    """See :class:`glance.store.base.Writable`.

    URLs are swift+config://REFERENCE/CONTAINER/ID.
    """

    schemes = SCHEMES

    def __init__(
        self,
        accounts: Accounts,
        containers: Containers,
        sizes: swift_upload.Sizes,
        resumes: int,
    ) -> None:
        self._accounts = accounts
        self._account = accounts.default
        self._containers = containers
        self._sizes = sizes
        self._resumes = resumes
        place = f'swift {accounts.place} {containers.name}'
        self.identity: str | None = hashlib.sha256(place.encode()).hexdigest()

    def require_container(self) -> None:
        """:raises errors.Error: the account or its container is unusable"""
        self._containers.forget()
        if self._containers.seed:
            self._account.require_login()
        else:
            self._containers.require(self._account, self._containers.name)

    def _require_usable(self) -> None:
        self.require_container()

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        container = self._containers.of(image_id)
        threads.run(self._containers.require, self._account, container)
        swift_upload.Upload(
            self._account, container, image_id, self._sizes, size_bytes
        ).run(data, confirm)
        place = servers.quoted(f'{container}/{image_id}')
        return f'swift+config://{self._accounts.default_name}/{place}'

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        account, path = self._locate(url)
        if length == 0:
            if self.size(url) < offset:
                raise remote.too_short()
            return remote.Nothing()
        response = threads.run(_opened, account, path, offset, length, None)
        present = response.length or 0
        if length is None:
            length = present
        if present != length:
            response.close()
            raise remote.too_short()
        wanted, version = length, version_of(response.headers)

        def open_at(done: int) -> servers.Response:
            return _opened(
                account, path, offset + done, wanted - done, version
            )

        return remote.Body(open_at, response, length, self._resumes)

    def size(self, url: str) -> int:
        account, path = self._locate(url)
        answer = threads.run(account.ask, 'HEAD', path)
        swift_account.require(answer, 'HEAD of an object', 200, 204)
        return int(answer.headers.get('Content-Length') or 0)

    def delete(self, url: str) -> None:
        account, path = self._locate(url)
        threads.run(_delete, account, path)

    def _locate(self, url: str) -> tuple[swift_account.Account, str]:
        return self._accounts.of(url)

    def pieces(self) -> Iterator[base.Piece]:
        """List the containers of new images in the account of new images."""
        names = [self._containers.name]
        if self._containers.seed:
            prefix = f'{self._containers.name}_'
            names = [
                name
                for name in swift_listing.containers(self._account, prefix)
                if self._containers.has_digits(name)
            ]
        for name in names:
            yield from swift_listing.pieces(
                self._account,
                name,
                functools.partial(self._url, name),
                functools.partial(self._hold_in, name),
            )

    def _url(self, container: str, name: str) -> str:
        place = servers.quoted(f'{container}/{name}')
        return f'swift+config://{self._accounts.default_name}/{place}'

    def _hold_in(self, container: str, name: str) -> base.Held | None:
        held = _Held(self._account, container, name)
        return held if threads.run(held.look) else None

    def set_aside(self, url: str) -> str:
        account, path = self._locate(url)
        aside: str = threads.run(swift_listing.copy_aside, account, path)
        threads.run(_delete, account, path)
        return aside

    def _held(self, image_id: str) -> remote.HeldObject:
        container = self._containers.of(image_id)
        return _Held(self._account, container, image_id)


class _Held(remote.HeldObject):
    """See :class:`glance.store.base.Held`."""

    def __init__(
        self, account: swift_account.Account, container: str, name: str
    ) -> None:
        self._account = account
        self._container = container
        self._name = name
        self._path = f'{container}/{name}'
        self._object: tuple[str | None, ...] | None = None
        self._segments: list[str] = []

    def look(self) -> bool:
        """:returns: whether there is an object or a segment"""
        self._object = self._found()
        self._segments = [
            f'{self._container}/{each}'
            for each in self._account.listed(self._container, f'{self._name}-')
        ]
        return self._object is not None or bool(self._segments)

    def _found(self) -> tuple[str | None, ...] | None:
        """Headers that distinguish this object from others with its name."""
        answer = self._account.ask('HEAD', self._path)
        if answer.status == 404:
            return None
        swift_account.require(answer, 'HEAD of an object', 200, 204)
        return version_of(answer.headers)

    def _remove(self) -> None:
        if self._object is not None and self._found() == self._object:
            swift_upload.delete_object(self._account, self._path)
        for path in self._segments:
            swift_upload.delete_object(self._account, path)


def _opened(
    account: swift_account.Account,
    path: str,
    offset: int,
    length: int | None,
    version: tuple[str | None, ...] | None,
) -> servers.Response:
    headers = servers.range_header(offset, length)
    response = account.open(path, headers)
    try:
        if response.status == 416:
            raise remote.too_short()
        if response.status != (206 if 'Range' in headers else 200):
            raise swift_account.refused(response.status, 'GET of an object')
        if version not in (None, version_of(response.headers)):
            raise servers.Unreachable('the object was replaced meanwhile')
    except BaseException:
        response.close()
        raise
    return response


def version_of(headers: Mapping[str, str]) -> tuple[str | None, ...]:
    names = ('ETag', 'Last-Modified', 'X-Timestamp', 'X-Object-Manifest')
    return tuple(headers.get(name) for name in names)


def _delete(account: swift_account.Account, path: str) -> None:
    answer = account.ask('HEAD', path)
    if answer.status == 404:
        LOG.info('The data to delete did not exist')
        return
    swift_account.require(answer, 'HEAD of an object', 200, 204)
    if answer.headers.get('X-Static-Large-Object', '').lower() == 'true':
        query = '?multipart-manifest=delete'
        answer = account.ask('DELETE', path, None, query)
        swift_account.require(answer, 'DELETE of an object', 200, 204, 404)
        return
    # The manifest last, because only it says which segments there are.
    for segment in swift_upload.segments_of(account, path, answer.headers):
        swift_upload.delete_object(account, segment)
    swift_upload.delete_object(account, path)


def _host_of(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc.lower()


def _elsewhere() -> base.Elsewhere:
    return base.Elsewhere(
        'the URL names no object of a project that the options of the store '
        'or swift_store_config_file have'
    )
