# Makes the virtual machine a fresh Debian host with Weft installed and Open vSwitch: nothing that the machine itself has enabled,
# configured or stored. $1 holds the units and settings,
# $2 the programs, which are to be at $3.
set -eu
find /etc/systemd /etc/rc?.d /etc/openvswitch /var/lib/openvswitch /etc/default/openvswitch-switch -mindepth 0 -not -type d -delete 2>/dev/null || true
# Of what every boot does only what services need: no consoles, no file systems, no clocks.
find /lib/systemd/system-generators /lib/systemd/system/multi-user.target.wants -mindepth 1 -delete
find /lib/systemd/system/sysinit.target.wants -mindepth 1 -not -name systemd-journald.service -delete
: > /etc/fstab
echo 5745465400000000000000000000000a > /etc/machine-id # an empty one would mean the first boot ever
rmdir /run/netns
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/weft "$3"
mount --bind "$2" "$3"
cp "$1"/*.service /etc/systemd/system
cp "$1"/*.env /etc/weft
cp -r "$1"/pki /run
ln -s /etc/systemd/system/weftd.service /etc/systemd/system/weft-controller.service /etc/systemd/system/multi-user.target.wants
ip link add eth1 type veth peer name wire
ip link set eth1 up
ip link set wire up
