"""Witnesses of the transparency log, as the console sees them (docs/witness.md).

`policy` and `protocol` are pure: no database, no network. The program of a witness itself is
`console/audit/witness.py`, which stands alone.
"""
