"""The settings of imports, each described in docs/settings.md."""

from console.site import environment as env

# Limits of a file that is imported into the catalogue: bytes, and rows.
IMPORT_LIMIT = 1_000_000 * env.read(
    "CONSOLE_IMPORT_LIMIT", env.number(least=1, most=500, unit="megabytes"), 20
)
IMPORT_ROW_LIMIT = env.read(
    "CONSOLE_IMPORT_ROW_LIMIT", env.number(least=1, most=1_000_000, unit="rows"), 100_000
)
# Memory limit of the process that reads it.
IMPORT_MEMORY = 1_000_000 * env.read(
    "CONSOLE_IMPORT_MEMORY", env.number(least=200, most=100_000, unit="megabytes"), 2000
)
