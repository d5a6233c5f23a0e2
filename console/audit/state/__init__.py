"""State against history: what the database says now, against what the ledger says it must be.

`kinds` says what entries tell of a thing's row, and `things` compares these. Apps above compare
what needs more than that (console.sends.proof.state). `running` holds all of it together.
"""
