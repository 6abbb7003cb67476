"""Does tools/lint.py see what it is for? Each rule is shown a small tree that breaks it and one that does not.

usage: lint_test.py LINT CC
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from c_functions import functions
from tap import Tap

STYLE = "BasedOnStyle: LLVM\nIndentWidth: 4\nBreakBeforeBraces: Linux\n"
LATER = "TO" + "DO"


def lint(folder, files, *arguments):
    """The lines that lint.py prints about a tree of these files."""
    for path, text in files.items():
        made = pathlib.Path(folder) / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", folder], check=True)
    run = subprocess.run([sys.executable, LINT, "--root", folder, *arguments], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def finds(tap, title, files, *said):
    with tempfile.TemporaryDirectory() as folder:
        code, printed = lint(folder, {".clang-format": STYLE, **files})
        tap.ok(code == 1 and all(text in printed for text in said), f"finds {title}", printed)


def function_of(lines, head="int f(void)\n{\n"):
    return head + "    f();\n" * (lines - 3) + "}\n"


SCANNED = r'''
#define BODY(x) { x }
static const int table[] = {1, 2, 3};
struct pair { int a, b; };
enum err { A, B };
/* void not_this(void) { */
int one(void) { return '{'; }
static __attribute__((cold)) char *
two(const char *s, int (*call)(int))
{
    const char *text = "}{"; // }
    struct pair p = {1, 2};
    return call(p.a) ? (char *)s : (char *)text;
}
extern "C" {
int three(void)
{
}
}
struct pair four(void)
{
    if (1) {
    }
}
'''


def main(compiler):
    tap = Tap()
    tap.equal("functions are found with their first and last lines", functions(SCANNED),
              [("one", 7, 7), ("two", 8, 14), ("three", 16, 18), ("four", 20, 24)])
    with tempfile.TemporaryDirectory() as folder:
        clean = {".clang-format": STYLE, "src/base/a.h": "/* Is a contract. */\nint f(void);\n",
                 "src/json/b.c": '#include "base/a.h"\n\n#include "json/b.h"\n' + function_of(70),
                 "src/json/b.h": "/* Is another. */\n", "docs/a.md": "[b](../src/base/a.h) [c](https://c.example)\n"}
        code, printed = lint(folder, clean)
        tap.ok(code == 0 and "not ok" not in printed, "is content with a clean tree", printed)
    finds(tap, "code that clang-format would change", {"src/base/a.c": "int f( void );\n"}, "src/base/a.c:1: clang-format")
    finds(tap, "an include of a folder below", {"src/json/a.c": '#include "rule/b.h"\n', "src/rule/b.h": "/* b */\n"},
          "src/json/a.c:1: json may not include rule")
    finds(tap, "one store including another",
          {"src/store/memory/a.c": '#include "store/sqlite/b.h"\n', "src/store/sqlite/b.h": "/* b */\n"},
          "store/memory may not include store/sqlite")
    finds(tap, "the store including one of its kinds",
          {"src/store/a.c": '#include "store/memory/b.h"\n', "src/store/memory/b.h": "/* b */\n"},
          "store may not include store/memory")
    finds(tap, "a folder without a place", {"src/attic/a.c": "int f(void);\n"}, "src/attic/a.c: its folder has no place")
    finds(tap, "an include without its folder", {"src/base/a.c": '#include "b.h"\n'}, "by its folder")
    finds(tap, "a library out of its wrapping", {"src/engine/a.c": "#include <sqlite3.h>\n"}, "<sqlite3.h> belongs to")
    finds(tap, "an oracle that looks at the engine",
          {"tests/sim/oracle.c": '#include "engine/a.h"\n', "src/engine/a.h": "/* a */\n"}, "the oracle may not include")
    finds(tap, "a file of 601 lines", {"src/base/a.c": "int f(void);\n" * 601}, "601 lines")
    finds(tap, "a function of 71 lines", {"src/base/a.c": function_of(71)}, "src/base/a.c:1: f has 71 lines")
    finds(tap, "a Python function of 71 lines", {"tests/a.py": "def f():\n" + "    f()\n" * 70}, "tests/a.py:1: f has 71 lines")
    finds(tap, "what was left for later", {"src/base/a.c": f"/* {LATER} later */\n"}, "src/base/a.c:1: ")
    finds(tap, "a name that says nothing", {"src/base/string_utils.c": "int f(void);\n"}, "call it by what it is about")
    finds(tap, "a header without its contract", {"src/base/a.h": "int f(void);\n"}, "say in a sentence")
    finds(tap, "a link that leads nowhere", {"docs/a.md": "[b](b.md)\n"}, "docs/a.md:1: b.md is not there")
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/src")
        source = ("static int counter;\nstatic const char *const names[] = {\"a\"};\n"
                  "static _Thread_local int place = 3;\nextern int f(int n);\n"
                  "int f(int n) { static int calls; return place += n + counter++ + names[0][0] + calls++; }\n")
        subprocess.run([compiler, "-fPIC", "-c", "-x", "c", "-", "-o", f"{folder}/src/a.c.o"], input=source, text=True, check=True)
        code, printed = lint(folder, {}, "--objects", folder)
        tap.ok(code == 1 and all(f": {name}" in printed for name in ("counter", "calls", "place")) and "names" not in printed,
               "finds mutable globals in objects, and no constants", printed)
    return tap.done()


if __name__ == "__main__":
    LINT = os.path.abspath(sys.argv[1])
    sys.exit(main(sys.argv[2]))
