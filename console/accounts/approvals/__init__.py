"""Approvals: how they are confirmed, by which rule, and what the ledger has of it."""
