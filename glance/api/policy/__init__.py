"""Permission: all decisions on who may do what.

Handlers call ``decision``. ``defaults`` has the rules of the code, ``rules``
evaluates them and those of policy files, ``protections`` controls access to
custom properties.
"""

from glance.api.policy.decision import nothing_protected
from glance.api.policy.decision import of_catalogue
from glance.api.policy.decision import of_image
from glance.api.policy.decision import of_member
from glance.api.policy.decision import of_namespace
from glance.api.policy.decision import of_new_image
from glance.api.policy.decision import of_new_namespace
from glance.api.policy.decision import Policy
from glance.api.policy.decision import Target

__all__ = [
    'Policy',
    'Target',
    'nothing_protected',
    'of_catalogue',
    'of_image',
    'of_member',
    'of_namespace',
    'of_new_namespace',
    'of_new_image',
]
