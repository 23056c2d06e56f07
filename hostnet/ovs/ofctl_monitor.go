package ovs

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// monitor runs "ovs-ofctl monitor" as one long-lived child process. Its text leaves out a flow's priority. So -mmmmm makes it
// print the bytes of every message below the text. Match and actions are read from the text, the priority from the bytes.
func (o ofctl) monitor(ctx context.Context, bridge string, ready func(), on func([]flowEvent)) error {
	// The child ends with the thread that started it (PR_SET_PDEATHSIG), because it must not outlive a killed weftd.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, "ovs-ofctl", "-OOpenFlow14", "--no-names", "-mmmmm", "--unixctl=none", "monitor",
		o.target(bridge), "watch:!initial")
	cmd.Env, cmd.Stdout, cmd.Stderr = o.environ(), w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("starting the flow monitor of bridge %s: %w", bridge, err)
	}
	m := monitorReader{ready: ready, on: on}
	readErr := m.read(r)
	if readErr != nil {
		_ = cmd.Cancel() // it is not needed any more
	}
	waitErr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case readErr != nil:
		return fmt.Errorf("flow monitor of bridge %s: %w", bridge, readErr)
	}
	return fmt.Errorf("flow monitor of bridge %s ended (%v): %w: %.200s", bridge, waitErr, errSwitchLost, strings.Join(m.text, "; "))
}

// OpenFlow 1.4 numbers (openflow-spec 1.4, 7.1, 7.3.5): message type, multipart type, offsets in message and update.
const (
	ofptMultipartReply = 19
	ofpmpFlowMonitor   = 16
	headerLen          = 8
	multipartLen       = 16
	updatePriority     = 10 // in a full flow update
	updateFullLen      = 24
	monitorXID         = 2 // of ovs-ofctl's own request: its reply says that the monitor works
)

// monitorReader joins what ovs-ofctl prints for one message: lines of text, then the bytes in hexadecimal.
type monitorReader struct {
	ready func()
	on    func([]flowEvent)

	text  []string // of the message being read
	bytes []byte
}

// maxMonitorLines bounds the text of one message. A message has at most 64 KiB, and its smallest part is an update of 8 bytes.
const maxMonitorLines = 16384

func (m *monitorReader) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := lines.Text()
		if !isHexLine(line) {
			if m.text = append(m.text, line); len(m.text) > maxMonitorLines {
				return errors.New("text without message")
			}
			continue
		}
		if err := m.hexLine(line); err != nil {
			return err
		}
		if len(m.bytes) < headerLen || len(m.bytes) < int(binary.BigEndian.Uint16(m.bytes[2:])) {
			continue
		}
		if err := m.message(); err != nil {
			return err
		}
		m.text, m.bytes = m.text[:0], m.bytes[:0]
	}
	return lines.Err()
}

// A line of bytes is "00000010  57 00 … 01-00 … 04 |W….|": eight digits, two spaces, sixteen times three characters.
const (
	hexStart   = 10
	hexPerLine = 16
)

func isHexLine(line string) bool {
	if len(line) < hexStart+2 || line[8:10] != "  " {
		return false
	}
	return strings.Trim(line[:8], "0123456789abcdef") == ""
}

func (m *monitorReader) hexLine(line string) error {
	for i := range hexPerLine {
		at := hexStart + 3*i
		if at+2 > len(line) || line[at] == ' ' {
			return nil
		}
		b, err := hex.DecodeString(line[at : at+2])
		if err != nil {
			return fmt.Errorf("line %.80q: %w", line, err)
		}
		m.bytes = append(m.bytes, b[0])
	}
	return nil
}

// message handles one complete message. Messages other than flow updates are ignored.
func (m *monitorReader) message() error {
	if len(m.bytes) < multipartLen || m.bytes[1] != ofptMultipartReply ||
		binary.BigEndian.Uint16(m.bytes[headerLen:]) != ofpmpFlowMonitor {
		return nil
	}
	events, err := m.events()
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(m.bytes[4:]) == monitorXID {
		m.ready()
	}
	if len(events) > 0 {
		m.on(events)
	}
	return nil
}

// events joins the n-th line of text with the n-th update in the bytes.
func (m *monitorReader) events() ([]flowEvent, error) {
	var events []flowEvent
	rest := m.bytes[multipartLen:]
	for _, line := range m.text {
		text, ok := strings.CutPrefix(line, " event=")
		if !ok {
			continue
		}
		if len(rest) < headerLen {
			return nil, fmt.Errorf("update %.80q has no bytes", line)
		}
		n := int(binary.BigEndian.Uint16(rest))
		if n < headerLen || n > len(rest) {
			return nil, fmt.Errorf("update %.80q has %d bytes", line, n)
		}
		e, ok, err := parseUpdate(text, rest[:n])
		if err != nil {
			return nil, err
		}
		if ok {
			events = append(events, e)
		}
		rest = rest[n:]
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes of flow updates have no text", len(rest))
	}
	return events, nil
}

// parseUpdate reads one update. ok is false for updates without a flow (the monitor paused or resumed; after that, everything
// missed is reported).
func parseUpdate(text string, update []byte) (e flowEvent, ok bool, err error) {
	name, rest, _ := strings.Cut(text, " ")
	switch name {
	case "PAUSED", "RESUMED":
		return e, false, nil
	case "INITIAL", "ADDED", "MODIFIED":
	case "DELETED":
		e.deleted = true
		if reason, after, found := strings.Cut(rest, " "); found && strings.HasPrefix(reason, "reason=") {
			rest = after
		}
	default:
		return e, false, fmt.Errorf("update %.80q is unknown", text)
	}
	if len(update) < updateFullLen {
		return e, false, fmt.Errorf("update %.80q has %d bytes", text, len(update))
	}
	if !strings.Contains(rest, "actions=") {
		rest += " actions=drop"
	}
	e.flow, err = parseFlow(rest)
	e.flow.Flow.Priority = binary.BigEndian.Uint16(update[updatePriority:])
	return e, true, err
}
