"""In which language an answer is worded."""

from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from console.site.problems import API
from console.text.wording import PROGRAMS_LANGUAGE


class LanguageMiddleware(LocaleMiddleware):
    """Pages are in the language that their reader asks for, as far as there are translations of it.
    The API is in English, whatever its caller asks for: programs go by codes and parameters."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path.startswith(API):
            translation.activate(PROGRAMS_LANGUAGE)
            request.LANGUAGE_CODE = PROGRAMS_LANGUAGE
        else:
            super().process_request(request)
