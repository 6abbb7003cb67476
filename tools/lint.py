#!/usr/bin/env python3
"""What style.md asks for and a program can see. Each rule is a test case in TAP.

usage: lint.py [--root DIR] [--objects BUILD_DIR]
With --objects it judges the compiled objects under BUILD_DIR/src instead of the source.
"""
import argparse
import ast
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "tools"))
from c_functions import functions
from tap import Tap

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

# A folder may include itself and those before it; folders in one row do not know each other.
LAYERS = [["base"], ["calendar"], ["csv"], ["json"], ["contact"], ["event"], ["rule"], ["journey"], ["engine"],
          ["store"], ["store/memory", "store/sqlite"], ["partition"], ["trace"], ["delivery"], ["ingest"], ["http"], ["cli"],
          ["bench"]]

# A library's header and the folders of the tree that may include it (architecture.md sections 2, 3 and 8).
CONFINED = {"simdjson.h": ["src/json", "src/ingest"], "sqlite3.h": ["src/store/sqlite", "tests/crash", "bench"],
            "csv.h": ["src/csv"], "xxhash.h": ["src/base"], "microhttpd.h": ["src/http"],
            "zlib.h": ["src/http", "src/ingest"], "sodium.h": ["src/http", "bench"], "curl/curl.h": ["src/cli", "src/delivery"]}

# The naive oracle of the simulator shares nothing with what it judges.
ORACLE, ORACLE_MAY_INCLUDE = re.compile(r"tests/sim/oracle[^/]*\.[ch]$"), ("base", "json")

FORBIDDEN_WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|common|misc|manager|helpers?)(_|$)")

# Mutable globals that may be, each with its reason.
GLOBALS_ALLOWED = {"context_partition": "base/check.c: a thread's place, for the message of a failed CHECK",
                   "context_seq": "base/check.c: likewise"}

C_SUFFIXES = (".c", ".h", ".cc", ".cpp")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


class Tree:
    """The project's own files: what git knows or would take, so build folders are no part of it."""

    def __init__(self, root):
        self.root = root
        listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"],
                                capture_output=True, text=True, check=True).stdout.split("\n")
        self.paths = sorted({path for path in listed if path and (root / path).is_file()})
        self.texts = {}

    def under(self, folders, suffixes):
        return [path for path in self.paths if path.endswith(suffixes) and path.startswith(folders)]

    def text(self, path):
        if path not in self.texts:
            self.texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self.texts[path]

    def lines(self, path):
        return enumerate(self.text(path).splitlines(), 1)


def folder_of(path):
    """The layer a file of src/ belongs to: the longest folder that is one, or the folder itself if none is."""
    folder = path.rsplit("/", 1)[0] if "/" in path else ""
    known = [layer for row in LAYERS for layer in row]
    fitting = [layer for layer in known if folder == layer or folder.startswith(layer + "/")]
    return max(fitting, key=len) if fitting else folder


def rank(folder):
    return next((number for number, row in enumerate(LAYERS) if folder in row), None)


def layers(tree):
    """a folder of src includes only itself and those above it"""
    for path in tree.under(("src/",), C_SUFFIXES):
        own = folder_of(path.removeprefix("src/"))
        if own and rank(own) is None:
            yield f"{path}: its folder has no place in the order of tools/lint.py"
            continue
        for number, line in tree.lines(path):
            found = INCLUDE.match(line)
            if not found or found[1] == "<":
                continue
            if "/" not in found[2]:
                yield f'{path}:{number}: include "{found[2]}" by its folder, as in "{own}/{found[2]}"'
                continue
            other = folder_of(found[2])
            if rank(other) is None:
                yield f'{path}:{number}: "{found[2]}" is in no folder of src'
            elif own and other != own and rank(other) >= rank(own):
                yield f"{path}:{number}: {own} may not include {other}, which stands below it"


def libraries(tree):
    """a library's header is included only where it is wrapped"""
    for path in tree.under(("src/", "tests/"), C_SUFFIXES):
        for number, line in tree.lines(path):
            found = INCLUDE.match(line)
            homes = CONFINED.get(found[2]) if found and found[1] == "<" else None
            if homes and not any(path.startswith(home + "/") for home in homes):
                yield f"{path}:{number}: <{found[2]}> belongs to {', '.join(homes)}"


def oracle(tree):
    """the simulator's oracle includes nothing of src but base and json"""
    for path in tree.under(("tests/",), C_SUFFIXES):
        if not ORACLE.search(path):
            continue
        for number, line in tree.lines(path):
            found = INCLUDE.match(line)
            if found and found[1] == '"' and (tree.root / "src" / found[2]).exists() \
                    and found[2].split("/")[0] not in ORACLE_MAY_INCLUDE:
                yield f'{path}:{number}: the oracle may not include "{found[2]}"'


