"""What two databases do not have in common, whatever versions their servers are of."""
import collections
import os
import re
import secrets
import subprocess

SHOWN_MAX = 5  # rows of a table

SESSION = """SET search_path = ''; SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = 'UTC'; SET bytea_output = hex;
SET extra_float_digits = 3; SET row_security = off; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"""

OURS = """nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND (NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'
    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
  OR EXISTS (SELECT FROM pg_catalog.pg_extension WHERE c.oid = ANY (extconfig)))"""

RELATIONS = f"""SELECT relkind, pg_catalog.format('%I.%I', nspname, relname), relispopulated
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'm', 'S') AND {OURS} ORDER BY 2"""

# An ACL as rights that somebody has: the order of its items, and whether the default was written down, mean nothing.
ACL = """(SELECT pg_catalog.string_agg(pg_catalog.format('%s gives %s to %s%s', grantor::pg_catalog.regrole, privilege_type,
  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::pg_catalog.regrole::text END, CASE WHEN is_grantable THEN ' to give on' END),
  ', ' ORDER BY grantor::pg_catalog.regrole::text, privilege_type, grantee::pg_catalog.regrole::text)
  FROM pg_catalog.aclexplode(coalesce({acl}, pg_catalog.acldefault({kind}, {owner}))))"""

LARGE_OBJECTS = f"""SELECT oid, 'bytes ' || pg_catalog.length(pg_catalog.lo_get(oid)) || ' ' ||
    pg_catalog.encode(pg_catalog.sha256(pg_catalog.lo_get(oid)), 'hex'), 'owner ' || lomowner::pg_catalog.regrole,
  'rights ' || {ACL.format(acl="lomacl", kind="'L'", owner="lomowner")},
  'comment ' || coalesce(pg_catalog.quote_literal(pg_catalog.obj_description(oid, 'pg_largeobject')), 'none')
FROM pg_catalog.pg_largeobject_metadata ORDER BY oid"""

DATABASE = f"""SELECT 'encoding', pg_catalog.pg_encoding_to_char(encoding)::text FROM mine
UNION ALL SELECT 'collation', datcollate || ' ' || datctype || ' ' || datlocprovider::text || ' ' || coalesce({{locale}}, '') FROM mine
UNION ALL SELECT 'owner', datdba::pg_catalog.regrole::text FROM mine
UNION ALL SELECT 'connections', datconnlimit || ' ' || datallowconn || ' ' || datistemplate FROM mine
UNION ALL SELECT 'rights', {ACL.format(acl="datacl", kind="'d'", owner="datdba")} FROM mine
UNION ALL SELECT 'comment', pg_catalog.quote_literal(pg_catalog.shobj_description(oid, 'pg_database')) FROM mine
UNION ALL SELECT 'tablespace', spcname FROM mine JOIN pg_catalog.pg_tablespace t ON t.oid = dattablespace
UNION ALL SELECT 'setting of ' || CASE setrole WHEN 0 THEN 'all' ELSE setrole::pg_catalog.regrole::text END, pg_catalog.quote_literal(one)
  FROM mine JOIN pg_catalog.pg_db_role_setting s ON setdatabase = mine.oid, pg_catalog.unnest(setconfig) one"""


def differences(server_a, database_a, server_b, database_b, exact_sequences=False):
    """What differs between a and b, a line or a few for each; nothing when b is a as it was backed up.

    The schema as the newer pg_dump of both tells it; rows as multisets; sequences, of which b's may be further unless
    `exact_sequences`; large objects; and what belongs to the database itself, but for its name.
    """
    a, b = _Database(server_a, database_a), _Database(server_b, database_b)
    newer = max((server_a, server_b), key=lambda server: server.version)
    found = list(_schema(*_told_alike(a, b, newer)))
    found += _facts("database", a.properties(), b.properties())
    found += _relations(a, b, exact_sequences)
    found += _facts("large object", a.large_objects(), b.large_objects())
    return found


