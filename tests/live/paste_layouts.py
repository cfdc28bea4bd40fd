"""Paste files in every layout that operators have, releases 11 to 33.

A layout is what differs: the filters, the flavors, and whether a flavor is
a pipeline (to 26) or one key of a composite (from 27).
"""

from collections.abc import Sequence
import dataclasses

API = 'glance.api'
CONTEXT = f'{API}.middleware.context'

FACTORIES = {
    'cors': 'oslo_middleware.cors:filter_factory',
    'healthcheck': 'oslo_middleware:Healthcheck.factory',
    'http_proxy_to_wsgi': 'oslo_middleware:HTTPProxyToWSGI.factory',
    'versionnegotiation': (
        f'{API}.middleware.version_negotiation:'
        'VersionNegotiationFilter.factory'
    ),
    'osprofiler': 'osprofiler.web:WsgiMiddleware.factory',
    'authtoken': 'keystonemiddleware.auth_token:filter_factory',
    'context': f'{CONTEXT}:ContextMiddleware.factory',
    'unauthenticated-context': (
        f'{CONTEXT}:UnauthenticatedContextMiddleware.factory'
    ),
    'cache': f'{API}.middleware.cache:CacheFilter.factory',
    'cachemanage': f'{API}.middleware.cache_manage:CacheManageFilter.factory',
}
OPTIONS = {
    'cors': {
        'oslo_config_project': 'glance',
        'oslo_config_program': 'glance-api',
    },
    'healthcheck': {
        'backends': 'disable_by_file',
        'disable_by_file_path': '/etc/glance/healthcheck_disable',
    },
    'authtoken': {'delay_auth_decision': 'true'},
}
APPLICATIONS = {
    'apiversions': f'{API}.versions:create_resource',
    'apiv1app': f'{API}.v1.router:API.factory',
    'apiv2app': f'{API}.v2.router:API.factory',
}
LOGIN = {
    None: ['unauthenticated-context'],
    'caching': ['unauthenticated-context', 'cache'],
    'cachemanagement': ['unauthenticated-context', 'cache', 'cachemanage'],
    'keystone': ['authtoken', 'context'],
    'keystone+caching': ['authtoken', 'context', 'cache'],
    'keystone+cachemanagement': [
        *('authtoken', 'context', 'cache', 'cachemanage'),
    ],
    'trusted-auth': ['context'],
    'trusted-auth+cachemanagement': ['context', 'cache', 'cachemanage'],
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """The paste files of some releases.

    :ivar edge: the filters in front of version negotiation
    :ivar mounts: what the root application has besides ``/`` and ``/v2``
    :ivar health_mounts: in composite layouts, flavor -> path of the health
        check that is not ``/healthcheck``; None: the layout has pipelines
    """

    releases: str
    edge: tuple[str, ...]
    has_trusted_auth: bool = False
    mounts: tuple[str, ...] = ()
    health_mounts: dict[str, str] | None = None
    profiler: tuple[tuple[str, str], ...] = ()

    @property
    def flavors(self) -> list[str | None]:
        return [
            flavor
            for flavor in LOGIN
            if self.has_trusted_auth
            or not (flavor or '').startswith('trusted-auth')
        ]

    def api(self) -> str:
        """The text of glance-api-paste.ini."""
        if self.health_mounts is None:
            heads = [self._pipeline(flavor) for flavor in self.flavors]
        else:
            heads = [self._composites()]
        return '\n'.join([*heads, self._root(), *self._parts()])

    def _filters(self, flavor: str | None) -> str:
        names = [*self.edge, 'versionnegotiation', 'osprofiler']
        return ' '.join([*names, *LOGIN[flavor], 'rootapp'])

    def _pipeline(self, flavor: str | None) -> str:
        name = f'glance-api-{flavor}' if flavor else 'glance-api'
        return section(f'pipeline:{name}', pipeline=self._filters(flavor))

    def _composites(self) -> str:
        text = ''
        for flavor in self.flavors:
            name = f'glance-api-{flavor}' if flavor else 'glance-api'
            mount = self.health_mounts.get(flavor or '', '/healthcheck')
            text += composite(
                name, 'root_app_factory', {'/': 'api', mount: 'healthcheck'}
            )
        pipelines = {
            flavor or 'default': self._filters(flavor)
            for flavor in self.flavors
        }
        return text + composite('api', 'pipeline_factory', pipelines)

    def _root(self) -> str:
        mounts = {'/': 'apiversions', '/v2': 'apiv2app'}
        mounts.update((path, f'api{path[1:]}app') for path in self.mounts)
        return composite('rootapp', 'root_app_factory', mounts)

    def _parts(self) -> Sequence[str]:
        parts = [
            section(f'app:{name}', **{'paste.app_factory': factory})
            for name, factory in APPLICATIONS.items()
        ]
        if self.health_mounts is not None:
            parts.append(
                section(
                    'app:healthcheck',
                    **{
                        'paste.app_factory': (
                            'oslo_middleware:Healthcheck.app_factory'
                        )
                    },
                    **OPTIONS['healthcheck'],
                )
            )
        return [*parts, *self._filter_sections()]

    def _filter_sections(self) -> Sequence[str]:
        return [
            section(
                f'filter:{name}',
                **{'paste.filter_factory': factory},
                **OPTIONS.get(name, {}),
                **(dict(self.profiler) if name == 'osprofiler' else {}),
            )
            for name, factory in FACTORIES.items()
            if name != 'healthcheck' or self.health_mounts is None
        ]

    def registry(self) -> str:
        """The text of glance-registry-paste.ini, releases 11 to 20."""
        heads = [
            section(
                'pipeline:glance-registry' + (f'-{f}' if f else ''),
                pipeline=' '.join(
                    [
                        *(name for name in self.edge if name == 'healthcheck'),
                        *('osprofiler', *LOGIN[f], 'registryapp'),
                    ]
                ),
            )
            for f in (None, 'keystone', 'trusted-auth')
        ]
        app = {'paste.app_factory': 'glance.registry.api:API.factory'}
        return '\n'.join(
            [
                *heads,
                section('app:registryapp', **app),
                *self._filter_sections(),
            ]
        )


def section(title: str, **options: str) -> str:
    lines = [f'{name} = {value}\n' for name, value in options.items()]
    return f'[{title}]\n' + ''.join(lines)


def composite(name: str, factory: str, keys: dict[str, str]) -> str:
    lines = [f'{key}: {value}\n' for key, value in keys.items()]
    head = f'[composite:{name}]\npaste.composite_factory = {API}:{factory}\n'
    return head + ''.join(lines)


_PROFILER = (('hmac_keys', 'SECRET_KEY'), ('enabled', 'yes'))
_EDGE = ('cors', 'healthcheck', 'http_proxy_to_wsgi')

LAYOUTS = (
    Layout('11-12', (), True, ('/v1',), profiler=_PROFILER),
    Layout('13-20', _EDGE, True, ('/v1',), profiler=_PROFILER),
    Layout('21-22', _EDGE, True, profiler=_PROFILER),
    Layout('23-26', _EDGE),
    Layout(
        '27-28.1',
        ('cors', 'http_proxy_to_wsgi'),
        health_mounts={'keystone+cachemanagement': '/healthchetck'},
    ),
    Layout('28.2-33', ('cors', 'http_proxy_to_wsgi'), health_mounts={}),
)
