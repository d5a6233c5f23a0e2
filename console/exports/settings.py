"""The settings of exports, each described in docs/settings.md."""

from console.site import environment as env

# An export of more rows is made by a worker, and its file waits for the person.
EXPORT_AT_ONCE_ROWS = env.read(
    "CONSOLE_EXPORT_AT_ONCE_ROWS", env.number(least=0, most=1_000_000, unit="rows"), 10_000
)
# How many exports one person may have at a time, in work or waiting to be fetched.
EXPORTS_A_PERSON = env.read(
    "CONSOLE_EXPORTS_A_PERSON", env.number(least=1, most=100, unit="exports"), 3
)
