"""Keeps the marks of a part of the history in its row. A search by text compares them with each
part that the index finds; apart from the row that is four blocks more."""

from typing import ClassVar

from django.db import migrations

IN_THE_ROW = "ALTER TABLE sends_historypart ALTER COLUMN marks SET STORAGE MAIN"
APART = "ALTER TABLE sends_historypart ALTER COLUMN marks SET STORAGE EXTENDED"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sends", "0044_targets_kept")]

    operations: ClassVar = [migrations.RunSQL(IN_THE_ROW, APART)]
