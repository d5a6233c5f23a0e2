-- With a pooler in transaction mode (docs/postgresql.md), once by a superuser:
-- psql -v ON_ERROR_STOP=1 -f pooled.sql
-- Whatever session a pooler gives to a web process has its limits. Workers and commands set theirs.

ALTER ROLE console SET default_transaction_isolation = 'read committed';
ALTER ROLE console SET default_transaction_deferrable = 'off';
ALTER ROLE console SET statement_timeout = '30000ms';
ALTER ROLE console SET lock_timeout = '4000ms';
ALTER ROLE console SET idle_in_transaction_session_timeout = '5000ms';
ALTER ROLE console SET idle_session_timeout = '0';
ALTER ROLE console SET jit = 'off';
ALTER ROLE console SET tcp_keepalives_idle = '4';
ALTER ROLE console SET tcp_keepalives_interval = '2';
ALTER ROLE console SET tcp_keepalives_count = '3';
ALTER ROLE console SET tcp_user_timeout = '10000';
