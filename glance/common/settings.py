"""Look through the configuration files for settings that do not work.

oslo.config ignores every option that nobody declared. That is how images
end up in the wrong place: the operator set the option, and it had no effect.
Here each option of a file has one of these fates:

- declared by the daemon or one of its libraries: it works;
- in the daemon's table (``known_settings``) as accepted: it has no effect
  and nothing is lost; a line in the log says why;
- in the table as refused: the daemon does not start, because its meaning
  would be lost;
- neither: a warning names the section where it belongs, or the known option
  that it looks like.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
import difflib
import glob
import logging
import os
import re

from oslo_config import cfg

from glance.common import errors

LOG = logging.getLogger(__name__)

#: How much a name has to look like a known one, from 0 to 1. "worker" for
#: "workers" has 0.92, "bind_address" for "bind_host" 0.67.
SIMILAR = 0.85
_COMMENT = re.compile(r'\S\s+#\s')
_SECRET = re.compile('password|secret|key|token|connection|url|credential')

#: Sections whose options only a library knows.
LIBRARIES = frozenset(
    (
        'keystone_authtoken',
        'oslo_concurrency',
        'oslo_limit',
        'oslo_messaging_amqp',
        'oslo_messaging_kafka',
        'oslo_messaging_notifications',
        'oslo_messaging_rabbit',
        'oslo_messaging_zmq',
        'oslo_middleware',
        'oslo_policy',
        'oslo_reports',
        'matchmaker_redis',
        'key_manager',
        'barbican',
        'barbican_service_user',
        'vault',
        'os_brick',
        'profiler',
        'service_user',
    )
)
#: The default of admin_role in releases 20 and 21: nobody has it.
NO_ROLE = '__not_a_role_07697c71e6174332989d3d5f2a7d2e7c_not_a_role__'


@dataclasses.dataclass(frozen=True)
class Setting:
    """An option that operators know and that has no effect here.

    :ivar reason: why it has none, and what replaces it
    :ivar is_refused: its meaning would be lost, so the start is refused
    :ivar harmless: values with which nothing is lost, in lower case
    """

    section: str
    name: str
    reason: str
    is_refused: bool = False
    harmless: tuple[str, ...] = ()

    def loses(self, value: str) -> bool:
        """Whether the meaning of this value would be lost."""
        return self.is_refused and value.lower() not in self.harmless


def accepted(rows: Iterable[tuple[str, str, str]]) -> Iterator[Setting]:
    """Rows of a table: section, names with blanks between, reason."""
    for section, names, reason in rows:
        for name in names.split():
            yield Setting(section, name, reason)


def refused(
    rows: Iterable[tuple[str, str, str, tuple[str, ...]]],
) -> Iterator[Setting]:
    """Rows of a table: section, name, reason, harmless values."""
    for section, name, reason, harmless in rows:
        yield Setting(section, name, reason, True, harmless)


#: How the service user was written before keystoneauth.
OLD_LOGIN: tuple[tuple[str, str, str, tuple[str, ...]], ...] = tuple(
    (
        'keystone_authtoken',
        name,
        'keystonemiddleware no longer reads it: set auth_type = password, '
        'auth_url, username, password, project_name, user_domain_name and '
        'project_domain_name instead.',
        ('',),
    )
    for name in (
        *('admin_user', 'admin_password', 'admin_tenant_name'),
        *('admin_token', 'identity_uri', 'auth_host'),
    )
)


@dataclasses.dataclass(frozen=True)
class Table:
    """What a daemon knows of options that it does not declare.

    :ivar settings: accepted and refused ones
    :ivar libraries: sections that belong to libraries as a whole
    :ivar stores: prefix of a store's options -> type of the store
    """

    settings: Sequence[Setting]
    libraries: frozenset[str]
    stores: Mapping[str, str]

    def find(self, section: str, name: str) -> Setting | None:
        for setting in self.settings:
            if (setting.section, setting.name) == (section, name):
                return setting
        return None

    def store_type(self, name: str) -> str | None:
        """The type of store that an option configures."""
        for prefix, kind in self.stores.items():
            if name.startswith(prefix):
                return kind
        return None


class Checker:
    """The settings of one daemon's files.

    :param declared: what the daemon declares, as ``list_opts()`` gives it
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        table: Table,
        declared: Iterable[tuple[str | None, list[cfg.Opt]]],
    ) -> None:
        self._conf = conf
        self._table = table
        self._known = _known_names(conf, declared)

    def report(self) -> None:
        """Log every setting that has no effect."""
        written = _read(self._conf)
        for section, name, value in _each(written):
            self._report_comment(section, name, value)
            self._report_place(written, section, name, value)

    def refuse(self) -> None:
        """Refuse settings whose meaning would be lost.

        :raises errors.ConfigurationError: names all of them
        """
        lost = [
            f'[{section}] {name}: {setting.reason}'
            for section, name, value in _each(_read(self._conf))
            if (setting := self._table.find(section, name)) is not None
            and setting.loses(value)
        ]
        if lost:
            raise errors.ConfigurationError(' '.join(dict.fromkeys(lost)))

    def _report_comment(self, section: str, name: str, value: str) -> None:
        if not _COMMENT.search(value) or _SECRET.search(name):
            return
        LOG.warning(
            'Option %s in [%s] has the value "%s": a "#" behind a value '
            'begins no comment. Put comments on lines of their own.',
            name,
            section,
            value,
        )

    def _report_place(
        self,
        written: Mapping[str, Mapping[str, list[str]]],
        section: str,
        name: str,
        value: str,
    ) -> None:
        backends = _backends(written)
        kind = self._table.store_type(name)
        if kind is not None and backends and section == 'glance_store':
            homes = [each for each in backends if backends[each] == kind]
            _warn_place(section, name, homes or [f'a store of type {kind}'])
            return
        if name in self._known.get(section, ()) or section in backends:
            return
        setting = self._table.find(section, name)
        if setting is not None:
            if not setting.loses(value):
                LOG.info(
                    'Option %s in [%s] has no effect: %s',
                    *(name, section, setting.reason),
                )
            return
        if section in self._table.libraries or section.startswith('cors.'):
            return
        self._report_unknown(section, name, kind)

    def _report_unknown(
        self, section: str, name: str, kind: str | None
    ) -> None:
        if kind not in (None, 'file') and section == 'glance_store':
            LOG.info(
                'Option %s in [%s] has no effect: no store of type %s is '
                'loaded.',
                *(name, section, kind),
            )
            return
        homes = self._homes(name, kind)
        if homes:
            _warn_place(section, name, homes)
            return
        similar = self._similar(section, name)
        if similar is not None:
            LOG.warning(
                'Unknown option %s in [%s] has no effect. Is it %s in [%s]?',
                *(name, section, similar[1], similar[0]),
            )
            return
        LOG.info('Unknown option %s in [%s] has no effect.', name, section)

    def _homes(self, name: str, kind: str | None) -> list[str]:
        """The sections where an option of this name belongs."""
        homes = [
            group for group, names in self._known.items() if name in names
        ]
        homes += [s.section for s in self._table.settings if s.name == name]
        if not homes and kind not in (None, 'file'):
            homes = ['glance_store']
        return list(dict.fromkeys(homes))

    def _similar(self, section: str, name: str) -> tuple[str, str] | None:
        """The known option that a name looks like: section and name."""
        best: tuple[float, str, str] | None = None
        for group, names in self._known.items():
            for found in difflib.get_close_matches(name, names, 1, SIMILAR):
                ratio = difflib.SequenceMatcher(None, name, found).ratio()
                candidate = (ratio + (group == section), group, found)
                best = max(best or candidate, candidate)
        return None if best is None else best[1:]


