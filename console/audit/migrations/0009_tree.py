from django.db import migrations, models

# What is kept in the tree only grows: a tile keeps the hashes that it has, and begins when the one
# before it is full; heads and names of the log stay. Only cosignatures are added to a head's note.
KEEP = """
CREATE FUNCTION audit_tile_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF length(NEW.hashes) % 32 <> 0 OR length(NEW.hashes) NOT BETWEEN 32 AND 8192 THEN
        RAISE EXCEPTION 'A tile has 1 to 256 hashes of 32 bytes, not % bytes.', length(NEW.hashes)
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.level, NEW.index) <> (OLD.level, OLD.index)
            OR length(NEW.hashes) <= length(OLD.hashes)
            OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes THEN
            RAISE EXCEPTION 'Tile % of level % only grows: UPDATE is refused.', OLD.index, OLD.level
                USING ERRCODE = 'restrict_violation';
        END IF;
    ELSIF NEW.level NOT BETWEEN -1 AND 7 OR NEW.level = 0 OR NEW.index < 0 OR NEW.index > 0
        AND NOT EXISTS (SELECT FROM audit_audittile t
            WHERE t.level = NEW.level AND t.index = NEW.index - 1 AND length(t.hashes) = 8192) THEN
        RAISE EXCEPTION 'Tile % of level % does not follow a full one.', NEW.index, NEW.level
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_tile_grows BEFORE INSERT OR UPDATE ON audit_audittile
    FOR EACH ROW EXECUTE FUNCTION audit_tile_grows();
CREATE TRIGGER audit_tile_kept BEFORE DELETE ON audit_audittile
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_tile_not_emptied BEFORE TRUNCATE ON audit_audittile
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();

CREATE TRIGGER audit_tree_head_kept BEFORE UPDATE OF size, origin, root, at OR DELETE
    ON audit_audittreehead FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_tree_head_not_emptied BEFORE TRUNCATE ON audit_audittreehead
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
CREATE FUNCTION audit_note_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT starts_with(NEW.note, OLD.note) THEN
        RAISE EXCEPTION 'The note of a tree head only grows, by cosignatures: UPDATE is refused.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_note_grows BEFORE UPDATE ON audit_audittreehead
    FOR EACH ROW EXECUTE FUNCTION audit_note_grows();

CREATE TRIGGER audit_log_kept BEFORE UPDATE OR DELETE ON audit_auditlog
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_log_not_emptied BEFORE TRUNCATE ON audit_auditlog
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();

-- Digests are not compressible.
ALTER TABLE audit_audittile ALTER COLUMN hashes SET STORAGE EXTERNAL;
"""
ALLOW = """
DROP TRIGGER audit_log_not_emptied ON audit_auditlog;
DROP TRIGGER audit_log_kept ON audit_auditlog;
DROP TRIGGER audit_note_grows ON audit_audittreehead;
DROP FUNCTION audit_note_grows();
DROP TRIGGER audit_tree_head_not_emptied ON audit_audittreehead;
DROP TRIGGER audit_tree_head_kept ON audit_audittreehead;
DROP TRIGGER audit_tile_not_emptied ON audit_audittile;
DROP TRIGGER audit_tile_kept ON audit_audittile;
DROP TRIGGER audit_tile_grows ON audit_audittile;
DROP FUNCTION audit_tile_grows();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0008_signatures'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditLog',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('origin', models.CharField(max_length=200, unique=True)),
                ('secret', models.BinaryField()),
                ('begun_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='AuditReceipt',
            fields=[
                ('place', models.CharField(max_length=2048, primary_key=True, serialize=False)),
                ('seq', models.BigIntegerField()),
                ('hash', models.CharField(max_length=64)),
                ('at', models.CharField(max_length=27)),
                ('key_id', models.CharField(max_length=16)),
                ('signature', models.CharField(max_length=88)),
            ],
        ),
        migrations.CreateModel(
            name='AuditTile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('level', models.SmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hashes', models.BinaryField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('level', 'index'), name='audit_tile')],
            },
        ),
        migrations.CreateModel(
            name='AuditTreeHead',
            fields=[
                ('size', models.BigIntegerField(primary_key=True, serialize=False)),
                ('origin', models.CharField(max_length=200)),
                ('root', models.BinaryField()),
                ('at', models.DateTimeField()),
                ('note', models.TextField()),
            ],
            options={
                'ordering': ['-size'],
            },
        ),
        migrations.RunSQL(KEEP, ALLOW),
    ]
