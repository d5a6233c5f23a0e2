"""The entry point for a WSGI server: pages and API without the event stream (docs/deploy.md)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

_django = get_wsgi_application()

# Possible only after Django's setup.
from console.web.requests.bodies import WholeBody  # noqa: E402

application = WholeBody(_django)
