"""What an error of the database means, for clients and for the log."""

import logging

from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance.common import errors
from glance_registry.db import servers

LOG = logging.getLogger(__name__)


class CommitLost(Exception):
    """The connection broke in the commit, so its outcome is unknown."""


def first_line(error: Exception) -> str:
    """Return the first line of the error, which has no SQL statement."""
    return (str(error) or repr(error)).splitlines()[0]


def explain(error: Exception) -> None:
    """Raise an error without details for the client; log the details."""
    if isinstance(error, db_exception.DBDuplicateEntry):
        raise errors.Duplicate from error
    # oslo.db does not recognize every error number of MariaDB.
    inner = getattr(error, 'inner_exception', None)
    refused = (db_exception.DBDataError, sa.exc.DataError)
    if isinstance(error, refused) or isinstance(inner, refused):
        raise errors.BadRequest(
            'The database cannot store a value of the request: it is too '
            'long or has characters that the database does not support.'
        ) from error
    LOG.error('The database failed: %s', first_line(error))
    if isinstance(error, (CommitLost, sa.exc.TimeoutError)):
        raise errors.DatabaseUnavailable from error
    if servers.is_passing(_driver_error(error)):
        raise errors.DatabaseUnavailable from error
    raise errors.DatabaseFault from error


def _driver_error(error: Exception) -> BaseException | None:
    """Return the driver's exception that SQLAlchemy or oslo.db wrapped."""
    inner: BaseException | None = error
    while isinstance(inner, (db_exception.DBError, sa.exc.DBAPIError)):
        if isinstance(inner, db_exception.DBError):
            inner = inner.inner_exception
        else:
            inner = inner.orig
    return inner
