import console.catalogue.content.search_words
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

# " / " separates the names of a path, so no name may contain it from now on.
PATHS = """
UPDATE catalogue_category SET name = replace(name, ' / ', '/') WHERE name LIKE '% / %';
UPDATE catalogue_category SET path = name;
UPDATE catalogue_visibilitypreset SET is_approved = true;
"""

# A version approved for a later time waits for it, and then replaces the previous one by its
# reviewer's decision, which can't change meanwhile.
DROP_STEPS = "DROP TRIGGER version_status_goes_on ON catalogue_noticeversion;"
STEPS = """
CREATE TRIGGER version_status_goes_on
    BEFORE UPDATE OF status, reviewer_ref, reviewer_name, reviewed_at, reject_reason
    ON catalogue_noticeversion FOR EACH ROW
    WHEN (
        (NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
            ('draft', 'in_review'), ('in_review', 'published'), ('in_review', 'rejected'),
            %(scheduled)s('published', 'superseded')))
        OR (NEW.status = OLD.status OR OLD.status <> 'in_review')
            AND (OLD.reviewer_ref, OLD.reviewer_name, OLD.reviewed_at, OLD.reject_reason)
            IS DISTINCT FROM
            (NEW.reviewer_ref, NEW.reviewer_name, NEW.reviewed_at, NEW.reject_reason))
    EXECUTE FUNCTION catalogue_refuse_step();
"""
WITH_SCHEDULE = STEPS % {
    "scheduled": """('in_review', 'scheduled'), ('scheduled', 'published'),
            ('scheduled', 'superseded'), """
}
WITHOUT_SCHEDULE = STEPS % {"scheduled": ""}

# A preset's content is always what one person proposed and another approved.
PRESETS = """
CREATE FUNCTION catalogue_refuse_unreviewed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM catalogue_presetchange c
        WHERE c.preset_id = NEW.id AND c.status = 'approved'
            AND (c.name, c.visibility, c.nickname, c.roles)
            IS NOT DISTINCT FROM (NEW.name, NEW.visibility, NEW.nickname, NEW.roles)) THEN
        RAISE EXCEPTION 'A preset changes only as somebody else has approved it: % is refused.',
            NEW.name USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER preset_changes_reviewed BEFORE UPDATE ON catalogue_visibilitypreset
    FOR EACH ROW
    WHEN ((OLD.id, OLD.name, OLD.visibility, OLD.nickname, OLD.roles, OLD.is_approved)
        IS DISTINCT FROM
        (NEW.id, NEW.name, NEW.visibility, NEW.nickname, NEW.roles, NEW.is_approved))
    EXECUTE FUNCTION catalogue_refuse_unreviewed();

CREATE FUNCTION catalogue_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The change of a preset is proposed, and decided on once: to make it % is '
        'refused.', NEW.status USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER preset_change_begins BEFORE INSERT ON catalogue_presetchange FOR EACH ROW
    WHEN (NEW.status <> 'in_review' OR NEW.reviewer_ref <> '' OR NEW.reviewed_at IS NOT NULL)
    EXECUTE FUNCTION catalogue_refuse_change();

CREATE TRIGGER preset_change_kept BEFORE UPDATE ON catalogue_presetchange FOR EACH ROW
    WHEN (OLD.status <> 'in_review' OR NEW.status = 'in_review' OR
        (OLD.preset_id, OLD.name, OLD.visibility, OLD.nickname, OLD.roles, OLD.author_ref,
            OLD.author_name, OLD.created_at)
        IS DISTINCT FROM
        (NEW.preset_id, NEW.name, NEW.visibility, NEW.nickname, NEW.roles, NEW.author_ref,
            NEW.author_name, NEW.created_at))
    EXECUTE FUNCTION catalogue_refuse_change();
"""
NO_PRESETS = """
DROP TRIGGER preset_changes_reviewed ON catalogue_visibilitypreset;
DROP TRIGGER preset_change_begins ON catalogue_presetchange;
DROP TRIGGER preset_change_kept ON catalogue_presetchange;
DROP FUNCTION catalogue_refuse_unreviewed();
DROP FUNCTION catalogue_refuse_change();
"""


