"""Images of another image service, for ``glance-download``."""

from collections.abc import Container, Mapping
import json
from typing import Any, NamedTuple

from glance.common import contract
from glance.common import errors
from glance.images.importing import digests
from glance.images.importing import source
from glance.images.importing import web
from glance.store import outbound

#: Max bytes of the JSON document of an image.
_DOCUMENT_BYTES = 4 * 1024 * 1024
#: Members that are copied from the original if they have these defaults.
_DEFAULTS: dict[str, Any] = {'name': None, 'min_disk': 0, 'min_ram': 0}
#: Prefix of the names of properties that only the service itself sets.
_RESERVED = 'os_glance'
#: Members of the document that are specific to the other service.
_OWN = frozenset(('direct_url', 'file', 'schema', 'self', 'stores'))


def endpoint(catalogue: str | None, region: str, interface: str) -> str:
    """The URL of the image service of a region.

    :param catalogue: the caller's service catalogue as JSON, from
        keystonemiddleware; None if the request had none
    :raises errors.BadRequest: the catalogue has no such service
    """
    if not catalogue:
        raise errors.BadRequest(
            'glance-download needs a token of Keystone with a service '
            'catalogue ([keystone_authtoken] include_service_catalog).'
        )
    for each in _endpoints(catalogue):
        if each.get('region', each.get('region_id')) != region:
            continue
        url = each.get(f'{interface}URL')
        if each.get('interface') == interface:
            url = each.get('url')
        if isinstance(url, str) and url:
            return url
    raise errors.BadRequest(
        f'The service catalogue has no image service with the interface '
        f'{interface} in the region {region}.'
    )


def _endpoints(catalogue: str) -> list[dict[str, Any]]:
    """Endpoints of image services, in the format of Keystone v2 or v3."""
    try:
        services = json.loads(catalogue)
        return [
            each
            for service in services
            if service.get('type') == 'image'
            for each in service.get('endpoints', ())
        ]
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.BadRequest(
            'The service catalogue of the token cannot be read.'
        ) from error


class Image(NamedTuple):
    """:ivar document: the image as the other service returned it"""

    id: str
    document: dict[str, Any]

    @property
    def size_bytes(self) -> int | None:
        size = self.document.get('size')
        return size if isinstance(size, int) else None

    @property
    def expected(self) -> digests.Expected | None:
        """The hash that its data must have; None if the service has none."""
        algo = self.document.get('os_hash_algo')
        value = self.document.get('os_hash_value')
        if algo in digests.NAMES and isinstance(value, str):
            return digests.Expected(algo, value.lower())
        checksum = self.document.get('checksum')
        if isinstance(checksum, str):
            return digests.Expected('md5', checksum.lower())
        return None

    def members(self, image: contract.Image) -> dict[str, Any]:
        """Members that an image takes over together with the data.

        The formats are always taken over; name, min_disk and min_ram only if
        the image has no value of its own.
        """
        values = {
            name: self.document[name]
            for name in ('disk_format', 'container_format')
            if isinstance(self.document.get(name), str)
        }
        mine: Mapping[str, Any] = image
        for name, default in _DEFAULTS.items():
            kind = int if default == 0 else str
            if mine[name] == default and isinstance(
                self.document.get(name), kind
            ):
                values[name] = self.document[name]
        return values

    def properties(
        self, prefixes: tuple[str, ...], base: Container[str]
    ) -> dict[str, str]:
        """The custom properties whose names have one of the prefixes.

        :param base: names of members that are not custom properties
        """
        return {
            name: value
            for name, value in self.document.items()
            if isinstance(value, str)
            and name.startswith(prefixes)
            and not name.startswith(_RESERVED)
            and name not in base
            and name not in _OWN
        }


class Service:
    """Another image service, used with the token of the caller.

    :param client: one for native threads; its filter must permit the endpoint
    :param endpoint: from the service catalogue, never from a client
    :param token: sent to the endpoint only, not after redirects to others
    """

    def __init__(
        self, client: outbound.Client, endpoint: str, token: str
    ) -> None:
        self._client = client
        base = endpoint.rstrip('/').removesuffix('/v2')
        self._base = f'{base}/v2/images'
        self._secrets = {'X-Auth-Token': token}

    def image(self, image_id: str, limits: web.Limits) -> Image:
        """Get the record of an image that can be downloaded.

        :raises errors.BadRequest: there is no such image, or it is not active
        """
        limits = limits._replace(cap_bytes=_DOCUMENT_BYTES, cap_reason='')
        data = self._open(f'{self._base}/{image_id}', limits)
        try:
            text = b''.join(bytes(piece) for piece in data)
        finally:
            data.close()
        try:
            document = json.loads(text)
        except ValueError as error:
            raise errors.BadRequest(_NO_IMAGE) from error
        if not isinstance(document, dict) or document.get('id') != image_id:
            raise errors.BadRequest(_NO_IMAGE)
        if document.get('status') != 'active':
            raise errors.BadRequest(
                f'The image {image_id} of the other region is not active.'
            )
        return Image(image_id, document)

    def data(self, image: Image, limits: web.Limits) -> source.Source:
        """Open the data, checked against size and hash of the image.

        :raises errors.BadRequest: the data cannot be downloaded
        """
        data = self._open(f'{self._base}/{image.id}/file', limits)
        sizes = {image.size_bytes, data.size_bytes} - {None}
        if len(sizes) > 1:
            data.close()
            raise errors.BadRequest(
                f'The other image service announces {data.size_bytes} bytes '
                f'of data, but its image has {image.size_bytes}.'
            )
        return digests.verified(data, image.expected)

    def _open(self, url: str, limits: web.Limits) -> source.Source:
        return web.Download(self._client, url, limits, self._secrets)


_NO_IMAGE = 'The other image service did not respond with an image.'
