#!/usr/bin/env bash
# Makes the gateway's two own keys in a folder: make-keys.sh FOLDER
# The issuers' JWK sets are the issuers' to give.
set -euo pipefail
folder=${1:?the folder for the keys}

umask 077
mkdir -p "$folder"
for key in assertion.pem pseudonym.key; do
  if [ -e "$folder/$key" ]; then
    echo "make-keys: \`$folder/$key\` is there already; a key is never overwritten" >&2
    exit 1
  fi
done
# ES256: the upstream checks what the gateway says with the public half.
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$folder/assertion.pem"
# VINs and subjects in records are HMACs under this one.
openssl rand -out "$folder/pseudonym.key" 32
echo "made $folder/assertion.pem and $folder/pseudonym.key" >&2
