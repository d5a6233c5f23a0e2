"""Writes that the whole catalogue was exported, and returns the export."""

from typing import Any

from django.db import transaction

from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.catalogue.transfer.exporting import catalogue_dataset
from console.catalogue.transfer.files.formats import FORMATS, format_of


def catalogue_export(actor: Actor, *, file_name: str) -> tuple[bytes, int]:
    """All that the actor may see, in the form of the file's ending, and its number of rows.

    Raises InvalidInput for another ending, Unprocessable for texts that the form can't hold.
    """
    form: Any = FORMATS[format_of(file_name)]()
    with transaction.atomic():
        dataset = catalogue_dataset(actor)
        audit.record(
            actor,
            Action.CATALOGUE_EXPORTED,
            target=("catalogue", file_name, file_name),
            data={"rows": len(dataset)},
        )
    content: bytes = form.export_data(dataset)
    return content, len(dataset)
