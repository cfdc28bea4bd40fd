"""Query strings of lists, and the links to their pages."""

from collections.abc import Sequence
import urllib.parse

from glance.common import errors
from glance.common import wsgi

#: Names and values in order, decoded.
Pairs = Sequence[tuple[str, str]]


def pairs(request: wsgi.Request) -> Pairs:
    """:raises errors.BadRequest: the query string is not UTF-8"""
    try:
        return list(request.GET.items())
    except UnicodeDecodeError as error:
        raise errors.BadRequest(
            'The query string is not valid UTF-8.'
        ) from error


def link(path: str, query: Pairs, marker: str | None = None) -> str:
    """The URL of a page: all parameters unchanged, except the marker."""
    kept = [(name, value) for name, value in query if name != 'marker']
    if marker is not None:
        kept.append(('marker', marker))
    text = urllib.parse.urlencode(kept)
    return f'{path}?{text}' if text else path
