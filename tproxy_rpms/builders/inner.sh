# Runs as root inside the build root: forgets the host, installs what this cut has built, and builds as an unprivileged user.
set -eu
umask 022
target=$1 jobs=$2 epoch=$3 user=$4 uid=$5 home=$6 zone=$7 locale=$8 mask=$9
shift 9
clock=$1
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
# The root has one plain user, who may be called otherwise in a second build.
sed -i "s|^builder:x:[^:]*:[^:]*:[^:]*:[^:]*:|$user:x:$uid:$uid::$home:|" /etc/passwd
sed -i "s|^builder:x:[^:]*:|$user:x:$uid:|" /etc/group
mkdir -p "$home"
for folder in BUILD BUILDROOT RPMS SOURCES SPECS SRPMS TMP; do install -d -o "$uid" -g "$uid" "$home/$folder"; done
chown "$uid:$uid" "$home"
# rpmuncompress asks macro files alone what unpacks a tarball; this one does it on all cores.
[ ! -x /usr/bin/lbzip2 ] || echo '%__bzip2 /usr/bin/lbzip2' > "$home/.rpmmacros"

faketime=
if [ "$clock" != 0 ]; then
    # Time as programs ask for it, not that of files: these get the time of the real clock, and keep the times that they have.
    faketime="LD_PRELOAD=/usr/lib/time64.so:$(echo /usr/lib/*/faketime/libfaketime.so.1) FAKETIME=+$clock NO_FAKE_STAT=1 FAKE_UTIME=0
        FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1"
fi
umask "$mask"

phase start rpmbuild
status=0
# shellcheck disable=SC2086  # $ccache and $faketime are lists of words
set -- env -i PATH="$path" HOME="$home" LC_ALL="$locale" TZ="$zone" USER="$user" LOGNAME="$user" SHELL=/bin/sh \
        SOURCE_DATE_EPOCH="$epoch" RPM_BUILD_NCPUS="$jobs" $ccache $faketime \
    rpmbuild --rebuild --nodeps --target "$target" \
        --define "_topdir $home" --define "_tmppath $home/TMP" --define "_smp_mflags -j$jobs" --define '_buildhost reproducible.invalid' \
        /results/.job.src.rpm
phase run "$(printf "'%s' " "$@")" # the cut's record has it from here
setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    "$@" >&4 2>&1 3>&- 4>&- < /dev/null || status=$?
umask 022
phase end rpmbuild "status $status"
[ "$status" = 0 ] || exit 100
find "$home/RPMS" -name '*.rpm' -exec cp {} /results/ \;
phase end copy
