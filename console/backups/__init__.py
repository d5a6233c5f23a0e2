"""Backups of the database, and coming back from one without sending anything twice."""
