<#
.SYNOPSIS
    Verifies a deployment's rerun API: the seed's three scenarios, and the record read back and proven.

.DESCRIPTION
    A thin caller of `cicatrix verify-deployment`, with the parameters of the seed's script, for those who have it in
    their runbooks. The command does all the work and runs on every platform; docs/verify-deployment.md tells what it
    checks. This script is NOT executed in our tests: there is no PowerShell in them.

    Prefer -TokenFile: a token given with -Token is handed over in an environment variable, so that it does not stand
    on the command line of the process, but it still stands in the history of this shell.

    Exit code: that of the command. 0 verified, 1 a check failed, 2 usage, 4 not authorised, 8 the bound was not shown.

.EXAMPLE
    ./scripts/verify-e84-3-rerun-jobs.ps1 -BaseUrl http://127.0.0.1:8470 -Owner acme -Repo shop -PrNumber 6 -TokenFile token
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [string] $BaseUrl,
    [Parameter(Mandatory = $true)] [string] $Owner,
    [Parameter(Mandatory = $true)] [string] $Repo,
    [Parameter(Mandatory = $true)] [ValidateRange(1, [int]::MaxValue)] [int] $PrNumber,
    [long] $RunId = 0,
    [ValidateSet('FAILED_ONLY', 'ALL_JOBS')] [string] $Mode = 'FAILED_ONLY',
    [ValidateRange(1, 5)] [int] $MaxAttempts = 2,
    [string] $Token = '',
    [string] $TokenFile = ''
)

$arguments = @(
    'verify-deployment',
    '--base-url', $BaseUrl,
    '--owner', $Owner,
    '--repo', $Repo,
    '--pr-number', $PrNumber,
    '--mode', $Mode,
    '--max-attempts', $MaxAttempts
)
if ($RunId -gt 0) { $arguments += @('--run-id', $RunId) }
if ($TokenFile -ne '') { $arguments += @('--token-file', $TokenFile) }

$earlier = $env:CICATRIX_TOKEN
try {
    if ($Token -ne '') { $env:CICATRIX_TOKEN = $Token }
    & cicatrix @arguments
    $code = $LASTEXITCODE
}
finally {
    $env:CICATRIX_TOKEN = $earlier
}
exit $code
