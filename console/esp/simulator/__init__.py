"""A stand-in for a Chat Server: real TCP, sessions, transcripts, a journal, faults on demand.

It speaks the open framing (docs/domain.md section 5). The content of its answers and the wording of
its faults are its own choice: the vendor documents neither. Start it with `python -m
console.esp.simulator`.
"""
