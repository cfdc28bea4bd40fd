"""The number of our files that run for a request, in both daemons.

doc/architecture.md has the numbers. The filters that authenticate a caller
are not counted, as in the numbers of upstream: counting begins with the
version in the URL path. A package with one public function, which was one
file when the limits were set, counts as one file.
"""

from collections.abc import Callable
import pathlib
import sys
import threading
from typing import Any

import glance
import glance_registry
from tests import base

ROOTS = [
    str(pathlib.Path(str(package.__file__)).parent)
    for package in (glance, glance_registry)
]

LOGIN = {'glance/common/context.py', 'glance/common/middleware.py'}
ONE_STOP = (
    'glance/images/formats/',
    'glance/registry_client/client/',
    'glance_registry/operations/',
)
#: Classes that do nothing if an option is off; they are not counted.
NULL_OBJECTS = ('NoNotifier.', 'NoLimits.', 'NoAccess.')
#: The only function of this file does nothing without [metrics] port.
COUNTERS = {'glance/common/counters.py'}


def files_run(journey: Callable[[], Any]) -> list[str]:
    """Return the project files of which a function ran, in any thread."""
    seen: set[str] = set()

    def note(frame: Any, event: str, _argument: Any) -> None:
        path = frame.f_code.co_filename
        if frame.f_code.co_qualname.startswith(NULL_OBJECTS):
            return
        if event == 'call' and path.startswith(tuple(ROOTS)):
            name = path[path.rindex('/glance') + 1 :]
            seen.add(next(filter(name.startswith, ONE_STOP), name))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        journey()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return sorted(seen - LOGIN - COUNTERS)


class JourneysTestCase(base.ServiceTestCase):
    def warm(self) -> str:
        """Run everything that runs only once."""
        image_id = self.image(data=b'x')
        self.show(image_id)
        return image_id

    def test_show_crosses_at_most_12_files(self) -> None:
        image_id = self.warm()
        files = files_run(lambda: self.call('GET', f'/v2/images/{image_id}'))
        self.assertLessEqual(len(files), 12, files)

    def test_upload_crosses_at_most_16_files(self) -> None:
        self.warm()
        image_id = self.image()
        files = files_run(lambda: self.upload(image_id, b'data'))
        self.assertLessEqual(len(files), 16, files)
