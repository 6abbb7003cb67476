"""Finds the functions of a C or C++ file, for tools/lint.py: enough of the language to follow its braces."""
import re

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
                   r'|^[ \t]*#(?:[^\n\\]|\\\n|\\.)*', re.S | re.M)
TRANSPARENT = re.compile(r"\b(?:namespace|extern|class)\b")  # looked into; a C struct holds no function
SIGNATURE = re.compile(r"([\w:~]+)\s*\(")
NOT_A_NAME = {"__attribute__", "if", "while", "for", "switch", "defined", "_Alignas", "sizeof", "void"}


def code_only(text):
    """The text with comments, strings and preprocessor lines blanked, every line break kept."""
    def blank(found):
        token = found[0]
        kept = '""' if token[0] in '"R' else "''" if token[0] == "'" else ""
        return kept + "\n" * token.count("\n")
    return TOKEN.sub(blank, text)


def functions(text):
    """[(name, first line, last line)] of every function defined, from its signature to its closing brace."""
    found = []
    code = code_only(text)
    line, depth, inside = 1, 0, None
    head, head_line = "", None
    for character in code:
        if character == "\n":
            line += 1
        if depth == 0 and character == "{":
            if TRANSPARENT.search(head) and "(" not in head:
                head, head_line = "", None
                continue
            inside = function_name(head), head_line
            depth = 1
        elif depth == 0 and character in ";}":
            head, head_line = "", None
        elif depth == 0:
            if not character.isspace() and head_line is None:
                head_line = line
            head += character
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                if inside[0]:
                    found.append((inside[0], inside[1], line))
                    head, head_line = "", None
                # an initializer or a struct goes on to its semicolon
    return found


def function_name(head):
    """The name that a `{` after this head defines a function of, or None for data and types."""
    if "=" in head.split("(", 1)[0]:
        return None
    names = [name for name in SIGNATURE.findall(head) if name not in NOT_A_NAME]
    return names[0] if names else None
