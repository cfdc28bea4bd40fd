"""Rules for the places where the data of images is."""

from glance.api.policies import base

RULES = [
    base.rule(
        'get_image_location',
        base.OWNING_READER,
        'Learn where data is, when a copy of it is deleted.',
    ),
    base.rule(
        'set_image_location',
        base.OWNING_MEMBER,
        'Add or replace locations by PATCH.',
    ),
    base.rule(
        'delete_image_location', base.ADMIN, 'Remove a location and its data.'
    ),
    base.rule(
        'add_image_location',
        f'{base.SERVICE} or (role:member and project_id:%(project_id)s)',
        'Register data that is in a store already.',
    ),
    base.rule(
        'fetch_image_location', base.SERVICE, 'Learn where the data is.'
    ),
]
