#!/usr/bin/env node
// what: a packager's hook that accepts an output only with SUCCESSFUL and without any word of failure in any case
// given: pe dist/app.exe
// given: pe dist/helper.dll
// checked: authenticode dist/app.exe
// checked: authenticode dist/helper.dll
// signatures: 2
'use strict';
const { spawnSync } = require('node:child_process');

for (const path of ['dist/app.exe', 'dist/helper.dll']) {
    const { stdout, stderr, status } = spawnSync('smctl',
        ['sign', '--keypair-alias', process.env.SM_KEYPAIR_ALIAS, '--input', path], { encoding: 'utf8' });
    const said = stdout + stderr;
    const line = `signCommand command for file ${path} was SUCCESSFUL`;
    if (status !== 0 || !stdout.includes(line) || /\b(error|fail\w*)/i.test(said) || stderr !== '') {
        console.error(`${path}: status ${status}\n${said}`);
        process.exit(1);
    }
}
