"""Rules for images, their data, tags and actions."""

from glance.api.policies import base

RULES = [
    base.rule(
        'add_image',
        f'{base.ADMIN} or (role:member and '
        'project_id:%(project_id)s and project_id:%(owner)s)',
        'Create an image.',
    ),
    base.rule('get_images', base.OWNING_READER, 'List images.'),
    base.rule('get_image', base.SEEING_READER, 'See an image.'),
    base.rule(
        'modify_image', base.OWNING_MEMBER, 'Change an image or its tags.'
    ),
    base.rule('delete_image', base.OWNING_MEMBER, 'Delete an image.'),
    base.rule('publicize_image', base.ADMIN, 'Make an image public.'),
    base.rule(
        'communitize_image', base.OWNING_MEMBER, 'Make an image community.'
    ),
    base.rule('upload_image', base.OWNING_MEMBER, "Upload an image's data."),
    base.rule(
        'download_image', base.SEEING_MEMBER, "Download an image's data."
    ),
    base.rule('deactivate', base.OWNING_MEMBER, 'Deactivate an image.'),
    base.rule('reactivate', base.OWNING_MEMBER, 'Reactivate an image.'),
]
