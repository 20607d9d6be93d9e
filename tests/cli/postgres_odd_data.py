"""A database with every odd thing that PostgreSQL allows, for what must copy databases whole."""

# Schemas, tables, columns: what quoting, paths and patterns stumble over.
ODD_NAMES = ["Upper Case", 'double"quote', "single'quote", "dot.in.name", ".", "..", "slash/in/name", "back\\slash", "percent%20%s",
             "select", "naïve ☃ 名前", "tab\there", "new\nline", "-dash", "star*?[a-z]", "$dollar$", " lead and trail ", "x" * 63,
             "café", "cafe\u0301", "semi;colon", "#hash", "a:b", "{brace}", "@at", "null", "\\."]

ROLES = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'odd owner') THEN
    CREATE ROLE "odd owner" NOLOGIN;
    CREATE ROLE odd_user LOGIN PASSWORD 'odd' CONNECTION LIMIT 7 VALID UNTIL '2099-01-01';
    GRANT "odd owner" TO odd_user;
    COMMENT ON ROLE odd_user IS 'a role''s comment';
    ALTER ROLE odd_user SET statement_timeout = '11min';
  END IF;
END $$;
"""

TYPES = r"""
CREATE EXTENSION citext;
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION btree_gist;
CREATE EXTENSION file_fdw;
CREATE EXTENSION postgres_fdw;
CREATE COLLATION odd_icu (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk');
CREATE DOMAIN positive AS int DEFAULT 7 CONSTRAINT above_zero CHECK (VALUE > 0) NOT NULL;
CREATE DOMAIN postcode AS text COLLATE "C" CHECK (VALUE ~ '^\d{5}$');
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "happy"', '', 'ütf');
ALTER TYPE mood ADD VALUE 'before ok' BEFORE 'ok';
CREATE TYPE pair AS (a int, b text, "C d" numeric(10,2));
CREATE TYPE nested AS (p pair, many pair[]);
CREATE TYPE text_range AS RANGE (subtype = text, collation = "C", multirange_type_name = text_many_range);
CREATE TYPE shell_only;
"""

VALUES = r"""
CREATE TABLE every_type (
  id int PRIMARY KEY, sm smallint, bi bigint, nu numeric, nu_fixed numeric(30,10), re real, dp double precision, mo money,
  ch char(5), vc varchar(40), tx text, na name, ic char, by bytea, bo boolean, da date, ti time, tz time with time zone,
  ts timestamp, tsz timestamptz, ts0 timestamptz(0), iv interval, ivm interval year to month, js json, jb jsonb, jp jsonpath,
  xm xml, uu uuid, ine inet, ci cidr, ma macaddr, ma8 macaddr8, bi1 bit(5), vb varbit, tv tsvector, tq tsquery, po point,
  li line, ls lseg, bx box, pa path, pg polygon, cl circle, ri int4range, rn numrange, rt tstzrange, rd daterange,
  mri int4multirange, mrn nummultirange, rx text_range, mood mood, moods mood[], pair pair, nested nested, pos positive,
  pc postcode, cit citext, hs ext.hstore, ai int[], at text[], a2 int[][], ao oid, lsn pg_lsn, snap pg_snapshot, rc regclass,
  rp regproc, aj jsonb[], ap point[], ab bytea[], co text COLLATE odd_icu, tid tid, xi xid8);
INSERT INTO every_type (id) VALUES (0);
INSERT INTO every_type VALUES (1, -32768, -9223372036854775808, 'NaN', -12345678901234567890.0123456789, 'NaN', 'Infinity',
  -92233720368547758.08, 'ab', '', '', '', ' ', '', true, 'infinity', '24:00', '24:00:00-15:59', '-infinity', 'infinity',
  '2038-01-19 03:14:07.6+00', '-178000000 years', '-1 year -1 mon', ' {"b" : 1, "a": 2, "b": 3 } ', '{"b": 1, "a": 2, "b": 3}',
  '$.a[*] ? (@ > 1)', '<a b="&lt;">x<!-- y --></a>', '00000000-0000-0000-0000-000000000000', '::1/0', '10.0.0.0/8',
  '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '10101', '', 'a:1A fat:2B,4C cat:5', 'fat & (rat | !cat) <2> x:*', '(NaN,Infinity)',
  '{1,-1,0}', '[(0,0),(1,1)]', '((1e-300,2),(3,1e300))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(0,0),5>', '(,)', '[NaN,)',
  '[-infinity,infinity]', 'empty', '{}', '{(,1),[2,3]}', '["a,b","c""d")', 'it''s "happy"', '{sad,"it''s \"happy\"",""}',
  ROW(1, E'a"b\\c,(d)\n', NULL), ROW(ROW(NULL, '', 2), ARRAY[ROW(1, NULL, NULL)::pair, NULL]), 1, '01234', 'CiText',
  'a=>1, "b c"=>NULL, "d\"e"=>"=>"', '[-2:0]={1,NULL,3}', E'{"",NULL,"NULL","a,b","c\\"d","e\\\\f","\n","{}"}',
  '{{1,2},{3,NULL}}', 4294967295, 'FFFFFFFF/FFFFFFFF', '10:20:10,14,15', 'pg_catalog.pg_class', 'pg_catalog.now',
  ARRAY['{"a": null}'::jsonb, NULL], '{"(1,2)","(3,4)"}', ARRAY['\x00ff'::bytea, ''::bytea, NULL], 'STRASSE', '(4294967295,65535)',
  '18446744073709551615');
INSERT INTO every_type (id, sm, bi, nu, nu_fixed, re, dp, mo, ch, by, da, ti, ts, tsz, iv, js, jb, rn, a2, ai, at, tx, vb, pos, tv)
VALUES (2, 32767, 9223372036854775807, 'Infinity', 0, '-Infinity', 'NaN', 0, E'\t\\', '\x', '4713-01-01 BC', '00:00:00.000001',
  '294276-12-31 23:59:59.999999', '4713-01-02 00:00+00 BC', '1 year -2 mons +3 days -04:05:06.000007', 'null', 'null', 'empty',
  '[2:3][-1:0]={{1,2},{3,4}}', '{}', '{}', 'NULL', B'1', DEFAULT, ''),
  (3, 0, 0, '-Infinity', 0.0000000001, 1e-45, 5e-324, 1, '', '\x5c2e0a', '-infinity', '12:00', '2000-01-01', '2000-01-01 12:00+05:30',
  '00:00:00', '""', '"\u0001\\ \""', '(,)', '{}', NULL, NULL, E'\\N', B'', 2, 'a'),
  (4, 1, 1, 1e-1000, 1, 3.4028235e38, 1.7976931348623157e308, 2, 'x', '\x00', 'epoch', '1:00', 'epoch', 'epoch', '1 us', '[1 , 2]',
  '[1, 2.0, 2.00, 1e3]', '[1,1]', '{{{1}}}', '{NULL}', '{NULL}', E'\\.', B'0', 3, 'b'),
  (5, 1, 1, 1e+1000, 1, 0.1, 0.1, 2, 'x', '\x00', 'today'::date - 'today'::date + '2020-02-29'::date, '1:00', 'epoch', 'epoch', '1 us',
  '[]', '[]', '[1,1]', '{}', '{}', '{}', '', B'0', 3, 'b'),
  (6, 1, 1, '-0', 1, '-0', '-0', 2, 'x', '\x00', 'epoch', '1:00', 'epoch', 'epoch', '1 us', '{}', '{}', '[1,1]', '{}', '{}', '{}', '', B'0',
  3, 'b');
INSERT INTO every_type (id, by) SELECT 7, string_agg(set_byte('\x00', 0, i), '' ORDER BY i) FROM generate_series(0, 255) i;
INSERT INTO every_type (id, tx) SELECT 8, string_agg(chr(i), '' ORDER BY i) FROM generate_series(1, 767) i;
INSERT INTO every_type (id, tx) VALUES (9, E'\U0001F600 \uFEFF \u200B \uFFFF \u0301'), (10, repeat(E'\\.\n', 5000));
INSERT INTO every_type (id, by) SELECT 11, string_agg(sha256(i::text::bytea), '' ORDER BY i) FROM generate_series(1, 40000) i;
CREATE TABLE odd_text (id int GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 10) PRIMARY KEY, value text);
INSERT INTO odd_text (value) VALUES (''), (NULL), ('NULL'), (E'\\N'), (E'\\.'), (E'\\.\n'), (E'\n\\.\n'), (E'\t'), (E'a\tb'),
  (E'\r'), (E'\r\n'), (E'\n'), (E'\\'), (E'\\\\'), (E'\\n'), (E'\b\f\v'), (' '), (E'a\\'), ('"'), (''''), (','), (E'\x01\x1f\x7f'),
  ('$$'), ('--'), ('/*'), (';'), ('{'), ('<'), (repeat('long ', 500000));
CREATE TABLE no_key (value text, twice int);
INSERT INTO no_key SELECT 'same', 1 FROM generate_series(1, 3);
INSERT INTO no_key VALUES ('same', NULL), (NULL, NULL), (NULL, NULL), (E'\\N', 2);
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 5);
CREATE TABLE no_rows (id int PRIMARY KEY, value text);
CREATE TABLE dropped (gone1 int, a text, gone2 jsonb, b int, gone3 text);
INSERT INTO dropped VALUES (1, 'before', '{}', 2, 'x');
ALTER TABLE dropped DROP COLUMN gone1, DROP COLUMN gone2, DROP COLUMN gone3, ADD COLUMN c text DEFAULT 'added' NOT NULL;
INSERT INTO dropped VALUES ('after', 3, 'given');
CREATE TABLE all_dropped (a int);
INSERT INTO all_dropped VALUES (1), (2);
ALTER TABLE all_dropped DROP COLUMN a;
CREATE TABLE many_rows (id bigint PRIMARY KEY, k uuid NOT NULL UNIQUE, note text) WITH (fillfactor = 70, autovacuum_enabled = off);
INSERT INTO many_rows SELECT i, md5(i::text)::uuid, repeat(md5((i * 7)::text), (i % 5)::int) FROM generate_series(1, 20000) i;
DELETE FROM many_rows WHERE id % 17 = 0;
UPDATE many_rows SET note = 'moved' WHERE id % 101 = 0;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, t text);
INSERT INTO unlogged VALUES (1, 'kept while nothing crashes');
"""

COLUMNS = r"""
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 * 2';
CREATE TABLE computed (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a int, doubled int GENERATED ALWAYS AS (a * 2) STORED,
  b text DEFAULT 'x' || chr(10), shout text GENERATED ALWAYS AS (upper(b)) STORED, viaf int GENERATED ALWAYS AS (public.twice(a)) STORED);
INSERT INTO computed (a, b) SELECT i, 'row ' || i FROM generate_series(1, 50) i;
CREATE TABLE counted (id serial PRIMARY KEY, small smallserial, big bigserial, t text);
INSERT INTO counted (t) SELECT 'n' || i FROM generate_series(1, 12) i;
CREATE SEQUENCE never_called START 42;
CREATE SEQUENCE cycled MINVALUE 3 MAXVALUE 5 CYCLE;
SELECT nextval('cycled') FROM generate_series(1, 5);
CREATE SEQUENCE at_its_end AS smallint MAXVALUE 9;
SELECT setval('at_its_end', 9);
CREATE SEQUENCE downwards INCREMENT -3 MAXVALUE -1 MINVALUE -100 CACHE 4;
SELECT nextval('downwards');
CREATE SEQUENCE set_not_called;
SELECT setval('set_not_called', 77, false);
CREATE SEQUENCE big_one;
SELECT setval('big_one', 9223372036854775806);
CREATE TABLE owner_of_one (id bigint DEFAULT nextval('big_one'));
ALTER SEQUENCE big_one OWNED BY owner_of_one.id;
ALTER TABLE many_rows ALTER note SET STORAGE EXTERNAL, ALTER note SET STATISTICS 1000, ALTER note SET (n_distinct = -0.5);
ALTER TABLE many_rows ALTER note SET COMPRESSION pglz, SET (toast.autovacuum_enabled = off), REPLICA IDENTITY USING INDEX many_rows_k_key;
ALTER TABLE many_rows CLUSTER ON many_rows_pkey;
"""

TREES = r"""
CREATE TABLE by_range (id int, at date NOT NULL, v text) PARTITION BY RANGE (at);
CREATE TABLE by_range_2020 PARTITION OF by_range FOR VALUES FROM (MINVALUE) TO ('2021-01-01');
CREATE TABLE by_range_2021 PARTITION OF by_range FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (v);
CREATE TABLE by_range_2021_a PARTITION OF by_range_2021 FOR VALUES IN ('a', NULL);
CREATE TABLE by_range_2021_hash PARTITION OF by_range_2021 DEFAULT PARTITION BY HASH (id);
CREATE TABLE by_range_2021_hash_0 PARTITION OF by_range_2021_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.by_range_2021_hash_1 (v text, dropped int, at date NOT NULL, id int);
ALTER TABLE elsewhere.by_range_2021_hash_1 DROP COLUMN dropped;
ALTER TABLE by_range_2021_hash ATTACH PARTITION elsewhere.by_range_2021_hash_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE by_range_rest PARTITION OF by_range DEFAULT;
INSERT INTO by_range SELECT i, '2019-06-01'::date + i * 7, CASE i % 4 WHEN 0 THEN 'a' WHEN 1 THEN NULL ELSE 'v' || i END
  FROM generate_series(1, 300) i;
CREATE INDEX by_range_id ON by_range (id);
CREATE TABLE keyed_parts (id int, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE keyed_parts_1 PARTITION OF keyed_parts FOR VALUES IN (1);
CREATE TABLE keyed_parts_2 PARTITION OF keyed_parts FOR VALUES IN (2);
INSERT INTO keyed_parts SELECT i, i % 2 + 1 FROM generate_series(1, 20) i;
CREATE TABLE points_at_parts (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES keyed_parts);
INSERT INTO points_at_parts VALUES (1, 1, 2), (2, NULL, NULL);
CREATE TABLE no_parts (a int) PARTITION BY RANGE (a);
CREATE TABLE parent (id int PRIMARY KEY, v text NOT NULL CHECK (v <> 'never'));
CREATE TABLE other_parent (w int DEFAULT 3);
CREATE TABLE child (PRIMARY KEY (id), extra text) INHERITS (parent);
CREATE TABLE grandchild (more jsonb) INHERITS (child, other_parent);
INSERT INTO parent VALUES (1, 'own row of the parent'), (2, 'and one more');
INSERT INTO child VALUES (1, 'the same id in a child', 'e');
INSERT INTO grandchild VALUES (3, 'g', 'x', 5, '{}');
INSERT INTO other_parent VALUES (9);
"""

CONSTRAINTS = r"""
CREATE TABLE egg (id int PRIMARY KEY, hen int);
CREATE TABLE hen (id int PRIMARY KEY, egg int NOT NULL REFERENCES egg DEFERRABLE INITIALLY DEFERRED);
INSERT INTO egg VALUES (1, 1), (2, 2), (3, NULL);
INSERT INTO hen VALUES (1, 2), (2, 1);
ALTER TABLE egg ADD CONSTRAINT egg_hen FOREIGN KEY (hen) REFERENCES hen ON DELETE SET NULL ON UPDATE CASCADE;
CREATE TABLE staff (id int PRIMARY KEY, boss int REFERENCES staff, name text UNIQUE NULLS NOT DISTINCT);
INSERT INTO staff SELECT i, CASE WHEN i < 20 THEN i + 1 END, 's' || i FROM generate_series(1, 20) i;
CREATE TABLE booking (room int, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO booking VALUES (1, '[2024-01-01,2024-01-02)'), (1, '[2024-01-02,2024-01-03)'), (2, '[2024-01-01,2024-01-02)');
CREATE TABLE not_valid (id int PRIMARY KEY, v int, staff int);
INSERT INTO not_valid VALUES (1, -1, 999), (2, 5, 1);
ALTER TABLE not_valid ADD CONSTRAINT v_positive CHECK (v > 0) NOT VALID;
ALTER TABLE not_valid ADD CONSTRAINT staff_there FOREIGN KEY (staff) REFERENCES staff NOT VALID;
CREATE TABLE swapped (place int UNIQUE DEFERRABLE INITIALLY IMMEDIATE, CONSTRAINT no_inherit CHECK (place > 0) NO INHERIT);
INSERT INTO swapped VALUES (1), (2);
CREATE INDEX partial ON staff (lower(name)) INCLUDE (boss) WHERE boss > 3;
CREATE INDEX trigrams ON staff USING gin (name ext.gin_trgm_ops);
CREATE INDEX brin ON many_rows USING brin (id) WITH (pages_per_range = 4);
CREATE UNIQUE INDEX odd_order ON many_rows (note COLLATE "C" DESC NULLS LAST, id);
CREATE STATISTICS many_stats (ndistinct, dependencies, mcv) ON id, note FROM many_rows;
CREATE STATISTICS many_expression ON (length(note)), (id % 10) FROM many_rows;
ALTER STATISTICS many_stats SET STATISTICS 50;
"""

PROGRAMS = r"""
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN NEW.v := coalesce(NEW.v, '') || ' stamped'; RETURN NEW; END $f$;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by a trigger'; END $$;
CREATE TABLE triggered (id int PRIMARY KEY, v text);
INSERT INTO triggered VALUES (1, 'before the triggers'), (2, NULL);
CREATE TRIGGER stamps BEFORE INSERT OR UPDATE OF v ON triggered FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER refuses BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE triggered DISABLE TRIGGER refuses;
CREATE TRIGGER on_replicas AFTER DELETE ON triggered REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION stamp();
ALTER TABLE triggered ENABLE REPLICA TRIGGER on_replicas;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON swapped DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.place < 0) EXECUTE FUNCTION refuse();
CREATE TRIGGER strict BEFORE INSERT ON no_rows FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE no_rows ENABLE ALWAYS TRIGGER strict;
CREATE TABLE ruled (id int, v text);
INSERT INTO ruled VALUES (1, 'as inserted');
CREATE RULE silently AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE RULE also AS ON INSERT TO ruled WHERE NEW.id < 0 DO ALSO INSERT INTO no_key VALUES (NEW.v, NEW.id);
CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$;
CREATE EVENT TRIGGER watches ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION noticed();
CREATE PROCEDURE "do it"(IN a int, INOUT b text DEFAULT 'x;''y') LANGUAGE sql AS $$ SELECT b || a $$;
CREATE FUNCTION many_out(a int, VARIADIC rest text[], OUT x int, OUT y text) RETURNS SETOF record LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public SET work_mem = '1MB' ROWS 5 COST 3 PARALLEL SAFE AS
$body$ BEGIN RETURN QUERY SELECT 1, $$quoted $ body$$; END $body$;
CREATE FUNCTION new_style(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + count(*)::int FROM public.staff; END;
CREATE AGGREGATE product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = ===);
CREATE FUNCTION to_mood(int) RETURNS mood LANGUAGE sql IMMUTABLE AS $$ SELECT 'ok'::public.mood $$;
CREATE CAST (int AS mood) WITH FUNCTION to_mood(int) AS ASSIGNMENT;
CREATE OPERATOR FAMILY odd_family USING btree;
CREATE OPERATOR CLASS odd_class FOR TYPE int USING btree FAMILY odd_family AS
  OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE TEXT SEARCH DICTIONARY odd_stem (TEMPLATE = snowball, Language = english, StopWords = english);
CREATE TEXT SEARCH CONFIGURATION odd_search (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION odd_search ALTER MAPPING FOR asciiword WITH odd_stem, simple;
CREATE CONVERSION odd_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE VIEW seen AS SELECT id, v FROM parent WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW seen_through WITH (security_barrier, security_invoker) AS SELECT s.*, product(s.id) OVER () FROM seen s;
CREATE RECURSIVE VIEW chain (id, boss) AS SELECT id, boss FROM staff WHERE id = 1 UNION ALL
  SELECT s.id, s.boss FROM staff s JOIN chain c ON s.id = c.boss;
CREATE VIEW "view's" AS SELECT 'it''s' AS "quoted "" column", E'\\' AS back;
CREATE MATERIALIZED VIEW kept AS SELECT id % 10 AS ten, count(*) AS n FROM many_rows GROUP BY 1;
CREATE UNIQUE INDEX kept_ten ON kept (ten);
CREATE MATERIALIZED VIEW kept_again AS SELECT sum(n) AS all_of_them, new_style(1) FROM kept;
CREATE VIEW on_kept AS SELECT * FROM kept_again;
CREATE MATERIALIZED VIEW a_first AS SELECT all_of_them + 1 AS more FROM on_kept;
CREATE MATERIALIZED VIEW not_filled AS SELECT 1 AS one WITH NO DATA;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE passwd (line text) SERVER files OPTIONS (filename '/etc/hostname', format 'text');
CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1', dbname 'none', connect_timeout '2');
CREATE USER MAPPING FOR odd_user SERVER nowhere OPTIONS (user 'u', password 'it''s \ secret');
CREATE FOREIGN TABLE far_away (id int OPTIONS (column_name 'ID'), v text) SERVER nowhere OPTIONS (schema_name 's', table_name 't');
CREATE PUBLICATION of_all FOR ALL TABLES WITH (publish = 'insert');
CREATE PUBLICATION of_some FOR TABLE staff (id, name) WHERE (id > 3), keyed_parts WITH (publish = 'insert, truncate');
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA ext;
"""

LARGE_OBJECTS = r"""
SELECT lo_from_bytea(900001, string_agg(sha256(i::text::bytea), '' ORDER BY i)) FROM generate_series(1, 98304) i;
SELECT lo_create(900002);
SELECT lo_from_bytea(900003, '\x00ff5c2e0a');
SELECT lo_from_bytea(4294967290, 'the highest');
SELECT lo_put(lo_create(900004), 5000000, 'after a hole');
ALTER LARGE OBJECT 900001 OWNER TO "odd owner";
COMMENT ON LARGE OBJECT 900001 IS 'three megabytes';
COMMENT ON LARGE OBJECT 900002 IS E'empty\nwith a comment';
GRANT SELECT ON LARGE OBJECT 900001 TO odd_user;
GRANT SELECT ON LARGE OBJECT 900003 TO PUBLIC;
GRANT UPDATE ON LARGE OBJECT 900003 TO odd_user WITH GRANT OPTION;
CREATE TABLE with_large (id int PRIMARY KEY, file oid);
INSERT INTO with_large VALUES (1, 900001), (2, 900002), (3, 12345);
"""

RIGHTS = r"""
CREATE SCHEMA owned AUTHORIZATION "odd owner";
CREATE TABLE owned.thing (id serial PRIMARY KEY, open text, secret text);
INSERT INTO owned.thing (open, secret) VALUES ('o', 's');
ALTER TABLE owned.thing OWNER TO "odd owner";
GRANT USAGE ON SCHEMA owned TO odd_user;
GRANT SELECT (id, open), UPDATE (open) ON owned.thing TO odd_user WITH GRANT OPTION;
GRANT ALL ON staff TO odd_user;
REVOKE DELETE ON staff FROM odd_user;
REVOKE ALL ON no_key FROM postgres;
REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twice(int) TO odd_user;
GRANT USAGE ON TYPE mood TO odd_user;
REVOKE USAGE ON DOMAIN positive FROM PUBLIC;
GRANT USAGE, SELECT ON SEQUENCE never_called TO odd_user;
GRANT USAGE ON FOREIGN SERVER files TO odd_user;
GRANT SELECT ON pg_catalog.pg_authid TO odd_user;
ALTER DEFAULT PRIVILEGES FOR ROLE "odd owner" IN SCHEMA owned GRANT SELECT ON TABLES TO odd_user;
ALTER DEFAULT PRIVILEGES FOR ROLE "odd owner" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE TABLE guarded (id int PRIMARY KEY, who text);
INSERT INTO guarded SELECT i, CASE i % 2 WHEN 0 THEN 'odd_user' ELSE 'nobody' END FROM generate_series(1, 10) i;
ALTER TABLE guarded OWNER TO "odd owner";
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON guarded USING (who = current_user) WITH CHECK (false);
CREATE TABLE guarded_less (id int PRIMARY KEY);
INSERT INTO guarded_less VALUES (1), (2);
ALTER TABLE guarded_less ENABLE ROW LEVEL SECURITY;
CREATE POLICY "po'licy" ON guarded_less AS RESTRICTIVE FOR SELECT TO odd_user USING (id = 1);
ALTER VIEW seen OWNER TO "odd owner";
ALTER FUNCTION stamp() OWNER TO odd_user;
ALTER TYPE pair OWNER TO "odd owner";
"""

# What is not made by an extension has a comment, as far as a loop reaches it.
COMMENTS = r"""
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
      WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind <> 't'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') LOOP
    EXECUTE format('COMMENT ON %s %s IS %L', one.kind, one.name, E'it''s \\ a comment\nof ' || one.name);
  END LOOP;
  FOR one IN SELECT attrelid::regclass AS name, attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
      JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND attnum > 0
      AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', one.name, one.attname, 'column ' || one.attname);
  END LOOP;
  FOR one IN SELECT conname, conrelid::regclass AS name FROM pg_constraint WHERE conrelid <> 0 AND contype <> 'n'
      AND conrelid::regclass::text !~ '^(pg_|information_schema)' LOOP
    EXECUTE format('COMMENT ON CONSTRAINT %I ON %s IS %L', one.conname, one.name, 'constraint ' || one.conname);
  END LOOP;
END $$;
COMMENT ON SCHEMA elsewhere IS 'schema';
COMMENT ON EXTENSION citext IS 'changed comment of an extension';
COMMENT ON COLLATION german IS 'collation';
COMMENT ON DOMAIN positive IS 'domain';
COMMENT ON CONSTRAINT above_zero ON DOMAIN positive IS 'constraint of a domain';
COMMENT ON TYPE mood IS 'enum';
COMMENT ON FUNCTION twice(int) IS 'function';
COMMENT ON PROCEDURE "do it"(int, text) IS 'procedure';
COMMENT ON AGGREGATE product(int) IS 'aggregate';
COMMENT ON OPERATOR === (int, int) IS 'operator';
COMMENT ON CAST (int AS mood) IS 'cast';
COMMENT ON OPERATOR CLASS odd_class USING btree IS 'operator class';
COMMENT ON TEXT SEARCH CONFIGURATION odd_search IS 'text search';
COMMENT ON TRIGGER stamps ON triggered IS 'trigger';
COMMENT ON RULE silently ON ruled IS 'rule';
COMMENT ON EVENT TRIGGER watches IS 'event trigger';
COMMENT ON POLICY own_rows ON guarded IS 'policy';
COMMENT ON STATISTICS many_stats IS 'statistics';
COMMENT ON SERVER nowhere IS 'server';
COMMENT ON PUBLICATION of_some IS 'publication';
"""

DATABASE = r"""
COMMENT ON DATABASE {0} IS E'a database''s \\ comment\nof two lines';
ALTER DATABASE {0} SET work_mem = '5MB';
ALTER DATABASE {0} SET search_path = "$user", public, ext;
ALTER DATABASE {0} SET "odd.setting" = 'it''s \ odd';
ALTER ROLE odd_user IN DATABASE {0} SET lock_timeout = '13s';
ALTER DATABASE {0} CONNECTION LIMIT 37;
REVOKE CONNECT, TEMPORARY ON DATABASE {0} FROM PUBLIC;
GRANT CONNECT ON DATABASE {0} TO odd_user;
GRANT CREATE ON DATABASE {0} TO odd_user WITH GRANT OPTION;
GRANT CONNECT ON DATABASE {0} TO app;
ALTER DATABASE {0} OWNER TO "odd owner";
"""

# Tables of an extension whose rows are the user's, wholly or in part: Server(extensions=ODD_EXTENSIONS).
ODD_EXTENSIONS = {"odd_config": r"""
CREATE TABLE odd_config_all (id serial PRIMARY KEY, v text);
CREATE TABLE odd_config_some (id int PRIMARY KEY, v text, built_in boolean NOT NULL DEFAULT false);
CREATE TABLE odd_config_none (id int PRIMARY KEY);
INSERT INTO odd_config_some VALUES (1, 'comes with the extension', true);
INSERT INTO odd_config_none VALUES (1);
SELECT pg_catalog.pg_extension_config_dump('odd_config_all', '');
SELECT pg_catalog.pg_extension_config_dump('odd_config_all_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('odd_config_some', 'WHERE NOT built_in');
CREATE FUNCTION odd_config_version() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '1.0' $$;
"""}

CONFIGURED = r"""
CREATE SCHEMA configured;
CREATE EXTENSION odd_config SCHEMA configured;
INSERT INTO configured.odd_config_all (v) VALUES ('the user''s'), (NULL);
INSERT INTO configured.odd_config_some VALUES (2, 'the user''s');
"""

SINCE = {
    16: "CREATE TABLE since_16 (t text STORAGE MAIN COMPRESSION lz4);",
    17: """GRANT MAINTAIN ON many_rows TO odd_user;
           CREATE TABLE since_17 (id int GENERATED ALWAYS AS IDENTITY, a int) PARTITION BY LIST (a);
           CREATE TABLE since_17_1 PARTITION OF since_17 FOR VALUES IN (1);
           INSERT INTO since_17 (a) VALUES (1), (1);""",
    18: """CREATE TABLE since_18 (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, room int, during tstzrange,
             CONSTRAINT named NOT NULL a NOT VALID, PRIMARY KEY (room, during WITHOUT OVERLAPS),
             CONSTRAINT loose CHECK (a > 0) NOT ENFORCED);
           INSERT INTO since_18 (a, room, during) VALUES (-1, 1, '[2024-01-01,2024-01-02)');""",
}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def odd_names():
    """A schema of each name with a table of it, and a table with a column of each."""
    lines = []
    for number, name in enumerate(ODD_NAMES):
        schema, table = quoted(name), quoted(ODD_NAMES[-1 - number])
        lines += [f"CREATE SCHEMA {schema};", f"CREATE TABLE {schema}.{table} (id serial PRIMARY KEY, {schema} text);",
                  f"INSERT INTO {schema}.{table} ({schema}) VALUES ('row {number}'), (NULL);",
                  f"CREATE TABLE {schema} (id int PRIMARY KEY);", f"INSERT INTO {schema} VALUES ({number});"]
    columns = ", ".join(f"{quoted(name)} text" for name in ODD_NAMES)
    lines += [f"CREATE TABLE odd_columns ({columns});",
              "INSERT INTO odd_columns VALUES (" + ", ".join(f"'{n}'" for n in range(len(ODD_NAMES))) + ");"]
    return "\n".join(lines)


def odd_data(server, database):
    """Fills the database, which is made where it is missing; with an extension's own rows if the server has
    ODD_EXTENSIONS. The roles "odd owner" and odd_user are the server's."""
    server.sql("postgres", ROLES)
    if database not in server.databases():
        server.create(database, owner="odd owner")
    since = "\n".join(text for version, text in SINCE.items() if server.version >= version)
    configured = CONFIGURED if "odd_config" in server.extensions else ""
    parts = [TYPES, VALUES, COLUMNS, TREES, CONSTRAINTS, PROGRAMS, LARGE_OBJECTS, RIGHTS, odd_names(), since, configured, COMMENTS]
    server.sql(database, "SET client_min_messages = error; SET standard_conforming_strings = on;\n" + "\n".join(parts))
    server.sql(database, DATABASE.format(quoted(database)))
