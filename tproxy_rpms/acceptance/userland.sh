# Runs as root of a user namespace of its own: makes the folder that a host of the acceptance network runs in.
# $1 the folder, $2 an archive to begin with or nothing, $3 a static busybox, $4 a folder of programs to put in the place of the
# packages' own or nothing, $5… RPMs.
set -eu
root=$1 archive=$2 busybox=$3 programs=$4
shift 4
umask 022
mkdir -p "$root"
[ -z "$archive" ] || tar --zstd -xpf "$archive" -C "$root" --numeric-owner --exclude='./dev/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' --exclude='./var/lib/dpkg/*'
cd "$root"
for folder in bin dev etc lib proc run sys tmp var; do [ -e "$folder" ] || mkdir "$folder"; done
[ -e var/run ] || ln -s ../run var/run
[ -e var/lock ] || mkdir -p var/lock
cp "$busybox" bin/busybox
if [ -z "$archive" ]; then
    for applet in $(bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "bin/$applet"; done
    mkdir -p sbin
    ln -s ../bin/busybox sbin/modprobe # where the kernel looks when a rule wants a module
    echo 'root:x:0:0::/:/bin/sh' > etc/passwd
    echo 'root:x:0:' > etc/group
fi
for rpm; do rpm2cpio "$rpm" | cpio -idmu --quiet --no-absolute-filenames; done
[ -z "$programs" ] || cp -a "$programs/." .
# What squid's package does before it is installed.
grep -q ^squid: etc/group || echo 'squid:x:23:' >> etc/group
grep -q ^squid: etc/passwd || echo 'squid:x:23:23::/var/spool/squid:/sbin/nologin' >> etc/passwd
for folder in var/log/squid var/spool/squid; do
    if [ -d "$folder" ]; then chown -R 23:23 "$folder"; fi
done
printf '127.0.0.1 localhost\n10.77.1.2 client\n10.77.2.2 proxy\n10.77.3.2 server\n' > etc/hosts
