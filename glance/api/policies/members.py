"""Rules for the members of a shared image."""

from glance.api.policies import base

RULES = [
    base.rule('add_member', base.OWNING_MEMBER, 'Share an image.'),
    base.rule('get_members', base.SHARING_READER, 'List members.'),
    base.rule('get_member', base.SHARING_READER, 'See a member.'),
    base.rule(
        'modify_member',
        base.INVITED_MEMBER,
        'Accept or reject an image that was shared.',
    ),
    base.rule('delete_member', base.OWNING_MEMBER, 'Stop sharing.'),
]
