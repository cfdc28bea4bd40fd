"""Credentials for Swift: from a file of references, or from the options."""

from collections.abc import Mapping
import configparser
from typing import Any

from glance.common import errors
from glance.store import keystone

_DOMAINS = (
    'user_domain_id',
    'user_domain_name',
    'project_domain_id',
    'project_domain_name',
)


def check(options: Mapping[str, Any]) -> None:
    """Check the options; a file of references is not read.

    :raises errors.ConfigurationError: one is wrong or missing
    """
    version = str(options['swift_store_auth_version'] or '3')
    if version != '3':
        raise errors.ConfigurationError(
            f'swift_store_auth_version is {version}; only version 3 of '
            'Keystone is supported, set it to 3.'
        )
    if not options['swift_store_config_file']:
        _inline(options)


def of_options(options: Mapping[str, Any]) -> dict[str, keystone.Reference]:
    """Return the references by name, including that of new images.

    :raises errors.ConfigurationError: one is missing or incomplete
    """
    check(options)
    default = options['default_swift_reference']
    path = options['swift_store_config_file']
    references = _of_file(path) if path else {}
    if default not in references:
        if path:
            raise errors.ConfigurationError(
                f'swift_store_config_file {path} has no section {default}, '
                'which default_swift_reference names.'
            )
        references[default] = _inline(options)
    return references


def _inline(options: Mapping[str, Any]) -> keystone.Reference:
    """The reference from the options, as older configurations have it."""
    credential = options['swift_store_application_credential_id']
    reference = keystone.Reference(
        options['swift_store_auth_address'] or '',
        options['swift_store_user'] or '',
        options['swift_store_key'] or '',
        application_credential_id=credential or '',
        application_credential_secret=options[
            'swift_store_application_credential_secret'
        ]
        or '',
    )
    required = {'swift_store_auth_address': reference.auth_address}
    if credential:
        required['swift_store_application_credential_secret'] = (
            reference.application_credential_secret
        )
    else:
        required['swift_store_user'] = reference.user
        required['swift_store_key'] = reference.key
    for name, value in required.items():
        if not value:
            raise errors.ConfigurationError(
                f'{name} must be set, or swift_store_config_file.'
            )
    return _checked(reference, 'swift_store_user')


def _of_file(path: str) -> dict[str, keystone.Reference]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with open(path, encoding='utf-8') as file:
            parser.read_file(file)
    except (OSError, ValueError, configparser.Error) as error:
        # The message of a parser's error contains lines with secrets.
        reason = getattr(error, 'strerror', None) or 'it is not an INI file'
        raise errors.ConfigurationError(
            f'swift_store_config_file {path} cannot be read: {reason}'
        ) from None
    return {name: _section(path, name, parser) for name in parser.sections()}


def _section(
    path: str, name: str, parser: configparser.ConfigParser
) -> keystone.Reference:
    values = {
        key: value.strip().strip('"\'') for key, value in parser[name].items()
    }
    where = f'swift_store_config_file {path}, section {name}'
    version = values.get('auth_version', '3')
    if version != '3':
        raise errors.ConfigurationError(
            f'{where}: auth_version is {version}; only version 3 of Keystone '
            'is supported.'
        )
    credential = values.get('application_credential_id', '')
    required = ['auth_address']
    if credential:
        required.append('application_credential_secret')
    else:
        required += ['user', 'key']
    for key in required:
        if not values.get(key):
            raise errors.ConfigurationError(f'{where}: {key} must be set.')
    domains = {key: values[key] for key in _DOMAINS if values.get(key)}
    for whose in ('user', 'project'):
        # A name without an id replaces the default id.
        if f'{whose}_domain_name' in domains:
            domains.setdefault(f'{whose}_domain_id', '')
    return _checked(
        keystone.Reference(
            values['auth_address'],
            values.get('user', ''),
            values.get('key', ''),
            application_credential_id=credential,
            application_credential_secret=values.get(
                'application_credential_secret', ''
            ),
            **{key: value or None for key, value in domains.items()},
        ),
        where,
    )


def _checked(reference: keystone.Reference, where: str) -> keystone.Reference:
    if reference.user and ':' not in reference.user:
        raise errors.ConfigurationError(
            f'{where}: the user must be written as PROJECT:USER.'
        )
    address = reference.auth_address
    if '://' not in address:
        address = f'https://{address}'
    return reference._replace(auth_address=address)
