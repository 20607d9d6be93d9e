"""The rules of the house, one function each: (path, text, ...) to a list of problems as (line, message)."""

import fnmatch
import os
import re

import cpp_text

LINE_LENGTH_MAX = 120
SCRIPT_LINE_LENGTH_MAX = 140  # no formatter breaks these: a long text or table stays readable
FILE_LINES_WISH, FILE_LINES_MAX = 400, 800
FUNCTION_LINES_WISH, FUNCTION_LINES_MAX = 80, 120

CPP = ('.cc', '.h')
PRODUCT = ('repo-format', 'chunker', 'engine', 'frontends')  # what ends in the binary
FREE = ('tools', 'fuzz', 'bench', 'tests')  # may include anything, and nothing includes them


def _line(text, offset):
    return text.count('\n', 0, offset) + 1


def _matches(pattern, text, message):
    return [(_line(text, m.start()), message.format(m.group(0).strip())) for m in re.finditer(pattern, text, re.M)]


def is_below(path, folder):
    return path.startswith(folder + '/')


class Layers:
    """tests/tidy/layers.txt."""

    def __init__(self, text):
        self.direct = {}       # folder -> folders it names
        self.third_party = {}  # header pattern -> folders
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split('#')[0].strip()
            if not line:
                continue
            left, colon, right = line.partition(':')
            if not colon:
                raise ValueError(f'layers.txt:{number}: no colon')
            target = self.third_party if left.startswith('<') else self.direct
            target.setdefault(left.strip().strip('<>'), []).extend(right.split())
        for folder, named in self.direct.items():
            for name in named:
                if name not in self.direct:
                    raise ValueError(f'layers.txt: {folder} names {name}, which has no row')

    def folder_of(self, path):
        """The row that a file belongs to, or None."""
        rows = [row for row in self.direct if is_below(path, row)]
        return max(rows, key=len) if rows else None

    def allowed(self, folder):
        """The rows that a folder may include: itself, those it names, and what those may include."""
        seen, waiting = set(), [folder]
        while waiting:
            row = waiting.pop()
            if row not in seen:
                seen.add(row)
                waiting.extend(self.direct[row])
        return seen


def check_layers(path, text, layers, exists):
    """Own includes go down only, and are written from the root of the project."""
    if not path.endswith(CPP):
        return []
    problems = []
    own_row = layers.folder_of(path)
    for line, quote, target in cpp_text.includes(text):
        if quote == '<':
            if layers.folder_of(target) and exists(target):
                problems.append((line, f'<{target}> is ours: include it with quotes'))
            continue
        if not exists(target):
            problems.append((line, f'"{target}" is not a file, seen from the root of the project'))
            continue
        row = layers.folder_of(target)
        if own_row is None:
            if path.split('/')[0] == 'tools' and target.split('/')[0] != 'tools' and row is None:
                problems.append((line, f'tools may not include {target}'))
            continue
        if row is None or row not in layers.allowed(own_row):
            problems.append((line, f'{own_row} may not include {row or os.path.dirname(target)} ("{target}")'))
    return problems


def check_third_party(path, text, layers):
    """A third-party header belongs to its folders. Tests, fuzz targets and benchmarks may look anywhere."""
    if not path.endswith(CPP) or path.split('/')[0] not in PRODUCT:
        return []
    problems = []
    for line, quote, target in cpp_text.includes(text):
        for pattern, folders in layers.third_party.items():
            if fnmatch.fnmatchcase(target, pattern) and not any(is_below(path, folder) for folder in folders):
                where = ', '.join(folders) or 'tests'
                problems.append((line, f'{quote}{target} belongs to {where}'))
    return problems


def check_own_header_first(path, text, exists):
    if not path.endswith('.cc') or not exists(path[:-3] + '.h'):
        return []
    found = cpp_text.includes(text)
    own = path[:-3] + '.h'
    if found and found[0][2] == own:
        return []
    return [(found[0][0] if found else 1, f'the first include must be "{own}"')]


# (name, pattern, folders that may, what to do instead)
WORDS = [
    ('clock', r'\bsystem_clock\b|\bhigh_resolution_clock\b|\bsteady_clock::now\b|\bclock_gettime\b|\bgettimeofday\b'
              r'|(?<![\w.>])time\s*\(\s*(?:nullptr|NULL|0|&\w+)\s*\)',
     ('engine/env',), 'ask the Clock of the JobContext'),
    ('sync', r'\bfsync\b|\bfdatasync\b|\bsyncfs\b', ('engine/env',), 'go through engine/env/file_system.h'),
    ('random', r'\brandom_device\b|\bgetrandom\b|\bgetentropy\b|(?<![\w.>])s?rand\s*\(', ('engine/env',),
     'ask the Random of the JobContext'),
    ('throw', r'\bthrow\b', ('frontends',), 'return a Result'),
    ('stdout', r'\bstd::cout\b|(?<!\w)v?printf\s*\(|\bfprintf\s*\(\s*stdout\b|\bputs\s*\(|\bputchar\s*\('
               r'|\bfmt::print\s*\((?!\s*stderr)', ('frontends/cli',), 'only the command line prints'),
    ('stderr', r'\bstd::c(?:err|log)\b|\bfprintf\s*\(\s*stderr\b|\bfmt::print\s*\(\s*stderr\b|\bperror\s*\(',
     ('frontends/cli', 'engine/env', 'repo-format/base'), 'write to the Log of the JobContext'),
]


