@echo off
rem what: a step after the build of an installer: every program of a folder, a call each, stop at the first that fails
for %%f in (out\*.exe) do (
    smctl sign --keypair-alias %SM_KEYPAIR_ALIAS% --timestamp=false --input "%%f"
    if errorlevel 1 exit /b 1
)
exit /b 0
