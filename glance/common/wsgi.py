"""HTTP for both daemons: requests, routes, JSON in and out, errors out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
import logging
import re
import threading
from typing import Any, NamedTuple, TypeVar
import urllib.parse

import orjson
from oslo_config import cfg
import routes
import webob
import webob.exc

from glance.common import context
from glance.common import counters
from glance.common import errors
from glance.common import threads

LOG = logging.getLogger(__name__)


T = TypeVar('T')


class _UnsupportedMediaType(webob.exc.HTTPUnsupportedMediaType):
    """A 415 response whose body is the explanation.

    WebOb's own body always mentions the Content-Type, but the reason may be
    the data.
    """

    body_template_obj = webob.exc.WSGIHTTPException.body_template_obj


#: Statuses for which a webob exception renders the public error body.
_PUBLIC = {**webob.exc.status_map, 415: _UnsupportedMediaType}


class JsonLimits(NamedTuple):
    """Limits of a JSON body, checked before it is parsed.

    :ivar size_bytes: maximum size of the whole body
    :ivar values: maximum number of commas and opening brackets, which is
        nearly the number of values; None for no limit
    """

    size_bytes: int
    values: int | None = None


#: The parser cannot be interrupted; it needs 10 ms for 50,000 values.
MAX_JSON_VALUES = 50_000
#: Limits between the daemons: the sender is known, and its bodies are made
#: from bodies that glance-api accepted.
WIRE_LIMITS = JsonLimits(64 * 1024 * 1024)
#: Bodies up to this size are validated in the event loop: at most 10 ms.
INLINE_BYTES = 8 * 1024

Handler = Callable[..., webob.Response]
WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: Paste's global options, as every factory gets them.
Options = Mapping[str, Any]


def configuration(options: Options) -> cfg.ConfigOpts:
    """The configuration that :func:`pipeline.load_app` passed to Paste."""
    return options['oslo_config_config']


class Request(webob.Request):
    """A request with its caller and its body."""

    @property
    def context(self) -> context.RequestContext:
        caller: context.RequestContext = self.environ['glance.context']
        return caller

    @property
    def has_body(self) -> bool:
        """Whether a body is announced."""
        if self.content_length:
            return True
        return bool(self.environ.get('HTTP_TRANSFER_ENCODING'))

    @property
    def known_length(self) -> int | None:
        """Bytes announced by Content-Length; None for a chunked body."""
        if self.environ.get('HTTP_TRANSFER_ENCODING'):
            return None
        return int(self.content_length or 0)

    def document(self) -> Any:
        """The JSON value in the body.

        :raises errors.BadRequest: no body, or it is not JSON in UTF-8
        :raises errors.LimitExceeded: larger than the limits of the router
        """
        if not self.has_body:
            raise errors.BadRequest('A JSON body is required.')
        limits: JsonLimits = self.environ.get(_LIMITS, WIRE_LIMITS)
        if (self.content_length or 0) > limits.size_bytes:
            raise _too_large(limits.size_bytes)
        try:
            body = b''.join(self.chunks(64 * 1024, limits.size_bytes))
            if limits.values is not None:
                _check_values(body, limits.values)
            self.environ[_BODY_BYTES] = len(body)
            return orjson.loads(body)
        except ValueError as error:
            raise errors.BadRequest(
                'The body is not valid JSON in UTF-8.'
            ) from error

    def work(self, check: Callable[..., T], *args: Any) -> T:
        """Run a check of the document, in a native thread if it is large.

        A worker runs only one large check at a time, so that the event loop
        competes with at most one thread for the CPU.
        """
        if self.environ.get(_BODY_BYTES, 0) <= INLINE_BYTES:
            return check(*args)
        with self.environ[_WORK]:
            result: T = threads.run(check, *args)
        return result

    def chunks(
        self, size_bytes: int, max_bytes: int | None = None
    ) -> Iterator[bytes]:
        """The body as it arrives, in pieces of at most ``size_bytes``.

        :param max_bytes: maximum size of the body; None for no limit
        :raises errors.BadRequest: the body ends early or is malformed
        :raises errors.LimitExceeded: the body exceeds ``max_bytes``
        """
        source = self.environ['wsgi.input']
        expected = self.known_length
        received = 0
        while expected is None or received < expected:
            wanted = size_bytes
            if expected is not None:
                wanted = min(size_bytes, expected - received)
            piece = _read(source, wanted)
            if not piece:
                break
            received += len(piece)
            if max_bytes is not None and received > max_bytes:
                raise _too_large(max_bytes)
            yield piece
        _require_whole(received, expected)

    def source(self) -> 'BodySource':
        """The body for reading into buffers."""
        return BodySource(self)

    def refuse_body(self) -> None:
        """Check that there is no body.

        :raises errors.BadRequest: the request has a body
        """
        if self.has_body:
            raise errors.BadRequest('This request must not have a body.')


class BodySource:
    """A body that is read into buffers, by a native thread if possible."""

    def __init__(self, request: Request) -> None:
        self._input = request.environ['wsgi.input']
        self._expected = request.known_length
        self._received = 0

    def go_native(self) -> bool:
        """Hand the body over to one native thread.

        :returns: True if from now on only that thread may read; False if
            this is not possible
        """
        go_native = getattr(self._input, 'go_native', None)
        return go_native is not None and bool(go_native())

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return the number of bytes, less only at the end.

        :raises errors.BadRequest: the body ends early or is malformed
        """
        got = 0
        while got < len(view):
            rest = view[got:]
            if self._expected is not None:
                rest = rest[: self._expected - self._received]
            amount = self._read(rest) if len(rest) else 0
            if not amount:
                break
            got += amount
            self._received += amount
        if got < len(view):
            _require_whole(self._received, self._expected)
        return got

    def _read(self, view: memoryview) -> int:
        readinto = getattr(self._input, 'readinto', None)
        try:
            if readinto is not None:
                return int(readinto(view))
            piece = self._input.read(len(view))
        except (OSError, ValueError) as error:
            raise errors.BadRequest(
                'The request body could not be read to its end.'
            ) from error
        view[: len(piece)] = piece
        return len(piece)


