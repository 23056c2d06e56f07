package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weft/cmd/weft/internal/guestagent"
	"weft/hostnet/guestconfig"
	"weft/model"
)

// emptyGuest is the agent of a guest that has ifupdown and no files yet. A command that puts files in force gives it its address.
type emptyGuest struct {
	refused string
	nics    []guestagent.Interface
	takes   bool // the address is there when ifup has ended
	ran     []string
	files   map[string]string
}

func (g *emptyGuest) Refused(commands ...string) []string {
	for _, c := range commands {
		if c == g.refused {
			return []string{c}
		}
	}
	return nil
}

func (g *emptyGuest) ReadFile(_ context.Context, path string, _ int) ([]byte, error) {
	if text, ok := g.files[path]; ok {
		return []byte(text), nil
	}
	return nil, &guestagent.Error{Command: "guest-file-open", Text: path + " is not there"}
}

func (g *emptyGuest) WriteFile(_ context.Context, path string, data []byte) error {
	g.files[path] = string(data)
	return nil
}

func (g *emptyGuest) Run(_ context.Context, _ time.Duration, command string, args ...string) (guestagent.Output, error) {
	switch command {
	case "stat":
		return guestagent.Output{Out: []byte("41ed 0 0 /etc\n81ed 0 0 /sbin/ifup\n")}, nil
	case "ifup":
		if g.takes {
			g.nics[0].Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")}
		}
		fallthrough
	case "ifdown", "hostname":
		g.ran = append(g.ran, strings.Join(append([]string{command}, args...), " "))
	case "mv":
		g.files[args[3]] = g.files[args[2]]
		delete(g.files, args[2])
	}
	return guestagent.Output{}, nil
}

func (g *emptyGuest) Interfaces(context.Context) ([]guestagent.Interface, error) {
	return append([]guestagent.Interface{}, g.nics...), nil
}

// TestInjectAgent: what a guest is told to do, and what the operator is told if it cannot or does not.
func TestInjectAgent(t *testing.T) {
	t.Parallel()
	mac, other := net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 1}, net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 2}
	eth0, br0, eth1 := guestagent.Interface{Name: "eth0", MAC: mac}, guestagent.Interface{Name: "br0", MAC: mac}, guestagent.Interface{Name: "eth1", MAC: other}
	for what, row := range map[string]struct {
		guest  emptyGuest
		o      injectOptions
		dhcp   bool
		ran    string
		out    string // a part of stdout
		stderr string // a part
		wrong  string // a part of the error; empty if there is none
	}{
		"never has it": {guest: emptyGuest{nics: []guestagent.Interface{eth1, eth0}}, o: injectOptions{apply: true},
			ran: "ifdown eth0; ifdown --force eth0=weft0; ifup eth0=weft0; hostname web-1", out: "50-weft created",
			wrong: "but after 30s eth0 has not 10.0.0.5/24: see its logs"},
		"address": {guest: emptyGuest{nics: []guestagent.Interface{eth0}, takes: true}, o: injectOptions{apply: true},
			ran: "ifdown eth0; ifdown --force eth0=weft0; ifup eth0=weft0; hostname web-1", out: "\neth0 has 10.0.0.5/24\n"},
		"dhcp": {guest: emptyGuest{nics: []guestagent.Interface{eth0}}, o: injectOptions{apply: true}, dhcp: true,
			ran: "ifdown eth0; ifdown --force eth0=weft0; ifup eth0=weft0; hostname web-1", out: "\neth0 asks by DHCP\n"},
		"dry run": {guest: emptyGuest{nics: []guestagent.Interface{eth0}}, o: injectOptions{apply: true, dryRun: true},
			out: "+	address 10.0.0.5/24\n", stderr: "would run in the guest: ifup eth0=weft0\n"},
		"not applied": {guest: emptyGuest{}, out: "50-weft created"},
		"no NIC": {guest: emptyGuest{nics: []guestagent.Interface{eth1}}, o: injectOptions{apply: true},
			wrong: "the guest has no NIC with the MAC fa:16:3e:00:00:01 of Port alpha/web"},
		"two NICs": {guest: emptyGuest{nics: []guestagent.Interface{eth0, br0}}, o: injectOptions{apply: true},
			wrong: "eth0, br0 have the MAC fa:16:3e:00:00:01 of Port alpha/web in the guest"},
		"no list of NICs": {guest: emptyGuest{refused: "guest-network-get-interfaces"}, o: injectOptions{apply: true},
			wrong: "does not carry out guest-network-get-interfaces, which tells the names of NICs: allow it in the guest, or write without"},
		"no files": {guest: emptyGuest{refused: "guest-file-open"}, wrong: "does not carry out guest-file-open: allow that in the guest"},
		"no commands": {guest: emptyGuest{refused: "guest-exec", files: map[string]string{"/etc/network/interfaces": "source /etc/network/interfaces.d/*\n",
			"/etc/network/interfaces.d/50-weft": "", "/etc/hostname": "web-1\n"}, nics: []guestagent.Interface{eth0}}, o: injectOptions{apply: true},
			out: "50-weft configured", stderr: "note: guest-exec is disabled in the guest",
			wrong: "Run there as root:\n  ifdown eth0\n  ifdown --force eth0=weft0\n  ifup eth0=weft0"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				agent, out, stderr := row.guest, &bytes.Buffer{}, &bytes.Buffer{}
				if agent.files == nil {
					agent.files = map[string]string{}
				}
				g := guestconfig.Guest{Hostname: "web-1", NICs: []guestconfig.NIC{{MAC: mac, DHCP: row.dhcp,
					Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")}}}}
				ids := []model.ID{{Project: "alpha", Kind: model.KindPort, Name: "web"}}
				err := injectAgent(t.Context(), &agent, g, ids, row.o, streams{out: out, err: stderr})
				if (err == nil) != (row.wrong == "") || err != nil && !strings.Contains(err.Error(), row.wrong) {
					t.Errorf("%v; expected %q", err, row.wrong)
				}
				if got := strings.Join(agent.ran, "; "); got != row.ran {
					t.Errorf("it ran %q, expected %q", got, row.ran)
				}
				if !strings.Contains(out.String(), row.out) || !strings.Contains(stderr.String(), row.stderr) {
					t.Errorf("it says %q, %q; expected %q, %q", out, stderr, row.out, row.stderr)
				}
				if row.out == "" && len(agent.files) > 0 {
					t.Errorf("it has written %q", agent.files)
				}
			})
		})
	}
}

// TestInjectAgentNamesPortAndSocket: an error says for which port and at which socket, and is not taken for one of etcd.
func TestInjectAgentNamesPortAndSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ga") // a test's own folder has too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket) // nobody ever answers there
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ids := []model.ID{{Project: "alpha", Kind: model.KindPort, Name: "web"}}
	err = injectRunning(ctx, guestconfig.Guest{}, ids, injectOptions{agent: socket}, streams{})
	if err == nil || !strings.HasPrefix(err.Error(), "Port alpha/web: --agent "+socket+": ") || errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "does qemu-guest-agent run in the guest") {
		t.Error(err)
	}
}
