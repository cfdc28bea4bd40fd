"""What the other rules are made of.

The service does not expand roles: Keystone's implied roles put ``reader``
into the token of a ``member``. Targets carry the image's own members, its
custom properties, ``project_id`` (its owner) and ``member_id`` (the
caller's project where it sees the image as its member).
"""

from typing import Any

from oslo_policy import policy

ADMIN = 'rule:context_is_admin'
SERVICE = 'rule:service_api'
#: Every caller with a valid token, unless the operator's file says else.
ANYBODY = 'rule:default'
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

#: What services of Train and before tested besides their rules, which let
#: everybody pass. Holds with enforce_new_defaults
#: off, and for a rule that the operator's file opens to everybody.
OWNS = f'{ADMIN} or project_id:%(project_id)s'
OWNS_NOT = f'{ADMIN} or not project_id:%(project_id)s'


Rule = policy.RuleDefault


def rule(
    name: str,
    check: str,
    description: str,
    *calls: str,
    legacy: str | None = None,
    former_name: str | None = None,
) -> Rule:
    """A rule for calls; scope type of all of them is the project.

    :param calls: ``METHOD /path`` of each
    :param legacy: what passed in Train and before; counts as well while
        [oslo_policy] enforce_new_defaults is off
    :param former_name: its name then, if another
    """
    former = None
    if legacy is not None:
        former = policy.DeprecatedRule(
            former_name or name,
            legacy,
            deprecated_reason='Rules look at project and role.',
            deprecated_since='Wallaby',
        )
    common: dict[str, Any] = {
        'deprecated_rule': former,
        'scope_types': ['project'],
    }
    if not calls:
        return Rule(name, check, description=description, **common)
    operations: Any = [
        dict(zip(('method', 'path'), call.split(), strict=True))
        for call in calls
    ]
    return policy.DocumentedRuleDefault(
        name, check, description, operations, **common
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
        description='Who is another service of the cloud.',
    ),
]
