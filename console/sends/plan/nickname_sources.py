"""Who chose the nickname of a send."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class NicknameSource(models.TextChoices):
    """The source of a send's nickname. A send from before this was recorded has none."""

    VERSION = "version", _("the notice's")
    PRESET = "preset", _("a preset's")
    SENDER = "sender", _("chosen by the sender")