def note_words(apps, schema_editor):
    """Index the existing notices for search."""
    notices = apps.get_model("catalogue", "CannedNotice").objects
    words = apps.get_model("catalogue", "NoticeWords").objects
    for notice in notices.prefetch_related("versions").iterator(chunk_size=500):
        versions = sorted(notice.versions.all(), key=lambda version: -version.number)
        used = [v for place, v in enumerate(versions) if place == 0 or v.status == "published"]
        names = [("A", notice.key), ("A", notice.title)]
        texts = [("D", body) for version in used for body in version.bodies.values()]
        words.create(
            notice=notice,
            names=console.catalogue.content.search_words.as_vector(names),
            words=console.catalogue.content.search_words.as_vector(names + texts),
        )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_administration'),
        ('catalogue', '0004_own_work'),
    ]

    operations = [
        migrations.CreateModel(
            name='Favourite',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person_ref', models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name='NoticeWords',
            fields=[
                ('notice', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='words', serialize=False, to='catalogue.cannednotice')),
                ('names', console.catalogue.content.search_words.WordsField()),
                ('words', console.catalogue.content.search_words.WordsField()),
            ],
            options={
                'verbose_name_plural': 'notice words',
            },
        ),
        migrations.CreateModel(
            name='PresetChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('in_review', 'In review'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('superseded', 'Superseded')], default='in_review', max_length=10)),
                ('name', models.CharField(max_length=100)),
                ('visibility', models.CharField(choices=[('ALL', 'Everyone'), ('INT', 'Staff only'), ('VIP', 'Supervisors only')], max_length=3)),
                ('nickname', models.CharField(blank=True, max_length=100)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), blank=True, default=list, size=None)),
                ('author_ref', models.CharField(max_length=64)),
                ('author_name', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('reviewer_ref', models.CharField(blank=True, max_length=64)),
                ('reviewer_name', models.CharField(blank=True, max_length=200)),
                ('reviewed_at', models.DateTimeField(blank=True, null=True)),
                ('reject_reason', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.AlterModelOptions(
            name='category',
            options={'ordering': ['path'], 'verbose_name_plural': 'categories'},
        ),
        migrations.AddField(
            model_name='cannednotice',
            name='shortcut',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name='cannednotice',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='category',
            name='depth',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='category',
            name='parent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='catalogue.category'),
        ),
        migrations.AddField(
            model_name='category',
            name='path',
            field=models.CharField(default='', max_length=600),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='category',
            name='team',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='accounts.team'),
        ),
        migrations.AddField(
            model_name='visibilitypreset',
            name='is_approved',
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name='category',
            name='name',
            field=models.CharField(max_length=100),
        ),
        migrations.AlterField(
            model_name='noticeversion',
            name='status',
            field=models.CharField(choices=[('draft', 'Draft'), ('in_review', 'In review'), ('scheduled', 'Scheduled'), ('published', 'Published'), ('rejected', 'Rejected'), ('superseded', 'Superseded')], default='draft', max_length=10),
        ),
        migrations.RunSQL(PATHS, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='category',
            name='path',
            field=models.CharField(max_length=600, unique=True),
        ),
        migrations.AddIndex(
            model_name='cannednotice',
            index=django.contrib.postgres.indexes.GinIndex(fields=['tags'], name='notice_by_tag'),
        ),
        migrations.AddIndex(
            model_name='noticeversion',
            index=models.Index(condition=models.Q(('status__in', ['draft', 'in_review', 'scheduled'])), fields=['status', 'notice'], name='version_not_over'),
        ),
        migrations.AddIndex(
            model_name='noticeversion',
            index=models.Index(condition=models.Q(('status', 'published'), ('valid_until__isnull', False)), fields=['valid_until'], name='version_that_ends'),
        ),
        migrations.AddConstraint(
            model_name='cannednotice',
            constraint=models.UniqueConstraint(condition=models.Q(('retired_at', None), models.Q(('shortcut', ''), _negated=True)), fields=('shortcut',), name='shortcut_unique_in_use'),
        ),
        migrations.AddConstraint(
            model_name='category',
            constraint=models.UniqueConstraint(fields=('parent', 'name'), name='category_name_unique_in_its_parent', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='category',
            constraint=models.CheckConstraint(condition=models.Q(('depth__gte', 1), ('depth__lte', 5)), name='category_not_too_deep'),
        ),
        migrations.AddConstraint(
            model_name='category',
            constraint=models.CheckConstraint(condition=models.Q(('parent', models.F('id')), _negated=True), name='category_not_in_itself'),
        ),
        migrations.AddConstraint(
            model_name='noticeversion',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'scheduled')), fields=('notice',), name='one_scheduled_version_a_notice'),
        ),
        migrations.AddConstraint(
            model_name='noticeversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'scheduled'), _negated=True), ('valid_from__isnull', False), _connector='OR'), name='scheduled_version_has_its_time'),
        ),
        migrations.AddField(
            model_name='favourite',
            name='notice',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='favourites', to='catalogue.cannednotice'),
        ),
        migrations.AddIndex(
            model_name='noticewords',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['names'], name='notice_by_names'),
        ),
        migrations.AddIndex(
            model_name='noticewords',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['words'], name='notice_by_words'),
        ),
        migrations.AddField(
            model_name='presetchange',
            name='preset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='catalogue.visibilitypreset'),
        ),
        migrations.AddConstraint(
            model_name='favourite',
            constraint=models.UniqueConstraint(fields=('person_ref', 'notice'), name='favourite_once'),
        ),
        migrations.AddConstraint(
            model_name='presetchange',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'in_review')), fields=('preset',), name='one_open_change_a_preset'),
        ),
        migrations.AddConstraint(
            model_name='presetchange',
            constraint=models.CheckConstraint(condition=models.Q(('reviewer_ref', models.F('author_ref')), _negated=True), name='nobody_reviews_own_change'),
        ),
        migrations.AddConstraint(
            model_name='presetchange',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['in_review', 'superseded']), models.Q(('reviewer_ref', ''), _negated=True), _connector='OR'), name='decided_change_has_reviewer'),
        ),
        migrations.AddConstraint(
            model_name='presetchange',
            constraint=models.CheckConstraint(condition=models.Q(('visibility__in', ['ALL', 'INT', 'VIP'])), name='change_visibility_known'),
        ),
        migrations.RunSQL(DROP_STEPS + WITH_SCHEDULE, DROP_STEPS + WITHOUT_SCHEDULE),
        migrations.RunSQL(PRESETS, NO_PRESETS),
        migrations.RunPython(note_words, migrations.RunPython.noop),
    ]
