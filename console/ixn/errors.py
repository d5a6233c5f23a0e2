"""Errors of snapshots, with messages for those who operate the poller."""


class SnapshotFailed(Exception):
    """No snapshot, or an incomplete one. The text says what happened and what to do. What was read
    before is valid; nothing follows from what was not read."""
