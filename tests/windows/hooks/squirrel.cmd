@echo off
rem what: an updater's packager, which reads the words and not the status
smctl sign --keypair-alias=%SM_KEYPAIR_ALIAS% --timestamp=false --exit-non-zero-on-fail --input "%~1" > sign.log 2>&1
type sign.log
find "SUCCESSFUL" sign.log > nul
