"""Registry access, permission and events for all calls on the catalogue."""

from collections.abc import Callable, Sequence
from typing import Any

from glance import registry_client
from glance.api import policy
from glance.api.v2 import pages
from glance.common import context
from glance.common import errors
from glance.common.contract import metadefs
from glance.notifications import metadefs as payloads
from glance.notifications import notifier as notifications


class Catalogue:
    """Reads namespaces with a check of permission, and reports changes.

    :param changed: called after every change
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        notifier: notifications.Notifier,
        changed: Callable[[], None],
    ) -> None:
        self.registry = registry
        self._policy = permission
        self._notifier = notifier
        self._changed = changed

    def read(
        self,
        context: context.RequestContext,
        actions: Sequence[str],
        namespace: str,
        *kinds: metadefs.Kind,
        name: str | None = None,
        page: metadefs.Page | None = None,
    ) -> metadefs.Namespace:
        """Read a namespace; the caller must be permitted all the actions.

        :param kinds: kinds of definitions to read
        :param name: read only definitions of that name; None for all names
        :param page: None for all definitions of the kinds
        :raises errors.NotFound: it is not visible to the caller, or there is
            no definition of that name
        :raises errors.Forbidden: one of the actions is not permitted
        """
        wanted: metadefs.Reading = {
            'namespace': namespace,
            'kinds': list(kinds),
        }
        if name is not None:
            wanted['name'] = name
        if page is not None:
            wanted['page'] = page
        record = self.registry.get_namespace(context, wanted)
        self.permit(context, actions, record)
        return record

    def permit(
        self,
        context: context.RequestContext,
        actions: Sequence[str],
        namespace: metadefs.Namespace,
    ) -> None:
        """:raises errors.Error: one of the actions is not permitted"""
        target = policy.of_namespace(namespace)
        for action in actions:
            self._policy.require(context, action, target)

    def permit_new(
        self,
        context: context.RequestContext,
        actions: Sequence[str],
        values: metadefs.NamespaceValues,
    ) -> None:
        """The same for a namespace to be created."""
        target = policy.of_new_namespace(values, context)
        for action in actions:
            self._policy.require(context, action, target)

    def permit_all(
        self, context: context.RequestContext, *actions: str
    ) -> None:
        """Check actions that do not concern one namespace.

        :raises errors.Error: one of the actions is not permitted
        """
        target = policy.of_catalogue(context)
        for action in actions:
            self._policy.require(context, action, target)

    def shows(
        self, context: context.RequestContext, namespace: metadefs.Namespace
    ) -> bool:
        target = policy.of_namespace(namespace)
        return self._policy.allows(context, 'get_metadef_namespace', target)

    def tell_namespace(
        self,
        event: str,
        namespace: metadefs.Namespace,
        old: str | None = None,
    ) -> None:
        """Report a change of a namespace.

        :param event: ``create``, ``update``, ``delete``, ``delete_tags``
        :param old: its name before the change; None if it did not change
        """
        self._changed()
        payload = payloads.namespace(namespace, old)
        payload |= payloads.deletion(event == 'delete')
        self._notifier.catalogue_changed(f'metadef_namespace.{event}', payload)

    def tell(
        self,
        event: str,
        kind: metadefs.Kind,
        namespace: str,
        definitions: Sequence[metadefs.Definition | Any],
        old: str | None = None,
    ) -> None:
        """Report a change of definitions.

        :param event: ``create``, ``update`` or ``delete``
        :param old: the name before the change; None if it did not change
        """
        self._changed()
        name, _details = payloads.KINDS[kind]
        for each in definitions:
            payload = payloads.definition(kind, namespace, each, old)
            payload |= payloads.deletion(event == 'delete')
            self._notifier.catalogue_changed(f'{name}.{event}', payload)


def refuse_unknown(query: pages.Pairs, known: str) -> None:
    """Refuse every parameter except one.

    :raises errors.BadRequest: there is another parameter
    """
    for name, _value in query:
        if name != known:
            raise errors.BadRequest(
                f'The parameter {name} is not known; this call has only '
                f'{known}.'
            )