def role_differences(server_a, server_b):
    """Lines that pg_dumpall has of the roles of one server alone; no passwords, whose salts are by chance."""
    newer = max((server_a, server_b), key=lambda server: server.version)
    lines = [set(line for line in _dump(newer, server, "pg_dumpall", "postgres", "--roles-only", "--no-role-passwords")
                 .replace(" WITH INHERIT TRUE GRANTED BY postgres", "")  # which 16 tells first
                 .split("\n") if re.match("CREATE|ALTER|GRANT|COMMENT", line)) for server in (server_a, server_b)]
    return [f"roles: only a has: {line}" for line in sorted(lines[0] - lines[1])] + \
           [f"roles: only b has: {line}" for line in sorted(lines[1] - lines[0])]


class _Database:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.marker = secrets.token_hex(16)

    def ask(self, *queries):
        """The answer to each as lines in COPY's text form: a row is a line."""
        script = SESSION + "".join(f"\n\\echo {self.marker}\nCOPY ({query}) TO STDOUT;" for query in queries)
        out = self.server.run("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-f", "-", database=self.name,
                              stdin=script.encode())
        return [part.split(b"\n")[1:-1] for part in out.split(self.marker.encode())[1:]]

    def fields(self, query):
        return [[_unescaped(field) for field in line.decode().split("\t")] for line in self.ask(query)[0]]

    def schema(self, newer):
        """TOC entries of the sections before and after the data: heading to text."""
        text = _dump(newer, self.server, "pg_dump", self.name, "--section=pre-data", "--section=post-data")
        entries = collections.Counter()
        for part in re.split(r"^--\n-- Name: ", text, flags=re.M)[1:]:
            if re.match(r"(LARGE OBJECT |\d+; Type: BLOB|[^\n]*; Type: MATERIALIZED VIEW DATA)", part):
                continue  # compared by itself; pg_dump before 17 has large objects here, and the later ones with the data
            # These depend on what was written before them.
            lines = [line for line in part.rstrip().split("\n") if not re.match(r"SET default_table|\\(un)?restrict |--$|$", line)]
            entries["\n".join(line for line in lines if line != "-- PostgreSQL database dump complete")] += 1
        return entries

    def properties(self):
        locale = {15: "daticulocale", 16: "daticulocale"}.get(self.server.version, "datlocale")
        if self.server.version < 15:
            locale = "NULL"
        # The view has no oid of its own in a COPY of a WITH: both are in the query.
        rows = self.fields("WITH mine AS (SELECT * FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) " +
                           DATABASE.format(locale=locale))
        facts = collections.defaultdict(list)
        for name, value in rows:
            facts[name].append(value)
        return {name: sorted(values) for name, values in facts.items()}

    def large_objects(self):
        return {row[0]: row[1:] for row in self.fields(LARGE_OBJECTS)}

    def relations(self):
        return {row[1]: (row[0], row[2]) for row in self.fields(RELATIONS)}

    def rows(self, names):
        return dict(zip(names, self.ask(*(f"SELECT * FROM ONLY {name}" for name in names))))

    def sequences(self, names):
        """The next value that each will give, in the direction in which it goes."""
        queries = [f"SELECT last_value + CASE WHEN is_called THEN seqincrement::numeric ELSE 0 END, seqincrement, seqcycle FROM {name}, "
                   f"pg_catalog.pg_sequence WHERE seqrelid = {_literal(name)}::pg_catalog.regclass" for name in names]
        found = {}
        for name, (line,) in zip(names, self.ask(*queries)):
            value, increment, cycles = line.decode().split("\t")
            found[name] = (int(value), int(increment), cycles == "t")
        return found


def _unescaped(field):
    """COPY's text form, read."""
    if field == "\\N":
        return None
    return re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}.get(match[1], match[1]), field)


def _literal(text):
    return "'" + text.replace("'", "''") + "'"


