package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"weft/integration/vm/agent"
)

const (
	qemuProgram   = "qemu-system-x86_64"
	emulatedScale = 10 // Go without acceleration, measured: maps and channels 10, JSON 15, an exec 35 ms
)

// kernelCommandLine: a panic ends QEMU, and with it every wait. Mitigations, zeroed pages (init_on_alloc) and the randomized stack cost
// time and protect nothing here. Security modules and audit are off, because no test uses them. Without tsc=reliable the kernel treats
// the emulated processors' counters as unsynchronized (arch/x86/kernel/tsc.c, unsynchronized_tsc). Then it reads the time from a device,
// which is five times slower. QEMU gives all processors the same counter. Tests make and remove namespaces and links all the time, and
// expedited grace periods (rcupdate.rcu_expedited) make that faster.
const kernelCommandLine = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable net.ifnames=0 " +
	"init_on_alloc=0 randomize_kstack_offset=off lsm=capability audit=0 cgroup_disable=memory rcupdate.rcu_expedited=1"

// processor is the processor model of the guest. An emulated processor lacks the instructions that QEMU carries out byte by byte (ERMS,
// FSRM: with them the kernel clears a page eight times slower) or by a call for each (AVX, AES, SHA). Without them programs use plainer
// code, which is faster here: a scenario needed a fifth less processor time.
func processor(accelerator string) string {
	if accelerator == "kvm" {
		return "max"
	}
	return "max,erms=off,fsrm=off,avx=off,avx2=off,aes=off,sha-ni=off"
}

// qemuArgs is the virtual machine's hardware. It has only what is asked for, and no disk.
func (m *Machine) qemuArgs(c Config, k Kernel, accelerator, initramfs, socket string) []string {
	memory, cpus := c.Memory, c.CPUs
	if memory == 0 {
		memory = 3072
	}
	if cpus == 0 {
		cpus = 2
	}
	export := func(path, tag, more string) string {
		// A comma ends a value in QEMU's options unless it is doubled.
		return "local,path=" + strings.ReplaceAll(path, ",", ",,") + ",mount_tag=" + tag +
			",security_model=none,multidevs=remap" + more
	}
	args := []string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-machine", "q35", "-accel", accelerator, "-cpu", processor(accelerator), "-smp", strconv.Itoa(cpus), "-m", strconv.Itoa(memory),
		"-kernel", k.Image, "-initrd", initramfs,
		"-append", strings.TrimSpace(kernelCommandLine + " " + c.Kernel),
		"-serial", "file:" + m.console(),
		"-qmp", "unix:" + strings.ReplaceAll(m.control(), ",", ",,") + ",server=on,wait=off",
		"-device", "virtio-rng-pci",
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,path=" + strings.ReplaceAll(socket, ",", ",,"),
		"-device", "virtserialport,chardev=agent,name=" + agent.Port,
		"-virtfs", export("/", agent.RootTag, ",readonly=on"),
		"-virtfs", export(m.Share, agent.ShareTag, ""),
	}
	for i, n := range c.NICs {
		args = append(args, n.args(i)...)
	}
	for i, p := range c.Ports {
		args = append(args, p.args(i)...)
	}
	return args
}

// args is the card's hardware. It has no ROM, because no virtual machine boots from it.
func (n NIC) args(number int) []string {
	id := "nic" + strconv.Itoa(number)
	tap := "tap,id=" + id + ",ifname=" + n.Device + ",script=no,downscript=no"
	if n.NoOffload {
		tap += ",vnet_hdr=off"
	}
	return []string{"-netdev", tap, "-device", "virtio-net-pci,romfile=,netdev=" + id + ",mac=" + n.MAC}
}

// args is the port's hardware.
func (p Port) args(number int) []string {
	id := "port" + strconv.Itoa(number)
	return []string{"-chardev", "socket,id=" + id + ",path=" + strings.ReplaceAll(p.Socket, ",", ",,") + ",server=on,wait=off",
		"-device", "virtserialport,chardev=" + id + ",name=" + p.Name}
}

// startQEMU starts the virtual machine and waits for QEMU's end of the port.
func (m *Machine) startQEMU(ctx context.Context, c Config, k Kernel, accelerator, initramfs string) (net.Conn, error) {
	path, err := exec.LookPath(qemuProgram)
	if err != nil {
		return nil, fmt.Errorf("vm: %w: `make deps` installs it (Debian: qemu-system-x86)", err)
	}
	socket := filepath.Join(m.dir, "agent.sock")
	if m.listener, err = net.Listen("unix", socket); err != nil {
		return nil, fmt.Errorf("vm: %w", err)
	}
	args := m.qemuArgs(c, k, accelerator, initramfs, socket)
	if c.Namespace != "" {
		path, args = "nsenter", append([]string{"--net=" + c.Namespace, path}, args...) // it becomes QEMU, with the same pid
	}
	if err := m.startProcess(exec.Command(path, args...), 0); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { m.listener.Close() })
	defer stop()
	go func() { // if QEMU ends early, those who wait for it get an error
		<-m.ended
		m.listener.Close()
	}()
	conn, err := m.listener.Accept()
	if err != nil {
		return nil, fmt.Errorf("vm: QEMU does not come up: %w", errors.Join(ctx.Err(), m.failure()))
	}
	return conn, nil
}

// accelerationMark is a file that says that KVM was tried since the machine was booted, and failed.
func accelerationMark(k Kernel) string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it the mark never expires
	return filepath.Join(k.Root, "no-kvm-"+strings.TrimSpace(string(id)))
}

// mayAccelerate says whether KVM is worth a try.
func mayAccelerate(k Kernel) bool {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	_, err = os.Stat(accelerationMark(k))
	return err != nil
}

func rememberNoAcceleration(k Kernel) {
	old, _ := filepath.Glob(filepath.Join(k.Root, "no-kvm-*"))
	for _, o := range old {
		_ = os.Remove(o) // a mark of an earlier boot
	}
	_ = os.WriteFile(accelerationMark(k), nil, 0o644) // if this fails, KVM is tried again
}
