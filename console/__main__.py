"""`python -m console COMMAND`: the same as `manage.py`."""

from console.site.program import main

main()
