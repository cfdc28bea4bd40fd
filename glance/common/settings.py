"""Find settings in the configuration files that have no effect.

oslo.config ignores every option that is not declared. So an operator can set
an option that has no effect, and images are written to the wrong store, for
instance. Here each option of a file is handled in one of these ways:

- the daemon or one of its libraries declares it: it works;
- the daemon's table (``known_settings``) accepts it: it has no effect, which
  does no harm; a line in the log says why;
- the table refuses it: the daemon does not start, because ignoring the
  option would do harm;
- it is unknown: a warning names the section where it belongs, or the known
  option with a similar name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
import difflib
import enum
import glob
import logging
import os
import re

from oslo_config import cfg

from glance.common import errors

LOG = logging.getLogger(__name__)

#: Minimum similarity to a known name, from 0 to 1. "worker" and "workers"
#: have 0.92, "bind_address" and "bind_host" 0.67.
SIMILAR = 0.85
_COMMENT = re.compile(r'\S\s+#\s')
_SECRET = re.compile('password|secret|key|token|connection|url|credential')

#: Sections whose options are declared only by a library.
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
#: The begin of the help of options that are declared, but have no effect.
NO_EFFECT = 'Accepted for compatibility, without any effect: '
#: The default of admin_role in releases 20 and 21; no user has this role.
NO_ROLE = '__not_a_role_07697c71e6174332989d3d5f2a7d2e7c_not_a_role__'


@dataclasses.dataclass(frozen=True)
class Setting:
    """An option of the classic service that has no effect here.

    :ivar reason: why it has no effect, and what replaces it
    :ivar is_refused: the daemon must not start, because ignoring the option
        would do harm
    :ivar harmless: values that can be ignored anyway, in lower case
    :ivar is_declared: the daemon declares it, so that its values are checked
    """

    section: str
    name: str
    reason: str
    is_refused: bool = False
    harmless: tuple[str, ...] = ()
    is_declared: bool = False

    def loses(self, value: str) -> bool:
        """Whether it would do harm to ignore this value."""
        return self.is_refused and value.lower() not in self.harmless


def accepted(rows: Iterable[tuple[str, str, str]]) -> Iterator[Setting]:
    """Read rows of a table: section, names separated by blanks, reason."""
    for section, names, reason in rows:
        for name in names.split():
            yield Setting(section, name, reason)


def refused(
    rows: Iterable[tuple[str, str, str, tuple[str, ...]]],
) -> Iterator[Setting]:
    """Read rows of a table: section, name, reason, harmless values."""
    for section, name, reason, harmless in rows:
        yield Setting(section, name, reason, True, harmless)


def without_effect(
    section: str, options: Iterable[cfg.Opt]
) -> Iterator[Setting]:
    """Find the declared options whose help says that they have no effect."""
    for option in options:
        text = str(option.help)
        if text.startswith(NO_EFFECT):
            reason = text.removeprefix(NO_EFFECT)
            yield Setting(section, option.name, reason, is_declared=True)


#: Rows of the tables of both daemons.
HEALTHCHECK_PATH = (
    'healthcheck',
    'path',
    'the paste file says at which path the health check is.',
)
OWNER_IS_TENANT = (
    'DEFAULT',
    'owner_is_tenant',
    'False made users the owners of images; here projects are. Convert '
    'the owners in the database and remove it.',
    ('true', '1', 'yes', 'on'),
)
#: The options of the service user before keystoneauth.
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


class Fate(enum.Enum):
    """How a setting is handled."""

    READ = 'read'
    ACCEPTED = 'accepted'
    REFUSED = 'refused'
    MISPLACED = 'misplaced'
    UNKNOWN = 'unknown'


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of the check of one setting.

    :ivar level: level of its line in the log; 0 for no line
    """

    section: str
    name: str
    value: str
    fate: Fate
    reason: str = ''
    level: int = logging.NOTSET

    @property
    def message(self) -> str:
        place = f'ption {self.name} in [{self.section}] has no effect'
        if self.fate is Fate.UNKNOWN:
            return f'Unknown o{place}. {self.reason}'.rstrip()
        return f'O{place}: {self.reason}'


@dataclasses.dataclass(frozen=True)
class Table:
    """A daemon's information on options that it does not declare.

    :ivar settings: accepted and refused options
    :ivar libraries: sections that belong completely to libraries
    :ivar stores: prefix of a store's options -> type of the store
    :ivar own_stores: types of stores whose options are declared; the drivers
        of other types read the files themselves
    """

    settings: Sequence[Setting]
    libraries: frozenset[str]
    stores: Mapping[str, str]
    own_stores: frozenset[str] = frozenset()

    def is_foreign(self, kind: str) -> bool:
        return bool(self.own_stores) and kind not in self.own_stores

    def find(self, section: str, name: str) -> Setting | None:
        for setting in self.settings:
            if (setting.section, setting.name) == (section, name):
                return setting
        return None

    def store_type(self, name: str) -> str | None:
        """The type of store that an option configures; None if unknown."""
        for prefix, kind in self.stores.items():
            if name.startswith(prefix):
                return kind
        return None


