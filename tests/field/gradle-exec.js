#!/usr/bin/env node
// what: a build tool's exec task with a time limit, whose output goes into a log that is searched afterwards
// given: jar libs/core.jar
// checked: jar libs/core.jar
// signatures: 1
'use strict';
const fs = require('node:fs');
const { execFileSync } = require('node:child_process');

const out = execFileSync('smctl', ['sign', '--keypair-alias', process.env.SM_KEYPAIR_ALIAS, '--input', 'libs/core.jar', '--simple'],
    { timeout: 60000 });
fs.writeFileSync('signing.log', out);
if (/FAILED/.test(fs.readFileSync('signing.log', 'utf8'))) {
    process.exit(1);
}
