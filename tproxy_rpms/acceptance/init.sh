#!/bin/busybox sh
# The first process of a guest: its network as the kernel's command line says, then one script after another from the second
# serial port. A line tells how many lines a script has; each is answered by +, as a serial port loses what is not read in time.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t tmpfs tmpfs /tmp
[ -c /dev/ttyS1 ] || $busybox mount -t devtmpfs dev /dev
$busybox mkdir -p /dev/shm
$busybox mount -t tmpfs -o mode=1777 shm /dev/shm
[ -e /dev/fd ] || $busybox ln -s /proc/self/fd /dev/fd
# What the kernel says would end up among what else is said.
$busybox dmesg -n 1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C
for word in $($busybox cat /proc/cmdline); do
    case $word in
        tproxy.name=*) $busybox hostname "${word#*=}" ;;
        tproxy.address=*) address=${word#*=} ;;
        tproxy.router=*) router=${word#*=} ;;
    esac
done
for module in virtio_pci virtio_net e1000; do modprobe -q $module 2>/dev/null; done
ip link set lo up
ip link set eth0 up
ip addr add "$address" dev eth0
ip route add default via "$router"
$busybox stty -F /dev/ttyS1 raw -echo
exec < /dev/ttyS1 > /dev/ttyS1
echo ready
while IFS= read -r lines; do
    : > /tmp/.script
    while [ "$lines" -gt 0 ]; do
        IFS= read -r line
        printf '%s\n' "$line" >> /tmp/.script
        echo +
        lines=$((lines - 1))
    done
    sh /tmp/.script > /tmp/.said 2>&1 < /dev/null
    ended=$?
    echo "$ended $($busybox wc -c < /tmp/.said)"
    $busybox cat /tmp/.said
done
$busybox poweroff -f
