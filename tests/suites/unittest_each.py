"""Runs each test of a folder of unittest tests in a process of its own, so that one that fails leaves nothing to the next.

Writes "pass NAME", "fail NAME" or "skip NAME" to standard output, and why to standard error.
"""

import subprocess
import sys
import unittest


def names(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from names(test)
        else:
            yield test.id()


for name in sorted(names(unittest.defaultTestLoader.discover("."))):
    done = subprocess.run([sys.executable, "-m", "unittest", name], capture_output=True, text=True, timeout=120)
    skipped = "skipped=" in done.stderr
    result = "fail" if done.returncode != 0 else "skip" if skipped else "pass"
    print(result, name, flush=True)
    if result == "fail":
        print(name, done.stderr.strip().splitlines()[-5:], file=sys.stderr)