#: Key of the environment: the path template of the route that matched.
ROUTE = 'glance.route'
#: Keys of the environment.
_LIMITS = 'glance.json_limits'
_BODY_BYTES = 'glance.json_bytes'
_WORK = 'glance.large_checks'


def _too_large(limit: int) -> errors.LimitExceeded:
    return errors.LimitExceeded(
        f'A JSON body may have at most {limit} bytes (max_json_body_size).'
    )


def _check_values(body: bytes, limit: int) -> None:
    """Count the separators of values, except those inside strings.

    :raises errors.LimitExceeded: there are more than ``limit``
    """
    if _separators(body) <= limit:
        return
    body = body.replace(b'\\\\', b'').replace(b'\\"', b'')
    # A value has at most two strings, itself and its name: four quotes.
    if body.count(b'"') > 4 * limit or (
        _separators(b''.join(body.split(b'"')[::2])) > limit
    ):
        raise errors.LimitExceeded(
            f'A JSON body may have at most {limit} values.'
        )


def _separators(text: bytes) -> int:
    return text.count(b',') + text.count(b'[') + text.count(b'{')


def _require_whole(received: int, expected: int | None) -> None:
    """:raises errors.BadRequest: the body ended early"""
    if expected is not None and received < expected:
        raise errors.BadRequest(
            f'The body ended after {received} of {expected} bytes.'
        )


def _read(source: Any, size_bytes: int) -> bytes:
    try:
        piece: bytes = source.read(size_bytes)
    except (OSError, ValueError) as error:
        # OSError: the client disconnected; ValueError: a bad chunk size.
        raise errors.BadRequest(
            'The request body could not be read to its end.'
        ) from error
    return piece


