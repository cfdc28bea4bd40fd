"""The Swift accounts of all projects, for native threads only."""

import ssl
import urllib.parse

from glance.common import errors
from glance.store import keystone
from glance.store import swift_account

#: Max accounts whose connections are kept.
MAX_ACCOUNTS = 64


class _Login:
    """The service's token for the account of another project."""

    def __init__(self, login: keystone.Login, url: str) -> None:
        self._login = login
        self._url = url

    def access(self, stale: str | None = None) -> keystone.Access:
        return self._login.access(stale)._replace(url=self._url)


class Tenants:
    """The accounts of all projects, as the service user sees them."""

    def __init__(self, login: keystone.Login, tls: ssl.SSLContext) -> None:
        self._login = login
        self._tls = tls
        self._accounts: dict[str, swift_account.Account] = {}
        self._template: tuple[str, str] | None = None

    def learn(self) -> None:
        """Find the URL of accounts; in a native thread.

        :raises errors.Error: Keystone does not respond, or the URL of the
            service's own account does not contain the id of its project
        """
        url = self._login.access().url
        project = self._login.project_id()
        head, separator, tail = url.partition(project)
        if not project or not separator or tail:
            raise errors.ConfigurationError(
                'With swift_store_multi_tenant the URL of the account '
                '(swift_store_endpoint, or that of the catalogue) must end '
                'with the id of the project of swift_store_user.'
            )
        self._template = head, project

    def url(self, project: str | None) -> str:
        """The URL of a project's account; None: the service's own."""
        if self._template is None:
            raise errors.StoreUnavailable
        head, own = self._template
        # An owner may be any text, also one with a slash.
        return head + urllib.parse.quote(project or own, safe='')

    def at(self, url: str) -> swift_account.Account:
        with self._login.alone():
            account = self._accounts.get(url)
            if account is None:
                if len(self._accounts) >= MAX_ACCOUNTS:
                    self._accounts.pop(next(iter(self._accounts)), None)
                account = swift_account.Account(
                    _Login(self._login, url), self._tls
                )
                self._accounts[url] = account
        return account

    def owns(self, url: str) -> bool:
        """Whether this is the URL of an account here."""
        if self._template is None:
            return False
        name = url.removeprefix(self._template[0])
        return name != url and bool(name) and '/' not in name
