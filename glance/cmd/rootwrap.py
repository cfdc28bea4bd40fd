"""glance-rootwrap: run the commands of its filters as root.

oslo.rootwrap does the work. The first argument must be the configuration
file, so that sudo can allow exactly this file.
"""

import importlib.metadata
import sys

from oslo_rootwrap import cmd

HELP = """\
usage: glance-rootwrap CONFIG COMMAND [ARGUMENT ...]

Run a command as root if the filters of the configuration allow it. The
Cinder store attaches volumes by such commands. sudo has to allow the
program, with its configuration file and no other:

  glance ALL = (root) NOPASSWD: /usr/bin/glance-rootwrap \\
      /etc/glance/rootwrap.conf *

options:
  -h, --help  show this help message and exit
  --version   show the version and exit

example:
  sudo glance-rootwrap /etc/glance/rootwrap.conf chown 1000 /dev/sdb

exit codes: that of the command; 96 it cannot be run, 97 the configuration is
wrong, 98 no command is named, 99 no filter allows it.
"""


def main() -> None:
    if sys.argv[1:] in (['-h'], ['--help']):
        print(HELP, end='')
        return
    if sys.argv[1:] == ['--version']:
        print(importlib.metadata.version('glance-split'))
        return
    cmd.main()


if __name__ == '__main__':
    main()
