"""Does tools/run_tests.py count what test programs say, and see what they leave unsaid?"""
import contextlib
import io
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), os.path.join(HERE, "..", "..", "tools")]
from run_tests import Tally
from tap import Tap

CMOCKA = "1..4\nok 1 - good\nnot ok 2 - bad\n# 0x1 != 0x2\n# t.c:7: error: Failure!\nnot ok 3 # SKIP later\nok 4 - good\n# not ok - all\n"

# title, output, exit code, took too long: passed, failed, skipped
CASES = [
    ("every case of a cmocka program", CMOCKA, 1, False, (2, 1, 1)),
    ("two groups of one program", "1..1\nok 1 - a\n# ok - first\n1..2\nok 1 - b\nok 2 - c\n# ok - second\n", 0, False, (3, 0, 0)),
    ("a plan at the end", "ok 1 - a\nok 2 - b\n1..2\n", 0, False, (2, 0, 0)),
    ("a program that says nothing", "", 0, False, (1, 0, 0)),
    ("a program that fails without a word", "", 3, False, (0, 1, 0)),
    ("a leak found after the last case", "1..1\nok 1 - a\n", 23, False, (1, 1, 0)),
    ("a program that dies in its second case", "1..3\nok 1 - a\n", -11, False, (1, 1, 0)),
    ("a script that dies before its plan", "ok 1 - a\n", 1, False, (1, 1, 0)),
    ("a program that was stopped for its time", "1..2\nok 1 - a\n", -15, True, (1, 1, 0)),
    ("a case skipped with its reason", "ok 1 - CDNOW # SKIP not there\n1..1\n", 0, False, (0, 0, 1)),
    ("output that only looks like a case", "okay then\nok, so what\n1..1\nok 1 - a\n", 0, False, (1, 0, 0)),
]


def main():
    tap = Tap()
    for title, output, code, exhausted, expected in CASES:
        tally, printed = Tally(), io.StringIO()
        with contextlib.redirect_stdout(printed):
            tally.take("program", output, "", code, exhausted)
        tap.equal(f"counts {title}", (tally.passed, tally.failed, tally.skipped), expected)
    tally, printed = Tally(), io.StringIO()
    with contextlib.redirect_stdout(printed):
        tally.take("program", CMOCKA, "on stderr\n", 1)
    tap.ok(all(text in printed.getvalue() for text in ("program: bad", "t.c:7: error", "on stderr")),
           "prints a failure with what was said about it", printed.getvalue())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
