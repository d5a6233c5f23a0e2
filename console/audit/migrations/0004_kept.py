from django.db import migrations

# The tables' owner can switch these off; then the chain and its checkpoints reveal changes.
REFUSE = """
CREATE FUNCTION console_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What is in % is kept as it was written: % is refused.', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_entry_not_emptied BEFORE TRUNCATE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();

CREATE TRIGGER audit_checkpoint_kept
    BEFORE UPDATE OF seq, hash, at, key_id, signature OR DELETE ON audit_auditcheckpoint
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_checkpoint_not_emptied BEFORE TRUNCATE ON audit_auditcheckpoint
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
"""
ALLOW = """
DROP TRIGGER audit_entry_kept ON audit_auditentry;
DROP TRIGGER audit_entry_not_emptied ON audit_auditentry;
DROP TRIGGER audit_checkpoint_kept ON audit_auditcheckpoint;
DROP TRIGGER audit_checkpoint_not_emptied ON audit_auditcheckpoint;
DROP FUNCTION console_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_checkpoints")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
