"""The versions of the API besides v2.

Each is a package next to v2. A version that is not listed here is not served.
"""

from glance.api.v1 import app as v1

VERSIONS = (v1,)
