"""Every URL of API v1 and its handler."""

from oslo_config import cfg

from glance.api import parts as shared
from glance.api.v1 import images
from glance.api.v1 import members
from glance.api.v2 import cache
from glance.api.v2 import schemas
from glance.common import wsgi
from glance.tasks import imports

#: The first part of its paths, and the option that enables it.
NAME, OPTION = 'v1', 'enable_v1_api'
#: Minor versions and their status.
MINORS = (('v1.1', 'DEPRECATED'), ('v1.0', 'DEPRECATED'))


def routes(
    conf: cfg.ConfigOpts,
    parts: shared.Parts,
    cases: shared.UseCases,
    starts: imports.Imports,
    schema: schemas.ImageSchema,
) -> list[wsgi.Route]:
    """The route table of v1."""
    image = images.Images(conf, parts, cases, starts, schema)
    member = members.Members(parts)
    one = '/v1/images/{image_id}'
    table = (
        ('GET', '/v1/', image.index),
        ('GET', '/v1/images', image.index),
        ('POST', '/v1/images', image.create),
        ('GET', '/v1/images/detail', image.detail),
        ('GET', one, image.show),
        ('HEAD', one, image.describe),
        ('PUT', one, image.update),
        ('DELETE', one, image.delete),
        ('GET', f'{one}/members', member.index),
        ('PUT', f'{one}/members', member.replace),
        ('PUT', f'{one}/members/{{member}}', member.update),
        ('DELETE', f'{one}/members/{{member}}', member.delete),
        ('GET', '/v1/shared-images/{member}', member.shared),
    )
    own_routes = [wsgi.Route(*line) for line in table]
    classic = cache.ClassicCache(parts.policy, parts.cached)
    return own_routes + cache.classic_routes('v1', classic)
