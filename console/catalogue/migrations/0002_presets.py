"""The three presets that every console starts with."""

from django.db import migrations

PRESETS = [("Everyone", "ALL"), ("Staff only", "INT"), ("Supervisors only", "VIP")]


def add_presets(apps, schema_editor):
    preset = apps.get_model("catalogue", "VisibilityPreset")
    for name, visibility in PRESETS:
        preset.objects.get_or_create(name=name, defaults={"visibility": visibility})


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial")]

    operations = [migrations.RunPython(add_presets, migrations.RunPython.noop)]
