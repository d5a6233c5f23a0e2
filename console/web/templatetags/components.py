"""The larger components of pages: notes, figures, forms, and buttons with a confirmation."""

from typing import Any

from django import forms, template
from django.template import Context
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.web.templatetags.console_ui import icon

register = template.Library()

NOTE_ICONS = {"bad": "warning", "warn": "warning", "good": "delivered"}


@register.simple_block_tag
def note(
    content: str,
    tone: str = "",
    drawing: str = "",
    alert: bool | None = None,
    focus: bool = False,
    css: str = "",
) -> SafeString:
    """Show a note in a box: {% note "warn" %}…{% endnote %}.

    Screen readers announce a note with the tone "bad", unless `alert` says otherwise. With `css`
    the content is not one paragraph but several, in a <div> of that class.
    """
    role = ' role="alert"' if (tone == "bad" if alert is None else alert) else ""
    kind = "div" if css else "p"
    return format_html(
        '<div class="note{}"{}{}>{}<{}{}>{}</{}></div>',
        f" note--{tone}" if tone else "",
        SafeString(role),
        SafeString(' tabindex="-1" autofocus') if focus else "",
        icon(drawing or NOTE_ICONS.get(tone, "info")),
        SafeString(kind),
        format_html(' class="{}"', css) if css else "",
        SafeString(content.strip()),
        SafeString(kind),
    )


@register.simple_tag
def figure(label: str, value: object) -> SafeString:
    """Show a number and what it counts, in a list with the class `figures`."""
    return format_html("<div><dt>{}</dt><dd>{}</dd></div>", label, value)


@register.inclusion_tag("ui/ask.html")
def ask(words: str, url: str, drawing: str, css: str = "") -> dict[str, Any]:
    """Show a button that leads to a confirmation. Scripts open it in a dialog."""
    return {"words": words, "url": url, "drawing": drawing, "css": css}


@register.simple_block_tag(takes_context=True)
def edit(
    context: Context, content: str, form: forms.Form, back: str, *args: object, button: str = ""
) -> SafeString:
    """Show a form for what several people may edit: {% edit form "team-list" %}…{% endedit %} with
    its fields inside. `back` with `args` is the page that Cancel leads to."""
    return render_to_string(
        "editing/form.html",
        {
            "form": form,
            "fields": SafeString(content),
            "button": button or _("Save"),
            "back": reverse(back, args=args),
        },
        request=context["request"],
    )


@register.inclusion_tag("editing/trail.html")
def trail(to: str, words: str, url: str = "", name: str = "") -> dict[str, str]:
    """Show what a page is below: the list of the view `to`, and perhaps one item of the list."""
    return {"list_url": reverse(to), "list_name": words, "url": url, "name": name}


@register.inclusion_tag("editing/delete.html")
def delete_card(words: str, url: str) -> dict[str, str]:
    """Show, below a form, when this can be deleted, and the button to the confirmation."""
    return {"words": words, "url": url}
