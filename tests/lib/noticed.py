"""Which changes of a build with switches (switches.py) the tests notice.

    noticed.py reach PROGRAMS REACH               runs each test alone, and writes which changes it comes to
    noticed.py try LIST COPY PROGRAMS REACH OUT   makes one change after another, and runs tests that come to it until one fails
    noticed.py report LIST COPY OUT MISSED        prints how many were noticed, and writes the names of the others to MISSED

PROGRAMS has a line `NAME PATH` for each test program, the unit tests first. OUT gets a line of JSON for each change; a change in it is not tried again. Tests are
programs of the repository, so they run in its copy.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

# Most tests wait for something.
AT_ONCE = 2 * (os.cpu_count() or 1)
# Seconds that the whole-module tests may take that do not notice a change. Those that noticed others of its function or file come first.
PATIENCE = float(os.environ.get("STM_TEST_PATIENCE", "40"))
# Left out: they start hundreds of processes or keep all processors busy, so that others beside them would fail.
LEFT_OUT = ("two_hundred_processes", "no_child_of_a_busy_parent", "children_that_are_forked", "twenty_processes")


def limited():
    """A change can make a program allocate or compute without end."""
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, variables, seconds, folder):
    """Whether it passed, or None after `seconds`; and what it printed."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=folder,
            env={**os.environ, **variables}, start_new_session=True, preexec_fn=limited,
        )
        try:
            passed = process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            passed = None
        # With all that it started: a session of its own.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        out.seek(0)
        return passed, out.read().decode(errors="replace")


def programs(path):
    return dict(line.split() for line in pathlib.Path(path).read_text().splitlines())


def reach(programs_path, out):
    folder = pathlib.Path(out).parent / "copy"

    def alone(test):
        name, path, test = test
        with tempfile.NamedTemporaryFile() as record:
            begun = time.monotonic()
            passed, said = run([path, "--exact", test], {"MUTANTS_REACHED": record.name}, 300, folder)
            numbers = pathlib.Path(record.name).read_bytes()
            if not passed:
                print(f"fails without a change: {name} {test}: {said[-400:]}", flush=True)
            reached = sorted({int.from_bytes(numbers[at : at + 4], "little") for at in range(0, len(numbers), 4)})
            return {"program": name, "test": test, "seconds": time.monotonic() - begun, "passed": passed, "reached": reached}

    tests = []
    for name, path in programs(programs_path).items():
        _, listed = run([path, "--list", "--format=terse"], {}, 60, folder)
        tests += [(name, path, line.removesuffix(": test")) for line in listed.splitlines() if line.endswith(": test")]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        pathlib.Path(out).write_text(json.dumps(list(pool.map(alone, tests))))


class Trial:
    def __init__(self, list_path, programs_path, reach_path, out):
        self.list = json.loads(pathlib.Path(list_path).read_text())
        self.paths = programs(programs_path)
        self.unit = next(iter(self.paths))
        self.folder = pathlib.Path(reach_path).parent / "copy"
        self.of_change = collections.defaultdict(list)
        for test in json.loads(pathlib.Path(reach_path).read_text()):
            if test["passed"] and not any(word in test["test"] for word in LEFT_OUT):
                for number in test["reached"]:
                    self.of_change[number].append(test)
        # How often a test has noticed a change of this function or file.
        self.successes = collections.Counter()
        self.lock, self.out = threading.Lock(), open(out, "a", encoding="utf-8")

    def places(self, number):
        """The function and the file of a change."""
        change = self.list[number]
        return (change["file"], (change["function"] or {}).get("function_name")), change["file"]

    def likely(self, number, test):
        """Sorts those first that are likely to notice it soon."""
        function, file = self.places(number)
        cost = 0.2 + test["seconds"]
        return (
            -self.successes[function, test["test"]],
            -self.successes[file, test["test"]] / cost,
            len(test["reached"]) * cost,
        )

    def attempt(self, number):
        variables = {"MUTANT": str(number)}
        entry = {"number": number, "name": self.list[number]["name"], "result": "missed"}
        tests = self.of_change[number]
        unit = [test for test in tests if test["program"] == self.unit]
        if unit:
            most = 10 + 3 * max(test["seconds"] for test in unit)
            passed, said = run([self.paths[self.unit], "--exact", *(test["test"] for test in unit)], variables, most, self.folder)
            if not passed:
                failed = [line.split()[1] for line in said.splitlines() if line.startswith("test ") and line.endswith("FAILED")]
                entry.update(result="noticed" if failed else "hung", by=self.unit, test=" ".join(failed[:1]))
        if entry["result"] == "missed":
            self.by_whole(number, [test for test in tests if test["program"] != self.unit], variables, entry)
        with self.lock:
            self.out.write(json.dumps(entry) + "\n")
            self.out.flush()

    def by_whole(self, number, tests, variables, entry):
        left = PATIENCE
        for test in sorted(tests, key=lambda test: self.likely(number, test)):
            if test["seconds"] > left:
                entry["given_up"] = True
                continue
            left -= test["seconds"]
            passed, _ = run([self.paths[test["program"]], "--exact", test["test"]], variables, 30 + 5 * test["seconds"], self.folder)
            if not passed:
                entry.update(result="hung" if passed is None else "noticed", by=test["program"], test=test["test"])
                with self.lock:
                    for place in self.places(number):
                        self.successes[place, test["test"]] += 1
                return


def switched(copy):
    return json.loads((pathlib.Path(copy) / "switches.json").read_text())


def entries(out):
    path = pathlib.Path(out)
    return {entry["number"]: entry for entry in map(json.loads, path.read_text().splitlines())} if path.exists() else {}


def attempt_all(list_path, copy, programs_path, reach_path, out):
    wanted = sorted(map(int, switched(copy)["places"]))
    known = entries(out)
    trial = Trial(list_path, programs_path, reach_path, out)
    wanted = [number for number in wanted if number not in known]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for done, _ in enumerate(pool.map(trial.attempt, wanted), 1):
            if done % 250 == 0:
                print(f"{done} of {len(wanted)}", flush=True)


def report(list_path, copy, out, missed):
    """Exit status 1 if there are any."""
    list_, found = json.loads(pathlib.Path(list_path).read_text()), entries(out).values()
    left = [entry for entry in found if entry["result"] == "missed"]
    rooms = collections.defaultdict(lambda: [0, 0])
    for entry in found:
        room = rooms["/".join(list_[entry["number"]]["file"].split("/")[:2])]
        room[0] += 1
        room[1] += entry["result"] != "missed"
    for room, (all_, noticed) in sorted(rooms.items()):
        print(f"{room:24} {noticed:5} of {all_:5} noticed, {100 * noticed / all_:5.1f} %")
    print(f"{'all':24} {len(found) - len(left):5} of {len(found):5} noticed, {100 * (1 - len(left) / len(found)):5.1f} %")
    reasons = collections.Counter(switched(copy)["reasons"].values())
    if reasons:
        print("no switch: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items()))
    pathlib.Path(missed).write_text("".join(entry["name"] + "\n" for entry in left))
    sys.exit(bool(left))


if __name__ == "__main__":
    {"reach": reach, "try": attempt_all, "report": report}[sys.argv[1]](*sys.argv[2:])
