"""The parts that the other rules consist of.

The service does not expand roles: Keystone's implied roles put ``reader``
into the token of a ``member``. Targets contain the image's own members, its
custom properties, ``project_id`` (its owner) and ``member_id`` (the caller's
project if it is a member of the image).
"""

from typing import Any

from oslo_policy import policy

ADMIN = 'rule:context_is_admin'
SERVICE = 'rule:service_api'
#: Every caller with a valid token, unless the operator's file changes it.
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

#: Checks that the services of Train and before made in addition to their
#: rules, which permitted every caller. They apply if enforce_new_defaults is
#: off, and to rules that the operator's file opens to every caller.
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
    """Make a rule for calls; the scope type is always the project.

    :param calls: ``METHOD /path`` of each call
    :param legacy: the check of Train and before; it is sufficient too if
        [oslo_policy] enforce_new_defaults is off. None if there is none
    :param former_name: the name of that rule; None if it is the same
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
