"""glance-status: report what to do before an upgrade to this service."""

from collections.abc import Callable, Sequence
import importlib.metadata
import json
import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from glance.api import conf as api_conf
from glance.api import known_settings
from glance.api.policy import defaults
from glance.api.policy import rules
from glance.common import config
from glance.common import settings

NAME = 'glance-api'

#: Exit code of an unexpected failure; the same as of the classic program.
UNEXPECTED = 255

_OWNER = 'owner_is_tenant'
_FAILURE = upgradecheck.Code.FAILURE
_WARNING = upgradecheck.Code.WARNING
_SUCCESS = upgradecheck.Code.SUCCESS

EPILOG = (
    'It reads the files that glance-api reads, unless --config-file or '
    '--config-dir name others. Exit codes: 0 all is well; 1 there are '
    'warnings; 2 something fails, or wrong usage; 255 unexpected error. '
    '"glance-manage config check" shows each option. Example: '
    'glance-status --config-file /etc/glance/glance-api.conf upgrade check '
    '--json'
)


class Checks(upgradecheck.UpgradeCommands):
    """Each check is a method without arguments."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    def _verdicts(self) -> list[settings.Verdict]:
        checker = settings.Checker(
            self._conf, known_settings.TABLE, api_conf.list_opts()
        )
        return list(checker.judge())

    def _sheepdog(self) -> upgradecheck.Result:
        for verdict in self._verdicts():
            place = (verdict.section, verdict.name)
            if 'sheepdog' not in verdict.value.lower():
                continue
            if place in (
                ('DEFAULT', 'enabled_backends'),
                ('glance_store', 'stores'),
            ):
                # Upstream reports a failure, because it has no driver any
                # more. Here the images stay readable, so a failure would
                # only stop upgrades that work.
                return upgradecheck.Result(
                    _WARNING,
                    f'[{place[0]}] {place[1]} names sheepdog. This release '
                    'has a driver for it, but Sheepdog is not maintained any '
                    'more, and upstream Glance has no driver since release '
                    '20. Plan to move the images to another store.',
                )
        return upgradecheck.Result(_SUCCESS)

    def _policy_file(self) -> upgradecheck.Result:
        path = self._conf.find_file(rules.file_name(self._conf))
        if path is None:
            return upgradecheck.Result(_SUCCESS)
        try:
            rules.new_enforcer(self._conf, defaults.list_rules()).load_rules(
                force_reload=True
            )
            with open(path, encoding='utf-8') as file:
                text = file.read()
        except Exception as error:  # the library may raise any class
            return upgradecheck.Result(
                _FAILURE, f'{path} cannot be used: {error}'
            )
        if not _is_json(text):
            return upgradecheck.Result(_SUCCESS)
        return upgradecheck.Result(
            _WARNING,
            f'{path} is JSON. It is read as before; '
            'oslopolicy-convert-json-to-yaml --namespace glance makes '
            'policy.yaml of it.',
        )

    def _owners(self) -> upgradecheck.Result:
        return self._refused(lambda name: name == _OWNER)

    def _settings(self) -> upgradecheck.Result:
        return self._refused(lambda name: name != _OWNER)

    def _refused(self, concerns: Callable[[str], bool]) -> upgradecheck.Result:
        lost = [
            f'[{verdict.section}] {verdict.name}: {verdict.reason}'
            for verdict in self._verdicts()
            if verdict.fate is settings.Fate.REFUSED and concerns(verdict.name)
        ]
        if lost:
            return upgradecheck.Result(_FAILURE, ' '.join(lost))
        return upgradecheck.Result(_SUCCESS)

    def _values(self) -> upgradecheck.Result:
        try:
            config.check(self._conf)
        except (cfg.Error, ValueError) as error:
            return upgradecheck.Result(_FAILURE, config.one_line(error))
        return upgradecheck.Result(_SUCCESS)

    _upgrade_checks = (
        ('Sheepdog store', _sheepdog),
        ('Format of the policy file', _policy_file),
        ('Owners of images are projects', _owners),
        ('No other setting loses its meaning', _settings),
        ('Values of options are valid', _values),
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def main(argv: Sequence[str] | None = None) -> int:
    conf = cfg.ConfigOpts()
    api_conf.register(conf)
    upgradecheck.register_cli_options(conf, Checks(conf))
    try:
        conf(
            args=list(sys.argv[1:] if argv is None else argv),
            project=config.PROJECT,
            prog='glance-status',
            version=importlib.metadata.version('glance-split'),
            default_config_files=config.find_files(NAME),
            description='Show what an upgrade to this release needs.',
            epilog=EPILOG,
        )
    except cfg.Error as error:
        print(f'ERROR: {config.one_line(error)}', file=sys.stderr)
        return UNEXPECTED
    upgradecheck.CONF = conf  # the library reads --json from it
    return int(upgradecheck.run(conf))


if __name__ == '__main__':
    sys.exit(main())
