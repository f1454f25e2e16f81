"""The ledger's report: its numbers are those of `ledger --json`, every name is text, and people read it on any screen."""

import datetime
import json
import os
import subprocess
import unicodedata

from browser import Browser, check
from ledger_file import Ledger
from odd_aliases import ALIASES, MARKUP

COMPANION = os.environ["COMPANION"]
NOW = datetime.datetime.now(datetime.timezone.utc)
HEADS = ["spent", "signed", "unsure", "reused", "refused", "not sent"]


def companion(*arguments):
    return subprocess.run([COMPANION, "ledger", *arguments], check=True, capture_output=True, text=True).stdout


def ordinary():
    """A month of a few keypairs, with everything that a request may come to."""
    begin = NOW - datetime.timedelta(days=30)
    ledger = Ledger(begin)
    outcomes = ["signed"] * 8 + ["reused", "refused", "not-sent", "unknown", "unverified", None]
    for number in range(300):
        time = begin + datetime.timedelta(hours=2.3 * number)
        ledger.request(time, f"key-{number % 7}", f"jarsigner {number % 5}.jar", f"builder-{number % 3}", outcome=outcomes[number * 5 % len(outcomes)])
    ledger.save("ordinary")


def hostile():
    day = NOW - datetime.timedelta(days=20)
    ledger = Ledger(day)
    for number, name in enumerate([*MARKUP, *ALIASES, "\x00\x07\x1b[2J", "\ufffe\u2066"]):
        for outcome in ("signed", "refused", None):
            ledger.request(day + datetime.timedelta(hours=6 * number), name, name, name, name, name, outcome, name)
    ledger.save("hostile")


def table(visitor, name):
    """The cells of a table of the page, by row."""
    return visitor.run("return [...document.querySelectorAll(arguments[0])].map(r => [...r.cells].map(c => c.textContent))", f"#table-{name} tbody tr")


def counted(key, entries):
    """What the tables of the page must say, from the entries of `ledger list --json`."""
    sums = {}
    for entry in entries:
        sums.setdefault(key(entry), []).append(entry)
    kinds = {"signed": "signed", "unverified": "unsure", "unknown": "unsure", "unfinished": "unsure", "reused": "reused", "refused": "refused", "not-sent": "not sent"}
    rows = {}
    for name, those in sums.items():
        count = dict.fromkeys(HEADS, 0)
        for entry in those:
            count["spent"] += entry["counts"]
            count[kinds[entry["outcome"]]] += 1
        numbers = [entry["n"] for entry in those]
        lines = str(min(numbers)) if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)}"
        rows[name] = [*map(str, count.values()), lines]
    return rows


ordinary()
companion("report", "--file", "ordinary", "--html", "report.html", "--svg", "charts", "--budget", "20/day,200/month,2000/year")
entries = json.loads(companion("list", "--file", "ordinary", "--json"))

