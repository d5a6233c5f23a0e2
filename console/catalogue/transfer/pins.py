"""Checks the snippets of restored versions: each must exist, here or in the file, without a circle.

A version is sent with exactly the snippets that were reviewed with it. So a version that lacks one
of its snippets is refused, and with it every version that depends on it.
"""

from collections.abc import Mapping

from console.catalogue.content import snippets
from console.catalogue.models import NoticeKind, NoticeVersion, VersionStatus
from console.catalogue.transfer.plans import NoticePlan, VersionPlan, refuse_the_others
from console.catalogue.transfer.reading import Row
from console.errors import Unprocessable
from console.text.sentences import term

# A draft's snippets are fixed when it is submitted, and past versions stay unchanged.
STILL_USED = (VersionStatus.IN_REVIEW, VersionStatus.SCHEDULED, VersionStatus.PUBLISHED)
Planned = dict[str, NoticePlan]
Pin = tuple[str, int]


def refuse_without_snippets(
    plans: list[NoticePlan], groups: Mapping[str, list[Row]]
) -> list[NoticePlan]:
    """Return the plans whose versions have all their snippets.

    The rows of the other plans report what is missing.
    """
    left = {plan.notice.key: plan for plan in plans}
    known = _known(left)
    refused = True
    while refused:
        among = known | _planned(left)
        refused = False
        for key, plan in list(left.items()):
            rows = {row.values.get("version"): row for row in groups[key]}
            for one in plan.versions:
                _check(rows[one.version.number], one, among)
            if refuse_the_others(groups[key]):
                del left[key]
                refused = True
    return list(left.values())


def _planned(plans: Planned) -> dict[Pin, NoticeVersion]:
    return {
        (key, one.version.number): one.version
        for key, plan in plans.items()
        for one in plan.versions
    }


def _known(plans: Planned) -> dict[Pin, NoticeVersion]:
    """Return the named snippets that exist in this installation."""
    named = [one.version.snippets for plan in plans.values() for one in plan.versions]
    return dict(snippets.loaded(pins for pins in named if pins))


def _check(row: Row, one: VersionPlan, among: Mapping[Pin, NoticeVersion]) -> None:
    version = one.version
    if version.status in STILL_USED:
        _require_all_there(row, version, among)
    if not row.report.refusals:
        try:
            snippets.require_no_circle(version.notice.key, version.snippets, among)
            if version.status in STILL_USED:
                snippets.require_as_wide(version, version.snippets, among)
        except Unprocessable as error:
            row.report.refuse_by(error, "snippets")


def _require_all_there(
    row: Row, version: NoticeVersion, among: Mapping[Pin, NoticeVersion]
) -> None:
    for key in sorted(snippets.named(version) - set(version.snippets)):
        row.report.refuse(
            "snippets", term("The text has the snippet {key}: say which version of it.", key=key)
        )
    for key, number in sorted(version.snippets.items()):
        found = among.get((key, number))
        if found is None or found.notice.kind != NoticeKind.SNIPPET:
            row.report.refuse(
                "snippets",
                term(
                    "Version {number} of the snippet {key} is neither here nor in what is left of "
                    "the file. Export both together.",
                    number=number,
                    key=key,
                ),
            )