def file_lengths(tree):
    """no file is longer than 600 lines"""
    for path in tree.under(("src/", "tests/", "tools/", "examples/", "bench/"), C_SUFFIXES + (".py", ".sh")):
        length = tree.text(path).count("\n")
        if length > FILE_LINES_MAX:
            yield f"{path}: {length} lines; is it still one concept?"


def function_lengths(tree):
    """no function is longer than 70 lines"""
    for path in tree.under(("src/", "tests/", "bench/"), C_SUFFIXES):
        for name, first, last in functions(tree.text(path)):
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: {name} has {last - first + 1} lines"
    for path in tree.under(("tests/", "tools/", "examples/"), (".py",)):
        for node in ast.walk(ast.parse(tree.text(path))):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX:
                yield f"{path}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"


def words(tree):
    """nothing is left for later"""
    kept = C_SUFFIXES + (".py", ".sh", ".md", ".build", ".json", ".yaml", ".sql", "Makefile", ".ci/run")
    for path in tree.paths:
        if path.endswith(kept) or path.startswith("tools/"):
            for number, line in tree.lines(path):
                if FORBIDDEN_WORDS.search(line):
                    yield f"{path}:{number}: {line.strip()}"


def names(tree):
    """no file or folder is named after nothing in particular"""
    for path in tree.under(("src/", "tests/", "tools/", "bench/"), ("",)):
        for part in path.split("/"):
            if FORBIDDEN_NAMES.search(part.split(".")[0]):
                yield f"{path}: call it by what it is about"


def headers(tree):
    """every header of src begins with the comment that is its contract"""
    for path in tree.under(("src/",), (".h",)):
        if not tree.text(path).startswith("/*"):
            yield f"{path}:1: say in a sentence what it is for"


def links(tree):
    """every link between our pages leads somewhere"""
    for path in tree.under(("",), (".md",)):
        for number, line in tree.lines(path):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not ((tree.root / path).parent / target).exists():
                    yield f"{path}:{number}: {target} is not there"


def formatting(tree):
    """the C and C++ files are as clang-format leaves them"""
    files = tree.under(("src/", "tests/", "bench/"), C_SUFFIXES)
    if not files:
        return
    run = subprocess.run(["clang-format", "--dry-run", "--ferror-limit=0", *files], cwd=tree.root, capture_output=True, text=True)
    places = [line for line in run.stderr.splitlines() if "clang-format-violations" in line]
    seen = {}
    for line in places:
        path, number = line.split(":")[:2]
        seen.setdefault(path, []).append(number)
    yield from (f"{path}:{numbers[0]}: clang-format would change {len(numbers)} place(s); run `make format`" for path, numbers in seen.items())
    if run.returncode:
        yield run.stderr.strip()


def object_globals(build):
    """no compiled object has a mutable global"""
    objects = sorted(str(path) for path in (build / "src").rglob("*.o") if not path.stem.endswith("_test.c"))
    if not objects:
        yield f"{build}: no object to look at; build it first"
        return
    listing = subprocess.run(["nm", "-A", "--format=sysv", "--defined-only", *objects],
                             capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != 7 or "OBJECT" not in columns[3] and "TLS" not in columns[3]:
            continue
        place, name = columns[0].rsplit(":", 1)
        section = columns[6]
        writable = section.startswith((".data", ".bss", ".tdata", ".tbss", "*COM*")) and ".rel.ro" not in section
        # gcc numbers a static variable of a function; the C++ library puts guards of its own
        if writable and name.split(".")[0] not in GLOBALS_ALLOWED and not name.startswith(("_ZGV", "DW.ref.")) \
                and not name.startswith("_ZN8simdjson") and not name.startswith("_ZZN8simdjson"):
            yield f"{pathlib.Path(place).name}: {name} in {section}"


SOURCE_RULES = [formatting, layers, libraries, oracle, file_lengths, function_lengths, words, names, headers,
                links]


def main():
    parser = argparse.ArgumentParser(description="What style.md asks for and a program can see.")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--objects", type=pathlib.Path, metavar="BUILD_DIR")
    options = parser.parse_args()
    tap = Tap()
    rules = [object_globals] if options.objects else SOURCE_RULES
    subject = options.objects or Tree(options.root)
    for rule in rules:
        found = list(rule(subject))
        tap.ok(not found, rule.__doc__, "\n".join(found))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
