# Runs as root of new mount, pid, ipc, uts and network namespaces; $1… are the words that chroot.py gives.
# Logs: descriptor 3 state.log, 4 build.log; standard output and error go to root.log.
set -eu
root=$1 archive=$2 memory=$3 personality=$4 results=$5 requires=$6 ccache=$7 inner=$8 host=$9
shift 9
phase() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$*" >&3; }

phase start unpack
if [ "$memory" -gt 0 ]; then
    mount -t tmpfs -o "size=$memory,mode=755" root "$root"
else
    mount --bind "$root" "$root"
fi
tar --zstd -xpf "$archive" -C "$root" --numeric-owner --exclude='./dev/*'
phase end unpack

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,size=64k dev "$root/dev"
for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount --bind "$results" "$root/results"
mount --bind "$requires" "$root/requires"
[ -z "$ccache" ] || mount --bind "$ccache" "$root/ccache"
hostname "$host"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$host" > "$root/etc/hosts"
echo "$host" > "$root/etc/hostname"
install -m 644 "$inner" "$root/.inner.sh"
mkdir "$root/.host"
cd "$root"
pivot_root . .host
exec chroot . setarch "$personality" /bin/sh /.inner.sh "$@"
