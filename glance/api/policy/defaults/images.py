"""Rules for images, their data, tags and actions."""

from glance.api.policy.defaults import base

_ONE = '/v2/images/{image_id}'

RULES = [
    base.rule(
        'add_image',
        f'{base.ADMIN} or (role:member and '
        'project_id:%(project_id)s and project_id:%(owner)s)',
        'Create an image.',
        'POST /v2/images',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'get_images',
        base.OWNING_READER,
        'List images.',
        'GET /v2/images',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'get_image',
        base.SEEING_READER,
        'See an image. Asked for each of a list.',
        'GET /v2/images',
        f'GET {_ONE}',
        f'PATCH {_ONE}',
        f'GET {_ONE}/members',
        f'POST {_ONE}/members',
        f'GET {_ONE}/members/{{member_id}}',
        f'PUT {_ONE}/members/{{member_id}}',
        f'DELETE {_ONE}/members/{{member_id}}',
        f'POST {_ONE}/locations',
        f'GET {_ONE}/tasks',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'modify_image',
        base.OWNING_MEMBER,
        'Change an image or its tags, stage or import data.',
        f'PATCH {_ONE}',
        f'PUT {_ONE}/tags/{{tag}}',
        f'DELETE {_ONE}/tags/{{tag}}',
        f'PUT {_ONE}/stage',
        f'POST {_ONE}/import',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'delete_image',
        base.OWNING_MEMBER,
        'Delete an image.',
        f'DELETE {_ONE}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'publicize_image',
        base.ADMIN,
        'Make an image public.',
        'POST /v2/images',
        f'PATCH {_ONE}',
    ),
    base.rule(
        'communitize_image',
        base.OWNING_MEMBER,
        'Make an image community.',
        'POST /v2/images',
        f'PATCH {_ONE}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'upload_image',
        base.OWNING_MEMBER,
        "Upload an image's data.",
        f'PUT {_ONE}/file',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'copy_from',
        base.OWNING_MEMBER,
        'Have data copied from a URL by a request of API v1.',
        'POST /v1/images',
        f'PUT {_ONE.replace("v2", "v1")}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'download_image',
        base.SEEING_MEMBER,
        "Download an image's data.",
        f'GET {_ONE}/file',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'download_from_store',
        base.SEEING_MEMBER,
        "Download an image's data from a store of the caller's choice.",
        f'GET {_ONE}/file?prefer={{store}}',
    ),
    base.rule(
        'deactivate',
        base.OWNING_MEMBER,
        'Deactivate an image.',
        f'POST {_ONE}/actions/deactivate',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'reactivate',
        base.OWNING_MEMBER,
        'Reactivate an image.',
        f'POST {_ONE}/actions/reactivate',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'copy_image',
        base.ADMIN,
        'Copy the data of an image to further stores.',
        f'POST {_ONE}/import',
    ),
]

GUARDS = dict.fromkeys(
    ('add_image', 'modify_image', 'delete_image')
    + ('upload_image', 'deactivate', 'reactivate'),
    base.OWNS,
)