class Checker:
    """The settings of one daemon's files.

    :param declared: the options of the daemon, from ``list_opts()``
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
        for verdict in self.judge():
            self._report_comment(verdict)
            if verdict.level:
                LOG.log(verdict.level, '%s', verdict.message)

    def judge(self) -> Iterator[Verdict]:
        """Check each setting of the files."""
        written = _read(self._conf)
        for section, name, value in _each(written):
            yield self._judge(written, section, name, value)

    def refuse(self) -> None:
        """Refuse settings that must not be ignored.

        :raises errors.ConfigurationError: names all such settings
        """
        lost = [
            f'[{verdict.section}] {verdict.name}: {verdict.reason}'
            for verdict in self.judge()
            if verdict.fate is Fate.REFUSED
        ]
        if lost:
            raise errors.ConfigurationError(' '.join(dict.fromkeys(lost)))

    def _report_comment(self, verdict: Verdict) -> None:
        value, name = verdict.value, verdict.name
        if not _COMMENT.search(value) or _SECRET.search(name):
            return
        LOG.warning(
            'Option %s in [%s] has the value "%s": a "#" behind a value '
            'begins no comment. Put comments on lines of their own.',
            name,
            verdict.section,
            value,
        )

    def _judge(
        self,
        written: Mapping[str, Mapping[str, list[str]]],
        section: str,
        name: str,
        value: str,
    ) -> Verdict:
        def verdict(
            fate: Fate, reason: str = '', level: int = logging.INFO
        ) -> Verdict:
            return Verdict(section, name, value, fate, reason, level)

        backends = _backends(written)
        home = 'glance_store' if section in backends else section
        setting = self._table.find(home, name)
        if setting is not None and setting.loses(value):
            return verdict(Fate.REFUSED, setting.reason, logging.NOTSET)
        kind = self._table.store_type(name)
        if kind is not None and backends and section == 'glance_store':
            homes = [each for each in backends if backends[each] == kind]
            homes = homes or [f'a store of type {kind}']
            return verdict(Fate.MISPLACED, _belongs(homes), logging.WARNING)
        known = self._known.get(section)
        is_drivers = section in backends and (
            known is None or self._table.is_foreign(backends[section])
        )
        if section == 'glance_store' and kind and self._table.is_foreign(kind):
            is_drivers = kind in written[section].get('stores', [''])[-1]
        if setting is not None and setting.is_declared:
            return verdict(Fate.ACCEPTED, setting.reason)
        if name in (known or ()) or is_drivers:
            return verdict(Fate.READ, level=logging.NOTSET)
        if setting is not None:
            return verdict(Fate.ACCEPTED, setting.reason)
        if section in self._table.libraries or section.startswith('cors.'):
            reason = 'the library of this section reads it.'
            return verdict(Fate.READ, reason, logging.NOTSET)
        return self._judge_unknown(section, name, value, kind)

    def _judge_unknown(
        self, section: str, name: str, value: str, kind: str | None
    ) -> Verdict:
        def verdict(fate: Fate, reason: str, level: int) -> Verdict:
            return Verdict(section, name, value, fate, reason, level)

        if kind not in (None, 'file') and section == 'glance_store':
            reason = f'no store of type {kind} is loaded.'
            return verdict(Fate.ACCEPTED, reason, logging.INFO)
        homes = self._homes(name, kind)
        if homes:
            return verdict(Fate.MISPLACED, _belongs(homes), logging.WARNING)
        similar = self._similar(section, name)
        if similar is not None:
            reason = f'Is it {similar[1]} in [{similar[0]}]?'
            return verdict(Fate.UNKNOWN, reason, logging.WARNING)
        return verdict(Fate.UNKNOWN, '', logging.INFO)

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
        """Section and name of the most similar known option; None if none."""
        best: tuple[float, str, str] | None = None
        for group, names in self._known.items():
            for match in difflib.get_close_matches(name, names, 1, SIMILAR):
                ratio = difflib.SequenceMatcher(None, name, match).ratio()
                candidate = (ratio + (group == section), group, match)
                best = max(best or candidate, candidate)
        return None if best is None else best[1:]


def _belongs(homes: Sequence[str]) -> str:
    alternatives = ' or '.join(
        home if ' ' in home else f'[{home}]' for home in homes
    )
    return f'it belongs in {alternatives}.'


def _known_names(
    conf: cfg.ConfigOpts,
    declared: Iterable[tuple[str | None, list[cfg.Opt]]],
) -> dict[str, set[str]]:
    """Section -> names of its options, including deprecated names."""
    known: dict[str, set[str]] = {'DEFAULT': set()}
    for name in conf:
        try:
            value = conf[name]
        except ValueError:  # a wrong value is reported elsewhere
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
    """Read the files: section -> option -> values."""
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
