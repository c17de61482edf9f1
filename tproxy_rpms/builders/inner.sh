# Runs as root inside the build root: forgets the host, installs what this cut has built, and builds as an unprivileged user.
set -eu
umask 022
target=$1 jobs=$2 epoch=$3 uid=$4 home=$5
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC
phase() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$*" >&3; }

umount -l /.host
rmdir /.host
if ls /requires/*.rpm >/dev/null 2>&1; then
    phase start install
    rpm -i --nodeps --ignorearch --noscripts /requires/*.rpm
    ldconfig
    phase end install
fi

path=/usr/bin:/bin:/usr/sbin:/sbin ccache=
if mountpoint -q /ccache; then
    chown "$uid:$uid" /ccache
    path=/usr/lib/ccache:$path
    ccache='CCACHE_DIR=/ccache CCACHE_COMPILERCHECK=content CCACHE_MAXSIZE=10G'
fi
for folder in BUILD BUILDROOT RPMS SOURCES SPECS SRPMS TMP; do install -d -o "$uid" -g "$uid" "$home/$folder"; done
chown "$uid:$uid" "$home"
# rpmuncompress asks macro files alone what unpacks a tarball; this one does it on all cores.
[ ! -x /usr/bin/lbzip2 ] || echo '%__bzip2 /usr/bin/lbzip2' > "$home/.rpmmacros"

phase start rpmbuild
status=0
# shellcheck disable=SC2086  # $ccache is a list of words
set -- env -i PATH="$path" HOME="$home" LC_ALL=C.UTF-8 TZ=UTC USER=builder LOGNAME=builder SHELL=/bin/sh \
        SOURCE_DATE_EPOCH="$epoch" RPM_BUILD_NCPUS="$jobs" $ccache \
    rpmbuild --rebuild --nodeps --target "$target" \
        --define "_topdir $home" --define "_tmppath $home/TMP" --define "_smp_mflags -j$jobs" --define '_buildhost reproducible.invalid' \
        /results/.job.src.rpm
phase run "$(printf "'%s' " "$@")" # the cut's record has it from here
setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    "$@" >&4 2>&1 3>&- 4>&- < /dev/null || status=$?
phase end rpmbuild "status $status"
[ "$status" = 0 ] || exit 100
find "$home/RPMS" -name '*.rpm' -exec cp {} /results/ \;
phase end copy
