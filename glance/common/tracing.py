"""Tracing of single requests by osprofiler, an optional library.

``[profiler] enabled`` turns it on. A request is traced if its client signed
its headers ``X-Trace-Info`` and ``X-Trace-HMAC`` with a key of ``[profiler]
hmac_keys``; ``openstack --os-profile KEY`` does. What is traced: the request
at glance-api, those that it sends to glance-registry, and, if ``[profiler]
trace_sqlalchemy`` is set, the SQL statements of database drivers that do not
need native threads.
"""

from collections.abc import Callable
import importlib.util
import logging
import socket

from oslo_config import cfg

LOG = logging.getLogger(__name__)

GROUP = 'profiler'
#: A default that everybody knows.
KNOWN_KEY = 'SECRET_KEY'


#: Returns the headers that make a request to glance-registry a part of this
#: trace.
headers: Callable[[], dict[str, str]] = dict


def is_on(conf: cfg.ConfigOpts) -> bool:
    """Whether requests may be traced; log an error if they cannot be."""
    if importlib.util.find_spec('osprofiler') is None:
        conf.register_opt(cfg.BoolOpt('enabled', default=False), GROUP)
        if conf.profiler.enabled:
            LOG.error(
                '[profiler] enabled: no request is traced, because the '
                'library osprofiler is not installed'
            )
        return False
    from osprofiler import opts

    opts.set_defaults(conf)
    return bool(conf.profiler.enabled)


def begin(conf: cfg.ConfigOpts) -> None:
    """Connect to the place where traces are kept, in a worker."""
    global headers
    from osprofiler import initializer
    from osprofiler import web

    # It writes the connection string, which may have a password.
    logging.getLogger('osprofiler.notifier').setLevel(logging.WARNING)
    service = (conf.prog or 'glance').removeprefix('glance-')
    try:
        initializer.init_from_conf(
            conf, {}, 'glance', service, socket.gethostname()
        )
    except Exception as error:
        web.disable()
        LOG.error(
            'No request is traced, because [profiler] connection_string '
            'cannot be used (%s)',
            type(error).__name__,
        )
        LOG.debug('osprofiler cannot begin', exc_info=True)
    else:
        headers = web.get_trace_id_headers
