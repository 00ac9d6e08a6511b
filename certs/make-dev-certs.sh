#!/bin/sh
# Makes certificates to try TLS with: a development CA, a server certificate for localhost, and a client
# certificate as Meta's mTLS would show one. For development alone: whoever has ca.key can be anyone.
#
#   certs/make-dev-certs.sh DIR
#
# Files in DIR: ca.pem ca.key, server.pem server.key, client.pem client.key
set -eu

if [ $# -ne 1 ]; then
    echo "usage: $0 DIR" >&2
    exit 2
fi
umask 077
mkdir -p "$1"
cd "$1"

days=365

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

# certificate NAME SUBJECT EXTENSIONS: NAME.key and NAME.pem, signed by the CA.
certificate() {
    key "$1.key"
    printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "$3" >"$1.ext"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$days" -sha256 \
        -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm "$1.csr" "$1.ext"
}

key ca.key
openssl req -x509 -new -key ca.key -subj "/CN=Headgate development CA" -days "$days" -sha256 \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.pem

certificate server "/CN=localhost" "extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
certificate client "/CN=client.webhooks.fbclientcerts.com" "extendedKeyUsage=clientAuth
subjectAltName=DNS:client.webhooks.fbclientcerts.com"

rm -f ca.srl
echo "made in $(pwd): ca.pem, server.pem and client.pem with their keys, for $days days"
