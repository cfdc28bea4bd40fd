"""The collaborators for staging, import and tasks.

They are made once per process, from the configuration.
"""

import dataclasses

from oslo_config import cfg

from glance.api import importing
from glance.api import parts as shared
from glance.api.v2 import image_import
from glance.common import background
from glance.images import staging
from glance.images.importing import web
from glance.store import outbound
from glance.tasks import engine
from glance.tasks import forwarding
from glance.tasks import image_import as worker
from glance.tasks import imports
from glance.tasks import tokens

#: Interval at which the engine checks whether a task is due.
TICK_SECONDS = 1


@dataclasses.dataclass(frozen=True)
class Importing:
    """The objects that handlers use."""

    images: image_import.ImageImport
    discovery: image_import.Discovery
    imports: imports.Imports


@dataclasses.dataclass(frozen=True)
class Peers:
    """What imports need to reach other servers.

    :ivar own_url: where other workers reach this one; None if unknown
    :ivar client: downloads the data of web-download
    :ivar limits: of such a download
    :ivar secrets: the tokens of the callers of glance-download
    """

    own_url: str | None
    client: outbound.Client
    limits: web.Limits
    secrets: tokens.Tokens


def methods(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """The import methods that clients may use."""
    if not conf.enable_image_import:
        return ()
    return tuple(dict.fromkeys(conf.enabled_import_methods))


def make(
    conf: cfg.ConfigOpts, parts: shared.Parts, cases: shared.UseCases
) -> Importing:
    """:raises errors.ConfigurationError: an option is invalid"""
    peers = Peers(
        conf.worker_self_reference_url or conf.public_endpoint,
        importing.download_client(conf),
        importing.download_limits(conf),
        tokens.Tokens(),
    )
    queue = engine.Engine(
        parts.registry,
        parts.running,
        parts.staged,
        node=parts.node,
        workers=conf.taskflow_executor.max_workers,
        do=_importer(conf, parts, cases, peers).run,
    )
    background.register('tasks', queue.look, TICK_SECONDS)
    swept = staging.Sweeping(parts.registry, parts.staged)
    background.register('staging', swept.look, conf.leftover_interval_seconds)
    starts = _starts(parts, queue, peers)
    enabled = methods(conf)
    return Importing(
        images=image_import.ImageImport(
            parts.registry,
            parts.policy,
            parts.store,
            stagings=_stagings(conf, parts, peers.own_url),
            starts=starts,
            unified=parts.unified,
            methods=enabled,
        ),
        discovery=image_import.Discovery(enabled),
        imports=starts,
    )


def _importer(
    conf: cfg.ConfigOpts,
    parts: shared.Parts,
    cases: shared.UseCases,
    peers: Peers,
) -> worker.Importer:
    """Make what runs the imports of this worker."""
    extra = conf.glance_download_properties.extra_properties
    return worker.Importer(
        parts.registry,
        parts.store,
        uploads=cases.uploads,
        running=parts.running,
        left=parts.left,
        staged=parts.staged,
        client=peers.client,
        notifier=parts.notifier,
        tasks=parts.tasks,
        limits_of=parts.unified.limits_of,
        chain=parts.chain,
        secrets=peers.secrets,
        access=parts.access,
        options=worker.Options(
            limits=peers.limits, extra_properties=tuple(extra)
        ),
    )


def _starts(
    parts: shared.Parts, queue: engine.Engine, peers: Peers
) -> imports.Imports:
    """Make what checks and queues the imports that clients request."""
    return imports.Imports(
        parts.registry,
        parts.store,
        queue=queue,
        staged=parts.staged,
        forwards=forwarding.Forwarding(peers.own_url, parts.registry),
        client=peers.client,
        tasks=parts.tasks,
        node=parts.node,
        secrets=peers.secrets,
        limits=peers.limits,
    )


def _stagings(
    conf: cfg.ConfigOpts, parts: shared.Parts, own_url: str | None
) -> staging.Stagings:
    return staging.Stagings(
        parts.registry,
        parts.staged,
        running=parts.running,
        unified=parts.unified,
        notifier=parts.notifier,
        host=own_url,
        size_cap_bytes=conf.image_size_cap,
    )
