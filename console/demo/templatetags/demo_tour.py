"""The bar of the demo's tour, at the top of every page."""

from typing import Any

from django import template

from console.demo.tour import STEPS, number_of

register = template.Library()


@register.inclusion_tag("demo/_tour.html", takes_context=True)
def tour_bar(context: dict[str, Any]) -> dict[str, Any]:
    """Show the person's step of the tour; nothing outside of it."""
    number = number_of(context["request"]) if context.get("actor") else 0
    if not number:
        return {"step": None}
    return {
        "step": STEPS[number - 1],
        "number": number,
        "last": len(STEPS),
        "is_last": number == len(STEPS),
        "following": number + 1,
        "before": number - 1,
        "csrf_token": context.get("csrf_token"),
    }
