#!/usr/bin/env python
"""Run one of the console's management commands."""

from console.site.program import main

if __name__ == "__main__":
    main()
