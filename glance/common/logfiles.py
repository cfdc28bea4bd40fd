"""The owner of a log file that a command creates as root.

Operators run commands such as glance-manage as root. If such a command
creates the log file, the daemons, which run as another user, cannot write it.
"""

import os
import pathlib
import sys

from oslo_config import cfg


def prepare(conf: cfg.ConfigOpts) -> None:
    """Create the log file and give it to the owner of its directory.

    This has no effect if the user is not root or the file exists.
    """
    path = _path(conf)
    if path is None or os.geteuid() != 0:
        return
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    try:
        facts = path.parent.stat()
        file = os.open(path, flags, 0o640)
    except OSError:
        return  # it exists, or opening it later will report the error
    try:
        os.fchown(file, facts.st_uid, facts.st_gid)
    finally:
        os.close(file)


def _path(conf: cfg.ConfigOpts) -> pathlib.Path | None:
    """The file that oslo.log will open; None if it logs elsewhere."""
    if conf.log_config_append or conf.use_syslog or conf.use_journal:
        return None
    if not conf.log_file and not conf.log_dir:
        return None
    name = conf.log_file or f'{pathlib.Path(sys.argv[0]).stem}.log'
    return pathlib.Path(conf.log_dir or '', name)
