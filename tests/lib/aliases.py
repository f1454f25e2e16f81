"""Aliases of every kind, times every client that `stm-pkcs11 config` writes for.

aliases.py STATE ROOT.pem MODULE: prints "ok|FAIL<tab>promise<tab>reason" lines. Each file is read or run by its real interpreter where one is
here; programs that a script calls are replaced by one that notes its arguments, except for osslsigncode, jarsigner and openssl, which sign.
"""

import ast
import json
import os
import re
import subprocess
import sys
import urllib.parse
import xml.dom.minidom

import yaml

from emulated import Service
from odd_aliases import ALIASES

STATE, ROOT, MODULE = sys.argv[1:4]
ODD_MODULE = os.environ["ODD_MODULE"]
TAG = "kp-"  # an ordinary alias, to compare with

checks = []


def check(promise, good, reason=""):
    text = lambda value: str(value).encode("unicode_escape").decode()[:400]
    checks.append(("ok" if good else "FAIL", text(promise), text(reason)))


def run(*command, **options):
    options.setdefault("env", os.environ)
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120, **options)


def config(client, alias, module=ODD_MODULE, env=os.environ):
    done = run("stm-pkcs11", "config", client, f"--keypair={alias}", "--module", module, env=env)
    return done.returncode, done.stdout, done.stderr


# What stands for the programs that scripts call: each notes its name, its arguments and the variables that a script exports.
STUBS = os.path.abspath("stubs")
PROGRAMS = """stm-pkcs11 osslsigncode jarsigner keytool apksigner openssl certtool p11tool rauc sbsign pesign pkcs11-tool pdfsig jsign espsecure modutil certutil python3 node npm
pip ssh-keygen ssh-agent ssh-add ssh git cut mkdir chmod cp cat mktemp rm jar gpg sh tee sed awk grep tr mv curl apt-get sudo make date dirname""".split()
STUB = """#!/bin/sh
printf '%s\\0' "$#" "${0##*/}" "$@" "$KEYPAIR" "$MODULE" >>"$NOTES"
case ${0##*/} in mktemp) echo /nowhere/x ;; esac
"""


def make_stubs():
    os.makedirs(STUBS)
    os.makedirs("elsewhere")
    for program in PROGRAMS:
        path = os.path.join(STUBS, program)
        with open(path, "w") as file:
            file.write(STUB)
        os.chmod(path, 0o755)


