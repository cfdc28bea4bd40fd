"""The end of an image: its record first, then its bytes."""

import logging

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import key_manager
from glance.store import base as store_base

#: Cinder's properties of an encrypted volume's image (section 7.5).
_KEY_ID = 'cinder_encryption_key_id'
_KEY_POLICY = 'cinder_encryption_key_deletion_policy'

LOG = logging.getLogger(__name__)


def delete(
    asking: context.RequestContext,
    registry: registry_client.RegistryClient,
    store: store_base.Store,
    keys: key_manager.Keys,
    image_id: str,
    expected: contract.Expected,
) -> contract.Image:
    """Delete an image for good.

    The registry decides first, so nothing is touched on 403 or 404
    (OSSA-2012-017), and of two deletes one wins. A running upload finds
    its image gone and removes its bytes itself.

    :returns: the image as it was
    :raises errors.Forbidden: the image is protected
    :raises errors.PreconditionFailed: it is not as expected
    """
    image = registry.delete_image(asking, image_id, expected)
    try:
        for location in image['locations']:
            store.delete(location['url'])
        if not image['locations']:
            # An upload may have been killed between its last byte and the
            # registry.
            store.delete_unregistered(image_id)
    except errors.Error:
        LOG.exception('The data of deleted image %s is left over', image_id)
    if image['properties'].get(_KEY_POLICY) == 'on_image_deletion':
        keys.delete(asking, image['properties'].get(_KEY_ID) or '')
    return image
