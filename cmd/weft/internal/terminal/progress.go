package terminal

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

// Progress shows on a terminal how far long work is. It has one line. The line is erased when the work ends (Clear) and before other
// output (Say). If the output is no terminal, it writes nothing.
type Progress struct {
	out   io.Writer // nil when it is no terminal
	what  string
	total int
	began time.Time
	last  time.Time
	shown bool // the line is there
}

// NewProgress is the progress of work on total objects. The word what follows the numbers: "written".
func NewProgress(told io.Writer, what string, total int) *Progress {
	p := &Progress{what: what, total: total, began: time.Now()}
	if IsTerminal(told) {
		p.out = told
	}
	return p
}

// At says that n objects are done.
func (p *Progress) At(n int) { p.draw(n, time.Now()) }

func (p *Progress) draw(n int, now time.Time) {
	if p.out == nil || now.Sub(p.began) < progressAfter || now.Sub(p.last) < progressPace {
		return
	}
	p.Clear()
	p.last, p.shown = now, true
	fmt.Fprintf(p.out, "%d of %d %s", n, p.total, p.what)
}

// eraseLine moves the cursor to the beginning of its line and erases the line (ECMA-48: CR, EL).
const eraseLine = "\r\x1b[K"

// Clear erases the line.
func (p *Progress) Clear() {
	if p.shown {
		fmt.Fprint(p.out, eraseLine)
		p.shown = false
	}
}

// Say writes to out, which may be the same terminal.
func (p *Progress) Say(out io.Writer, format string, args ...any) {
	p.Clear()
	fmt.Fprintf(out, format, args...)
}

// IsTerminal says that a stream of the process is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
