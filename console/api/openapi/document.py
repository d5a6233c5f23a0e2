"""The OpenAPI document, which depends on the code and the language alone: made once for each."""

from functools import cache
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request
from rest_framework.response import Response


def api_document() -> dict[str, Any]:
    """Return the document. Its readers do not change it."""
    return _document(get_language())


@cache
def _document(_language: str | None) -> dict[str, Any]:
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


class DocumentView(SpectacularJSONAPIView):
    """GET /api/v1/schema/."""

    def _get_schema_response(self, request: Request) -> Response:
        name = self._get_filename(request, None)
        return Response(
            api_document(), headers={"Content-Disposition": f'inline; filename="{name}"'}
        )
