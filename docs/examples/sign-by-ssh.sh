#!/bin/sh
# Signs on another host, with the key that is there: sign-by-ssh.sh HOST KEY. For signing.command of a release file.
set -eu
host=$1 key=$2
case ${TPROXY_RPMS_SIGN:?is set by tproxy-rpms} in
    "package el5") gpg="gpg1 --force-v3-sigs" ;; # rpm 4.4.2.3 reads RSA signatures in V3 packets alone
    *) gpg="gpg" ;;
esac
exec ssh -o BatchMode=yes "$host" "$gpg --batch --local-user $key --digest-algo SHA256 --detach-sign --output -"
