"""What the other rules are made of.

The service does not expand roles: Keystone's implied roles put ``reader``
into the token of a ``member``. Targets carry the image's own members, its
custom properties, ``project_id`` (its owner) and ``member_id`` (the
caller's project where it sees the image as its member).
"""

from oslo_policy import policy

ADMIN = 'rule:context_is_admin'
OWNING_MEMBER = f'{ADMIN} or (role:member and project_id:%(project_id)s)'
OWNING_READER = f'{ADMIN} or (role:reader and project_id:%(project_id)s)'

_SEES = (
    'project_id:%(project_id)s or project_id:%(member_id)s or '
    "'community':%(visibility)s or 'public':%(visibility)s or "
    "'shared':%(visibility)s"
)
SEEING_READER = f'{ADMIN} or (role:reader and ({_SEES}))'
SEEING_MEMBER = f'{ADMIN} or (role:member and ({_SEES}))'
#: The owner's project, or the project that the image is shared with.
SHARING_READER = (
    f'{ADMIN} or (role:reader and '
    '(project_id:%(project_id)s or project_id:%(member_id)s))'
)
INVITED_MEMBER = f'{ADMIN} or (role:member and project_id:%(member_id)s)'

#: Other services of the cloud, which act for nobody.
SERVICE = 'rule:service_api'


def rule(name: str, check: str, description: str) -> policy.RuleDefault:
    """A rule for calls; scope type of all of them is the project."""
    return policy.RuleDefault(
        name, check, description=description, scope_types=['project']
    )


RULES = [
    policy.RuleDefault(
        'default', '', description='Rules that are named nowhere.'
    ),
    policy.RuleDefault(
        'context_is_admin',
        'role:admin',
        description='Who is an administrator, in whatever project.',
    ),
    policy.RuleDefault(
        'service_api',
        'role:service or role:admin',
        description='Which tokens are those of services.',
    ),
]
