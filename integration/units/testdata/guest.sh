# A guest as a hypervisor makes it: a network namespace $1 with eth0 of MAC $3, whose other end is the device $2.
set -eu
ip netns add "$1"
ip link add "$2" type veth peer name eth0 netns "$1" address "$3"
ip -n "$1" link set lo up
ip -n "$1" link set eth0 up
ip link set "$2" up
