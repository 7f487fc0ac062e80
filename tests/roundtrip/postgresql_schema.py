"""A PostgreSQL database with an object of every kind, and what pg_dump says of its schemas."""

from __future__ import annotations

import os
import re
import subprocess

from tests.servers.postgresql import PostgresqlServer, program

HOSTILE = "sch\"e ma; 'ü\n中%s"
LONG = "ü" * 31 + "x"  # 63 bytes, the most that a name can have
ROLE = 'offramp "reader"'

_HOSTILE = '"' + HOSTILE.replace('"', '""') + '"'

EXTENSIONS = ("citext", "hstore", "btree_gist")

_TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'h"appy', E'back\\\\slash', 'ü中');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'h"appy';
COMMENT ON TYPE mood IS E'how one\\nfeels; it''s "so"';
CREATE DOMAIN posint AS integer DEFAULT 1 NOT NULL CONSTRAINT positive CHECK (VALUE > 0);
ALTER DOMAIN posint ADD CONSTRAINT small CHECK (VALUE < 1000000) NOT VALID;
COMMENT ON DOMAIN posint IS 'above zero';
COMMENT ON CONSTRAINT positive ON DOMAIN posint IS 'the sign';
CREATE DOMAIN code AS varchar(12) COLLATE "C";
CREATE DOMAIN evenint AS posint CHECK (VALUE % 2 = 0);
CREATE TYPE address AS (street text COLLATE "C", number posint, tags text[]);
COMMENT ON COLUMN address.street IS 'where';
CREATE TYPE person AS (name text, home address, moods mood[]);
CREATE FUNCTION posdiff(a numeric, b numeric) RETURNS double precision LANGUAGE sql IMMUTABLE AS 'SELECT (a - b)::float8';
CREATE TYPE price_range AS RANGE (subtype = numeric, subtype_diff = posdiff);
CREATE TYPE words AS RANGE (subtype = text, collation = "C", multirange_type_name = many_words);
"""
_FUNCTIONS = (
    """
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1 * 2';
CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql IMMUTABLE AS $x$ SELECT $1 || ';' || '-- no' || $1 $x$;
CREATE FUNCTION "odd;name('"""
    + '""'
    + """)"(a mood DEFAULT 'sad', VARIADIC b integer[] DEFAULT '{1,2}') RETURNS mood
  LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '8MB' COST 7 AS $f$
BEGIN
  -- a comment; with 'quote
  RETURN a; END $f$;
COMMENT ON FUNCTION twice(text) IS 'says it twice';
CREATE FUNCTION whole(x integer, OUT y integer, OUT z text) RETURNS record LANGUAGE sql AS 'SELECT x, ''z''';
CREATE FUNCTION modern(x integer) RETURNS integer LANGUAGE sql
  BEGIN ATOMIC SELECT twice(x) + 1; SELECT twice(x); END;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE PROCEDURE tidy(INOUT n integer, what mood DEFAULT 'sad') LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
COMMENT ON PROCEDURE tidy IS 'tidies';
CREATE FUNCTION add_up(numeric, integer) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION finish(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
CREATE AGGREGATE total(integer) (SFUNC = add_up, STYPE = numeric, INITCOND = '0', FINALFUNC = finish, PARALLEL = SAFE);
CREATE AGGREGATE how_many(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0');
COMMENT ON AGGREGATE total(integer) IS 'adds up';
CREATE AGGREGATE middle(double precision ORDER BY integer) (SFUNC = ordered_set_transition, STYPE = internal,
  FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
"""
)
_SEQUENCES = """
CREATE SEQUENCE numbers AS smallint INCREMENT BY -3 MINVALUE -900 MAXVALUE 100 START WITH 50 CACHE 4 CYCLE;
COMMENT ON SEQUENCE numbers IS 'counts down';
SELECT nextval('numbers');
CREATE SEQUENCE untouched;
CREATE UNLOGGED SEQUENCE forgotten;
"""
_TABLES = """
CREATE TABLE customer (
  id bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME customer_ids START WITH 100 INCREMENT BY 5) PRIMARY KEY,
  serial_no serial, big bigserial,
  name varchar(40) COLLATE "C" NOT NULL DEFAULT 'it''s; "x"',
  email citext UNIQUE,
  feels mood DEFAULT 'sad', feelings mood[] NOT NULL DEFAULT '{sad}',
  home address, price numeric(12,3) DEFAULT 1.5, span price_range, counted posint,
  made timestamptz(3) DEFAULT now(), day date, took interval day to second(2), bits bit varying(7), flag "char",
  doc jsonb COMPRESSION pglz, photo bytea, attributes hstore,
  doubled integer GENERATED ALWAYS AS (twice(10)) STORED,
  ordinal integer DEFAULT nextval('numbers'),
  "Odd ""col; ' %s" text,
  CONSTRAINT sane CHECK (price >= 0 AND twice(3) = 6),
  CONSTRAINT no_heirs CHECK (counted > 0) NO INHERIT,
  CONSTRAINT late UNIQUE (name, day) DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);
ALTER TABLE customer ALTER photo SET STORAGE EXTERNAL, ALTER name SET STATISTICS 500, ALTER day SET (n_distinct = 7);
COMMENT ON TABLE customer IS 'who; buys -- things';
COMMENT ON COLUMN customer."Odd ""col; ' %s" IS 'odd';
COMMENT ON CONSTRAINT sane ON customer IS 'sane';
COMMENT ON CONSTRAINT late ON customer IS 'late';
SELECT setval('customer_ids', 1005);
SELECT setval('customer_serial_no_seq', 44, false);
CREATE INDEX by_lower ON customer (lower(name) DESC NULLS LAST, day) INCLUDE (price) WITH (fillfactor = 60) WHERE price > 3;
COMMENT ON INDEX by_lower IS 'found by';
CREATE UNIQUE INDEX by_price ON customer (price) NULLS NOT DISTINCT;
CREATE INDEX by_pattern ON customer (name text_pattern_ops, name COLLATE "POSIX");
CREATE INDEX by_doc ON customer USING gin (doc jsonb_path_ops);
CREATE INDEX by_code ON customer ((twice(serial_no)));
ALTER INDEX by_code ALTER COLUMN 1 SET STATISTICS 77;
ALTER TABLE customer CLUSTER ON by_pattern;
CREATE STATISTICS together (dependencies, mcv) ON name, price FROM customer;
ALTER STATISTICS together SET STATISTICS 55;
COMMENT ON STATISTICS together IS 'both';

CREATE TABLE a (id integer PRIMARY KEY, b integer, flag boolean) ;
CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a ON DELETE CASCADE DEFERRABLE,
  self integer REFERENCES b, who bigint);
ALTER TABLE a ADD CONSTRAINT to_b FOREIGN KEY (b) REFERENCES b MATCH FULL ON UPDATE SET NULL NOT VALID;
COMMENT ON CONSTRAINT to_b ON a IS 'round and round';
ALTER TABLE b ADD FOREIGN KEY (who) REFERENCES customer;
INSERT INTO a VALUES (1, NULL, false), (2, NULL, true);
INSERT INTO b VALUES (1, 2, 1), (2, 1, 1);
UPDATE a SET b = 2;
ALTER TABLE a ADD CONSTRAINT wished CHECK (id > 1) NOT VALID;

CREATE UNLOGGED TABLE bookings (room integer, during tsrange, EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (room > 0));
ALTER TABLE bookings REPLICA IDENTITY FULL;
CREATE TABLE nothing ();
CREATE TABLE of_type OF address (number WITH OPTIONS DEFAULT 5, PRIMARY KEY (street));
CREATE TABLE keyed (k integer NOT NULL, CONSTRAINT "key; it's" UNIQUE (k) WITH (fillfactor = 50));
ALTER TABLE keyed REPLICA IDENTITY USING INDEX "key; it's";

CREATE TABLE parent (id integer NOT NULL, t text DEFAULT 'p', CONSTRAINT short CHECK (length(t) < 50));
CREATE TABLE child (more integer, CHECK (more > 0)) INHERITS (parent);
ALTER TABLE child ALTER t SET DEFAULT 'c', ALTER t SET NOT NULL;
CREATE TABLE adopted (t text, own integer, id integer NOT NULL, CONSTRAINT short CHECK (length(t) < 50));
ALTER TABLE adopted INHERIT parent;

CREATE TABLE measure (at date NOT NULL, place text DEFAULT 'here', v numeric, kind mood, PRIMARY KEY (at, place), CHECK (v > 0))
  PARTITION BY RANGE (at);
CREATE TABLE measure_1 PARTITION OF measure FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE measure_2 (more_first numeric, at date NOT NULL, place text NOT NULL, v numeric, kind mood, CONSTRAINT measure_v_check CHECK (v > 0));
ALTER TABLE measure_2 DROP COLUMN more_first;
ALTER TABLE measure ATTACH PARTITION measure_2 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE measure_3 PARTITION OF measure FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (place);
CREATE TABLE measure_3_a PARTITION OF measure_3 FOR VALUES IN ('a', 'it''s') WITH (fillfactor = 80);
CREATE TABLE measure_3_rest PARTITION OF measure_3 DEFAULT;
ALTER TABLE measure_3_a ALTER place SET DEFAULT 'a';
CREATE INDEX ON measure (kind, v);
CREATE INDEX only_here ON measure_2 (v);
COMMENT ON TABLE measure_3_a IS 'a part';
ALTER TABLE measure ADD COLUMN who bigint REFERENCES customer;
INSERT INTO measure (at, place, v) VALUES ('2020-01-01', 'x', 1), ('2024-05-05', 'y', 2), ('2025-03-03', 'a', 3), ('2025-03-03', 'z', 4);
CREATE TABLE hashed (k bigint, v text) PARTITION BY HASH (k, lower(v));
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""
_RESTING = """
CREATE VIEW z_first AS SELECT id, name, feels FROM customer WHERE price > 1;
CREATE VIEW a_second (one, "Two ""x") WITH (security_barrier, security_invoker = true) AS
  SELECT id, twice(name::text) FROM z_first;
