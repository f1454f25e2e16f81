@echo off
rem Signs programs, libraries, installers and scripts with signtool, in place, for one signature each. Requires signtool of
rem Windows SDK 10.0.22000 or later in PATH, and no administrator rights.
rem
rem   signtool.cmd program.exe setup.msi ...
rem
rem set TIMESTAMP=none signs without a timestamp. Verify: signtool verify /pa program.exe
setlocal DisableDelayedExpansion
rem Escaped for JSON: \u0020 is a space.
set "KEY=KEYPAIR"
set "MODULE=C:\stm-pkcs11\stm_pkcs11.dll"
if not defined TIMESTAMP set TIMESTAMP=http://timestamp.digicert.com
set STAMP=/tr "%TIMESTAMP%" /td SHA256
if /i "%TIMESTAMP%" == "none" set STAMP=

set METADATA=%TEMP%\stm-pkcs11-%RANDOM%.json
echo {"keypair": "%KEY%"}>"%METADATA%"
signtool sign /fd SHA256 %STAMP% /dlib "%MODULE%" /dmdf "%METADATA%" %*
set STATUS=%ERRORLEVEL%
del "%METADATA%"
exit /b %STATUS%
