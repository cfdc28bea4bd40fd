"""The refusals of a configuration, without starting a program.

A daemon stops at the first value that it cannot use. A check of the files
before the start shows all of them, with the same sentences, because it calls
the functions that the daemon calls.
"""

from collections.abc import Callable, Iterable, Iterator

from oslo_config import cfg

from glance.common import config
from glance.common import errors

#: Raises :class:`errors.ConfigurationError` for values that cannot be used.
#: It opens no connection and no file, and changes nothing.
Check = Callable[[cfg.ConfigOpts], object]


def find(conf: cfg.ConfigOpts, checks: Iterable[Check]) -> Iterator[str]:
    """Yield the message of each check that refuses the configuration."""
    for check in checks:
        try:
            check(conf)
        except cfg.ConfigSourceValueError:
            continue  # the value has a wrong type; its own row says so
        except Exception as error:  # a start reports all of them; run_main
            yield config.one_line(error)


def require_key_pair(conf: cfg.ConfigOpts) -> None:
    """:raises errors.ConfigurationError: an option of TLS is missing"""
    if not conf.cert_file and not conf.key_file:
        if conf.ca_file:
            raise errors.ConfigurationError(
                'ca_file has no effect without TLS; set cert_file and '
                'key_file too'
            )
        return
    if not conf.cert_file or not conf.key_file:
        missing = 'key_file' if conf.cert_file else 'cert_file'
        raise errors.ConfigurationError(
            f'{missing} is not set; TLS needs both cert_file and key_file'
        )