def check_words(path, text):
    """Words that belong to one folder."""
    if not path.endswith(CPP) or path.split('/')[0] not in PRODUCT:
        return []
    code = cpp_text.code_only(text)
    problems = []
    for name, pattern, folders, instead in WORDS:
        if not any(is_below(path, folder) for folder in folders):
            problems += _matches(pattern, code, f'{{}} ({name}) belongs to {", ".join(folders)}: {instead}')
    return problems


def check_lines(path, text):
    """No tabs, no trailing blanks, no line over the limit, a newline at the end. Not for prose."""
    if path.endswith('.md'):
        return []
    problems = []
    length_max = SCRIPT_LINE_LENGTH_MAX if path.endswith('.py') else LINE_LENGTH_MAX
    for number, line in enumerate(text.split('\n'), 1):
        if len(line) > length_max:
            problems.append((number, f'line of {len(line)} characters, at most {length_max}'))
        if '\t' in line:
            problems.append((number, 'tab'))
        if line.rstrip() != line:
            problems.append((number, 'blanks at the end of the line'))
    if text and not text.endswith('\n'):
        problems.append((text.count('\n') + 1, 'no newline at the end of the file'))
    return problems


def check_sizes(path, text, file_lines=FILE_LINES_MAX, function_lines=FUNCTION_LINES_MAX):
    """A file and a function have a size. The wishes are smaller than the limits: see CONVENTIONS.md."""
    if not path.endswith(CPP):
        return []
    problems = []
    count = text.count('\n')
    if count > file_lines:
        problems.append((1, f'file of {count} lines, more than {file_lines}: find its second noun'))
    for name, line, lines in cpp_text.functions(text):
        if lines > function_lines:
            problems.append((line, f'{name} has {lines} lines, more than {function_lines}: find its second verb'))
    return problems


def check_leftovers(path, text):
    """What is not done is done or said where users look, not left in the source."""
    words = '|'.join(('TO' + 'DO', 'FIX' + 'ME', 'X' * 3))
    return _matches(rf'\b(?:{words})\b', text, '{} left behind')


def comments_of(path, text):
    if path.endswith(CPP):
        return cpp_text.comments_only(text)
    if path.endswith('.md'):
        return text
    return '\n'.join(line if line.lstrip().startswith('#') else '' for line in text.split('\n'))


def check_references(path, text, exists):
    """A document that is named is one that a reader of this project has; numbers of a tracker are not."""
    prose = comments_of(path, text)
    problems = []
    for match in re.finditer(r'(?<![\w./*<-])((?:[\w.-]+/)*[\w-]+\.md)\b', prose):
        name = match.group(1)
        if ('/' in name or name.isupper() or name[:-3].isupper()) and not (
                exists(name) or exists(os.path.normpath(os.path.join(os.path.dirname(path), name)))):
            problems.append((_line(prose, match.start()), f'there is no {name} in this project'))
    problems += _matches(r'(?i)\bissues?[ _]#?\d{1,3}\b', prose, '{}: say what it was, not its number')
    for match in re.finditer(r'\]\((\.\./[^)\s]*)\)|(?<![\w/])(\.\./[\w./-]+)', prose):
        target = os.path.normpath(os.path.join(os.path.dirname(path), match.group(1) or match.group(2)))
        if target.startswith('..'):
            problems.append((_line(prose, match.start()), f'{match.group(0)} leaves the project'))
    return problems


STANDARD_ROOTS = ('bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr '
                  'var').split()


def check_this_machine(path, text, checkout):
    """No file names the folder that the project happens to be checked out in."""
    parts = checkout.strip('/').split('/')
    names = []
    if len(parts) > 1:
        names.append('/' + '/'.join(parts))
        if parts[0] not in STANDARD_ROOTS:
            names.append(f'/{parts[0]}/')
    problems = []
    for name in names:
        pattern = r'(?<![\w.$}-])' + re.escape(name) + (r'\b' if name[-1].isalnum() else '')
        problems += _matches(pattern, text, '{} is a folder of this machine')
    return problems
