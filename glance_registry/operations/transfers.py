"""Operations on transfers, and on leftovers."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from glance.common import contract
from glance_registry.db import leftovers
from glance_registry.db import registered
from glance_registry.db import transfers
from glance_registry.operations import line


def _finish_location(db: sa.Connection, call: line.Call) -> contract.Claimed:
    seconds = call.lease_seconds
    image = registered.finish(db, call.image_id, call.document, seconds)
    return {'image': image, 'lease_seconds': seconds}


def _claim(kind: transfers.Kind) -> Callable[[sa.Connection, line.Call], Any]:
    return lambda db, call: transfers.claim(
        db,
        call.context,
        call.image_id,
        call.document,
        kind,
        call.lease_seconds,
    )


_CLAIM = ('transfer_id', 'node', 'size')
_TAKE = ('holder', 'node', 'store', 'limit')
TABLE = (
    line.Line('claim_upload', line.WRITE, _CLAIM, _claim(transfers.UPLOAD)),
    line.Line('claim_stage', line.WRITE, _CLAIM, _claim(transfers.STAGE)),
    line.Line(
        'finish_upload',
        line.WRITE,
        ('transfer_id', 'location'),
        lambda db, call: transfers.finish(db, call.image_id, call.document),
    ),
    line.Line(
        'abandon_upload',
        line.WRITE,
        ('transfer_id',),
        lambda db, call: transfers.abandon(
            db, call.image_id, call.document, call.lease_seconds
        ),
    ),
    line.Line(
        'claim_location', line.WRITE, _CLAIM, _claim(transfers.LOCATION)
    ),
    line.Line(
        'finish_location',
        line.WRITE,
        ('transfer_id', 'location', 'then_hash'),
        _finish_location,
    ),
    line.Line(
        'finish_hash',
        line.WRITE,
        ('transfer_id', 'os_hash_value'),
        lambda db, call: registered.finish_hash(
            db, call.image_id, call.document
        ),
    ),
    line.Line(
        'renew_transfers',
        line.WRITE,
        ('transfers',),
        lambda db, call: transfers.renew(
            db, call.document, call.lease_seconds
        ),
    ),
    line.Line(
        'take_leftovers',
        line.WRITE,
        _TAKE,
        lambda db, call: {
            'leftovers': leftovers.take(db, call.document, call.lease_seconds)
        },
    ),
    line.Line(
        'check_leftovers',
        line.READ,
        ('image_ids',),
        lambda db, call: leftovers.check(db, call.document),
    ),
    line.Line(
        'finish_leftovers',
        line.WRITE,
        ('done',),
        lambda db, call: leftovers.finish(db, call.document),
    ),
)
