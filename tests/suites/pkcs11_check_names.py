"""Prints "pass NAME", "fail NAME" or "skip NAME" for each test function in a report.jsonl of pkcs11-check.

A function with parameters is one test: it fails when it does with any of them, and passes when it passes with one and fails
with none. "skip" is a test that skips itself, or that the suite expects to fail, since the token says it cannot do the thing.
"""

import json
import re
import sys

results = {}
with open(sys.argv[1], encoding="utf-8") as report:
    for line in report:
        record = json.loads(line)
        if record.get("$report_type") != "TestReport":
            continue
        name = re.sub(r"^.*testcases/", "", record["nodeid"]).split("[")[0].replace("/", ".").replace(".py::", ".").replace("::", ".")
        # "skipped" is also an expected failure, and an expected failure that passes is "passed" in the report.
        outcome = record["outcome"]
        if record["when"] != "call" and outcome == "passed":
            continue
        results.setdefault(name, set()).add(outcome)
for name, outcomes in sorted(results.items()):
    print("fail" if "failed" in outcomes else "pass" if "passed" in outcomes else "skip", name)
