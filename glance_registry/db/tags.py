"""Tags of an image, one at a time."""

import sqlalchemy as sa

from glance.common import context
from glance.common import errors
from glance_registry.db import children
from glance_registry.db import engine
from glance_registry.db import images


def add(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    tag: str,
    quota: int,
) -> None:
    """Add a tag; this has no effect if the image already has it.

    :raises errors.NotFound: the image is not visible to the caller
    :raises errors.LimitExceeded: the image already has ``quota`` tags
    """
    images.change_visible_row(connection, context, image_id)
    present = children.tags(connection, image_id)
    if tag in present:
        return
    if 0 <= quota < len(present) + 1:
        raise errors.LimitExceeded(
            f'The image would have {len(present) + 1} tags; the limit is '
            f'{quota} (image_tag_quota).'
        )
    children.insert_tags(connection, image_id, [tag], engine.now())


def delete(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    tag: str,
) -> None:
    """Delete a tag.

    :raises errors.NotFound: the image is not visible to the caller, or does
        not have the tag
    """
    images.change_visible_row(connection, context, image_id)
    present = children.tags(connection, image_id)
    if tag not in present:
        raise errors.NotFound(f'The image has no tag {tag}.')
    children.remove_tags(connection, [present[tag]])
