"""Options that both daemons have, and loading of a configuration.

Names, defaults and bounds are those of the classic service; options marked
"ours" in their help exist only in this service. With a wrong configuration
the daemon ends with one line on stderr and an exit code (:func:`run_main`),
never with a traceback.
"""

from collections.abc import Callable, Sequence
import logging
import os
import re
import sys

from oslo_config import cfg
from oslo_log import log as oslo_log

from glance.common import errors
from glance.common import logfiles

LOG = logging.getLogger(__name__)

PROJECT = 'glance'

#: Directory with the defaults of distributions; files in /etc win.
DIST_DIRECTORY = '/usr/share/glance'

#: Directory in which pip installs the files of etc/: below the virtual
#: environment or below /usr/local.
INSTALLED_DIRECTORY = os.path.join(sys.prefix, 'etc', PROJECT)

#: Libraries that would log too much at the level of the service itself.
NOISY = (
    'alembic=WARN',
    'dogpile=INFO',
    'eventlet.wsgi.server=INFO',
    'keystoneauth=WARN',
    'keystonemiddleware=WARN',
    'oslo.cache=INFO',
    'oslo_policy=INFO',
    'requests=WARN',
    'routes.middleware=WARN',
    'sqlalchemy=WARN',
    'stevedore=WARN',
    'urllib3=WARN',
)

#: Location of a value in messages of oslo.config; we only show the file.
_LOCATION = re.compile(r"LocationInfo\(location=<.*?>, detail='(.*?)'\)")

_ERRNO = re.compile(r'\[Errno \d+\] ')
#: A value that is followed by a comment on the same line.
_COMMENT = re.compile(r'\S\s+#\s')

# If the command line is wrong, argparse itself exits with 2.
EXIT_REFUSED = 1
EXIT_WRONG_VALUE = 5
EXIT_UNEXPECTED = 99


def server_opts(default_port: int) -> list[cfg.Opt]:
    """Options of the HTTP server; only the default port differs."""
    return [
        *_address_opts(default_port),
        *_worker_opts(),
        *_connection_opts(),
        *_tls_opts(),
    ]


def _address_opts(default_port: int) -> list[cfg.Opt]:
    return [
        cfg.HostAddressOpt(
            'bind_host',
            default='0.0.0.0',  # noqa: S104 - what operators are used to
            help='Address to listen on; "::" listens on every IPv6 address.',
        ),
        cfg.PortOpt(
            'bind_port',
            default=default_port,
            help=(
                'TCP port to listen on. If it is in use, the service does '
                'not start.'
            ),
        ),
        cfg.StrOpt(
            'bind_socket',
            help=(
                'Path of a Unix socket to listen on instead of TCP. The '
                'socket gets mode 0660; bind_host and bind_port are then '
                'ignored. Not in upstream Glance.'
            ),
        ),
        cfg.IntOpt(
            'backlog',
            min=1,
            default=4096,
            help=(
                'Maximum number of connections that wait in the kernel to '
                'be accepted.'
            ),
        ),
    ]


def _worker_opts() -> list[cfg.Opt]:
    return [
        cfg.IntOpt(
            'workers',
            min=0,
            help=(
                'Number of processes that serve requests. Unset: one per '
                'CPU, at most 8. 0 or 1: the main process itself serves '
                'requests; if it dies, the service manager must start it '
                'again.'
            ),
        ),
        cfg.IntOpt(
            'client_connections',
            min=1,
            default=4000,
            help=(
                'Maximum number of open connections of one worker. At the '
                'limit, the connection that was idle longest is closed when a '
                'new one arrives. Not in upstream Glance.'
            ),
        ),
        cfg.IntOpt(
            'graceful_shutdown_timeout',
            min=0,
            default=60,
            help=(
                'Seconds that running requests have to finish when the '
                'service stops or reloads; then their connections are closed. '
                '0: no limit. Use a smaller value than the stop time-out of '
                'the service manager. Not in upstream Glance.'
            ),
        ),
        cfg.IntOpt(
            'worker_response_timeout',
            min=0,
            default=60,
            help=(
                'Seconds after which a worker that does not respond (its '
                'event loop is blocked, or it does not start) is killed and '
                'replaced. Before that, its stack traces are written to '
                'stderr. Time in which the main process did not run either is '
                'not counted. 0: never. Not in upstream Glance.'
            ),
        ),
    ]