with Browser() as visitor:
    visitor.open("report.html")
    visitor.examine("the report")
    check("the report: the keyboard reaches every link and table", visitor.unreachable() == [], visitor.unreachable())

    figures = dict(zip(visitor.texts("dl dt"), map(int, visitor.texts("dl dd"))))
    days = json.loads(companion("summary", "--file", "ordinary", "--json"))
    total = {name: sum(day[name] for day in days) for name in ("spent", "signed", "reused", "failed", "unsure")}
    check("the report's totals are those of ledger summary --json", [figures["signatures spent"], figures["paid, signed"], figures["reused, free"],
          figures["refused, free"] + figures["not sent, free"], figures["may be paid, no signature"]] == list(total.values()), (figures, total))
    parts = {"outcomes": lambda entry: entry["time"][:10], "keypairs": lambda entry: entry["keypair"], "commands": lambda entry: entry["command"],
             "hosts": lambda entry: entry["host"]}
    for name, key in parts.items():
        shown = {row[0]: row[1:] for row in table(visitor, name)}
        check(f"the report's {name} are those of ledger list --json, with the lines that they are from", shown == counted(key, entries), (shown, counted(key, entries)))
    shown = {row[0]: int(row[1]) for row in table(visitor, "signatures")}
    check("the report's days are those of ledger summary --json", shown == {day["day"]: day["spent"] for day in days}, shown)
    wrong = [row for row in table(visitor, "signatures") if sum(map(int, row[2:-1])) != int(row[1])]
    check("  and their keypairs add up", not wrong, wrong)
    unfinished = [str(entry["n"]) for entry in entries if entry["outcome"] == "unfinished"]
    check("the report's unfinished requests are those of the ledger", [row[0] for row in table(visitor, "unfinished")] == unfinished[-100:], unfinished)
    budget = {row[0]: row[1] for row in table(visitor, "budget")}
    month = NOW.strftime("%Y-%m")
    check("the report's budget is what was spent", budget["200/month"] == str(sum(day["spent"] for day in days if day["day"].startswith(month))), budget)

    # The bars are as long as the numbers are large: the drawing says what the table says.
    bars = visitor.run("""return [...document.querySelectorAll('#hosts svg rect')].map(r => r.getBoundingClientRect().width)""")
    numbers = [int(row[1]) for row in table(visitor, "hosts")]
    check("bars are as long as their numbers", len(bars) == len(numbers) and all(abs(bar / bars[0] - number / numbers[0]) < 0.02 for bar, number in zip(bars, numbers)), (bars, numbers))
    described = visitor.run("""return [...document.querySelectorAll('svg')].map(s => [s.getAttribute('role'),
        ...['labelledby', 'describedby'].map(n => document.getElementById(s.getAttribute('aria-' + n))?.textContent.length > 3)])""")
    check("every chart has a title and a description for screen readers", described and all(row == ["img", True, True] for row in described), described)
    closed = visitor.run("return [...document.querySelectorAll('details table')].filter(t => t.checkVisibility({contentVisibilityAuto: true})).length")
    visitor.run("document.querySelectorAll('summary')[0].click()")
    opened = visitor.run("return document.querySelector('#table-signatures').getBoundingClientRect().height")
    check("behind each chart is its table, closed until somebody asks for it", closed == 0 and opened > 100, (closed, opened))
    visitor.examine("the report with a table open")

    colours = {}
    for scheme in ("light", "dark"):
        visitor.appearance(scheme)
        colours[scheme] = visitor.run("const of = s => getComputedStyle(document.querySelector(s)); return [of('body').backgroundColor, of('#hosts svg rect').fill, of('#hosts svg text').fill]")
    check("page, bars and text differ in light and dark", all(a != b for a, b in zip(colours["light"], colours["dark"])), colours)
    visitor.appearance("dark", "print")
    paper = visitor.run("return getComputedStyle(document.body).backgroundColor")
    check("it is printed on white paper, without navigation", paper == "rgb(255, 255, 255)" and not visitor.one("nav").is_displayed(), paper)
    visitor.appearance()

    visitor.open("charts/signatures.svg")
    visitor.quiet("a chart as a file")
    check("a chart as a file is drawn", visitor.run("return document.querySelectorAll('rect').length") > 30)

# Names that would run, load or hide something.
hostile()
companion("report", "--file", "hostile", "--html", "hostile.html", "--svg", "hostile-charts", "--budget", "10/day,1000/month")
names = [*MARKUP, *ALIASES]
with Browser() as visitor:
    visitor.open("report.html")
    structure = visitor.run("return [...document.querySelectorAll('section')].map(s => s.id)")
    kinds = set(visitor.run("return [...document.querySelectorAll('*')].map(e => e.tagName)"))
    visitor.command("Page.addScriptToEvaluateOnNewDocument", source="window.ran = what => { window.hasRun = what }")
    visitor.open("hostile.html")
    check("no name runs", visitor.run("return window.hasRun ?? null") is None)
    check("no name becomes an element, and every part is where it was", set(visitor.run("return [...document.querySelectorAll('*')].map(e => e.tagName)")) <= kinds
          and visitor.run("return [...document.querySelectorAll('section')].map(s => s.id)") == structure)
    attributes = visitor.run("return [...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => /^on|^style$/.test(n))")
    check("no name becomes an attribute", attributes == [], attributes)
    text = visitor.run("return document.documentElement.textContent")
    acting = {character for character in text if character != "\n" and unicodedata.category(character) in ("Cc", "Cf")}
    check("no character that cannot be seen is on the page", not acting, acting)
    failed = [row for row in table(visitor, "failed")]
    plain = [name for name in names if not any(unicodedata.category(c) in ("Cc", "Cf") for c in name) and "##" not in name and "::" not in name]
    lost = [name for name in plain if not any(row[3] == name and row[5] == name and row[6] == name for row in failed)]
    check("every other name is there as it is: alias, command and reason", not lost and len(failed) == len(names) + 2, lost)
    check("  and the others by the numbers of their characters", any("a\\u{202e}b" in row[3] for row in failed) and any("\\u{1b}[2J" in row[3] for row in failed))
    visitor.examine("the report of hostile names")
    for chart in sorted(os.listdir("hostile-charts")):
        visitor.open(os.path.join("hostile-charts", chart))
        error = visitor.run("return document.querySelector('parsererror')?.textContent ?? null")
        check(f"{chart} of hostile names is a picture, and none runs", error is None and visitor.run("return window.hasRun ?? null") is None, error)
    visitor.quiet("charts of hostile names")

# Nothing at all is a report, too.
Ledger(NOW).save("empty")
companion("report", "--file", "empty", "--html", "empty.html")
with Browser() as visitor:
    visitor.open("empty.html")
    check("an empty ledger is a report of nothing", visitor.texts("dl dd") == ["0"] * 6, visitor.texts("dl dd"))
    visitor.examine("the report of an empty ledger")
