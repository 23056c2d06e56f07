package ovs

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weft/hostnet/object"
	"weft/hostnet/ovs/openflow"
)

// TestWireGolden: testdata/flow_mods.txt is what ovs-ofctl 3.1 sent for the flows that it names. The integration test writes it
// with -update.
func TestWireGolden(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/flow_mods.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	n := 0
	for ; lines.Scan(); n++ {
		text := lines.Text()
		f, err := parseFlow(text[2:])
		if err != nil || !lines.Scan() {
			t.Fatalf("%s: %v", text, err)
		}
		sent, err := hex.DecodeString(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		m := flowMod{op: modOp(text[0] - '0'), cookie: f.Cookie, flow: f.Flow}
		xid := uint32(sent[4])<<24 | uint32(sent[5])<<16 | uint32(sent[6])<<8 | uint32(sent[7])
		got, err := openflow.AppendBundleAdd(nil, xid, m.wire())
		if err != nil || hex.EncodeToString(got) != lines.Text() {
			t.Errorf("%s: %v\n got %x\nwant %s", text, err, got, lines.Text())
		}
	}
	if n < 100 {
		t.Errorf("%d flows compared", n)
	}
}

// TestWireWritesWhatRenders: every flow that can be rendered can be written. A flow that cannot is refused, and the bytes before
// it are unchanged.
func TestWireWritesWhatRenders(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFlow(t)
		m, err := newFlowMod(modAdd, object.CookieOwner|1, f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := openflow.AppendBundleAdd([]byte("before"), 7, m.wire())
		if err != nil || string(b[:6]) != "before" || (len(b)-6)%8 != 0 {
			t.Fatalf("%s: %v, %x", f, err, b)
		}
		m.flow.Match.Alien = "nw_tos=4"
		if b, err := openflow.AppendBundleAdd([]byte("before"), 7, m.wire()); err == nil || string(b) != "before" {
			t.Fatalf("an alien match passes: %q", b)
		}
	})
}

// scriptedSwitch listens as the switch of br-int. It answers every message with the function. If that returns false, the
// connection ends.
func scriptedSwitch(t *testing.T, answer func(c net.Conn, h openflow.Header, body []byte) bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "br-int.mgmt")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for {
				h, body, err := readMessage(c)
				if err != nil || !answer(c, h, body) {
					break
				}
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return filepath.Dir(path)
}

func reply(c net.Conn, h openflow.Header, kind openflow.Type, body []byte) bool {
	_, err := c.Write(openflow.AppendMessage(nil, kind, h.XID, body))
	return err == nil
}

func oneMod(t *testing.T) []flowMod {
	t.Helper()
	m, err := newFlowMod(modAdd, object.CookieOwner|1, object.Flow{Table: 10, Priority: 9})
	if err != nil {
		t.Fatal(err)
	}
	return []flowMod{m}
}

// TestLostCommitIsNotDone: if a connection ends after the commit was sent, the outcome is unknown. That is an error, and there is
// no second attempt.
func TestLostCommitIsNotDone(t *testing.T) {
	t.Parallel()
	commits := make(chan struct{}, 8)
	dir := scriptedSwitch(t, func(c net.Conn, h openflow.Header, body []byte) bool {
		switch h.Type {
		case openflow.TypeHello:
			return reply(c, h, h.Type, body)
		case openflow.TypeBarrierRequest:
			return reply(c, h, h.Type+1, nil)
		case openflow.TypeBundleControl:
			if body[5] == byte(openflow.BundleCommit) {
				commits <- struct{}{}
				return false
			}
		}
		return true
	})
	d := newDirect(dir)
	defer d.close()
	err := d.bundle(t.Context(), "br-int", oneMod(t))
	if !errors.Is(err, errSwitchLost) || !strings.Contains(err.Error(), "unknown") || len(commits) != 1 {
		t.Errorf("%d commits, error %v", len(commits), err)
	}
}

// TestProbesAreAnswered: before and during a bundle, the switch's probes are answered and unrequested messages are dropped.
func TestProbesAreAnswered(t *testing.T) {
	t.Parallel()
	probed := make(chan string, 1)
	dir := scriptedSwitch(t, func(c net.Conn, h openflow.Header, body []byte) bool {
		switch h.Type {
		case openflow.TypeHello:
			return reply(c, h, h.Type, body)
		case openflow.TypeBarrierRequest:
			const packetIn = 10
			return reply(c, openflow.Header{XID: 0}, packetIn, make([]byte, 60000)) &&
				reply(c, openflow.Header{XID: 5}, openflow.TypeEchoRequest, []byte("alive?")) && reply(c, h, h.Type+1, nil)
		case openflow.TypeEchoReply:
			probed <- string(body)
		case openflow.TypeBundleControl:
			if body[5] == byte(openflow.BundleCommit) {
				return reply(c, h, h.Type, body)
			}
		}
		return true
	})
	d := newDirect(dir)
	defer d.close()
	if err := d.bundle(t.Context(), "br-int", oneMod(t)); err != nil {
		t.Fatal(err)
	}
	if got := <-probed; got != "alive?" {
		t.Errorf("probe answered with %q", got)
	}
}

