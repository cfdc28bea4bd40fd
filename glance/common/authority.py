"""The HOST or HOST:PORT that a client may send.

It is checked because it appears in the links of our responses.
"""

import re

#: A name, an IPv4 address, or an IPv6 address in brackets; optionally a port.
#: Other characters that URLs allow have a meaning in HTML.
_AUTHORITY = re.compile(
    r'(?:[A-Za-z0-9._-]{1,255}'
    r'|\[[0-9A-Fa-f:.]{2,45}(?:%[0-9A-Za-z._-]{1,40})?\])'
    r'(?::[0-9]{0,5})?'
)


def is_valid(text: str) -> bool:
    """Whether ``text`` is only a host, optionally with a port."""
    return _AUTHORITY.fullmatch(text) is not None
