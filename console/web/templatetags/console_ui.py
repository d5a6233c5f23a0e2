"""The design system for templates: icons, badges, times, fields. It decides nothing."""

import json
import re
from datetime import date, datetime
from functools import cache, partial
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django import template
from django.forms import BoundField, CheckboxInput, Select, Textarea
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.catalogue.kinds import traits
from console.catalogue.models import (
    ChangeStatus,
    NoticeKind,
    NoticeStatus,
    VersionStatus,
    Visibility,
)
from console.catalogue.templating.push_urls import shown_host
from console.database.clock import near_now, stamp
from console.interactions.models import Health
from console.sends.models import DeliveryStatus, Reason, Send, SendStatus
from console.sends.pages import wording
from console.web.folding import constant
from console.web.kept import passing
from console.web.requests.middleware import arrived_at
from console.web.templatetags.differences import difference

register = template.Library()

STATUS_ICONS = {
    "delivered": "delivered",
    "failed": "failed",
    "unknown": "unknown",
    "skipped": "skipped",
    "sending": "sending",
    "pending": "pending",
    "cancelled": "cancelled",
    "scheduled": "pending",
    "awaiting_approval": "person",
    "holding": "undo",
    "running": "sending",
    "paused": "paused",
    wording.WAITS: "pending",
    "finished": "delivered",
    "draft": "edit",
    "in_review": "person",
    "published": "delivered",
    "retired": "archive",
    "approved": "delivered",
    "rejected": "failed",
    "superseded": "archive",
    "untried": "pending",
    "healthy": "delivered",
    "unhealthy": "failed",
}
VISIBILITY_ICONS = {
    Visibility.ALL: "everyone",
    Visibility.INT: "staff",
    Visibility.VIP: "supervisors",
}
# No two of these choices give one value two meanings, so a badge needs only the value.
STATUS_WORDS: dict[str, Any] = dict(
    pair
    for choices in (
        *(DeliveryStatus, SendStatus, NoticeStatus, VersionStatus, ChangeStatus, Health),
    )
    for pair in choices.choices
)
STATUS_WORDS[wording.WAITS] = wording.WAITS_WORDS
DAY = 86_400
UNITS = (("day", DAY), ("hour", 3600), ("minute", 60), ("second", 1))
JSON_SHOWN = 4000


BETWEEN_TAGS, LINE_BREAKS = re.compile(r">\s+<"), re.compile(r"\s*\n\s*")


@register.simple_block_tag
def compact(content: str) -> SafeString:
    """Show a part of a page in one line, without blanks between its tags: for what goes to many."""
    return SafeString(BETWEEN_TAGS.sub("><", LINE_BREAKS.sub(" ", content)).strip())


