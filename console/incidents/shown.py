"""Incidents with all stages of their playbooks and the numbers of those that were started."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.database.clock import database_now
from console.incidents.models import Incident, Stage
from console.incidents.playbook_content import StageContent, stage_contents
from console.incidents.selectors import Figures, stage_figures
from console.sends.models import Reason


@dataclass(frozen=True, slots=True)
class ShownStage:
    """A stage of the playbook, with what became of it if it was started."""

    position: int
    content: StageContent
    stage: Stage | None
    figures: Figures
    is_next: bool = False

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why chats were skipped, in words, the most frequent first."""
        found = self.figures.reasons.most_common()
        return [(str(Reason(reason).label), number) for reason, number in found]

    @property
    def started_by(self) -> str:
        return self.stage.actor_name if self.stage else ""

    @property
    def trouble(self) -> str:
        """Why it does not reach new chats although it should."""
        return self.stage.trouble if self.stage else ""

    @property
    def is_paused(self) -> bool:
        return self.stage is not None and self.stage.is_paused

    @property
    def is_newest(self) -> bool:
        return self.stage is not None and self.stage.ended_at is None


@dataclass(frozen=True, slots=True)
class ShownIncident:
    """An incident with its stages, as the board's strip and the pages show it."""

    incident: Incident
    stages: list[ShownStage]
    is_overdue: bool

    @property
    def newest(self) -> ShownStage | None:
        return next((each for each in reversed(self.stages) if each.stage is not None), None)

    @property
    def later(self) -> list[ShownStage]:
        return [each for each in self.stages if each.is_next]


def shown_incidents(found: Sequence[Incident]) -> list[ShownIncident]:
    """Return incidents with their figures, by two queries however many they are."""
    stages = list(Stage.objects.filter(incident__in=found).order_by("position"))
    figures, now = stage_figures(stages), database_now()
    return [
        _shown(incident, [each for each in stages if each.incident_id == incident.pk], figures, now)
        for incident in found
    ]


def _shown(
    incident: Incident, started: list[Stage], figures: dict[int, Figures], now: datetime
) -> ShownIncident:
    by_position = {stage.position: stage for stage in started}
    newest = max(by_position, default=0)
    shown = []
    for position, content in enumerate(stage_contents(incident.version), 1):
        stage = by_position.get(position)
        numbers = figures[stage.pk] if stage else Figures()
        is_next = incident.is_running and position > newest
        shown.append(ShownStage(position, content, stage, numbers, is_next))
    due = by_position[newest].due_at if newest else None
    overdue = incident.is_running and due is not None and due <= now
    return ShownIncident(incident, shown, overdue)
