"""Marks: small objects that tell where the data of images is.

They are in the service's own account, where owners of images cannot change
them; see :mod:`swift_tenants`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from glance.store import swift
from glance.store import swift_account
from glance.store import swift_listing
from glance.store import swift_projects
from glance.store import swift_record
from glance.store import swift_upload

#: Of the names of marks, before the id of the image.
_PREFIX = 'account-of-'
#: Says in which account the data of an image is.
_ACCOUNT = 'X-Object-Meta-Image-Account'
#: Differs for each upload.
_UPLOAD = 'X-Object-Meta-Image-Upload'


class Mark(NamedTuple):
    """The mark of an image, as it was read.

    :ivar url: of the account that has the data
    :ivar upload: distinguishes uploads
    :ivar version: changes whenever the mark is written
    :ivar pieces: the record of the data; None if the upload is not complete
    """

    url: str
    upload: str
    version: tuple[str | None, ...]
    pieces: list[swift_upload.Piece] | None


class Marks:
    """The marks of all images.

    :param account: of the service itself
    """

    def __init__(
        self,
        account: swift_account.Account,
        container: str,
        tenants: swift_projects.Tenants,
    ) -> None:
        self._account = account
        self._container = container
        self._tenants = tenants

    def path(self, image_id: str) -> str:
        return f'{self._container}/{_PREFIX}{image_id}'

    def listed(self) -> Iterator[tuple[str, float]]:
        """Yield the ids of all images with a mark, and its age in seconds.

        :raises errors.StoreUnavailable: the marks cannot be listed now
        """
        for name, age_seconds in swift_listing.marks(
            self._account, self._container, _PREFIX
        ):
            yield name.removeprefix(_PREFIX), age_seconds

    def get(self, image_id: str) -> Mark | None:
        """Read the mark of an image; None if there is none."""
        answer = self._account.ask('GET', self.path(image_id))
        if answer.status == 404:
            return None
        swift_account.require(answer, 'GET of a mark', 200, 204)
        url = answer.headers.get(_ACCOUNT) or ''
        if not self._tenants.owns(url):
            return None
        return Mark(
            url,
            answer.headers.get(_UPLOAD) or '',
            swift.version_of(answer.headers),
            swift_record.loaded(answer.body),
        )

    def put(self, image_id: str, url: str, upload: str, body: bytes) -> None:
        headers = {
            'Content-Length': str(len(body)),
            'Content-Type': swift_listing.MARK_TYPE,
            _ACCOUNT: url,
            _UPLOAD: upload,
        }
        path = self.path(image_id)
        answer = self._account.ask('PUT', path, headers, '', body)
        swift_account.require(answer, 'PUT of a mark', 201)

    def remove(self, image_id: str) -> None:
        swift_upload.delete_object(self._account, self.path(image_id))
