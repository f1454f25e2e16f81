# Signs PowerShell scripts and modules, programs and catalogues, in place, for one signature each. Requires the provider
# (stm-pkcs11 windows register, once for each machine, as administrator).
#
#   .\sign.ps1 module.psm1, module.psd1
#
# Verify: Get-AuthenticodeSignature module.psm1
param([Parameter(Mandatory)] [string[]] $Path, [string] $TimestampServer = 'http://timestamp.digicert.com')
$ErrorActionPreference = 'Stop'

$keypair = 'KEYPAIR'
# The certificate, with its link to the key, and its thumbprint.
$row = stm-pkcs11 windows certsync --json "--keypair-alias=$keypair" | ConvertFrom-Json
if ($LASTEXITCODE) { exit $LASTEXITCODE }
$certificate = Get-Item "Cert:\CurrentUser\My\$($row.thumbprint)"

foreach ($file in $Path) {
    $signed = Set-AuthenticodeSignature -FilePath $file -Certificate $certificate -HashAlgorithm SHA256 `
        -IncludeChain NotRoot -TimestampServer $TimestampServer
    if ($signed.Status -ne 'Valid') { throw "${file}: $($signed.StatusMessage)" }
}
