"""A stand-in for a Chat Server: real TCP, sessions, transcripts, a journal, faults on demand.

It speaks the open framing (docs/domain.md section 5). What it answers and how it words a fault
is its own choice: the vendor documents neither. Start it with `python -m console.esp.simulator`.
"""
