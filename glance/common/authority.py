"""Which HOST or HOST:PORT a client may give: it comes back in our links."""

import re

#: A name, an IPv4 address, or an IPv6 address in brackets; perhaps a port.
#: The characters that URLs allow besides these mean something in HTML.
_AUTHORITY = re.compile(
    r'(?:[A-Za-z0-9._-]{1,255}'
    r'|\[[0-9A-Fa-f:.]{2,45}(?:%[0-9A-Za-z._-]{1,40})?\])'
    r'(?::[0-9]{0,5})?'
)


def is_valid(text: str) -> bool:
    """Whether ``text`` is nothing but a host and perhaps a port."""
    return _AUTHORITY.fullmatch(text) is not None
