#!/usr/bin/env bash
# Makes what the cars' door needs, to try it on one machine: make-cars.sh FOLDER [VIN...]
# A certificate for the door, an authority of cars with an empty revocation list, and for each VIN a
# car's certificate. The real authority is the maker's: only its certificate and its lists belong here.
set -euo pipefail
folder=${1:?the folder for the files}
shift

umask 077
mkdir -p "$folder"
cd "$folder"
made() { openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 "$@" 2>/dev/null; }

if [ ! -e tcu.pem ]; then
  made -subj "/CN=localhost" -days 365 -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout tcu.key -out tcu.pem
  echo "made $folder/tcu.pem, the certificate of the cars' door" >&2
fi
if [ ! -e cars-ca.pem ]; then
  made -subj "/CN=cars for trying" -days 365 -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout cars-ca.key -out cars-ca.pem
  : >cars-ca.index
  echo 01 >cars-ca.number
  cat >cars-ca.cnf <<'END'
[ca]
default_ca = cars
[cars]
database = cars-ca.index
crlnumber = cars-ca.number
certificate = cars-ca.pem
private_key = cars-ca.key
default_md = sha256
default_crl_days = 30
crl_extensions = more
[more]
authorityKeyIdentifier = keyid:always
END
  openssl ca -gencrl -config cars-ca.cnf -out cars-crl.pem 2>/dev/null
  echo "made $folder/cars-ca.pem and its empty list cars-crl.pem, good for 30 days" >&2
fi
for vin in "$@"; do
  made -subj "/CN=car" -days 365 -CA cars-ca.pem -CAkey cars-ca.key \
    -addext "subjectAltName=URI:urn:vin:$vin" -addext "extendedKeyUsage=clientAuth" \
    -addext "basicConstraints=critical,CA:FALSE" -keyout "car-$vin.key" -out "car-$vin.pem"
  echo "made $folder/car-$vin.pem with its key" >&2
done
