package ovs

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	govs "github.com/digitalocean/go-openvswitch/ovs"
)

// commandTimeout bounds each run of ovs-ofctl. A bundle of 25,000 flows takes 0.3 s.
const commandTimeout = 30 * time.Second

// ofctl carries flows by running ovs-ofctl. Its bundles use go-openvswitch.
type ofctl struct {
	rundir string
	seed   maphash.Seed // of the digests of all dumps, so that they can be compared
	// dumped is the size of the last dump of all flows: the next one is about as large, and a buffer that grows to megabytes leaves
	// twice as much behind.
	dumped *atomic.Int64
}

// socket is the path where the switch of a bridge listens.
func (o ofctl) socket(bridge string) string { return filepath.Join(o.rundir, bridge+".mgmt") }

func (o ofctl) target(bridge string) string { return "unix:" + o.socket(bridge) }

// environ stops the tools from logging to syslog (ovs-ofctl(8), --syslog-method). Their complaints are in the errors, and the
// normal end of the monitor is no warning.
func (o ofctl) environ() []string {
	return append(os.Environ(), "OVS_RUNDIR="+o.rundir, "OVS_SYSLOG_METHOD=null")
}

func (o ofctl) bundle(ctx context.Context, bridge string, mods []flowMod) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var failed error // go-openvswitch does not wrap
	client := govs.New(govs.Protocols([]string{govs.ProtocolOpenFlow14}),
		govs.Pipe(func(stdin io.Reader, cmd string, args ...string) ([]byte, error) {
			lines, err := strictDeletes(stdin)
			if err != nil {
				return nil, err
			}
			out, err := o.run(ctx, lines, cmd, args...)
			failed = err
			return out, err
		}))
	err := client.OpenFlow.AddFlowBundle(o.target(bridge), func(tx *govs.FlowTransaction) error {
		for _, m := range mods {
			if err := m.push(tx); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("flow bundle for bridge %s: %w", bridge, err)
	}
	return nil
}

// strictDeletes makes deletes that name a priority strict. ovs-ofctl accepts delete_strict in the same file, but go-openvswitch
// cannot write it. A priority in a delete has no other meaning.
func strictDeletes(in io.Reader) (io.Reader, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	text = append([]byte("\n"), text...) // ovs-ofctl skips empty lines
	return bytes.NewReader(bytes.ReplaceAll(text, []byte("\ndelete priority="), []byte("\ndelete_strict priority="))), nil
}

// maxLine bounds one line of ovs-ofctl. An OpenFlow message has at most 64 KiB, and its text is a few times longer.
const maxLine = 1 << 20

func (o ofctl) fragments(ctx context.Context, bridge string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	out, err := o.run(ctx, nil, "ovs-ofctl", "get-frags", "-OOpenFlow14", o.target(bridge))
	return strings.TrimSpace(string(out)), err
}

func (o ofctl) setFragments(ctx context.Context, bridge, mode string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	_, err := o.run(ctx, nil, "ovs-ofctl", "set-frags", "-OOpenFlow14", o.target(bridge), mode)
	return err
}

// run executes a program and returns its standard output. On failure the error contains the complaint of the program.
func (o ofctl) run(ctx context.Context, stdin io.Reader, name string, args ...string) ([]byte, error) {
	return o.runFor(ctx, 0, stdin, name, args...)
}

// runFor is run with room for so many bytes of output.
func (o ofctl) runFor(ctx context.Context, room int, stdin io.Reader, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, complaint bytes.Buffer
	out.Grow(room)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = o.environ(), stdin, &out, &complaint
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", name, ctx.Err())
	}
	text := strings.TrimSpace(complaint.String())
	if isLost(text) {
		return nil, fmt.Errorf("%w: %.200s", errSwitchLost, text)
	}
	if i := strings.Index(text, "\n00000000 "); i >= 0 {
		text = text[:i] // the message's bytes follow
	}
	return nil, fmt.Errorf("%s: %w: %.1000s", name, err, text)
}

// isLost distinguishes a switch that does not run from one that refuses.
func isLost(complaint string) bool {
	for _, s := range []string{"Connection refused", "No such file or directory", "Connection reset", "connection closed by peer",
		"Broken pipe", "End of file", "is not a bridge or a socket"} {
		if strings.Contains(complaint, s) {
			return true
		}
	}
	return false
}
