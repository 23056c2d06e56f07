package testbed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// guestAgentScript makes a folder ($1) the root of a guest's files and runs qemu-ga there. The guest's programs and libraries are the
// machine's /usr, which it can only read, and the unpacked packages qemu-guest-agent and ifupdown ($2). /sys shows the NICs of the guest's
// network namespace. The mounts and the host name are of the process alone.
const guestAgentScript = `
cd "$1"
mkdir -p usr proc sys dev lib sbin run/network root
for when in pre-up up down post-down; do mkdir -p etc/network/if-$when.d; done
for folder in bin lib64; do [ -e $folder ] || ln -s usr/$folder $folder; done
cp -a "$2"/sbin/. "$2"/usr/sbin/qemu-ga sbin
cp -a "$2"/lib/ifupdown lib
for file in /usr/lib/*; do [ -e lib/"${file##*/}" ] || ln -sf "$file" lib; done
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --rbind /proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
shift 2
echo $$ >run/agent.pid
exec chroot . /sbin/qemu-ga --method=unix-listen --path=/run/agent.sock --statedir=/run "$@"
`

// Agent is the QEMU guest agent in the guest, for which the folder root is the guest's files. It is not started yet. packages is where
// qemu-guest-agent and ifupdown are unpacked. It does not carry out the blocked commands, which are separated by commas. It listens on the
// socket run/agent.sock in root, where a hypervisor's virtio-serial port would be. Its process id is in run/agent.pid.
func (g *Guest) Agent(root, packages, blocked string) *Process {
	args := []string{"--mount", "--uts", "--propagation", "private", "/bin/sh", "-ec", guestAgentScript, "guest", root, packages}
	if blocked != "" {
		args = append(args, "--block-rpcs="+blocked)
	}
	return g.testbed.process("agent "+g.Name, g.Namespace, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "unshare", args...)
}

// StartAgent starts a guest's agent, and returns when it listens.
func (g *Guest) StartAgent(ctx context.Context, p *Process, root string) error {
	socket := filepath.Join(root, "run", "agent.sock")
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	return p.alive(ctx, func() bool {
		_, err := os.Stat(socket)
		return err == nil
	})
}
