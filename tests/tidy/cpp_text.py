"""C++ source as text: comments and literals blanked out, includes, and the extent of each function."""

import re

_TOKEN = re.compile(
    r'(?P<raw>R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<!\w)'(?:\\.|[^'\\\n])+')"
    r'|(?P<comment>//[^\n]*|/\*.*?\*/)',
    re.DOTALL)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)

_DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.MULTILINE)

# What stands between a function's parameters and its body.
_FUNCTION_TAIL = re.compile(
    r'\)\s*(?:(?:const|noexcept|override|final|mutable|try|&&?|noexcept\s*\([^()]*\)|requires\b[^{};]*'
    r'|->\s*[\w:<>,\s*&\[\]]+)\s*)*$')
_CONSTRUCTOR_INITIALIZER = re.compile(r'\)\s*(?:noexcept\s*)?:(?!:)')
_CONTAINER = re.compile(r'\b(?:namespace|class|struct|union|enum)\b|\bextern\s*"?\s*"?\s*$')
_ACCESS = re.compile(r'\s*(?:(?:public|private|protected)\s*:(?!:)\s*)*')
_PARAMETERS = re.compile(r'([~\w:]+|operator\s*\S+)\s*\(')


def _blank(text):
    return re.sub(r'[^\n]', ' ', text)


def code_only(text):
    """The text with comments and the insides of literals blanked; line numbers stay."""
    def replace(match):
        token = match.group(0)
        if match.group('comment') is not None:
            return _blank(token)
        return token[0] + _blank(token[1:-1]) + token[-1]
    return _TOKEN.sub(replace, text)


def comments_only(text):
    """The text with everything but comments blanked; line numbers stay."""
    out, end = [], 0
    for match in _TOKEN.finditer(text):
        out.append(_blank(text[end:match.start()]))
        token = match.group(0)
        out.append(token if match.group('comment') is not None else _blank(token))
        end = match.end()
    out.append(_blank(text[end:]))
    return ''.join(out)


def includes(text):
    """(line, '"' or '<', path) of each #include that is not in a comment."""
    commented = comments_only(text)
    found = []
    for match in _INCLUDE.finditer(text):
        if commented[match.end() - 1] == ' ':
            found.append((text.count('\n', 0, match.start()) + 1, match.group(1), match.group(2)))
    return found


def _closing(code, start):
    """Index of the brace that closes the one at start, or the end of the code."""
    depth = 0
    for match in re.compile(r'[{}]').finditer(code, start):
        depth += 1 if match.group(0) == '{' else -1
        if depth == 0:
            return match.start()
    return len(code)


def _name(head):
    match = _PARAMETERS.search(head)
    return match.group(1) if match else head.strip()[-40:]


def functions(text):
    """(name, line, number of lines) of each function body, from the line of its name to its last brace."""
    code = _DIRECTIVE.sub(lambda m: _blank(m.group(0)), code_only(text))
    found = []
    at, head_start, parentheses = 0, 0, 0
    for_each = re.compile(r'[{}();]')
    while True:
        match = for_each.search(code, at)
        if match is None:
            return found
        at = match.end()
        char = match.group(0)
        if char == '(':
            parentheses += 1
        elif char == ')':
            parentheses = max(0, parentheses - 1)
        elif char == ';' and parentheses == 0:
            head_start = at
        elif char == '}':
            head_start, parentheses = at, 0
        elif char == '{':
            at, head_start = _open_brace(code, match.start(), head_start, parentheses, found)


def _open_brace(code, brace, head_start, parentheses, found):
    """Steps over or into a brace; returns where to go on, and where the next declaration starts."""
    head = code[head_start:brace]
    close = _closing(code, brace)
    if parentheses > 0:
        return close + 1, head_start  # a default argument, or a lambda given to a macro
    stripped = head.rstrip()
    in_initializer = _CONSTRUCTOR_INITIALIZER.search(head) is not None
    if in_initializer and re.search(r'[\w>]$', stripped):
        return close + 1, head_start  # member_{value}
    is_body = _FUNCTION_TAIL.search(head) is not None or (in_initializer and stripped.endswith(('}', ')')))
    if is_body:
        first = code.count('\n', 0, head_start + _ACCESS.match(head).end()) + 1
        last = code.count('\n', 0, close) + 1
        found.append((_name(head), first, last - first + 1))
        return close + 1, close + 1
    if _CONTAINER.search(head):
        return brace + 1, brace + 1
    return close + 1, head_start  # an initializer
