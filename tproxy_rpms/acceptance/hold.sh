# Runs as root of new mount, pid, ipc, uts and network namespaces, and keeps them: a host in the folder $1, with the name $2.
# It ends when its standard input does.
set -eu
root=$1
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o mode=755,size=64m dev "$root/dev"
for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm" "$root/.outside"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
hostname "$2"
cd "$root"
pivot_root . .outside
exec chroot . /bin/busybox sh -c 'busybox=/bin/busybox
    $busybox umount -l /.outside && $busybox rmdir /.outside && echo ready && exec $busybox cat'
