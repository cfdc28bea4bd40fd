"""When an image of Ceph is closed: its library must be done with it."""

import errno
import itertools
import random
from typing import Any
from unittest import mock

from glance.common import errors
from glance.store import drivers
from glance.store import rbd_data
from tests.stores import contract

ID = contract.ID
MIB = contract.MIB


class Closing:
    """Mixed into the test case of the rbd store."""

    def test_a_snapshot_is_closed_after_its_last_response(self: Any) -> None:
        """Otherwise librbd may abort the process (rbd_data.open_image)."""
        events: list[str] = []

        class Image(self.store._pool.rbd.Image):  # type: ignore[misc,name-defined]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                events.append(f'open {kwargs.get("snapshot")}')

            def metadata_list(self) -> Any:
                events.append('ask')
                return super().metadata_list()

            def close(self) -> None:
                events.append('close')
                super().close()

        url = self.store.write(ID, iter([b'data']), lambda: None)
        with mock.patch.object(self.store._pool.rbd, 'Image', Image):
            self.assertEqual(4, self.store.size(url))
            self.store.open(url, 4, 0).close()
            with self.assertRaises(errors.StoreUnavailable):
                self.store.open(url, 4, 1)
        # The destructor closes it again, which has no effect.
        events = [each for each, _ in itertools.groupby(events)]
        self.assertEqual(['open snap', 'ask', 'close'] * 3, events)

    def test_a_snapshot_without_a_last_response_is_closed(self: Any) -> None:
        closed: list[bool] = []
        pool = self.store._pool

        class Image(pool.rbd.Image):  # type: ignore[misc,name-defined]
            def metadata_list(self) -> Any:
                raise pool.rbd.OSError('timed out', errno=errno.ETIMEDOUT)

            def close(self) -> None:
                closed.append(True)
                super().close()

        url = self.store.write(ID, iter([b'data']), lambda: None)
        with mock.patch.object(pool.rbd, 'Image', Image):
            for call in (
                lambda: self.store.size(url),
                lambda: self.store.open(url, 0, None),
            ):
                closed.clear()
                try:
                    call()
                except errors.StoreUnavailable as error:
                    # The destructor cannot have run: this keeps the image.
                    self.assertIsNotNone(error.__traceback__)
                    self.assertEqual([True], closed)
                else:
                    self.fail('it was opened')

    def test_requests_end_before_an_image_is_closed(self: Any) -> None:
        """Otherwise librbd may kill the process (rbd_data._Request)."""
        pool = self.store._pool
        running: list[Any] = []
        left: list[int] = []

        class Completion:
            def __init__(self, real: Any, result: int | None = None) -> None:
                self._real, self._result = real, result
                running.append(self)

            def is_complete(self) -> bool:
                return False

            def wait_for_complete_and_cb(self) -> None:
                self._real.wait_for_complete_and_cb()
                if self in running:
                    running.remove(self)

            def get_return_value(self) -> int:
                result: int = self._real.get_return_value()
                return result if self._result is None else self._result

        class Image(pool.rbd.Image):  # type: ignore[misc,name-defined]
            def aio_read(self, *args: Any) -> Any:
                return Completion(super().aio_read(*args))

            def aio_write(self, *args: Any) -> Any:
                return Completion(super().aio_write(*args), -errno.EIO)

            def close(self) -> None:
                left.append(len(running))
                super().close()

        data = random.Random(6).randbytes(12 * MIB)
        url = self.store.write(ID, contract.chunks(data), lambda: None)
        with mock.patch.object(pool.rbd, 'Image', Image):
            body = self.store.open(url, 0, None)
            self.assertEqual(rbd_data._READS - 1, len(running))
            body.close()
            self.assertEqual({0}, set(left))
            self.store.delete(url)
            left.clear()
            # Both runs of bytes between holes are one buffer of the writer.
            runs = 2 * (b'x' + bytes(MIB - 1))
            store = drivers.make(
                contract.backend(
                    'rbd', {**self.settings(), 'rbd_thin_provisioning': True}
                )
            )
            for size in (len(runs), None):
                with self.assertRaises(errors.StoreUnavailable):
                    store.write(ID, iter([runs]), lambda: None, size)
            self.assertEqual({0}, set(left))
        self.assertEqual([], self.held())