def json_response(
    document: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> webob.Response:
    response = webob.Response(
        body=orjson.dumps(document),
        status=status,
        content_type='application/json',
    )
    response.headers.update(headers or {})
    return response


def empty(status: int = 204) -> webob.Response:
    """A success without a body; its Content-Type is never JSON."""
    response = webob.Response(status=status)
    # WebOb omits it with 204, but clients expect it.
    response.headers['Content-Type'] = 'text/html; charset=UTF-8'
    response.content_length = 0
    return response


def public_error(request: Request, error: errors.Error) -> webob.Response:
    """An error in the format for clients: HTML, JSON or text, by Accept."""
    answer = _PUBLIC[error.status](explanation=str(error))
    answer.headers.update(error.headers)
    rendered: webob.Response = request.get_response(answer)
    return rendered


def wire_error(request: Request, error: errors.Error) -> webob.Response:
    """An error in the format for the other daemon."""
    return json_response(
        {'error': {'code': error.code, 'message': str(error)}},
        error.status,
        error.headers,
    )


#: Parameters at the end of a path whose values users choose. They may contain
#: slashes, because servers decode %2F before they pass the path on.
_FREE_NAMES = dict.fromkeys(('tag', 'member', 'item'), r'[^/](?:[\s\S]*[^/])?')


class Route:
    """One line of a route table: method, path template, handler."""

    def __init__(self, method: str, path: str, handler: Handler) -> None:
        self.method = method
        self.path = path
        self.handler = handler


class Router:
    """A WSGI application: calls the handler, turns errors into responses.

    HEAD is served by the handler of GET; WebOb omits the body.

    :param table: the routes of all URLs
    :param render_error: makes the response to an error
    :param before: called first for every request; may raise an error
    :param json_limits: limits of JSON bodies
    """

    def __init__(
        self,
        table: Iterable[Route],
        render_error: Callable[[Request, errors.Error], webob.Response],
        before: Callable[[Request], None],
        json_limits: JsonLimits = WIRE_LIMITS,
    ) -> None:
        self._render_error = render_error
        self._before = before
        self._json_limits = json_limits
        self._large_checks = threading.Lock()
        self._handlers: dict[str, dict[str, Handler]] = {}
        self._mapper = routes.Mapper(explicit=True)
        for route in table:
            if route.path not in self._handlers:
                self._mapper.connect(
                    None,
                    route.path,
                    resource=route.path,
                    requirements=_FREE_NAMES,
                )
            methods = self._handlers.setdefault(route.path, {})
            methods[route.method] = route.handler
            if route.method == 'GET':
                methods['HEAD'] = route.handler
        self._mapper.create_regs([])

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = Request(environ)
        environ[_LIMITS] = self._json_limits
        environ[_WORK] = self._large_checks
        try:
            response = self._answer(request)
        except errors.Error as error:
            LOG.info('%s %s: %s', request.method, _path(environ), error)
            response = self._failed(request, error)
        except Exception as error:
            response = self._failed(
                request, _unexpected(request.method, environ, error)
            )
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _failed(self, request: Request, error: errors.Error) -> webob.Response:
        counters.note('error', error.code)
        return self._render_error(request, error)

    def _answer(self, request: Request) -> webob.Response:
        self._before(request)
        try:
            path = request.path_info
        except UnicodeDecodeError as error:
            raise errors.BadRequest(
                'The path of the URL is not valid UTF-8.'
            ) from error
        match = self._match(path)
        if match is None:
            raise _unknown_path(request.method)
        resource = match.pop('resource')
        request.environ[ROUTE] = resource
        methods = self._handlers[resource]
        handler = methods.get(request.method)
        if handler is None:
            raise errors.MethodNotAllowed(
                headers={'Allow': ', '.join(sorted(methods))}
            )
        return handler(request, **match)

    def _match(self, path: str) -> dict[str, str] | None:
        """The values of the path's parameters, and its ``resource``.

        None if no route matches. Repeated slashes count as one if they are
        not part of a name.
        """
        if path.endswith('\n'):
            return None  # The "$" of Routes also matches before it.
        match: dict[str, str] | None = self._mapper.match(path)
        if match is None and '//' in path:
            match = self._mapper.match(re.sub('/{2,}', '/', path))
        return match


def _unexpected(
    method: str, environ: Mapping[str, Any], error: Exception
) -> errors.Error:
    """Log an unexpected error; return the error that the client gets."""
    if errors.lacks_descriptors(error):
        LOG.error('%s %s: %s', method, _path(environ), error)
        return errors.OutOfDescriptors()
    LOG.error('%s %s failed', method, _path(environ), exc_info=error)
    return errors.Error()


def _path(environ: Mapping[str, Any]) -> str:
    """The path for the log, quoted so that any bytes are safe."""
    raw: str = environ.get('PATH_INFO', '')
    return urllib.parse.quote(raw.encode('latin-1'))


_KNOWN_METHODS = frozenset(
    ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')
    + ('OPTIONS', 'TRACE', 'CONNECT')
)


def _unknown_path(method: str) -> errors.Error:
    if method not in _KNOWN_METHODS:
        return errors.NotImplementedMethod()
    return errors.NotFound()
