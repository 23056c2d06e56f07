package terminal

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onScreen is what a terminal shows in the end. It knows only the control sequences that progress uses.
func onScreen(written string) string {
	var done []string
	line := ""
	for written != "" {
		switch {
		case strings.HasPrefix(written, eraseLine):
			line, written = "", written[len(eraseLine):]
		case written[0] == '\n':
			done, line, written = append(done, line), "", written[1:]
		default:
			line, written = line+written[:1], written[1:]
		}
	}
	return strings.Join(append(done, line), "\n")
}

// TestProgressLeavesNothingBehind: the line is redrawn at a pace, is erased before other output, and is gone at the end.
func TestProgressLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	begin := time.Now()
	p := &Progress{out: &screen, what: "applied", total: 300, began: begin}
	p.draw(100, begin.Add(progressAfter-1))
	if screen.Len() > 0 {
		t.Errorf("a short work shows %q", screen.String())
	}
	p.draw(100, begin.Add(progressAfter))
	p.draw(150, begin.Add(progressAfter+1)) // too soon
	if got := onScreen(screen.String()); got != "100 of 300 applied" {
		t.Errorf("it shows %q", got)
	}
	p.draw(200, begin.Add(progressAfter+progressPace))
	p.Say(&screen, "Port alpha/p%d created\n", 1)
	if got := onScreen(screen.String()); got != "Port alpha/p1 created\n" {
		t.Errorf("it shows %q", got)
	}
	p.draw(300, begin.Add(progressAfter+2*progressPace))
	p.Clear()
	p.Clear()
	if got := onScreen(screen.String()); got != "Port alpha/p1 created\n" {
		t.Errorf("it leaves %q", got)
	}
}

// TestProgressIsForTerminals: a file, a pipe or a buffer gets no progress, and a terminal does.
func TestProgressIsForTerminals(t *testing.T) {
	t.Parallel()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if NewProgress(file, "", 1).out != nil || NewProgress(&bytes.Buffer{}, "", 1).out != nil {
		t.Error("what is no terminal gets progress")
	}
	main, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer main.Close()
	if err := unix.IoctlSetPointerInt(int(main.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(main.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if NewProgress(terminal, "", 1).out != terminal {
		t.Error("a terminal gets no progress")
	}
}
