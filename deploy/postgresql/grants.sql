-- After each migration, by the owner: psql -v ON_ERROR_STOP=1 -d console -U console_owner -f grants.sql
-- (docs/postgresql.md). What the role of web servers and workers may do, all of it said anew.
BEGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC, console;
GRANT USAGE ON SCHEMA public TO console;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO console;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM console;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO console;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO console;

-- The ledger is added to, by the function audit_append. Of a checkpoint it is noted when it came to be kept outside.
REVOKE UPDATE, DELETE ON audit_auditentry, audit_auditcheckpoint, audit_auditseal, audit_auditsignature,
    audit_auditcertificate FROM console;
GRANT UPDATE (outside_at) ON audit_auditcheckpoint TO console;
-- The tree over it only grows: a tile by hashes, the note of a head by cosignatures.
REVOKE UPDATE, DELETE ON audit_auditlog, audit_audittile, audit_audittreehead FROM console;
GRANT UPDATE (hashes) ON audit_audittile TO console;
GRANT UPDATE (note) ON audit_audittreehead TO console;
-- What witnesses and the time stamping authority said stays as it came.
REVOKE UPDATE, DELETE ON audit_auditcosignature, audit_audittimestamp FROM console;
-- Evidence of unknown deliveries stays as well. Only remarks are erased.
REVOKE UPDATE, DELETE ON sends_evidence FROM console;
GRANT UPDATE (remark, remark_salt) ON sends_evidence TO console;
-- Only a migration says that it was made.
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM console;
COMMIT;