def _dump(newer, server, program, database, *options):
    """By a program of the newer server."""
    done = subprocess.run([os.path.join(newer.bin, program), *options], env=server.env(database), capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{program}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="surrogateescape")


def _told_alike(a, b, newer):
    """The schemas of both; where the versions differ, without what a server tells otherwise than an older one does."""
    schemas = [a.schema(newer), b.schema(newer)]
    if a.server.version == b.server.version:
        return schemas
    alike = []
    for schema in schemas:
        entries = collections.Counter()
        for entry, count in schema.items():
            if "VIEW; Schema: " in entry.split("\n")[0]:
                entry = re.sub(r'(?<![\w"])(?:"[^"\n]*"|\w+)\.(?=[\w"])', "", entry)  # 16: no qualifiers where one table is read
            entry = re.sub(r' CONSTRAINT (?:"[^"\n]*"|\w+)_not_null"? NOT NULL', " NOT NULL", entry)  # 18: these have names
            entry = re.sub(r"\nGRANT MAINTAIN ON [^\n]*", "", entry)  # 17: a right of tables
            entry = entry.replace("REVOKE SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE ON", "REVOKE ALL ON")
            entries[entry] += count
        alike.append(entries)
    return alike


def _schema(a, b):
    only_a, only_b = a - b, b - a
    of_b = {entry.split("\n")[0]: entry for entry in only_b}
    for entry in sorted(only_a):
        head, _, text = entry.partition("\n")
        other = of_b.pop(head, None)
        if other is None:
            yield f"schema: only a has: {head}\n{text}"
        else:
            lines = text.split("\n"), other.split("\n")[1:]
            yield "\n".join([f"schema: differs: {head}", *(f"  a: {line}" for line in lines[0] if line not in lines[1]),
                             *(f"  b: {line}" for line in lines[1] if line not in lines[0])])
    for head, entry in sorted(of_b.items()):
        yield f"schema: only b has: {entry}"


def _facts(what, a, b):
    for name in sorted(a.keys() | b.keys()):
        if name not in b or name not in a:
            yield f"{what} {name}: only {'a' if name in a else 'b'} has it: {a.get(name) or b.get(name)}"
        elif a[name] != b[name]:
            yield f"{what} {name}: {a[name]} in a, {b[name]} in b"


def _relations(a, b, exact_sequences):
    of_a, of_b = a.relations(), b.relations()
    for name in sorted(of_a.keys() ^ of_b.keys()):
        yield f"relation {name}: only {'a' if name in of_a else 'b'} has it"
    both = sorted(of_a.keys() & of_b.keys())
    for name in both:
        if of_a[name] != of_b[name]:
            yield f"relation {name}: kind and whether filled {of_a[name]} in a, {of_b[name]} in b"
    filled = [name for name in both if all(of[name][0] in "rm" and of[name][1] == "t" for of in (of_a, of_b))]
    sequences = [name for name in both if of_a[name][0] == of_b[name][0] == "S"]
    yield from _rows(filled, a.rows(filled), b.rows(filled))
    yield from _positions(a.sequences(sequences), b.sequences(sequences), exact_sequences)


def _rows(names, of_a, of_b):
    for name in names:
        if of_a[name] == of_b[name]:
            continue
        a, b = collections.Counter(of_a[name]), collections.Counter(of_b[name])
        lines = [f"  only {side}: {row[:200].decode(errors='replace')}" for side, rows in (("a", a - b), ("b", b - a))
                 for row in sorted(rows.elements())[:SHOWN_MAX]]
        if lines:
            yield "\n".join([f"rows of {name}: {len(of_a[name])} in a, {len(of_b[name])} in b, {(a - b).total()} are only in a, "
                             f"{(b - a).total()} only in b", *lines])


def _positions(a, b, exact):
    for name, (value, increment, cycles) in a.items():
        other = b[name][0]
        behind = (other - value) * increment < 0
        if exact and other != value or behind and not cycles:
            yield f"sequence {name}: gives {value} next in a, {other} in b"
