"""Which tests in process also run under other servers, and which cannot."""

from collections.abc import Mapping

from tests import base
from tests.functional import test_formats
from tests.functional import test_image_data
from tests.functional import test_races

_ASKED = 'counts what the application reads of the body'
_KILLED = 'kills the thread that reads the body'
_BUG = 'makes the code that reads the body fail'
_FILE = 'looks at the open file of the response'
_LOG = 'reads what the application logs'
_CONF = 'builds another service in this process'

#: Class -> its tests that need the application in process, and why.
CLASSES: Mapping[type[base.ServiceTestCase], Mapping[str, str]] = {
    test_image_data.TestUpload: {
        'test_pieces_stay_small': _ASKED,
        'test_a_worker_that_is_killed': _KILLED,
        'test_killed_worker_leaves_a_reason': _KILLED,
        'test_failed_upload_leaves_its_reason': _BUG,
    },
    test_image_data.TestSizeCap: {
        'test_an_announced_length_beyond_the_cap': _ASKED,
        'test_chunks_beyond_the_cap': _ASKED,
    },
    test_image_data.TestOtherHash: {},
    test_image_data.TestDownload: {
        'test_the_file_is_closed_when_the_client_leaves': _FILE,
        'test_data_that_the_store_lost_is_503_with_a_reason': _LOG,
    },
    test_formats.TestUpload: {},
    test_formats.TestOptions: {
        'test_kind_of_vmdk_that_is_never_accepted': _CONF,
    },
    test_formats.TestKnown: {},
    test_races.TestUploadRaces: {},
    test_races.TestMetadataRaces: {},
    test_races.TestQuotaRaces: {},
}
