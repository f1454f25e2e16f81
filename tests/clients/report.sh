#!/usr/bin/env bash
# what: the ledger's report: hostile names, Markdown as GitHub renders it, files of others, 100,000 lines
# needs: python3 python3
# needs: jq jq
# needs: cmark-gfm cmark-gfm
source "$(dirname "$0")/../lib/client.sh"

report() {
    "$COMPANION" ledger report --file "$WORK/ledger" "$@"
}

PYTHONPATH=$ROOT/tests/lib python3 - <<'END'
import datetime
from ledger_file import Ledger
from odd_aliases import ALIASES, MARKUP

names = [*ALIASES, *MARKUP, "\x00\x07\x1b]0;x\x07", "\u2066\u202e\u2069", "\ufffe\uffff\U000e0041", "| a | b |", "- [ ] x", "@org/team #1 :+1:"]
day = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.timezone.utc)
ledger = Ledger(day)
for number, name in enumerate(names):
    for outcome in ("signed", "refused", None):
        ledger.request(day + datetime.timedelta(hours=6 * number), name, name, name, name, name, outcome, name)
ledger.save("ledger")
END

# The page and the charts
check "a page is written" report --html page.html --budget 10/day,500/month,5000/year
same "  for its owner only, as the ledger is" "$(stat -c %a page.html)" 600
check "  and replaced" report --html page.html --budget 10/day,500/month,5000/year
same "  with nothing else beside it" "$(find . -maxdepth 1 -name '.report*' -o -maxdepth 1 -name 'page*' | sort)" ./page.html
says "  or printed" 'name="generator" content="stm-pkcs11 ledger report"' report --html -
check "charts are written" report --svg charts --budget 10/day,500/month,5000/year
same "  one for each part of the page" "$(cd charts && echo *)" \
    'budget-month.svg budget-year.svg commands.svg hosts.svg jobs.svg keypairs.svg outcomes.svg signatures.svg'
same "  which are well-formed XML with elements and attributes of ours only, whatever the names are" "$(python3 - charts/*.svg <<'END'
import sys
import xml.etree.ElementTree as tree

ELEMENTS = {"svg", "title", "desc", "style", "rect", "text", "g", "polyline", "polygon", "circle"}
ATTRIBUTES = """data-generator class role viewBox width height aria-labelledby aria-describedby id x y fill font-size font-weight font-family transform points stroke
    stroke-width stroke-opacity fill-opacity text-anchor unicode-bidi cx cy r""".split()
for path in sys.argv[1:]:
    for element in tree.parse(path).iter():
        if element.tag.removeprefix("{http://www.w3.org/2000/svg}") not in ELEMENTS or set(element.attrib) - set(ATTRIBUTES):
            print(path, element.tag, element.attrib)
END
)" ''
same "  and each with title and description" "$(grep -lE '<title id="title">.+</title><desc id="description">.+</desc>' charts/*.svg | wc -l)" 8
same "no character that a reader acts on is in any of them" "$(cat page.html charts/*.svg | python3 -c '
import sys, unicodedata
print({c for c in sys.stdin.read() if c != "\n" and unicodedata.category(c) in ("Cc", "Cf") or c in "\ufffe\uffff"} or "")')" ''

# Files of others
echo 'my diary' >mine.html
echo '<svg>mine</svg>' >charts/hosts.svg
cp charts/jobs.svg jobs-before.svg
refused() { # PROMISE REASON COMMAND...
    local promise=$1 reason=$2
    shift 2
    refuses "$promise" "$@"
    cp "$SAID" refusal
    says "  and says why" "$reason" cat refusal
}
refused "a page is not written over a file of somebody else" 'is not a report of stm-pkcs11, and was left unchanged' report --html mine.html
same "  which stays" "$(cat mine.html)" 'my diary'
ln -s page.html link.html
refused "nor through a link" 'it is a symbolic link' report --html link.html
refused "charts are not written over a picture of somebody else" 'is not a report of stm-pkcs11, and was left unchanged' report --svg charts
same "  which stays" "$(cat charts/hosts.svg)" '<svg>mine</svg>'
check "  and no other chart was written before" cmp charts/jobs.svg jobs-before.svg
refused "a directory that cannot be made is an error" 'failed: write' report --svg mine.html/charts
refused "so is a ledger that is not there" 'none is not there' "$COMPANION" ledger report --file none --markdown
refused "and a report without a form" 'the following required arguments' "$COMPANION" ledger report --file ledger
refused "and two forms for standard output" 'cannot both be written to standard output' report --html - --markdown
refused "and a budget that is none" 'expected limits such as' report --markdown --budget 10/week

