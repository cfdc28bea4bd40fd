"""Byte ranges of image data (RFC 9110 section 14)."""

from collections.abc import Mapping
import re

from glance.common import errors

#: First byte and number of bytes.
Part = tuple[int, int]


def asked(
    headers: Mapping[str, str], size: int, etag: str | None = None
) -> Part | None:
    """The requested part of the data.

    ``Range`` wins over ``Content-Range``, which old clients send.

    :param size: size of the data in bytes
    :param etag: entity tag of the data, without quotes; None if absent
    :returns: None for all data
    :raises errors.RangeNotSatisfiable: malformed, or outside of the data
    """
    header = headers.get('Range')
    if header is not None:
        if not _may_be_partial(headers.get('If-Range'), etag):
            return None
        return _of_range(header, size)
    header = headers.get('Content-Range')
    if header is not None:
        return _of_content_range(header, size)
    return None


def _may_be_partial(if_range: str | None, etag: str | None) -> bool:
    """Whether If-Range names the current data.

    A date never matches, because the data has no Last-Modified.
    """
    if if_range is None:
        return True
    return etag is not None and if_range.strip() == f'"{etag}"'


def _of_range(header: str, size: int) -> Part | None:
    """The part that Range names.

    None for units other than bytes and for several ranges: a server may
    ignore both. A response with several parts would need the type
    multipart/byteranges.
    """
    unit, equals, text = header.strip().partition('=')
    if equals and unit.lower() != 'bytes':
        return None
    ranges = [each for each in re.split('[ \t]*,[ \t]*', text) if each]
    if len(ranges) > 1:
        return None
    match = re.fullmatch(
        '([0-9]+)-([0-9]+)?|-([0-9]+)', ranges[0] if ranges else '', re.ASCII
    )
    if match is None:
        raise _unsatisfiable(size)
    first, last, suffix = match.groups()
    if suffix is None:
        end = size - 1 if last is None else _number(last)
        return _checked(_number(first), end, size)
    length = min(_number(suffix), size)
    if _number(suffix) and not size:
        return None  # Content-Range cannot name a part of no bytes.
    if not length:
        raise _unsatisfiable(size)
    return size - length, length


def _of_content_range(header: str, size: int) -> Part:
    match = re.fullmatch(
        r'bytes ([0-9]+)-([0-9]+)/(?:[0-9]+|\*)',
        header.strip(),
        re.ASCII | re.IGNORECASE,
    )
    if match is None or _number(match[2]) >= size:
        raise _unsatisfiable(size)
    return _checked(_number(match[1]), _number(match[2]), size)


def _checked(first: int, last: int, size: int) -> Part:
    if first >= size or last < first:
        raise _unsatisfiable(size)
    return first, min(last, size - 1) - first + 1


def _number(digits: str) -> int:
    """Parse a position; with 20 or more digits it is beyond any data.

    This avoids int() for a very long text, which needs quadratic time.
    """
    digits = digits.lstrip('0')
    return int(digits or '0') if len(digits) < 20 else 1 << 64


def _unsatisfiable(size: int) -> errors.RangeNotSatisfiable:
    return errors.RangeNotSatisfiable(
        f'The range is malformed or lies outside of the {size} bytes of '
        'the data.',
        {'Content-Range': f'bytes */{size}'},
    )
