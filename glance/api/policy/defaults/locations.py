"""Rules for the locations of an image's data."""

from glance.api.policy.defaults import base

_ONE = '/v2/images/{image_id}'

RULES = [
    base.rule(
        'get_image_location',
        base.OWNING_READER,
        'Know where the data is, when a copy of it is deleted.',
        'DELETE /v2/stores/{store}/{image_id}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'set_image_location',
        base.OWNING_MEMBER,
        'Say where the data is.',
        f'PATCH {_ONE}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'delete_image_location',
        base.ADMIN,
        'Delete one copy of the data.',
        f'PATCH {_ONE}',
        'DELETE /v2/stores/{store}/{image_id}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'add_image_location',
        f'{base.SERVICE} or (role:member and '
        'project_id:%(project_id)s and project_id:%(owner)s)',
        'Say where the data is, once.',
        f'POST {_ONE}/locations',
    ),
    base.rule(
        'fetch_image_location',
        base.SERVICE,
        'Know where the data is.',
        f'GET {_ONE}/locations',
    ),
]

GUARDS = {
    'set_image_location': base.OWNS,
    'delete_image_location': base.OWNS,
}
