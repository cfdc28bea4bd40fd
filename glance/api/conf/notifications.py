"""Options of notifications."""

from oslo_config import cfg

from glance.common import login_options

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'default_publisher_id',
        default='image.localhost',
        help='Publisher id in the notifications.',
    ),
    cfg.ListOpt(
        'disabled_notifications',
        default=[],
        help=(
            'Events that are not sent, for instance image.create. '
            'image.member stands for all events of members, and image for '
            'all events of images and members.'
        ),
    ),
]
BUS: list[cfg.Opt] = [
    login_options.SharedMultiStrOpt(
        'driver',
        default=[],
        help=(
            'How notifications are sent: messagingv2, messaging, routing, '
            'log, test or noop; the option may be repeated. Unset: no '
            'notifications are sent. The other options of the section are '
            'those of oslo.messaging.'
        ),
    ),
]
