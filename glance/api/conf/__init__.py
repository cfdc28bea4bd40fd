"""Options that only glance-api has, by subject; and the common ones."""

from oslo_config import cfg

from glance.api.conf import cache
from glance.api.conf import images
from glance.api.conf import importing
from glance.api.conf import imports
from glance.api.conf import limits
from glance.api.conf import metadefs
from glance.api.conf import notifications
from glance.api.conf import registry
from glance.api.conf import stores
from glance.api.conf import tasks
from glance.common import config
from glance.common import filter_options
from glance.common import login_options
from glance.common import metrics_options
from glance.common import middleware

DEFAULT_PORT = 9292


def register(conf: cfg.ConfigOpts) -> None:
    for group, opts in list_opts():
        conf.register_opts(opts, group=group)


def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """For oslo-config-generator and for :func:`register`."""
    return [
        (
            None,
            [
                *config.server_opts(DEFAULT_PORT),
                *middleware.OPTS,
                *registry.OPTS,
                *limits.OPTS,
                *images.BEHAVIOUR,
                *images.PROPERTIES,
                *images.LOCATIONS,
                *stores.ENABLED,
                *stores.LOST,
                *imports.OPTS,
                *notifications.OPTS,
                *cache.OPTS,
            ],
        ),
        ('paste_deploy', config.paste_deploy_opts()),
        ('cors', filter_options.CORS),
        ('oslo_middleware', filter_options.PROXY),
        ('healthcheck', filter_options.HEALTH),
        ('image_format', images.FORMATS),
        ('glance_store', stores.STORE),
        ('task', tasks.TASK),
        *(
            (name, stores.reserved(name))
            for name in ('os_glance_staging_store', 'os_glance_tasks_store')
        ),
        ('taskflow_executor', tasks.EXECUTOR),
        ('image_import_opts', [*imports.PLUGINS, *importing.UPLOADS]),
        ('import_downloads', importing.DOWNLOADS),
        ('inject_metadata_properties', imports.INJECTION),
        ('image_conversion', imports.CONVERSION),
        ('image_decompression', imports.DECOMPRESSION),
        ('glance_download_properties', imports.REMOTE),
        ('import_filtering_opts', stores.FILTERING),
        (metadefs.GROUP, metadefs.OPTS),
        ('oslo_messaging_notifications', notifications.BUS),
        (metrics_options.GROUP, metrics_options.OPTS),
        (login_options.GROUP, login_options.OPTS),
    ]
