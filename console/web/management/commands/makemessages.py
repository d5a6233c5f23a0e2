"""manage.py makemessages: Django's own, which also collects this console's sentences for
translation (console.text.sentences, console.errors)."""

from django.core.management.commands import makemessages as djangos

from console.site import commands

# Which argument of each function is a template. Two arguments are singular and plural.
TEMPLATES = {
    **dict.fromkeys(("term", "phrase", "prove", "invalid"), (1,)),
    "counted": (1, 2),
    **dict.fromkeys(("Sentence", "wording", "Refused", "broken", "fault"), (2,)),
    **dict.fromkeys(("ConsoleError", "InvalidInput", "PermissionRefused", "NotFound"), (2,)),
    **dict.fromkeys(("Conflict", "PreconditionFailed", "Unprocessable", "TooManyRequests"), (2,)),
    **dict.fromkeys(("Unavailable", "BodyTooLarge", "UnsupportedEncoding", "Unconfirmed"), (2,)),
    "KeyNeeded": (2,),
    "TreeRefused": (2,),
    "invalid_content": (2,),
}


class Command(commands.Command, djangos.Command):
    xgettext_options = [
        *djangos.Command.xgettext_options,
        *(f"--keyword={name}:{','.join(map(str, at))}" for name, at in TEMPLATES.items()),
    ]
