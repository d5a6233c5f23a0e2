"""Django's handler for ASGI, which answers each request in one thread.

Django passes a request on asynchronously as soon as one middleware can do that. Then each of them
that is synchronous, as nearly all are, goes to a thread and back twice, which costs more than a
short page. Here all of them and the view run in the request's thread. An asynchronous view runs in
the event loop, and so does what a response streams.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler


class OneThreadHandler(ASGIHandler):
    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)
        chain: Any = self._middleware_chain
        self._middleware_chain: Any = sync_to_async(chain, thread_sensitive=True)
