"""Rows of SQLite tables that come back refer to the rows that they referred to, or do not come."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sqlite_tables_test import SHOP, TablesTest

MERGE = ("--strategy", "merge")
PEOPLE = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT); INSERT INTO person VALUES (1, 'a'), (2, 'b');"
OTHER_NUMBERS = "DELETE FROM person; INSERT INTO person VALUES (1, 'b'), (2, 'a');"


class Followed(TablesTest):
    def test_what_refers_to_rows_that_are_told_apart_by_a_reference(self):
        self.script(PEOPLE + """
            CREATE TABLE home (id INTEGER PRIMARY KEY, person INTEGER REFERENCES person, label TEXT);
            CREATE TABLE basket (id INTEGER PRIMARY KEY, home INTEGER REFERENCES home, note TEXT);
            INSERT INTO home VALUES (1, 1, 'home'), (2, 2, 'home');
            INSERT INTO basket VALUES (1, 1, 'of a'), (2, 2, 'of b');
        """)
        self.backup()
        self.script(OTHER_NUMBERS + "DELETE FROM basket; UPDATE home SET id = id + 10")
        keys = ("--key", "person=email", "--key", "home=person,label")
        self.fails("basket: which row of home its rows refer to by home cannot be told", *MERGE, *keys)
        self.restore(*MERGE, *keys, "--exclude-table", "basket")

    def test_a_tree_whose_key_has_the_row_above(self):
        self.script("""
            CREATE TABLE folder (id INTEGER PRIMARY KEY, up INTEGER REFERENCES folder, name TEXT);
            INSERT INTO folder VALUES (1, NULL, 'a'), (2, 1, 'b');
        """)
        self.backup()
        self.fails("which row of folder its rows refer to by up cannot be told", *MERGE, "--key", "folder=up,name")

    def test_what_refers_to_what_refers_to_rows_of_other_numbers(self):
        self.script(PEOPLE + """
            CREATE TABLE profile (person INTEGER PRIMARY KEY REFERENCES person, text TEXT);
            CREATE TABLE remark (id INTEGER PRIMARY KEY, profile INTEGER REFERENCES profile, text TEXT);
            INSERT INTO profile VALUES (1, 'of a'), (2, 'of b');
            INSERT INTO remark VALUES (1, 1, 'of a'), (2, 2, 'of b');
        """)
        self.backup()
        self.script(OTHER_NUMBERS + "DELETE FROM remark; DELETE FROM profile")
        key = ("--key", "person=email")
        self.fails("remark: which row of profile its rows refer to by profile cannot be told", *MERGE, *key)
        self.restore(*MERGE, *key, "--exclude-table", "remark")
        self.assertEqual(self.sql("SELECT text, email FROM profile JOIN person ON person.id = person ORDER BY 1"),
                         [("of a", "a"), ("of b", "b")])

    def test_keys_that_become_one_are_refused(self):
        self.script("CREATE TABLE t (code TEXT, v); INSERT INTO t VALUES ('01', 'a'), ('1', 'b')")
        self.backup()
        self.script("DROP TABLE t; CREATE TABLE t (code INTEGER, v)")
        self.fails("several rows of the table have the key 1", *MERGE, "--key", "t=code")

    def test_references_that_go_in_a_ring(self):
        self.script(PEOPLE + """
            CREATE TABLE a (id INTEGER PRIMARY KEY REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY REFERENCES a);
            INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);
        """)
        self.backup()
        self.sql("DELETE FROM a")
        for key in (), ("--key", "person=email"):
            report = self.restore(*MERGE, *key)
            self.assertEqual((report["by_name"]["b"]["present"], report["by_name"]["a"]["inserted"]), (1, 0 if key else 1))

    def test_a_reference_that_one_side_does_not_know_or_computes(self):
        now = {
            "the foreign key is not there any more": "CREATE TABLE b (id INTEGER PRIMARY KEY, p INTEGER)",
            "p is computed": "CREATE TABLE b (id INTEGER PRIMARY KEY, q INTEGER, p INTEGER AS (q) REFERENCES person (id))",
        }
        for why, table in now.items():
            with self.subTest(why=why):
                self.file = self.path(f"{len(why)}.db")
                self.script(PEOPLE + """
                    CREATE TABLE b (id INTEGER PRIMARY KEY, p INTEGER REFERENCES person, q INTEGER);
                    INSERT INTO b VALUES (1, 1, 1), (2, 2, 2);
                """)
                self.backup()
                self.script(OTHER_NUMBERS + "DROP TABLE b;" + table)
                self.fails(why, *MERGE, "--key", "person=email")

    def test_a_number_whose_column_has_another_name_now(self):
        self.script("""
            CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT);
            CREATE TABLE basket (id INTEGER PRIMARY KEY, person INTEGER REFERENCES person, note TEXT);
            INSERT INTO person VALUES (1, 'a'), (3, 'c'), (4, 'd');
            INSERT INTO basket VALUES (1, 3, 'of c');
        """)
        self.backup()
        self.script("ALTER TABLE person RENAME COLUMN id TO number; UPDATE person SET email = 'x'; DELETE FROM basket")
        self.fails("its number is not in the snapshot", *MERGE, "--key", "person=email")
        report = self.restore("--table", "person", "--table", "basket")
        self.assertIn("number is not in the snapshot, and gets the numbers (rowid)", " ".join(report["notes"]))
        self.assertEqual(self.sql("SELECT * FROM person"), [(1, "a"), (3, "c"), (4, "d")])
        self.assertEqual(self.sql("SELECT note, email FROM basket JOIN person ON number = person"), [("of c", "c")])

    def test_the_parent_is_made_and_meant_by_its_primary_key(self):
        self.script(SHOP)
        self.backup()
        self.script("DROP TABLE customer; DELETE FROM basket WHERE id = 10")
        report = self.restore(*MERGE, "--table", "customer", "--table", "basket")
        self.assertEqual((report["by_name"]["basket"]["inserted"], report["by_name"]["basket"]["orphans"]), (1, 0))

    def test_a_row_that_refers_to_itself_comes_in_a_merge(self):
        self.script("CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t); INSERT INTO t VALUES (1, 1), (2, 1), (3, 9);")
        self.backup()
        self.sql("DELETE FROM t")
        report = self.restore(*MERGE)
        self.assertEqual((report["tables"][0]["inserted"], report["tables"][0]["left_out"]), (2, ["3"]))
        self.assertEqual(self.sql("SELECT * FROM t ORDER BY id"), [(1, 1), (2, 1)])


class Checked(TablesTest):
    def test_a_foreign_key_that_does_not_fit_hides_no_other(self):
        self.script("""
            CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE q (v TEXT);
            CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p, q REFERENCES q (v));
            INSERT INTO p VALUES (1); INSERT INTO q VALUES ('x'); INSERT INTO c VALUES (1, 1, 'x'), (2, 7, 'y');
        """)
        self.backup()
        self.script("INSERT INTO p VALUES (2); INSERT INTO c VALUES (3, 2, 'x')")
        self.fails("1 rows of c would refer to rows of p that are not there (the first is its row 3)", "--table", "p")
        self.restore("--table", "p", "--table", "c")
        self.assertEqual(self.sql("SELECT id, p FROM c ORDER BY 1"), [(1, 1), (2, 7)])

    def test_what_never_had_a_parent_comes_back_so(self):
        self.script("CREATE TABLE c (p REFERENCES gone (id)); INSERT INTO c VALUES (1), (2);")
        self.backup()
        self.sql("DELETE FROM c")
        self.restore("--table", "c")
        self.assertEqual(self.sql("SELECT p FROM c"), [(1,), (2,)])

    def test_a_parent_table_that_a_part_lacks_and_is_gone_is_named(self):
        self.script(SHOP)
        self.backup("--table", "basket")
        self.script("DROP TABLE customer; DELETE FROM basket")
        self.fails("rows of basket would refer to rows of customer", "--table", "basket")

    def test_values_that_become_others_are_told(self):
        self.script("CREATE TABLE t (id INTEGER PRIMARY KEY, z TEXT, y TEXT); INSERT INTO t VALUES (1, '007', '007')")
        self.backup()
        self.script("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, z INTEGER, y VARCHAR(9))")
        self.assertIn("the columns z have another type here", " ".join(self.restore("--table", "t")["notes"]))
        self.assertEqual(self.sql("SELECT * FROM t"), [(1, 7, "007")])

    def test_a_primary_key_that_has_another_name_now_is_not_emptied(self):
        self.script("CREATE TABLE t (code TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('b', 2)")
        self.backup()
        self.sql("ALTER TABLE t RENAME COLUMN code TO name")
        self.fails("the column name of the primary key is not in the snapshot", "--table", "t")


if __name__ == "__main__":
    unittest.main()
