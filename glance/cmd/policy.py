"""What oslo.policy's own commands ask of us: an enforcer.

``oslopolicy-policy-generator``, ``-validator`` and ``-list-redundant``
find it by the entry point ``oslo.policy.enforcer`` and have read their own
command line by then.
"""

from oslo_config import cfg
from oslo_policy import policy

from glance.api.policy import defaults
from glance.api.policy import rules
from glance.common import config


def enforcer() -> policy.Enforcer:
    """Rules of the code and, once loaded, of glance-api's policy file."""
    conf = cfg.CONF
    if not conf.config_file:  # none is named: the daemon's own
        conf([], project=config.PROJECT, prog='glance-api')
    found = conf.find_file(rules.file_name(conf))
    if found:  # the validator opens the file by this option
        conf.set_override('policy_file', found, group='oslo_policy')
    return rules.new_enforcer(conf, defaults.list_rules())
