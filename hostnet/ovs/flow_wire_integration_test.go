//go:build integration

package ovs

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

var update = flag.Bool("update", false, "write testdata/flow_mods.txt from what ovs-ofctl sends")

// TestSameBytesAsOfctl: for a bundle of flows, package openflow writes the same bytes that ovs-ofctl sends.
func TestSameBytesAsOfctl(t *testing.T) {
	t.Parallel()
	gen := rapid.Custom(drawFlow)
	var mods []flowMod
	for i := range 300 {
		mods = append(mods, drawnMod(t, gen.Example(i), i))
	}
	sent := captureBundle(t, mods)
	if len(sent) != len(mods) {
		t.Fatalf("ovs-ofctl has sent %d modifications of %d", len(sent), len(mods))
	}
	var golden strings.Builder
	for i, m := range mods {
		xid := uint32(sent[i][4])<<24 | uint32(sent[i][5])<<16 | uint32(sent[i][6])<<8 | uint32(sent[i][7])
		got, err := openflow.AppendBundleAdd(nil, xid, m.wire())
		if err != nil || !bytes.Equal(got, sent[i]) {
			t.Errorf("%d %s: %v\n ours %x\nofctl %x", m.op, m.flow, err, got, sent[i])
		}
		if i < 120 {
			fmt.Fprintf(&golden, "%d cookie=%#x, table=%d, priority=%d,%s actions=%s\n%s\n", m.op, m.cookie, m.flow.Table,
				m.flow.Priority, m.match, m.actions, hex.EncodeToString(sent[i]))
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile("testdata/flow_mods.txt", []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// drawnMod makes every fifth modification a strict delete. The others are additions.
func drawnMod(t *testing.T, f object.Flow, i int) flowMod {
	op := modAdd
	if i%5 == 4 {
		op = modDelete
	}
	m, err := newFlowMod(op, object.CookieOwner|uint64(i), f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// captureBundle lets ovs-ofctl send a bundle to a listener that accepts everything. It returns the parts of the bundle.
func captureBundle(t *testing.T, mods []flowMod) [][]byte {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var file bytes.Buffer
	for _, m := range mods {
		match := m.match
		if match != "" {
			match = "," + match
		}
		if m.op == modDelete {
			fmt.Fprintf(&file, "delete_strict cookie=%#x/-1,table=%d,priority=%d%s\n", m.cookie, m.flow.Table, m.flow.Priority, match)
			continue
		}
		fmt.Fprintf(&file, "add cookie=%#x,table=%d,priority=%d%s,actions=%s\n", m.cookie, m.flow.Table, m.flow.Priority, match, m.actions)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ovs-ofctl", "-OOpenFlow14", "--no-names", "--bundle", "add-flows", "unix:"+l.Addr().String(), "-")
	cmd.Stdin = &file
	done := make(chan error, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %.500s", err, out)
		}
		l.Close() // if it never connected
		done <- err
	}()
	sent, acceptErr := agree(l)
	if err := errors.Join(<-done, acceptErr); err != nil {
		t.Fatal(err)
	}
	return sent
}

// agree answers hello, barrier and bundle control messages until the connection ends.
func agree(l net.Listener) (sent [][]byte, err error) {
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	for {
		h, body, err := readMessage(conn)
		if err != nil {
			return sent, nil
		}
		var reply []byte
		switch h.Type {
		case openflow.TypeHello:
			reply = openflow.AppendHello(nil, h.XID)
		case openflow.TypeBarrierRequest:
			reply = openflow.AppendMessage(nil, h.Type+1, h.XID, body)
		case openflow.TypeBundleControl:
			body[5]++ // the number of the reply is the step's plus one
			reply = openflow.AppendMessage(nil, h.Type, h.XID, body)
		case openflow.TypeBundleAdd:
			sent = append(sent, openflow.AppendMessage(nil, h.Type, h.XID, body))
		}
		if _, err := conn.Write(reply); err != nil {
			return sent, err
		}
	}
}

// TestBundlesTakeTheConnection: the driver's bundles use the open connection, also after the switch or the bridge was made again.
func TestBundlesTakeTheConnection(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	d := b.d.flows.(*direct)
	conn := func() *openflowConn { return d.to("br-int").conn }
	b.must(create(flowSet(1, someFlows(1, 30)...)))
	first := conn()
	if first == nil {
		t.Fatal("no connection is open")
	}
	b.must(create(flowSet(2, someFlows(2, 60)...)))
	if conn() != first {
		t.Error("a second bundle has opened another connection")
	}
	b.KillSwitch()
	if errs := b.apply(create(flowSet(3, someFlows(3, 1)...))); !errors.Is(errs[0], errSwitchLost) {
		t.Errorf("without a switch: %v", errs[0])
	}
	if err := b.StartSwitch(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ctl("--timeout=10", "set", "bridge", "br-int", "external_ids:awaited=1") // returns when the switch has made its bridges
	b.must(create(flowSet(4, someFlows(4, 3)...)))
	if c := conn(); c == nil || c == first {
		t.Error("no new connection after a restart")
	}
	b.ctl("del-br", "br-int")
	b.must(create(ourBridge()))
	b.must(create(flowSet(5, someFlows(5, 3)...)))
	same(t, flowSet(5, someFlows(5, 3)...), b.observe(flowSet(5).Key()))
}

// TestRefusedBundleDoesNothing: the error names the refused flow, and nothing of its bundle is carried out.
func TestRefusedBundleDoesNothing(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.sync()
	b.must(create(ourBridge()))
	var mods []flowMod
	good := someFlows(1, 40)
	for _, f := range append(good, object.Flow{Table: 20, Priority: 77, Actions: []object.Action{object.Goto{Table: 10}}}) {
		m, err := newFlowMod(modAdd, object.CookieOwner|1, f)
		if err != nil {
			t.Fatal(err)
		}
		mods = append(mods, m)
	}
	err := b.d.flows.bundle(t.Context(), "br-int", mods)
	var refusal openflow.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "priority=77") {
		t.Errorf("the error does not name the flow: %v", err)
	}
	if out := b.flows("br-int", "dump-flows"); strings.Contains(out, "actions=") {
		t.Errorf("a part was done: %s", out)
	}
	if err := b.d.flows.bundle(t.Context(), "br-int", mods[:40]); err != nil {
		t.Errorf("the next bundle: %v", err)
	}
}
