"""Writes the ledger entry of a catalogue export, and returns the export."""

from typing import Any

from django.db import transaction

from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.catalogue.transfer.exporting import catalogue_dataset
from console.catalogue.transfer.files.formats import FORMATS, format_of


def catalogue_export(actor: Actor, *, file_name: str) -> tuple[bytes, int]:
    """Return everything that the actor may see as a file, and its number of rows.

    The file name's ending decides the format. Raises InvalidInput for another ending, Unprocessable
    for texts that the format can't hold.
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
