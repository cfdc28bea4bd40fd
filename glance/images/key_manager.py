"""The key manager (Barbican, Vault), used through castellan.

castellan and its dependencies are imported when a request first needs a key,
because they take 40 ms and 10 MiB, and few deployments need them.
"""

import functools
import logging
import re
from typing import Any

from oslo_config import cfg

from glance.common import context
from glance.common import errors

LOG = logging.getLogger(__name__)

#: castellan builds a URL from the id, and with Vault it sends the service's
#: own token there. So an id from a client must be a single path segment.
_ID = re.compile(r'[\w-]{1,255}', re.ASCII)


class Keys:
    """Gets and deletes keys in the key manager.

    :param conf: has ``[key_manager]`` and the group of its backend
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    @functools.cached_property
    def _backend(self) -> Any:
        from castellan import key_manager

        return key_manager.API(self._conf)

    def certificate(
        self, context: context.RequestContext, certificate_id: str
    ) -> bytes:
        """Get an X.509 certificate in DER format, with the caller's token.

        :raises errors.BadRequest: the certificate cannot be read
        """
        try:
            certificate = self._backend.get(context, _checked(certificate_id))
            kind, data = certificate.format, certificate.get_encoded()
        except Exception as error:  # a backend may raise any exception
            LOG.warning(
                'Could not get a certificate from the key manager: %r', error
            )
            raise errors.BadRequest(
                'The certificate of the signature could not be read from '
                'the key manager; check img_signature_certificate_uuid.'
            ) from error
        if kind != 'X.509':
            raise errors.BadRequest(
                'img_signature_certificate_uuid is not the id of a '
                'certificate.'
            )
        return bytes(data)

    def delete(self, context: context.RequestContext, key_id: str) -> None:
        """Delete a key; a failure is only logged."""
        try:
            self._backend.delete(context, _checked(key_id))
        except Exception as error:  # a backend may raise any exception
            LOG.warning('Could not delete a key of an image: %r', error)


def _checked(object_id: str) -> str:
    if not _ID.fullmatch(object_id):
        raise ValueError('the id is malformed')
    return object_id
