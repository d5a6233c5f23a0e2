"""Who chose the nickname of a send."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class NicknameSource(models.TextChoices):
    """A send from before this was kept says nothing."""

    VERSION = "version", _("the notice's")
    PRESET = "preset", _("a preset's")
    SENDER = "sender", _("chosen by the sender")
