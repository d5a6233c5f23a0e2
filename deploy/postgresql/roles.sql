-- Once, by a superuser: psql -v ON_ERROR_STOP=1 -f roles.sql (docs/postgresql.md).
-- Then give each role its password: \password console_owner, \password console

-- Owns the database and its schema, and migrates them. Nothing runs as this role.
CREATE ROLE console_owner LOGIN;
-- What web servers and workers are. It changes no table, and nothing in the ledger.
CREATE ROLE console LOGIN;

CREATE DATABASE console OWNER console_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE console FROM PUBLIC;
GRANT CONNECT ON DATABASE console TO console;
