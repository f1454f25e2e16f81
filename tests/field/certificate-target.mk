# what: a Makefile that has the certificate as a target and a detached signature as another
# given: text firmware.bin
# checked: raw sha256 firmware.bin firmware.sig
# checked: certificate build/cert.crt
# signatures: 1
SHELL = /bin/bash
.SHELLFLAGS = -eo pipefail -c

all: firmware.sig

build/cert.crt:
	mkdir -p build
	smctl certificate download --keypair-alias=$(SM_KEYPAIR_ALIAS) --name=cert.crt --out=build >/dev/null
	test -s $@

firmware.sig: firmware.bin build/cert.crt
	smctl sign sign-hash --file $< --binary --signature-file $@ $(SM_KEYPAIR_ALIAS)
	openssl dgst -sha256 -verify <(openssl x509 -in build/cert.crt -noout -pubkey) -signature $@ $<
