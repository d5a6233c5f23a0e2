from django.db import migrations, models

# What witnesses and the time stamping authority said stays as it came.
KEEP = """
CREATE TRIGGER audit_cosignature_kept BEFORE UPDATE OR DELETE ON audit_auditcosignature
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_cosignature_not_emptied BEFORE TRUNCATE ON audit_auditcosignature
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_timestamp_kept BEFORE UPDATE OR DELETE ON audit_audittimestamp
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_timestamp_not_emptied BEFORE TRUNCATE ON audit_audittimestamp
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
"""
ALLOW = """
DROP TRIGGER audit_timestamp_not_emptied ON audit_audittimestamp;
DROP TRIGGER audit_timestamp_kept ON audit_audittimestamp;
DROP TRIGGER audit_cosignature_not_emptied ON audit_auditcosignature;
DROP TRIGGER audit_cosignature_kept ON audit_auditcosignature;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0009_tree'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditCosignature',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('origin', models.CharField(max_length=200)),
                ('size', models.BigIntegerField()),
                ('witness', models.CharField(max_length=400)),
                ('line', models.TextField()),
                ('time', models.BigIntegerField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [
                    models.Index(fields=['-size', 'witness', '-id'], name='audit_cosigned_size'),
                    models.Index(fields=['witness', '-id'], name='audit_cosigned_by'),
                ],
            },
        ),
        migrations.CreateModel(
            name='AuditTimestamp',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('origin', models.CharField(max_length=200)),
                ('size', models.BigIntegerField()),
                ('authority', models.CharField(max_length=2048)),
                ('response', models.BinaryField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='AuditWitness',
            fields=[
                ('witness', models.CharField(max_length=400, primary_key=True, serialize=False)),
                ('origin', models.CharField(max_length=200)),
                ('size', models.BigIntegerField(default=0)),
                ('asked_at', models.DateTimeField()),
                ('trouble', models.TextField(blank=True)),
            ],
        ),
        migrations.RunSQL(KEEP, ALLOW),
    ]
