"""The few lines of TAP (Test Anything Protocol) that our scripted tests speak to tools/run_tests.py."""


class Tap:
    def __init__(self):
        self.number, self.failed = 0, 0

    def ok(self, condition, title, details=""):
        self.number += 1
        self.failed += not condition
        print(f"{'ok' if condition else 'not ok'} {self.number} - {title}", flush=True)
        if not condition:
            for line in str(details).splitlines():
                print(f"# {line}", flush=True)
        return bool(condition)

    def equal(self, title, have, expected):
        return self.ok(have == expected, title, f"have     {have}\nexpected {expected}")

    def skip(self, title, reason):
        self.number += 1
        print(f"ok {self.number} - {title} # SKIP {reason}", flush=True)

    def done(self):
        print(f"1..{self.number}", flush=True)
        return 1 if self.failed else 0