def noted(script, shell="/bin/sh"):
    """Runs a script with stubs only; what was called, as lists whose last item is the exported variables."""
    notes = os.path.abspath("notes")
    open(notes, "w").close()
    environment = {"PATH": STUBS, "NOTES": notes, "HOME": "/nowhere"}
    done = subprocess.run([shell, "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment, timeout=60, cwd="elsewhere")
    words = open(notes, encoding="utf-8", errors="surrogateescape", newline="").read().split("\0")[:-1]
    calls = []
    while words:
        end = int(words[0]) + 2
        calls.append([*words[1:end], {"KEYPAIR": words[end], "MODULE": words[end + 1]}])
        words = words[end + 2:]
    return calls, done.stderr


def java_name(alias):
    return alias.encode().decode("latin-1")


def uri(alias):
    return "pkcs11:object=" + urllib.parse.quote(alias, safe="") + ";type=private"


def controls(alias, allowed=""):
    return any((ord(c) < 32 or 127 <= ord(c) < 160) and c not in allowed for c in alias)


def ends_lines(alias):
    return any(c in "\n\r\v\f\x85\u2028\u2029" for c in alias)


# Which aliases a client's file cannot carry, by the rules of its language.
REFUSED = {
    **{client: lambda a: controls(a, "\t") or ends_lines(a) for client in ("github", "gitlab", "azure")},
    **{client: lambda a: controls(a) or ends_lines(a) for client in ("git",)},
    "jarsigner": lambda a: a.startswith("-"),
    "java": lambda a: a.startswith("-") or controls(java_name(a)) or ends_lines(java_name(a)),
    "maven": lambda a: a.startswith("-") or "${" in a or a.strip() != a or controls(a, "\t\n\r"),
    "gradle": lambda a: a.startswith("-") or "${" in a or "$$" in a,
    "espsecure": lambda a: controls(a) or ends_lines(a) or "%" in a or a.strip() != a,
    "powershell": lambda a: '"' in a or controls(a) or a.endswith("\\"),
}


def groovy(literal):
    """A string of Groovy: its escapes are Python's, but for characters beyond the first plane."""
    return ast.literal_eval(literal).encode("utf-16", "surrogatepass").decode("utf-16")


def pipeline_scripts(client, text):
    if client == "jenkins":
        return [groovy(re.search(r"sh ('''.*?(?<!\\)''')", text, re.S).group(1))]
    tree = yaml.safe_load(text)
    if client == "github":
        return [step["run"] for step in tree["jobs"]["sign"]["steps"] if step.get("name") in ("check", "sign")]
    if client == "azure":
        return [step["script"] for step in tree["steps"] if step.get("displayName") == "sign"]
    return tree["sign"]["script"]


def pipeline(client, alias, text, plain):
    calls, said = noted("\n".join(pipeline_scripts(client, text)))
    wanted = [["doctor", f"--keypair={alias}"], ["sign-file", f"--keypair={alias}", "dist/*.exe", "dist/*.jar"]]
    found = [call[1:-1] for call in calls if call[0] == "stm-pkcs11"]
    if found != wanted or {call[0] for call in calls} != {"stm-pkcs11"}:
        return f"it calls {calls} {said}"
    for expression in ("${{", "$[[", "$(", "##vso[", "##[", "::"):
        if text.count(expression) != plain.count(expression):
            return f"a runner sees {expression}"
    return None


def git(alias, text, _plain):
    with open("gitconfig", "w") as file:
        file.write(text)
    key = run("git", "config", "--file", "gitconfig", "user.signingkey").stdout.strip()
    if not re.fullmatch(r"~/\.ssh/[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.pub", key):
        return f"its key is {key}"
    head = "\n".join(line[4:] for line in text.split("\n") if line.startswith("#   "))
    calls, said = noted(head)
    made = [call for call in calls if call[0] == "stm-pkcs11"]
    if len(made) != 1 or made[0][-3:-1] != ["--", alias] or {call[0] for call in calls} - {"stm-pkcs11", "ssh-keygen", "cut", "ssh-agent", "ssh-add"}:
        return f"its head calls {calls} {said}"
    return None


def java(alias, text, plain):
    words = re.search(r"unsigned\.jar (.*)\n#\n# The token", text, re.S)
    printed, _ = noted(f"printf %s {words.group(1)}")
    shell = subprocess.run(["/bin/sh", "-c", f"printf %s {words.group(1)}"], capture_output=True).stdout.decode()
    if printed or shell != java_name(alias):
        return f"the operand is {shell}"
    code = lambda text: [line for line in text.split("\n") if not line.startswith("#")]
    return None if code(text) == code(plain) else "more than comments differ"


def maven(alias, text, _plain):
    found = xml.dom.minidom.parseString(text).getElementsByTagName("alias")[0].firstChild.data
    return None if found == java_name(alias).replace("\r\n", "\n") else f"its alias is {found}"


def gradle(alias, text, _plain):
    found = groovy(re.search(r"alias: ('(?:[^'\\\n]|\\.)*')", text).group(1))
    return None if found == java_name(alias) and len(text.split("\n")) == len(_plain.split("\n")) else f"its alias is {found}"


def json_text(text):
    return json.loads(f'"{text}"') if re.fullmatch(r"[A-Za-z0-9._\\-]*", text) else None


def msbuild(alias, text, _plain):
    tree = xml.dom.minidom.parseString(text)
    found = tree.getElementsByTagName("StmKeypair")[0].firstChild.data
    return None if json_text(found) == alias else f"its keypair is {found}"


def signtool(alias, text, plain):
    found = re.search(r'set "KEY=(.*)"', text).group(1)
    return None if json_text(found) == alias and text.count("\n") == plain.count("\n") else f"its keypair is {found}"


def powershell(alias, text, _plain):
    expression = re.search(r"^\$keypair = (.*)$", text, re.M).group(1)
    value, rest = "", expression.strip("()") if expression.startswith("(") else expression
    while rest:
        part = re.match(r"'((?:[^'\u2018-\u201b]|'')*)'|\[char\]::ConvertFromUtf32\(0x([0-9a-f]+)\)", rest)
        if not part:
            return f"it cannot be read: {expression}"
        value += chr(int(part.group(2), 16)) if part.group(2) else part.group(1).replace("''", "'")
        rest = rest[part.end():].removeprefix(" + ")
    return None if value == alias and text.isascii() else f"its keypair is {value}"


def page(client, alias, text, _plain):
    calls, said = noted(text)
    name = java_name(alias) if client in ("android", "jsign") else alias
    allowed = set(PROGRAMS) - {"sh", "sudo", "apt-get", "curl", "make"}
    if not calls or {call[0] for call in calls} - allowed or "not found" in said:
        return f"it calls {[call[0] for call in calls]} {said}"
    if {(call[-1]["KEYPAIR"], call[-1]["MODULE"]) for call in calls} != {(name, ODD_MODULE)}:
        return f"its variables are {calls[0][-1]}"
    for word in (word for call in calls for word in call[1:-1] if word.startswith("pkcs11:")):
        found = urllib.parse.parse_qsl(word[len("pkcs11:"):].replace(";", "&").replace("+", "%2B"), keep_blank_values=True)
        if dict(found)["object"] != alias:
            return f"its URI is {word}"
    return None


def openssl_file(alias, text, plain):
    word = re.search(r"-sign ('pkcs11:.*?') -out", text, re.S).group(1)
    if word != f"'{uri(alias)}'":
        return f"its URI is {word}"
    code = lambda text: [line for line in text.split("\n") if not line.startswith("#")]
    return None if code(text) == code(plain) else "more than comments differ"


def fleet(alias, text, _plain):
    """The line that its script prints for a builder; the module of this test has a path that it refuses."""
    with open("fleet.sh", "w") as file:
        file.write(text)
    refused = run("sh", "fleet.sh", "host", "builder.pub")
    if refused.returncode != 2 or "the path of the module has a character" not in refused.stderr:
        return f"the path of the module is not refused: {refused.stdout} {refused.stderr}"
    with open("fleet.sh", "w") as file:
        file.write(re.sub(r"^MODULE=.*$", "MODULE='/m.so'", text, flags=re.M))
    line = run("sh", "fleet.sh", "host", "builder.pub").stdout
    pattern = "".join(c if re.fullmatch(r"[A-Za-z0-9_.:@%+=/ -]", c) else "?" for c in alias)
    key = open("builder.pub").read()
    wanted = f"restrict,command=\"STM_PKCS11_KEYPAIRS='{pattern}' exec p11-kit remote '/m.so'\" {key}"
    return None if line == wanted else f"its line is {line}"


READERS = {
    **{client: (lambda c: lambda a, t, p: pipeline(c, a, t, p))(client) for client in ("github", "gitlab", "azure", "jenkins")},
    **{client: (lambda c: lambda a, t, p: page(c, a, t, p))(client)
       for client in ("android", "gnutls", "node", "openssl", "pdf", "pkcs11-tool", "python", "rauc", "uefi", "jsign", "espsecure")},
    "git": git, "java": java, "maven": maven, "gradle": gradle, "msbuild": msbuild, "signtool": signtool, "powershell": powershell,
    "openssl-engine": openssl_file, "openssl-provider": openssl_file, "fleet": fleet,
}
SIGNERS = ("osslsigncode", "jarsigner")
# Their files have no alias in them.
WITHOUT = {"github-emulator", "gpg", "nss", "p11-kit", "settings", "ssh"}


def sign(client, alias, identity, text, service):
    """Runs the script: it signs once, with this keypair, and the file verifies."""
    with open("script.sh", "w") as file:
        file.write(text)
    target = "one.exe" if client == "osslsigncode" else "one.jar"
    if client == "osslsigncode":
        run("stm-pkcs11", "sample", "pe", target)
    else:
        run("jar", "--create", "--file", target, "results")
    before = len(service.signed())
    done = run("sh", "script.sh", target)
    spent = service.signed()[before:]
    if done.returncode or spent != [identity]:
        return f"status {done.returncode}, signatures by {spent}: {done.stdout[-200:]} {done.stderr[-300:]}"
    verify = ["osslsigncode", "verify", "-CAfile", ROOT, "-in", target] if client == "osslsigncode" else ["jarsigner", "-verify", target]
    verified = run(*verify)
    good = "Signature verification: ok" in verified.stdout or "jar verified" in verified.stdout
    return None if good else f"it does not verify: {verified.stdout[-200:]}"


def main():
    service = Service(STATE)
    make_stubs()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "builder")
    keypairs = {}
    for alias in ALIASES:
        keypairs[alias] = service.create(alias)
    clients = [row["client"] for row in json.loads(run("stm-pkcs11", "config", "--json").stdout)]
    check("every client is tried", set(clients) == set(READERS) | set(SIGNERS) | WITHOUT, set(clients) ^ (set(READERS) | set(SIGNERS) | WITHOUT))
    # No keypair is called so: without an account nobody looks.
    nowhere = {name: value for name, value in os.environ.items() if name != "SM_HOST"}
    plain = {client: config(client, TAG, env=nowhere)[1] for client in clients}
    for alias, identity in keypairs.items():
        wrong = []
        for client in [*READERS, *SIGNERS]:
            status, text, said = config(client, alias)
            if REFUSED.get(client, lambda _: False)(alias):
                if status != 2 or "cannot carry" not in said:
                    wrong.append(f"{client} is not refused by name: {status} {said}")
                continue
            if status:
                wrong.append(f"{client}: {said}")
                continue
            try:
                reason = sign(client, alias, identity, text, service) if client in SIGNERS else READERS[client](alias, text, plain[client])
            except Exception as error:  # a file that cannot be read is a wrong file
                reason = f"{type(error).__name__} {error}: {text}"
            if reason:
                wrong.append(f"{client}: {reason}")
        # Nobody who lists keypairs has a terminal or a pipeline disturbed by a name.
        shown = run("stm-pkcs11", "keypair", "list").stdout + run("stm-pkcs11", "keypair", "show", "--", alias).stdout
        if any(controls(line) or line.lstrip().startswith("::") or "##" in line for line in shown.split("\n")) or "\u202e" in shown:
            wrong.append("a list of keypairs has it as it is")
        if run("stm-pkcs11", "keypair", "show", "--only", "id", "--", alias).stdout.strip() != identity:
            wrong.append("keypair show finds another")
        # Quotes around a value are not part of it.
        pattern = '"' + re.sub(r"([*?,\\])", r"\\\1", alias) + '"'
        if alias.strip() == alias and run("stm-pkcs11", "keypair", "list", "--json", env={**os.environ, "STM_PKCS11_KEYPAIRS": pattern, "STM_PKCS11_CACHE": "off"}).stdout.count('"cka_id"') != 1:
            wrong.append("STM_PKCS11_KEYPAIRS does not name it")
        check(f"alias {alias!r}: {len(READERS) + len(SIGNERS)} clients' files sign with it, or are refused, and run nothing else", not wrong, "; ".join(wrong))
    for line in checks:
        print("\t".join(line))


main()
