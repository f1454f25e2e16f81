@echo off
rem what: an installer compiler's sign tool: it passes the file, and reads the status
smctl sign --keypair-alias=%SM_KEYPAIR_ALIAS% --tool signtool --timestamp=false --input "%~1"
