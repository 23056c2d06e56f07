package engine

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/etcdschema"
	"weft/hostnet/object"
)

func TestWorksFromDiskWhileEtcdIsAway(t *testing.T) {
	t.Parallel()
	wired(t, 3, func(b *testbed) {
		b.settle(5 * time.Second)
		b.etcd.outage(true)
		before := b.writes()
		b.restart()
		b.settle(10 * time.Second)
		if b.ready != 2 {
			b.t.Fatal("never ready without etcd")
		}
		if s := b.engine.State(); !strings.Contains(s, "has not answered") {
			b.t.Fatalf("the state is %q, though etcd is away", s)
		}
		if got := b.writes(); got != before {
			b.t.Fatalf("%d writes", got-before)
		}
		b.host.Damage(b.place("tap2"))
		b.settle(time.Second)
		b.converged()
		b.etcd.outage(false)
		b.settle(10 * time.Second)
		b.converged()
		if s := b.engine.State(); s != "follows etcd" {
			b.t.Fatalf("the state is %q, though etcd is back", s)
		}
	})
}

// TestStateTellsOfAWrongName: etcd answers, and knows no such node.
func TestStateTellsOfAWrongName(t *testing.T) {
	t.Parallel()
	wiredOVS(t, 3, func(b *testbed) {
		head := etcdschema.HeadKey(node).String()
		b.etcd.write(false, map[string][]byte{head: nil})
		b.settle(time.Second)
		if s := b.engine.State(); !strings.Contains(s, "nothing for node h1") {
			b.t.Errorf("the state is %q, though etcd has no head for the node", s)
		}
		b.etcd.write(true, nil)
		b.settle(time.Second)
		if s := b.engine.State(); s != "follows etcd" {
			b.t.Errorf("the state is %q, though all is there", s)
		}
	})
}

// TestOutageOfTheReportIsToldOnce: etcd may be unreachable for hours, and more log lines would not help.
func TestOutageOfTheReportIsToldOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	wiredOVS(t, 3, func(b *testbed) {
		b.config.Logger = slog.New(slog.NewTextHandler(&out, nil))
		b.restart()
		b.etcd.outage(true)
		b.restart()
		b.settle(time.Minute)
		b.etcd.outage(false)
		b.settle(time.Minute)
		b.stop()
	})
	for _, line := range []string{"cannot write the report", "the report is written again"} {
		if n := strings.Count(out.String(), line); n != 1 {
			t.Errorf("%q was told %d times, expected once:\n%s", line, n, out.String())
		}
	}
}

func TestGuestsAreServedFromDiskAtOnce(t *testing.T) {
	t.Parallel()
	wired(t, 3, func(b *testbed) {
		b.settle(5 * time.Second)
		b.etcd.outage(true)
		b.host.Damage(object.Key{Kind: object.KindLink, Name: "tap3"})
		b.host.Alter(&object.Link{Name: "tap1", MTU: 1400})
		before := b.writes()
		b.restart() // no time passes
		for dev, want := range map[string]bool{"tap1": true, "tap2": true, "tap3": false} {
			if _, served := b.host.Objects()[object.Key{Kind: object.KindDHCPBinding, Name: dev}]; served != want {
				b.t.Errorf("%s is served: %v, want %v", dev, served, want)
			}
		}
		if _, told := b.host.Objects()[object.Key{Kind: object.KindAnnouncement, Name: portUID(1)}]; told {
			b.t.Error("an old node config was announced to the physical network")
		}
		if got := b.writes() - before; got != 0 || b.ready != 1 {
			b.t.Errorf("%d writes, ready %d: the host itself waits for etcd, or for CacheAfter", got, b.ready)
		}
		b.host.Plug("tap3")
		b.settle(time.Second)
		if _, served := b.host.Objects()[object.Key{Kind: object.KindDHCPBinding, Name: "tap3"}]; !served {
			b.t.Error("a guest that comes meanwhile is not served")
		}
		b.etcd.outage(false)
		b.settle(time.Second)
		b.converged()
		if n := b.node(); len(n.Repaired) != 0 {
			b.t.Errorf("counted as drift: %v", n.Repaired)
		}
	})
}

func TestDamagedStateFileIsIgnored(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
		"newer":   func(b []byte) []byte { return []byte(strings.Replace(string(b), `"version":1`, `"version":2`, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wired(t, 1, func(b *testbed) {
				b.settle(5 * time.Second)
				b.stop()
				path := filepath.Join(b.dir, stateFileName)
				data, err := os.ReadFile(path)
				if err != nil {
					b.t.Fatal(err)
				}
				if _, err := readState(path); err != nil {
					b.t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(data), 0o600); err != nil {
					b.t.Fatal(err)
				}
				if _, err := readState(path); err == nil {
					b.t.Fatal("a damaged file was taken")
				}
				b.host.Restart()
				b.start()
				b.settle(time.Second)
				b.converged()
			})
		})
	}
}
