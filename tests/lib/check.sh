# shellcheck shell=bash
# Checks. Each prints one line, "ok" or "FAIL" and what was promised; a failed one shows the command and what it said.
# The output of the last command stays in $SAID (a file).

PASSED=0
FAILED=0
SAID=$WORK/said

ok() {
    PASSED=$((PASSED + 1))
    echo "ok   $1"
}

not_ok() { # PROMISE REASON
    FAILED=$((FAILED + 1))
    echo "FAIL $1"
    echo "     $2"
    [[ ${COMMAND:-} ]] && echo "     command: $COMMAND"
    [[ -s $SAID ]] && tail -n 40 "$SAID" | sed 's/^/     | /'
    return 0
}

# Runs a command, or a function of the script, with its output in $SAID; the status is in $STATUS. Standard input is empty: a client that asks a
# question gets no answer and must not wait for one.
run() {
    printf -v COMMAND '%q ' "$@"
    STATUS=0
    if declare -F "$1" >/dev/null; then
        ("$@") >"$SAID" 2>&1 </dev/null || STATUS=$?
    else
        timeout $((120 * ${STM_TEST_SLOWER:-1})) "$@" >"$SAID" 2>&1 </dev/null || STATUS=$?
    fi
}

# check PROMISE COMMAND...: it ends with status 0.
check() {
    local promise=$1
    shift
    run "$@"
    if [[ $STATUS -eq 0 ]]; then ok "$promise"; else not_ok "$promise" "status $STATUS"; fi
}

# says PROMISE REGEX COMMAND...: it ends with status 0 and its output has a line that matches.
says() {
    local promise=$1 pattern=$2
    shift 2
    run "$@"
    if [[ $STATUS -ne 0 ]]; then
        not_ok "$promise" "status $STATUS"
    elif grep -Eq -- "$pattern" "$SAID"; then
        ok "$promise"
    else
        not_ok "$promise" "no line matches: $pattern"
    fi
}

# failing COMMAND...: for `says`, where versions of a client differ in their status, but not in what they print.
failing() {
    "$@" || true
}

# broke STATUS: a time-out (124) or a signal (128 and its number) ended it.
broke() {
    [[ $1 -eq 124 || ($1 -gt 128 && $1 -le 192) ]]
}

# refuses PROMISE COMMAND...: it fails, but neither by a timeout nor by a signal.
refuses() {
    local promise=$1
    shift
    run "$@"
    if [[ $STATUS -eq 0 ]]; then
        not_ok "$promise" "it was accepted"
    elif broke "$STATUS"; then
        not_ok "$promise" "status $STATUS: it did not refuse, it broke"
    else
        ok "$promise"
    fi
}

# same PROMISE A B: two strings are equal.
same() {
    COMMAND=''
    : >"$SAID"
    if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "expected '$3', got '$2'"; fi
}

# signs_once PROMISE COMMAND...: it succeeds from cold (no cache), and the service saw one connection, at most three
# requests, and exactly one signature.
signs_once() {
    signs 1 3 1 "$@"
}

# signs SIGNATURES REQUESTS CONNECTIONS PROMISE COMMAND...: the same with other numbers; requests and connections are
# upper limits, signatures are exact: each one is paid for.
signs() {
    local signatures=$1 requests=$2 connections=$3 promise=$4
    shift 4
    forget_cache
    forget_requests
    run "$@"
    local bill
    bill=$(bill)
    read -r made asked opened <<<"$bill"
    if [[ $STATUS -ne 0 ]]; then
        not_ok "$promise" "status $STATUS"
    elif [[ $made -ne $signatures || $asked -gt $requests || $opened -gt $connections ]]; then
        not_ok "$promise" "$made signatures, $asked requests, $opened connections; allowed: $signatures, $requests, $connections"
        requests | jq -r '.[] | "     | \(.connection) \(.method) \(.path) \(.status)"'
    else
        ok "$promise ($made signature, $asked requests, $opened connection$(asked_by))"
    fi
}

# The clients of the service other than the module; tests/matrix counts the module's requests.
asked_by() {
    requests | jq -r '[.[].user_agent // "a client without a name" | select(startswith("stm-pkcs11/") | not)] | unique
        | if length > 0 then ", asked by \(join(", "))" else empty end'
}

# schema NAME COMMAND...: the output of a companion command, whatever its status, conforms to docs/companion.schema.json. The
# JSON stays in answer.json.
schema() {
    local name=$1
    shift
    "$@" >answer.json 2>/dev/null || true
    check "the JSON of $name is as docs/companion.schema.json has it" fits_schema "$name"
}
fits_schema() {
    python3 "$ROOT/tests/lib/schema.py" "$ROOT/docs/companion.schema.json" "$1" <answer.json
}