def _connection_opts() -> list[cfg.Opt]:
    return [
        cfg.IntOpt(
            'tcp_keepidle',
            min=1,
            default=600,
            help=(
                'Seconds without data after which TCP starts to send '
                'keepalive probes to the client.'
            ),
        ),
        cfg.IntOpt(
            'max_header_line',
            min=0,
            default=16384,
            help=(
                'Maximum length of a header line in bytes; a longer one is '
                'refused with 400. 0: only the limit of the whole head (1 '
                'MiB) applies.'
            ),
        ),
        cfg.BoolOpt(
            'http_keepalive',
            default=True,
            help=(
                'Keep connections open for further requests. False: send '
                '"Connection: close" with each response, and close the '
                'connection.'
            ),
        ),
        cfg.IntOpt(
            'client_socket_timeout',
            min=0,
            default=900,
            help=(
                'Seconds without any data after which a connection is '
                'closed, also in the middle of a transfer. 0: no limit.'
            ),
        ),
        cfg.IntOpt(
            'header_read_timeout',
            min=1,
            default=60,
            help=(
                'Maximum number of seconds for a TLS handshake, for receiving '
                'the head of a request, and between connecting and the first '
                'request. Not in upstream Glance.'
            ),
        ),
    ]


def _tls_opts() -> list[cfg.Opt]:
    return [
        cfg.StrOpt(
            'cert_file',
            help=(
                'Certificate chain (PEM). If set, the service uses TLS; '
                'key_file must be set too.'
            ),
        ),
        cfg.StrOpt(
            'key_file',
            help='Private key (PEM) of cert_file.',
        ),
        cfg.StrOpt(
            'ca_file',
            help=(
                'Certificate authorities (PEM) of clients. If set, only '
                'clients with a certificate from one of them are served.'
            ),
        ),
        cfg.BoolOpt(
            'kernel_tls',
            default=True,
            help=(
                'Let the kernel encrypt what is sent through TLS if its '
                'module tls is loaded; sending files then needs less than '
                'half of the CPU time. With TLS 1.2 the kernel also decrypts: '
                'set False if uploads of such clients break (OpenSSL issue '
                '18276). Not in upstream Glance.'
            ),
        ),
    ]


def paste_deploy_opts() -> list[cfg.Opt]:
    """Options of the group ``[paste_deploy]``."""
    return [
        cfg.StrOpt(
            'flavor',
            sample_default='keystone',
            help=(
                'Pipeline of the paste file to run: its name is the name '
                'of the application, a dash and this value. Unset: the '
                'name of the application alone.'
            ),
        ),
        cfg.StrOpt(
            'config_file',
            help='Paste file. A relative name is searched in the directories '
            'of the configuration files. Unset: the configuration file with '
            '"-paste.ini" for ".conf", else the file that is shipped.',
        ),
    ]


def register(conf: cfg.ConfigOpts, default_port: int) -> None:
    """Declare every option of this module on ``conf``."""
    conf.register_opts(server_opts(default_port))
    conf.register_opts(paste_deploy_opts(), group='paste_deploy')


def load(
    conf: cfg.ConfigOpts,
    argv: Sequence[str],
    prog: str,
    version: str,
    default_config_files: list[str] | None = None,
    description: str = '',
    default_config_dirs: list[str] | None = None,
    epilog: str = '',
) -> None:
    """Read command line and files, check every value, start logging.

    :param argv: the command line without the program
    :param prog: name of the program, and of the files that are searched
    :param default_config_files: files to read; None to search them
    :param description: the description for ``--help``
    :param default_config_dirs: directories to read; None to search them
    :param epilog: the end of ``--help``; if empty, a text about the searched
        files
    """
    oslo_log.register_options(conf)
    oslo_log.set_defaults(
        default_log_levels=[*oslo_log.get_default_log_levels(), *NOISY]
    )
    if default_config_files is None:
        default_config_files = find_files(prog)
    conf(
        args=list(argv),
        project=PROJECT,
        prog=prog,
        version=version,
        default_config_files=default_config_files,
        description=description,
        epilog=epilog or _epilog(prog),
        default_config_dirs=default_config_dirs,
    )
    os.umask(0o027)
    check(conf)
    start_logging(conf, version)


