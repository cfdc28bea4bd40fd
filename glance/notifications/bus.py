"""The message bus, through oslo.messaging.

It is imported only if a driver is configured, because the library and its
driver for RabbitMQ need 1.6 s and 26 MiB.
"""

from collections.abc import Callable
import sys
from typing import Any

from oslo_config import cfg
import oslo_messaging
from stevedore import extension

from glance.common import errors
from glance.notifications import outbox

EXCHANGE = 'glance'
GROUP = 'oslo_messaging_notifications'


def check(conf: cfg.ConfigOpts) -> None:
    """Refuse an invalid configuration, without connecting to a broker.

    :raises errors.ConfigurationError: a driver or the URL is wrong
    """
    oslo_messaging.set_transport_defaults(control_exchange=EXCHANGE)
    transport = _transport(conf)  # It declares the options of the group.
    options = conf[GROUP]
    known = extension.ExtensionManager('oslo.messaging.notify.drivers').names()
    for driver in filter(None, options.driver):
        if driver not in known:
            raise errors.ConfigurationError(
                f'[{GROUP}] driver must be one of '
                f'{", ".join(sorted(known))}, not {driver}.'
            )
    if not any(options.topics):
        raise errors.ConfigurationError(f'[{GROUP}] topics must not be empty.')
    transport.cleanup()


def sender(
    conf: cfg.ConfigOpts, publisher_id: str
) -> Callable[[outbox.Event], None]:
    """Make a function that sends one event.

    It connects at its first call, so the connection belongs to the worker.
    """
    notifiers: list[Any] = []

    def send(event: outbox.Event) -> None:
        if not notifiers:
            notifiers.append(
                oslo_messaging.Notifier(
                    _transport(conf),
                    publisher_id,
                    retry=_tries(conf[GROUP].retry),
                )
            )
        tell = getattr(notifiers[0], event.priority)
        tell({}, event.name, event.payload)

    return send


def _tries(retry: int) -> int:
    """The option ``retry`` as a number of tries.

    For the library, -1 means "no limit" only if an existing connection
    breaks; it would not retry the first connection at all.
    """
    return sys.maxsize if retry < 0 else retry


def _transport(conf: cfg.ConfigOpts) -> Any:
    try:
        return oslo_messaging.get_notification_transport(conf)
    except (
        oslo_messaging.InvalidTransportURL,
        oslo_messaging.DriverLoadFailure,
        ValueError,  # a port that is no number
    ) as error:
        # The library's message contains the URL and so the password.
        raise errors.ConfigurationError(
            f'transport_url in [{GROUP}] or in [DEFAULT] is wrong, or its '
            f'driver is not installed: {type(error).__name__}.'
        ) from error
