#!/usr/bin/env node
// what: a bundler's signCommand with %1 for the file, run once a file without a shell
// given: pe target/release/app.exe
// given: pe target/release/resources/sidecar.exe
// checked: authenticode target/release/app.exe
// checked: authenticode target/release/resources/sidecar.exe
// signatures: 2
'use strict';
const { spawnSync } = require('node:child_process');

const signCommand = `smctl sign --keypair-alias ${process.env.SM_KEYPAIR_ALIAS} --input %1 --exit-non-zero-on-fail`;
for (const file of ['target/release/app.exe', 'target/release/resources/sidecar.exe']) {
    const [program, ...words] = signCommand.split(' ').map((word) => (word === '%1' ? file : word));
    const { status } = spawnSync(program, words, { stdio: 'inherit' });
    if (status !== 0) {
        process.exit(status ?? 1);
    }
}
