"""The web server's entry point: pages, API and the event stream in one ASGI application."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
# Under ASGI each request has a thread of its own, so only a pool lets them share connections.
os.environ.setdefault("CONSOLE_DATABASE_POOL_SIZE", "20")

django.setup(set_prefix=False)

# Possible only after Django's setup.
from console.web.requests.bodies import BodyLimit  # noqa: E402
from console.web.server.handler import OneThreadHandler  # noqa: E402

application = BodyLimit(OneThreadHandler())
