import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalogue', '0011_notice_class'),
        ('sends', '0033_ids_by_byte'),
    ]

    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            name='HistoryFact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chat_server_name', models.CharField(max_length=128)),
                ('status', models.CharField(max_length=10)),
                ('first_id', models.BigIntegerField()),
                ('last_id', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='HistoryPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_id', models.BigIntegerField()),
                ('last_id', models.BigIntegerField(unique=True)),
                ('created_at', models.DateTimeField()),
                ('marks', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('text', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='Origin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('actor_ref', models.CharField(max_length=64)),
                ('actor_name', models.CharField(max_length=200)),
                ('approver_ref', models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.AddField(
            model_name='send',
            name='is_searchable',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='historyfact',
            name='version',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='catalogue.noticeversion'),
        ),
        migrations.AddField(
            model_name='historypart',
            name='send',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='history_parts', to='sends.send'),
        ),
        migrations.AddField(
            model_name='historyfact',
            name='part',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='facts', to='sends.historypart'),
        ),
        migrations.AddConstraint(
            model_name='origin',
            constraint=models.UniqueConstraint(fields=('actor_ref', 'actor_name', 'approver_ref'), name='one_origin'),
        ),
        migrations.AddField(
            model_name='historyfact',
            name='send',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='sends.send'),
        ),
        migrations.AddField(
            model_name='historyfact',
            name='origin',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='sends.origin'),
        ),
        migrations.AddIndex(
            model_name='historypart',
            index=models.Index(fields=['created_at'], name='history_part_by_time'),
        ),
        migrations.AddIndex(
            model_name='historypart',
            index=django.contrib.postgres.indexes.GinIndex(models.F('marks'), django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('text'), 'gin_trgm_ops'), gin_pending_list_limit=1024, name='history_part_search'),
        ),
        migrations.AddIndex(
            model_name='historyfact',
            index=models.Index(fields=['status', 'last_id'], name='history_by_status'),
        ),
        migrations.AddIndex(
            model_name='historyfact',
            index=models.Index(fields=['chat_server_name', 'status', 'last_id'], name='history_by_server'),
        ),
        migrations.AddIndex(
            model_name='historyfact',
            index=models.Index(fields=['version', 'status', 'last_id'], name='history_by_version'),
        ),
        migrations.AddIndex(
            model_name='historyfact',
            index=models.Index(fields=['origin', 'status', 'last_id'], name='history_by_origin'),
        ),
        migrations.AddIndex(
            model_name='historyfact',
            index=models.Index(fields=['version', 'chat_server_name', 'status', 'last_id'], name='history_by_version_server'),
        ),
        migrations.AddIndex(
            model_name='historyfact',
            index=models.Index(fields=['origin', 'chat_server_name', 'status', 'last_id'], name='history_by_origin_server'),
        ),
        migrations.AddIndex(
            model_name='historyfact',
            index=models.Index(fields=['origin', 'version', 'status', 'last_id'], name='history_by_origin_version'),
        ),
    ]
