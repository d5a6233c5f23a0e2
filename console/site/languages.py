"""The languages of the pages: English, and each of which there are compiled translations."""

from pathlib import Path

from django.conf.locale import LANG_INFO
from django.utils.translation import to_language

ENGLISH = ("en", "English")


def languages_in(folder: Path) -> list[tuple[str, str]]:
    """As Django's setting LANGUAGES has them, each by its own name: what is in
    `folder`/<locale>/LC_MESSAGES/django.mo, and English, which is in the code."""
    found = [to_language(path.parts[-3]) for path in folder.glob("*/LC_MESSAGES/django.mo")]
    others = sorted(code for code in found if code != ENGLISH[0])
    return [ENGLISH, *((code, _own_name(code)) for code in others)]


def _own_name(code: str) -> str:
    info = LANG_INFO.get(code) or LANG_INFO.get(code.partition("-")[0]) or {}
    return str(info.get("name_local", code))
