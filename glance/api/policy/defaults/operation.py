"""Rules for the operation of the service: cache, stores, tasks."""

from glance.api.policy.defaults import base


def _cache(name: str, description: str, *calls: str) -> base.Rule:
    return base.rule(
        name,
        base.ADMIN,
        description,
        *calls,
        legacy=base.ADMIN,
        former_name='manage_image_cache',
    )


def _unused(name: str, description: str) -> base.Rule:
    """A rule that no call uses; registered because files may contain it."""
    return base.rule(name, base.ANYBODY, description)


RULES = [
    base.rule(
        'manage_image_cache',
        base.ADMIN,
        'Manage the image cache; older name of the rules for single calls.',
        'GET /v2/cached_images',
        'DELETE /v2/cached_images',
        'DELETE /v2/cached_images/{image_id}',
        'GET /v2/queued_images',
        'DELETE /v2/queued_images',
        'PUT /v2/queued_images/{image_id}',
        'DELETE /v2/queued_images/{image_id}',
    ),
    _cache('cache_list', 'List cached and queued images.', 'GET /v2/cache'),
    _cache(
        'cache_image',
        'Have an image cached.',
        'PUT /v2/cache/{image_id}',
    ),
    _cache(
        'cache_delete',
        'Drop images from the cache.',
        'DELETE /v2/cache',
        'DELETE /v2/cache/{image_id}',
    ),
    base.rule(
        'cache_clean',
        base.ADMIN,
        'Remove broken and stalled entries of the cache.',
        'POST /v2/cache/clean',
    ),
    base.rule(
        'cache_prune',
        base.ADMIN,
        'Bring the cache down to its size.',
        'POST /v2/cache/prune',
    ),
    base.rule(
        'list_cached_nodes',
        base.ADMIN,
        'See which hosts have an image in their cache.',
        'GET /v2/cache/nodes/{image_id}',
    ),
    base.rule(
        'stores_info_detail',
        f'{base.ADMIN} or {base.SERVICE}',
        'See the stores with their settings.',
        'GET /v2/info/stores/detail',
    ),
    base.rule(
        'tasks_api_access',
        base.ADMIN,
        'Use tasks.',
        'POST /v2/tasks',
        'GET /v2/tasks',
        'GET /v2/tasks/{task_id}',
        'DELETE /v2/tasks/{task_id}',
    ),
    _unused('get_task', 'See a task; tasks_api_access decides.'),
    _unused('get_tasks', 'List tasks; tasks_api_access decides.'),
    _unused('add_task', 'Start a task; tasks_api_access decides.'),
    _unused('modify_task', 'Change a task; tasks_api_access decides.'),
]
