@echo off
rem what: the sign command of a desktop packager: the certificate by its fingerprint, the file as the last word
smctl.exe sign --fingerprint %SM_CODE_SIGNING_CERT_SHA1_HASH% --timestamp=false -v -i "%~1"
if errorlevel 1 exit /b 1