@register.simple_tag
@constant
def icon(name: str, css: str = "") -> SafeString:
    """Show an icon of static/icons/sprite.svg. It is decoration: text stands beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("icons/sprite.svg"),
        name,
    )


@register.simple_tag
@constant
def badge(word: object, drawing: str, tone: str = "", title: str = "") -> SafeString:
    """Show a state with icon and label, in the colour of `tone`, which is one of the statuses."""
    return format_html(
        '<span class="status{}"{}>{}<span>{}</span></span>',
        f" status--{tone}" if tone else "",
        format_html(' title="{}"', title) if title else "",
        icon(drawing),
        word,
    )


@register.simple_tag
@constant
def status(value: str, pill: bool = False) -> SafeString:
    """Show the status of a delivery, send, notice, version or Chat Server: icon and label."""
    tone = f"{value} status--pill" if pill else value
    return badge(STATUS_WORDS.get(value, value), STATUS_ICONS.get(value, "info"), tone)


@register.filter
def reason_words(why: str) -> str:
    """Return the label of a reason's code; "" for anything else, such as a variable's name."""
    return str(Reason(why).label) if why in Reason.values else ""


@register.filter
def while_stopped(send: Send, stopped: object) -> str:
    """Return the status of a send as pages show it. `stopped` is true if all sending is stopped."""
    return wording.shown_status(send.status, stopped=bool(stopped))


@register.simple_tag
@constant
def visibility(value: str) -> SafeString:
    """Show who sees a text, in the same form everywhere."""
    return format_html(
        '<span class="visibility visibility--{}">{}{}</span>',
        value,
        icon(VISIBILITY_ICONS.get(Visibility(value), "everyone")),
        Visibility(value).label,
    )


@register.simple_tag
def leads_to(notice: Any, url: str) -> SafeString | str:
    """Show, beside a push URL, the host that a browser really goes to, in both its forms."""
    return url_leads_to(notice.kind, url)


@register.simple_tag
def url_leads_to(kind: str, url: str) -> SafeString | str:
    host = shown_host(url) if traits(kind).is_url else None
    if host is None:
        return ""
    looked_up = _("looked up as") if host.is_international else ""
    return format_html(
        '<p class="leads-to">{}<span>{}</span> <strong class="mono" dir="ltr">{}</strong>'
        ' <span class="muted">{}</span> <span class="mono muted">{}</span></p>',
        icon("external"),
        _("Leads to"),
        host.shown,
        looked_up,
        host.ascii if host.is_international else "",
    )


@register.simple_tag
@constant
def visibility_icon(value: str) -> SafeString:
    return icon(VISIBILITY_ICONS[Visibility(value)])


@register.simple_tag
def audience(value: str, count: int) -> str:
    """Return whom a send goes to, as text for its visibility."""
    return wording.audience(value, count)


@register.simple_tag
@constant
def kind_icon(value: str) -> SafeString:
    return icon(traits(value).icon)


@register.simple_tag
@constant
def kind(value: str) -> SafeString:
    """Show a notice's kind with its icon."""
    return format_html(
        '<span class="status">{}<span>{}</span></span>',
        icon(traits(value).icon),
        NoticeKind(value).label,
    )


@register.filter
def exact(moment: datetime | None) -> str:
    """Return the moment to the second, with its zone: for titles, prints and proofs."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return f"{local.isoformat(' ', 'seconds')[:19]} {local.tzname()}"


@register.filter
def exact_ms(moment: datetime | None) -> str:
    """Return the moment to the millisecond, with its zone."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local:%Z}"