# The summary of a job, with GitHub's own parser: tables, mentions and links are its extensions.
check "Markdown is written" report --markdown --budget 10/day
cp "$SAID" summary.md
check "  and rendered" cmark-gfm --unsafe -e table -e autolink -e strikethrough -e tagfilter -e tasklist --to html summary.md
cp "$SAID" summary.html
run env PYTHONPATH="$ROOT/tests/lib" python3 "$ROOT/tests/lib/summary.py" summary.html
same "every element of it is ours, every row has its columns, and every name is code" "$(cat "$SAID")" ''
# shellcheck disable=SC2016 # backticks are Markdown's
says "--keypair and --since are in it" 'Only entries `by the keypair plain-key_1.0`' report --markdown --keypair plain-key_1.0 --since 2026-10-01
says "  and choose what it counts" '^\| signatures spent \| 2 \|$' report --markdown --keypair plain-key_1.0 --since 2026-10-01
says "  as a budget does not" '^\| 5000/year \| [0-9]{3} \|' report --markdown --keypair plain-key_1.0 --budget 5000/year

# 100,000 lines in one file and in the files of a rotated ledger. Time depends on the machine: it is shown, not judged.
PYTHONPATH=$ROOT/tests/lib python3 - <<'END'
import datetime
from ledger_file import Ledger

begin = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
ledger = Ledger(begin)
outcomes = ["signed"] * 15 + ["refused", "unknown", "not-sent"]
for number in range(50_600):
    time = begin + datetime.timedelta(minutes=15 * number)
    outcome = outcomes[number % len(outcomes)] if number % 50 else None
    ledger.request(time, f"keypair-{number % 211}", f"jarsigner -keystore NONE ... program-{number % 1009}.jar", f"builder-{number % 307}", "ci", f"java{number % 7}", outcome, "r" * 200)
ledger.save("long")
half = len(ledger.lines) // 2
for path, lines in (("parts.1", ledger.lines[:half]), ("parts", [ledger.lines[0], *ledger.lines[half:]])):
    open(path, "w").write("\n".join(lines) + "\n")
END
measured() {
    python3 -c '
import resource, subprocess, sys, time
begin = time.monotonic()
status = subprocess.run(sys.argv[2:]).returncode
took = time.monotonic() - begin
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{took:.2f} s, {memory:.0f} MB")
sys.exit(status or memory > float(sys.argv[1]))' "$@"
}
check "100,000 lines need less than 100 MB" measured 100 "$COMPANION" ledger report --file long --html long.html --svg long-charts --budget 30000/year
echo "     $(wc -l <long) lines, $(($(stat -c %s long) / 1000000)) MB: $(tail -1 "$SAID")"
check "  and their page less than 1 MB ($(($(stat -c %s long.html) / 1000)) kB)" test "$(stat -c %s long.html)" -lt 1000000
same "  with all of them" "$(grep -oP 'signatures spent</dt><dd>\K[0-9]+' long.html)" "$("$COMPANION" ledger summary --file long --json | jq 'map(.spent) | add')"
same "  and as many where the ledger has several files" "$("$COMPANION" ledger report --file parts --html - | grep -oP 'signatures spent</dt><dd>\K[0-9]+')" \
    "$(grep -oP 'signatures spent</dt><dd>\K[0-9]+' long.html)"
