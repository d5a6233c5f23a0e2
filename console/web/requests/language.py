"""The language of a response."""

from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from console.site.problems import API
from console.text.wording import PROGRAMS_LANGUAGE


class LanguageMiddleware(LocaleMiddleware):
    """Sets the language of pages to the one that the browser requests, if it is translated. The API
    is always in English, since programs use codes and parameters."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path.startswith(API):
            translation.activate(PROGRAMS_LANGUAGE)
            request.LANGUAGE_CODE = PROGRAMS_LANGUAGE
        else:
            super().process_request(request)
