from django.db import migrations, models

# What a part says of its first delivery's time is that of its last: both are of one send, which is
# made at once. A day more than covers what a clock may have changed meanwhile.
KNOWN = """
INSERT INTO sends_historyspan (number, first_at, last_at)
SELECT last_id >> 10, min(created_at) - interval '1 day', max(created_at)
FROM sends_historypart GROUP BY 1;
"""
# Characters of scripts without blanks have one on each side now, at the ends of a line too.
BLANKS = r"""
UPDATE sends_historypart SET text = regexp_replace(regexp_replace(
        text, '(^|\n)(?=[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])',
        '\1 ', 'g'),
    '([\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])(?=\n|$)', '\1 ', 'g')
WHERE text ~ '[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]';
"""
# A search that looks through a part finds its text in the row, and reads one page.
IN_THE_ROW = "ALTER TABLE sends_historypart ALTER COLUMN text SET STORAGE MAIN"
APART = "ALTER TABLE sends_historypart ALTER COLUMN text SET STORAGE EXTENDED"


class Migration(migrations.Migration):

    dependencies = [
        ('sends', '0042_customers'),
    ]

    operations = [
        migrations.CreateModel(
            name='HistorySpan',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        migrations.RunSQL(IN_THE_ROW, APART),
        migrations.RunSQL(BLANKS, migrations.RunSQL.noop),
        # The index goes with the column.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name='historypart', name='history_part_by_time')
            ]
        ),
        migrations.RemoveField(model_name='historypart', name='created_at'),
    ]
