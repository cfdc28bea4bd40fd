"""Permission: who may do what, decided here and nowhere else.

``decision`` is what handlers ask, ``defaults`` has the rules of the code,
``rules`` evaluates them and those of files, ``protections`` is about custom
properties.
"""

from glance.api.policy.decision import of_image
from glance.api.policy.decision import of_member
from glance.api.policy.decision import of_new_image
from glance.api.policy.decision import Policy
from glance.api.policy.decision import Target
from glance.api.policy.decision import visibility_rules

__all__ = [
    'Policy',
    'Target',
    'of_image',
    'of_member',
    'of_new_image',
    'visibility_rules',
]
