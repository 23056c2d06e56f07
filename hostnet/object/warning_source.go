package object

// A guest is reported if at so many looks in a row it had sent so many more frames and none had passed. Looks before it has sent
// that many do not count. So a client that tries less and less often is reported too.
const (
	// sourceFrames is how many frames without success are significant. A guest's kernel sends them within seconds of its start.
	sourceFrames = 3
	// sourceLooks is more than one, because Open vSwitch counts flows up to a second later than ports.
	sourceLooks = 2
)

// SourceWatch decides from a guest's counters whether the guest sends frames and none passes its port's source check. The zero
// value has seen nothing.
type SourceWatch struct {
	known  bool
	sent   uint64 // at the last look that counted
	passed uint64
	silent int // looks in a row that counted and where nothing had passed
}

// Look takes the present counters: the frames that came from the guest, or those that the check dropped, and the frames that the
// check let in. Counters that are lower than before are new ones.
func (w *SourceWatch) Look(sent, passed uint64) {
	if !w.known || sent < w.sent || passed < w.passed {
		*w = SourceWatch{known: true, sent: sent, passed: passed}
		return
	}
	switch {
	case passed > w.passed:
		w.silent = 0
	case sent-w.sent >= sourceFrames:
		w.silent++
	default:
		return
	}
	w.sent, w.passed = sent, passed
}

// Unheard says that the guest sends frames and none passes.
func (w *SourceWatch) Unheard() bool { return w.silent >= sourceLooks }
