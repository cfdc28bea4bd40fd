"""One call to the registry for many downloads that begin together."""

from collections.abc import Callable
import copy
import threading

from glance.common import context as contexts
from glance.common import contract
from glance.common import errors

#: Gets an image as a caller sees it.
GetImage = Callable[[contexts.RequestContext, str], contract.Image]
_Key = tuple[object, ...]


class _Call:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.image: contract.Image | None = None
        self.error: errors.Error | None = None


class Lookups:
    """Gets images for downloads.

    Hundreds of requests of one user for one image may arrive at once. Those
    that arrive while a call is running share the next one. So each request
    gets an answer of a call that began after it arrived, and one image costs
    at most one call at a time for each user.
    """

    def __init__(self, get_image: GetImage) -> None:
        self._get_image = get_image
        self._lock = threading.Lock()
        self._running: dict[_Key, _Call] = {}
        self._next: dict[_Key, _Call] = {}

    def get(
        self, context: contexts.RequestContext, image_id: str
    ) -> contract.Image:
        """:raises errors.Error: as the registry's client does"""
        key = (image_id, *_caller(context))
        with self._lock:
            call = self._next.get(key)
            is_first = call is None
            if call is None:
                call = self._next[key] = _Call()
        if is_first:
            self._make(key, call, context, image_id)
        else:
            call.done.wait()
        if call.error is not None:
            # An error that many requests raise would keep all their frames.
            raise copy.copy(call.error) from call.error.__cause__
        # No image: the thread that made the call was killed.
        return call.image or self._get_image(context, image_id)

    def _make(
        self,
        key: _Key,
        call: _Call,
        context: contexts.RequestContext,
        image_id: str,
    ) -> None:
        try:
            before = self._running.get(key)
            if before is not None:
                before.done.wait()
            with self._lock:
                del self._next[key]
                self._running[key] = call
            call.image = self._get_image(context, image_id)
        except errors.Error as error:
            call.error = error
        finally:
            with self._lock:
                for calls in (self._next, self._running):
                    if calls.get(key) is call:
                        del calls[key]
            call.done.set()


def _caller(context: contexts.RequestContext) -> _Key:
    """What the registry's answer depends on."""
    headers = contexts.to_headers(context, True)
    del headers[contexts.REQUEST_ID]
    return (context.auth_token, *headers.items())
