"""The API's description of the image cache; see operations.py."""

from typing import Any

from glance.api.v2 import described

PARAMETERS: dict[str, dict[str, Any]] = {
    'clear_target': {
        'name': 'x-image-cache-clear-target',
        'in': 'header',
        'description': 'What to clear; both if absent.',
        'schema': {'type': 'string', 'enum': ['', 'cache', 'queue']},
    },
}

_OBJECT: described.Content = {'application/json': 'Object'}
_CACHED = '/v2/cache/{image_id}'
_ANY_JSON: described.Content = {'application/json': None}
TABLE: described.Table = {
    ('GET', '/v2/cache'): described.Description(
        'List cached and queued images', {200: _OBJECT}, (403, 404)
    ),
    ('DELETE', '/v2/cache'): described.Description(
        'Clear the cache, the queue or both',
        {204: {}},
        (403, 404),
        parameters=('clear_target',),
    ),
    ('POST', '/v2/cache/clean'): described.Description(
        'Remove broken and stalled data of the cache',
        {200: {}},
        (403, 404),
    ),
    ('POST', '/v2/cache/prune'): described.Description(
        'Bring the cache down to its limit',
        {200: _OBJECT},
        (403, 404),
    ),
    ('GET', '/v2/cache/nodes/{image_id}'): described.Description(
        'List the hosts that have an image', {200: _ANY_JSON}, (403, 404, 409)
    ),
    ('PUT', _CACHED): described.Description(
        'Fetch an image into the cache', {202: {}}, (403, 404)
    ),
    ('DELETE', _CACHED): described.Description(
        'Remove an image from the cache and the queue',
        {204: {}},
        (403, 404),
    ),
    **{
        (method, f'/v2/{path}'): described.Description(
            f'{summary}; there with the filter cachemanage',
            {200: _ANY_JSON},
            (403, 404),
        )
        for method, path, summary in (
            ('GET', 'cached_images', 'List cached images'),
            ('DELETE', 'cached_images', 'Clear the cache'),
            (
                'DELETE',
                'cached_images/{image_id}',
                'Remove an image from the cache',
            ),
            ('GET', 'queued_images', 'List queued images'),
            ('DELETE', 'queued_images', 'Clear the queue'),
            ('PUT', 'queued_images/{image_id}', 'Queue an image'),
            (
                'DELETE',
                'queued_images/{image_id}',
                'Remove an image from the queue',
            ),
        )
    },
}
