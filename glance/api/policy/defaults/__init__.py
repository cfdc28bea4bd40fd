"""Default rules of glance-api; etc/policy.json overrides them.

Rules of calls that do not exist yet are here too: operators' files name
them, and the tools of oslo.policy shall not call them unknown.
"""

from oslo_policy import policy

from glance.api.policy.defaults import base
from glance.api.policy.defaults import images
from glance.api.policy.defaults import locations
from glance.api.policy.defaults import members
from glance.api.policy.defaults import metadefs
from glance.api.policy.defaults import operation

#: By rule, what has to pass besides where the rule itself says too little.
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