def find_files(prog: str) -> list[str]:
    """The files that a program reads if none is named; later ones win."""
    dist = [
        os.path.join(DIST_DIRECTORY, f'{name}-dist.conf')
        for name in (PROJECT, prog)
    ]
    paths: list[str] = cfg.find_config_files(PROJECT, prog)
    if not any(os.path.basename(path) == f'{prog}.conf' for path in paths):
        dist.append(os.path.join(INSTALLED_DIRECTORY, f'{prog}.conf'))
    return [path for path in dist if os.path.exists(path)] + paths


def _epilog(prog: str) -> str:
    """Text for ``--help`` about the searched configuration files."""
    return (
        f'Without --config-file, {prog} reads {PROJECT}.conf and then '
        f'{prog}.conf, each from the first of ~/.{PROJECT}, ~, '
        f'/etc/{PROJECT} and /etc that has it; the later file wins. '
        f'{DIST_DIRECTORY}/{PROJECT}-dist.conf and '
        f'{DIST_DIRECTORY}/{prog}-dist.conf are read before them. If no '
        f'{prog}.conf is found, {INSTALLED_DIRECTORY}/{prog}.conf is read. '
        'The paste file and the policy file are searched beside the '
        'configuration files and in the same directories. Example: '
        f'{prog} --config-file /etc/glance/{prog}.conf --debug'
    )


def check(conf: cfg.ConfigOpts) -> None:
    """Check all options: oslo.config checks a value only when it is read."""
    for name in conf:
        value = conf[name]
        if isinstance(value, cfg.ConfigOpts.GroupAttr):
            for option in value:
                value[option]


def start_logging(conf: cfg.ConfigOpts, version: str = 'unknown') -> None:
    """Set up logging as configured; also called by a reload.

    :raises errors.ConfigurationError: the log cannot be written
    """
    logfiles.prepare(conf)
    try:
        oslo_log.setup(conf, PROJECT, version)
    except oslo_log.LogConfigError as error:
        raise errors.ConfigurationError(
            f'log_config_append in [DEFAULT]: {_ERRNO.sub("", str(error))}'
        ) from error
    except OSError as error:
        name = 'log_file' if conf.log_file else 'log_dir'
        raise errors.ConfigurationError(
            f'{name} in [DEFAULT]: {error.filename} cannot be written: '
            f'{error.strerror}. Create the directory and let the user of the '
            'service write there.'
        ) from error
    # In a green thread, a fifth of the cost of a log line is finding the
    # thread's name.
    logging.logThreads = bool(conf.log_config_append) or any(
        '%(thread' in text
        for text in (
            conf.logging_context_format_string,
            conf.logging_default_format_string,
            conf.logging_debug_format_suffix,
            conf.logging_exception_prefix,
        )
    )
    logging.captureWarnings(True)
    if conf.debug:
        conf.log_opt_values(LOG, logging.DEBUG)


def run_main(func: Callable[[], int]) -> int:
    """Run a daemon's main; report a failure by one line and an exit code.

    Service managers use the code and people read the line. Both are made
    only here.
    """
    try:
        return func()
    except Exception as error:
        code = exit_code(error)
        if code == EXIT_UNEXPECTED:
            LOG.critical('The daemon failed', exc_info=True)
        sys.stderr.write(f'ERROR: {one_line(error)}\n')
        return code


def exit_code(error: Exception) -> int:
    """The exit code for a failure; operators' scripts depend on the codes."""
    if isinstance(error, cfg.Error) and isinstance(error, ValueError):
        return EXIT_WRONG_VALUE
    refused = (errors.ConfigurationError, cfg.Error, RuntimeError, OSError)
    return EXIT_REFUSED if isinstance(error, refused) else EXIT_UNEXPECTED


def one_line(error: Exception) -> str:
    """The message of an error in one line."""
    text = ' '.join(str(error).split())
    text = _LOCATION.sub(r'\1', text)
    if isinstance(error, ValueError) and _COMMENT.search(text):
        text += '. Put comments on lines of their own.'
    return text or type(error).__name__
