"""Permission: who may do what, decided here and nowhere else.

``decision`` is what handlers ask, ``defaults`` has the rules of the code,
``rules`` evaluates them and those of files, ``protections`` is about custom
properties.
"""

from glance.api.policy.decision import Policy
from glance.api.policy.decision import target_of
from glance.api.policy.decision import visibility_rules

__all__ = ['Policy', 'target_of', 'visibility_rules']
