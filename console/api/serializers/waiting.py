"""What the API gives of matters that wait for a decision."""

from rest_framework import serializers

from console.notifications.kinds import KINDS
from console.notifications.models import Matter


class MatterOutput(serializers.ModelSerializer[Matter]):
    kind = serializers.ChoiceField(choices=[(name, kind.label) for name, kind in KINDS.items()])
    ref = serializers.CharField(
        help_text="What it is about: a send's id, a notice's key with the version's number behind "
        "a slash, or a preset's id."
    )
    title = serializers.CharField(help_text="The notice's title, or the preset's name.")
    chats = serializers.IntegerField(
        source="number", allow_null=True, help_text="To how many chats; null where it is no send."
    )
    asked_by = serializers.CharField(source="by_name")

    class Meta:
        model = Matter
        fields = ("id", "kind", "ref", "title", "chats", "asked_by", "asked_at")
