"""Steps that upload and download data."""

from hypothesis import stateful
from hypothesis import strategies
import webob

from tests import base
from tests.functional.random import inputs
from tests.functional.random import machine
from tests.functional.random import model


class Data(machine.Machine):
    """Uploads and downloads, also of ranges."""

    @stateful.rule(
        caller=inputs.anybody,
        which=inputs.which,
        body=inputs.data,
        said=strategies.sampled_from((None, None, 0, 1, -1)),
        chunked=strategies.booleans(),
    )
    def upload(
        self,
        caller: model.Caller | None,
        which: int,
        body: bytes,
        said: int | None,
        chunked: bool,
    ) -> None:
        """``said``: by how many bytes the size header is wrong."""
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        headers = {'Content_Type': inputs.OCTETS}
        if said is not None:
            headers['x_openstack_image_size'] = str(len(body) + said)
        response = self.put(caller, image, body, chunked, headers)
        is_right = (
            len(body) <= model.SIZE_CAP
            and not said
            and image.disk_format is not None
            and image.container_format is not None
        )
        if said is not None and len(body) + said < 0:
            assert response.status_int == 400
        elif image.refusal(caller):
            assert response.status_int == image.refusal(caller), response.text
        elif image.status == 'queued' and is_right:
            assert response.status_int == 204, response.text
            image.status, image.data = 'active', body
            image.has_failed = False
        else:
            assert response.status_int in (400, 409, 413), response.text
            image.has_failed = image.status == 'queued'
        self.check_seen(image)

    def put(
        self,
        caller: model.Caller,
        image: model.Image,
        body: bytes,
        chunked: bool,
        headers: dict[str, str],
    ) -> webob.Response:
        path = f'/v2/images/{image.id}/file'
        if not chunked:
            return self.ask(caller, 'PUT', path, body, **headers)
        request = webob.Request.blank(
            path, method='PUT', headers=base.identity(caller.name)
        )
        request.headers.update(
            {name.replace('_', '-'): text for name, text in headers.items()}
        )
        request.headers['Transfer-Encoding'] = 'chunked'
        request.environ['wsgi.input'] = base.Source(body[:7], body[7:])
        response = request.get_response(self.service.app)
        assert response.status_int < 500, response.text
        return response

    @stateful.rule(
        caller=inputs.anybody,
        which=inputs.which,
        first=strategies.none() | strategies.integers(0, 50),
        last=strategies.none() | strategies.integers(0, 50),
    )
    def download(
        self,
        caller: model.Caller | None,
        which: int,
        first: int | None,
        last: int | None,
    ) -> None:
        image = self.one(which)
        if image is None:
            return
        caller = caller or self.person(image.owner)
        asked = f'bytes={_text(first)}-{_text(last)}'
        response = self.ask(
            caller, 'GET', f'/v2/images/{image.id}/file', Range=asked
        )
        expected: int | tuple[int, bytes]
        if not image.sees(caller):
            expected = 404
        elif not caller.is_member or (
            image.status == 'deactivated' and not caller.is_admin
        ):
            expected = 403
        elif image.data is None:
            expected = 204
        else:
            expected = _part(image.data, first, last)
        if isinstance(expected, int):
            assert response.status_int == expected, (asked, response.text)
        else:
            got = response.status_int, response.body
            assert got == expected, (asked, got, expected)


def _text(number: int | None) -> str:
    return '' if number is None else str(number)


def _part(
    whole: bytes, first: int | None, last: int | None
) -> int | tuple[int, bytes]:
    """Return the response to a range (RFC 9110, section 14.1.2)."""
    if first is None:
        if not last:
            return 416
        # Content-Range cannot describe an empty range.
        return (206, whole[-last:]) if whole else (200, b'')
    if first >= len(whole) or (last is not None and last < first):
        return 416
    return 206, whole[first : None if last is None else last + 1]
