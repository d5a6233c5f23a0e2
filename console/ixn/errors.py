"""What can go wrong with a snapshot, in words for whoever operates the poller."""


class SnapshotFailed(Exception):
    """No snapshot, or not all of it. The text says what happened and what to do; whatever was read
    before is as good as it was, and what was not read tells nothing."""
