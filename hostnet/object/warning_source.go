package object

// A guest is told of after so many looks in a row at which it had sent so many frames more and none had passed. Looks before
// it has sent so many do not count: a client that tries ever more rarely is told of too.
const (
	// sourceFrames are so many that their silence means something: a guest's kernel sends them within seconds of its start.
	sourceFrames = 3
	// sourceLooks is more than one, because Open vSwitch counts flows up to a second later than ports.
	sourceLooks = 2
)

// SourceWatch tells from a guest's counters whether it sends frames and none passes its port's source check. The zero value has
// seen nothing.
type SourceWatch struct {
	known  bool
	sent   uint64 // at the last look that counted
	passed uint64
	silent int // looks in a row that counted, and none had passed
}

// Look takes the counters as they are now: the frames that came from the guest, or those of them that the check dropped, and those
// that it let in. Counters that went back are new ones.
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