COMMENT ON VIEW a_second IS 'reads another';
COMMENT ON COLUMN a_second."Two ""x" IS 'two';
CREATE VIEW checked AS SELECT id, flag FROM a WHERE flag WITH LOCAL CHECK OPTION;
ALTER VIEW checked ALTER flag SET DEFAULT true;
CREATE VIEW grouped AS SELECT c.id, c.name, count(*) FROM customer c GROUP BY c.id;
CREATE VIEW wild AS WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 5)
  SELECT n, total(n) OVER (ORDER BY n), (ARRAY[1,2,3])[1:2] AS s FROM r;
CREATE MATERIALIZED VIEW kept WITH (fillfactor = 75) AS SELECT id, one, m.v FROM a_second, a, measure m WHERE a.id = a.id;
CREATE UNIQUE INDEX kept_key ON kept (id, one, v);
COMMENT ON MATERIALIZED VIEW kept IS 'kept';
COMMENT ON COLUMN kept.v IS 'v';
CREATE MATERIALIZED VIEW empty_yet AS SELECT 1 AS x WITH NO DATA;
CREATE VIEW over_kept AS SELECT * FROM kept;

CREATE RULE keep AS ON DELETE TO a WHERE old.flag DO INSTEAD NOTHING;
CREATE RULE elsewhere AS ON INSERT TO over_kept DO INSTEAD INSERT INTO a VALUES (new.id);
ALTER TABLE a DISABLE RULE keep;
COMMENT ON RULE keep ON a IS 'keep it';
ALTER TABLE b ENABLE ROW LEVEL SECURITY;
ALTER TABLE b FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON b AS RESTRICTIVE FOR UPDATE TO CURRENT_USER USING (id > twice(1)) WITH CHECK (EXISTS (SELECT FROM z_first z WHERE z.id = who));
CREATE POLICY everyone ON b USING (true);
COMMENT ON POLICY mine ON b IS 'mine';

CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF name ON customer FOR EACH ROW WHEN (new.price > 3) EXECUTE FUNCTION touch('it''s', 2);
CREATE TRIGGER touched AFTER DELETE ON a REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION touch();
ALTER TABLE a DISABLE TRIGGER touched;
CREATE CONSTRAINT TRIGGER checks AFTER INSERT ON a FROM b DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER instead INSTEAD OF INSERT ON a_second FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER everywhere AFTER INSERT ON measure FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER own AFTER INSERT ON measure_2 FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE measure_1 DISABLE TRIGGER everywhere;
ALTER TABLE measure_3_a ENABLE REPLICA TRIGGER everywhere;
CREATE VIEW ranging AS SELECT price_range(1, 2) AS r, many_words(words('a', 'b')) AS m, NULL::mood[] AS moods;
ALTER TABLE customer ENABLE ALWAYS TRIGGER touched;
COMMENT ON TRIGGER touched ON customer IS 'touched';
CREATE FUNCTION of_row(c customer) RETURNS text LANGUAGE sql AS 'SELECT c.name';
CREATE FUNCTION rows_of() RETURNS SETOF z_first LANGUAGE sql AS 'SELECT * FROM public.z_first';
CREATE VIEW using_row AS SELECT of_row(c) FROM customer c;
"""
_OTHER = f"""
CREATE SCHEMA {_HOSTILE};
SET search_path = {_HOSTILE}, public;
CREATE TYPE "ty""pe
%s" AS ENUM ('a');
CREATE FUNCTION "f;""("("x y" "ty""pe
%s", public.mood) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE "{LONG}" (id serial PRIMARY KEY, "a""b
c;--%s" "ty""pe
%s" CHECK ("f;""("("a""b
c;--%s", 'sad')), m public.mood, c bigint REFERENCES public.customer);
COMMENT ON TABLE "{LONG}" IS E'it''s \\\\ "this";\\r\\n\\t-- %s';
CREATE VIEW "v;'" AS SELECT * FROM "{LONG}";
CREATE TRIGGER "t;""
 ON x" BEFORE INSERT ON "{LONG}" FOR EACH ROW EXECUTE FUNCTION public.touch();
"""

BUILD = (_TYPES, _FUNCTIONS, _SEQUENCES, _TABLES, _RESTING, _OTHER)


def empty(server: PostgresqlServer) -> str:
    """A database with nothing but the extensions that the schema's notes name."""
    database = server.new_database()
    server.run(*(f"CREATE EXTENSION {name} SCHEMA public" for name in EXTENSIONS), database=database)
    return database


def build(server: PostgresqlServer) -> str:
    database = empty(server)
    with server.admin(database) as connection:
        for script in BUILD:
            connection.execute(script.encode())
    return database


def dump(server: PostgresqlServer, database: str, *options: str) -> list[str]:
    """What pg_dump says of the schema, entry by entry, sorted."""
    done = subprocess.run(
        [program("pg_dump"), "--schema-only", "--no-owner", "--exclude-schema=pg_*", *options, database],
        check=True, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PGHOST": server.socket, "PGPORT": str(server.port), "PGUSER": server.user,
             "PGPASSWORD": server.password},
    )  # fmt: skip
    # A word that differs from run to run guards what a client reads.
    text = re.sub(r"\\(un)?restrict .*\n", "", done.stdout)
    return sorted(re.split(r"\n\n--\n(?=-- Name: )", text))
