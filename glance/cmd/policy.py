"""The enforcer for oslo.policy's own commands.

``oslopolicy-policy-generator``, ``-validator`` and ``-list-redundant``
find it by the entry point ``oslo.policy.enforcer``. They call it after they
have read their command line.
"""

from oslo_config import cfg
from oslo_policy import policy

from glance.api.policy import defaults
from glance.api.policy import rules
from glance.common import config


def enforcer() -> policy.Enforcer:
    """An enforcer with the rules of the code and glance-api's policy file.

    The file is read when its rules are loaded.
    """
    conf = cfg.CONF
    if not conf.config_file:  # no file is named: read the daemon's files
        conf([], project=config.PROJECT, prog='glance-api')
    path = conf.find_file(rules.file_name(conf))
    if path:  # the validator opens the file by this option
        conf.set_override('policy_file', path, group='oslo_policy')
    return rules.new_enforcer(conf, defaults.list_rules())
