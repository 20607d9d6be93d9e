#!/usr/bin/env python3
"""Runs the rules of rules.py over the project, and each rule over a sample that breaks it."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cpp_text
import rules

ROOT = os.path.realpath(os.environ.get('CAIRN_SOURCE_DIR') or
                        os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
SKIPPED_FOLDERS = {'build', '.git', '.cache', '__pycache__', 'node_modules', 'corpus'}
TEXT = ('.cc', '.h', '.py', '.cmake', '.md', '.sh', '.txt', '.supp', '.json')
TEXT_NAMES = {'CMakeLists.txt', '.gitignore', '.clang-format', 'run', 'quickstart', 'install-deps'}


def is_text(path):
    name = os.path.basename(path)
    if path.startswith('tests/vectors/'):
        return name.endswith(('.cc', '.h', '.py', '.md'))  # the rest is data
    if name.endswith(TEXT) or name in TEXT_NAMES:
        return True
    if '.' in name or name == 'LICENSE':
        return False
    with open(os.path.join(ROOT, path), 'rb') as file:
        return file.read(2) == b'#!'


def project_files():
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            full = os.path.join(folder, name)
            path = os.path.relpath(full, ROOT)
            if os.path.isfile(full) and not os.path.islink(full) and is_text(path):
                with open(full, encoding='utf-8', errors='replace') as file:
                    found.append((path, file.read()))
    return found


def exists(path):
    return os.path.isfile(os.path.join(ROOT, path))


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


LAYERS = rules.Layers(read('tests/tidy/layers.txt'))

RULES = {
    'layers': lambda path, text: rules.check_layers(path, text, LAYERS, exists),
    'third party': lambda path, text: rules.check_third_party(path, text, LAYERS),
    'own header first': lambda path, text: rules.check_own_header_first(path, text, exists),
    'words': rules.check_words,
    'lines': rules.check_lines,
    'sizes': rules.check_sizes,
    'leftovers': rules.check_leftovers,
    'references': lambda path, text: rules.check_references(path, text, exists),
    'this machine': lambda path, text: rules.check_this_machine(path, text, ROOT),
}


class Project(unittest.TestCase):
    """Every file against every rule."""

    @classmethod
    def setUpClass(cls):
        cls.files = project_files()

    def test_files_are_found(self):
        paths = {path for path, _ in self.files}
        for path in ('CMakeLists.txt', 'tests/tidy/rules.py', 'tests/run', 'repo-format/base/result.h'):
            self.assertIn(path, paths)

    def test_rules(self):
        for name, rule in RULES.items():
            with self.subTest(rule=name):
                problems = [f'{path}:{line}: {message}' for path, text in self.files for line, message in
                            rule(path, text)]
                self.assertFalse(problems, '\n' + '\n'.join(problems))

    def test_sizes_wished_for(self):
        """Never fails: names what has outgrown the wish and not yet the limit."""
        for path, text in self.files:
            for line, message in rules.check_sizes(path, text, rules.FILE_LINES_WISH, rules.FUNCTION_LINES_WISH):
                print(f'wish: {path}:{line}: {message}')

    def test_link_lists_say_what_layers_say(self):
        folder_of_target, named = {}, {}
        for folder in LAYERS.direct:
            call = re.search(r'cairn_library\((.*?)\)', read(f'{folder}/CMakeLists.txt'), re.DOTALL).group(1).split()
            folder_of_target[call[0]] = folder
            deps = call[call.index('DEPS') + 1:] if 'DEPS' in call else []
            if 'PRIVATE_LIBS' in deps:
                deps = deps[:deps.index('PRIVATE_LIBS')]
            named[folder] = [dep for dep in deps if dep.startswith('cairn_')]
        folder_of_target['cairn_engine'] = 'engine/jobs'
        for folder, targets in named.items():
            with self.subTest(folder=folder):
                self.assertEqual(sorted(folder_of_target[t] for t in targets), sorted(LAYERS.direct[folder]))


SAMPLE_LAYERS = rules.Layers('low:\nlow/sub: low  # a comment\nmiddle: low\nhigh: middle\nside: low\n'
                             '<lib/*.h>: side\n<gtest/*>:\n')


class LayerRules(unittest.TestCase):

    def problems(self, path, text, files=('low/a.h', 'low/sub/s.h', 'middle/m.h', 'high/h.h', 'side/s.h',
                                          'tests/t.h', 'tools/x/x.h')):
        return rules.check_layers(path, text, SAMPLE_LAYERS, lambda p: p in files)

    def test_down_and_own_folder_are_allowed(self):
        self.assertEqual(self.problems('high/a.cc', '#include "middle/m.h"\n#include "low/a.h"\n#include "high/h.h"\n'
                                       '#include <vector>\n'), [])

    def test_up_is_not(self):
        self.assertEqual(self.problems('low/a.cc', '\n#include "middle/m.h"\n'),
                         [(2, 'low may not include middle ("middle/m.h")')])

    def test_sibling_is_not(self):
        self.assertEqual(len(self.problems('side/a.cc', '#include "middle/m.h"\n')), 1)

    def test_nearest_row_counts(self):
        self.assertEqual(self.problems('low/sub/deep/a.cc', '#include "low/a.h"\n'), [])
        self.assertEqual(len(self.problems('low/a.cc', '#include "low/sub/s.h"\n')), 1)

    def test_nothing_includes_tests(self):
        self.assertEqual(len(self.problems('high/a.cc', '#include "tests/t.h"\n')), 1)
        self.assertEqual(len(self.problems('tools/x/a.cc', '#include "tests/t.h"\n')), 1)
        self.assertEqual(self.problems('bench/a.cc', '#include "tests/t.h"\n#include "high/h.h"\n'), [])

    def test_paths_start_at_the_root(self):
        self.assertEqual(len(self.problems('high/a.cc', '#include "h.h"\n')), 1)
        self.assertEqual(len(self.problems('tests/a.cc', '#include "gtest/gtest.h"\n')), 1)

    def test_ours_in_angle_brackets(self):
        self.assertEqual(len(self.problems('high/a.cc', '#include <low/a.h>\n')), 1)

    def test_commented_out_is_no_include(self):
        self.assertEqual(self.problems('low/a.cc', '// #include "high/h.h"\n/*\n#include "high/h.h"\n*/\n'), [])

    def test_unknown_row_is_refused(self):
        with self.assertRaises(ValueError):
            rules.Layers('a: b\n')
        with self.assertRaises(ValueError):
            rules.Layers('a b\n')

    def test_real_table_has_no_cycle(self):
        for folder, named in LAYERS.direct.items():
            for name in named:
                self.assertNotIn(folder, LAYERS.allowed(name), f'{folder} and {name} include each other')

    def test_real_table_keeps_the_siblings_apart(self):
        for one, other in (('engine/pack', 'engine/index'), ('engine/codec', 'engine/store'),
                           ('chunker', 'repo-format'), ('repo-format', 'engine/env'), ('engine/tree', 'engine/source')):
            self.assertNotIn(one, LAYERS.allowed(other))
            self.assertNotIn(other, LAYERS.allowed(one))


class ThirdPartyRule(unittest.TestCase):

    def test_fires_outside_its_folder(self):
        text = '#include <rocksdb/db.h>\n'
        self.assertEqual(len(rules.check_third_party('engine/repo/a.h', text, LAYERS)), 1)
        self.assertEqual(rules.check_third_party('engine/index/a.cc', text, LAYERS), [])
        self.assertEqual(rules.check_third_party('tests/unit/a_test.cc', text, LAYERS), [])

    def test_each_library_has_a_home(self):
        for header, home in (('rocksdb/db.h', 'engine/index'), ('sodium.h', 'engine/crypto'),
                             ('openssl/evp.h', 'engine/crypto'), ('zstd.h', 'engine/codec'),
                             ('zstd_errors.h', 'engine/codec'), ('xxhash.h', 'engine/codec'),
                             ('sys/acl.h', 'frontends/files'), ('CLI/CLI.hpp', 'frontends/cli'),
                             ('nlohmann/json.hpp', 'frontends/cli')):
            for quotes in ('<>', '""'):
                text = f'#include {quotes[0]}{header}{quotes[1]}\n'
                with self.subTest(text=text):
                    self.assertEqual(rules.check_third_party(f'{home}/a.cc', text, LAYERS), [])
                    self.assertEqual(len(rules.check_third_party('engine/jobs/a.cc', text, LAYERS)), 1)

    def test_test_library_in_the_product(self):
        self.assertEqual(len(rules.check_third_party('engine/jobs/a.cc', '#include <gtest/gtest.h>\n', LAYERS)), 1)


class OwnHeaderRule(unittest.TestCase):

    def problems(self, text):
        return rules.check_own_header_first('engine/x/a.cc', text, lambda p: p == 'engine/x/a.h')

    def test_fires(self):
        self.assertEqual(len(self.problems('#include <vector>\n#include "engine/x/a.h"\n')), 1)
        self.assertEqual(len(self.problems('int x;\n')), 1)

    def test_is_quiet(self):
        self.assertEqual(self.problems('// Why.\n\n#include "engine/x/a.h"\n\n#include <vector>\n'), [])
        self.assertEqual(rules.check_own_header_first('engine/x/main.cc', '#include <vector>\n', lambda p: False), [])


class WordRule(unittest.TestCase):

    BAD = {
        'clock': ['auto t = std::chrono::system_clock::now();', 'clock_gettime(CLOCK_REALTIME, &t);',
                  'x = time(nullptr);', 'std::time(&t);', 'std::chrono::steady_clock::now();', 'f(::time(0));'],
        'sync': ['::fsync(fd);', 'if (fdatasync(fd) != 0) {}', 'syncfs(fd);'],
        'random': ['std::random_device d;', 'getrandom(p, n, 0);', 'int a = rand();', 'srand(1);'],
        'throw': ['throw std::runtime_error("x");'],
        'stdout': ['std::cout << 1;', 'printf("x");', 'std::printf("x");', 'std::fprintf(stdout, "x");',
                   'std::puts("x");', 'fmt::print("x");'],
        'stderr': ['std::cerr << 1;', 'std::fprintf(stderr, "x");', 'fmt::print(stderr, "x");', 'perror("x");'],
    }
    GOOD = ['// system_clock and throw and fsync', 'Log("std::cout, printf(x), throw");', 'std::snprintf(b, 9, "x");',
            'node.time(x);', 'int64_t mtime(0);', 'FileTime time(seconds);', 'operand(1);',
            "char c = '\"'; const char* s = \"throw\";", '/* throw\n throw */', 'std::vector<int> rethrow_none;']

    def test_each_word_is_tried(self):
        self.assertEqual(set(self.BAD), {word[0] for word in rules.WORDS})

    def test_fires(self):
        for name, samples in self.BAD.items():
            for sample in samples:
                with self.subTest(sample=sample):
                    found = rules.check_words('engine/jobs/a.cc', f'int a;\n{sample}\n')
                    self.assertEqual([line for line, _ in found], [2])
                    self.assertIn(f'({name})', found[0][1])

    def test_is_quiet_at_home(self):
        for name, _, folders, _ in rules.WORDS:
            for folder in folders:
                for sample in self.BAD[name]:
                    with self.subTest(folder=folder, sample=sample):
                        found = rules.check_words(f'{folder}/a.cc', sample)
                        self.assertEqual([message for _, message in found if f'({name})' in message], [])

    def test_is_quiet_on_other_words(self):
        for sample in self.GOOD:
            with self.subTest(sample=sample):
                self.assertEqual(rules.check_words('engine/jobs/a.cc', sample + '\n'), [])

    def test_tests_may(self):
        self.assertEqual(rules.check_words('tests/unit/a_test.cc', 'throw 1;\n'), [])


class LineRule(unittest.TestCase):

    def test_fires(self):
        for text in ('x' * 121 + '\n', 'a\tb\n', 'a \n', 'a'):
            with self.subTest(text=text[:10]):
                self.assertEqual(len(rules.check_lines('engine/a.cc', text)), 1)

    def test_is_quiet(self):
        self.assertEqual(rules.check_lines('engine/a.cc', 'x' * 120 + '\n' + '\u00fc' * 120 + '\n'), [])
        self.assertEqual(rules.check_lines('a.md', 'x' * 500 + '\n'), [])


class SizeRule(unittest.TestCase):

    def functions(self, text):
        return [(name, lines) for name, _, lines in cpp_text.functions(text)]

    def test_file_limit(self):
        self.assertEqual(len(rules.check_sizes('a.cc', '\n' * 801)), 1)
        self.assertEqual(rules.check_sizes('a.cc', '\n' * 800), [])

    def test_function_limit(self):
        def body(lines):
            return 'namespace a {\nResult<int> Foo::Bar(int x) const {\n' + '  x++;\n' * (lines - 2) + '}\n}\n'
        self.assertEqual(rules.check_sizes('a.cc', body(120)), [])
        self.assertEqual(rules.check_sizes('a.cc', body(121)),
                         [(2, 'Foo::Bar has 121 lines, more than 120: find its second verb')])

    def test_functions_are_found(self):
        for text, expected in {
                'int F() {\n}\n': [('F', 2)],
                'extern "C" int F(const char* s) noexcept {\n}\n': [('F', 2)],
                'extern "C" {\nint F() {\n}\n}\n': [('F', 2)],
                'class A : public B {\n public:\n  int F() const override { return 1; }\n  int x_{0};\n'
                '  std::function<void(int)> f_{nullptr};\n  int G() {\n  }\n};\n': [('F', 1), ('G', 2)],
                'A::A(int x)\n    : a_{x}, b_(x) {\n  x++;\n}\n': [('A::A', 4)],
                'A::A(int x) noexcept : a_(x), b_{x} {}\nint F() {}\n': [('A::A', 1), ('F', 1)],
                'void F(Options o = {}, std::function<int()> f = [] { return 1; }) {\n}\n': [('F', 2)],
                'auto F(int x) -> std::vector<int> {\n  auto g = [&](int y) { return y; };\n}\n': [('F', 3)],
                'const int kTable[] = {1, 2, 3};\nint F() {\n  if (x) {\n  }\n}\n': [('F', 4)],
                '#define M(x) \\\n  do { \\\n  } while (0)\nint F() {\n}\n': [('F', 2)],
                'int F() { return \'{\'; }\nint G() { const char* s = "{{"; /* { */ // {\n}\n': [('F', 1), ('G', 2)],
                'const char* k = R"x({ " )x";\nint F() {\n}\n': [('F', 2)],
                'template <class T>\n  requires Small<T>\nT F(T x) {\n}\n': [('F', 4)],
                'TEST(A, B) {\n  int n = 1\'000\'000;\n}\n': [('TEST', 3)],
                'enum class E : int { kA, kB };\nstruct S {\n  int a = 0;\n};\nint F() {\n}\n': [('F', 2)],
        }.items():
            with self.subTest(text=text):
                self.assertEqual(self.functions(text), expected)


class ProseRules(unittest.TestCase):

    def test_leftovers_fire(self):
        for word in ('TO' + 'DO', 'FIX' + 'ME', 'X' * 3):
            self.assertEqual(len(rules.check_leftovers('a.cc', f'// {word}: later\n')), 1)
        self.assertEqual(rules.check_leftovers('a.sh', 'mktemp /tmp/a.' + 'X' * 6 + '\n'), [])

    def problems(self, path, text):
        return rules.check_references(path, text, lambda p: p in ('SPEC.md', 'docs/a.md'))

    def test_references_fire(self):
        for path, text in (('a.cc', '// See NOTES.md.\n'), ('b.md', 'see other/place.md\n'),
                           ('run', '# as ROADMAP.md\n'), ('a.cc', '// a fix for issue' + ' 12\n'),
                           ('b.md', '[x](../elsewhere/y)\n'), ('engine/a.h', '// ../../../elsewhere/y\n')):
            with self.subTest(text=text):
                self.assertEqual(len(self.problems(path, text)), 1)

    def test_references_are_quiet(self):
        for path, text in (('a.cc', '// See SPEC.md.\n'), ('docs/b.md', 'a.md and docs/a.md and <name>.md\n'),
                           ('a.cc', 'Dir{{"x/notes.md", 1}};  // a file\n'), ('engine/a.h', '// ../b.h\n')):
            with self.subTest(text=text):
                self.assertEqual(self.problems(path, text), [])

    def test_this_machine_fires(self):
        for text in ('cd /place/cairn\n', '"/place/other/x"\n', 'open(/place/cairn/a)\n'):
            with self.subTest(text=text):
                self.assertTrue(rules.check_this_machine('a', text, '/place/cairn'))
        self.assertTrue(rules.check_this_machine('a', 'see /home/me/cairn/x\n', '/home/me/cairn'))

    def test_this_machine_is_quiet(self):
        self.assertEqual(rules.check_this_machine('a', '/home/you and build/place/ and $x/place/y\n', '/home/me/c'), [])
        self.assertEqual(rules.check_this_machine('a', '/usr/bin/cairn /cairn\n', '/cairn'), [])
        self.assertEqual(rules.check_this_machine('a', 'a/place/y ./place/ $root/place/\n', '/place/c'), [])


if __name__ == '__main__':
    unittest.main()
