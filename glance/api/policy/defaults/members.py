"""Rules for the members of a shared image."""

from glance.api.policy.defaults import base

_ALL = '/v2/images/{image_id}/members'
_ONE = f'{_ALL}/{{member_id}}'

RULES = [
    base.rule(
        'add_member',
        base.OWNING_MEMBER,
        'Share an image.',
        f'POST {_ALL}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'get_members',
        base.SHARING_READER,
        'List members.',
        f'GET {_ALL}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'get_member',
        base.SHARING_READER,
        'See a member. Asked for each of a list, with its member_id.',
        f'GET {_ALL}',
        f'GET {_ONE}',
        f'PUT {_ONE}',
        f'DELETE {_ONE}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'modify_member',
        base.INVITED_MEMBER,
        'Accept or reject an image that was shared.',
        f'PUT {_ONE}',
        legacy=base.ANYBODY,
    ),
    base.rule(
        'delete_member',
        base.OWNING_MEMBER,
        'Stop sharing.',
        f'DELETE {_ONE}',
        legacy=base.ANYBODY,
    ),
]

GUARDS = {
    'add_member': base.OWNS,
    'delete_member': base.OWNS,
    'modify_member': base.OWNS_NOT,
}
