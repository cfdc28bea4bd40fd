"""A configuration with several stores, in a directory of the test's own."""

import configparser
import pathlib

CONF = """\
[DEFAULT]
enabled_backends = fast:file, cheap:file, web:http
[glance_store]
default_backend = fast
[backend_defaults]
filesystem_store_direct_io = False
[fast]
filesystem_store_datadir = {directory}/fast
store_description = Solid state disks
weight = 10
[cheap]
filesystem_store_datadir = {directory}/cheap
[os_glance_staging_store]
filesystem_store_datadir = {directory}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {directory}/tasks
"""


def write(directory: str, more: str = '') -> None:
    """Put it where the service of a test reads its configuration.

    :param more: further lines; sections may come again
    """
    text = CONF.format(directory=directory) + more
    pathlib.Path(directory, 'stores.conf').write_text(text)


def options(directory: str) -> dict[str, str]:
    """The same, by ``group.name``; by name alone for ``DEFAULT``."""
    parser = configparser.ConfigParser(default_section='')
    parser.read_string(CONF.format(directory=directory))
    return {
        name if group == 'DEFAULT' else f'{group}.{name}': value
        for group in parser.sections()
        for name, value in parser[group].items()
    }
