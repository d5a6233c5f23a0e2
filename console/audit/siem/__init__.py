"""The ledger as a stream to a SIEM: in OCSF or CEF, over syslog with TLS or HTTPS (docs/siem.md).

`settings.py` reads where it leads, `events.py` says what each action is for a SIEM, `ocsf.py` and
`cef.py` write one message, `reading.py` reads the next entries as messages, `positions.py` writes
how far a stream has come, `links.py` carries bytes, `streaming.py` brings these together, and
`standing.py` says how a stream stands.
"""
