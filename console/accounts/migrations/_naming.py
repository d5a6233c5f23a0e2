"""The functions of console.text.naming in PostgreSQL, for migrations.

A restore fills tables without a search path, so functions that call others set their own.
"""

from console.text.naming import BLANKS, FOLDS
from console.text.visible import UNSEEN


def folding_sql() -> str:
    """Return the SQL of functions that give the same results as `folded`."""
    upper = "".join(map(chr, FOLDS))
    lower = "".join(FOLDS.values())
    unseen = "".join(f"\\U{ord(char):08x}" if char != "-" else "-" for char in UNSEEN)
    return f"""
CREATE FUNCTION console_folded(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $fold$
    SELECT normalize(translate(normalize(btrim(
        regexp_replace(regexp_replace(name, '[{unseen}]+', '', 'g'), '[{BLANKS}]+', ' ', 'g'),
        ' '), NFC), '{upper}', '{lower}'), NFC)
$fold$;

CREATE FUNCTION console_folded_each(names text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path FROM CURRENT AS $fold$
    SELECT coalesce(array_agg(console_folded(name) ORDER BY place), '{{}}')
    FROM unnest(names) WITH ORDINALITY AS each(name, place)
$fold$;

CREATE FUNCTION console_read_once(names text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path FROM CURRENT AS $fold$
    SELECT count(DISTINCT name) = count(*) FROM unnest(console_folded_each(names)) AS each(name)
$fold$;

CREATE FUNCTION console_name_key() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $fold$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.name IS DISTINCT FROM OLD.name THEN
        NEW.name_key := console_folded(NEW.name);
    ELSE
        NEW.name_key := OLD.name_key;
    END IF;
    RETURN NEW;
END $fold$;
"""  # noqa: S608 - nothing of this is anybody's input


def name_key_sql(table: str, *, within: str = "") -> str:
    """Return the SQL that gives a table a unique `name_key`, `within` the same parent, if any.

    Of names that clash already, the later ones get different keys: they stay, and no more can come.
    """
    same = f"coalesce({within}, 0), " if within else ""
    return f"""
ALTER TABLE {table} ADD COLUMN name_key text;
UPDATE {table} named SET name_key = console_folded(named.name)
    || CASE WHEN ranked.place > 1 THEN E'\\x1f' || named.id ELSE '' END
FROM (SELECT id, row_number() OVER (PARTITION BY {same}console_folded(name) ORDER BY id) AS place
    FROM {table}) ranked
WHERE ranked.id = named.id;
ALTER TABLE {table} ALTER COLUMN name_key SET NOT NULL;
CREATE UNIQUE INDEX {table}_name_reads_as_one ON {table} ({same}name_key);
CREATE TRIGGER name_key BEFORE INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION console_name_key();
"""  # noqa: S608 - nothing of this is anybody's input


def no_name_key_sql(table: str) -> str:
    return f"""
DROP TRIGGER name_key ON {table};
ALTER TABLE {table} DROP COLUMN name_key;
"""
