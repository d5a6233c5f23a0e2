"""Backups of the database, and restoring one without sending anything twice."""
