#!/usr/bin/env bash
# what: tables, bars and colours of the companion on terminals of any width, and without one
# needs: python3 python3
source "$(dirname "$0")/../lib/client.sh"

PYTHONPATH=$ROOT/tests/lib python3 - <<'END'
import datetime
from ledger_file import Ledger

now = datetime.datetime.now(datetime.timezone.utc)
ledger = Ledger(now)
for name in ("release", "鍵ペア", "key😀", "e\u0301", "a very long alias " * 8, "\x1b[2Jtrick", ""):
    ledger.request(now, name, name)
ledger.save("ledger")
END

# on_terminal COLUMNS COMMAND...: what it writes to a terminal of this width
on_terminal() {
    python3 - "$@" <<'END'
import fcntl, os, pty, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
process, terminal = pty.fork()
if process == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(command[0], command)
text = b""
try:
    while part := os.read(terminal, 65536):
        text += part
except OSError:
    pass
sys.stdout.write(text.decode().replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
END
}
# widest FILE: the columns of its longest line, without colours
widest() {
    python3 - "$1" <<'END'
import re, sys, unicodedata
wide = lambda c: 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
print(max(sum(map(wide, re.sub("\x1b\\[[0-9;]*m", "", line))) for line in open(sys.argv[1], encoding="utf-8").read().split("\n")))
END
}
export TERM=xterm
unset NO_COLOR CLICOLOR CLICOLOR_FORCE 2>/dev/null || true
for columns in 24 40 80 200; do
    for command in 'list' 'summary --by keypair' 'summary --by keypair --chart'; do
        read -ra words <<<"$command"
        check "ledger $command on a terminal of $columns columns" on_terminal "$columns" "$COMPANION" ledger "${words[@]}" --file ledger
        cp "$SAID" shown
        same "  fits" "$(($(widest shown) <= columns))" 1
        same "  and nothing in it acts on the terminal" "$(grep -c $'\e\[2J' shown || true)" 0
    done
done
on_terminal 80 "$COMPANION" ledger summary --by keypair --file ledger >shown
says "a head is bold on a terminal" $'^\e\[1mKEYPAIR' cat shown
same "  but not with NO_COLOR" "$(NO_COLOR=1 on_terminal 80 "$COMPANION" ledger summary --by keypair --file ledger | grep -c $'\e' || true)" 0
same "  nor on a terminal that knows no colours" "$(TERM=dumb on_terminal 80 "$COMPANION" ledger summary --by keypair --file ledger | grep -c $'\e' || true)" 0
same "  nor without a terminal, whatever the environment asks for" "$(CLICOLOR_FORCE=1 "$COMPANION" ledger summary --by keypair --file ledger | grep -c $'\e' || true)" 0
"$COMPANION" ledger summary --by keypair --file ledger >plain
same "without a terminal each row is one line" "$(wc -l <plain)" 8
same "  and columns align, with wide characters too" "$(python3 - <<'END'
import unicodedata
wide = lambda c: 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
lines = open("plain", encoding="utf-8").read().splitlines()
print(len({sum(map(wide, line[:line.rindex("1      1")])) for line in lines[1:]}))
END
)" 1
