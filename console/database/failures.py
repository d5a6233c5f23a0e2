"""What an error of the database means for whoever waits for an answer."""

from django.db import Error, InterfaceError, InternalError, OperationalError
from psycopg import errors

# After how many seconds it is worthwhile to try again.
RETRY_SECONDS = 2

# A lock or an answer did not come in time, so PostgreSQL took the transaction back.
_BUSY = (errors.LockNotAvailable, errors.QueryCanceled)
# PostgreSQL has ended the session, or takes no writes now, as after a failover.
_PASSING = (
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ReadOnlySqlTransaction,
)


def is_busy(error: BaseException) -> bool:
    """Return whether what was asked waited too long for others, and was not done."""
    return isinstance(error, OperationalError) and isinstance(error.__cause__, _BUSY)


def is_passing(error: BaseException) -> bool:
    """Return whether the database failed in a way that passes: it is away, busy, full or read-only,
    or has ended the session. Everything else is a mistake of the console."""
    if isinstance(error, InternalError):
        return isinstance(error.__cause__, _PASSING)
    return isinstance(error, (OperationalError, InterfaceError)) and isinstance(error, Error)