def _ago(seconds: float) -> str:
    size = abs(int(seconds))
    if size < 5:
        return _ago_in("now", 0, False)
    if size >= 7 * DAY:
        return ""
    unit, number = next((unit, size // each) for unit, each in UNITS if size >= each)
    return _ago_in(unit, number, seconds > 0)


@constant
def _ago_in(unit: str, number: int, is_past: bool) -> str:
    if unit == "now":
        return _("now")
    if unit == "second":
        words = ngettext("%d sec", "%d sec", number) % number
    elif unit == "minute":
        words = ngettext("%d min", "%d min", number) % number
    elif unit == "hour":
        words = ngettext("%d hr", "%d hr", number) % number
    else:
        words = ngettext("%d day", "%d days", number) % number
    pattern = _("%(time)s ago") if is_past else _("in %(time)s")
    return pattern % {"time": words}


@constant
def _day(day: date) -> str:
    return date_format(day, "j M Y")


@constant
def _since() -> str:
    return _("since %(moment)s")


@register.simple_tag
def ago(moment: datetime | None, absent: str = "–") -> SafeString:
    """Show how long ago it was, or the date from a week on. The title has the exact time."""
    if moment is None:
        return format_html("{}", absent)
    at = escape(exact(moment))
    return SafeString(
        f'<time datetime="{moment.isoformat()}" title="{at}" data-exact="{at}"'
        f"{passing(_how_long_ago, moment)}</time>"
    )


def _how_long_ago(moment: datetime) -> str:
    """Return the end of the element's tag with the words in it."""
    words = _ago((near_now() - moment).total_seconds())
    if words:
        return f" data-relative>{escape(words)}"
    return f">{escape(_day(timezone.localtime(moment).date()))}"


@register.simple_tag(takes_context=True)
def server_time(context: template.Context) -> str:
    """Return the moment by PostgreSQL's clock, for server-clock.js: time, and how long the request
    has been here at least and at most."""
    return " ".join(map(str, stamp(arrived_at(context.get("request")))))


@register.simple_tag
def moment(at: datetime | None, zone: str = "") -> SafeString:
    """Show a future moment in the zone that it was chosen in and in the site's. times.js adds the
    browser's if that is a third. If it is less than a week away, show also how far."""
    if at is None:
        return format_html("–")
    site = timezone.get_default_timezone_name()
    zones = list(dict.fromkeys([zone or site, site]))
    chosen, *others = (at.astimezone(ZoneInfo(name)) for name in zones)
    beside = [
        f"{date_format(other, 'H:i' if other.date() == chosen.date() else 'D j M, H:i')} {name}"
        for other, name in zip(others, zones[1:], strict=True)
    ]
    return format_html(
        '<span class="moment"><time datetime="{}">{} <span class="moment__zone">{}</span></time>'
        '{}<span class="muted" data-own-time="{}" data-zones="{}"></span>{}</span>',
        at.isoformat(),
        date_format(chosen, "D j M Y, H:i"),
        zones[0],
        format_html_join("", ' <span class="muted">= {}</span>', ((each,) for each in beside)),
        at.isoformat(),
        " ".join(zones),
        SafeString(passing(_how_far, at)),
    )


def _how_far(at: datetime) -> str:
    return format_html(", {}", ago(at)) if _ago((near_now() - at).total_seconds()) else ""


@register.filter
def clock(seconds: float | None) -> str:
    """Return a duration in seconds as 2:14, or as 1:02:14 from an hour on."""
    if seconds is None:
        return "–"
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}:{minutes:02d}:{whole % 60:02d}"
    return f"{minutes}:{whole % 60:02d}"


@register.simple_tag
def waiting_since(moment: datetime) -> SafeString:
    """Show a duration that continues to count in the browser (times.js)."""
    title = escape(_since() % {"moment": exact(moment)})
    return SafeString(
        f'<span data-since="{moment.isoformat()}" title="{title}">'
        f"{passing(_clock_since, moment)}</span>"
    )


def _clock_since(moment: datetime) -> str:
    return clock((near_now() - moment).total_seconds())


# A number of each of a language's plural forms.
NUMBERS = {"zero": 0, "one": 1, "two": 2, "few": 3, "many": 11, "other": 100}


@register.simple_tag
@constant
def chats_word(number: int) -> SafeString:
    """Show the word after a number of chats that a script changes, with all its forms."""
    forms = {form: ngettext("chat", "chats", n) for form, n in NUMBERS.items()}
    return format_html(
        '<span data-number-words="{}">{}</span>',
        json.dumps(forms),
        ngettext("chat", "chats", number),
    )


@register.simple_tag
def copy(text: object, what: object = "") -> SafeString:
    """Show an id or a key in monospace, with a button that copies it."""
    return format_html(
        '<span class="copy">\n<span class="copy__text mono" data-copy-text>{0}</span>\n'
        '<button type="button" class="copy__button" data-copy="{0}" data-copied-label="{1}"'
        ' aria-label="{2}">\n{3}\n</button>\n</span>',
        str(text),
        _("Copied"),
        _("Copy %(what)s") % {"what": what or text},
        icon("copy"),
    )


@register.inclusion_tag("ui/field.html")
def field(bound: BoundField, css: str = "", quiet: bool = False) -> dict[str, Any]:
    """Show the label, control, help and errors of a form's field. `quiet` leaves out "optional" and
    the note on when the field is needed."""
    widget = bound.field.widget
    check = isinstance(widget, CheckboxInput)
    if isinstance(widget, Textarea):
        base = "textarea"
    elif isinstance(widget, Select):
        base = "select"
    else:
        base = "input"
    described = [f"{bound.auto_id}_help"] if bound.help_text else []
    if bound.errors:
        described.append(f"{bound.auto_id}_error")
    attrs: dict[str, Any] = {} if check else {"class": f"{base} {css}".strip()}
    if bound.errors:
        attrs["autofocus"] = True  # a browser takes the first of several
    if described:
        attrs["aria-describedby"] = " ".join(described)
    return {
        "field": bound,
        "widget": bound.as_widget(attrs=attrs),
        "check": check,
        "optional": ""
        if bound.field.required or check or quiet
        else getattr(bound.field, "needed", "") or _("optional"),
    }


@register.simple_tag(takes_context=True)
def nav_link(
    context: template.Context,
    url_name: str,
    label: str,
    drawing: str,
    count: int = 0,
    but: str = "",
    also: str = "",
) -> SafeString:
    """Show one entry of the navigation. `count` is how much waits there for the person, `but` names
    a page below that has its own entry, and `also` names pages elsewhere that belong to this one.
    """
    url, others, excepted = _nav_addresses(url_name, but, also)
    request = context.get("request")
    # A page may say below which entry it belongs, if its address does not.
    here = context.get("belongs_to") or (request.path if request else "")
    is_current = here.startswith((url, *others)) and not (but and here.startswith(excepted))
    return format_html(
        '<li>\n<a class="nav__link" href="{}"{}>\n{}\n<span>{}</span>\n{}</a>\n</li>',
        url,
        SafeString(' aria-current="page"') if is_current else "",
        icon(drawing),
        label,
        _nav_count(count) if count else "",
    )


@cache
def _nav_addresses(url_name: str, but: str, also: str) -> tuple[str, tuple[str, ...], str]:
    return reverse(url_name), tuple(map(reverse, also.split())), reverse(but) if but else ""


def _nav_count(count: int) -> SafeString:
    return format_html(
        '<span class="nav__count">{}<span class="visually-hidden"> {}</span></span>\n',
        count,
        _("waiting"),
    )


register.simple_tag(difference)


# In a bar of outcomes, in this order.
OUTCOMES = ("delivered", "failed", "unknown", "sending", "skipped", "cancelled")


@register.simple_tag
def meter(counts: Any, label: str = "") -> SafeString:
    """Show a bar of outcomes, from a mapping or from a send that has them as attributes.

    SVG attributes draw it, because the content security policy allows no style attribute.
    """
    number = counts.get if isinstance(counts, dict) else partial(getattr, counts)
    total = number("total", 0) or 1
    rects: list[tuple[str, str, str]] = []
    at = 0.0
    for name in OUTCOMES:
        share = 100 * number(name, 0) / total
        if share:
            rects.append((name, f"{at:.3f}", f"{share:.3f}"))
            at += share
    return format_html(
        '<svg class="meter" role="img" aria-label="{}" preserveAspectRatio="none"'
        ' viewBox="0 0 100 8">{}</svg>',
        label,
        format_html_join("", '<rect class="meter__{}" x="{}" width="{}" height="8"></rect>', rects),
    )


@register.simple_tag(takes_context=True)
def meter_here(context: template.Context, label: str) -> SafeString:
    """Show the bar of a template that has the numbers by their names."""
    return meter({name: context[name] for name in ("total", *OUTCOMES)}, label)


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """Return an entry of a mapping by a key that the template has in a variable."""
    return mapping.get(key, "")


@register.filter
def less(number: int, part: int) -> int:
    """Return a number minus a part of it."""
    return number - part


@register.filter
def in_set(value: Any, known: set[Any]) -> bool:
    return value in known


@register.filter
def as_json(data: Any) -> str:
    """Return data as indented JSON in its own order. Very long data is cut off."""
    # json.dumps writes without indentation in a fraction of the time.
    return laid_out(json.dumps(data, ensure_ascii=False))


@register.filter
def laid_out(written: str) -> str:
    """Return JSON with indentation. Very long data is cut off."""
    text = msgspec.json.format(written, indent=2)
    if len(text) <= JSON_SHOWN:
        return text
    left = len(text) - JSON_SHOWN
    return text[:JSON_SHOWN] + "\n" + _("… and %(n)s characters more") % {"n": f"{left:,}"}
