"""Verify the data of images: compare, repair, report (``--verify``).

Every copy is read and compared with the length and the hashes of its image.
A bad copy is set aside and rewritten from a good one; an image without a
good copy is deactivated. The registry gives an image to one program at a
time, on a lease, and records the results in ``os_glance_integrity``.
"""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import logging
import time
from typing import Any, NamedTuple
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import pacing
from glance.common.contract import integrity
from glance.images import access
from glance.images import readings
from glance.images import streams
from glance.images import transfers
from glance.store import base
from glance.store import named
from glance.store import stores

LOG = logging.getLogger(__name__)


class Result(NamedTuple):
    """The result of the verification of one image.

    :ivar state: a value of integrity.CheckState
    :ivar status: the status of the image now
    """

    image_id: str
    state: str
    detail: str
    status: str


class _Finding(NamedTuple):
    """The result that is sent to the registry."""

    state: integrity.CheckState
    detail: str = ''
    more: dict[str, Any] = {}


class Verifier:
    """Verifies images.

    Several verifiers may run: the registry gives each image to one of them.

    :param running: renews the claims of this process
    :param node: this host, as the registry's records name it
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        *,
        running: transfers.Transfers,
        node: str,
        pace: pacing.Pace,
        hash_name: str,
    ) -> None:
        self._registry = registry
        self._running = running
        self._node = node
        self._pace = pace
        self._reader = readings.Reader(store, pace, hash_name)
        self._hash_name = hash_name
        self._store = store
        self._access = access.of(registry, store)

    def run(
        self, older_seconds: int | None, tell: Callable[[Result], None]
    ) -> None:
        """Make one pass over the images that are due.

        :param older_seconds: verify images whose last verification is at least
            so long ago; None: those not verified since this pass began
        :raises pacing.Stopped: the program is to end
        :raises errors.Error: the registry does not respond
        """
        began, after = time.monotonic(), ''
        while True:
            self._pace.take(0)
            older = older_seconds
            if older is None:
                older = int(time.monotonic() - began)
            transfer, image = self._take(after, older)
            if image is None:
                return
            after = image['id']
            result = self._verify(image, transfer)
            if result is not None:
                tell(result)

    def _take(
        self, after: str, older_seconds: int
    ) -> tuple[transfers.Transfer, contract.Image | None]:
        transfer, since = transfers.Transfer(), time.monotonic()
        taken = self._registry.take_check(
            context.of_service(),
            {
                'transfer_id': transfer.id,
                'node': self._node,
                'after': after,
                'older_seconds': older_seconds,
            },
        )
        if taken['image'] is not None:
            self._running.hold(transfer, taken['lease_seconds'], since)
        return transfer, taken['image']

    def _verify(
        self, image: contract.Image, transfer: transfers.Transfer
    ) -> Result | None:
        """None if the image was deleted or taken by another program."""
        try:
            finding = self._find(image, transfer)
            status = self._finish(image, transfer, finding)
        except (errors.Gone, errors.Conflict) as error:
            LOG.info('Image %s was not verified: %s', image['id'], error)
            self._give_back(image, transfer)
            return None
        except (errors.Unavailable, pacing.Stopped):
            self._give_back(image, transfer)
            raise
        except Exception:  # one image must not stop the whole pass
            LOG.exception('Image %s could not be verified', image['id'])
            self._give_back(image, transfer)
            detail = 'it could not be verified; see the log'
            return Result(image['id'], 'unknown', detail, image['status'])
        finally:
            self._running.drop(transfer)
        if status is None:
            return None
        if finding.more.get('moved') or status != image['status']:
            self._access.refresh(image['id'])
        _log(image, finding, status)
        counters.note('verification', finding.state)
        return Result(image['id'], finding.state, finding.detail, status)

    def _give_back(
        self, image: contract.Image, transfer: transfers.Transfer
    ) -> None:
        with contextlib.suppress(errors.Error):  # else its lease expires
            self._registry.abandon_upload(
                context.of_service(), image['id'], {'transfer_id': transfer.id}
            )

    def _finish(
        self,
        image: contract.Image,
        transfer: transfers.Transfer,
        finding: _Finding,
    ) -> str | None:
        result: Any = {
            'transfer_id': transfer.id,
            'state': finding.state,
            'detail': finding.detail,
            **finding.more,
        }
        answer = self._registry.finish_check(
            context.of_service(), image['id'], result
        )
        return answer['status']

    def _find(
        self, image: contract.Image, transfer: transfers.Transfer
    ) -> _Finding:
        results = [
            self._reader.read(image, location, transfer)
            for location in image['locations']
        ]
        good = [each for each in results if each.state == 'good']
        bad = [each for each in results if each.state == 'bad']
        unknown = [each for each in results if each.state == 'unknown']
        if not good:
            if unknown:
                return _Finding('unknown', _details([*bad, *unknown]))
            return _Finding('damaged', _details(bad), {'is_lost': True})
        if any(each.hashes != good[0].hashes for each in good):
            # It is not known which copy is right.
            return _Finding(
                'unknown', 'the copies differ, and the image has no hash'
            )
        more: dict[str, Any] = {'hashes': good[0].hashes}
        if bad:
            repairs = _Repairs(self._store, image, transfer, self._hash_name)
            return repairs.run(good, bad, unknown, self._node, more)
        if unknown:
            return _Finding('unknown', _details(unknown), more)
        if image['os_hash_value'] and not readings.is_compared(image):
            detail = (
                f'only its size was compared, because the algorithm '
                f'{image["os_hash_algo"]} is not supported'
            )
            return _Finding('verified', detail)
        return _Finding('verified', '', more)


class _Repairs:
    """Repairs the bad copies of one image."""

    def __init__(
        self,
        store: stores.Stores,
        image: contract.Image,
        transfer: transfers.Transfer,
        hash_name: str,
    ) -> None:
        self._store = store
        self._image = image
        self._transfer = transfer
        self._hash_name = hash_name
        self._moved: list[integrity.Moved] = []
        self._removed: list[int] = []
        self._leftovers: list[contract.Removal] = []

    def run(
        self,
        good: Sequence[readings.Reading],
        bad: Sequence[readings.Reading],
        unknown: Sequence[readings.Reading],
        node: str,
        more: dict[str, Any],
    ) -> _Finding:
        failed = []
        for reading in bad:
            try:
                self._repair(reading, good[0], node)
            except (errors.StoreUnavailable, errors.LimitExceeded) as error:
                LOG.error(
                    'The copy of image %s in %s cannot be repaired: %s',
                    self._image['id'],
                    reading.where,
                    base.reason(error),
                )
                failed.append(reading)
        more = {
            **more,
            'moved': self._moved,
            'removed': self._removed,
            'leftovers': self._leftovers,
        }
        if failed:
            detail = _details([*failed, *unknown])
            return _Finding('damaged', f'not repaired: {detail}', more)
        return _Finding('repaired', _details([*bad, *unknown]), more)

    def _repair(
        self, bad: readings.Reading, good: readings.Reading, node: str
    ) -> None:
        place = bad.store
        if place is None or place.is_read_only:
            # This service may not change it. The image keeps its good copy.
            self._removed.append(bad.location['id'])
            return
        self._set_aside(place, bad)
        self._leftovers.append(
            {'id': str(uuid.uuid4()), 'node': node, 'store': place.identity}
        )
        url = self._written(place, good)
        metadata = {**place.metadata(url), **place.labels}
        self._moved.append(
            {
                'id': bad.location['id'],
                'location': {'url': url, 'metadata': metadata},
            }
        )

    def _set_aside(self, place: named.Named, bad: readings.Reading) -> None:
        if not isinstance(place.store, base.SetsAside):
            return  # the new copy replaces it
        if self._image['id'] not in bad.location['url']:
            return  # another image may use the same data
        with contextlib.suppress(errors.NotFound):
            name = place.store.set_aside(bad.location['url'])
            LOG.warning(
                'The bad copy of image %s in %s is kept as %s',
                self._image['id'],
                bad.where,
                name,
            )

    def _written(self, place: named.Named, good: readings.Reading) -> str:
        image, size = self._image, int(good.hashes['size'])
        label = stores.label_of(good.location)
        body = self._store.open(good.location['url'], 0, size, label)
        with contextlib.closing(body):
            data = streams.Measured(
                streams.Pieces(body),
                cap_bytes=size,
                expected_bytes=size,
                hash_name=str(good.hashes.get('os_hash_algo') or 'sha512'),
            )
            # The new copy must have the hashes that were calculated just now.
            data.expect(good.hashes, None, None)
            try:
                return place.for_owner(image['owner']).write(
                    image['id'],
                    self._watched(data),
                    self._transfer.confirm,
                    size,
                )
            except errors.BadRequest as error:
                raise errors.StoreUnavailable from error

    def _watched(self, data: streams.Measured) -> Iterator[memoryview]:
        for chunk in data:
            self._transfer.check()
            yield chunk


def _details(results: Sequence[readings.Reading]) -> str:
    return '; '.join(f'{each.where}: {each.detail}' for each in results)


def _log(image: contract.Image, finding: _Finding, status: str) -> None:
    level = {'verified': logging.INFO, 'repaired': logging.WARNING}
    LOG.log(
        level.get(finding.state, logging.ERROR),
        'The data of image %s (%s) is %s%s',
        image['id'],
        status,
        finding.state,
        f': {finding.detail}' if finding.detail else '',
    )
