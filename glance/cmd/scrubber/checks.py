"""Run ``--verify`` and ``--orphans`` and print the results.

The output is for people or, as JSON, for scripts.
"""

import collections
from collections.abc import Callable
import json
import logging
from typing import NamedTuple

from glance import registry_client
from glance.common import errors
from glance.common import pacing
from glance.common import progress
from glance.images import integrity
from glance.images import orphans
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Kind of a finding -> text for people.
_KINDS = {
    'orphan': 'data of no image',
    'aside': 'a damaged copy that was kept',
    'foreign': 'a name that is not of an image; it is never deleted',
    'missing': 'the data is missing',
    'size': 'the data has another length than the image',
    'unknown': 'the store cannot be looked at',
    'unlisted': (
        'its driver cannot list data, so data of no image is not found there'
    ),
}


class Output(NamedTuple):
    """:ivar is_json: print one JSON object per line"""

    is_json: bool
    is_quiet: bool


def verify(verifier: integrity.Verifier, output: Output) -> bool:
    """Verify all images.

    :returns: whether all data is correct now
    :raises errors.Error: the registry does not respond
    """
    counts: collections.Counter[str] = collections.Counter()
    watched = progress.Progress('images', is_quiet=output.is_quiet)

    def tell(result: integrity.Result) -> None:
        counts[result.state] += 1
        if output.is_json:
            watched.say(json.dumps(result._asdict()))
        elif result.state != 'verified':
            watched.say(
                f'{result.image_id} ({result.status}): {result.state}: '
                f'{result.detail}'
            )
        watched.add()

    try:
        verifier.run(None, tell)
    finally:
        watched.close()
    if not output.is_json and not output.is_quiet:
        print(
            f'{counts.total()} images: {counts["verified"]} verified, '
            f'{counts["repaired"]} repaired, {counts["damaged"]} damaged, '
            f'{counts["unknown"]} unknown'
        )
    return not counts['damaged'] and not counts['unknown']


def verify_always(
    verifier: integrity.Verifier,
    interval_seconds: int,
    wait: Callable[[], object],
) -> None:
    """Verify images that are due, repeatedly, until the program is stopped."""
    while True:
        try:
            verifier.run(interval_seconds, lambda _result: None)
            wait()
        except pacing.Stopped:
            return
        except errors.Error as error:
            LOG.warning('Images cannot be verified now: %s', error)
            wait()
        except Exception:  # the scrubber must continue
            LOG.exception('Images cannot be verified now')
            wait()


def find_orphans(
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    *,
    grace_seconds: int,
    delete: bool,
    even_if_most: bool,
    output: Output,
) -> bool:
    """Report data without an image, and images without data.

    :param even_if_most: delete also if most of the data in a store would go
    :returns: whether no such data or image is left
    :raises errors.Error: the registry does not respond
    :raises errors.Conflict: nothing was deleted in a store, because most of
        its data would have gone
    """
    left = 0
    watched = progress.Progress(
        'images and pieces of data', is_quiet=output.is_quiet
    )

    def tell(finding: orphans.Finding) -> None:
        nonlocal left
        left += finding.outcome != 'deleted' and finding.kind != 'unlisted'
        if output.is_json:
            watched.say(json.dumps(finding._asdict()))
        else:
            watched.say(_line(finding))

    search = orphans.Orphans(
        registry,
        store,
        grace_seconds=grace_seconds,
        delete=delete,
        tell=tell,
        watch=watched.add,
        even_if_most=even_if_most,
    )
    try:
        search.run()
    finally:
        watched.close()
    if search.objections:
        raise errors.Conflict(' '.join(search.objections))
    return not left


def _line(finding: orphans.Finding) -> str:
    text = f'{finding.store}: '
    if finding.name is None and finding.image_id is not None:
        text += f'image {finding.image_id}: '
    elif finding.name is not None:
        text += f'{finding.name} ({finding.size_bytes} bytes): '
    text += _KINDS[finding.kind]
    return f'{text}; {finding.outcome}' if finding.outcome else text