// TestRefusalDiscards: a refused modification is named. Its bundle is discarded and never committed.
func TestRefusalDiscards(t *testing.T) {
	t.Parallel()
	steps := make(chan byte, 8)
	dir := scriptedSwitch(t, func(c net.Conn, h openflow.Header, body []byte) bool {
		switch h.Type {
		case openflow.TypeHello:
			return reply(c, h, h.Type, body)
		case openflow.TypeBundleAdd:
			return reply(c, h, openflow.TypeError, []byte{0, 4, 0, 9})
		case openflow.TypeBarrierRequest:
			return reply(c, h, h.Type+1, nil)
		case openflow.TypeBundleControl:
			steps <- body[5]
			return body[5] == byte(openflow.BundleOpen) || reply(c, h, h.Type, body)
		}
		return true
	})
	d := newDirect(dir)
	defer d.close()
	err := d.bundle(t.Context(), "br-int", oneMod(t))
	var refusal openflow.Refusal
	if !errors.As(err, &refusal) || refusal.Type != 4 || refusal.Code != 9 || !strings.Contains(err.Error(), "priority=9") {
		t.Errorf("error %v", err)
	}
	if open, end := <-steps, <-steps; open != byte(openflow.BundleOpen) || end != byte(openflow.BundleDiscard) {
		t.Errorf("steps %d, %d", open, end)
	}
}

// TestSilentSwitch: a switch that does not answer is given up when the caller's time is over.
func TestSilentSwitch(t *testing.T) {
	t.Parallel()
	dir := scriptedSwitch(t, func(c net.Conn, h openflow.Header, body []byte) bool {
		return h.Type != openflow.TypeHello || reply(c, h, h.Type, body)
	})
	d := newDirect(dir)
	defer d.close()
	ctx, cancel := context.WithCancel(t.Context())
	if _, _, err := d.to("br-int").connected(ctx, d.socket("br-int")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := d.bundle(ctx, "br-int", oneMod(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestOpenConnectionIsUsedAgain: a bundle takes the open connection. If that has died, a new one is made, unless the commit was sent.
func TestOpenConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	hellos, commits := make(chan struct{}, 16), make(chan struct{}, 16)
	end := make(chan string, 1) // what ends the connection next
	dir := scriptedSwitch(t, func(c net.Conn, h openflow.Header, body []byte) bool {
		switch h.Type {
		case openflow.TypeHello:
			hellos <- struct{}{}
			return reply(c, h, h.Type, body)
		case openflow.TypeBarrierRequest:
			if len(end) == 1 && len(commits) > 0 {
				switch <-end {
				case "barrier":
					return false
				case "commit":
					end <- "this commit"
				}
			}
			return reply(c, h, h.Type+1, nil)
		case openflow.TypeBundleControl:
			if body[5] == byte(openflow.BundleCommit) {
				commits <- struct{}{}
				return len(end) == 0 && reply(c, h, h.Type, body)
			}
		}
		return true
	})
	d := newDirect(dir)
	defer d.close()
	for i, step := range []struct {
		end             string
		hellos, commits int
		lost            bool
	}{{"", 1, 1, false}, {"", 1, 2, false}, {"barrier", 2, 3, false}, {"commit", 2, 4, true}} {
		if step.end != "" {
			end <- step.end
		}
		err := d.bundle(t.Context(), "br-int", oneMod(t))
		if errors.Is(err, errSwitchLost) != step.lost || (err != nil) != step.lost || len(hellos) != step.hellos || len(commits) != step.commits {
			t.Errorf("step %d: %v with %d connections and %d commits", i, err, len(hellos), len(commits))
		}
	}
}

// TestARefusedCommitNamesNoFlow, because the whole bundle was refused.
func TestARefusedCommitNamesNoFlow(t *testing.T) {
	t.Parallel()
	dir := scriptedSwitch(t, func(c net.Conn, h openflow.Header, body []byte) bool {
		switch h.Type {
		case openflow.TypeHello:
			return reply(c, h, h.Type, body)
		case openflow.TypeBarrierRequest:
			return reply(c, h, h.Type+1, nil)
		case openflow.TypeBundleControl:
			return body[5] == byte(openflow.BundleOpen) || reply(c, h, openflow.TypeError, []byte{0, 17, 0, 2})
		}
		return true
	})
	d := newDirect(dir)
	defer d.close()
	err := d.bundle(t.Context(), "br-int", oneMod(t))
	var refusal openflow.Refusal
	if !errors.As(err, &refusal) || refusal.Type != 17 || strings.Contains(err.Error(), "priority=9") {
		t.Errorf("error %v", err)
	}
}
