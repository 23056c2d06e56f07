package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// progressAfter is how long work takes before its progress is shown. progressPace is how often it is shown then.
	progressAfter = 300 * time.Millisecond
	progressPace  = 100 * time.Millisecond
)

// progress shows on a terminal how far long work is. It has one line. The line is erased when the work ends (clear) and before other
// output (say). If the output is no terminal, it writes nothing.
type progress struct {
	out   io.Writer // nil when it is no terminal
	what  string
	total int
	began time.Time
	last  time.Time
	shown bool // the line is there
}

// newProgress is the progress of work on total objects. The word what follows the numbers: "written".
func newProgress(told io.Writer, what string, total int) *progress {
	p := &progress{what: what, total: total, began: time.Now()}
	if isTerminal(told) {
		p.out = told
	}
	return p
}

// at says that n objects are done.
func (p *progress) at(n int) { p.draw(n, time.Now()) }

func (p *progress) draw(n int, now time.Time) {
	if p.out == nil || now.Sub(p.began) < progressAfter || now.Sub(p.last) < progressPace {
		return
	}
	p.clear()
	p.last, p.shown = now, true
	fmt.Fprintf(p.out, "%d of %d %s", n, p.total, p.what)
}

// eraseLine moves the cursor to the beginning of its line and erases the line (ECMA-48: CR, EL).
const eraseLine = "\r\x1b[K"

// clear erases the line.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, eraseLine)
		p.shown = false
	}
}

// say writes to out, which may be the same terminal.
func (p *progress) say(out io.Writer, format string, args ...any) {
	p.clear()
	fmt.Fprintf(out, format, args...)
}

// isTerminal says that a stream of the process is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
