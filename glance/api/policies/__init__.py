"""Default rules of glance-api; etc/policy.json overrides them."""

from oslo_policy import policy

from glance.api.policies import base
from glance.api.policies import images
from glance.api.policies import locations
from glance.api.policies import members


def list_rules() -> list[policy.RuleDefault]:
    """Every rule, for the enforcer and for oslopolicy-sample-generator."""
    return [*base.RULES, *images.RULES, *locations.RULES, *members.RULES]
