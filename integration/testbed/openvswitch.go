package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/integration/need"
	"weft/integration/timescale"
)

// Datapath is what forwards a host's frames, with the names of OVS's datapath_type.
type Datapath string

// The datapaths. The kernel has one for each network namespace, so every host has its own.
const (
	DatapathUser   Datapath = "netdev" // ovs-vswitchd itself; needs nothing of the kernel
	DatapathKernel Datapath = "system" // the kernel's module openvswitch
	// DatapathBridge is not a datapath of Open vSwitch: the hosts have VLAN devices and bridges of the kernel.
	DatapathBridge Datapath = "bridge"
)

// datapath of the hosts.
func (b *Testbed) datapath() Datapath {
	if b.conf.Datapath == "" {
		return DatapathUser
	}
	return b.conf.Datapath
}

// OpenVSwitch is a host's own ovsdb-server and ovs-vswitchd, with the testbed's datapath.
type OpenVSwitch struct {
	// Dir is the rundir. It holds db.sock, <bridge>.mgmt and the database.
	Dir      string
	Server   *Process // ovsdb-server
	Vswitchd *Process
	host     *Host
}

const ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"

// startOpenVSwitch makes an empty database and starts both daemons.
func (h *Host) startOpenVSwitch() error {
	b, dir := h.testbed, filepath.Join(h.Dir, "ovs")
	o := &OpenVSwitch{Dir: dir, host: h}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("testbed: %s: %w", h.Name, err)
	}
	env := []string{"OVS_RUNDIR=" + dir, "OVS_LOGDIR=" + dir, "OVS_DBDIR=" + dir, "OVS_SYSCONFDIR=" + dir}
	h.Namespace.env = append(h.Namespace.env, env...)
	db := filepath.Join(dir, "conf.db")
	if _, err := b.output(b.ctx, nil, "ovsdb-tool", "create", db, ovsSchema); err != nil {
		return err
	}
	socket := "unix:" + filepath.Join(dir, "db.sock")
	o.Server = b.process("ovsdb "+h.Name, h.Namespace, env, "ovsdb-server", db, "--remote=p"+socket,
		"--unixctl="+filepath.Join(dir, "ovsdb.ctl"), "--no-chdir", "-vconsole:warn", "-vsyslog:off")
	args := []string{socket, "--unixctl=" + filepath.Join(dir, "vswitchd.ctl"), "--no-chdir", "-vconsole:warn", "-vsyslog:off"}
	if b.datapath() == DatapathUser {
		args = append(args, "--disable-system") // otherwise it looks for the kernel's module even if it is not used
	}
	o.Vswitchd = b.process("vswitchd "+h.Name, h.Namespace, env, "ovs-vswitchd", args...)
	h.OVS = o
	if err := o.StartServer(b.ctx); err != nil {
		return err
	}
	if err := o.vsctl(b.ctx, "--no-wait", "init"); err != nil {
		return err
	}
	return o.StartVswitchd(b.ctx)
}

// StartServer starts ovsdb-server and waits until its socket answers.
func (o *OpenVSwitch) StartServer(ctx context.Context) error {
	if err := o.Server.Start(); err != nil {
		return err
	}
	return o.Server.alive(ctx, func() bool { return o.answers(ctx, "ovsdb.ctl") })
}

// StartVswitchd starts ovs-vswitchd and waits until it has applied the database.
func (o *OpenVSwitch) StartVswitchd(ctx context.Context) error {
	if o.host.testbed.datapath() == DatapathKernel {
		if err := need.AwaitVswitchd(ctx); err != nil {
			return err
		}
	}
	if err := o.Vswitchd.Start(); err != nil {
		return err
	}
	if err := o.Vswitchd.alive(ctx, func() bool { return o.answers(ctx, "vswitchd.ctl") }); err != nil {
		return err
	}
	return o.vsctl(ctx, "set", "Open_vSwitch", ".", "external_ids:hostname="+o.host.Name)
}

// answers says that the daemon behind the control socket answers.
func (o *OpenVSwitch) answers(ctx context.Context, control string) bool {
	if _, err := os.Stat(filepath.Join(o.Dir, control)); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, timescale.Bound(5*time.Second))
	defer cancel()
	_, err := o.host.testbed.output(ctx, nil, "ovs-appctl", "-t", filepath.Join(o.Dir, control), "version")
	return err == nil
}

func (o *OpenVSwitch) vsctl(ctx context.Context, args ...string) error {
	_, err := o.host.Run(ctx, "ovs-vsctl", append([]string{fmt.Sprintf("--timeout=%.0f", timescale.Bound(20*time.Second).Seconds())}, args...)...)
	return err
}

// PlugInterface puts a netdev of the host on the bridge as libvirt does: an OVS interface without a tag, with the port's interface id. It
// waits for the bridge, because a hypervisor starts guests only once the bridge exists.
func (o *OpenVSwitch) PlugInterface(ctx context.Context, bridge, device, interfaceID, mac string) error {
	if err := o.vsctl(ctx, "wait-until", "Bridge", bridge); err != nil {
		return err
	}
	return o.vsctl(ctx, "--may-exist", "add-port", bridge, device, "--", "set", "Interface", device,
		"external_ids:iface-id="+interfaceID, "external_ids:attached-mac="+quoteOVS(mac),
		"external_ids:iface-status=active", "external_ids:vm-uuid="+interfaceID)
}

// quoteOVS quotes a value that contains colons for the OVS tools.
func quoteOVS(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
