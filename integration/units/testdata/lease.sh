#!/bin/sh
# udhcpc's script: it sets the address and the way out.
set -eu
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
