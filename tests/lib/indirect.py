"""Reads an Authenticode message (PKCS #7) without osslsigncode: indirect.py MESSAGE

Compares the message digest among the signed attributes with the content, writes the attributes as they were signed to MESSAGE.set and the
signature to MESSAGE.sig, and prints the digest of the file that the message is about, in hexadecimal.
"""

import hashlib
import sys


def elements(data):
    """The tag, the whole and the value of each DER element."""
    at = 0
    while at < len(data):
        length, head = data[at + 1], 2
        if length >= 128:
            head += length - 128
            length = int.from_bytes(data[at + 2 : at + head], "big")
        yield data[at], data[at : at + head + length], data[at + head : at + head + length]
        at += head + length


def values(data):
    return [value for _, _, value in elements(data)]


path = sys.argv[1]
with open(path, "rb") as file:
    message = file.read()

signed_data = values(values(values(message)[0])[1])[0]
parts = list(elements(signed_data))
content = values(values(parts[2][2])[1])[0]  # SpcIndirectDataContent
signer = list(elements(values(parts[-1][2])[0]))
attributes = next(element for element in signer if element[0] == 0xA0)
signature = signer[signer.index(attributes) + 2][2]

algorithm, digest = values(values(content)[1])
assert values(algorithm)[0].hex() == "608648016503040201", "the digest is not SHA-256"
for attribute in values(attributes[2]):
    name, value = values(attribute)
    if name.hex() == "2a864886f70d010904":  # messageDigest
        assert values(value)[0] == hashlib.sha256(content).digest(), "the content is not what was signed"
        break
else:
    sys.exit("the message has no digest of its content")

with open(path + ".set", "wb") as file:
    file.write(b"\x31" + attributes[1][1:])
with open(path + ".sig", "wb") as file:
    file.write(signature)
print(digest.hex())
