"""The message bus, through oslo.messaging.

Imported only where a driver is configured: the library and its driver for
RabbitMQ take 1.6 s and 26 MiB.
"""

from collections.abc import Callable, Iterator
import itertools
import logging
import time
from typing import Any

from kombu import exceptions as kombu_exceptions
from oslo_config import cfg
import oslo_messaging
from oslo_messaging.notify import notifier as library
from stevedore import extension

from glance.common import errors
from glance.notifications import outbox

LOG = logging.getLogger(__name__)

#: What says that there is no broker, and nothing against the message.
_NO_BROKER = (
    oslo_messaging.MessageDeliveryFailure,
    kombu_exceptions.OperationalError,
    OSError,
)
MOST_PAUSE_SECONDS = 16
EXCHANGE = 'glance'
GROUP = 'oslo_messaging_notifications'


def check(conf: cfg.ConfigOpts) -> None:
    """Refuse what could never work; no broker is asked.

    :raises errors.ConfigurationError: a driver or the URL is wrong
    """
    oslo_messaging.set_transport_defaults(control_exchange=EXCHANGE)
    conf.register_opts(library._notifier_opts, group=GROUP)
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
    _transport(conf).cleanup()


def sender(
    conf: cfg.ConfigOpts, publisher_id: str
) -> Callable[[outbox.Event], None]:
    """Sends one event; connects with the first, so in the worker."""
    notifiers: list[Any] = []

    def send(event: outbox.Event) -> None:
        if not notifiers:
            transport = _patient(_transport(conf))
            notifiers.append(oslo_messaging.Notifier(transport, publisher_id))
        tell = getattr(notifiers[0], event.priority)
        tell({}, event.name, event.payload)

    return send


def _patient(transport: Any) -> Any:
    """Let the option ``retry`` hold for the first connection too.

    The library gives a notification up, with a traceback, when no broker
    is there to connect to, even if it shall try for ever; only a connection
    that breaks is made again.
    """
    send = transport._send_notification

    def patiently(
        target: Any, context: Any, message: Any, version: Any, retry: Any
    ) -> None:
        pauses = _pauses(retry)
        while True:
            try:
                send(target, context, message, version, retry)
                return
            except _NO_BROKER as error:
                pause = next(pauses, None)
                if pause is None:
                    raise
                LOG.warning(
                    'Could not connect to the message bus: %s; the next try '
                    'is in %s s',
                    error,
                    pause,
                )
                time.sleep(pause)

    transport._send_notification = patiently
    return transport


def _pauses(retry: int | None) -> Iterator[int]:
    """Seconds between tries; without end for None and -1."""
    tries = itertools.count() if retry in (None, -1) else range(retry or 0)
    for number in tries:
        yield min(2**number, MOST_PAUSE_SECONDS)


def _transport(conf: cfg.ConfigOpts) -> Any:
    try:
        return oslo_messaging.get_notification_transport(conf)
    except (
        oslo_messaging.InvalidTransportURL,
        oslo_messaging.DriverLoadFailure,
        ValueError,  # a port that is no number
    ) as error:
        # The library's message has the URL, and that has the password.
        raise errors.ConfigurationError(
            f'transport_url in [{GROUP}] or in [DEFAULT] is wrong, or its '
            f'driver is not installed: {type(error).__name__}.'
        ) from error
