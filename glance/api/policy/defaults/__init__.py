"""Default rules of glance-api; etc/policy.json overrides them.

They include rules of calls that do not exist yet. Operators' files contain
these rules, and the tools of oslo.policy must not report them as unknown.
"""

from oslo_policy import policy

from glance.api.policy.defaults import base
from glance.api.policy.defaults import images
from glance.api.policy.defaults import locations
from glance.api.policy.defaults import members
from glance.api.policy.defaults import metadefs
from glance.api.policy.defaults import operation

#: Name of a rule -> check that must pass too if the rule is too permissive.
GUARDS = {**images.GUARDS, **members.GUARDS, **locations.GUARDS}


def list_rules() -> list[policy.RuleDefault]:
    """Every rule, for the enforcer and for oslopolicy-sample-generator."""
    return [
        *base.RULES,
        *images.RULES,
        *members.RULES,
        *locations.RULES,
        *operation.RULES,
        *metadefs.RULES,
    ]