def _warn_place(section: str, name: str, homes: Sequence[str]) -> None:
    places = ' or '.join(
        home if ' ' in home else f'[{home}]' for home in homes
    )
    LOG.warning(
        'Option %s in [%s] has no effect: it belongs in %s.',
        *(name, section, places),
    )


def _known_names(
    conf: cfg.ConfigOpts,
    declared: Iterable[tuple[str | None, list[cfg.Opt]]],
) -> dict[str, set[str]]:
    """Names of options by section, those of deprecated names too."""
    known: dict[str, set[str]] = {'DEFAULT': set()}
    for name in conf:
        try:
            value = conf[name]
        except ValueError:  # a wrong value is told elsewhere
            value = None
        if isinstance(value, cfg.ConfigOpts.GroupAttr):
            known.setdefault(name, set()).update(value)
        else:
            known['DEFAULT'].add(name)
    for group, options in declared:
        for option in options:
            for old in option.deprecated_opts:
                section = old.group or group or 'DEFAULT'
                name = old.name or option.dest
                known.setdefault(section, set()).add(name.replace('-', '_'))
    return known


def _read(conf: cfg.ConfigOpts) -> dict[str, dict[str, list[str]]]:
    """What the files say: section -> option -> values."""
    merged: dict[str, dict[str, list[str]]] = {}
    for path in _files(conf):
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        for section, options in sections.items():
            place = merged.setdefault(section, {})
            for name, values in options.items():
                place.setdefault(name.replace('-', '_'), []).extend(values)
    return merged


def _files(conf: cfg.ConfigOpts) -> Iterator[str]:
    for path in conf.config_file or ():
        yield os.path.expanduser(path)
    for directory in conf.config_dir or ():
        yield from sorted(
            glob.glob(os.path.join(os.path.expanduser(directory), '*.conf'))
        )


def _each(
    written: Mapping[str, Mapping[str, list[str]]],
) -> Iterator[tuple[str, str, str]]:
    """Section, name and value of each option; the last value counts."""
    for section, options in written.items():
        for name, values in options.items():
            yield section, name, values[-1].strip()


def _backends(
    written: Mapping[str, Mapping[str, list[str]]],
) -> dict[str, str]:
    """The stores of ``enabled_backends``: id -> type."""
    values = written.get('DEFAULT', {}).get('enabled_backends', [''])
    pairs = (item.partition(':') for item in values[-1].split(','))
    return {name.strip(): kind.strip() for name, _, kind in pairs if kind}
