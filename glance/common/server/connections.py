"""What all connections of one configuration share."""

import logging
from typing import Any
from wsgiref.types import WSGIApplication

from eventlet import wsgi
from oslo_config import cfg

from glance.common.server import http

LOG = logging.getLogger(__name__)

MAX_REQUEST_LINE = 8192
MAX_HEAD_BYTES = 1 << 20


class Server(wsgi.Server):
    """The state that all connections of one configuration share."""

    def __init__(
        self, conf: cfg.ConfigOpts, sock: Any, app: WSGIApplication, tls: bool
    ) -> None:
        secure = {'wsgi.url_scheme': 'https', 'HTTPS': 'on'}
        super().__init__(
            sock,
            sock.getsockname(),
            app,
            environ={
                'wsgi.multiprocess': conf.workers not in (0, 1),
                'wsgi.input_terminated': True,
                **(secure if tls else {}),
            },
            max_http_version='HTTP/1.1',
            protocol=http.Connection,
            keepalive=conf.http_keepalive,
            log_output=False,
            log_x_forwarded_for=False,
            url_length_limit=MAX_REQUEST_LINE,
            debug=False,
            socket_timeout=conf.client_socket_timeout or None,
        )
        # Passed as an argument, this intended value would cause a warning.
        self.capitalize_response_headers = False
        self.log = _Quiet()
        self.tls = tls
        self.draining = False
        self.head_seconds: int = conf.header_read_timeout
        _limit_heads(conf.max_header_line)


def _limit_heads(line_bytes: int) -> None:
    wsgi.MAX_HEADER_LINE = line_bytes + 1 if line_bytes else MAX_HEAD_BYTES
    wsgi.MAX_TOTAL_HEADER_SIZE = MAX_HEAD_BYTES


class _Quiet:
    """The logger for eventlet, which logs only failed writes to a client.

    Failures of the application are caught and logged before eventlet sees
    them. A client that disconnects is logged in one line, without a
    traceback.
    """

    def info(self, message: str) -> None:
        LOG.info(
            'Could not send the response: %s',
            message.rstrip().rpartition('\n')[2],
        )

    debug = error = info
