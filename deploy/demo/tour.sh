#!/usr/bin/env bash
# Replays the attack of 2016 and what stops it, against a demo that runs: each command, its output,
# and whether it is as promised. Fails when one is not. DEMO_ENV names the demo's file.
set -euo pipefail
: "${DEMO_ENV:?the file that the demo wrote its names and values to}"
# shellcheck source=/dev/null
. "$DEMO_ENV"
export VINGATE_SOCKET="$ADMIN_SOCKET"
export NO_PROXY='*' # loopback only
SWITCHES=$(dirname "${BASH_SOURCE[0]}")/../leaf/switches
vingate() { "$VINGATE_BIN" "$@"; }

failed=0
ask='curl -s -w " -> %{http_code}\n"'

step() { printf '\n# %s\n' "$1"; }

# try COMMAND EXPECTED...: every expected pattern must stand in the output; !PATTERN must not.
try() {
  local output pattern
  printf '$ %s\n' "$1"
  output=$(eval "${1/#ask /$ask }" 2>&1) || true
  printf '%s\n' "${output//$'\r'/}"
  shift
  for pattern in "$@"; do
    if [ "${pattern#!}" != "$pattern" ]; then
      if grep -Eq -- "${pattern#!}" <<<"$output"; then
        printf 'tour: not as promised: found `%s`\n' "${pattern#!}" >&2
        failed=1
      fi
    elif ! grep -Eq -- "$pattern" <<<"$output"; then
      printf 'tour: not as promised: no `%s`\n' "$pattern" >&2
      failed=1
    fi
  done
}

printf '# ask is: %s\n' "$ask"

step "The estate of 2016: whoever knows the VIN gets the car's data."
try 'ask "$UPSTREAM_URL/orchestration_1111/gdc/RemoteACRecordsRequest.php?VIN=$OWNER_VIN"' \
  'RemoteACRecords' ' -> 200$'
curl -s -X DELETE "$ESTATE_LOG_URL"

step "The same attack at the gateway: the old base is not listed, the new one wants an identity."
try 'ask "$GATEWAY_URL/orchestration_1111/gdc/RemoteACRecordsRequest.php?VIN=$OWNER_VIN"' \
  'route-unknown' ' -> 404$'
try 'ask "$GATEWAY_URL/api_v210707_NE/gdc/ACRemoteRequest.php" -d "VIN=$OWNER_VIN"' \
  'token-missing' ' -> 401$'
try 'ask "$GATEWAY_URL/owners/leaf/setHvac?vin=$OWNER_VIN&fan=on"' ' -> (401|403|404|405|503)$'

step "A stranger with a valid token: not their car."
try 'ask "$GATEWAY_URL/api_v210707_NE/gdc/ACRemoteRequest.php" -d "VIN=$OWNER_VIN" -H "Authorization: Bearer $STRANGER_TOKEN"' \
  'access-denied' 'ErrorCode' ' -> 403$'

step "The owner is served."
try 'ask "$GATEWAY_URL/api_v210707_NE/gdc/ACRemoteRequest.php" -d "VIN=$OWNER_VIN" -H "Authorization: Bearer $OWNER_TOKEN"' \
  'resultKey' ' -> 200$'

step "Close the mobile entrance: the owner's app is told so, the portal still answers, and says so."
try 'vingate switch close --preset "$SWITCHES/mobile-v1.toml" --reason "the app leaks" --wait' \
  'closed surface mobile-v1' '1/1 closed in'
try 'ask "$GATEWAY_URL/api_v210707_NE/gdc/ACRemoteOffRequest.php" -d "VIN=$OWNER_VIN" -H "Authorization: Bearer $OWNER_TOKEN"' \
  'urn:vingate:problem:closed' 'ErrorCode' ' -> 503$'
try 'ask "$GATEWAY_URL/owners/login"' 'vingate-notice' 'currently unavailable' 'Log in' ' -> 200$'
try 'ask "$GATEWAY_URL/owners/api/vehicles/$OWNER_VIN/status" -H "Authorization: Bearer $OWNER_TOKEN"' \
  'range_km' ' -> 200$'
try 'vingate switch list' 'mobile-v1'
try 'vingate switch drill --surface mobile-v2' '503 closed' '^proved$'

step "Reopen it."
try 'vingate switch open --surface mobile-v1'
try 'vingate switch history' 'close by' 'the app leaks' 'open by'
try 'ask "$GATEWAY_URL/api_v210707_NE/gdc/ACRemoteOffRequest.php" -d "VIN=$OWNER_VIN" -H "Authorization: Bearer $OWNER_TOKEN"' \
  'resultKey' ' -> 200$'

step "A phone is stolen: what its owner is signed in by is taken back."
try 'vingate token revoke --issuer owners --client demo-app --reason "a stolen phone" --wait' '^1 taken back' 'in force on 1 of 1'
try 'ask "$GATEWAY_URL/api_v210707_NE/gdc/ACRemoteRequest.php" -d "VIN=$OWNER_VIN" -H "Authorization: Bearer $OWNER_TOKEN"' \
  'token-invalid' ' -> 401$'
try 'vingate token list' 'a stolen phone'
try 'vingate token restore --issuer owners --client demo-app --reason "it was found" --wait' '^1 counting again'

step "What reached the estate: nothing of the attack, nothing of the stranger."
try 'curl -s "$ESTATE_LOG_URL" | grep -o "\"path\":\"[^\"]*\""' \
  '!orchestration' '!setHvac' 'ACRemoteRequest' 'ACRemoteOffRequest' '/owners/login'
reached=$(curl -s "$ESTATE_LOG_URL" | grep -o '"path":' | wc -l)
if [ "$reached" -ne 4 ]; then
  echo "tour: not as promised: $reached requests reached the estate, not 4" >&2
  failed=1
fi

exit "$failed"
