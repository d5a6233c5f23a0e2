"""The transparency log: a Merkle tree over the ledger's entries (docs/transparency.md).

`merkle`, `tiles`, `notes` and `leaves` are pure: no database, no Django.
"""
