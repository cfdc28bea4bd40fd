"""Keep the modules of the standard library that eventlet.wsgi copies.

It leaves patched copies as attributes of their packages: ``http.server``
would then have green threads, which wait for an event loop that no test
runs. So each package of tests calls :func:`keep`, before a module of it
imports the server.
"""

import http
import http.client
import http.cookiejar
import http.server
import importlib
import urllib
import urllib.error
import urllib.parse
import urllib.request

_ORIGINALS = (
    (http, 'client', http.client),
    (http, 'cookiejar', http.cookiejar),
    (http, 'server', http.server),
    (urllib, 'error', urllib.error),
    (urllib, 'parse', urllib.parse),
    (urllib, 'request', urllib.request),
)


def keep() -> None:
    """Import eventlet.wsgi, and put the attributes back."""
    importlib.import_module('eventlet.wsgi')
    for package, name, module in _ORIGINALS:
        setattr(package, name, module)
